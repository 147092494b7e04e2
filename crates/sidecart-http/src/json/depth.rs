/// Follows the nesting of JSON through the pieces of a body, before anything is parsed.
///
/// Brackets inside texts do not count. O(bytes), no memory.
#[derive(Clone, Copy, Default)]
pub(crate) struct DepthMeter {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl DepthMeter {
    /// Takes the next piece; false when the nesting exceeds `limit`.
    pub(crate) fn feed(&mut self, piece: &[u8], limit: usize) -> bool {
        for &byte in piece {
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'[' | b'{' => {
                    self.depth += 1;
                    if self.depth > limit {
                        return false;
                    }
                }
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
            Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[\\[\\]{}\"\\\\a]{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(6, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::vec(("[\\[{\"\\\\b]{0,4}", inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn agrees_with_the_parsed_value_however_it_is_cut(value in any_value(), cut in 1usize..9) {
            let text = value.to_string();
            for limit in 0..8 {
                let mut meter = DepthMeter::default();
                let fits = text.as_bytes().chunks(cut).all(|piece| meter.feed(piece, limit));
                prop_assert_eq!(fits, depth(&value) <= limit, "{} at {}", text, limit);
            }
        }
    }
}
