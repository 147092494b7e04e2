use sidecart_core::CustomerId;

use super::table::PER;
use super::{
    ExpectedOutcome, Figures, FrontierEntry, FrontierInputs, FrontierPoint, FrontierReport, FrontierStep, frontier,
};
use crate::intervals::{Bootstrap, ClusterTable, Estimate};
use crate::report::build::{rounded, rounded_estimate, widen_at_the_ends};
use crate::report::numbers::count;
use crate::{EvalError, EvaluateParams, IntervalFacts};

/// Stream of the resamples, apart from those of other reports.
const STREAM: u64 = 0x66_726f_6e74;
/// Hits, gain and whether there is a hit.
const REALISED: usize = 3;
/// Hits and gain.
const EXPECTED: usize = 2;

impl FrontierReport {
    /// Measures every entry on the same questions.
    ///
    /// Runs on the current rayon pool; the number of threads does not change the report. O(resamples
    /// x customers x entries).
    ///
    /// # Errors
    /// [`EvalError::Parameter`] for a parameter out of range, fewer questions than
    /// `params.min_cases`, no exponent at all, exponents that do not rise, or entries that do not
    /// have one outcome a question.
    pub fn build(inputs: FrontierInputs<'_>, params: &EvaluateParams) -> Result<Self, EvalError> {
        params.check()?;
        let FrontierInputs { customers, entries, policy_exponent, mut facts } = inputs;
        check(customers.len(), entries, params)?;
        let reference = entries.iter().position(|entry| entry.exponent.is_some()).expect("an exponent was checked for");
        let all: Vec<usize> = (0..customers.len()).collect();
        let of_model = || entries.iter().filter(|entry| entry.exponent.is_some());
        let is_known = |at: &usize| of_model().all(|entry| entry.outcomes[*at].expected.is_some());
        let known: Vec<usize> = all.iter().copied().filter(is_known).collect();
        let realised = Measured::new(customers, &all, entries.len() * REALISED, params, |at| {
            let values = entries.iter().map(move |entry| {
                let outcome = &entry.outcomes[at];
                [f64::from(outcome.n_hits), outcome.value, f64::from(u8::from(outcome.n_hits > 0))]
            });
            values.flatten()
        });
        let expected = Measured::new(customers, &known, entries.len() * EXPECTED, params, |at| {
            let values = entries.iter().map(move |entry| {
                // Baselines without probabilities have a column that nobody reads.
                let ExpectedOutcome { hits, value } = entry.outcomes[at].expected.unwrap_or_default();
                [hits, value]
            });
            values.flatten()
        });
        let realised = realised.ok_or_else(|| too_few(customers.len()))?;
        let expected = expected.filter(|_| known.len() >= params.min_cases);

        facts.n_questions = customers.len();
        facts.n_with_probability = known.len();
        facts.n_anonymous = customers.iter().filter(|customer| customer.is_none()).count();
        facts.n_customers = realised.n_clusters - facts.n_anonymous;
        let mut points: Vec<FrontierPoint> = (0..)
            .zip(entries)
            .map(|(at, entry)| {
                let sum = |of: fn(&super::SlateOutcome) -> u32| -> f64 {
                    entry.outcomes.iter().map(|outcome| f64::from(of(outcome))).sum()
                };
                let n_hits = sum(|outcome| outcome.n_hits);
                let has_expected = |_: &&Measured| known.iter().all(|&q| entry.outcomes[q].expected.is_some());
                FrontierPoint {
                    name: entry.name.into(),
                    exponent: entry.exponent,
                    is_policy: entry.exponent.is_some() && entry.exponent == policy_exponent,
                    n_offers: rounded(sum(|outcome| outcome.n_offers) / customers.len() as f64),
                    hit_rate: rounded_estimate(widen_at_the_ends(
                        realised.bootstrap.estimate(at * REALISED + 2),
                        realised.n_clusters as u64,
                    )),
                    realised: realised.figures(at * REALISED, reference * REALISED),
                    estimated_share: (n_hits > 0.0).then(|| rounded(sum(|outcome| outcome.n_estimated_hits) / n_hits)),
                    expected: expected
                        .as_ref()
                        .filter(has_expected)
                        .map(|expected| expected.figures(at * EXPECTED, reference * EXPECTED)),
                }
            })
            .collect();
        let realised_steps = walk(
            &mut points,
            |point| Some(&mut point.realised),
            |from, to| realised.step(from * REALISED, to * REALISED),
        );
        let expected_steps = match &expected {
            Some(expected) => walk(
                &mut points,
                |point| point.expected.as_mut(),
                |from, to| expected.step(from * EXPECTED, to * EXPECTED),
            ),
            None => Vec::new(),
        };
        let mut report = Self {
            format: 1,
            facts,
            intervals: IntervalFacts {
                method: "bootstrap over customers".into(),
                level: 0.95,
                resamples: params.resamples,
                seed: params.seed,
                min_cases: params.min_cases,
                few_cases: params.few_cases,
            },
            points,
            realised_steps,
            expected_steps,
            warnings: Vec::new(),
        };
        report.warnings = report.find_warnings();
        Ok(report)
    }

    fn find_warnings(&self) -> Vec<String> {
        let facts = &self.facts;
        let mut warnings = Vec::new();
        if facts.n_questions < self.intervals.few_cases {
            warnings.push(format!("only {} questions, read the figures with care", count(facts.n_questions)));
        }
        if facts.n_with_probability < self.intervals.min_cases {
            warnings.push(
                "the model gives no probability of what to add (too few held-out offers were bought in training), so \
                 slates follow the order of the ranking, and nothing is known of what they expect"
                    .into(),
            );
        } else if facts.n_with_probability < facts.n_questions {
            warnings.push(format!(
                "expected figures are over the {} of {} questions whose offers all have a probability",
                count(facts.n_with_probability),
                count(facts.n_questions)
            ));
        }
        let relevance = self.points.iter().find(|point| point.exponent.is_some());
        if let Some((realised, expected)) =
            relevance.and_then(|point| Some((point.realised.hits, point.expected?.hits)))
            && !(realised.low..=realised.high).contains(&expected.value)
        {
            let [expects, came, low, high] =
                [expected.value, realised.value, realised.low, realised.high].map(|hits| PER * hits);
            warnings.push(format!(
                "of pure relevance the model expects {expects:.1} hits for 1,000 baskets, and {came:.1} came ({low:.1} to \
                 {high:.1}): its probabilities are too {} for the test period",
                if expects < came { "low" } else { "high" }
            ));
        }
        let share = self.points.iter().filter_map(|point| point.estimated_share).fold(0.0, f64::max);
        if share > 0.5 {
            warnings.push(format!(
                "up to {:.0} % of the {} of the hits is an estimate: give it as a column of the item table",
                100.0 * share,
                facts.objective
            ));
        }
        warnings
    }
}

fn too_few(n_questions: usize) -> EvalError {
    EvalError::Parameter {
        field: "questions",
        got: n_questions.to_string(),
        expected: "at least min_cases test baskets of two items",
    }
}

fn check(n_questions: usize, entries: &[FrontierEntry<'_>], params: &EvaluateParams) -> Result<(), EvalError> {
    if n_questions < params.min_cases {
        return Err(too_few(n_questions));
    }
    if let Some(entry) = entries.iter().find(|entry| entry.outcomes.len() != n_questions) {
        return Err(EvalError::OtherCases {
            ranker: entry.name.into(),
            expected: n_questions,
            got: entry.outcomes.len(),
        });
    }
    let exponents: Vec<f64> = entries.iter().filter_map(|entry| entry.exponent).collect();
    if exponents.is_empty() || exponents.windows(2).any(|pair| pair[0] >= pair[1] || pair[0].is_nan()) {
        return Err(EvalError::Parameter {
            field: "exponents",
            got: format!("{exponents:?}"),
            expected: "at least one, rising",
        });
    }
    Ok(())
}

/// Means over some questions with their bootstrap.
struct Measured {
    bootstrap: Bootstrap,
    n_clusters: usize,
}

impl Measured {
    /// `None` without a question. Questions of a customer stand together, in rising id, before the
    /// anonymous ones, of which each stands alone.
    fn new<V: Iterator<Item = f64>>(
        customers: &[Option<CustomerId>],
        questions: &[usize],
        n_columns: usize,
        params: &EvaluateParams,
        values: impl Fn(usize) -> V,
    ) -> Option<Self> {
        let mut order = questions.to_vec();
        order.sort_unstable_by_key(|&at| (customers[at].is_none(), customers[at], at));
        let mut table = ClusterTable::new(n_columns);
        for cluster in order.chunk_by(|&a, &b| customers[a].is_some() && customers[a] == customers[b]) {
            table.begin_cluster();
            cluster.iter().for_each(|&at| table.add_case(values(at)));
        }
        let bootstrap = table.bootstrap(params.seed, STREAM, params.resamples)?;
        Some(Self { bootstrap, n_clusters: table.n_clusters() })
    }

    /// Figures of a point whose hits are in a column and whose gain is in the next one.
    fn figures(&self, column: usize, reference: usize) -> Figures {
        let difference = |offset: usize| {
            let difference = || self.bootstrap.difference(column + offset, reference + offset);
            (column != reference).then(|| rounded_estimate(difference()))
        };
        Figures {
            hits: rounded_estimate(self.bootstrap.estimate(column)),
            value: rounded_estimate(self.bootstrap.estimate(column + 1)),
            hits_difference: difference(0),
            value_difference: difference(1),
            is_on_frontier: false,
        }
    }

    /// Differences of hits and of gain, and the price where both are clear of noise.
    fn step(&self, from: usize, to: usize) -> (Estimate, Estimate, Option<Estimate>) {
        let hits = self.bootstrap.difference(to, from);
        let value = self.bootstrap.difference(to + 1, from + 1);
        let is_clear = hits.high < 0.0 && value.low > 0.0;
        let price = || self.bootstrap.ratio_of_differences((to + 1, from + 1), (from, to));
        let price = is_clear.then(price).flatten();
        (rounded_estimate(hits), rounded_estimate(value), price.map(rounded_estimate))
    }
}

/// Marks the frontier of the exponents, and the baselines that no exponent dominates; the steps
/// along it.
fn walk(
    points: &mut [FrontierPoint],
    mut figures: impl FnMut(&mut FrontierPoint) -> Option<&mut Figures>,
    step: impl Fn(usize, usize) -> (Estimate, Estimate, Option<Estimate>),
) -> Vec<FrontierStep> {
    let position: Vec<(usize, Option<f64>, (f64, f64))> = points
        .iter_mut()
        .enumerate()
        .filter_map(|(at, point)| {
            let exponent = point.exponent;
            let figures = figures(point)?;
            Some((at, exponent, (figures.hits.value, figures.value.value)))
        })
        .collect();
    let exponents: Vec<(usize, f64, (f64, f64))> =
        position.iter().filter_map(|&(at, exponent, point)| Some((at, exponent?, point))).collect();
    let plane: Vec<(f64, f64)> = exponents.iter().map(|&(_, _, point)| point).collect();
    let found: Vec<(usize, f64)> = frontier(&plane).into_iter().map(|at| (exponents[at].0, exponents[at].1)).collect();
    for &(at, exponent, point) in &position {
        let is_beaten = |&(hits, value): &(f64, f64)| hits >= point.0 && value >= point.1;
        let is_on_frontier = match exponent {
            Some(_) => found.iter().any(|&(on, _)| on == at),
            None => !plane.iter().any(is_beaten),
        };
        if let Some(figures) = figures(&mut points[at]) {
            figures.is_on_frontier = is_on_frontier;
        }
    }
    found
        .windows(2)
        .map(|pair| {
            let [(from_at, from), (to_at, to)] = [pair[0], pair[1]];
            let (hits, value, price) = step(from_at, to_at);
            FrontierStep { from, to, hits, value, price }
        })
        .collect()
}
