use serde::{Deserialize, Serialize};

use super::cases::{MIN_CUSTOMERS, MIN_UPGRADES};
use super::resamples::Resamples;
use super::sample::Sample;
use super::{Rankings, TargetCases, UpsellParams};
use crate::Role;
use crate::intervals::{Bootstrap, Estimate};
use crate::metrics::{hit_rate, reciprocal_rank};
use crate::report::build::{rounded, rounded_estimate, widen_at_the_ends};

/// First stream of the resamples of target items.
const STREAM: u64 = 4 << 20;
/// Lengths of lists that hits are counted in.
const CUTS: [usize; 3] = [1, 3, 5];
/// Columns of the bootstrap per ranking: a hit rate per cut, then the reciprocal rank.
const N_COLUMNS: usize = CUTS.len() + 1;

/// How high rankings put the item that an upgrade went to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TargetTable {
    /// Number of upgrades.
    pub n_upgrades: usize,
    /// Number of different customers.
    pub n_customers: usize,
    /// Share of upgrades to an item that the customer had never bought before.
    pub share_new: f64,
    /// Name of the ranking that the others are compared with: the first baseline.
    pub reference: Option<String>,
    /// One row per ranking in the order given.
    pub rankings: Vec<TargetRow>,
}

/// What was measured of one ranking of target items; an item that is no candidate is a miss.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TargetRow {
    /// Its name.
    pub name: String,
    /// Its part in the comparison.
    pub role: Role,
    /// Share of upgrades whose item was a candidate at all.
    pub candidate_share: f64,
    /// Share of upgrades whose item came first.
    pub hr_1: Estimate,
    /// Share among the first three.
    pub hr_3: Estimate,
    /// Share among the first five.
    pub hr_5: Estimate,
    /// Mean reciprocal rank, without a cut.
    pub mrr: Estimate,
    /// Share of all list price gain in upgrades whose item came first; `None` without any gain.
    pub gain_captured_1: Option<Estimate>,
    /// The same for the first three.
    pub gain_captured_3: Option<Estimate>,
    /// HR@1 among upgrades to items new to the customer; `None` below 20 of them or 10 customers.
    pub hr_1_new: Option<Estimate>,
    /// HR@1 minus that of the reference on the same upgrades; `None` for the reference itself.
    pub hr_1_difference: Option<Estimate>,
}

impl TargetTable {
    /// Measures all rankings; `None` with too few upgrades or customers. `stream` tells tables of
    /// one report apart.
    pub(super) fn measure(targets: &TargetCases, stream: u64, params: &UpsellParams) -> Option<Self> {
        let order = targets.canonical_order();
        let sample = Sample::new(&targets.customers, &order, |_| true);
        if sample.len() < MIN_UPGRADES || sample.n_clusters < MIN_CUSTOMERS {
            return None;
        }
        let stream = STREAM + 2 * stream;
        let new = Sample::new(&targets.customers, &order, |row| targets.is_new[row]);
        let means = bootstrap(&sample, &targets.rankings, stream, params)?;
        let new_means = new.is_measurable().then(|| bootstrap(&new, &targets.rankings, stream + 1, params)).flatten();
        let gains = sample.pick(&targets.gains);
        let resamples =
            Resamples { seed: params.seed, stream, n_resamples: params.resamples, n_clusters: sample.n_clusters };
        let share = |estimate, sample: &Sample| rounded_estimate(widen_at_the_ends(estimate, sample.n_clusters as u64));
        let reference = targets.rankings.iter().position(|ranking| ranking.is_baseline);

        let row = |(i, ranking): (usize, &Rankings)| {
            let column = i * N_COLUMNS;
            let captured = |k: usize| {
                let hits: Vec<f64> = sample
                    .members
                    .iter()
                    .zip(&gains)
                    .map(|(&row, gain)| gain * hit_rate(position(ranking.ranks[row]), k))
                    .collect();
                resamples.ratio(&sample.sums(&hits, &gains)).map(rounded_estimate)
            };
            let n_candidates = ranking.ranks.iter().flatten().count();
            TargetRow {
                name: ranking.name.clone(),
                role: if ranking.is_baseline { Role::Baseline } else { Role::Model },
                candidate_share: rounded(n_candidates as f64 / targets.len() as f64),
                hr_1: share(means.estimate(column), &sample),
                hr_3: share(means.estimate(column + 1), &sample),
                hr_5: share(means.estimate(column + 2), &sample),
                mrr: share(means.estimate(column + 3), &sample),
                gain_captured_1: captured(1),
                gain_captured_3: captured(3),
                hr_1_new: new_means.as_ref().map(|means| share(means.estimate(column), &new)),
                hr_1_difference: reference
                    .filter(|&reference| reference != i)
                    .map(|reference| rounded_estimate(means.difference(column, reference * N_COLUMNS))),
            }
        };
        Some(Self {
            n_upgrades: sample.len(),
            n_customers: sample.n_clusters,
            share_new: rounded(new.len() as f64 / sample.len() as f64),
            reference: reference.map(|reference| targets.rankings[reference].name.clone()),
            rankings: targets.rankings.iter().enumerate().map(row).collect(),
        })
    }
}

/// The position from 0 of a rank from 1.
fn position(rank: Option<u32>) -> Option<usize> {
    rank.map(|rank| rank as usize - 1)
}

fn bootstrap(sample: &Sample, rankings: &[Rankings], stream: u64, params: &UpsellParams) -> Option<Bootstrap> {
    let columns: Vec<Vec<f64>> = rankings
        .iter()
        .flat_map(|ranking| {
            let positions: Vec<Option<usize>> =
                sample.members.iter().map(|&row| position(ranking.ranks[row])).collect();
            let column = |metric: &dyn Fn(Option<usize>) -> f64| positions.iter().map(|&at| metric(at)).collect();
            let hits = CUTS.map(|k| column(&|at| hit_rate(at, k)));
            hits.into_iter().chain([column(&|at| reciprocal_rank(at, usize::MAX))]).collect::<Vec<Vec<f64>>>()
        })
        .collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    sample.table(&columns).bootstrap(params.seed, stream, params.resamples)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forty upgrades of twenty customers: ranks 1, 2, 4 and none by turns, gains 1, 2, 3, 4.
    fn targets() -> TargetCases {
        let by_turns = [Some(1), Some(2), Some(4), None];
        TargetCases {
            customers: (0..40).map(|row| row / 2).collect(),
            is_new: (0..40).map(|row| row % 4 < 2).collect(),
            gains: (0..40).map(|row| f64::from(row % 4 + 1)).collect(),
            rankings: vec![
                Rankings {
                    name: "default".into(),
                    ranks: (0..40).map(|row| by_turns[row % 4]).collect(),
                    is_baseline: false,
                },
                Rankings { name: "popular".into(), ranks: (0..40).map(|_| Some(2)).collect(), is_baseline: true },
            ],
        }
    }

    #[test]
    fn by_hand() {
        let table = TargetTable::measure(&targets(), 0, &UpsellParams::default()).unwrap();
        assert_eq!((table.n_upgrades, table.n_customers, table.share_new), (40, 20, 0.5));
        assert_eq!(table.reference.as_deref(), Some("popular"));
        let (default, popular) = (&table.rankings[0], &table.rankings[1]);
        assert_eq!((default.hr_1.value, default.hr_3.value, default.hr_5.value), (0.25, 0.5, 0.75));
        assert_eq!((default.mrr.value, default.candidate_share), ((1.0 + 0.5 + 0.25) / 4.0, 0.75));
        assert_eq!(default.gain_captured_1.unwrap().value, 0.1);
        assert_eq!(default.gain_captured_3.unwrap().value, 0.3);
        // Of the new ones, every other comes first.
        assert_eq!(default.hr_1_new.unwrap().value, 0.5);
        assert_eq!(default.hr_1_difference.unwrap().value, 0.25);
        assert!(default.hr_1_difference.unwrap().excludes_zero() && popular.hr_1_difference.is_none());
        // No hit among twenty customers is not certainty.
        assert!(popular.hr_1.value == 0.0 && popular.hr_1.high > 0.1 && popular.hr_3.value == 1.0);
    }

    #[test]
    fn too_few_are_not_measured() {
        let mut targets = targets();
        targets.customers.fill(3);
        assert_eq!(TargetTable::measure(&targets, 0, &UpsellParams::default()), None);
    }
}
