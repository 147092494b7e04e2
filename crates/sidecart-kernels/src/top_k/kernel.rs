//! What the scan loops of all instruction sets share.

/// Rows of a block.
pub(crate) const BLOCK: usize = 16;

/// Four dimensions of sixteen rows, row by row; a value `v` is stored as `v + 128`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; 64]);

/// Largest ratios of a block's rows to their scales.
#[derive(Clone, Copy, Default)]
pub(crate) struct BlockBound {
    /// Norm of what quantisation lost / scale.
    pub(crate) residual: f32,
    /// Norm of the row / scale.
    pub(crate) norm: f32,
}

/// One query against all blocks.
pub(crate) struct ScanInput<'a> {
    pub(crate) lines: &'a [Line],
    /// Scale of each row, NaN for rows that only fill the last block.
    pub(crate) row_scales: &'a [f32],
    pub(crate) bounds: &'a [BlockBound],
    /// Bias of each row, filled like `row_scales`.
    pub(crate) bias: Option<&'a [f32]>,
    /// Slack for the rounding of a biased score, relative to the bias.
    pub(crate) bias_slack: f32,
    /// The quantised query, four signed bytes a word (first dimension in the lowest byte).
    pub(crate) words: &'a [i32],
    /// 128 x the sum of the quantised query: what storing `v + 128` adds to each sum.
    pub(crate) correction: i32,
    /// Scale of the query.
    pub(crate) scale: f32,
    /// Factor of a block's largest residual ratio.
    pub(crate) residual_weight: f32,
    /// Factor of a block's largest norm ratio.
    pub(crate) norm_weight: f32,
    /// A row whose upper bound is below this cannot be among the best.
    pub(crate) needed: f32,
}

impl ScanInput<'_> {
    #[inline(always)]
    pub(crate) fn n_blocks(&self) -> usize {
        self.bounds.len()
    }

    /// The lines of a block, one for each word of the query.
    #[inline(always)]
    pub(crate) fn block(&self, block: usize) -> &[Line] {
        let n = self.words.len();
        &self.lines[block * n..(block + 1) * n]
    }

    /// How far a row's score can lie above its estimate, divided by the row's scale.
    #[inline(always)]
    pub(crate) fn margin(&self, block: usize) -> f32 {
        let bound = self.bounds[block];
        self.residual_weight * bound.residual + self.norm_weight * bound.norm
    }
}

/// Rows that may be among the best, in rising order, waiting for their float score.
#[derive(Debug, Default)]
pub(crate) struct CandidateBuffer {
    rows: Vec<u32>,
    limit: usize,
}

impl CandidateBuffer {
    /// Empties it; it has room while fewer than `limit` rows are held.
    pub(crate) fn reset(&mut self, limit: usize) {
        self.rows.clear();
        // Four blocks may still come in after the last look at the room.
        self.rows.reserve(limit + 4 * BLOCK);
        self.limit = limit;
    }

    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.rows.len() < self.limit
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, row: u32) {
        self.rows.push(row);
    }

    pub(crate) fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
    }
}
