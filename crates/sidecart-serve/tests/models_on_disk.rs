//! Opening published models, what is refused, and what is known of a customer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::json;
use sidecart_artifact::{Container, CustomersSpec, Draft, MODEL_FILE, Staging};
use sidecart_core::{Clock, Customer, ErrorClass, EventLog, ExternalId, ExternalIdRef, History, IdKind, ItemId, Time};
use sidecart_serve::{CustomerReader, Error, Mode, Model, Query, Scorer, Source};
use support::Shop;

fn any_shop(n_items: u32) -> Shop {
    support::shop(n_items).new_tree(&mut TestRunner::deterministic()).unwrap().current()
}

/// Publishes a shop with the past of customer 7, trained through time 100.
fn publish(shop: &Shop, folder: &Path, past: &History, n_items_of_customers: u64) {
    let mut staging = Staging::begin(folder).unwrap();
    staging.write_container(MODEL_FILE, &shop.writer()).unwrap();
    let spec = CustomersSpec { n_customers: 1, kind: IdKind::Int, n_items: n_items_of_customers };
    let mut writer = staging.customers(spec).unwrap();
    let customer = Customer { history: past.clone(), ..Customer::default() };
    writer.push(ExternalIdRef::Int(7), &customer).unwrap();
    staging.add_customers(writer).unwrap();
    staging
        .publish(Draft {
            settings: json!({ "serving": shop.settings }),
            seed: 1,
            fingerprint: "00".into(),
            trained_through: Time(100),
            clock: Clock::Order,
            counts: BTreeMap::new(),
            metrics: json!({}),
        })
        .unwrap();
}

fn past(baskets: &[(i64, &[u32])]) -> History {
    let mut history = History::default();
    for (time, items) in baskets {
        let items: Vec<ItemId> = items.iter().map(|&i| ItemId(i)).collect();
        history.push(Time(*time), &items);
    }
    history
}

#[test]
fn a_past_is_what_was_stored_and_what_the_log_saw_after_training() {
    let (shop, folder) = (any_shop(6), tempfile::tempdir().unwrap());
    publish(&shop, folder.path(), &past(&[(40, &[1]), (100, &[2, 3])]), 6);
    let scorer = Scorer::open(folder.path()).unwrap();
    assert_eq!((scorer.n_customers(), scorer.customer_kind()), (1, Some(IdKind::Int)));

    let mut log = EventLog::with_limit(100);
    for (customer, time, item) in [(7, 130, 4), (7, 99, 0), (7, 100, 5), (7, 101, 1), (8, 120, 2), (9, 80, 2)] {
        log.record(ExternalIdRef::Int(customer), Time(time), &[ItemId(item)]).unwrap();
    }
    let (mut reader, mut customer) = (CustomerReader::default(), Customer::default());
    customer.history = past(&[(1, &[1])]);
    let mut known = |id: ExternalId, log: Option<&EventLog>| {
        let known = scorer.load_customer(id.as_ref(), log, &mut reader, &mut customer).unwrap();
        assert_eq!(known, !customer.history.is_empty());
        customer.history.clone()
    };
    assert_eq!(known(ExternalId::Int(7), None), past(&[(40, &[1]), (100, &[2, 3])]));
    let since = past(&[(40, &[1]), (100, &[2, 3]), (101, &[1]), (130, &[4])]);
    assert_eq!(known(ExternalId::Int(7), Some(&log)), since, "the rows at or before 100 are known already");
    assert_eq!(known(ExternalId::Int(8), Some(&log)), past(&[(120, &[2])]), "a new customer");
    assert!(known(ExternalId::Int(8), None).is_empty());
    assert!(known(ExternalId::Int(9), Some(&log)).is_empty(), "nothing after training");
    assert!(known(ExternalId::Text("7".into()), Some(&log)).is_empty(), "ids of another form");
}

#[test]
fn customers_of_another_catalogue_are_refused() {
    let (shop, folder) = (any_shop(6), tempfile::tempdir().unwrap());
    publish(&shop, folder.path(), &past(&[(40, &[8])]), 9);
    let Err(error) = Scorer::open(folder.path()) else { panic!("item 8 of 6 would be read later") };
    assert!(matches!(error, Error::Model { section: "customers", .. }), "{error}");
    assert_eq!(error.class(), ErrorClass::Data);
}

#[test]
fn settings_out_of_range_are_refused() {
    let shop = any_shop(6);
    let read = |change: &dyn Fn(&mut Shop)| {
        let mut shop = shop.clone();
        change(&mut shop);
        let container = Container::from_bytes("by hand", &shop.bytes()).unwrap();
        Model::read(container, shop.settings, Clock::Order).map(|_| ())
    };
    assert!(read(&|_| ()).is_ok());
    let wrong: [&dyn Fn(&mut Shop); 4] = [
        &|shop| shop.settings.own_frequency_tau = 0.0,
        &|shop| shop.settings.own_together_tau = f64::NAN,
        &|shop| shop.settings.embedding_pooling = -1.0,
        &|shop| shop.settings.weights.discovery_known[6] = -0.5,
    ];
    for change in wrong {
        assert!(matches!(read(change), Err(Error::Settings { .. })));
    }
    let wrong: [&dyn Fn(&mut Shop); 6] = [
        &|shop| shop.popular.push(6),
        &|shop| shop.neighbours[0].push((6, 0.5)),
        &|shop| shop.neighbours[0].push((1, -0.5)),
        &|shop| shop.ease[0].push((6, 0.5)),
        &|shop| shop.ease[0].push((1, -0.5)),
        &|shop| shop.postings[0].push(99),
    ];
    for change in wrong {
        assert!(matches!(read(change), Err(Error::Model { .. })));
    }
}

#[test]
fn a_past_of_another_catalogue_is_refused_where_it_is_used() {
    let shop = any_shop(6);
    let scorer = shop.scorer();
    let mut scratch = scorer.scratch();
    let foreign = past(&[(1, &[2]), (50, &[6])]);
    let query = Query { history: Some(&foreign), ..Query::default() };
    for (mode, using) in [(Mode::Completion, Source::Default), (Mode::Discovery, Source::Popular)] {
        let error = scorer.recommend(&Query { mode, using, ..query }, &mut scratch).unwrap_err();
        assert!(error.to_string().contains("item of the history = 6"), "{error}");
    }
    assert!(scorer.recommend(&Query { time: Time(50), ..query }, &mut scratch).is_ok(), "not seen before its time");
}

#[test]
fn one_scratch_serves_models_of_different_sizes() {
    let (small, large) = (any_shop(6).scorer(), any_shop(14).scorer());
    let mut scratch = small.scratch();
    for scorer in [&small, &large, &small] {
        let query = Query { basket: &[ItemId(5)], ..Query::default() };
        let offers = scorer.recommend(&query, &mut scratch).unwrap().offers.to_vec();
        assert_eq!(offers, scorer.recommend(&query, &mut scorer.scratch()).unwrap().offers);
    }
}

#[test]
fn a_customer_who_was_away_for_years_is_still_known() {
    let shop = Shop { clock: Clock::Calendar, ..any_shop(6) };
    let scorer = shop.scorer();
    let history = past(&[(0, &[1]), (90 * sidecart_core::MICROS_PER_DAY, &[2])]);
    for using in [Source::Own, Source::OwnFrequency] {
        let query = Query { history: Some(&history), using, ..Query::default() };
        let mut scratch = scorer.scratch();
        let offers = scorer.recommend(&query, &mut scratch).unwrap().offers;
        assert_eq!(offers.iter().map(|o| o.item.0).collect::<Vec<_>>(), [2, 1], "{using}: the later one first");
    }
}
