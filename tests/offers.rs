//! Slates over a trained shop: what was planted comes back, and what they say is what is explained.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Instant;

use sidecart::core::{Customer, ErrorClass, ItemId, Money, NoProgress, Rng, Time};
use sidecart::data::demo::DemoShop;
use sidecart::serve::offers::{
    Evidence, ItemName, Objective, Offer, OfferKind, OfferKinds, OfferReason, OffersQuery, Relation, Relations, Rule,
};
use sidecart::serve::{Query, Reason, Scorer};
use sidecart::{Config, Dataset};

fn model() -> (tempfile::TempDir, DemoShop, Scorer) {
    let folder = tempfile::tempdir().unwrap();
    let (shop, scorer) = support::small_model(folder.path());
    (folder, shop, scorer)
}

fn now(scorer: &Scorer) -> Time {
    Time(scorer.trained_through().0 + 1)
}

fn find(scorer: &Scorer, id: &str) -> ItemId {
    scorer.model().items().find_text(id).map(ItemId).unwrap()
}

fn ask(scorer: &Scorer, basket: &[ItemId], kinds: impl Into<OfferKinds>) -> Vec<Offer> {
    let mut scratch = scorer.offers_scratch();
    let query = OffersQuery { basket, kinds: kinds.into(), time: now(scorer), ..OffersQuery::default() };
    scorer.offers(&query, &mut scratch).unwrap().offers.to_vec()
}

#[test]
fn planted_relations_are_offered() {
    let (_folder, shop, scorer) = model();
    let relations = Relations::of(scorer.model());
    let item = |planted: ItemId| find(&scorer, &shop.items[planted.index()].id);

    // An add-on goes with its host, at about the rate at which it was planted.
    let (mut n_close, mut n_judged) = (0, 0);
    for planted in &shop.truth.add_ons {
        let (add_on, base) = (item(planted.add_on), item(planted.base));
        assert_eq!(relations.between(add_on, base), Some(Relation::AddOn));
        let n_hosts = scorer.model().item_baskets()[base.index()];
        let offers = ask(&scorer, &[base], OfferKind::AddOn);
        assert!(offers.iter().all(|offer| offer.anchor == Some(base)));
        if let Some(p) = offers.iter().find(|offer| offer.item == add_on).and_then(|offer| offer.p) {
            let spread = (planted.probability * (1.0 - planted.probability) / f64::from(n_hosts)).sqrt();
            n_judged += 1;
            n_close += usize::from((p - planted.probability).abs() < 3.0 * spread);
            assert!(matches!(offers[0].reason, OfferReason::AddOn { evidence: Some(_), .. }));
            assert!(matches!(offers[0].reason.evidence(&scorer), Some(Evidence::Pair { .. })));
        }
        assert!(ask(&scorer, &[add_on], OfferKind::AddOn).is_empty(), "it hosts nothing");
    }
    assert!(n_judged >= 3 && n_close == n_judged, "{n_close} of {n_judged} rates are those that were planted");

    // Upgrades lead up the planted ladders, and cross-sells never along them.
    let mut n_upsells = 0;
    for ladder in &shop.truth.ladders {
        for (level, tier) in ladder.tiers.iter().enumerate() {
            for &anchor in tier {
                for offer in ask(&scorer, &[item(anchor)], OfferKinds::ALL) {
                    let place =
                        ladder.tiers.iter().position(|tier| tier.iter().any(|&other| item(other) == offer.item));
                    match offer.kind {
                        OfferKind::Upsell => {
                            n_upsells += 1;
                            assert!(place.is_some_and(|place| place > level));
                            assert_eq!(relations.between(offer.item, item(anchor)), Some(Relation::Upgrade));
                            assert!(offer.delta_value.is_some_and(|delta| delta > Money(0)));
                            let p = offer.p.unwrap();
                            let OfferReason::Upsell { upgrade, target } = offer.reason else { panic!("{offer:?}") };
                            assert_eq!(p, upgrade.propensity * target.share);
                        }
                        OfferKind::CrossSell => {
                            let used = relations.replaces(offer.item, item(anchor));
                            assert!(!used, "{} does the same", scorer.model().label(offer.item));
                        }
                        OfferKind::AddOn => {}
                    }
                }
            }
        }
    }
    assert!(n_upsells >= 10, "{n_upsells} upgrades");
}

#[test]
fn the_speaker_of_an_offer_is_the_one_that_is_explained() {
    let (_folder, _shop, scorer) = model();
    let n_items = scorer.model().n_items();
    let (mut rng, mut n_spoken) = (Rng::new(3, 1), 0);
    for _ in 0..400 {
        let basket: Vec<ItemId> = (0..1 + rng.below(6)).map(|_| ItemId(rng.below(n_items) as u32)).collect();
        for offer in ask(&scorer, &basket, OfferKind::CrossSell) {
            let query = Query { basket: &basket, time: now(&scorer), ..Query::default() };
            let OfferReason::CrossSell(reason) = offer.reason else { panic!("{offer:?}") };
            if offer.stand_in.is_none() {
                assert_eq!(reason, scorer.explain(&query, offer.item));
            }
            if matches!(reason, Reason::BoughtTogether { .. } | Reason::NearBasketItem { .. }) {
                assert_eq!(offer.anchor, reason.anchor());
                n_spoken += 1;
            }
        }
    }
    assert!(n_spoken > 200, "{n_spoken} offers have a speaker");
}

#[test]
fn the_order_of_what_to_add_is_that_of_the_ranking() {
    let (_folder, _shop, scorer) = model();
    let basket = [find(&scorer, "phone-s22")];
    let mut scratch = scorer.scratch();
    let query = Query { basket: &basket, time: now(&scorer), k: 64, ..Query::default() };
    let ranked: Vec<ItemId> = scorer.recommend(&query, &mut scratch).unwrap().offers.iter().map(|o| o.item).collect();
    let offers = ask(&scorer, &basket, OfferKind::CrossSell);
    let places: Vec<usize> =
        offers.iter().map(|offer| ranked.iter().position(|&item| item == offer.item).unwrap()).collect();
    assert!(!places.is_empty() && places.is_sorted(), "{places:?}");
}

#[test]
fn a_policy_travels_with_the_artifact_and_wrong_names_are_said_first() {
    let folder = tempfile::tempdir().unwrap();
    support::small_shop(2).write_to(folder.path()).unwrap();
    let mut config: Config = support::config(folder.path());
    config.models.mixture.tune = false;
    config.models.embeddings.enabled = false;
    config.policy.exclude.categories = vec!["Phone accessories".into()];
    config.policy.exclude.items = vec![ItemName::Text("no such item".into())];
    config.policy.objective = Objective::Revenue;
    support::train_to(&config, &[], &folder.path().join("models"));
    let scorer = Scorer::open(folder.path().join("models")).unwrap();
    assert_eq!(scorer.model().policy().policy(), &config.policy);
    assert_eq!(scorer.model().policy().unknown(), ["excluded item no such item"]);
    let manifest = scorer.manifest().unwrap();
    assert_eq!(manifest.settings["serving"]["policy"]["objective"], "revenue");
    let mut scratch = scorer.offers_scratch();
    let basket = [find(&scorer, "phone-s22")];
    let query = OffersQuery { basket: &basket, time: now(&scorer), ..OffersQuery::default() };
    let slate = scorer.offers(&query, &mut scratch).unwrap();
    let case = find(&scorer, "case-s22");
    assert!(slate.removed.iter().any(|r| r.item == case && r.rule == Rule::ExcludedCategory));
    assert!(slate.offers.iter().all(|offer| offer.item != case));

    let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
    for (category, brand) in [("Phone accesories", None), ("Phones", Some("Galaxy"))] {
        config.policy.exclude.categories = vec![category.into()];
        config.policy.exclude.brands = brand.into_iter().map(str::to_owned).collect();
        let Err(error) = sidecart::train(&dataset, &config, &NoProgress) else { panic!("{category} is no category") };
        assert_eq!(error.class(), ErrorClass::Caller, "{error}");
        assert!(error.to_string().contains(brand.unwrap_or(category)), "{error}");
    }
}

#[test]
fn a_slate_costs_little_more_than_its_ranking() {
    let (_folder, _shop, scorer) = model();
    let mut rng = Rng::new(5, 1);
    let popular = scorer.model().popular();
    let baskets: Vec<Vec<ItemId>> = (0..300)
        .map(|_| (0..1 + rng.below(5)).map(|_| ItemId(popular[rng.below(popular.len())])).collect())
        .chain((0..50).map(|_| vec![find(&scorer, "phone-s22"), find(&scorer, "car-suv")]))
        .collect();
    let (mut scratch, mut offers_scratch) = (scorer.scratch(), scorer.offers_scratch());
    let customer = Customer::default();
    let mut more = Vec::new();
    for pass in 0..3 {
        for basket in &baskets {
            let query =
                Query { basket, time: now(&scorer), k: 64, history: Some(&customer.history), ..Query::default() };
            let start = Instant::now();
            scorer.recommend(&query, &mut scratch).unwrap();
            let ranking = start.elapsed();
            let query = OffersQuery { basket, time: now(&scorer), ..OffersQuery::default() };
            let start = Instant::now();
            scorer.offers(&query, &mut offers_scratch).unwrap();
            if pass > 0 {
                more.push(start.elapsed().saturating_sub(ranking).as_secs_f64() * 1e6);
            }
        }
    }
    more.sort_unstable_by(f64::total_cmp);
    let median = more[more.len() / 2];
    println!("a slate takes {median:.1} us more than its ranking, p50; {:.1} us, p99", more[more.len() * 99 / 100]);
    assert!(median < 500.0, "{median} us");
}
