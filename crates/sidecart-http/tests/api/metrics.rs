use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use sidecart_http::admin_router;
use tower::ServiceExt;

use crate::support::{Fixture, Reply, Shop};

async fn admin(shop: &Fixture, method: &str, path: &str) -> Reply {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    Reply::read(admin_router(&shop.app).oneshot(request).await.unwrap()).await
}

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let shop = Fixture::new();
    for _ in 0..3 {
        shop.post("/v1/recommend", &json!({ "items": ["item-01"], "k": 2 })).await;
    }
    shop.post("/v1/recommend", &json!({ "k": 0 })).await;
    shop.get("/nowhere").await;
    shop.get("/v1/recommend").await;
    let event =
        json!({ "basket_id": 1, "timestamp": "2025-07-01", "lines": [{ "item": "item-01" }, { "item": "item-02" }] });
    shop.post("/v1/events", &json!({ "events": [event, event] })).await;
    let reply = admin(&shop, "GET", "/metrics").await;
    assert!(reply.header("content-type").starts_with("text/plain; version=0.0.4"));
    for (series, expected) in [
        ("sidecart_http_requests_total{route=\"/v1/recommend\",status=\"200\"}", 3.0),
        ("sidecart_http_requests_total{route=\"/v1/recommend\",status=\"422\"}", 1.0),
        ("sidecart_http_requests_total{route=\"unknown\",status=\"404\"}", 1.0),
        ("sidecart_http_requests_total{route=\"unknown\",status=\"405\"}", 1.0),
        ("sidecart_http_request_duration_seconds_count{route=\"/v1/recommend\"}", 4.0),
        ("sidecart_http_request_duration_seconds_bucket{route=\"/v1/recommend\",le=\"+Inf\"}", 4.0),
        ("sidecart_offers_total", 6.0),
        ("sidecart_swaps_total", 1.0),
        ("sidecart_in_flight", 0.0),
        ("sidecart_ready", 1.0),
        ("sidecart_event_lines{model=\"shop\"}", 2.0),
        ("sidecart_events_total{model=\"shop\",outcome=\"recorded\"}", 1.0),
        ("sidecart_events_total{model=\"shop\",outcome=\"duplicate\"}", 1.0),
        (&format!("sidecart_model_info{{model=\"shop\",version=\"{}\"}}", shop.version), 1.0),
    ] {
        assert_eq!(value(&reply.text, series), Some(expected), "{series}\n{}", reply.text);
    }
}

#[tokio::test]
async fn series_are_few_and_hold_nothing_of_requests() {
    let shop = Fixture::new();
    for i in 0..2_000 {
        let ask =
            json!({ "items": [format!("secret-{i}")], "customer_id": format!("person-{i}"), "model": "shop", "k": 1 });
        shop.post("/v1/recommend", &ask).await;
        shop.get(&format!("/secret-{i}")).await;
    }
    let text = admin(&shop, "GET", "/metrics").await.text;
    for leaked in ["secret", "person", "item-", shop.folder.path().to_str().unwrap(), "127.0.0.1"] {
        assert!(!text.contains(leaked), "{leaked}");
    }
    let series: BTreeSet<&str> =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap().0).collect();
    assert!(series.len() < 500, "{}", series.len());
    assert_eq!(series.len(), text.lines().filter(|line| !line.starts_with('#')).count(), "each once");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn reloading_swaps_and_says_so() {
    let shop = Fixture::new();
    let reply = admin(&shop, "POST", "/admin/reload").await;
    assert_eq!(reply.json["models"], json!([{ "name": "shop", "result": "unchanged", "version": shop.version }]));
    let next = Shop::scored(0.4).publish(&shop.folder.path().join("shop"));
    let reply = admin(&shop, "POST", "/admin/reload").await;
    assert_eq!(reply.json["models"], json!([{ "name": "shop", "result": "swapped", "version": next }]));
    let answer = shop.post("/v1/recommend", &json!({ "items": ["item-01"] })).await;
    assert_eq!(answer.json["version"], next);
    std::fs::write(shop.folder.path().join("shop/CURRENT"), "no version").unwrap();
    let reply = admin(&shop, "POST", "/admin/reload").await;
    assert_eq!(reply.json["models"], json!([{ "name": "shop", "result": "failed", "version": next }]));
    assert!(!reply.text.contains(shop.folder.path().to_str().unwrap()));
    for (method, path, status) in
        [("GET", "/admin/reload", 405), ("POST", "/metrics", 405), ("GET", "/", 404), ("GET", "/v1/models", 404)]
    {
        assert_eq!(admin(&shop, method, path).await.status, status, "{method} {path}");
    }
    assert_eq!(shop.get("/metrics").await.status, 404, "not at the scoring address");
    assert_eq!(shop.post_text("/admin/reload", "").await.status, 404);
}
