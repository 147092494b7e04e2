use super::signal;
use crate::error::{Error, Result};
use crate::model::{EmbeddingTables, Model};
use crate::scratch::Scratch;
use crate::sections::EMBEDDING_OUTPUT;
use sidecart_core::ln;

/// Scores items by the basket's vector (the pooled in-vectors of its items) times their
/// out-vectors plus bias, and adds the best `n` with exp(score - best score): their shares are
/// the model's probabilities. Exact over all items. O(items x dims) with int8 traffic.
pub(crate) fn embeddings(model: &Model, n: usize, scratch: &mut Scratch) -> Result<()> {
    let Some(tables) = model.embeddings() else { return Ok(()) };
    if n == 0 || !pool_basket(model, tables, scratch) {
        return Ok(());
    }
    let mut scan = std::mem::take(&mut scratch.scan);
    let items = model.output_items(tables);
    let outcome = tables
        .scan
        .search(&scratch.query_vector, Some(&tables.bias), n, |row| scratch.is_blocked(items[row as usize]), &mut scan)
        .map(|hits| {
            let best = hits.first().map_or(0.0, |hit| hit.score);
            let mut shares = std::mem::take(&mut scratch.exponentials);
            shares.clear();
            shares.extend(hits.iter().map(|hit| hit.score - best));
            sidecart_kernels::exp(&mut shares);
            for (hit, &share) in hits.iter().zip(&shares) {
                scratch.add(signal::EMBEDDINGS, items[hit.row as usize], share);
            }
            scratch.exponentials = shares;
        })
        .map_err(|source| Error::Kernel { section: EMBEDDING_OUTPUT, source });
    scratch.scan = scan;
    outcome
}

/// The basket's vector, in `scratch.query_vector`; false where none of its items has one.
fn pool_basket(model: &Model, tables: &EmbeddingTables, scratch: &mut Scratch) -> bool {
    scratch.query_vector.clear();
    scratch.query_vector.resize(tables.dims, 0.0);
    let mut n_vectors = 0u32;
    for &item in &scratch.basket {
        let Some(vector) = model.input_vector(tables, item) else { continue };
        n_vectors += 1;
        for (sum, &value) in scratch.query_vector.iter_mut().zip(vector) {
            *sum += value;
        }
    }
    if n_vectors == 0 {
        return false;
    }
    // n^-pooling; an exact 1 for one item.
    let mut scale = [-model.settings().embedding_pooling * ln(f64::from(n_vectors)) as f32];
    sidecart_kernels::exp(&mut scale);
    scratch.query_vector.iter_mut().for_each(|v| *v *= scale[0]);
    true
}

/// Scores chosen candidates, given by position, instead of all items: exp(score - best score) each,
/// from int8 rows; 0 without a vector. O(candidates x dims).
pub(crate) fn embeddings_of(model: &Model, places: &[u32], scratch: &mut Scratch) {
    let Some(tables) = model.embeddings() else { return };
    if !pool_basket(model, tables, scratch) {
        return;
    }
    let Scratch { candidates, query_vector, quantised_vector, vector_places, vector_rows, exponentials, .. } = scratch;
    vector_places.clear();
    vector_rows.clear();
    for &place in places {
        let candidate = &mut candidates[place as usize];
        match tables.output_row(candidate.item) {
            Some(row) => {
                vector_places.push(place);
                vector_rows.push(row);
            }
            None => candidate.signals[signal::EMBEDDINGS] = 0.0,
        }
    }
    quantised_vector.fill(query_vector);
    tables.rows.scores(quantised_vector, vector_rows, exponentials);
    let bias = tables.bias.as_slice();
    for (score, &row) in exponentials.iter_mut().zip(vector_rows.iter()) {
        *score += bias[row as usize];
    }
    let best = exponentials.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for score in exponentials.iter_mut() {
        // Far below the best nothing is left of a share.
        *score = (*score - best).max(-80.0);
    }
    sidecart_kernels::exp(exponentials);
    for (&place, &share) in vector_places.iter().zip(exponentials.iter()) {
        candidates[place as usize].signals[signal::EMBEDDINGS] = share;
    }
}
