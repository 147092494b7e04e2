//! Names of requests.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName};
use sidecart_core::mix64;

/// The header that carries a request's name, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest name of a request that is taken over from the caller.
const MAX_BYTES: usize = 64;

/// Gives names to requests: the caller's own where it is plain, else 16 hex digits that no other
/// request of this server has.
pub(crate) struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { seed: RandomState::new().hash_one(0), next: AtomicU64::new(0) }
    }

    pub(crate) fn name(&self, headers: &HeaderMap) -> String {
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_plain(id));
        // `mix64` is a bijection, so distinct counts give distinct names.
        given.map_or_else(
            || format!("{:016x}", mix64(self.seed.wrapping_add(self.next.fetch_add(1, Ordering::Relaxed)))),
            str::to_owned,
        )
    }
}

fn is_plain(id: &str) -> bool {
    (1..=MAX_BYTES).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn plain_names_are_kept_and_others_replaced() {
        let ids = RequestIds::new();
        let name = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            ids.name(&headers)
        };
        assert_eq!(name(b"order-17.a_b"), "order-17.a_b");
        for odd in [&b""[..], b"a b", b"<script>", b"\xff", "x".repeat(65).as_bytes()] {
            assert_eq!(name(odd).len(), 16);
        }
        let made: std::collections::BTreeSet<String> = (0..1000).map(|_| ids.name(&HeaderMap::new())).collect();
        assert_eq!(made.len(), 1000);
    }
}
