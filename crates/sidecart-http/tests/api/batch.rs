use serde_json::{Value, json};

use crate::support::{Fixture, Shop};

#[tokio::test]
async fn each_question_has_its_own_answer_or_error_in_order() {
    let shop = Fixture::new();
    let queries = json!({ "queries": [
        { "items": ["item-01"], "k": 2 },
        { "items": ["item-01"], "k": 0 },
        { "items": ["item-01"], "using": "trees" },
        { "items": ["item-01"], "model": "none" },
        { "basket": [] },
        { "items": ["item-09"], "k": 1, "explain": true, "model": "shop" },
    ] });
    let reply = shop.post("/v1/batch", &queries).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("x-sidecart-version"), shop.version);
    let results = reply.json["results"].as_array().unwrap();
    let codes: Vec<Option<&str>> = results.iter().map(|result| result["error"]["code"].as_str()).collect();
    assert_eq!(
        codes,
        [None, Some("out_of_range"), Some("no_such_part"), Some("unknown_model"), Some("unknown_field"), None]
    );
    let fields: Vec<&str> = results[1..5].iter().map(|result| result["error"]["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["queries[1].k", "queries[2].using", "queries[3].model", "queries[4].basket"]);
    for position in [0, 5] {
        let single = shop.post("/v1/recommend", &queries["queries"][position]).await;
        let answer = &results[position]["answer"];
        assert_eq!(answer["items"], single.json["items"]);
        let name = format!("{}/{position}", reply.header("x-request-id"));
        assert_eq!(answer["request_id"], name);
    }
}

#[tokio::test]
async fn a_batch_is_limited_and_may_be_empty() {
    let shop = Fixture::new();
    let of = |n: usize| json!({ "queries": vec![json!({ "k": 1 }); n] });
    let reply = shop.post("/v1/batch", &of(0)).await;
    assert_eq!((reply.status.as_u16(), &reply.json["results"]), (200, &json!([])));
    let reply = shop.post("/v1/batch", &of(100)).await;
    assert_eq!(reply.json["results"].as_array().map(Vec::len), Some(100));
    assert_eq!(shop.post("/v1/batch", &of(101)).await.error(), (422, "too_long", Some("queries")));
    assert_eq!(shop.post("/v1/batch", &json!({})).await.error(), (422, "missing_field", Some("queries")));
    assert_eq!(
        shop.post("/v1/batch", &json!({ "queries": [1] })).await.error(),
        (422, "wrong_type", Some("queries[0]"))
    );
}

#[tokio::test]
async fn one_batch_may_ask_several_models() {
    let shop = Fixture::with(Shop::default(), |settings| {
        Shop::scored(0.5).publish(&settings.models.join("garden"));
    });
    let queries = json!({ "queries": [{ "model": "shop" }, { "model": "garden" }, {}] });
    let reply = shop.post("/v1/batch", &queries).await;
    let results = reply.json["results"].as_array().unwrap();
    let models: Vec<&Value> = results.iter().map(|result| &result["answer"]["model"]).collect();
    assert_eq!(models, [&json!("shop"), &json!("garden"), &Value::Null]);
    assert_eq!(results[2]["error"]["code"], "model_required");
    assert_eq!(reply.header("x-sidecart-version").split(", ").count(), 2);
}
