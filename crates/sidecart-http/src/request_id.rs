//! Names of requests.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName};
use sidecart_core::mix64;

/// The header that carries a request's name, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest name of a request that is taken over from the caller.
const MAX_BYTES: usize = 64;

/// The name of a request: plain ASCII, kept in place, because every request has one.
#[derive(Clone, Copy)]
pub(crate) struct RequestId {
    bytes: [u8; MAX_BYTES],
    length: u8,
}

impl RequestId {
    /// Takes a plain name.
    fn given(id: &str) -> Option<Self> {
        if !is_plain(id) {
            return None;
        }
        let mut bytes = [0; MAX_BYTES];
        bytes[..id.len()].copy_from_slice(id.as_bytes());
        Some(Self { bytes, length: id.len() as u8 })
    }

    /// 16 hex digits.
    fn made(number: u64) -> Self {
        let mut bytes = [0; MAX_BYTES];
        for (at, byte) in bytes.iter_mut().take(16).enumerate() {
            *byte = b"0123456789abcdef"[(number >> (60 - 4 * at)) as usize & 15];
        }
        Self { bytes, length: 16 }
    }
}

impl std::ops::Deref for RequestId {
    type Target = str;

    fn deref(&self) -> &str {
        // Only ASCII gets in.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

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

    pub(crate) fn name(&self, headers: &HeaderMap) -> RequestId {
        let given = headers.get(REQUEST_ID).and_then(|value| RequestId::given(value.to_str().ok()?));
        // `mix64` is a bijection, so distinct counts give distinct names.
        given.unwrap_or_else(|| {
            RequestId::made(mix64(self.seed.wrapping_add(self.next.fetch_add(1, Ordering::Relaxed))))
        })
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
        assert_eq!(&*name(b"order-17.a_b"), "order-17.a_b");
        assert_eq!(&*name(&[b'y'; MAX_BYTES]), "y".repeat(MAX_BYTES));
        for number in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(*RequestId::made(number), format!("{number:016x}"));
        }
        for odd in [&b""[..], b"a b", b"<script>", b"\xff", "x".repeat(65).as_bytes()] {
            assert_eq!(name(odd).len(), 16);
        }
        let made: std::collections::BTreeSet<String> =
            (0..1000).map(|_| ids.name(&HeaderMap::new()).to_string()).collect();
        assert_eq!(made.len(), 1000);
    }
}
