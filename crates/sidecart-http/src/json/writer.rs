use std::io::Write;

use sidecart_core::{ExternalIdRef, Money};

/// Writes JSON straight into bytes, which is what an answer costs beside scoring.
///
/// The caller opens and closes objects and lists in pairs; commas are set here.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    /// Whether the next value needs a comma before it.
    comma: bool,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), comma: false }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn before_value(&mut self) {
        if self.comma {
            self.bytes.push(b',');
        }
        self.comma = true;
    }

    pub(crate) fn begin_object(&mut self) {
        self.before_value();
        self.bytes.push(b'{');
        self.comma = false;
    }

    pub(crate) fn end_object(&mut self) {
        self.bytes.push(b'}');
        self.comma = true;
    }

    pub(crate) fn begin_list(&mut self) {
        self.before_value();
        self.bytes.push(b'[');
        self.comma = false;
    }

    pub(crate) fn end_list(&mut self) {
        self.bytes.push(b']');
        self.comma = true;
    }

    /// The name of the next value; a plain word.
    pub(crate) fn field(&mut self, name: &'static str) -> &mut Self {
        self.before_value();
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
        self.comma = false;
        self
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.before_value();
        let is_plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
        if is_plain {
            self.bytes.push(b'"');
            self.bytes.extend_from_slice(text.as_bytes());
            self.bytes.push(b'"');
        } else {
            serde_json::to_writer(&mut self.bytes, text).expect("a text always becomes JSON");
        }
    }

    pub(crate) fn integer(&mut self, value: i64) {
        self.before_value();
        write!(self.bytes, "{value}").expect("bytes take everything");
    }

    pub(crate) fn count(&mut self, value: usize) {
        self.before_value();
        write!(self.bytes, "{value}").expect("bytes take everything");
    }

    /// A finite number with the fewest digits that read back as the same; null otherwise.
    pub(crate) fn number(&mut self, value: f32) {
        self.before_value();
        serde_json::to_writer(&mut self.bytes, &value).expect("a number always becomes JSON");
    }

    /// An amount, exact to its last digit.
    pub(crate) fn money(&mut self, amount: Money) {
        self.before_value();
        let units = amount.0.unsigned_abs();
        let scale = Money::SCALE.unsigned_abs();
        let (whole, rest) = (units / scale, units % scale);
        let sign = if amount.0 < 0 { "-" } else { "" };
        write!(self.bytes, "{sign}{whole}").expect("bytes take everything");
        if rest > 0 {
            // Four digits after the point, without the zeros at their end.
            let digits = format!("{rest:04}");
            write!(self.bytes, ".{}", digits.trim_end_matches('0')).expect("bytes take everything");
        }
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.before_value();
        self.bytes.extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(crate) fn null(&mut self) {
        self.before_value();
        self.bytes.extend_from_slice(b"null");
    }

    /// A value that was written before.
    pub(crate) fn written(&mut self, value: &Self) {
        self.before_value();
        self.bytes.extend_from_slice(&value.bytes);
    }

    pub(crate) fn id(&mut self, id: ExternalIdRef<'_>) {
        match id {
            ExternalIdRef::Int(id) => self.integer(id),
            ExternalIdRef::Text(id) => self.text(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const _: () = assert!(Money::SCALE == 10_000, "four digits after the point");

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn amounts_are_exact(units: i64) {
            let mut out = Writer::default();
            out.money(Money(units));
            let text = String::from_utf8(out.into_bytes()).unwrap();
            let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
            let digits: i128 = format!("{whole}{rest:0<4}").parse().unwrap();
            prop_assert_eq!(digits, i128::from(units));
            prop_assert!(!text.ends_with('.'));
            prop_assert!(!text.contains('.') || !text.ends_with('0'));
        }

        #[test]
        fn what_is_written_reads_back(texts in proptest::collection::vec(any::<String>(), 0..4), number in any::<f32>(), id in any::<i64>()) {
            let mut out = Writer::default();
            out.begin_object();
            out.field("texts").begin_list();
            texts.iter().for_each(|text| out.text(text));
            out.end_list();
            out.field("number").number(number);
            out.field("inner").begin_object();
            out.end_object();
            out.field("id").id(ExternalIdRef::Int(id));
            out.field("flag").flag(true);
            out.field("n").count(3);
            out.field("none").null();
            out.end_object();
            let read: serde_json::Value = serde_json::from_slice(&out.into_bytes()).unwrap();
            prop_assert_eq!(&read["texts"], &serde_json::json!(texts));
            let back = read["number"].as_f64().map(|n| n as f32);
            prop_assert_eq!(back, number.is_finite().then_some(number));
            prop_assert_eq!(read["id"].as_i64(), Some(id));
            prop_assert_eq!((&read["inner"], &read["n"], &read["none"]), (&serde_json::json!({}), &serde_json::json!(3), &serde_json::Value::Null));
        }
    }
}
