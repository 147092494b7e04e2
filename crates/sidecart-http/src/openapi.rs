//! The OpenAPI document, made from the tables of the routes.

use serde_json::{Map, Value, json};

use crate::json::Field;
use crate::problem::Code;
use crate::routes::{Access, Content, Method, Route};

/// Errors of every route that takes a body.
const BODY_ERRORS: [Code; 13] = [
    Code::INVALID_JSON,
    Code::TOO_DEEP,
    Code::DUPLICATE_FIELD,
    Code::BODY_INCOMPLETE,
    Code::BODY_TIMEOUT,
    Code::BODY_TOO_LARGE,
    Code::UNSUPPORTED_MEDIA_TYPE,
    Code::UNKNOWN_FIELD,
    Code::MISSING_FIELD,
    Code::WRONG_TYPE,
    Code::OUT_OF_RANGE,
    Code::TOO_LONG,
    Code::INTERNAL,
];

/// The document of some routes, OpenAPI 3.1.
pub(crate) fn document(routes: &[&Route]) -> Value {
    let mut schemas = Map::new();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let method = match route.method {
            Method::Get => "get",
            Method::Post => "post",
        };
        let operation = operation(route, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[method] = operation;
    }
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name).collect();
    schemas.insert(
        "Error".into(),
        json!({
            "type": "object",
            "required": ["error"],
            "additionalProperties": false,
            "properties": { "error": {
                "type": "object",
                "required": ["code", "message", "field"],
                "additionalProperties": false,
                "properties": {
                    "code": { "type": "string", "enum": codes, "description": "A stable name of the kind of error." },
                    "message": { "type": "string", "description": "The error in words, which may change." },
                    "field": { "type": ["string", "null"], "description": "The field it is about." },
                },
            } },
        }),
    );
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sidecart",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What to offer beside the cart. Every answer names its request (`x-request-id`) and, where a model answered, the model's version (`x-sidecart-version`).",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "description": "Needed where the server was started with a token." } },
        },
    })
}

fn operation(route: &Route, schemas: &mut Map<String, Value>) -> Value {
    let content = match &route.content {
        Content::Json(object) => json!({ "application/json": { "schema": object.document(schemas) } }),
        Content::Other(media_type) => json!({ (*media_type): {} }),
    };
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.about,
        "responses": responses(route, &content),
        "security": if route.access == Access::Token { json!([{}, { "token": [] }]) } else { json!([]) },
    });
    if let Some(body) = &route.body {
        let example: Value = serde_json::from_str(body.example).unwrap_or(Value::Null);
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": body.object.document(schemas), "example": example } },
        });
    }
    if !route.parameters.is_empty() {
        let parameters: Vec<Value> = route.parameters.iter().map(|field| parameter(field, schemas)).collect();
        operation["parameters"] = json!(parameters);
    }
    operation
}

fn parameter(field: &Field, schemas: &mut Map<String, Value>) -> Value {
    json!({
        "name": field.name,
        "in": "query",
        "required": field.required,
        "description": field.about,
        "schema": field.shape.document(schemas),
    })
}

/// The good answer, then the errors by status.
fn responses(route: &Route, content: &Value) -> Value {
    let mut codes: Vec<Code> = route.errors.to_vec();
    if route.body.is_some() {
        codes.extend(BODY_ERRORS);
        codes.push(Code::REQUEST_TIMEOUT);
    }
    if route.access == Access::Token {
        codes.push(Code::UNAUTHORIZED);
    }
    let mut responses = json!({ "200": { "description": "The answer.", "content": content } });
    for code in &codes {
        let status = code.status.as_str();
        let about: Vec<String> = codes
            .iter()
            .filter(|other| other.status == code.status)
            .map(|other| format!("`{}`: {}", other.name, other.about))
            .collect();
        responses[status] = json!({
            "description": about.join(" "),
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
        });
    }
    responses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Object, Shape};
    use crate::routes::ROUTES;

    /// Whether every field of an object, and of those it holds, says what it is.
    fn is_described(object: &Object) -> bool {
        object.fields.iter().all(|field| {
            let inner = match &field.shape {
                Shape::Object(inner) | Shape::Later(inner) => is_described(inner),
                Shape::List(Shape::Object(inner) | Shape::Later(inner), _) => is_described(inner),
                _ => true,
            };
            inner && field.about.ends_with(['.', ')'])
        })
    }

    #[test]
    fn every_route_and_field_is_described() {
        for route in ROUTES {
            assert!(route.about.ends_with('.'), "{}", route.path);
            if let Content::Json(object) = &route.content {
                assert!(is_described(object), "{}", object.name);
            }
            if let Some(body) = &route.body {
                assert!(is_described(body.object), "{}", body.object.name);
                assert!(serde_json::from_str::<Value>(body.example).is_ok(), "{}", route.path);
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document(ROUTES);
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        let mut names: Vec<&str> = ROUTES.iter().map(|route| route.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROUTES.len());
    }
}
