use crate::{Error, Result};

/// A table of features, row by row: `values[row * n_features + feature]`, all finite.
#[derive(Clone, Copy, Debug)]
pub struct FeatureRows<'a> {
    values: &'a [f32],
    n_features: usize,
    n_rows: usize,
}

impl<'a> FeatureRows<'a> {
    /// A view of `values`, checked once.
    ///
    /// # Errors
    /// [`Error::Bug`] if the length is no multiple of `n_features`, `n_features` is not 1 to 65536,
    /// there are 2^32 rows or more, or a value is not finite.
    pub fn new(values: &'a [f32], n_features: usize) -> Result<Self> {
        if !(1..=1 << 16).contains(&n_features) || !values.len().is_multiple_of(n_features) {
            return Err(Error::Bug { what: format!("{} values are no rows of {n_features} features", values.len()) });
        }
        let n_rows = values.len() / n_features;
        if u32::try_from(n_rows).is_err() {
            return Err(Error::Bug { what: format!("{n_rows} rows of features are more than 2^32 - 1") });
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            let (row, feature) = (at / n_features, at % n_features);
            return Err(Error::Bug { what: format!("feature {feature} of row {row} is {}", values[at]) });
        }
        Ok(Self { values, n_features, n_rows })
    }

    /// All values.
    #[must_use]
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of features.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// The values of one feature for every `step`-th row, from row 0 on.
    pub(super) fn column(&self, feature: usize, step: usize) -> impl Iterator<Item = f32> + '_ {
        self.values.iter().skip(feature).step_by(step * self.n_features).copied()
    }
}
