use serde::{Deserialize, Serialize};

use crate::counting::ParameterError;

/// Which items the linear item model covers and how it is regularised. Every setting but
/// `memory_mib` changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EaseParams {
    /// Only so many most popular items take part; time grows with its cube, memory with its
    /// square. 0 switches the model off. Default 2000, range 0 to 8000.
    pub max_items: u32,
    /// Items in fewer baskets do not take part. Default 5, at least 1.
    pub min_item_baskets: u32,
    /// Ridge penalty as a multiple of the mean weighted basket count of the items that take part,
    /// so that a short history is pulled to nothing as strongly as a long one. Default 0.25,
    /// range 0.0001 to 10000.
    pub lambda: f64,
    /// A basket of `n` distinct items weighs `n^-size_exponent`. Default 0.3, range 0 to 1.
    pub size_exponent: f64,
    /// Strongest positive entries kept per item. Default 200, range 1 to 8000.
    pub kept: u32,
    /// Memory that the matrix may take, in MiB; a larger one is refused. Default 512, range 1 to
    /// 65536.
    pub memory_mib: u32,
}

impl Default for EaseParams {
    fn default() -> Self {
        Self { max_items: 2_000, min_item_baskets: 5, lambda: 0.25, size_exponent: 0.3, kept: 200, memory_mib: 512 }
    }
}

impl EaseParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        ParameterError::require(self.max_items <= 8_000, "max_items", "a whole number from 0 to 8000", self.max_items)?;
        ParameterError::require(
            self.min_item_baskets >= 1,
            "min_item_baskets",
            "a whole number of at least 1",
            self.min_item_baskets,
        )?;
        let lambda = self.lambda;
        ParameterError::require((1e-4..=1e4).contains(&lambda), "lambda", "a number from 0.0001 to 10000", lambda)?;
        let exponent = self.size_exponent;
        ParameterError::require((0.0..=1.0).contains(&exponent), "size_exponent", "a number from 0 to 1", exponent)?;
        ParameterError::require((1..=8_000).contains(&self.kept), "kept", "a whole number from 1 to 8000", self.kept)?;
        ParameterError::require(
            (1..=65_536).contains(&self.memory_mib),
            "memory_mib",
            "a whole number from 1 to 65536",
            self.memory_mib,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        let good = EaseParams::default();
        assert!(good.check().is_ok() && EaseParams { max_items: 0, ..good.clone() }.check().is_ok());
        let wrong = [
            ("max_items", EaseParams { max_items: 8_001, ..good.clone() }),
            ("min_item_baskets", EaseParams { min_item_baskets: 0, ..good.clone() }),
            ("lambda", EaseParams { lambda: 0.0, ..good.clone() }),
            ("lambda", EaseParams { lambda: f64::NAN, ..good.clone() }),
            ("size_exponent", EaseParams { size_exponent: 1.1, ..good.clone() }),
            ("kept", EaseParams { kept: 0, ..good.clone() }),
            ("memory_mib", EaseParams { memory_mib: 0, ..good }),
        ];
        for (name, params) in wrong {
            assert_eq!(params.check().unwrap_err().name, name);
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<EaseParams>(r#"{"lambda": 0.5}"#).is_ok());
        assert!(serde_json::from_str::<EaseParams>(r#"{"lamda": 0.5}"#).is_err());
    }
}
