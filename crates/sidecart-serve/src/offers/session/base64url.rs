//! Base64 with the alphabet of RFC 4648 §5, without padding.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NO_DIGIT: u8 = 0xff;
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        digits[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// Characters for a number of bytes.
pub(super) const fn n_chars(n_bytes: usize) -> usize {
    (n_bytes * 4).div_ceil(3)
}

/// The text of some bytes.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(n_chars(bytes.len()));
    for chunk in bytes.chunks(3) {
        let mut block = [0; 3];
        block[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from(block[0]) << 16 | u32::from(block[1]) << 8 | u32::from(block[2]);
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

/// The bytes of a text; `None` for a character outside the alphabet, a length that no bytes have,
/// or bits at the end that belong to no byte and are not 0. So each text has one form.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.as_bytes().chunks(4) {
        let mut bits = 0u32;
        for &c in chunk {
            let digit = DIGITS[usize::from(c)];
            if digit == NO_DIGIT {
                return None;
            }
            bits = bits << 6 | u32::from(digit);
        }
        let n_bytes = chunk.len() * 6 / 8;
        let n_spare = chunk.len() * 6 - n_bytes * 8;
        if n_bytes == 0 || bits & ((1 << n_spare) - 1) != 0 {
            return None;
        }
        bytes.extend_from_slice(&(bits >> n_spare << (32 - 8 * n_bytes)).to_be_bytes()[..n_bytes]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_of_the_standard() {
        let examples = [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, text) in examples {
            assert_eq!(encode(plain.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
        for bad in ["Zg==", "Z", "Zm9vY", "Zh", "Zm9", "Zm9v\n", "Zm+v", "Zm/v", "Zé", " Zg"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn bytes_come_back_and_texts_have_one_form(bytes in prop::collection::vec(any::<u8>(), 0..40), text in "[A-Za-z0-9_-]{0,24}") {
            let encoded = encode(&bytes);
            prop_assert_eq!(encoded.len(), n_chars(bytes.len()));
            prop_assert_eq!(decode(&encoded), Some(bytes));
            if let Some(decoded) = decode(&text) {
                prop_assert_eq!(encode(&decoded), text);
            }
        }
    }
}
