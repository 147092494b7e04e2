//! The bearer token of the scoring address.

use std::hint::black_box;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::error::{Error, Result};
use crate::limits::{MAX_TOKEN_BYTES, MIN_TOKEN_BYTES};

/// A secret that requests have to bring along. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Vec<u8>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// Takes a token of 16 to 512 visible ASCII characters; line ends around it are left out.
    ///
    /// # Errors
    /// [`Error::Setting`] for another length or other characters.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim_matches(['\r', '\n']);
        let is_long_enough = (MIN_TOKEN_BYTES..=MAX_TOKEN_BYTES).contains(&text.len());
        if is_long_enough && text.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(Self(text.as_bytes().to_vec()));
        }
        Err(Error::Setting {
            setting: "token",
            got: format!("{} bytes", text.len()),
            expected: format!("{MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES} visible ASCII characters"),
        })
    }

    /// Whether exactly one header `Authorization: Bearer <token>` is there.
    pub(crate) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else { return false };
        let value = value.as_bytes();
        let Some((scheme, given)) = value.split_at_checked("bearer ".len()) else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && self.equals(given)
    }

    /// Compares in a time that depends on the length given alone.
    fn equals(&self, given: &[u8]) -> bool {
        let mut difference = self.0.len() ^ given.len();
        for (at, byte) in given.iter().enumerate() {
            difference |= usize::from(black_box(self.0[at % self.0.len()] ^ byte));
        }
        black_box(difference) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_equal() {
        let token = Token::new("correct-horse-battery\n").unwrap();
        assert!(token.equals(b"correct-horse-battery"));
        for wrong in [
            "",
            "c",
            "correct-horse-batter",
            "correct-horse-battery!",
            "correct-horse-batterz",
            "Correct-horse-battery",
        ] {
            assert!(!token.equals(wrong.as_bytes()), "{wrong}");
        }
        let twice = b"correct-horse-batterycorrect-horse-battery";
        assert!(!token.equals(twice));
        assert_eq!(format!("{token:?}"), "Token(..)");
    }

    #[test]
    fn weak_tokens_are_refused_without_being_shown() {
        for weak in ["", "short", "fifteen-bytes-!", "sixteen bytes !!", "sixteen-byte-né!", &"x".repeat(513)] {
            let error = Token::new(weak).unwrap_err().to_string();
            assert!(weak.is_empty() || !error.contains(weak), "{error}");
        }
    }
}
