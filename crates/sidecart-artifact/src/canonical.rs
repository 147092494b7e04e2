use serde_json::Value;

/// Writes JSON with sorted keys, no blanks and shortest floats: equal values give equal bytes,
/// whatever map type the JSON library was built with.
pub(crate) fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(value, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_blanks_gone() {
        let value = json!({ "b": [1, 2.5, null, true], "a": { "z": "ü\n", "y": -0.0 } });
        assert_eq!(canonical_json(&value), r#"{"a":{"y":-0.0,"z":"ü\n"},"b":[1,2.5,null,true]}"#);
    }

    proptest! {
        #[test]
        fn canonical_bytes_survive_reading(floats in proptest::collection::vec(any::<f64>(), 0..20), text in ".*") {
            let value = json!({ "floats": floats, "text": text });
            let bytes = canonical_json(&value);
            let read: Value = serde_json::from_str(&bytes).unwrap();
            prop_assert_eq!(canonical_json(&read), bytes);
        }
    }
}
