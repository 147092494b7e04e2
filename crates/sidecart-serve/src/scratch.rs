use sidecart_core::{ItemId, Scored, TopK};

use crate::settings::N_SIGNALS;

/// The item is a candidate of the present query.
pub(crate) const TOUCHED: u8 = 1;
/// The item may not be offered.
pub(crate) const BLOCKED: u8 = 2;
/// The item is in the basket.
pub(crate) const IN_BASKET: u8 = 4;

/// Memory of one thread for answering queries: after the first few queries nothing is allocated.
///
/// About 33 bytes per item of the catalogue and 4 per kept basket.
pub struct Scratch {
    /// One score per signal and item; zero where the item is no candidate.
    pub(crate) signals: [Vec<f32>; N_SIGNALS],
    pub(crate) marks: Vec<u8>,
    pub(crate) touched: Vec<u32>,
    pub(crate) marked: Vec<u32>,
    pub(crate) basket: Vec<ItemId>,
    pub(crate) basket_scores: Vec<f32>,
    pub(crate) touched_baskets: Vec<u32>,
    pub(crate) nearest: TopK,
    pub(crate) query_vector: Vec<f32>,
    pub(crate) scan: sidecart_kernels::Scratch,
    pub(crate) top: TopK,
    pub(crate) ranked: Vec<Scored>,
    pub(crate) n_own: usize,
}

impl Scratch {
    pub(crate) fn new(n_items: usize, n_baskets: usize) -> Self {
        Self {
            signals: std::array::from_fn(|_| vec![0.0; n_items]),
            marks: vec![0; n_items],
            touched: Vec::with_capacity(n_items.min(1 << 14)),
            marked: Vec::with_capacity(1 << 10),
            basket: Vec::with_capacity(64),
            basket_scores: vec![0.0; n_baskets],
            touched_baskets: Vec::with_capacity(1 << 12),
            nearest: TopK::new(0),
            query_vector: Vec::new(),
            scan: sidecart_kernels::Scratch::default(),
            top: TopK::new(0),
            ranked: Vec::new(),
            n_own: 0,
        }
    }

    /// Adds to a signal of an item, making it a candidate.
    #[inline]
    pub(crate) fn add(&mut self, signal: usize, item: u32, score: f32) {
        let at = item as usize;
        if self.marks[at] & TOUCHED == 0 {
            self.marks[at] |= TOUCHED;
            self.touched.push(item);
        }
        self.signals[signal][at] += score;
    }

    pub(crate) fn mark(&mut self, item: u32, mark: u8) {
        let at = item as usize;
        if self.marks[at] & !TOUCHED == 0 {
            self.marked.push(item);
        }
        self.marks[at] |= mark;
    }

    #[inline]
    pub(crate) fn is(&self, item: u32, mark: u8) -> bool {
        self.marks[item as usize] & mark != 0
    }

    /// Forgets the last query. O(what it touched).
    pub(crate) fn clear(&mut self) {
        for &item in &self.touched {
            self.marks[item as usize] = 0;
            for signal in &mut self.signals {
                signal[item as usize] = 0.0;
            }
        }
        for &item in &self.marked {
            self.marks[item as usize] = 0;
        }
        self.touched.clear();
        self.marked.clear();
        self.basket.clear();
        self.ranked.clear();
        self.n_own = 0;
    }
}
