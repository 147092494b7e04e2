use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use sidecart_core::ExternalIdRef;

/// Parsed JSON whose texts point into the body where they can. Fields keep their order, and doubled
/// ones are both there, for [`check`](super::check) to refuse.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Flag(bool),
    Integer(i64),
    /// Anything else that is a number, whole ones beyond 64 bits included.
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Value<'a> {
    /// Parses a body; `None` for anything but one JSON value in UTF-8.
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The field of an object; `None` also for null.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value).filter(|value| **value != Self::Null)
    }

    /// The values of a list in a field; empty where there is none.
    pub(crate) fn list(&self, name: &str) -> &[Self] {
        match self.get(name) {
            Some(Self::List(values)) => values,
            _ => &[],
        }
    }

    /// The text in a field.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Self::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The whole number in a field.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Self::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// Whether a field holds `true`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name) == Some(&Self::Flag(true))
    }

    /// The number in a field, whole or not.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Some(Self::Integer(value)) => Some(*value as f64),
            Some(Self::Number(value)) => Some(*value),
            _ => None,
        }
    }

    /// The same as a value of `serde_json`, for what is checked by others; of a doubled field the later
    /// one.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Flag(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Number(value) => (*value).into(),
            Self::Text(value) => value.as_ref().into(),
            Self::List(values) => values.iter().map(Self::to_json).collect(),
            Self::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone().into_owned(), value.to_json())).collect()
            }
        }
    }

    /// The id that a text or whole number is.
    pub(crate) fn id(&self) -> Option<ExternalIdRef<'_>> {
        match self {
            Self::Text(text) => Some(ExternalIdRef::Text(text)),
            Self::Integer(value) => Some(ExternalIdRef::Int(*value)),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

/// A key that borrows where it can; `Cow` itself always copies.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(ValueVisitor)? {
            Value::Text(text) => Ok(Self(text)),
            _ => Err(serde::de::Error::custom("a key is a text")),
        }
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Flag(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Value::Number(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(Key(name)) = map.next_key()? {
            fields.push((name, map.next_value()?));
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_borrowed_unless_they_are_escaped() {
        let body = br#"{"a": "plain", "b": "line\n", "a": [1, -2, 0.5, 18446744073709551616, true, null]}"#;
        let Some(Value::Object(fields)) = Value::parse(body) else { panic!("an object") };
        assert!(matches!(&fields[0].1, Value::Text(Cow::Borrowed("plain"))));
        assert!(matches!(&fields[1].1, Value::Text(Cow::Owned(text)) if text == "line\n"));
        assert_eq!(fields[2].0, "a", "doubled fields are kept");
        let expected = [
            Value::Integer(1),
            Value::Integer(-2),
            Value::Number(0.5),
            Value::Number(18_446_744_073_709_551_616.0),
            Value::Flag(true),
            Value::Null,
        ];
        assert_eq!(fields[2].1, Value::List(expected.to_vec()));
    }

    #[test]
    fn anything_but_one_value_in_utf8_is_refused() {
        let bad: [&[u8]; 9] =
            [b"", b"{", b"{} {}", b"{'a': 1}", b"[1,]", b"\"\xff\"", b"{\"a\": 1e400}", b"NaN", b"\"\0\""];
        for body in bad {
            assert_eq!(Value::parse(body), None, "{body:?}");
        }
    }
}
