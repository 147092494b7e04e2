use sha2::{Digest, Sha256};
use sidecart_core::ExternalIdRef;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 6;

/// An item in a session: 48 bits of a hash of its outside id.
///
/// The dense number of an item belongs to one version of a model, and a session may outlive it.
/// Where two items share a key, which one pair in 2.8 × 10^14 does, each counts as the other was
/// shown and declined too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ItemKey([u8; KEY_BYTES]);

impl ItemKey {
    /// The key of an outside id: the first bytes of SHA-256 over its form and its bytes.
    ///
    /// Takes the time of a hash, below a microsecond; ask only where the session is not empty.
    #[must_use]
    pub fn of(id: ExternalIdRef<'_>) -> Self {
        let hash = match id {
            ExternalIdRef::Int(id) => Sha256::new().chain_update([0]).chain_update(id.to_le_bytes()),
            ExternalIdRef::Text(id) => Sha256::new().chain_update([1]).chain_update(id.as_bytes()),
        }
        .finalize();
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(&hash[..KEY_BYTES]);
        Self(key)
    }

    pub(super) fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(self) -> [u8; KEY_BYTES] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_part_of_the_format() {
        assert_eq!(ItemKey::of(ExternalIdRef::Text("phone-s22")).0, [237, 165, 218, 164, 106, 183]);
        assert_eq!(ItemKey::of(ExternalIdRef::Int(7)).0, [125, 209, 101, 122, 54, 25]);
    }

    #[test]
    fn a_number_is_not_its_text() {
        assert_ne!(ItemKey::of(ExternalIdRef::Int(7)), ItemKey::of(ExternalIdRef::Text("7")));
        let bytes = 7i64.to_le_bytes();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert_ne!(ItemKey::of(ExternalIdRef::Int(7)), ItemKey::of(ExternalIdRef::Text(text)));
    }
}
