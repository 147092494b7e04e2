use sidecart_core::TextTable;

use super::super::MAX_PROMOTION_KINDS;
use crate::error::{Error, Result};

/// Name of the tensor with the names of the kinds (prefix of a text table).
pub(super) const KINDS: &str = "upsell.promotion_kinds";

/// Which kinds of promotion a model tells apart, and in which slot each of them is.
///
/// The kinds stand by falling number of rows, ties by name. The first
/// [`MAX_PROMOTION_KINDS`] have a slot of their own, all others share the last slot. A kind that
/// is not listed has no slot: the model has learned nothing of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PromotionKinds {
    names: TextTable,
}

impl PromotionKinds {
    /// Ranks kinds by their number of rows. `names` are the names of a calendar, `rows` the
    /// position of each row's kind in it; rows without a kind, or with one beyond the names, are
    /// one more kind with an empty name. Kinds without a row are left out. O(rows).
    #[must_use]
    pub fn by_rows(names: &TextTable, rows: impl Iterator<Item = Option<u8>>) -> Self {
        let mut counts = [0u64; 1 << 8];
        let mut n_unnamed = 0u64;
        for kind in rows {
            match kind {
                Some(kind) => counts[usize::from(kind)] += 1,
                None => n_unnamed += 1,
            }
        }
        let named = counts.len().min(names.len());
        n_unnamed += counts[named..].iter().sum::<u64>();
        let mut ranked: Vec<(u64, &str)> = counts[..named].iter().copied().zip(names.iter()).collect();
        ranked.push((n_unnamed, ""));
        ranked.retain(|&(n_rows, _)| n_rows > 0);
        ranked.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        Self { names: ranked.iter().map(|(_, name)| name).collect() }
    }

    /// Takes stored names.
    ///
    /// # Errors
    /// [`Error::Model`] where a name stands twice or there are more than 256.
    pub fn from_names(names: TextTable) -> Result<Self> {
        let mut sorted: Vec<&str> = names.iter().collect();
        sorted.sort_unstable();
        let problem = if names.len() > 1 << 8 {
            Some(("more kinds than a calendar can have", "at most 256", names.len().to_string()))
        } else {
            let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]);
            twice.map(|pair| ("a kind stands twice", "distinct names", pair[0].to_owned()))
        };
        match problem {
            Some((problem, expected, got)) => {
                Err(Error::Model { section: KINDS, problem, expected: expected.into(), got })
            }
            None => Ok(Self { names }),
        }
    }

    /// All names, the kind with most rows first; the empty name stands for rows without a kind.
    #[must_use]
    pub fn names(&self) -> &TextTable {
        &self.names
    }

    /// Number of slots, at most [`MAX_PROMOTION_KINDS`].
    #[must_use]
    pub fn n_slots(&self) -> usize {
        self.names.len().min(MAX_PROMOTION_KINDS)
    }

    /// The slot of a kind, below [`n_slots`](Self::n_slots); none for an unknown kind.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name).map(|rank| rank.min(MAX_PROMOTION_KINDS - 1))
    }
}
