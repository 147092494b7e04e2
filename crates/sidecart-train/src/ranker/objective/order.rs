/// The rows of a query by rank.
#[derive(Default)]
pub(super) struct Order {
    ranked: Vec<(f64, u32)>,
}

impl Order {
    /// Ranks the rows with these scores.
    pub(super) fn sort(&mut self, scores: &[f64]) {
        self.ranked.clear();
        // Adding zero makes the two zeros one.
        self.ranked.extend(scores.iter().zip(0..).map(|(&score, row)| (score + 0.0, row)));
        self.ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    }

    /// Score and row, the greatest score first, of equals the first row.
    pub(super) fn ranked(&self) -> &[(f64, u32)] {
        &self.ranked
    }
}
