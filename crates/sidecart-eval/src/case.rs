use sidecart_core::{CustomerId, ItemId, Time};

use crate::{ProtocolFacts, Vocabulary};

/// One question with a known answer: a basket from which an item was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// Number of the case, unique within its set.
    pub query_id: i64,
    /// Who bought the basket; `None` for an anonymous one.
    pub customer: Option<CustomerId>,
    /// What is left in the basket, in rising id.
    pub basket: Vec<ItemId>,
    /// The hidden item, never part of `basket`.
    pub target: ItemId,
    /// When the basket was bought; only strictly earlier purchases may be used to answer.
    pub time: Time,
    /// Whether the customer is known and had not bought the target in any earlier basket.
    pub is_new: bool,
    /// Whether the customer is known and has no earlier basket at all.
    pub is_first_basket: bool,
    /// Whether the target is too rare in training to be in the vocabulary; such cases stand in a
    /// slice of their own and in no other.
    pub is_cold_item: bool,
    /// Whether the target is outside the head of most popular training items.
    pub is_tail: bool,
    /// Index of the customer's segment among the labels of the evaluation.
    pub segment: Option<u16>,
    /// Number of the store.
    pub store: Option<u32>,
}

impl Case {
    /// What a ranker may see of the case: everything but the answer.
    #[must_use]
    pub fn query(&self) -> Query<'_> {
        Query {
            query_id: self.query_id,
            customer: self.customer,
            basket: &self.basket,
            time: self.time,
            segment: self.segment,
            store: self.store,
        }
    }
}

/// The part of a [`Case`] that a ranker sees; the hidden item is not in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Query<'a> {
    /// Number of the case.
    pub query_id: i64,
    /// Who is asking; `None` for an anonymous basket.
    pub customer: Option<CustomerId>,
    /// The basket so far, in rising id; none of these may be offered.
    pub basket: &'a [ItemId],
    /// The time of the question.
    pub time: Time,
    /// Index of the customer's segment.
    pub segment: Option<u16>,
    /// Number of the store.
    pub store: Option<u32>,
}

/// Cases of one protocol with the vocabulary they were drawn from.
#[derive(Clone, Debug)]
pub struct CaseSet {
    /// The cases, by time and basket key.
    pub cases: Vec<Case>,
    /// The items that can be asked for, with their popularity in training.
    pub vocabulary: Vocabulary,
    /// How the cases came to be.
    pub facts: ProtocolFacts,
}
