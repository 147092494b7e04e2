use sidecart_core::{ItemId, Scored, TopK};
use sidecart_kernels::QuantisedVector;

use crate::probability::Shares;
use crate::ranker::RankerMemory;
use crate::settings::{N_SIGNALS, Weights};

/// In place of a candidate's position: the item is in the basket and may not be offered.
const IN_BASKET: u32 = u32::MAX;
/// The item may not be offered.
const BLOCKED: u32 = u32::MAX - 1;

/// An item that may be offered, with its signals.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(crate) struct Candidate {
    pub(crate) item: u32,
    pub(crate) signals: Weights,
}

/// Memory of one thread for answering queries: after the first few queries nothing is allocated.
///
/// 4 bytes per item of the catalogue (16 with a ranker) and per kept basket, and 64 per candidate
/// (128 with a ranker). The candidates of
/// a query stand side by side, so that normalising, ranking and forgetting them cost their number
/// and not the catalogue's.
pub struct Scratch {
    /// By item: 0, the position of its candidate plus one, or a mark.
    places: Vec<u32>,
    marked: Vec<u32>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) basket: Vec<ItemId>,
    pub(crate) basket_scores: Vec<f32>,
    pub(crate) touched_baskets: Vec<u32>,
    pub(crate) nearest: TopK,
    pub(crate) query_vector: Vec<f32>,
    pub(crate) quantised_vector: QuantisedVector,
    /// Candidates that have a vector, with its row.
    pub(crate) vector_places: Vec<u32>,
    pub(crate) vector_rows: Vec<u32>,
    pub(crate) scan: sidecart_kernels::Scratch,
    pub(crate) exponentials: Vec<f32>,
    pub(crate) top: TopK,
    pub(crate) ranked: Vec<Scored>,
    pub(crate) shares: Shares,
    pub(crate) probabilities: Vec<f32>,
    pub(crate) ranker: RankerMemory,
}

impl Scratch {
    pub(crate) fn new(n_items: usize, n_baskets: usize) -> Self {
        Self {
            places: vec![0; n_items],
            marked: Vec::with_capacity(1 << 10),
            candidates: Vec::with_capacity(n_items.min(1 << 13)),
            basket: Vec::with_capacity(64),
            basket_scores: vec![0.0; n_baskets],
            touched_baskets: Vec::with_capacity(1 << 12),
            nearest: TopK::new(0),
            query_vector: Vec::new(),
            quantised_vector: QuantisedVector::default(),
            vector_places: Vec::new(),
            vector_rows: Vec::new(),
            scan: sidecart_kernels::Scratch::default(),
            exponentials: Vec::new(),
            top: TopK::new(0),
            ranked: Vec::new(),
            shares: Shares::None,
            probabilities: Vec::new(),
            ranker: RankerMemory::default(),
        }
    }

    /// Forgets the last query; memory of another model is made anew. O(what the query touched).
    pub(crate) fn prepare(&mut self, n_items: usize, n_baskets: usize) {
        if self.places.len() != n_items || self.basket_scores.len() != n_baskets {
            *self = Self::new(n_items, n_baskets);
            return;
        }
        for candidate in &self.candidates {
            self.places[candidate.item as usize] = 0;
        }
        for &item in &self.marked {
            self.places[item as usize] = 0;
        }
        self.candidates.clear();
        self.marked.clear();
        self.basket.clear();
        self.ranked.clear();
        self.shares = Shares::None;
        self.probabilities.clear();
    }

    /// The position of an item among the candidates, which it becomes; `None` where it may not be
    /// offered.
    #[inline]
    pub(crate) fn candidate(&mut self, item: u32) -> Option<usize> {
        let place = &mut self.places[item as usize];
        if *place == 0 {
            self.candidates.push(Candidate { item, signals: [0.0; N_SIGNALS] });
            *place = self.candidates.len() as u32;
        } else if *place >= BLOCKED {
            return None;
        }
        Some(*place as usize - 1)
    }

    /// The position of an item among the candidates, where it is one.
    #[inline]
    pub(crate) fn known_candidate(&self, item: u32) -> Option<usize> {
        let place = self.places[item as usize];
        (place != 0 && place < BLOCKED).then(|| place as usize - 1)
    }

    /// The signals of an item, which becomes a candidate; `None` where it may not be offered.
    #[inline]
    pub(crate) fn signals(&mut self, item: u32) -> Option<&mut Weights> {
        self.candidate(item).map(|place| &mut self.candidates[place].signals)
    }

    /// Adds to a signal of an item, unless it may not be offered.
    #[inline]
    pub(crate) fn add(&mut self, signal: usize, item: u32, score: f32) {
        if let Some(signals) = self.signals(item) {
            signals[signal] += score;
        }
    }

    /// Puts an item into the basket, once.
    pub(crate) fn put_in_basket(&mut self, item: ItemId) {
        self.block(item.0);
        if self.places[item.index()] != IN_BASKET {
            self.places[item.index()] = IN_BASKET;
            self.basket.push(item);
        }
    }

    /// Blocks an item for the rest of the query; false when it was blocked before.
    pub(crate) fn block(&mut self, item: u32) -> bool {
        let place = &mut self.places[item as usize];
        if *place >= BLOCKED {
            return false;
        }
        if *place == 0 {
            self.marked.push(item);
        }
        *place = BLOCKED;
        true
    }

    #[inline]
    pub(crate) fn is_blocked(&self, item: u32) -> bool {
        self.places[item as usize] >= BLOCKED
    }

    #[inline]
    pub(crate) fn is_in_basket(&self, item: ItemId) -> bool {
        self.places[item.index()] == IN_BASKET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_leaves_nothing_behind() {
        let mut scratch = Scratch::new(5, 2);
        scratch.put_in_basket(ItemId(1));
        scratch.put_in_basket(ItemId(1));
        assert!(scratch.block(2) && !scratch.block(2) && !scratch.block(1));
        scratch.add(0, 1, 1.0);
        scratch.add(0, 3, 1.0);
        scratch.add(0, 3, 0.5);
        scratch.add(6, 4, 2.0);
        let candidates: Vec<_> = scratch.candidates.iter().map(|c| (c.item, c.signals[0], c.signals[6])).collect();
        assert_eq!(candidates, [(3, 1.5, 0.0), (4, 0.0, 2.0)]);
        assert_eq!(scratch.basket, [ItemId(1)]);
        assert!(scratch.is_in_basket(ItemId(1)) && !scratch.is_in_basket(ItemId(2)) && scratch.is_blocked(2));
        assert!(scratch.block(4) && scratch.is_blocked(4), "a candidate can be blocked too");

        scratch.prepare(5, 2);
        assert!(scratch.candidates.is_empty() && scratch.basket.is_empty());
        assert!((0..5).all(|item| !scratch.is_blocked(item)));
        assert!(scratch.signals(4).is_some_and(|signals| *signals == [0.0; N_SIGNALS]));
    }

    #[test]
    fn memory_of_another_model_is_made_anew() {
        let mut scratch = Scratch::new(5, 2);
        scratch.block(4);
        scratch.prepare(9, 3);
        scratch.add(0, 8, 1.0);
        assert_eq!((scratch.candidates.len(), scratch.basket_scores.len()), (1, 3));
    }
}
