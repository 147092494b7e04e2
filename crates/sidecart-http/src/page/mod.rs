//! The page to try baskets on: one document without outside resources, put together from its parts.
//!
//! | file | concept |
//! |---|---|
//! | `page.html`, `style.css` | what stands where, and how it looks |
//! | `basket.js` | the basket, names of items, questions to the server |
//! | `search.js` | finding items |
//! | `slate.js` | a slate with its reasons, an amount to reach, the session |
//! | `ranking.js` | a plain ranking |
//! | `start.js` | models, the basket of the address, events |

use axum::http::HeaderValue;
use bytes::Bytes;
use sha2::{Digest, Sha256};

const MARKUP: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
/// The parts of the one script, in this order.
const SCRIPTS: [&str; 5] = [
    include_str!("basket.js"),
    include_str!("search.js"),
    include_str!("slate.js"),
    include_str!("ranking.js"),
    include_str!("start.js"),
];

/// The page with the policy that lets a browser run its own script and style and nothing else.
pub(crate) struct Page {
    html: Bytes,
    policy: HeaderValue,
}

impl Page {
    pub(crate) fn new() -> Self {
        let script = SCRIPTS.concat();
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            base64(&Sha256::digest(&script)),
            base64(&Sha256::digest(STYLE))
        );
        Self {
            html: Bytes::from(MARKUP.replace("{{style}}", STYLE).replace("{{script}}", &script)),
            policy: HeaderValue::from_str(&policy).expect("a policy is plain ASCII"),
        }
    }

    pub(crate) fn html(&self) -> Bytes {
        self.html.clone()
    }

    pub(crate) fn policy(&self) -> HeaderValue {
        self.policy.clone()
    }
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
        let html = String::from_utf8(Page::new().html().to_vec()).unwrap();
        for (tag, n) in [("<script", 1), ("<style", 1), ("<link", 0), ("<img", 0), ("http://", 0), ("https://", 0)] {
            assert_eq!(html.matches(tag).count(), n, "{tag}");
        }
        for inline in
            [" style=\"", " onclick", " onload", "javascript:", "innerHTML", "outerHTML", "insertAdjacent", "{{"]
        {
            assert!(!html.contains(inline), "{inline}");
        }
        assert!(!SCRIPTS.concat().contains("</") && !STYLE.contains("</"), "nothing ends an element early");
    }

    #[test]
    fn every_control_has_a_label() {
        for tag in ["<input", "<select"] {
            for control in MARKUP.split(tag).skip(1) {
                let control = control.split('>').next().unwrap();
                let id = control.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
                let has_label = MARKUP.contains(&format!("<label for=\"{id}\">"));
                assert!(has_label || control.contains("aria-label="), "{control}");
            }
        }
    }
}
