//! What every source of answers promises, on data with a known answer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use sidecart::core::{Customer, ExternalIdRef, History, ItemId, Time};
use sidecart::serve::{CustomerReader, Error, MAX_K, Mode, Query, Reason, Scorer, Source};

struct Shop {
    _folder: tempfile::TempDir,
    scorer: Scorer,
    customer: History,
}

fn shop() -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let (shop, scorer) = support::small_model(folder.path());
    let mut customer = Customer::default();
    let mut reader = CustomerReader::default();
    let id = shop.customers.iter().find(|c| {
        let known = scorer.load_customer(ExternalIdRef::Text(&c.id), None, &mut reader, &mut customer).unwrap();
        known && customer.history.len() > 10
    });
    assert!(id.is_some(), "the shop has a customer with a past");
    Shop { _folder: folder, scorer, customer: customer.history }
}

fn item(scorer: &Scorer, id: &str) -> ItemId {
    ItemId(scorer.model().items().find_text(id).unwrap())
}

#[test]
fn every_source_keeps_its_promises() {
    let Shop { scorer, customer, .. } = &shop();
    let mut scratch = scorer.scratch();
    let phone = item(scorer, "phone-s22");
    let popular = ItemId(scorer.model().popular()[0]);
    let baskets: [&[ItemId]; 4] = [&[], &[phone], &[phone, phone, popular], &[popular]];
    for (name, using) in Source::NAMES {
        for basket in baskets {
            for mode in [Mode::Completion, Mode::Discovery] {
                for history in [None, Some(customer)] {
                    for k in [1, 7, 50] {
                        let exclude = [ItemId(scorer.model().popular()[1])];
                        let query = Query { basket, history, mode, using, k, exclude: &exclude, ..Query::default() };
                        let answer = scorer.recommend(&query, &mut scratch).unwrap();
                        let offers = answer.offers.to_vec();
                        let context = format!("{name} {basket:?} {mode:?} k={k}");
                        assert!(offers.len() <= k && answer.fallback_from <= offers.len(), "{context}");
                        assert!(
                            offers.windows(2).all(|w| w[0].rank_order(&w[1]).is_lt() || w[1].score == 0.0),
                            "{context}: order"
                        );
                        let mut items: Vec<ItemId> = offers.iter().map(|o| o.item).collect();
                        items.sort_unstable();
                        items.dedup();
                        assert_eq!(items.len(), offers.len(), "{context}: repeats");
                        assert!(offers.iter().all(|o| o.score.is_finite()), "{context}");
                        assert!(
                            offers.iter().all(|o| !basket.contains(&o.item) && !exclude.contains(&o.item)),
                            "{context}"
                        );
                        if let (Mode::Discovery, Some(history)) = (mode, history) {
                            let owned = |item| history.as_of(Time(i64::MAX)).any(|b| b.items.contains(&item));
                            assert!(!offers.iter().any(|o| owned(o.item)), "{context}: not new");
                        }
                        if using == Source::Default {
                            assert_eq!(offers.len(), k, "{context}: k answers exist");
                        }
                        let again = scorer.recommend(&query, &mut scorer.scratch()).unwrap().offers.to_vec();
                        assert_eq!(offers, again, "{context}: a fresh scratch answers the same");
                    }
                }
            }
        }
    }
}

#[test]
fn planted_complements_come_first() {
    let Shop { scorer, .. } = &shop();
    let mut scratch = scorer.scratch();
    let phone = item(scorer, "phone-s22");
    let case = item(scorer, "case-s22");
    for using in [Source::Default, Source::Neighbours, Source::Baskets] {
        let query = Query { basket: &[phone], k: 5, using, ..Query::default() };
        let answer = scorer.recommend(&query, &mut scratch).unwrap();
        assert!(answer.offers.iter().any(|o| o.item == case), "{using}");
    }
    let query = Query { basket: &[phone], ..Query::default() };
    assert!(matches!(scorer.explain(&query, case), Reason::BoughtTogether { anchor, .. } if anchor == phone));
}

#[test]
fn a_query_sees_only_what_is_before_its_time() {
    let Shop { scorer, customer, .. } = &shop();
    let mut scratch = scorer.scratch();
    let first = customer.get(0).time;
    let query = Query { history: Some(customer), time: first, using: Source::Own, ..Query::default() };
    assert!(scorer.recommend(&query, &mut scratch).unwrap().offers.is_empty());
    let later = Query { time: Time(first.0 + 1), ..query };
    let offers = scorer.recommend(&later, &mut scratch).unwrap().offers;
    let bought = customer.get(0).items;
    assert!(!offers.is_empty() && offers.iter().all(|o| bought.contains(&o.item)));
}

#[test]
fn wrong_queries_are_errors_that_name_the_range() {
    let Shop { scorer, .. } = &shop();
    let mut scratch = scorer.scratch();
    let beyond = ItemId(scorer.model().n_items() as u32);
    for k in [0, MAX_K + 1] {
        let error = scorer.recommend(&Query { k, ..Query::default() }, &mut scratch).unwrap_err();
        assert!(error.to_string().contains("expected 1..=1000"), "{error}");
    }
    let wrong_basket = Query { basket: &[beyond], ..Query::default() };
    let wrong_exclusion = Query { exclude: &[beyond], ..Query::default() };
    for query in [wrong_basket, wrong_exclusion] {
        assert!(matches!(scorer.recommend(&query, &mut scratch), Err(Error::Query { field: "item", .. })));
    }
}

#[test]
fn excluding_almost_everything_leaves_what_there_is() {
    let Shop { scorer, .. } = &shop();
    let mut scratch = scorer.scratch();
    let popular = scorer.model().popular();
    let exclude: Vec<ItemId> = popular[..popular.len() - 3].iter().map(|&i| ItemId(i)).collect();
    let query = Query { exclude: &exclude, k: 10, ..Query::default() };
    let answer = scorer.recommend(&query, &mut scratch).unwrap();
    assert_eq!(answer.offers.len(), 3);
}
