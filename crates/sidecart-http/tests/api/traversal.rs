//! Spellings of "somewhere else on the disk" at every address.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::Fixture;

const SPELLINGS: [&str; 40] = [
    "/..",
    "/../",
    "/../CURRENT",
    "/../../etc/passwd",
    "/../../../../../../etc/passwd",
    "/./CURRENT",
    "/.",
    "//etc/passwd",
    "///etc/passwd",
    "/etc/passwd",
    "/%2e%2e/CURRENT",
    "/%2e%2e%2fCURRENT",
    "/..%2fCURRENT",
    "/.%2e/CURRENT",
    "/%2e./CURRENT",
    "/%2E%2E%2F%2E%2E%2Fetc%2Fpasswd",
    "/%252e%252e%252fCURRENT",
    "/%25252e%25252e/CURRENT",
    "/..%5cCURRENT",
    "/..%255cCURRENT",
    "/%5c..%5cCURRENT",
    "/....//CURRENT",
    "/....%2f%2fCURRENT",
    "/..;/CURRENT",
    "/;/../CURRENT",
    "/..%00/CURRENT",
    "/%00",
    "/CURRENT%00.json",
    "/..%c0%afCURRENT",
    "/%c0%ae%c0%ae/CURRENT",
    "/%ef%bc%8e%ef%bc%8e/CURRENT",
    "/..%e2%88%95CURRENT",
    "/file:///etc/passwd",
    "/C:/windows/win.ini",
    "/C:%5cwindows%5cwin.ini",
    "/~root/.ssh/id_rsa",
    "/.git/config",
    "/.env",
    "/shop/CURRENT",
    "/manifest.json",
];

#[tokio::test]
async fn no_spelling_leads_anywhere() {
    let shop = Fixture::new();
    let folder = shop.folder.path().to_str().unwrap().to_owned();
    for route in [
        "",
        "/v1",
        "/v1/recommend",
        "/v1/batch",
        "/v1/events",
        "/v1/models",
        "/v1/items",
        "/health/live",
        "/openapi.json",
    ] {
        for spelling in SPELLINGS {
            for method in ["GET", "POST"] {
                let path = format!("{route}{spelling}");
                let Ok(request) = Request::builder()
                    .method(method)
                    .uri(&path)
                    .header("content-type", "application/json")
                    .body(Body::from("{}"))
                else {
                    continue;
                };
                let reply = shop.send(request).await;
                assert!([400, 404].contains(&reply.status.as_u16()), "{method} {path}: {reply:?}");
                assert!(!reply.text.contains(&folder) && !reply.text.contains("passwd"), "{reply:?}");
            }
        }
    }
}

#[tokio::test]
async fn names_in_requests_are_looked_up_only() {
    let shop = Fixture::new();
    let folder = shop.folder.path().to_str().unwrap().to_owned();
    let names = SPELLINGS.iter().flat_map(|spelling| [(*spelling).to_owned(), format!("shop{spelling}")]);
    let names = names.chain([folder.clone(), format!("{folder}/shop"), "shop/".into(), "./shop".into(), "SHOP".into()]);
    for name in names {
        let reply = shop.post("/v1/recommend", &json!({ "model": name })).await;
        let (status, code, _) = reply.error();
        let is_known_error = [(404, "unknown_model"), (422, "too_long")].contains(&(status, code));
        assert!(is_known_error, "{name}: {reply:?}");
        assert!(!reply.text.contains(&folder) && !reply.text.contains(&name), "{reply:?}");
        let query: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let reply = shop.get(&format!("/v1/items?query=a&model={query}")).await;
        assert_eq!(reply.error().1, "unknown_model", "{name}");
    }
}
