use std::cmp::Reverse;

use rayon::prelude::*;
use sidecart_core::{ItemId, TopK};

use super::EaseParams;
use super::gram::add_gram;
use super::inverse::SymmetricTiles;
use crate::counting::{CappedBaskets, ParameterError};
use crate::neighbours::Neighbours;

/// Fits the linear item model and keeps, for every item as a part of the basket, the items that it
/// speaks for most.
///
/// With `X` the baskets by items (weighted by basket size), `G = X'X + lambda mean(diag X'X) I`
/// and `P` its inverse, the model is `B = I - P diag(1 / diag P)`: the matrix with zero diagonal
/// that best predicts each item's column from the other columns. A candidate's score for a basket
/// is the sum of `B[item, candidate]` over its items; of these entries the `kept` greatest
/// positive ones of each row stay.
///
/// n items that take part cost n^3 / 2 multiply-adds and about 4 n^2 bytes, and 8 bytes per line
/// of the baskets while pairs are counted. The result is the same at any number of threads.
///
/// ```
/// use sidecart_core::{Baskets, ItemId};
/// use sidecart_train::counting::CappedBaskets;
/// use sidecart_train::ease::{EaseParams, fit};
///
/// let baskets: Baskets = [vec![0, 1], vec![0, 1, 2], vec![2]].into_iter().map(|b| b.into_iter().map(ItemId)).collect();
/// let capped = CappedBaskets::new(&baskets, 3, 500, |_, item| u64::from(item.0));
/// let lists = fit(&capped, &EaseParams { min_item_baskets: 1, ..Default::default() })?;
/// assert_eq!(lists.get(ItemId(0)).0[0], ItemId(1));
/// # Ok::<(), sidecart_train::counting::ParameterError>(())
/// ```
///
/// # Errors
/// [`ParameterError`] for a setting outside its range and, before anything is allocated, for more
/// items than `memory_mib` has room for.
pub fn fit(baskets: &CappedBaskets<'_>, params: &EaseParams) -> Result<Neighbours, ParameterError> {
    params.check()?;
    let items = vocabulary(baskets, params);
    let n = items.len();
    let needed = SymmetricTiles::bytes(n);
    let refused = || ParameterError {
        name: "max_items",
        expected: "so few items that the matrix fits into `memory_mib` and into memory",
        got: format!("{} ({n} items need {} MiB)", params.max_items, needed.div_ceil(1 << 20)),
    };
    if needed > u64::from(params.memory_mib) << 20 {
        return Err(refused());
    }
    let mut matrix = SymmetricTiles::zeros(n).ok_or_else(refused)?;
    add_gram(&mut matrix, baskets, &baskets.weights(params.size_exponent), &items);
    let mean = (0..n).map(|i| matrix.get(i, i)).sum::<f64>() / n.max(1) as f64;
    for i in 0..n {
        *matrix.lower_mut(i, i) += params.lambda * mean;
    }
    // A Gram matrix with a penalty of this size is positive definite far beyond rounding.
    if !matrix.invert() {
        return Err(ParameterError {
            name: "lambda",
            expected: "a penalty that makes the Gram matrix positive definite",
            got: params.lambda.to_string(),
        });
    }
    Ok(strongest(&matrix, &items, baskets.n_items(), params.kept as usize))
}

/// Items that take part, rising: those in enough baskets, the most popular first where there are
/// too many, of equals the smaller ids.
fn vocabulary(baskets: &CappedBaskets<'_>, params: &EaseParams) -> Vec<ItemId> {
    let mut n_baskets = vec![0u32; baskets.n_items()];
    for item in baskets.baskets().items() {
        n_baskets[item.index()] += 1;
    }
    let mut items: Vec<ItemId> = (0..baskets.n_items() as u32)
        .map(ItemId)
        .filter(|item| n_baskets[item.index()] >= params.min_item_baskets)
        .collect();
    items.sort_unstable_by_key(|item| (Reverse(n_baskets[item.index()]), *item));
    items.truncate(params.max_items as usize);
    items.sort_unstable();
    items
}

/// The `kept` greatest positive entries of every row of `B`, from the inverse.
fn strongest(inverse: &SymmetricTiles, items: &[ItemId], n_items: usize, kept: usize) -> Neighbours {
    let scales: Vec<f64> = (0..inverse.n()).map(|j| -1.0 / inverse.get(j, j)).collect();
    let rows: Vec<TopK> = (0..inverse.n())
        .into_par_iter()
        .map(|i| {
            let mut top = TopK::new(kept);
            for (j, (&item, scale)) in items.iter().zip(&scales).enumerate() {
                let score = (inverse.get(i, j) * scale) as f32;
                if j != i && score > 0.0 && top.floor().is_none_or(|floor| score >= floor) {
                    top.offer(item, score);
                }
            }
            top
        })
        .collect();
    let mut lists = Neighbours { offsets: Vec::with_capacity(n_items + 1), items: Vec::new(), scores: Vec::new() };
    for (item, row) in items.iter().zip(rows) {
        // Items that do not take part have empty lists.
        lists.offsets.resize(item.index() + 1, lists.items.len() as u64);
        for found in row.into_sorted() {
            lists.items.push(found.item);
            lists.scores.push(found.score);
        }
    }
    lists.offsets.resize(n_items + 1, lists.items.len() as u64);
    lists
}
