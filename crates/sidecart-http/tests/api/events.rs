use serde_json::{Value, json};
use sidecart_core::{Clock, IdKind};

use crate::support::{Fixture, Shop};

fn event(basket: impl Into<Value>, customer: &str, time: &str, items: &[&str]) -> Value {
    let lines: Vec<Value> = items.iter().map(|item| json!({ "item": item, "paid": 2.5 })).collect();
    json!({ "basket_id": basket.into(), "customer_id": customer, "timestamp": time, "lines": lines })
}

async fn send(shop: &Fixture, events: &[Value]) -> Vec<String> {
    let reply = shop.post("/v1/events", &json!({ "events": events })).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json["version"], shop.version);
    serde_json::from_value(reply.json["results"].clone()).unwrap()
}

async fn discovered(shop: &Fixture, customer: &str) -> Vec<String> {
    let ask = json!({ "customer_id": customer, "mode": "discovery", "k": 1000 });
    shop.post("/v1/recommend", &ask).await.items()
}

#[tokio::test]
async fn a_purchase_changes_what_is_known_of_its_customer_at_once() {
    let shop = Fixture::new();
    assert_eq!(discovered(&shop, "anna").await.len(), 35);
    assert_eq!(discovered(&shop, "carl").await.len(), 40, "nobody knows Carl");
    let events = [
        event("b1", "anna", "2025-07-01T08:00:00", &["item-10", "item-11", "item-10"]),
        event("b2", "carl", "2025-07-01", &["item-12", "unheard of"]),
    ];
    assert_eq!(send(&shop, &events).await, ["recorded", "recorded"]);
    let anna = discovered(&shop, "anna").await;
    assert_eq!(anna.len(), 33);
    assert!(!anna.contains(&"item-10".to_owned()) && !anna.contains(&"item-00".to_owned()));
    assert_eq!(discovered(&shop, "carl").await.len(), 39);
    let own = json!({ "customer_id": "carl", "using": "own-frequency" });
    assert_eq!(shop.post("/v1/recommend", &own).await.items(), ["item-12"]);
    let earlier = json!({ "customer_id": "carl", "mode": "discovery", "k": 1000, "timestamp": "2025-07-01" });
    assert_eq!(shop.post("/v1/recommend", &earlier).await.items().len(), 40, "strictly before the question");
}

#[tokio::test]
async fn a_basket_counts_once() {
    let shop = Fixture::new();
    let first = event(7, "anna", "2025-07-01", &["item-10"]);
    let other = event(7, "anna", "2025-07-01", &["item-11"]);
    let results = send(&shop, &[first.clone(), first.clone(), other.clone()]).await;
    assert_eq!(results, ["recorded", "duplicate", "conflict"]);
    assert_eq!(send(&shop, &[first, other]).await, ["duplicate", "conflict"]);
    assert_eq!(discovered(&shop, "anna").await.len(), 34);
    let models = shop.get("/v1/models").await;
    assert_eq!(models.json["models"][0]["events"], json!({ "baskets": 1, "lines": 1, "dropped_lines": 0 }));
}

#[tokio::test]
async fn what_the_model_knows_already_changes_nothing() {
    let shop = Fixture::new();
    let known = event("old", "carl", "2025-06-30T12:00:00", &["item-10"]);
    assert_eq!(send(&shop, &[known]).await, ["recorded"]);
    assert_eq!(discovered(&shop, "carl").await.len(), 40);
}

#[tokio::test]
async fn the_oldest_go_first_when_it_is_full() {
    let shop = Fixture::with(Shop::default(), |settings| settings.limits.event_lines = 1_000);
    let items: Vec<String> = (0..100).map(|i| format!("other-{i}")).collect();
    let mut items: Vec<&str> = items.iter().map(String::as_str).collect();
    items[0] = "item-10";
    let day = |i: usize| format!("2025-06-30T13:{i:02}:00");
    for i in 0..10 {
        let customer = format!("customer-{i}");
        assert_eq!(send(&shop, &[event(i, &customer, &day(i), &items)]).await, ["recorded"]);
    }
    assert_eq!(discovered(&shop, "customer-0").await.len(), 39);
    assert_eq!(send(&shop, &[event("late", "late", "2025-06-30T12:59:00", &items)]).await, ["too_old"]);
    assert_eq!(discovered(&shop, "customer-0").await.len(), 39, "a purchase that is not taken drops nothing");
    assert_eq!(send(&shop, &[event("new", "new", &day(11), &items)]).await, ["recorded"]);
    assert_eq!(discovered(&shop, "customer-0").await.len(), 40, "the oldest went");
    assert_eq!(discovered(&shop, "customer-1").await.len(), 39);
    assert_eq!(discovered(&shop, "new").await.len(), 39);
    let models = shop.get("/v1/models").await;
    assert_eq!(models.json["models"][0]["events"], json!({ "baskets": 10, "lines": 1000, "dropped_lines": 100 }));
    assert_eq!(
        send(&shop, &[event(0, "customer-0", &day(12), &items)]).await,
        ["recorded"],
        "its basket is forgotten too"
    );
}

#[tokio::test]
async fn all_events_are_checked_before_any_is_taken() {
    let shop = Fixture::new();
    let good = event("good", "anna", "2025-07-01", &["item-10"]);
    let cases = [
        (event("bad", "anna", "2025-07-03", &["item-10"]), "out_of_range", "events[1].timestamp"),
        (event("bad", "anna", "some day", &["item-10"]), "out_of_range", "events[1].timestamp"),
        (json!({ "basket_id": 1, "lines": [] }), "missing_field", "events[1].timestamp"),
        (json!({ "basket_id": 1, "timestamp": "2025-07-01" }), "missing_field", "events[1].lines"),
        (json!({ "timestamp": "2025-07-01", "lines": [] }), "missing_field", "events[1].basket_id"),
        (
            json!({ "basket_id": 1, "timestamp": "2025-07-01", "lines": [{ "item": 1, "paid": -1 }] }),
            "out_of_range",
            "events[1].lines[0].paid",
        ),
        (
            json!({ "basket_id": 1, "timestamp": "2025-07-01", "lines": [{ "paid": 1 }] }),
            "missing_field",
            "events[1].lines[0].item",
        ),
    ];
    for (bad, code, field) in cases {
        let reply = shop.post("/v1/events", &json!({ "events": [good, bad] })).await;
        assert_eq!(reply.error(), (422, code, Some(field)));
    }
    assert_eq!(discovered(&shop, "anna").await.len(), 35);
}

#[tokio::test]
async fn ids_of_either_form_are_the_same_customer() {
    let shop = Fixture::with(Shop { kind: IdKind::Int, ..Shop::default() }, |_| {});
    let event =
        json!({ "basket_id": "r-1", "customer_id": "2", "timestamp": "2025-07-01", "lines": [{ "item": "1005" }] });
    assert_eq!(send(&shop, &[event]).await, ["recorded"]);
    for id in [json!(2), json!("2")] {
        let ask = json!({ "customer_id": id, "mode": "discovery", "k": 1000 });
        assert_eq!(shop.post("/v1/recommend", &ask).await.json["items"].as_array().map(Vec::len), Some(38));
    }
}

#[tokio::test]
async fn without_durations_events_come_in_their_order() {
    let shop = Fixture::with(Shop { clock: Clock::Order, ..Shop::default() }, |_| {});
    for basket in 0..3 {
        let item = format!("item-2{basket}");
        let event = json!({ "basket_id": basket, "customer_id": "ben", "lines": [{ "item": item }] });
        assert_eq!(send(&shop, &[event]).await, ["recorded"]);
    }
    let own = json!({ "customer_id": "ben", "using": "own-frequency", "k": 4 });
    assert_eq!(
        shop.post("/v1/recommend", &own).await.items(),
        ["item-22", "item-21", "item-20", "item-39"],
        "newest first"
    );
}
