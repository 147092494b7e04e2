use sidecart_core::ItemId;

use crate::Vocabulary;

/// What [`coverage`] says, in words.
pub const COVERAGE_EXPLANATION: &str = "share of the vocabulary offered at least once among the first 10 of all cases";

/// The share of the vocabulary that was shown at least once, in [0, 1]; `None` for an empty
/// vocabulary or when nothing was shown. Shown items outside the vocabulary do not count.
#[must_use]
pub fn coverage(shown: impl IntoIterator<Item = ItemId>, vocabulary: &Vocabulary) -> Option<f64> {
    let mut seen = vec![false; vocabulary.len()];
    let (mut n_seen, mut any_shown) = (0u64, false);
    for item in shown {
        any_shown = true;
        if let Some(rank) = vocabulary.rank(item)
            && !std::mem::replace(&mut seen[rank], true)
        {
            n_seen += 1;
        }
    }
    (any_shown && !vocabulary.is_empty()).then(|| n_seen as f64 / vocabulary.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let vocabulary = Vocabulary::new(&[3, 3, 3, 3, 0], 1, 10);
        let shown = [0, 2, 2, 4, 9].map(ItemId);
        assert_eq!(coverage(shown, &vocabulary), Some(0.5));
        assert_eq!(coverage([ItemId(4)], &vocabulary), Some(0.0));
        assert_eq!(coverage([], &vocabulary), None);
        assert_eq!(coverage(shown, &Vocabulary::new(&[0], 1, 10)), None);
    }
}
