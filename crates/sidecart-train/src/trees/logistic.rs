use rayon::prelude::*;
use sidecart_core::{exp, ln};

use super::objective::Objective;
use crate::{Error, Result};

/// Rows whose losses one task sums; sums of blocks are added in order.
const BLOCK: usize = 4096;
/// Keeps the initial log odds finite where all labels are equal.
const MIN_RATE: f64 = 1e-6;

/// Log loss of labels in 0..=1: scores are log odds.
///
/// The loss is the weighted mean of `-y ln p - (1 - y) ln(1 - p)` with `p = 1 / (1 + e^-score)`.
#[derive(Clone, Copy, Debug)]
pub struct Logistic<'a> {
    labels: &'a [f32],
    weights: Option<&'a [f32]>,
    total_weight: f64,
    rate: f64,
}

impl<'a> Logistic<'a> {
    /// An objective for `labels` in 0..=1 (a share is a soft label), each counted `weights` times,
    /// or once.
    ///
    /// # Errors
    /// [`Error::Bug`] if a label is outside 0..=1, a weight negative or not finite, all weights are
    /// zero, or the lengths differ.
    pub fn new(labels: &'a [f32], weights: Option<&'a [f32]>) -> Result<Self> {
        let bug = |what: String| Err(Error::Bug { what });
        if let Some(label) = labels.iter().find(|y| !(0.0..=1.0).contains(*y)) {
            return bug(format!("a label is {label}, expected 0 to 1"));
        }
        let mut total_weight = labels.len() as f64;
        let mut positives: f64 = labels.iter().map(|&y| f64::from(y)).sum();
        if let Some(weights) = weights {
            if weights.len() != labels.len() {
                return bug(format!("{} weights for {} labels", weights.len(), labels.len()));
            }
            if let Some(weight) = weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
                return bug(format!("a weight is {weight}, expected a finite number of at least 0"));
            }
            total_weight = weights.iter().map(|&w| f64::from(w)).sum();
            positives = weights.iter().zip(labels).map(|(&w, &y)| f64::from(w) * f64::from(y)).sum();
        }
        if total_weight <= 0.0 {
            return bug("no label has a weight".to_owned());
        }
        Ok(Self { labels, weights, total_weight, rate: positives / total_weight })
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |w| f64::from(w[row]))
    }
}

impl Objective for Logistic<'_> {
    fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// The log odds of the mean label.
    fn initial_score(&self) -> f64 {
        let rate = self.rate.clamp(MIN_RATE, 1.0 - MIN_RATE);
        ln(rate / (1.0 - rate))
    }

    fn gradients(&self, scores: &[f64], gradients: &mut [f32], hessians: &mut [f32]) {
        let blocks = gradients.par_chunks_mut(BLOCK).zip(hessians.par_chunks_mut(BLOCK));
        blocks.zip(scores.par_chunks(BLOCK)).enumerate().for_each(|(block, ((gradients, hessians), scores))| {
            for (i, ((g, h), &score)) in gradients.iter_mut().zip(hessians).zip(scores).enumerate() {
                let row = block * BLOCK + i;
                let p = 1.0 / (1.0 + exp(-score));
                let weight = self.weight(row);
                *g = (weight * (p - f64::from(self.labels[row]))) as f32;
                *h = (weight * p * (1.0 - p)) as f32;
            }
        });
    }

    fn loss(&self, scores: &[f64]) -> f64 {
        let block_loss = |(block, scores): (usize, &[f64])| {
            let row_loss = |(i, &score): (usize, &f64)| {
                let row = block * BLOCK + i;
                // ln(1 + e^s) - y s, without overflow for great s.
                let softplus = score.max(0.0) + ln(1.0 + exp(-score.abs()));
                self.weight(row) * (softplus - f64::from(self.labels[row]) * score)
            };
            scores.iter().enumerate().map(row_loss).sum::<f64>()
        };
        let blocks: Vec<f64> = scores.par_chunks(BLOCK).enumerate().map(block_loss).collect();
        blocks.into_iter().sum::<f64>() / self.total_weight
    }
}
