use serde::{Deserialize, Serialize};

/// A setting outside its range.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("setting `{name}` is {got}, expected {expected}")]
pub struct ParameterError {
    /// The setting's key.
    pub name: &'static str,
    /// What would be accepted.
    pub expected: &'static str,
    /// What was given.
    pub got: String,
}

impl ParameterError {
    /// Fails unless `holds`.
    #[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and fresh texts")]
    pub(crate) fn require(
        holds: bool,
        name: &'static str,
        expected: &'static str,
        got: impl ToString,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { name, expected, got: got.to_string() }) }
    }
}

/// How pairs of items in one basket are counted. Every setting changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CountingParams {
    /// A basket with more distinct items than this takes part with this many of them, those with
    /// the smallest hash. Default 500, range 2 to 65536.
    ///
    /// A shop's largest real baskets have about 200 items; longer ones are mostly wholesale or
    /// merged tickets, and their cost grows with the square of the length.
    pub max_basket_items: u32,
}

impl Default for CountingParams {
    fn default() -> Self {
        Self { max_basket_items: 500 }
    }
}

impl CountingParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        let max = self.max_basket_items;
        ParameterError::require((2..=65_536).contains(&max), "max_basket_items", "a whole number from 2 to 65536", max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        assert!(CountingParams::default().check().is_ok());
        let params = CountingParams { max_basket_items: 1 };
        assert_eq!(
            params.check().unwrap_err().to_string(),
            "setting `max_basket_items` is 1, expected a whole number from 2 to 65536"
        );
    }
}
