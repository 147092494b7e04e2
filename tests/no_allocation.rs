//! After warm-up a query allocates nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a counting allocator has to implement an unsafe trait")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use sidecart::core::{Customer, EventLog, ExternalIdRef, ItemId, Time};
use sidecart::serve::offers::session::{ItemKey, SessionState};
use sidecart::serve::offers::{Caps, Objective, OffersQuery, Policy, Touchpoint};
use sidecart::serve::ranker::Situation;
use sidecart::serve::upsell::{PropensityModel, UpsellQuery, UpsellScratch};
use sidecart::serve::{CustomerReader, Mode, Query, Source};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system allocator, which keeps the contract; the
// counter is a plain thread-local cell whose initialiser does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` by way of this allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the pointer came from `System` by way of this allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

#[test]
fn queries_allocate_nothing_once_warm() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, scorer) = support::small_model(folder.path());
    let ranker = scorer.model().ranker().unwrap();
    let has_all = |situation| ranker.of(situation).is_some_and(|r| r.trees.is_some() && r.neural.is_some());
    assert!(Situation::ALL.into_iter().all(has_all), "every situation has every ranker");
    let mut scratch = scorer.scratch();
    let mut reader = CustomerReader::default();
    let mut known_customer = Customer::default();
    let baskets: Vec<Vec<ItemId>> =
        (0..40).map(|i| scorer.model().popular()[i..i + 1 + i % 9].iter().map(|&i| ItemId(i)).collect()).collect();
    let mut log = EventLog::with_limit(1_000);
    let since = Time(scorer.trained_through().0 + 1);
    for customer in shop.customers.iter().take(baskets.len()) {
        log.record(ExternalIdRef::Text(&customer.id), since, &baskets[3]).unwrap();
    }
    let mut counts = Vec::new();
    for pass in 0..3 {
        for (name, using) in Source::NAMES {
            for (mode, is_asked_for) in [(Mode::Completion, true), (Mode::Discovery, true), (Mode::Completion, false)] {
                for (basket, customer) in baskets.iter().zip(&shop.customers) {
                    let before = allocations();
                    let id = ExternalIdRef::Text(&customer.id);
                    let known = scorer.load_customer(id, Some(&log), &mut reader, &mut known_customer).unwrap();
                    let query = Query {
                        basket,
                        history: (known && is_asked_for).then_some(&known_customer.history),
                        using,
                        mode,
                        k: 20,
                        ..Query::default()
                    };
                    let n_offers = scorer.recommend(&query, &mut scratch).unwrap().offers.len();
                    if pass == 2 {
                        counts.push((name, allocations() - before, n_offers));
                    }
                }
            }
        }
    }
    for (name, _) in Source::NAMES {
        let is_full = |(by, _, n_offers): &(&str, u64, usize)| *by == name && *n_offers == 20;
        assert!(counts.iter().any(is_full), "{name} answers");
    }
    let wrong: Vec<_> = counts.iter().filter(|(_, n, _)| *n > 0).collect();
    assert!(wrong.is_empty(), "allocations by source: {wrong:?}");
    let before = allocations();
    drop(vec![1u8; 100]);
    assert!(allocations() > before, "the counter counts");
}

#[test]
fn upgrades_allocate_nothing_once_warm() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, scorer) = support::small_model(folder.path());
    let model = scorer.upsell().unwrap();
    let anchors: Vec<ItemId> = model.ladders.rows().iter().map(|row| row.item).collect();
    let mut reader = CustomerReader::default();
    let customers: Vec<Customer> = (shop.customers.iter().step_by(20))
        .map(|customer| {
            let mut read = Customer::default();
            scorer.load_customer(ExternalIdRef::Text(&customer.id), None, &mut reader, &mut read).unwrap();
            read
        })
        .collect();
    let mut scratch = UpsellScratch::default();
    let (mut wrong, mut n_offers) = (Vec::new(), 0);
    for pass in 0..2 {
        for (_, using) in PropensityModel::NAMES.into_iter().filter(|(_, using)| model.has(*using)) {
            for mode in [Mode::Completion, Mode::Discovery] {
                for customer in &customers {
                    for basket in anchors.chunks(1).step_by(3) {
                        let query = UpsellQuery {
                            basket,
                            customer: Some(customer),
                            mode,
                            using,
                            k: 5,
                            ..UpsellQuery::default()
                        };
                        let before = allocations();
                        n_offers += model.recommend(&query, &mut scratch).unwrap().offers.len();
                        let n = allocations() - before;
                        if pass == 1 && n > 0 {
                            wrong.push((using, mode, basket[0], n));
                        }
                    }
                }
            }
        }
    }
    assert!(n_offers > 1_000, "the queries are answered: {n_offers}");
    assert!(wrong.is_empty(), "allocations by query: {:?}", &wrong[..wrong.len().min(5)]);
}

#[test]
fn slates_allocate_nothing_once_warm() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, scorer) = support::small_model(folder.path());
    let find = |id: &str| scorer.model().items().find_text(id).map(ItemId).unwrap();
    let popular: Vec<ItemId> = scorer.model().popular().iter().map(|&i| ItemId(i)).collect();
    let mut baskets = vec![vec![find("phone-s22")], vec![find("car-suv")], vec![find("phone-s22"), find("car-suv")]];
    baskets.extend((0..20).map(|i| popular[i..i + 1 + i % 9].to_vec()));
    let mut reader = CustomerReader::default();
    let customers: Vec<Customer> = (shop.customers.iter().step_by(30))
        .map(|customer| {
            let mut read = Customer::default();
            scorer.load_customer(ExternalIdRef::Text(&customer.id), None, &mut reader, &mut read).unwrap();
            read
        })
        .collect();
    let mut policy = Policy { offers_per_request: 8, objective: Objective::Margin, ..Policy::default() };
    policy.caps = Caps { cross_sell: 6, upsell: 2, add_on: 2, per_category: 1 };
    policy.slow_movers.boost = 1.0;
    policy.popularity_penalty = 0.3;
    let policy = scorer.compile_policy(policy).unwrap();
    let mut session = SessionState::new(0, 3_600);
    let case = ItemKey::of(ExternalIdRef::Text("case-s22"));
    session.record_shown(case);
    session.record_declined(case, None, 0);
    let mut scratch = scorer.offers_scratch();
    let (mut wrong, mut kinds) = (Vec::new(), [0; 3]);
    for pass in 0..3 {
        for policy in [None, Some(&policy)] {
            for touchpoint in [None, Some(Touchpoint::Checkout), Some(Touchpoint::Home)] {
                for basket in &baskets {
                    for customer in customers.iter().map(Some).chain([None]) {
                        let query = OffersQuery {
                            basket,
                            customer,
                            touchpoint,
                            policy,
                            time: Time(scorer.trained_through().0 + 1),
                            session: Some(session.at(1)),
                            ..OffersQuery::default()
                        };
                        let before = allocations();
                        let slate = scorer.offers(&query, &mut scratch).unwrap();
                        let n = allocations() - before;
                        slate.offers.iter().for_each(|offer| kinds[offer.kind as usize] += 1);
                        if pass == 2 && n > 0 {
                            wrong.push((touchpoint, basket.len(), n));
                        }
                    }
                }
            }
        }
    }
    assert!(kinds.iter().all(|&n| n > 100), "every kind is offered: {kinds:?}");
    assert!(wrong.is_empty(), "{} allocate: {:?}", wrong.len(), &wrong[..wrong.len().min(5)]);
}
