use axum::body::Body;
use axum::http::{HeaderValue, Request};
use sidecart_http::Token;

use crate::support::{Fixture, Reply, Shop};

const TOKEN: &str = "s3cret-s3cret-s3cret";

fn guarded() -> Fixture {
    Fixture::with(Shop::default(), |settings| settings.token = Some(Token::new(TOKEN).unwrap()))
}

async fn ask(shop: &Fixture, headers: &[&[u8]]) -> Reply {
    let mut request = Request::post("/v1/recommend").header("content-type", "application/json");
    for value in headers {
        request = request.header("authorization", HeaderValue::from_bytes(value).unwrap());
    }
    shop.send(request.body(Body::from("{}")).unwrap()).await
}

#[tokio::test]
async fn the_token_opens_and_twenty_others_do_not() {
    let shop = guarded();
    for good in [format!("Bearer {TOKEN}"), format!("bearer {TOKEN}"), format!("BEARER {TOKEN}")] {
        assert_eq!(ask(&shop, &[good.as_bytes()]).await.status, 200, "{good}");
    }
    let right = format!("Bearer {TOKEN}");
    let wrong: Vec<Vec<Vec<u8>>> = vec![
        vec![],
        vec![b"".to_vec()],
        vec![b"Bearer".to_vec()],
        vec![b"Bearer ".to_vec()],
        vec![TOKEN.into()],
        vec![format!("Basic {TOKEN}").into()],
        vec![format!("Token {TOKEN}").into()],
        vec![format!("Bearer{TOKEN}").into()],
        vec![format!("Bearer  {TOKEN}").into()],
        vec![format!("Bearer\t{TOKEN}").into()],
        vec![format!("Bearer {}", &TOKEN[..TOKEN.len() - 1]).into()],
        vec![format!("Bearer {}", &TOKEN[1..]).into()],
        vec![format!("Bearer {TOKEN}x").into()],
        vec![format!("Bearer x{TOKEN}").into()],
        vec![format!("Bearer {TOKEN}{TOKEN}").into()],
        vec![format!("Bearer {}", TOKEN.to_uppercase()).into()],
        vec![format!("Bearer \"{TOKEN}\"").into()],
        vec![format!("Bearer {TOKEN}, Bearer {TOKEN}").into()],
        vec![right.clone().into(), right.clone().into()],
        vec![right.into(), b"Bearer wrong".to_vec()],
        vec![b"Bearer \xff\xfe".to_vec()],
        vec![format!("Bearer {}", "x".repeat(TOKEN.len())).into()],
    ];
    assert!(wrong.len() >= 20);
    for headers in &wrong {
        let headers: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
        let reply = ask(&shop, &headers).await;
        assert_eq!(reply.error(), (401, "unauthorized", None), "{headers:?}");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        assert!(!reply.text.contains("s3cret"));
    }
}

#[tokio::test]
async fn what_tells_nothing_needs_no_token() {
    let shop = guarded();
    for open in ["/health/live", "/health/ready", "/openapi.json", "/"] {
        assert_eq!(shop.get(open).await.status, 200, "{open}");
    }
    for closed in ["/v1/models", "/v1/items?query=a"] {
        assert_eq!(shop.get(closed).await.status, 401, "{closed}");
    }
    for closed in ["/v1/recommend", "/v1/batch", "/v1/events"] {
        assert_eq!(shop.post_text(closed, "no json").await.status, 401, "{closed}: before the body is read");
    }
}
