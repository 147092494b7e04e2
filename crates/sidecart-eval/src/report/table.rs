use super::numbers::count;
use super::{Report, SliceFacts, SliceKind, SliceState};
use crate::customers::SegmentReport;
use crate::metrics::{COVERAGE_EXPLANATION, GINI_EXPLANATION, Metric, POPULARITY_EXPLANATION, TAIL_SHARE_EXPLANATION};

impl Report {
    /// The report as aligned text for a terminal, with a legend.
    #[must_use]
    pub fn to_table(&self) -> String {
        let mut text = TextPage::new(self.fact_lines());
        let blocks = self.slices.iter().enumerate().filter(|(_, slice)| slice.kind != SliceKind::Segment);
        for (slice_idx, slice) in blocks {
            text.block(slice_heading(slice), &[], &self.slice_grid(slice_idx, slice));
        }
        if self.slices.iter().any(|slice| slice.kind == SliceKind::Segment) {
            text.block("HR@10 by segment".into(), &[], &self.segment_grid());
        }
        if let Some(customers) = &self.customers {
            text.block("Customers of the whole history".into(), &[], &customers.grid());
        }
        text.finish(&self.legend(), &self.warnings)
    }

    /// Where the cases come from, a sentence a line.
    pub(super) fn fact_lines(&self) -> Vec<String> {
        let facts = &self.protocol;
        let mut lines = vec![format!(
            "{} evaluation: {} cases of {} customers and {} anonymous baskets (seed {})",
            facts.protocol,
            count(facts.n_cases),
            count(facts.n_customers),
            count(facts.n_anonymous_cases),
            facts.seed
        )];
        let since = facts.split_time.as_ref().map_or_else(String::new, |time| format!(" from {time} on"));
        lines.push(format!(
            "{} test baskets{since}: {} skipped with fewer than two known items, {} left out of the sample",
            count(facts.n_test_baskets),
            count(facts.n_skipped_baskets),
            count(facts.n_unsampled_baskets)
        ));
        lines.push(format!(
            "{} known items, each in at least {} of {} training baskets; {} items of test baskets were unknown",
            count(facts.n_vocabulary),
            facts.min_item_baskets,
            count(facts.n_training_baskets),
            count(facts.n_unknown_lines)
        ));
        if facts.n_cold_cases > 0 {
            lines.push(format!(
                "{} further cases hide an item in fewer training baskets: the slice `cold items`, in no other",
                count(facts.n_cold_cases)
            ));
        }
        lines.push(format!(
            "the {} most popular items are the head (bestsellers), all others the tail",
            count(facts.n_head)
        ));
        lines
    }

    /// Each term of the report with its meaning.
    pub(super) fn legend(&self) -> Vec<(&'static str, String)> {
        let mut legend: Vec<_> = Metric::ALL.map(|metric| (metric.label(), metric.explanation().to_owned())).into();
        legend.push(("coverage", COVERAGE_EXPLANATION.into()));
        legend.push(("popularity", POPULARITY_EXPLANATION.into()));
        legend.push(("tail", TAIL_SHARE_EXPLANATION.into()));
        legend.push(("Gini", GINI_EXPLANATION.into()));
        legend.extend(self.customers.iter().flat_map(SegmentReport::legend));
        let facts = &self.intervals;
        legend.push((
            "±",
            format!(
                "longer arm of the {:.0} % interval ({}, {} resamples)",
                facts.level * 100.0,
                facts.method,
                count(facts.resamples)
            ),
        ));
        if let Some(reference) = &self.reference {
            legend.push(("vs", format!("HR@10 minus that of {reference} on the same cases; * = interval excludes 0")));
        }
        legend.push(("-", format!("not measured; in a slice: fewer than {} cases, (cases)", facts.min_cases)));
        legend
    }
}

fn slice_heading(slice: &SliceFacts) -> String {
    let care = match slice.state {
        SliceState::Measured => "",
        SliceState::Few => " - few, read with care",
        SliceState::Refused => " - too few to show a value",
    };
    format!("{} ({} cases{care})", slice.title(), count(slice.n_cases))
}

/// A report as text, from the facts at its top to the warnings at its end.
pub(crate) struct TextPage {
    lines: Vec<String>,
}

impl TextPage {
    pub(crate) fn new(facts: Vec<String>) -> Self {
        Self { lines: facts }
    }

    /// Adds a table with its title and what is to be said of it.
    pub(crate) fn block(&mut self, title: String, notes: &[String], grid: &[Vec<String>]) {
        self.lines.extend([String::new(), title]);
        self.lines.extend_from_slice(notes);
        self.lines.extend(align(grid));
    }

    /// Adds the legend and the warnings; all of the text.
    pub(crate) fn finish(mut self, legend: &[(&'static str, String)], warnings: &[String]) -> String {
        let width = legend.iter().map(|(term, _)| term.chars().count()).max().unwrap_or(0) + 2;
        self.lines.push(String::new());
        self.lines.extend(legend.iter().map(|(term, words)| format!("{term:<width$}{words}")));
        if !warnings.is_empty() {
            self.lines.push(String::new());
            self.lines.extend(warnings.iter().map(|warning| format!("warning: {warning}")));
        }
        self.lines.push(String::new());
        self.lines.join("\n")
    }
}

/// Pads columns to equal width: the first to the left, the others to the right.
fn align(grid: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| grid.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..grid[0].len()).map(width).collect();
    grid.iter()
        .map(|row| {
            let mut line = format!("  {:<width$}", row[0], width = widths[0]);
            for (cell, width) in row[1..].iter().zip(&widths[1..]) {
                line.push_str(&format!("  {cell:>width$}"));
            }
            line.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_line_up_below_the_tables() {
        let mut text = TextPage::new(vec!["2 cases".into()]);
        text.block("All".into(), &["one note".into()], &[vec!["a".into(), "1".into()]]);
        let legend = [("±", "margin".to_owned()), ("HR@10", "hits".to_owned())];
        let expected = "2 cases\n\nAll\none note\n  a  1\n\n±      margin\nHR@10  hits\n\nwarning: few\n";
        assert_eq!(text.finish(&legend, &["few".into()]), expected);
    }

    #[test]
    fn columns_line_up_by_characters() {
        let grid = [["a", "x", "12"], ["bcd", ".1 ±.2", "3"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(align(&grid), ["  a         x  12", "  bcd  .1 ±.2   3"]);
    }
}
