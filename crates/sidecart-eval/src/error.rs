use sidecart_core::Cancelled;

use crate::RankError;

/// Why cases could not be built or rankers not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A parameter is outside its range.
    #[error("{field} is {got}, expected {expected}")]
    Parameter {
        /// Name of the parameter.
        field: &'static str,
        /// The value given.
        got: String,
        /// The valid range.
        expected: &'static str,
    },
    /// Two test baskets share a key, so the choice of cases would depend on their order.
    #[error("two test baskets share the key {key:032x}; merge them or give each its own key")]
    DuplicateBasket {
        /// The key.
        key: u128,
    },
    /// A case names a segment without a label.
    #[error("query {query_id} is of segment {got}, expected a number below {n_segments}; label every segment")]
    UnknownSegment {
        /// The case.
        query_id: i64,
        /// Its segment.
        got: u16,
        /// Number of labelled segments.
        n_segments: usize,
    },
    /// Two rankers share a name.
    #[error("two rankers are called {name:?}; rename one of them")]
    DuplicateRanker {
        /// The name.
        name: String,
    },
    /// What a ranker has answered belongs to other cases.
    #[error("{ranker:?} has answered {got} cases, not the {expected} of this evaluation")]
    OtherCases {
        /// Name of the ranker.
        ranker: String,
        /// Cases of the evaluation.
        expected: usize,
        /// Cases answered.
        got: usize,
    },
    /// The ranker to compare with does not take part.
    #[error("no ranker is called {name:?}, expected one of: {}", known.join(", "))]
    UnknownReference {
        /// The name asked for.
        name: String,
        /// The names that take part.
        known: Vec<String>,
    },
    /// A ranker was trained on other data than the cases assume.
    #[error(
        "ranker {ranker:?} was trained on data {got}, expected {expected}; retrain it on the training part of this split"
    )]
    OtherData {
        /// The ranker.
        ranker: String,
        /// Fingerprint of the training data behind the cases.
        expected: String,
        /// Fingerprint the ranker reports.
        got: String,
    },
    /// A ranker returned lists that cannot be scored.
    #[error(
        "ranker {ranker:?} offered {context_items} items that were already in the basket, {duplicates} items twice and \
         {surplus} items beyond the length asked for, first in query {query_id}; exclude and cut inside its search"
    )]
    InvalidLists {
        /// The ranker.
        ranker: String,
        /// The first query with such a list.
        query_id: i64,
        /// Offers of items that the query's basket holds.
        context_items: u64,
        /// Offers of items that stand further up in the same list.
        duplicates: u64,
        /// Offers beyond the length asked for.
        surplus: u64,
    },
    /// A ranker failed.
    #[error("ranker {ranker:?} failed at query {query_id}")]
    Ranker {
        /// The ranker.
        ranker: String,
        /// The first query it failed at.
        query_id: i64,
        /// What it said.
        source: RankError,
    },
    /// The run was stopped.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
