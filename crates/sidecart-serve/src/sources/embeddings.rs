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
        return Ok(());
    }
    let scale = (n_vectors as f32).powf(-model.settings().embedding_pooling);
    scratch.query_vector.iter_mut().for_each(|v| *v *= scale);
    let mut scan = std::mem::take(&mut scratch.scan);
    let marks = &scratch.marks;
    let items = model.output_items(tables);
    let found = tables
        .scan
        .search(&scratch.query_vector, Some(&tables.bias), n, |row| marks[items[row as usize] as usize] & BLOCKED != 0, &mut scan)
        .map_err(|source| Error::Kernel { section: EMBEDDING_OUTPUT, source });
    if let Ok(hits) = &found {
        let best = hits.first().map_or(0.0, |hit| hit.score);
        for hit in *hits {
            scratch.add(signal::EMBEDDINGS, items[hit.row as usize], (hit.score - best).exp());
        }
    }
    let outcome = found.map(|_| ());
    scratch.scan = scan;
    outcome
}
