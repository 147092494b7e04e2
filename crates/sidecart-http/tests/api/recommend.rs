use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use sidecart_core::{Clock, IdKind, ItemId, Time};
use sidecart_serve::{Query, Scorer};

use crate::support::{Fixture, Shop};

#[tokio::test]
async fn offers_are_those_of_the_scorer() {
    let shop = Fixture::new();
    let scorer = Scorer::open(shop.folder.path().join("shop")).unwrap();
    let reply = shop.post("/v1/recommend", &json!({ "items": ["item-03", "item-07"], "k": 8 })).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("x-sidecart-version"), shop.version);
    assert_eq!(reply.json["version"], shop.version);
    assert_eq!(reply.json["model"], "shop");
    assert_eq!(reply.json["request_id"], reply.header("x-request-id"));
    let mut scratch = scorer.scratch();
    let time = Time(scorer.trained_through().0 + 1);
    let query = Query { basket: &[ItemId(3), ItemId(7)], k: 8, time, ..Query::default() };
    let expected = scorer.recommend(&query, &mut scratch).unwrap();
    let offers = reply.json["items"].as_array().unwrap();
    assert_eq!(offers.len(), 8);
    for ((rank, offer), expected) in (1..).zip(offers).zip(expected.offers) {
        assert_eq!(offer["rank"], rank);
        assert_eq!(offer["item"], format!("item-{:02}", expected.item.0));
        assert_eq!(offer["score"].as_f64().unwrap() as f32, expected.score);
        assert_eq!(offer["kind"], "cross-sell");
        assert!(offer.get("reason").is_none());
    }
    assert_eq!((&reply.json["fallback"], &reply.json["unknown_items"]), (&json!(null), &json!([])));
    assert!(reply.json.get("notes").is_none(), "{}", reply.text);
}

#[tokio::test]
async fn reasons_come_where_they_are_asked_for() {
    let shop = Fixture::new();
    let reply = shop.post("/v1/recommend", &json!({ "items": ["item-03"], "k": 2, "explain": true })).await;
    let offer = &reply.json["items"][0];
    assert_eq!(offer["item"], "item-04");
    assert_eq!(offer["name"], "Thing \"4\" <b>ü</b>");
    assert_eq!(offer["anchor"], "item-03");
    assert_eq!(offer["evidence"], json!({ "customers": 7, "baskets": 9, "lift": 3.5 }));
    assert!(offer["reason"].as_str().unwrap().contains("7 customers in 9 baskets"), "{offer}");
}

#[tokio::test]
async fn ids_come_back_in_the_shops_own_form() {
    let shop = Fixture::with(Shop { kind: IdKind::Int, ..Shop::default() }, |_| {});
    let both = json!({ "items": [1003, "1007", "no number", 5], "exclude": ["1004"], "customer_id": "1", "k": 3 });
    let reply = shop.post("/v1/recommend", &both).await;
    let items: Vec<i64> =
        reply.json["items"].as_array().unwrap().iter().map(|offer| offer["item"].as_i64().unwrap()).collect();
    assert_eq!(items.len(), 3);
    assert!(!items.contains(&1004) && !items.contains(&1003), "{items:?}");
    assert_eq!(reply.json["unknown_items"], json!(["no number", 5]));
    assert!(reply.json.get("notes").is_none(), "customer 1 is known: {}", reply.text);

    let texts = Fixture::new();
    let reply = texts.post("/v1/recommend", &json!({ "items": [3], "k": 1 })).await;
    assert_eq!(reply.json["unknown_items"], json!([3]));
    assert!(reply.json["items"][0]["item"].is_string());
}

#[tokio::test]
async fn what_is_left_out_is_said() {
    let shop = Fixture::new();
    let ask = json!({
        "items": ["item-00", "nothing"], "exclude": ["nowhere"], "promoted": ["item-09", "never"], "customer_id": "nobody", "store_id": 7, "k": 1000,
    });
    let reply = shop.post("/v1/recommend", &ask).await;
    assert_eq!(reply.items().len(), 39, "all but the basket");
    let notes = reply.json["notes"].to_string();
    for said in [
        "1 items to exclude",
        "1 promoted items are not",
        "no learned ranker",
        "nothing is known of the customer",
        "does not know the store",
        "39 of 1000",
    ] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
    assert_eq!(reply.json["fallback"], json!(null), "all of it was ranked");
    let reply = shop.post("/v1/recommend", &json!({ "items": ["nothing"], "k": 2 })).await;
    assert_eq!(reply.json["fallback"], json!({ "from_rank": 1, "by": "popular" }));
    assert!(reply.json["items"].as_array().unwrap().iter().all(|offer| offer["fallback"] == "popular"));
}

#[tokio::test]
async fn the_past_counts_and_the_callers_own_replaces_it() {
    let shop = Fixture::new();
    let ask = |more: serde_json::Value| {
        let mut body = json!({ "items": ["item-20"], "mode": "discovery", "k": 39 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let of = async |shop: &Fixture, more| shop.post("/v1/recommend", &ask(more)).await.items();
    let anyone = of(&shop, json!({})).await;
    assert_eq!(anyone.len(), 39);
    let anna = of(&shop, json!({ "customer_id": "anna" })).await;
    assert_eq!(anna.len(), 34, "what Anna bought is left out");
    assert!(!anna.iter().any(|item| ["item-00", "item-04"].contains(&item.as_str())));
    let own = json!({ "customer_id": "anna", "history": [
        { "timestamp": "2025-06-02", "items": ["item-30", "item-31", "item-31", "unknown"] },
        { "timestamp": "2025-06-01T08:00:00+02:00", "items": ["item-32"] },
        { "timestamp": "2030-01-01", "items": ["item-33"] },
    ] });
    let replaced = of(&shop, own.clone()).await;
    assert!(replaced.contains(&"item-00".to_owned()) && replaced.contains(&"item-33".to_owned()), "{replaced:?}");
    assert_eq!(replaced.len(), 36, "three were bought before the question");
    let reply = shop.post("/v1/recommend", &ask(own)).await;
    assert!(reply.json["notes"].to_string().contains("1 items of the history"), "{}", reply.text);
    let empty = of(&shop, json!({ "customer_id": "anna", "history": [] })).await;
    assert_eq!(empty.len(), 39, "an empty past is a past");
    let early = of(&shop, json!({ "customer_id": "anna", "timestamp": "2020-01-01" })).await;
    assert_eq!(early.len(), 39, "nothing of it is before the question");
}

#[tokio::test]
async fn times_have_the_form_of_the_model() {
    for (clock, good, bad) in [
        (Clock::Calendar, json!("2025-07-01T10:00:00Z"), json!(20250701)),
        (Clock::Days, json!(101), json!("2025-07-01")),
        (Clock::Order, json!("101"), json!("soon")),
    ] {
        let shop = Fixture::with(Shop { clock, ..Shop::default() }, |_| {});
        let ask = |time: &serde_json::Value| json!({ "items": ["item-01"], "timestamp": time });
        assert_eq!(shop.post("/v1/recommend", &ask(&good)).await.status, 200, "{clock:?}");
        assert_eq!(shop.post("/v1/recommend", &ask(&bad)).await.error(), (422, "out_of_range", Some("timestamp")));
        let past = json!({ "items": [], "history": [{ "items": ["item-01"] }] });
        let reply = shop.post("/v1/recommend", &past).await;
        if clock.has_durations() {
            assert_eq!(reply.error(), (422, "missing_field", Some("history[0].timestamp")), "{clock:?}");
        } else {
            assert_eq!(reply.status, 200);
        }
    }
    let shop = Fixture::with(Shop { clock: Clock::None, ..Shop::default() }, |_| {});
    let reply = shop.post("/v1/recommend", &json!({ "timestamp": 1 })).await;
    assert_eq!(reply.error(), (422, "out_of_range", Some("timestamp")));
}

#[tokio::test]
async fn every_fault_of_a_question_has_its_code() {
    let shop = Fixture::new();
    let past = |n: usize, each: usize| json!({ "history": vec![json!({ "timestamp": "2025-01-01", "items": vec![1; each] }); n] });
    for (body, status, code, field) in [
        (json!([]), 422, "wrong_type", None),
        (json!({ "k": true }), 422, "wrong_type", Some("k")),
        (json!({ "items": [{}] }), 422, "wrong_type", Some("items[0]")),
        (json!({ "items": [1.5] }), 422, "wrong_type", Some("items[0]")),
        (json!({ "items": ["x".repeat(257)] }), 422, "too_long", Some("items[0]")),
        (json!({ "mode": "up" }), 422, "out_of_range", Some("mode")),
        (json!({ "using": "magic" }), 422, "out_of_range", Some("using")),
        (json!({ "using": "embeddings" }), 422, "no_such_part", Some("using")),
        (json!({ "using": "trees" }), 422, "no_such_part", Some("using")),
        (json!({ "model": "other" }), 404, "unknown_model", Some("model")),
        (json!({ "model": "../shop" }), 404, "unknown_model", Some("model")),
        (json!({ "K": 3 }), 422, "unknown_field", Some("K")),
        (past(201, 0), 422, "too_long", Some("history")),
        (past(5, 1000), 422, "too_long", Some("history")),
        (
            json!({ "history": [{ "timestamp": "then", "items": [] }] }),
            422,
            "out_of_range",
            Some("history[0].timestamp"),
        ),
    ] {
        let reply = shop.post("/v1/recommend", &body).await;
        assert_eq!(reply.error(), (status, code, field), "{body}");
        assert!(!reply.header("x-request-id").is_empty());
    }
    for (text, status, code) in [
        ("", 400, "invalid_json"),
        ("{", 400, "invalid_json"),
        ("{} {}", 400, "invalid_json"),
        ("{\"k\": 1, \"k\": 2}", 400, "duplicate_field"),
        ("[[[[[[[[[]]]]]]]]]", 400, "too_deep"),
        ("{\"k\": NaN}", 400, "invalid_json"),
    ] {
        let reply = shop.post_text("/v1/recommend", text).await;
        assert_eq!((reply.error().0, reply.error().1), (status, code), "{text}");
    }
    let deep = "[".repeat(60_000);
    assert_eq!(shop.post_text("/v1/recommend", deep).await.error().1, "too_deep");
    let long = format!("{{\"k\": 1{}}}", " ".repeat(65_536));
    assert_eq!(shop.post_text("/v1/recommend", long).await.error(), (413, "body_too_large", None));
    let fits = format!("{{\"k\": 1{}}}", " ".repeat(65_536 - 8));
    assert_eq!(shop.post_text("/v1/recommend", fits).await.status, 200);
}

#[tokio::test]
async fn requests_keep_their_names() {
    let shop = Fixture::new();
    for (given, kept) in [("order-17", true), ("a b", false), ("<b>", false)] {
        let request =
            Request::post("/v1/recommend").header("content-type", "application/json").header("x-request-id", given);
        let reply = shop.send(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(reply.header("x-request-id") == given, kept, "{given}");
        assert_eq!(reply.json["request_id"], reply.header("x-request-id"));
    }
}

#[tokio::test]
async fn equal_questions_get_equal_bytes() {
    let shop = Fixture::new();
    let ask = || async {
        let request = Request::post("/v1/recommend")
            .header("content-type", "application/json")
            .header("x-request-id", "same")
            .body(Body::from(r#"{"items": ["item-05"], "customer_id": "anna", "k": 20, "explain": true}"#))
            .unwrap();
        shop.send(request).await.text
    };
    let first = ask().await;
    for _ in 0..50 {
        assert_eq!(ask().await, first);
    }
}
