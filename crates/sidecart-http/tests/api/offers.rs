use serde_json::{Value, json};
use sidecart_core::{ItemId, Time};
use sidecart_serve::Scorer;
use sidecart_serve::offers::{OffersQuery, Touchpoint};

use crate::support::Fixture;

const OFFERS: &str = "/v1/offers";

fn items(reply: &Value) -> Vec<&str> {
    reply["offers"].as_array().unwrap().iter().map(|offer| offer["item"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_slate_is_that_of_the_scorer() {
    let shop = Fixture::new();
    let scorer = Scorer::open(shop.folder.path().join("shop")).unwrap();
    let body = json!({ "items": ["item-03", "item-07"], "touchpoint": "cart", "k": 3, "explain": true });
    let reply = shop.post(OFFERS, &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json["request_id"], reply.header("x-request-id"));
    assert_eq!((&reply.json["version"], &reply.json["model"]), (&json!(shop.version), &json!("shop")));
    let query = OffersQuery {
        basket: &[ItemId(3), ItemId(7)],
        touchpoint: Some(Touchpoint::Cart),
        k: Some(3),
        time: Time(scorer.trained_through().0 + 1),
        ..OffersQuery::default()
    };
    let mut scratch = scorer.offers_scratch();
    let expected = scorer.offers(&query, &mut scratch).unwrap();
    let offers = reply.json["offers"].as_array().unwrap();
    assert!(!offers.is_empty() && offers.len() == expected.offers.len(), "{}", reply.text);
    for (offer, expected) in offers.iter().zip(expected.offers) {
        assert_eq!(offer["item"], format!("item-{:02}", expected.item.0));
        assert_eq!(offer["kind"], expected.kind.name());
        assert_eq!(offer["value"].as_f64().unwrap() as f32, expected.value as f32);
        assert_eq!(offer["reason"], expected.reason.text(&scorer));
    }
    assert_eq!(reply.json["n_removed"], expected.removed.len());
    assert_eq!((&reply.json["reason"], &reply.json["objective"]), (&Value::Null, &json!("relevance")));
}

#[tokio::test]
async fn what_is_not_offered_says_why() {
    let shop = Fixture::new();
    let reply =
        shop.post(OFFERS, &json!({ "items": ["item-03"], "touchpoint": "checkout", "kinds": ["upsell"] })).await;
    assert_eq!((reply.status.as_u16(), &reply.json["reason"]), (200, &json!("touchpoint")), "{}", reply.text);
    assert!(items(&reply.json).is_empty());
    let reply =
        shop.post(OFFERS, &json!({ "items": ["item-03"], "k": 2, "policy": { "caps": { "cross_sell": 0 } } })).await;
    assert!(items(&reply.json).is_empty() && !reply.json["reason"].is_null(), "{}", reply.text);
    let reply = shop.post(OFFERS, &json!({ "items": ["nobody"], "segment": "cats" })).await;
    assert_eq!(reply.json["unknown_items"], json!(["nobody"]));
    assert!(reply.text.contains("does not know the segment"), "{}", reply.text);
}

#[tokio::test]
async fn what_was_declined_rests_and_a_session_ends() {
    let shop = Fixture::new();
    let ask = json!({ "items": ["item-03"], "k": 2 });
    let before = shop.post(OFFERS, &ask).await;
    let first = items(&before.json)[0].to_owned();
    let after = shop.post(OFFERS, &json!({ "items": ["item-03"], "k": 2, "declined": [{ "item": first }] })).await;
    assert!(!items(&after.json).contains(&first.as_str()), "{}", after.text);
    let removed = after.json["removed"].as_array().unwrap();
    assert!(removed.iter().any(|removed| removed["item"] == first && removed["rule"] == "cool_down"), "{}", after.text);
    let seen: Vec<Value> = (0..24).map(|n| json!({ "item": format!("item-{:02}", n % 10) })).collect();
    let over = shop.post(OFFERS, &json!({ "items": ["item-03"], "shown": seen })).await;
    assert_eq!(over.json["reason"], "session_limit", "{}", over.text);
}

#[tokio::test]
async fn a_basket_without_prices_says_so() {
    let shop = Fixture::new();
    let reply = shop.post(OFFERS, &json!({ "items": ["item-03"], "threshold": { "amount": 20.5 } })).await;
    assert_eq!(
        reply.json["threshold"],
        json!({ "gap": null, "fillings": [], "reason": "unknown_price" }),
        "{}",
        reply.text
    );
    let empty = shop.post(OFFERS, &json!({ "items": [], "threshold": { "amount": 20.5, "max_items": 4 } })).await;
    assert_eq!(
        (&empty.json["threshold"]["gap"], &empty.json["threshold"]["reason"]),
        (&json!(20.5), &json!("no_candidate")),
        "{}",
        empty.text
    );
}

#[tokio::test]
async fn wrong_questions_name_the_field() {
    let shop = Fixture::new();
    for (body, status, field) in [
        (json!({ "items": "item-03" }), 422, "items"),
        (json!({ "touchpoint": "roof" }), 422, "touchpoint"),
        (json!({ "kinds": ["gift"] }), 422, "kinds[0]"),
        (json!({ "policy": 3 }), 422, "policy"),
        (json!({ "policy": { "capz": {} } }), 422, "policy"),
        (json!({ "policy": { "min_relevance": 2 } }), 422, "policy"),
        (json!({ "declined": [{ "when": 3 }] }), 422, "declined[0].when"),
        (json!({ "k": 0 }), 422, "k"),
        (json!({ "threshold": { "max_items": 2 } }), 422, "threshold.amount"),
        (json!({ "threshold": { "amount": 1e300 } }), 422, "threshold.amount"),
        (json!({ "threshold": { "amount": 20, "max_items": 5 } }), 422, "threshold.max_items"),
    ] {
        let reply = shop.post(OFFERS, &body).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json["error"]["field"]),
            (status, &json!(field)),
            "{body}: {}",
            reply.text
        );
    }
    let unknown = shop.post(OFFERS, &json!({ "items": [], "model": "none" })).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
}
