use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Fixture, Shop};

async fn document(shop: &Fixture) -> Value {
    let reply = shop.get("/openapi.json").await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "application/json"));
    reply.json
}

fn operations(document: &Value) -> BTreeMap<(String, String), Value> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        methods
            .as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| ((path.clone(), method.to_uppercase()), operation.clone()))
    });
    all.collect()
}

#[tokio::test]
async fn every_address_is_documented_and_every_documented_one_is_there() {
    let shop = Fixture::new();
    let document = document(&shop).await;
    assert_eq!(document["openapi"], "3.1.0");
    let operations = operations(&document);
    let expected = [
        ("/", "GET"),
        ("/health/live", "GET"),
        ("/health/ready", "GET"),
        ("/openapi.json", "GET"),
        ("/v1/batch", "POST"),
        ("/v1/events", "POST"),
        ("/v1/items", "GET"),
        ("/v1/models", "GET"),
        ("/v1/recommend", "POST"),
    ];
    let named: BTreeSet<(&str, &str)> =
        operations.keys().map(|(path, method)| (path.as_str(), method.as_str())).collect();
    assert!(expected.iter().all(|route| named.contains(route)), "{named:?}");
    for (path, method) in &named {
        for other in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let request = Request::builder().method(other).uri(*path).body(Body::empty()).unwrap();
            let status = shop.send(request).await.status.as_u16();
            assert_eq!(status != 405, other == *method, "{other} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn the_examples_of_the_document_answer_200_as_it_says() {
    let shop = Fixture::with(Shop::default(), |_| {});
    let document = document(&shop).await;
    for ((path, method), operation) in operations(&document) {
        let reply = if method == "POST" {
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            assert!(example.is_object(), "{path}");
            shop.post(&path, example).await
        } else {
            let has_query = operation["parameters"].as_array().is_some();
            shop.get(&if has_query { format!("{path}?query=item") } else { path.clone() }).await
        };
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        let content = operation["responses"]["200"]["content"].as_object().unwrap();
        let media_type = content.keys().next().unwrap();
        assert_eq!(reply.header("content-type"), media_type, "{path}");
        if let Some(schema) = content[media_type].get("schema") {
            conforms(&document, schema, &reply.json, &path);
        }
    }
}

#[tokio::test]
async fn answers_with_everything_in_them_have_the_documented_form() {
    let shop = Fixture::new();
    let document = document(&shop).await;
    let ask = json!({ "items": ["item-03", "what"], "customer_id": "nobody", "k": 1000, "explain": true });
    let schema = json!({ "$ref": "#/components/schemas/Answer" });
    conforms(&document, &schema, &shop.post("/v1/recommend", &ask).await.json, "recommend");
    let batch = json!({ "queries": [ask, { "k": 0 }] });
    let schema = json!({ "$ref": "#/components/schemas/BatchResults" });
    conforms(&document, &schema, &shop.post("/v1/batch", &batch).await.json, "batch");
    let event = json!({ "basket_id": 1, "timestamp": "2025-07-01", "lines": [{ "item": "item-01" }] });
    let schema = json!({ "$ref": "#/components/schemas/Recorded" });
    conforms(&document, &schema, &shop.post("/v1/events", &json!({ "events": [event] })).await.json, "events");
    let schema = json!({ "$ref": "#/components/schemas/Error" });
    conforms(&document, &schema, &shop.post("/v1/recommend", &json!({ "k": 0 })).await.json, "error");
}

/// Checks a value against the part of JSON Schema that the document uses.
fn conforms(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(&reference[1..]).unwrap_or_else(|| panic!("{at}: {reference}"));
        return conforms(document, schema, value, at);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        if !value.is_null() {
            conforms(document, &choices[0], value, at);
        }
        return;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().map(|t| t.as_str().unwrap()).collect(),
        one => vec![one.as_str().unwrap_or_else(|| panic!("{at}: no type in {schema}"))],
    };
    let fits = types.iter().any(|name| match *name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{at}: {other}"),
    });
    assert!(fits, "{at}: {value} is not {types:?}");
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value} is none of {words:?}");
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(fields.contains_key(name.as_str().unwrap()), "{at}: no {name}");
        }
        for (name, value) in fields {
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(false)) => panic!("{at}: {name} is not documented"),
                (Value::Null, other) => conforms(document, other, value, &format!("{at}.{name}")),
                (field, _) => conforms(document, field, value, &format!("{at}.{name}")),
            }
        }
    }
    for (i, value) in value.as_array().into_iter().flatten().enumerate() {
        conforms(document, &schema["items"], value, &format!("{at}[{i}]"));
    }
}

#[tokio::test]
async fn the_page_may_run_its_own_script_and_nothing_else() {
    let shop = Fixture::new();
    let reply = shop.get("/").await;
    assert!(reply.text.starts_with("<!doctype html>"), "{}", &reply.text[..40]);
    let policy = reply.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'sha256-",
        "style-src 'sha256-",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
}
