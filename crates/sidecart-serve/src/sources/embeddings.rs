use super::signal;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::scratch::{BLOCKED, Scratch};
use crate::sections::EMBEDDING_OUTPUT;

/// Scores items by the basket's vector (the pooled in-vectors of its items) times their
/// out-vectors plus bias, and adds the best `n` with exp(score - best score): their shares are
/// the model's probabilities. Exact over all items. O(items x dims) with int8 traffic.
pub(crate) fn embeddings(model: &Model, n: usize, scratch: &mut Scratch) -> Result<()> {
    let Some(tables) = model.embeddings() else { return Ok(()) };
    if scratch.basket.is_empty() {
        return Ok(());
    }
    scratch.query_vector.clear();
    scratch.query_vector.resize(tables.dims, 0.0);
    for at in 0..scratch.basket.len() {
        let vector = model.input_vector(tables, scratch.basket[at]);
        for (sum, &value) in scratch.query_vector.iter_mut().zip(vector) {
            *sum += value;
        }
    }
    let scale = (scratch.basket.len() as f32).powf(-model.settings().embedding_pooling);
    scratch.query_vector.iter_mut().for_each(|v| *v *= scale);
    let mut scan = std::mem::take(&mut scratch.scan);
    let marks = &scratch.marks;
    let found = tables
        .scan
        .search(&scratch.query_vector, Some(&tables.bias), n, |row| marks[row as usize] & BLOCKED != 0, &mut scan)
        .map_err(|source| Error::Kernel { section: EMBEDDING_OUTPUT, source });
    if let Ok(hits) = &found {
        let best = hits.first().map_or(0.0, |hit| hit.score);
        for hit in *hits {
            scratch.add(signal::EMBEDDINGS, hit.row, (hit.score - best).exp());
        }
    }
    let outcome = found.map(|_| ());
    scratch.scan = scan;
    outcome
}
