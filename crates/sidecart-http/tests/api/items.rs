use serde_json::json;

use crate::support::Fixture;

#[tokio::test]
async fn items_are_found_by_a_part_of_id_or_name() {
    let shop = Fixture::new();
    let found = async |query: &str| shop.get(query).await.items();
    assert_eq!(found("/v1/items?query=ITEM-07").await, ["item-07"]);
    assert_eq!(found("/v1/items?query=item-1&limit=3").await, ["item-10", "item-11", "item-12"]);
    assert_eq!(found("/v1/items?query=thing%20%223").await[..2], ["item-03", "item-30"], "most customers first");
    assert_eq!(found("/v1/items?query=%C3%9C").await.len(), 12, "in any case; twelve by default");
    assert_eq!(found("/v1/items?query=07").await, ["item-07"]);
    assert!(found("/v1/items?query=nothing+like+it").await.is_empty());
    let reply = shop.get("/v1/items?query=item-07").await;
    assert_eq!(reply.json["items"][0], json!({ "item": "item-07", "name": "Thing \"7\" <b>ü</b>", "customers": 193 }));
    assert_eq!(reply.header("x-sidecart-version"), shop.version);
}

#[tokio::test]
async fn searches_are_checked() {
    let shop = Fixture::new();
    let long = format!("/v1/items?query={}", "x".repeat(65));
    for (path, status, code, field) in [
        ("/v1/items", 422, "missing_field", Some("query")),
        ("/v1/items?query=", 422, "missing_field", Some("query")),
        (&long, 422, "too_long", Some("query")),
        ("/v1/items?query=a&limit=0", 422, "out_of_range", Some("limit")),
        ("/v1/items?query=a&limit=51", 422, "out_of_range", Some("limit")),
        ("/v1/items?query=a&limit=many", 422, "out_of_range", Some("limit")),
        ("/v1/items?query=a&query=b", 400, "invalid_query", Some("query")),
        ("/v1/items?query=a&page=2", 400, "invalid_query", None),
        ("/v1/items?query=a&model=other", 404, "unknown_model", Some("model")),
    ] {
        assert_eq!(shop.get(path).await.error(), (status, code, field), "{path}");
    }
}
