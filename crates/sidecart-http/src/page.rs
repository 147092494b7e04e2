//! The page to try baskets on: one file without outside resources.

use axum::http::HeaderValue;
use sha2::{Digest, Sha256};

const HTML: &str = include_str!("page.html");

/// The page with the policy that lets a browser run its own script and style and nothing else.
pub(crate) struct Page {
    policy: HeaderValue,
}

impl Page {
    pub(crate) fn new() -> Self {
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash_of("script"),
            hash_of("style")
        );
        Self { policy: HeaderValue::from_str(&policy).expect("a policy is plain ASCII") }
    }

    pub(crate) fn html(&self) -> &'static str {
        HTML
    }

    pub(crate) fn policy(&self) -> HeaderValue {
        self.policy.clone()
    }
}

/// The SHA-256 of what stands between the tags of an element of the page, in base 64.
fn hash_of(element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let inside = HTML.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map_or("", |(inside, _)| inside);
    base64(&Sha256::digest(inside))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, &byte| group << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = (group >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit <= chunk.len() { char::from(DIGITS[value]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_the_standard_form() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn the_page_has_one_script_one_style_and_nothing_from_outside() {
        for (tag, n) in [("<script", 1), ("<style", 1), ("<link", 0), ("<img", 0), ("http://", 0), ("https://", 0)] {
            assert_eq!(HTML.matches(tag).count(), n, "{tag}");
        }
        for inline in [" style=\"", " onclick", " onload", "javascript:", "innerHTML"] {
            assert!(!HTML.contains(inline), "{inline}");
        }
    }
}
