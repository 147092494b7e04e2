use sidecart_core::ItemId;

use super::mean;
use crate::Vocabulary;

/// What [`popularity`] says, in words.
pub const POPULARITY_EXPLANATION: &str =
    "mean popularity percentile of the first 10 offers: .5 as if drawn at random, near 1 only bestsellers";

/// The mean popularity percentile of shown items, in [0, 1]; `None` when nothing was shown. An
/// item outside the vocabulary counts 0: it sold less than any item inside.
#[must_use]
pub fn popularity(shown: &[ItemId], vocabulary: &Vocabulary) -> Option<f64> {
    mean(shown.iter().map(|&item| vocabulary.percentile(item).unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Percentiles .75 and .25.
        let vocabulary = Vocabulary::new(&[9, 4, 0], 1, 10);
        assert_eq!(popularity(&[ItemId(0), ItemId(1)], &vocabulary), Some(0.5));
        assert_eq!(popularity(&[ItemId(0), ItemId(2)], &vocabulary), Some(0.375));
        assert_eq!(popularity(&[], &vocabulary), None);
    }
}
