use super::tables::RankerTables;
use crate::settings::Weights;

/// What a query knows of one kind, in one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct KindState {
    epoch: u32,
    /// Items of the kind in the basket.
    pub in_basket: f32,
    /// Sum and maximum over the basket's items of the lift towards the kind.
    pub lift: f32,
    pub lift_max: f32,
    /// The same with first purchases.
    pub first_lift: f32,
    pub first_lift_max: f32,
    /// The customer's lines of the kind, decayed and plain, and distinct items.
    pub weight: f32,
    pub n_lines: f32,
    pub n_distinct: f32,
    /// Age in days of the newest and of the oldest line.
    pub newest: f32,
    pub oldest: f32,
    /// Baskets with the kind, and the last one counted.
    pub n_baskets: f32,
    pub last_basket: u32,
    /// Sum of ln prices over the customer's lines.
    pub price_sum: f32,
    /// ln of the customer's share of the kind over the share it has of all first purchases.
    pub affinity: f32,
}

/// What a query knows of a family, maker or line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GroupState {
    epoch: u32,
    /// Items in the basket.
    pub in_basket: f32,
    /// The customer's lines, decayed.
    pub weight: f32,
    /// Distinct items the customer bought.
    pub n_distinct: f32,
}

/// States by group that cost nothing to forget: a state of another query counts as empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups<T> {
    states: Vec<T>,
    /// What is known of a group without a state.
    none: T,
    /// Groups with a state, in the order of their first use.
    pub touched: Vec<u32>,
}

pub(crate) trait State: Copy + Default {
    fn epoch(&mut self) -> &mut u32;
    fn is_of(&self, epoch: u32) -> bool;
}

macro_rules! state {
    ($name:ty) => {
        impl State for $name {
            #[inline]
            fn epoch(&mut self) -> &mut u32 {
                &mut self.epoch
            }
            #[inline]
            fn is_of(&self, epoch: u32) -> bool {
                self.epoch == epoch
            }
        }
    };
}
state!(KindState);
state!(GroupState);

impl<T: State> Groups<T> {
    fn resize(&mut self, n: usize) {
        self.states.clear();
        self.states.resize(n, T::default());
        self.touched.clear();
    }

    /// The state of a group, made where there is none; `None` for no group.
    #[inline]
    pub(crate) fn touch(&mut self, epoch: u32, group: u32) -> Option<&mut T> {
        let state = self.states.get_mut(group as usize)?;
        if !state.is_of(epoch) {
            *state = T::default();
            *state.epoch() = epoch;
            self.touched.push(group);
        }
        Some(state)
    }

    /// The state of a group; an empty one where there is none.
    #[inline]
    pub(crate) fn get(&self, epoch: u32, group: u32) -> &T {
        self.states.get(group as usize).filter(|state| state.is_of(epoch)).unwrap_or(&self.none)
    }
}

/// What a query knows of a candidate beside its signals.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct CandidateFacts {
    /// Strongest and second strongest neighbour score, and basket items that are neighbours.
    pub best: f32,
    pub second: f32,
    pub n_hits: f32,
    /// The customer's lines of the item: count, decayed over 7 and 30 days.
    pub n_own: f32,
    pub own_7: f32,
    pub own_30: f32,
    /// Age in days of the newest and of the oldest line.
    pub newest: f32,
    pub oldest: f32,
    /// How surely it is bought instead of an item of the basket, and of the customer's past.
    pub instead_of_basket: f32,
    pub instead_of_own: f32,
}

/// What a query knows of the basket and the customer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Basket items; mean ln price.
    pub n_basket: f32,
    pub basket_price: f32,
    /// The customer's baskets; mean ln price and share of own brands of their lines.
    pub n_past: f32,
    pub past_price: f32,
    pub past_private: f32,
    /// Sum of the decayed lines.
    pub weight: f32,
    /// Affinity of a kind that the customer never bought.
    pub no_affinity: f32,
}

/// Memory of one thread for ranking: dense by kind, family, maker, line and item of one model.
#[derive(Clone, Debug, Default)]
pub(crate) struct RankerMemory {
    pub epoch: u32,
    pub kinds: Groups<KindState>,
    pub families: Groups<GroupState>,
    pub makers: Groups<GroupState>,
    pub lines: Groups<GroupState>,
    /// By item: the query that saw it in the customer's past.
    pub seen: Vec<u32>,
    /// By item: the query that found it in its store's list, and what the list says.
    pub in_store: Vec<(u32, f32)>,
    pub facts: Vec<CandidateFacts>,
    /// One over the sum of every signal over the candidates.
    pub scales: Weights,
    /// Positions of the candidates that are looked at further.
    pub pool: Vec<u32>,
    /// Positions of those that the first stage keeps.
    pub kept: Vec<u32>,
    pub totals: Totals,
    pub order: Vec<(f32, u32)>,
    pub features: Vec<f32>,
    pub scores: Vec<f32>,
}

impl RankerMemory {
    /// Forgets the last query; memory of other tables is made anew.
    pub(crate) fn prepare(&mut self, tables: &RankerTables) {
        let sizes = [tables.kinds.len(), tables.n_families as usize, tables.n_makers as usize, tables.line_items.len()];
        let have =
            [self.kinds.states.len(), self.families.states.len(), self.makers.states.len(), self.lines.states.len()];
        if self.epoch == u32::MAX || sizes != have || self.seen.len() != tables.items.len() {
            self.epoch = 0;
            self.kinds.resize(sizes[0]);
            self.families.resize(sizes[1]);
            self.makers.resize(sizes[2]);
            self.lines.resize(sizes[3]);
            self.seen.clear();
            self.seen.resize(tables.items.len(), 0);
            self.in_store.clear();
            self.in_store.resize(tables.items.len(), (0, 0.0));
        }
        self.epoch += 1;
        self.kinds.touched.clear();
        self.families.touched.clear();
        self.makers.touched.clear();
        self.lines.touched.clear();
        self.facts.clear();
        self.pool.clear();
        self.totals = Totals::default();
    }
}
