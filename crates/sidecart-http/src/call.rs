//! One request on its way to its route.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, Response};
use bytes::Bytes;
use http_body_util::BodyExt;

use crate::json::DepthMeter;
use crate::limits::{MAX_BODY_BYTES, MAX_JSON_DEPTH};
use crate::problem::{Code, Problem};
use crate::request_id::RequestId;

/// A request with its name.
pub(crate) struct Call {
    pub(crate) id: RequestId,
    pub(crate) request: Request<Body>,
}

impl Call {
    /// Reads the body of a request that has to bring JSON. Size and nesting are counted while it comes
    /// in, and nothing is kept beyond the limit.
    ///
    /// # Errors
    /// [`Code::UNSUPPORTED_MEDIA_TYPE`], [`Code::BODY_TOO_LARGE`], [`Code::TOO_DEEP`],
    /// [`Code::BODY_TIMEOUT`] or [`Code::BODY_INCOMPLETE`].
    pub(crate) async fn json_body(&mut self, time: Duration) -> Result<Bytes, Problem> {
        self.check_media_type()?;
        let stated = self.request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        if stated.is_some_and(|bytes| bytes > MAX_BODY_BYTES as u64) {
            return Err(too_large());
        }
        let read = read_body(self.request.body_mut());
        tokio::time::timeout(time, read).await.unwrap_or_else(|_| {
            Err(Problem::new(Code::BODY_TIMEOUT, format!("the body took longer than {} s", time.as_secs_f64())))
        })
    }

    fn check_media_type(&self) -> Result<(), Problem> {
        let headers = self.request.headers();
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let media_type = media_type.split(';').next().unwrap_or("").trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            let message = "send the body with the header content-type: application/json";
            return Err(Problem::new(Code::UNSUPPORTED_MEDIA_TYPE, message));
        }
        if headers.get(CONTENT_ENCODING).is_some_and(|value| value != "identity") {
            return Err(Problem::new(Code::UNSUPPORTED_MEDIA_TYPE, "send the body uncompressed"));
        }
        Ok(())
    }

    /// The parameters of the query string, each of which has to be one of `names` and there once.
    ///
    /// # Errors
    /// [`Code::INVALID_QUERY`].
    pub(crate) fn parameters<const N: usize>(&self, names: [&'static str; N]) -> Result<[Option<String>; N], Problem> {
        let mut values = [const { None }; N];
        let query = self.request.uri().query().unwrap_or("");
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(at) = names.iter().position(|known| *known == name) else {
                let known = if N == 0 { "none".to_owned() } else { names.join(", ") };
                return Err(Problem::new(Code::INVALID_QUERY, format!("unknown parameter; there are: {known}")));
            };
            if values[at].replace(value.into_owned()).is_some() {
                return Err(Problem::at(Code::INVALID_QUERY, names[at], "the parameter appears twice"));
            }
        }
        Ok(values)
    }
}

fn too_large() -> Problem {
    Problem::new(Code::BODY_TOO_LARGE, format!("the body is longer than {MAX_BODY_BYTES} bytes"))
}

async fn read_body(body: &mut Body) -> Result<Bytes, Problem> {
    let mut depth = DepthMeter::default();
    let mut whole = Bytes::new();
    let mut parts: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| Problem::new(Code::BODY_INCOMPLETE, "the body ended early or is framed wrongly"))?;
        // Trailers mean nothing here.
        let Ok(piece) = frame.into_data() else { continue };
        if whole.len() + parts.len() + piece.len() > MAX_BODY_BYTES {
            return Err(too_large());
        }
        if !depth.feed(&piece, MAX_JSON_DEPTH) {
            return Err(Problem::new(Code::TOO_DEEP, format!("the body is nested more than {MAX_JSON_DEPTH} deep")));
        }
        // Most bodies come in one piece, which then need not be copied.
        if whole.is_empty() && parts.is_empty() && body.is_end_stream() {
            whole = piece;
        } else {
            parts.extend_from_slice(&piece);
        }
    }
    Ok(if parts.is_empty() { whole } else { Bytes::from(parts) })
}

/// An answer of 200 with a media type.
pub(crate) fn answer(media_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// An answer of 200 with JSON.
pub(crate) fn json_answer(body: impl Into<Body>) -> Response<Body> {
    answer("application/json", body)
}
