use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::error::{Error, Result};

/// Fewest bytes of a key.
pub const MIN_KEY_BYTES: usize = 32;
/// Most keys at a time: the one that signs, and those that did before.
pub const MAX_KEYS: usize = 4;

/// What is signed begins with this, so that no other use of the key makes a token.
const PURPOSE: &[u8] = b"sidecart session token";

/// A secret that signs tokens (HMAC-SHA-256). Servers that share visitors share the key.
#[derive(Clone)]
pub struct SessionKey(Hmac<Sha256>);

impl SessionKey {
    /// A key of [`MIN_KEY_BYTES`] or more bytes from a good source of randomness.
    ///
    /// # Errors
    /// [`Error::Query`] for fewer bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let refuse = |_| Error::Query {
            field: "session key",
            got: format!("{} bytes", bytes.len()),
            expected: format!("at least {MIN_KEY_BYTES} random bytes"),
        };
        if bytes.len() < MIN_KEY_BYTES {
            return Err(refuse(()));
        }
        let mac = Hmac::new_from_slice(bytes).map_err(|_| refuse(()))?;
        Ok(Self(mac.chain_update(PURPOSE)))
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> impl AsRef<[u8]> + use<> {
        self.0.clone().chain_update(bytes).finalize().into_bytes()
    }

    /// Compares in constant time.
    pub(super) fn has_signed(&self, bytes: &[u8], mac: &[u8]) -> bool {
        self.0.clone().chain_update(bytes).verify_slice(mac).is_ok()
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// The keys of a server: the first signs, all are believed. A new key is put before the old one,
/// which goes when the sessions that it signed are over.
///
/// ```
/// use sidecart_serve::offers::session::SessionKeys;
///
/// // As of: openssl rand -hex 32
/// let text = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
/// assert!(SessionKeys::parse(text).is_ok());
/// assert!(SessionKeys::parse("secret").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct SessionKeys(Vec<SessionKey>);

impl SessionKeys {
    /// Reads keys of [`MIN_KEY_BYTES`] or more bytes as hexadecimal digits, one a line, at most
    /// [`MAX_KEYS`]; empty lines are left out.
    ///
    /// # Errors
    /// [`Error::Query`] for no key, too many, or one that is too short or no even number of
    /// hexadecimal digits. It names the line and never the key.
    pub fn parse(text: &str) -> Result<Self> {
        let expected = || {
            format!(
                "1 to {MAX_KEYS} lines of at least {} hexadecimal digits, such as `openssl rand -hex {MIN_KEY_BYTES}` makes",
                2 * MIN_KEY_BYTES
            )
        };
        let refuse = |got| Error::Query { field: "session key", got, expected: expected() };
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            if keys.len() == MAX_KEYS {
                return Err(refuse(format!("more than {MAX_KEYS} lines")));
            }
            let key = read_hex(line.trim()).and_then(|bytes| SessionKey::from_bytes(&bytes).ok());
            keys.push(key.ok_or_else(|| refuse(format!("line {number} of {} bytes", line.len())))?);
        }
        if keys.is_empty() { Err(refuse("no key".into())) } else { Ok(Self(keys)) }
    }

    /// The key that signs.
    #[must_use]
    pub fn signing(&self) -> &SessionKey {
        self.0.first().expect("there is a key")
    }

    pub(super) fn all(&self) -> &[SessionKey] {
        &self.0
    }
}

impl From<SessionKey> for SessionKeys {
    fn from(key: SessionKey) -> Self {
        Self(vec![key])
    }
}

/// The bytes of hexadecimal digits; `None` for anything else.
fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |&byte: &u8| char::from(byte).to_digit(16);
    let digits: Option<Vec<u32>> = text.as_bytes().iter().map(digit).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| (high << 4 | low) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_bytes() {
        assert_eq!(read_hex("00fFa9"), Some(vec![0, 255, 169]));
        for bad in ["0", "0g", "00 ", "é"] {
            assert_eq!(read_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn weak_files_are_refused_without_being_shown() {
        let good = "ab".repeat(MIN_KEY_BYTES);
        let lines = |n: usize| format!("{good}\r\n\n").repeat(n);
        assert_eq!(SessionKeys::parse(&lines(MAX_KEYS)).unwrap().all().len(), MAX_KEYS);
        let short = &good[2..];
        let odd = &good[..good.len() - 1];
        for bad in ["", "\n \n", short, odd, &lines(MAX_KEYS + 1), &format!("{good}\n{short}"), &good.replace('a', "x")]
        {
            let error = SessionKeys::parse(bad).unwrap_err().to_string();
            assert!(error.contains("openssl rand -hex 32") && !error.contains("abab"), "{error}");
        }
        let error = SessionKeys::parse(&format!("{good}\nsecret")).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("secret"), "{error}");
    }
}
