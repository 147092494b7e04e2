//! The cells that the terminal table and the page share.

use super::numbers::{count, difference, measured, share_or_dash};
use super::{Report, Role, SliceFacts, SliceKind};
use crate::metrics::Metric;

impl Report {
    /// Rankers by metrics for one slice, with a header row.
    pub(super) fn slice_grid(&self, slice_idx: usize, slice: &SliceFacts) -> Vec<Vec<String>> {
        let mut header = vec!["ranker".to_owned()];
        header.extend(Metric::ALL.map(|metric| metric.label().to_owned()));
        header.extend(self.reference.as_ref().map(|reference| format!("vs {reference}")));
        let is_all = slice.kind == SliceKind::All;
        if is_all {
            header.extend(["coverage", "popularity", "tail", "Gini"].map(str::to_owned));
        }
        let mut grid = vec![header];
        for row in &self.rankers {
            let values = &row.slices[slice_idx];
            let mark = if row.role == Role::Baseline { " (baseline)" } else { "" };
            let mut cells = vec![format!("{}{mark}", row.name)];
            cells.extend(Metric::ALL.map(|metric| measured(values.get(metric), slice)));
            if self.reference.is_some() {
                cells.push(difference(values.hr_10.and_then(|hr| hr.difference).as_ref()));
            }
            if is_all {
                let spread = [row.coverage_10, row.popularity_10, row.tail_share_10, row.gini_10];
                cells.extend(spread.map(share_or_dash));
            }
            grid.push(cells);
        }
        grid
    }

    /// Segments by rankers with HR@10, with a header row.
    pub(super) fn segment_grid(&self) -> Vec<Vec<String>> {
        let mut header = vec!["segment".to_owned(), "cases".to_owned()];
        header.extend(self.rankers.iter().map(|row| row.name.clone()));
        let mut grid = vec![header];
        let segments = self.slices.iter().enumerate().filter(|(_, slice)| slice.kind == SliceKind::Segment);
        for (slice_idx, slice) in segments {
            let mut cells = vec![slice.name.clone(), count(slice.n_cases)];
            cells.extend(self.rankers.iter().map(|row| measured(row.slices[slice_idx].hr_10.as_ref(), slice)));
            grid.push(cells);
        }
        grid
    }
}
