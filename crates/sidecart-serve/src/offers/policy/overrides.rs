use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::settings::Policy;
use crate::error::{Error, Result};

/// Some keys of a policy, for one question: `{"min_relevance": 0.01, "caps": {"upsell": 0}}`.
///
/// Keys that are left out stay as they are. The lists of `exclude` and `filters` are added to the
/// policy's own, so that a question can narrow what the shop allows and not widen it; other lists
/// take the place of the policy's.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyOverride(pub Map<String, Value>);

impl Policy {
    /// The policy with some keys changed.
    ///
    /// ```
    /// use sidecart_serve::offers::{Policy, PolicyOverride};
    ///
    /// let change: PolicyOverride = serde_json::from_str(r#"{"caps": {"upsell": 0}}"#).unwrap();
    /// let policy = Policy::default().overridden(&change)?;
    /// assert_eq!((policy.caps.upsell, policy.caps.cross_sell), (0, 3));
    /// # Ok::<(), sidecart_serve::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Query`] for an unknown key or a value out of range.
    pub fn overridden(&self, change: &PolicyOverride) -> Result<Self> {
        let problem = |expected: String| Error::Query {
            field: "policy",
            got: Value::from(change.0.clone()).to_string(),
            expected,
        };
        let mut merged = serde_json::to_value(self).map_err(|error| problem(error.to_string()))?;
        merge(&mut merged, &change.0, "");
        let policy: Self = serde_json::from_value(merged).map_err(|error| problem(error.to_string()))?;
        policy.check().map_err(|problem| Error::policy(&problem))?;
        Ok(policy)
    }
}

fn merge(into: &mut Value, change: &Map<String, Value>, path: &str) {
    let Value::Object(into) = into else { return };
    for (key, value) in change {
        let path = format!("{path}.{key}");
        match (into.get_mut(key), value) {
            (Some(inner @ Value::Object(_)), Value::Object(change)) => merge(inner, change, &path),
            (Some(Value::Array(own)), Value::Array(more)) if path.starts_with(".exclude.") || path == ".filters" => {
                own.extend(more.iter().cloned());
            }
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str) -> PolicyOverride {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_question_narrows_and_never_widens() {
        let mut policy = Policy::default();
        policy.exclude.brands = vec!["Acme".into()];
        let text = r#"{"exclude": {"brands": ["Bolt"]}, "touchpoints": {"home": []}, "diversity": 0.5,
            "filters": [{"attribute": "price", "op": "<", "value": 10}]}"#;
        let changed = policy.overridden(&change(text)).unwrap();
        assert_eq!(changed.exclude.brands, ["Acme", "Bolt"]);
        assert!(changed.touchpoints.home.is_empty() && !changed.touchpoints.cart.is_empty());
        assert_eq!((changed.diversity, changed.filters.len()), (0.5, 1));
        assert_eq!(policy.overridden(&PolicyOverride::default()).unwrap(), policy);
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_refused() {
        for text in [
            r#"{"min_relevence": 0.1}"#,
            r#"{"caps": {"upsel": 1}}"#,
            r#"{"caps": 3}"#,
            r#"{"diversity": 2}"#,
            r#"{"exclude": {"brands": "Acme"}}"#,
            r#"{"touchpoints": {"home": ["gift"]}}"#,
        ] {
            let error = Policy::default().overridden(&change(text)).unwrap_err();
            assert_eq!(error.class(), sidecart_core::ErrorClass::Caller, "{error}");
            assert!(error.to_string().contains("policy = "), "{error}");
        }
    }
}
