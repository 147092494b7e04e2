use sidecart_core::{ItemId, Money};

use super::best_sets::{BestSets, Found};
use super::pair_sums::PairSums;
use super::price_groups::PriceGroups;
use crate::error::{Error, Result};

/// Most items of one filling.
pub const MAX_FILLERS: usize = 4;
/// Most fillings of one answer.
pub const MAX_FILLINGS: usize = 16;
/// Most candidates; give the most relevant ones.
pub const MAX_THRESHOLD_CANDIDATES: usize = 200;

/// Highest price of a candidate: sums of [`MAX_FILLERS`] stay far from the end of an `i64`.
const MAX_PRICE: i64 = Money::MAX_ROW as i64 * Money::SCALE;
/// Steps of relevance: sums of whole steps do not depend on their order.
const RELEVANCE_STEPS: f64 = (1u32 << 30) as f64;

/// A candidate for filling a gap.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Filler {
    /// The item.
    pub item: ItemId,
    /// What it adds to the basket. Free items (0 or less) never fill.
    pub price: Money,
    /// Probability that it is bought, 0..=1; compared in steps of 2^-30.
    pub relevance: f64,
    /// What it is worth to the shop, in any unit; it is added up and never decides.
    pub value: f64,
}

/// What is missing to a threshold, and what may be offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThresholdGap {
    /// The missing amount; at 0 or less there is nothing to fill.
    pub gap: Money,
    /// Nothing is offered that exceeds the gap by more; a negative amount counts as 0.
    pub max_overshoot: Money,
    /// Most items of a filling, 1..=[`MAX_FILLERS`].
    pub max_items: usize,
    /// How many fillings, 1..=[`MAX_FILLINGS`].
    pub n_fillings: usize,
}

/// A set of items that together reach the threshold.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Filling {
    items: [ItemId; MAX_FILLERS],
    n_items: usize,
    /// Sum of the prices.
    pub total: Money,
    /// What the sum exceeds the gap by, at least 0.
    pub overshoot: Money,
    /// Sum of the relevances: the expected number of items that are bought.
    pub relevance: f64,
    /// Sum of the values.
    pub value: f64,
}

impl Filling {
    /// The items, in rising id.
    #[must_use]
    pub fn items(&self) -> &[ItemId] {
        &self.items[..self.n_items]
    }
}

/// Why there is no filling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoFilling {
    /// The gap is 0 or less.
    AlreadyReached,
    /// No candidate costs anything, or each alone exceeds the gap by too much.
    NoCandidate,
    /// No set of so few items reaches the gap and exceeds it by so little.
    NoneWithin,
}

/// Fillings, best first.
#[derive(Clone, PartialEq, Debug)]
pub struct Fillings {
    /// The best distinct sets; all there are where these are fewer than asked for.
    pub sets: Vec<Filling>,
    /// Set where there is none.
    pub none: Option<NoFilling>,
    /// What was looked at: sums and sets. A measure of work that no machine changes.
    pub n_steps: u64,
}

/// Finds fillings; keeps its memory between calls. One per thread.
///
/// ```
/// use sidecart_core::{ItemId, Money};
/// use sidecart_serve::offers::threshold::{Filler, ThresholdFiller, ThresholdGap};
///
/// let candidate = |item, cents: i64, relevance| Filler {
///     item: ItemId(item), price: Money(cents * 100), relevance, value: 0.0,
/// };
/// let candidates = [candidate(0, 199, 0.2), candidate(1, 249, 0.1), candidate(2, 599, 0.3), candidate(3, 222, 0.1)];
/// let gap = ThresholdGap { gap: Money(42_000), max_overshoot: Money(20_000), max_items: 3, n_fillings: 2 };
/// let found = ThresholdFiller::default().fill(&candidates, &gap)?;
/// assert_eq!(found.sets[0].items(), [ItemId(0), ItemId(3)]); // 1.99 + 2.22 = 4.21
/// assert_eq!(found.sets[0].overshoot, Money(100));
/// assert_eq!(found.sets[1].items(), [ItemId(0), ItemId(1)]);
/// # Ok::<(), sidecart_serve::Error>(())
/// ```
#[derive(Default)]
pub struct ThresholdFiller {
    groups: PriceGroups,
    pairs: PairSums,
    best: BestSets,
    sums: Vec<i64>,
    classes: Vec<(i64, usize)>,
}

impl ThresholdFiller {
    /// The best sets of 1..=`max_items` candidates whose prices add up to the gap or more.
    ///
    /// Less overshoot is better, then fewer items, then greater relevance, then the smaller ids
    /// (compared in rising order). Exact, and without a budget: with `n` candidates it takes
    /// O(n² log n) to sort the sums of two and to find the least sums of three and four, and O(n³)
    /// at most to compare the sets of one sum and size, of which there are fewer than `n³ / 6`; the
    /// latter happens only where very many sets have the same total, and for at most
    /// `n_fillings` totals. `n_steps` counts both.
    ///
    /// # Errors
    /// [`Error::Query`] for a request outside its ranges, too many candidates, an item twice, a
    /// price above [`Money::MAX_ROW`], or a relevance or value that is no number in its range.
    pub fn fill(&mut self, candidates: &[Filler], request: &ThresholdGap) -> Result<Fillings> {
        check(candidates, request)?;
        let none = |reason| Ok(Fillings { sets: Vec::new(), none: Some(reason), n_steps: 0 });
        let gap = request.gap.0;
        if gap <= 0 {
            return none(NoFilling::AlreadyReached);
        }
        let limit = gap.saturating_add(request.max_overshoot.0.max(0));
        let relevance = |filler: &Filler| (filler.relevance * RELEVANCE_STEPS).round() as u64;
        let priced = candidates.iter().filter(|f| f.price.0 > 0 && f.price.0 <= limit);
        self.groups.build(
            priced.map(|f| (f.price.0, relevance(f), f.item)),
            request.max_items,
            request.max_items + request.n_fillings - 1,
        );
        if self.groups.slots().is_empty() {
            return none(NoFilling::NoCandidate);
        }
        let mut n_steps = self.find_classes(gap, limit, request);
        let mut sets = Vec::with_capacity(request.n_fillings);
        for at in 0..self.classes.len() {
            let (sum, n_items) = self.classes[at];
            let wanted = request.n_fillings - sets.len();
            if wanted == 0 {
                break;
            }
            n_steps += self.best.find(&self.groups, &self.pairs, sum, n_items, wanted);
            sets.extend(self.best.found().iter().map(|found| filling(found, n_items, sum, gap, candidates)));
        }
        let none = sets.is_empty().then_some(NoFilling::NoneWithin);
        Ok(Fillings { sets, none, n_steps })
    }

    /// Totals with sizes in the order of the answer: the least `n_fillings` totals of every size.
    fn find_classes(&mut self, gap: i64, limit: i64, request: &ThresholdGap) -> u64 {
        self.classes.clear();
        let mut n_steps = 0;
        if request.max_items > 1 {
            n_steps += self.pairs.build(self.groups.slots(), limit);
        }
        for n_items in 1..=request.max_items {
            let slots = self.groups.slots();
            n_steps += self.pairs.least_sums(slots, n_items, gap, limit, request.n_fillings, &mut self.sums);
            self.classes.extend(self.sums.iter().map(|&sum| (sum, n_items)));
        }
        self.classes.sort_unstable();
        n_steps
    }
}

fn filling(found: &Found, n_items: usize, total: i64, gap: i64, candidates: &[Filler]) -> Filling {
    let items = found.items;
    let value_of = |item: &ItemId| candidates.iter().find(|f| f.item == *item).map_or(0.0, |f| f.value);
    Filling {
        items,
        n_items,
        total: Money(total),
        overshoot: Money(total - gap),
        relevance: found.relevance as f64 / RELEVANCE_STEPS,
        value: items[..n_items].iter().map(value_of).sum(),
    }
}

fn check(candidates: &[Filler], request: &ThresholdGap) -> Result<()> {
    let refuse = |field, got: String, expected: String| Err(Error::Query { field, got, expected });
    if !(1..=MAX_FILLERS).contains(&request.max_items) {
        return refuse("max_items", request.max_items.to_string(), format!("1 to {MAX_FILLERS}"));
    }
    if !(1..=MAX_FILLINGS).contains(&request.n_fillings) {
        return refuse("n_fillings", request.n_fillings.to_string(), format!("1 to {MAX_FILLINGS}"));
    }
    if candidates.len() > MAX_THRESHOLD_CANDIDATES {
        let got = format!("{} candidates", candidates.len());
        return refuse("candidates", got, format!("at most {MAX_THRESHOLD_CANDIDATES}; give the most relevant ones"));
    }
    let mut items = [ItemId(0); MAX_THRESHOLD_CANDIDATES];
    let items = &mut items[..candidates.len()];
    for (slot, filler) in items.iter_mut().zip(candidates) {
        *slot = filler.item;
        if filler.price.0 > MAX_PRICE {
            return refuse("price", filler.price.to_string(), format!("at most {}", Money(MAX_PRICE)));
        }
        if !(0.0..=1.0).contains(&filler.relevance) {
            return refuse("relevance", filler.relevance.to_string(), "a probability from 0 to 1".into());
        }
        if !filler.value.is_finite() {
            return refuse("value", filler.value.to_string(), "a finite number".into());
        }
    }
    items.sort_unstable();
    match items.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => refuse("candidates", format!("item {} twice", pair[0].0), "every item once".into()),
        None => Ok(()),
    }
}
