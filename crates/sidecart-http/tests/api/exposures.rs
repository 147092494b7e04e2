use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use sidecart_serve::offers::exposure::{ExposureRecord, LoggedId};

use crate::support::{Fixture, Shop, now};

fn read(folder: &Path) -> Vec<ExposureRecord> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // The file that is written to is the newest.
    names.sort_by_key(|path| path.file_stem().is_some_and(|stem| stem == "exposures"));
    let text: String = names.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until `n` records are in the files.
async fn written(folder: &Path, n: usize) -> Vec<ExposureRecord> {
    let began = Instant::now();
    loop {
        let records = read(folder);
        if records.len() >= n || began.elapsed() > Duration::from_secs(10) {
            assert_eq!(records.len(), n);
            return records;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_shown_is_logged_and_who_is_held_out_sees_nothing() {
    let logs = tempfile::tempdir().unwrap();
    let shop = Fixture::with(Shop::default(), |settings| {
        settings.exposures = Some(logs.path().join("shown"));
        settings.hold_out = 0.3;
        settings.limits.exposure_file_bytes = 20_000;
    });
    let mut shown = BTreeMap::new();
    for i in 0..200 {
        let customer = format!("customer-{i}");
        let request = Request::post("/v1/recommend")
            .header("content-type", "application/json")
            .header("x-request-id", format!("r{i}"))
            .body(Body::from(
                json!({ "items": ["item-05"], "customer_id": customer, "k": 3, "explain": true }).to_string(),
            ))
            .unwrap();
        let reply = shop.send(request).await;
        let held_out = reply.json["held_out"] == json!(true);
        assert_eq!(reply.items().len(), if held_out { 0 } else { 3 });
        shown.insert(format!("r{i}"), reply);
    }
    let records = written(&logs.path().join("shown"), 600).await;
    let n_held_out = shown.values().filter(|reply| reply.json["held_out"] == json!(true)).count();
    assert!((35..85).contains(&n_held_out), "{n_held_out}");
    for record in &records {
        let reply = &shown[&record.request_id];
        assert_eq!(record.held_out, reply.json["held_out"] == json!(true));
        assert_eq!((record.model.as_str(), &record.version), ("shop", &shop.version));
        assert_eq!((record.kind.name(), record.probability_shown), ("cross-sell", 0.7));
        assert_eq!(record.time, now().0 / 1000);
        assert_eq!(record.customer_id, Some(LoggedId::Text(format!("customer-{}", &record.request_id[1..]))));
        assert_eq!(record.anchor, Some(LoggedId::Text("item-05".into())));
        if !record.held_out {
            let offer = &reply.json["items"][record.position as usize - 1];
            assert_eq!(json!(record.item), offer["item"]);
            assert_eq!(record.score as f32, offer["score"].as_f64().unwrap() as f32);
        }
    }
    let n_files = std::fs::read_dir(logs.path().join("shown")).unwrap().count();
    assert!(n_files > 2, "turned over by size");
    assert!(records.iter().any(|record| record.held_out && record.position == 3), "what would have been shown");
}

#[tokio::test]
async fn a_customer_is_always_on_one_side() {
    let logs = tempfile::tempdir().unwrap();
    let shop = Fixture::with(Shop::default(), |settings| {
        settings.exposures = Some(logs.path().to_owned());
        settings.hold_out = 0.5;
    });
    for i in 0..30 {
        let queries = json!({ "queries": [
            { "customer_id": i }, { "customer_id": i, "items": ["item-01"] }, { "customer_id": i.to_string() },
        ] });
        let reply = shop.post("/v1/batch", &queries).await;
        let sides: Vec<bool> =
            (0..3).map(|at| reply.json["results"][at]["answer"]["held_out"] == json!(true)).collect();
        assert!(sides.iter().all(|side| *side == sides[0]), "{i}: {sides:?}");
    }
    written(logs.path(), 900).await;
}

#[tokio::test]
async fn without_a_log_there_is_no_file() {
    let shop = Fixture::new();
    let reply = shop.post("/v1/recommend", &json!({ "items": ["item-05"], "customer_id": "anna" })).await;
    assert!(reply.json.get("held_out").is_none());
    let names: Vec<_> =
        std::fs::read_dir(shop.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["shop"]);
}

#[tokio::test]
async fn what_a_refused_question_would_have_been_shown_is_not_logged() {
    let logs = tempfile::tempdir().unwrap();
    let shop = Fixture::with(Shop { facts: true, ..Shop::default() }, |settings| {
        settings.exposures = Some(logs.path().join("shown"));
    });
    let slate = |amount: f64| json!({ "items": ["item-03"], "threshold": { "amount": amount } });
    let refused = shop.post("/v1/offers", &slate(1e300)).await;
    assert_eq!(refused.error(), (422, "out_of_range", Some("threshold.amount")));
    let answered = shop.post("/v1/offers", &slate(40.0)).await;
    let n_shown = answered.json["offers"].as_array().unwrap().len();
    assert!(answered.status == 200 && n_shown > 0);
    let records = written(&logs.path().join("shown"), n_shown).await;
    assert!(records.iter().all(|record| json!(record.request_id) == answered.json["request_id"]));
}
