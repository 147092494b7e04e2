use std::cmp::Ordering;

use crate::top_k::bias::check_finite;
use crate::top_k::kernel::{CandidateBuffer, ScanInput};
use crate::top_k::query::QuantisedQuery;
use crate::{KernelError, Level, RowBias, ScanIndex, dot_at, level::dispatch, prefetch_read};

/// Relative slack for adding a bias in float.
const BIAS_SLACK: f32 = 1.0 / (1 << 20) as f32;
/// A bias above this is scored without int8, where its slack could overflow.
const TAME_BIAS: f32 = 1e30;
/// Candidates that are collected before they are scored: few, so that the k-th best score
/// rises early and shuts out the rest.
const FEWEST_CANDIDATES: usize = 32;
const MOST_CANDIDATES: usize = 4096;

/// A row with its score.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Hit {
    /// The row.
    pub row: u32,
    /// `dot(query, row) + bias`.
    pub score: f32,
}

impl Hit {
    /// Best first: falling score, ties by rising row.
    #[inline]
    #[must_use]
    pub fn rank_order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

/// Memory that a search needs, kept by the caller so that later searches allocate nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    query: QuantisedQuery,
    candidates: CandidateBuffer,
    best: Vec<Hit>,
}

impl<R: AsRef<[f32]>> ScanIndex<R> {
    /// The `k` best rows by `dot(query, row) + bias` (falling score, ties by rising row).
    ///
    /// Rows for which `skip` is true are left out, so `k` rows come back whenever `k` others exist;
    /// `skip` is asked only of rows that might be among the best. Exactly the answer of
    /// [`Self::search_plain`]; a score that is not a number (possible only when products overflow)
    /// never enters. O(n dim) with a quarter of the memory traffic of a float scan; no allocation
    /// once `scratch` has grown.
    ///
    /// # Errors
    /// A query of another length than the rows or with a value that is not finite, or a bias of
    /// another number of rows.
    pub fn search<'s>(
        &self,
        query: &[f32],
        bias: Option<&RowBias>,
        k: usize,
        skip: impl FnMut(u32) -> bool,
        scratch: &'s mut Scratch,
    ) -> Result<&'s [Hit], KernelError> {
        self.search_at(Level::best(), query, bias, k, skip, scratch)
    }

    /// [`Self::search`] at a level of the caller's choice.
    ///
    /// # Errors
    /// As [`Self::search`].
    pub fn search_at<'s>(
        &self,
        level: Level,
        query: &[f32],
        bias: Option<&RowBias>,
        k: usize,
        mut skip: impl FnMut(u32) -> bool,
        scratch: &'s mut Scratch,
    ) -> Result<&'s [Hit], KernelError> {
        self.check(query, bias)?;
        let has_tame_bias = bias.is_none_or(|b| b.largest() <= TAME_BIAS);
        if !(self.is_tame && has_tame_bias && scratch.query.fill(query)) {
            return self.search_plain(query, bias, k, skip, scratch);
        }
        let Scratch { query: quantised, candidates, best } = scratch;
        best.clear();
        if k == 0 {
            return Ok(best);
        }
        candidates.reset(k.clamp(FEWEST_CANDIDATES, MOST_CANDIDATES));
        let mut input = ScanInput {
            lines: &self.lines,
            row_scales: &self.row_scales,
            bounds: &self.bounds,
            bias: bias.map(RowBias::padded),
            bias_slack: BIAS_SLACK,
            words: &quantised.words,
            correction: quantised.correction,
            scale: quantised.scale,
            residual_weight: quantised.residual_weight,
            norm_weight: quantised.norm_weight,
            needed: f32::NEG_INFINITY,
        };
        let mut block = 0;
        while block < self.bounds.len() {
            block = dispatch!(level, scan(&input, block, candidates));
            for &row in candidates.rows() {
                self.prefetch_row(row as usize);
            }
            for &row in candidates.rows() {
                if !skip(row) {
                    self.score(level, query, bias, row, best);
                }
            }
            candidates.clear();
            if best.len() >= k {
                cut(best, k);
                // All rows to come have greater numbers than these k, so a tie loses.
                input.needed = best[k - 1].score.next_up();
            }
        }
        best.sort_unstable_by(Hit::rank_order);
        Ok(best)
    }

    /// The twin of [`Self::search`] that scores every row in float.
    ///
    /// # Errors
    /// As [`Self::search`].
    pub fn search_plain<'s>(
        &self,
        query: &[f32],
        bias: Option<&RowBias>,
        k: usize,
        mut skip: impl FnMut(u32) -> bool,
        scratch: &'s mut Scratch,
    ) -> Result<&'s [Hit], KernelError> {
        self.check(query, bias)?;
        let (level, best) = (Level::best(), &mut scratch.best);
        best.clear();
        if k == 0 {
            return Ok(best);
        }
        let room = k.saturating_mul(2).max(FEWEST_CANDIDATES);
        for row in 0..self.n_rows() as u32 {
            if !skip(row) {
                self.score(level, query, bias, row, best);
                if best.len() == room {
                    cut(best, k);
                }
            }
        }
        if best.len() > k {
            cut(best, k);
        }
        best.sort_unstable_by(Hit::rank_order);
        Ok(best)
    }

    fn check(&self, query: &[f32], bias: Option<&RowBias>) -> Result<(), KernelError> {
        if query.len() != self.dim() {
            return Err(KernelError::Length { what: "query", expected: self.dim(), got: query.len() });
        }
        check_finite("query", query)?;
        match bias.map(|b| b.as_slice().len()) {
            Some(got) if got != self.n_rows() => {
                Err(KernelError::Length { what: "bias", expected: self.n_rows(), got })
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn score(&self, level: Level, query: &[f32], bias: Option<&RowBias>, row: u32, best: &mut Vec<Hit>) {
        let mut score = dot_at(level, query, self.row(row as usize));
        if let Some(bias) = bias {
            score += bias.as_slice()[row as usize];
        }
        if !score.is_nan() {
            // Adding zero turns -0.0 into 0.0, so that the two rank as equals.
            best.push(Hit { row, score: score + 0.0 });
        }
    }

    fn prefetch_row(&self, row: usize) {
        const LINE: usize = 16; // floats of a cache line
        for start in (0..self.dim()).step_by(LINE) {
            prefetch_read(self.rows(), row * self.dim() + start);
        }
    }
}

/// Keeps the `k` best, the k-th at the last place.
fn cut(best: &mut Vec<Hit>, k: usize) {
    best.select_nth_unstable_by(k - 1, Hit::rank_order);
    best.truncate(k);
}
