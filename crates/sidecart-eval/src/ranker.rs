use sidecart_core::ItemId;

use crate::Query;

/// What a ranker says when it fails.
pub type RankError = Box<dyn std::error::Error + Send + Sync>;

/// Anything that can order items for a query.
///
/// The evaluator opens one [`RankSession`] per piece of work, so a ranker may keep scratch memory
/// there; the answers must not depend on which session gives them, or in which order.
pub trait Ranker: Sync {
    /// The name in reports, unique within an evaluation.
    fn name(&self) -> &str;

    /// The data it was trained on, when it knows: the evaluator refuses a ranker whose
    /// fingerprint differs from the one of the cases.
    fn data_fingerprint(&self) -> Option<&str> {
        None
    }

    /// Opens a session of its own scratch memory for one thread.
    fn session(&self) -> Box<dyn RankSession + '_>;
}

/// One thread's use of a [`Ranker`].
pub trait RankSession {
    /// Appends the best `k` items for the query to `out`, best first; `out` comes empty.
    ///
    /// Fewer are fine. Items of the query's basket, an item given twice and more than `k` items
    /// make the evaluation fail.
    ///
    /// # Errors
    /// Whatever keeps the ranker from answering; the evaluation then stops and names the query.
    fn rank(&mut self, query: Query<'_>, k: usize, out: &mut Vec<ItemId>) -> Result<(), RankError>;
}

/// A [`Ranker`] made of a function that keeps no state and cannot fail; see the example of the
/// crate.
pub struct RankFn<F> {
    name: String,
    rank: F,
}

impl<F: Fn(Query<'_>, usize, &mut Vec<ItemId>) + Sync> RankFn<F> {
    /// A ranker that calls `rank(query, k, out)`.
    pub fn new(name: impl Into<String>, rank: F) -> Self {
        Self { name: name.into(), rank }
    }
}

impl<F: Fn(Query<'_>, usize, &mut Vec<ItemId>) + Sync> Ranker for RankFn<F> {
    fn name(&self) -> &str {
        &self.name
    }

    fn session(&self) -> Box<dyn RankSession + '_> {
        Box::new(RankFnSession(&self.rank))
    }
}

struct RankFnSession<'a, F>(&'a F);

impl<F: Fn(Query<'_>, usize, &mut Vec<ItemId>)> RankSession for RankFnSession<'_, F> {
    fn rank(&mut self, query: Query<'_>, k: usize, out: &mut Vec<ItemId>) -> Result<(), RankError> {
        (self.0)(query, k, out);
        Ok(())
    }
}
