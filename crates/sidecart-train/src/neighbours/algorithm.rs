use std::ops::Range;

use sidecart_core::{ItemId, ln};

use crate::counting::{
    CappedBaskets, Columns, CountingError, NarrowWeight, PairCounter, WEIGHT_ONE, WeightSum, WideWeight,
};

use super::measure::{LlrMargin, Similarity, Totals, log_likelihood_ratio};
use super::selection::Selection;
use super::{Measure, NeighbourParams};

/// The nearest items of every item, as compressed sparse rows.
///
/// ```
/// use sidecart_core::{Baskets, ItemId};
/// use sidecart_train::counting::CappedBaskets;
/// use sidecart_train::neighbours::{NeighbourParams, fit};
///
/// let baskets: Baskets = [vec![0, 1], vec![0, 1, 2], vec![2]].into_iter().map(|b| b.into_iter().map(ItemId)).collect();
/// let capped = CappedBaskets::new(&baskets, 3, 500, |_, item| u64::from(item.0));
/// let params = NeighbourParams { min_item_baskets: 1, ..Default::default() };
/// let neighbours = fit(&capped, &params)?;
/// let (items, scores) = neighbours.get(ItemId(0));
/// assert_eq!(items, [ItemId(1), ItemId(2)]);
/// assert!(scores[0] > scores[1]);
/// # Ok::<(), sidecart_train::counting::CountingError>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Neighbours {
    /// Where each item's neighbours begin; one value more than there are items.
    pub offsets: Vec<u64>,
    /// Neighbours, best first: falling score, then rising id.
    pub items: Vec<ItemId>,
    /// Scores, positive and finite.
    pub scores: Vec<f32>,
}

impl Neighbours {
    /// The neighbours of one item and their scores, best first.
    #[must_use]
    pub fn get(&self, item: ItemId) -> (&[ItemId], &[f32]) {
        let range = self.range(item);
        (&self.items[range.clone()], &self.scores[range])
    }

    fn range(&self, item: ItemId) -> Range<usize> {
        self.offsets[item.index()] as usize..self.offsets[item.index() + 1] as usize
    }
}

/// Finds the best `per_item` candidates of every item in enough baskets.
///
/// Each row is counted in full, scored and cut before the next, so memory is the result, 12 bytes
/// per line, and per thread one counter and 4 bytes per item; pairs are never all in memory. The
/// cost is two additions for every pair in every basket. The result is the same at any number of
/// threads.
///
/// # Errors
/// [`CountingError::Parameter`] for a setting outside its range, [`CountingError::TooManyLines`].
pub fn fit(baskets: &CappedBaskets<'_>, params: &NeighbourParams) -> Result<Neighbours, CountingError> {
    params.check()?;
    let labels = basket_weights(baskets, params);
    let columns = Columns::All;
    let (counter, sums) = rayon::join(
        || PairCounter::new(baskets.baskets(), &labels.weights, baskets.n_items(), columns, params.min_item_baskets),
        || item_sums(baskets, &labels.weights),
    );
    let counter = counter?;
    let weights: Vec<u64> = counter.items().iter().map(|item| sums[item.index()]).collect();
    let item_baskets: Vec<u32> = counter.items().iter().map(|item| counter.item_baskets()[item.index()]).collect();
    let totals = Totals {
        weights: &weights,
        baskets: &item_baskets,
        one: labels.one,
        n_baskets: baskets.baskets().len(),
        n_items: baskets.n_items(),
        n_lines: baskets.baskets().n_lines(),
    };
    let similarity = Similarity::new(params, &totals);
    // A cell sums the weights of baskets of its row's item, so the item's own total bounds it.
    let is_narrow = weights.iter().all(|&sum| sum <= NarrowWeight::LIMIT);
    let per_item = params.per_item as usize;
    Ok(if is_narrow {
        select::<NarrowWeight>(&counter, &similarity, per_item, baskets.n_items())
    } else {
        select::<WideWeight>(&counter, &similarity, per_item, baskets.n_items())
    })
}

/// For every item the sum of the weights of its baskets.
fn item_sums(baskets: &CappedBaskets<'_>, weights: &[u32]) -> Vec<u64> {
    let mut sums = vec![0u64; baskets.n_items()];
    for (basket, &weight) in baskets.baskets().iter().zip(weights) {
        for item in basket {
            sums[item.index()] += u64::from(weight);
        }
    }
    sums
}

struct Labels {
    weights: Vec<u32>,
    /// The weight of a basket that counts once.
    one: f64,
}

fn basket_weights(baskets: &CappedBaskets<'_>, params: &NeighbourParams) -> Labels {
    let one = f64::from(WEIGHT_ONE);
    match params.measure {
        Measure::AsymmetricCosine | Measure::Cosine | Measure::Jaccard => {
            Labels { weights: baskets.weights(params.basket_size_exponent), one }
        }
        Measure::Bm25 => {
            // Relative to the largest possible weight, that of a basket of one item, so that the
            // integers use their whole range.
            let n_items = baskets.n_items() as f64;
            let idf = |size: f64| ln(n_items) - ln(1.0 + size);
            let largest = baskets.sizes().iter().map(|&n| square(idf(f64::from(n.max(1))))).fold(0.0, f64::max);
            let scale = if largest > 0.0 { one / largest } else { one };
            Labels { weights: baskets.weights_by_size(|size| square(idf(size)) * scale), one: scale }
        }
        Measure::Llr | Measure::Conditional | Measure::Lift => {
            Labels { weights: vec![1; baskets.baskets().len()], one: 1.0 }
        }
    }
}

fn square(x: f64) -> f64 {
    x * x
}

/// Dispatches on the measure once, so that the loop over cells holds only its arithmetic.
fn select<A: WeightSum>(counter: &PairCounter, similarity: &Similarity, per_item: usize, n_items: usize) -> Neighbours {
    let top = Top { counter, per_item, n_items };
    match similarity {
        Similarity::Product { context, candidate } => top.rows::<A, _>(|i| {
            let context = context[i as usize];
            move |c, j| c as f32 * context * candidate[j as usize]
        }),
        Similarity::ShrunkProduct { context, candidate, shrinkage } => top.rows::<A, _>(|i| {
            let context = context[i as usize];
            move |c, j| c as f32 / (context * candidate[j as usize] + shrinkage)
        }),
        Similarity::Jaccard { totals, shrinkage } => top.rows::<A, _>(|i| {
            let own = totals[i as usize];
            move |c, j| (c as f64 / (own + totals[j as usize] - c as f64 + shrinkage)) as f32
        }),
        Similarity::Llr { totals, present, absent, n_baskets, all } => {
            let margin = |rank: u32| LlrMargin {
                total: totals[rank as usize],
                present: present[rank as usize],
                absent: absent[rank as usize],
            };
            top.rows::<A, _>(|i| {
                let own = margin(i);
                move |c, j| log_likelihood_ratio(c as f64, own, margin(j), *n_baskets, *all) as f32
            })
        }
        Similarity::Conditional { prior, inverse } => top.rows::<A, _>(|i| {
            let inverse = inverse[i as usize];
            move |c, j| ((c as f64 + prior[j as usize]) * inverse) as f32
        }),
    }
}

/// A row's neighbours are chosen from its counter row by row.
struct Top<'a> {
    counter: &'a PairCounter,
    per_item: usize,
    n_items: usize,
}

/// Finished rows of one block of items.
#[derive(Default)]
struct Rows {
    ends: Vec<(ItemId, usize)>,
    items: Vec<ItemId>,
    scores: Vec<f32>,
}

impl Top<'_> {
    /// `score` makes the scoring function of a row's item; it gets the sum and the candidate's
    /// rank.
    fn rows<A: WeightSum, S: Fn(u64, u32) -> f32>(&self, score: impl Fn(u32) -> S + Sync) -> Neighbours {
        let blocks = self.counter.fold::<A, _, _>(
            || (Selection::new(self.per_item), Rows::default()),
            |(selection, rows), row| {
                let score = score(row.owner_rank);
                let items = self.counter.items();
                row.drain(|rank, sum| selection.offer(items[rank as usize], score(sum.weight(), rank)));
                for (item, score) in selection.drain() {
                    rows.items.push(item);
                    rows.scores.push(score);
                }
                rows.ends.push((row.owner, rows.items.len()));
            },
            |(_, rows)| rows,
        );
        self.join(&blocks)
    }

    /// Puts the blocks, which come by rising item, behind each other.
    fn join(&self, blocks: &[Rows]) -> Neighbours {
        let mut offsets = Vec::with_capacity(self.n_items + 1);
        let (mut base, mut end) = (0, 0);
        for rows in blocks {
            for &(item, row_end) in &rows.ends {
                // Items left out since the row before have no neighbours.
                offsets.resize(item.index() + 1, end);
                end = (base + row_end) as u64;
            }
            base += rows.items.len();
        }
        offsets.resize(self.n_items + 1, end);
        let (mut items, mut scores) = (Vec::with_capacity(base), Vec::with_capacity(base));
        rayon::join(
            || blocks.iter().for_each(|rows| items.extend_from_slice(&rows.items)),
            || blocks.iter().for_each(|rows| scores.extend_from_slice(&rows.scores)),
        );
        Neighbours { offsets, items, scores }
    }
}
