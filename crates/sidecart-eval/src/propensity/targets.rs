use super::cases::{check_length, check_names, check_values, refused};
use crate::EvalError;

/// Upgrades with the rank of the item bought in each ranking, as columns of equal length.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TargetCases {
    /// The customer; whole customers are drawn for the intervals.
    pub customers: Vec<u32>,
    /// Whether the customer had never bought the item before.
    pub is_new: Vec<bool>,
    /// List price gain of the upgrade, at least 0.
    pub gains: Vec<f64>,
    /// The rankings of higher items.
    pub rankings: Vec<Rankings>,
}

/// Where one ranking puts the item that was bought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rankings {
    /// Its name, different from all others.
    pub name: String,
    /// Rank from 1 by upgrade; `None` if the item was no candidate, a miss.
    pub ranks: Vec<Option<u32>>,
    /// Whether it is a simple rule that the others should beat.
    pub is_baseline: bool,
}

impl TargetCases {
    /// Number of upgrades.
    #[must_use]
    pub fn len(&self) -> usize {
        self.customers.len()
    }

    /// Whether there is no upgrade.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.customers.is_empty()
    }

    pub(super) fn check(&self, field: &'static str) -> Result<(), EvalError> {
        let n = self.len();
        check_length(field, self.is_new.len(), n)?;
        check_length(field, self.gains.len(), n)?;
        check_values(field, self.gains.iter().copied(), |gain| gain >= 0.0, "finite gains of at least 0")?;
        check_names(field, self.rankings.iter().map(|ranking| ranking.name.as_str()))?;
        for ranking in &self.rankings {
            check_length(field, ranking.ranks.len(), n)?;
            if ranking.ranks.contains(&Some(0)) {
                return Err(refused(field, "rank 0", "ranks from 1"));
            }
        }
        Ok(())
    }

    /// Row indices in an order that depends on the values of the rows alone, customers rising.
    pub(super) fn canonical_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| {
            let ranks = |row: usize| self.rankings.iter().map(move |ranking| ranking.ranks[row]);
            self.customers[a]
                .cmp(&self.customers[b])
                .then_with(|| self.is_new[a].cmp(&self.is_new[b]))
                .then_with(|| self.gains[a].total_cmp(&self.gains[b]))
                .then_with(|| ranks(a).cmp(ranks(b)))
        });
        order
    }
}
