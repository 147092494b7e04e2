use sidecart_core::ItemId;

use crate::Vocabulary;

/// What [`tail_share`] says, in words.
pub const TAIL_SHARE_EXPLANATION: &str = "share of the first 10 offers that are no bestsellers";

/// The share of shown items that are tail, in [0, 1]; `None` when nothing was shown. An item counts
/// as often as it was shown.
#[must_use]
pub fn tail_share(shown: impl IntoIterator<Item = ItemId>, vocabulary: &Vocabulary) -> Option<f64> {
    let (mut n_tail, mut n) = (0u64, 0u64);
    for item in shown {
        n += 1;
        n_tail += u64::from(vocabulary.is_tail(item));
    }
    (n > 0).then(|| n_tail as f64 / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Item 1 alone is the head; item 4 is outside the vocabulary and so tail.
        let vocabulary = Vocabulary::new(&[5, 9, 2, 5, 0], 1, 1000);
        assert_eq!(tail_share([1, 1, 0, 4].map(ItemId), &vocabulary), Some(0.5));
        assert_eq!(tail_share([ItemId(1)], &vocabulary), Some(0.0));
        assert_eq!(tail_share([], &vocabulary), None);
    }
}
