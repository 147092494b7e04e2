use crate::KernelError;
use crate::top_k::kernel::BLOCK;

/// One number per row that is added to its score, checked once and used by many queries.
#[derive(Clone, Debug)]
pub struct RowBias {
    /// Filled up to whole blocks with zeros.
    padded: Vec<f32>,
    n_rows: usize,
    largest: f32,
}

impl RowBias {
    /// Takes the bias of each row.
    ///
    /// # Errors
    /// [`KernelError::NotFinite`] with the first offending position.
    pub fn new(bias: &[f32]) -> Result<Self, KernelError> {
        check_finite("bias", bias)?;
        let mut padded = bias.to_vec();
        padded.resize(bias.len().next_multiple_of(BLOCK), 0.0);
        let largest = bias.iter().fold(0.0f32, |most, b| most.max(b.abs()));
        Ok(Self { padded, n_rows: bias.len(), largest })
    }

    /// The bias of each row.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.padded[..self.n_rows]
    }

    pub(crate) fn padded(&self) -> &[f32] {
        &self.padded
    }

    pub(crate) fn largest(&self) -> f32 {
        self.largest
    }
}

pub(crate) fn check_finite(what: &'static str, values: &[f32]) -> Result<(), KernelError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(position) => Err(KernelError::NotFinite { what, position, value: values[position] }),
    }
}
