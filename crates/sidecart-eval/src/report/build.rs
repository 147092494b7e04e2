use sidecart_core::CustomerId;

use super::numbers::count;
use super::{IntervalFacts, Measured, RankerRow, RankerSlice, Report, Role, SliceFacts, SliceKind, SliceState};
use crate::evaluation::{Answers, EvaluateParams};
use crate::intervals::{Bootstrap, ClusterTable, Estimate, wilson};
use crate::metrics::Metric;
use crate::{Case, CaseSet};

const N_METRICS: usize = Metric::ALL.len();

/// Turns the positions of hidden items into a report. `reference` is an index into `rows`.
pub(crate) fn build(
    case_set: &CaseSet,
    segments: &[String],
    rows: &[(&str, Role, &Answers)],
    reference: Option<usize>,
    params: &EvaluateParams,
) -> Report {
    let cases = &case_set.cases;
    let mut rankers: Vec<RankerRow> = rows
        .iter()
        .map(|(name, role, answers)| RankerRow {
            name: (*name).into(),
            role: *role,
            coverage_10: answers.coverage.map(rounded),
            popularity_10: answers.popularity.map(rounded),
            tail_share_10: answers.tail_share.map(rounded),
            gini_10: answers.gini.map(rounded),
            n_empty: answers.n_empty,
            slices: Vec::new(),
        })
        .collect();

    let mut slices = Vec::new();
    for (stream, (name, group)) in (0..).zip(groups(segments, cases)) {
        let members: Vec<usize> = (0..cases.len()).filter(|&case_idx| group.holds(&cases[case_idx])).collect();
        let clusters = clusters(cases, &members);
        let state = match members.len() {
            n if n < params.min_cases => SliceState::Refused,
            n if n < params.few_cases => SliceState::Few,
            _ => SliceState::Measured,
        };
        let bootstrap = if state == SliceState::Refused {
            None
        } else {
            cluster_table(&clusters, rows).bootstrap(params.seed, stream, params.resamples)
        };
        for (ranker_idx, row) in rankers.iter_mut().enumerate() {
            let measure = |metric_idx: usize| {
                let bootstrap = bootstrap.as_ref()?;
                Some(measured(bootstrap, ranker_idx, metric_idx, reference, clusters.len()))
            };
            row.slices.push(RankerSlice {
                slice: name.clone(),
                hr_10: measure(0),
                ndcg_10: measure(1),
                mrr_20: measure(2),
                hr_50: measure(3),
            });
        }
        slices.push(SliceFacts { name, kind: group.kind(), n_cases: members.len(), n_clusters: clusters.len(), state });
    }

    Report {
        format: 1,
        protocol: case_set.facts.clone(),
        intervals: IntervalFacts {
            method: "bootstrap over customers".into(),
            level: 0.95,
            resamples: params.resamples,
            seed: params.seed,
            min_cases: params.min_cases,
            few_cases: params.few_cases,
        },
        reference: reference.map(|ranker_idx| rows[ranker_idx].0.into()),
        warnings: warnings(&slices, &rankers, reference.is_none()),
        slices,
        rankers,
        customers: None,
    }
}

#[derive(Clone, Copy)]
enum Group {
    All,
    New,
    Tail,
    FirstBasket,
    ColdItem,
    Segment(usize),
}

impl Group {
    fn holds(self, case: &Case) -> bool {
        match self {
            Self::ColdItem => case.is_cold_item,
            _ if case.is_cold_item => false,
            Self::All => true,
            Self::New => case.is_new,
            Self::Tail => case.is_tail,
            Self::FirstBasket => case.is_first_basket,
            Self::Segment(segment) => case.segment.is_some_and(|of_case| usize::from(of_case) == segment),
        }
    }

    fn kind(self) -> SliceKind {
        match self {
            Self::All => SliceKind::All,
            Self::New => SliceKind::New,
            Self::Tail => SliceKind::Tail,
            Self::FirstBasket => SliceKind::FirstBasket,
            Self::ColdItem => SliceKind::ColdItem,
            Self::Segment(_) => SliceKind::Segment,
        }
    }
}

/// The groups that are reported; those of a cold start only where there is a case.
fn groups(segments: &[String], cases: &[Case]) -> Vec<(String, Group)> {
    let cold = [("first basket", Group::FirstBasket), ("cold items", Group::ColdItem)];
    let cold = cold.into_iter().filter(|(_, group)| cases.iter().any(|case| group.holds(case)));
    let fixed = [("all", Group::All), ("new", Group::New), ("tail", Group::Tail)].into_iter().chain(cold);
    let labelled = segments.iter().enumerate().map(|(segment, label)| (label.clone(), Group::Segment(segment)));
    fixed.map(|(name, group)| (name.to_owned(), group)).chain(labelled).collect()
}

/// Case indices by customer in rising id; every anonymous basket stands alone, after them.
fn clusters(cases: &[Case], members: &[usize]) -> Vec<Vec<usize>> {
    let mut keyed: Vec<(Option<CustomerId>, usize)> =
        members.iter().map(|&case_idx| (cases[case_idx].customer, case_idx)).collect();
    keyed.sort_unstable_by_key(|&(customer, case_idx)| (customer.is_none(), customer, case_idx));
    keyed
        .chunk_by(|a, b| a.0.is_some() && a.0 == b.0)
        .map(|cluster| cluster.iter().map(|&(_, case_idx)| case_idx).collect())
        .collect()
}

/// One column per ranker and metric: ranker after ranker.
fn cluster_table(clusters: &[Vec<usize>], rows: &[(&str, Role, &Answers)]) -> ClusterTable {
    let mut table = ClusterTable::new(rows.len() * N_METRICS);
    for cluster in clusters {
        table.begin_cluster();
        for &case_idx in cluster {
            let positions = rows.iter().map(|(_, _, answers)| answers.positions[case_idx]);
            table.add_case(positions.flat_map(|position| Metric::ALL.map(|metric| metric.of(position))));
        }
    }
    table
}

fn measured(
    bootstrap: &Bootstrap,
    ranker_idx: usize,
    metric_idx: usize,
    reference: Option<usize>,
    n_clusters: usize,
) -> Measured {
    let column = ranker_idx * N_METRICS + metric_idx;
    let Estimate { value, low, high } =
        rounded_estimate(widen_at_the_ends(bootstrap.estimate(column), n_clusters as u64));
    let difference = reference
        .filter(|&reference| reference != ranker_idx)
        .map(|reference| rounded_estimate(bootstrap.difference(column, reference * N_METRICS + metric_idx)));
    Measured { value, low, high, difference }
}

/// Nine decimals: far below any interval, and few enough digits that every JSON reader gives the
/// same number back.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

pub(crate) fn rounded_estimate(estimate: Estimate) -> Estimate {
    Estimate { value: rounded(estimate.value), low: rounded(estimate.low), high: rounded(estimate.high) }
}

/// Gives a width to intervals at 0 and 1, where every resample equals the estimate: Wilson's
/// bound for as many hits or misses as there are clusters. The other metrics never exceed the hit
/// rate, so its bound holds for them too.
pub(crate) fn widen_at_the_ends(estimate: Estimate, n_clusters: u64) -> Estimate {
    let n_hits = match estimate.value {
        0.0 => 0,
        1.0 => n_clusters,
        _ => return estimate,
    };
    wilson(n_hits, n_clusters).unwrap_or(estimate)
}

fn warnings(slices: &[SliceFacts], rankers: &[RankerRow], has_no_reference: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    for slice in slices {
        let name = match slice.kind {
            SliceKind::Segment => format!("segment {}", slice.name),
            _ => slice.name.clone(),
        };
        let n_cases = count(slice.n_cases);
        match slice.state {
            SliceState::Measured => {}
            SliceState::Few => warnings.push(format!("{name}: only {n_cases} cases, read its values with care")),
            SliceState::Refused => warnings.push(format!("{name}: {n_cases} cases are too few to show a value")),
        }
    }
    for row in rankers.iter().filter(|row| row.n_empty > 0) {
        warnings.push(format!("{}: {} cases got no offer and count as misses", row.name, count(row.n_empty)));
    }
    if has_no_reference {
        warnings.push("no baseline takes part, so no value can be judged against a simple rule".into());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidecart_core::{ItemId, Time};

    fn case(customer: Option<u32>) -> Case {
        Case {
            query_id: 0,
            customer: customer.map(CustomerId),
            basket: vec![],
            target: ItemId(0),
            time: Time(0),
            is_new: false,
            is_tail: false,
            is_first_basket: false,
            is_cold_item: false,
            segment: None,
            store: None,
        }
    }

    #[test]
    fn customers_are_clusters_and_anonymous_baskets_stand_alone() {
        let cases: Vec<Case> = [Some(7), None, Some(2), None, Some(7)].into_iter().map(case).collect();
        assert_eq!(clusters(&cases, &[0, 1, 2, 3, 4]), [vec![2], vec![0, 4], vec![1], vec![3]]);
        assert_eq!(clusters(&cases, &[3, 4]), [vec![4], vec![3]]);
    }

    #[test]
    fn no_hit_at_all_is_not_certainty() {
        let at = |value| widen_at_the_ends(Estimate { value, low: value, high: value }, 10);
        assert!((at(0.0).high - 0.277_53).abs() < 1e-4 && at(0.0).low == 0.0);
        assert!((at(1.0).low - 0.722_47).abs() < 1e-4 && at(1.0).high == 1.0);
        assert_eq!(at(0.5).margin(), 0.0);
    }
}
