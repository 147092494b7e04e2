//! What a request is told when it cannot be answered.

use axum::body::Body;
use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};

use crate::json::Writer;
use crate::limits::RETRY_AFTER_SECONDS;

/// The stable name of a kind of error with its status; clients may rely on both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Code {
    pub(crate) name: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) about: &'static str,
}

macro_rules! codes {
    ($($constant:ident, $name:literal, $status:ident, $about:literal;)+) => {
        impl Code {
            $(pub(crate) const $constant: Self =
                Self { name: $name, status: StatusCode::$status, about: $about };)+

            /// All of them, for the documents.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$constant),+];
        }
    };
}

codes! {
    INVALID_JSON, "invalid_json", BAD_REQUEST, "The body is not JSON in UTF-8.";
    TOO_DEEP, "too_deep", BAD_REQUEST, "The body is nested too deeply.";
    DUPLICATE_FIELD, "duplicate_field", BAD_REQUEST, "An object has a field twice.";
    INVALID_QUERY, "invalid_query", BAD_REQUEST, "The query string has an unknown, doubled or malformed parameter.";
    UNAUTHORIZED, "unauthorized", UNAUTHORIZED, "The bearer token is missing or wrong.";
    NOT_FOUND, "not_found", NOT_FOUND, "There is nothing at this address.";
    UNKNOWN_MODEL, "unknown_model", NOT_FOUND, "No model of this name is served.";
    METHOD_NOT_ALLOWED, "method_not_allowed", METHOD_NOT_ALLOWED, "The address takes another method.";
    BODY_TIMEOUT, "body_timeout", REQUEST_TIMEOUT, "The body came too slowly.";
    BODY_INCOMPLETE, "body_incomplete", BAD_REQUEST, "The body ended early or its framing is broken.";
    BODY_TOO_LARGE, "body_too_large", PAYLOAD_TOO_LARGE, "The body is too long.";
    UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "The body is not announced as plain application/json.";
    UNKNOWN_FIELD, "unknown_field", UNPROCESSABLE_ENTITY, "An object has a field that means nothing.";
    MISSING_FIELD, "missing_field", UNPROCESSABLE_ENTITY, "A field is needed and not there.";
    WRONG_TYPE, "wrong_type", UNPROCESSABLE_ENTITY, "A field holds another type.";
    OUT_OF_RANGE, "out_of_range", UNPROCESSABLE_ENTITY, "A field is outside its range, or none of its values.";
    TOO_LONG, "too_long", UNPROCESSABLE_ENTITY, "A list or text is too long.";
    MODEL_REQUIRED, "model_required", UNPROCESSABLE_ENTITY, "Several models are served and none was named.";
    NO_SUCH_PART, "no_such_part", UNPROCESSABLE_ENTITY, "The model was trained without the part that `using` names.";
    INVALID_SESSION, "invalid_session", UNPROCESSABLE_ENTITY,
        "The session was not signed by this server, or was changed; ask without it to begin a new one.";
    NO_SESSIONS, "no_sessions", UNPROCESSABLE_ENTITY, "A session was sent, and the server keeps none.";
    NOT_READY, "not_ready", SERVICE_UNAVAILABLE, "No model is loaded yet.";
    OVERLOADED, "overloaded", SERVICE_UNAVAILABLE, "Too many requests are under way; come again.";
    REQUEST_TIMEOUT, "request_timeout", SERVICE_UNAVAILABLE, "The request took too long.";
    INTERNAL, "internal", INTERNAL_SERVER_ERROR, "A defect of the server or of a model's files; its operator sees more.";
}

/// An error of the API: a code, a sentence for people and the field it is about.
///
/// The sentence never holds a path, an address, an internal number or text of the request beyond
/// the name of a field.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) field: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None }
    }

    pub(crate) fn at(code: Code, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: Some(field.into()) }
    }

    /// Writes `{"code": .., "message": .., "field": ..}`.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.begin_object();
        out.field("code").text(self.code.name);
        out.field("message").text(&self.message);
        match &self.field {
            Some(field) => out.field("field").text(field),
            None => out.field("field").null(),
        }
        out.end_object();
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut out = Writer::default();
        out.begin_object();
        out.field("error");
        self.write(&mut out);
        out.end_object();
        let mut response = Response::new(Body::from(out.into_bytes()));
        *response.status_mut() = self.code.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.code {
            Code::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::OVERLOADED | Code::NOT_READY => {
                headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
            }
            // What is left of such a body is not read.
            Code::BODY_TIMEOUT | Code::BODY_TOO_LARGE | Code::BODY_INCOMPLETE => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }

    /// The same for a wrong method, with the ones that are right.
    pub(crate) fn method_not_allowed(allowed: &'static str) -> Response<Body> {
        let message = format!("this address takes {allowed}");
        let mut response = Self::new(Code::METHOD_NOT_ALLOWED, message).into_response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_are_errors() {
        let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| code.status.is_client_error() || code.status.is_server_error()));
    }
}
