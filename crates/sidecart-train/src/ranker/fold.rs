use sidecart_serve::Scorer;
use sidecart_serve::ranker::RankerTables;

use super::cases::RankingCases;
use crate::hold_out::HoldOut;

/// Cases with a scorer that has not seen their baskets.
pub struct Fold {
    /// Base models of what was before the split.
    pub scorer: Scorer,
    /// What was before, and the pasts of the customers after.
    pub split: HoldOut,
    /// What rankers read, of what was before.
    pub tables: RankerTables,
    /// Baskets after the split with items hidden.
    pub cases: RankingCases,
}
