//! Evaluations from test baskets to the report.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sidecart_core::{Cancelled, CustomerId, ItemId, NoProgress, Progress, Rng, Time};
use sidecart_eval::{
    Case, CaseSet, EvalError, EvaluateParams, Evaluation, HideOneParams, Query, RankError, RankFn, RankSession, Ranker,
    Report, SliceState, TestBasket, TrainingFacts, hide_one, metrics::Metric,
};

const N_ITEMS: u32 = 80;

fn cases(n_baskets: u32, seed: u64) -> CaseSet {
    let mut rng = Rng::new(seed, 0);
    let rows: Vec<Vec<ItemId>> = (0..n_baskets)
        .map(|_| (0..2 + rng.below(4)).map(|_| ItemId(rng.below(N_ITEMS as usize) as u32)).collect())
        .collect();
    let baskets: Vec<TestBasket<'_>> = (0..)
        .zip(&rows)
        .map(|(basket, items)| TestBasket {
            key: basket,
            customer: (basket % 5 > 0).then_some(CustomerId(basket as u32 % 40)),
            time: Time(basket as i64),
            items,
            segment: Some(u16::from(basket % 7 == 0)),
            store: None,
        })
        .collect();
    let counts: Vec<u32> = (0..N_ITEMS).map(|item| 100 + N_ITEMS - item).collect();
    let training = TrainingFacts {
        item_baskets: &counts,
        n_baskets: 500,
        bought: &|_, item| item.0.is_multiple_of(2),
        has_past: &|_| true,
        split_time: Some("2025-01-01".into()),
        fingerprint: Some("aa".into()),
    };
    hide_one(&HideOneParams { seed, ..HideOneParams::default() }, &training, &baskets).unwrap()
}

fn labels() -> Vec<String> {
    ["many <1>", "few"].map(String::from).into()
}

/// Items from `start` on, round the catalogue, without the basket.
fn from(start: u32) -> impl Fn(Query<'_>, usize, &mut Vec<ItemId>) + Sync {
    move |query, k, out| {
        let all = (0..N_ITEMS).map(|i| ItemId((start + i) % N_ITEMS));
        out.extend(all.filter(|item| !query.basket.contains(item)).take(k));
    }
}

fn report(set: &CaseSet, params: &EvaluateParams) -> Report {
    let (popular, shifted) = (RankFn::new("popular", from(0)), RankFn::new("shifted", from(30)));
    let own = RankFn::new("own", |query: Query<'_>, k: usize, out: &mut Vec<ItemId>| {
        from(query.customer.map_or(0, |customer| customer.0))(query, k, out);
    });
    let labels = labels();
    Evaluation::new(set)
        .segments(&labels)
        .baseline(&popular)
        .baseline(&own)
        .ranker(&shifted)
        .run(params, &NoProgress)
        .unwrap()
}

#[test]
fn a_report_equals_a_plain_count() {
    let set = cases(400, 3);
    let report = report(&set, &EvaluateParams::default());
    let row = report.ranker("shifted").unwrap();
    let mut ranked = Vec::new();
    for (slice_idx, holds) in
        [|_: &Case| true, |c: &Case| c.is_new, |c: &Case| c.is_tail, |c: &Case| c.segment == Some(0)]
            .into_iter()
            .enumerate()
    {
        let (mut hits, mut n, mut reciprocal) = (0, 0, 0.0);
        for case in set.cases.iter().filter(|case| holds(case)) {
            ranked.clear();
            from(30)(case.query(), 50, &mut ranked);
            let rank = ranked.iter().position(|&item| item == case.target).map(|position| position + 1);
            n += 1;
            hits += usize::from(rank.is_some_and(|rank| rank <= 10));
            reciprocal += rank.filter(|&rank| rank <= 20).map_or(0.0, |rank| 1.0 / rank as f64);
        }
        let slice = &row.slices[slice_idx];
        assert_eq!(report.slices[slice_idx].n_cases, n);
        assert!((slice.hr_10.unwrap().value - hits as f64 / n as f64).abs() < 1e-8);
        assert!((slice.mrr_20.unwrap().value - reciprocal / n as f64).abs() < 1e-8);
        let popular = report.ranker("popular").unwrap().slices[slice_idx].hr_10.unwrap();
        assert!(popular.difference.is_none());
        let difference = slice.hr_10.unwrap().difference.unwrap();
        assert!((difference.value - (slice.hr_10.unwrap().value - popular.value)).abs() < 1e-8);
    }
    assert!(report.slices[0].n_clusters > 40 && report.slices[0].n_clusters < set.cases.len());
    assert_eq!(report.reference.as_deref(), Some("popular"));
}

#[test]
fn small_slices_are_warned_about_or_refused() {
    let report = report(&cases(140, 1), &EvaluateParams::default());
    let states: Vec<SliceState> = report.slices.iter().map(|slice| slice.state).collect();
    let few = &report.slices[4];
    assert_eq!((few.name.as_str(), few.n_cases, states[4]), ("few", 20, SliceState::Few));
    assert!(report.warnings.iter().any(|w| w.contains("segment few: only 20 cases")), "{:?}", report.warnings);

    let params = EvaluateParams { min_cases: 21, ..EvaluateParams::default() };
    let refused = self::report(&cases(140, 1), &params);
    assert_eq!(refused.slices[4].state, SliceState::Refused);
    assert!(refused.rankers.iter().all(|row| Metric::ALL.iter().all(|&m| row.slices[4].get(m).is_none())));
    assert!(refused.to_table().contains("- (20)"));
    assert!(refused.to_json().contains("\"hr_10\": null"));
}

#[test]
fn a_ranker_that_offers_the_basket_is_reported() {
    let set = cases(50, 1);
    let echo = RankFn::new("echo", |query: Query<'_>, _, out: &mut Vec<ItemId>| out.push(query.basket[0]));
    let error = Evaluation::new(&set).segments(&labels()).ranker(&echo).run(&EvaluateParams::default(), &NoProgress);
    match error.unwrap_err() {
        EvalError::InvalidLists { ranker, query_id: 0, context_items, duplicates: 0, surplus: 0 } => {
            assert_eq!((ranker.as_str(), context_items), ("echo", set.cases.len() as u64));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn repeated_and_surplus_offers_are_reported() {
    let set = cases(50, 1);
    let twice = RankFn::new("twice", |query: Query<'_>, _, out: &mut Vec<ItemId>| {
        from(0)(query, 20, out);
        out.extend_from_within(..3);
    });
    let long = RankFn::new("long", |query: Query<'_>, k, out: &mut Vec<ItemId>| from(0)(query, k + 2, out));
    let n = set.cases.len() as u64;
    for (ranker, expected) in [(&twice as &dyn Ranker, (3 * n, 0)), (&long, (0, 2 * n))] {
        let error =
            Evaluation::new(&set).segments(&labels()).ranker(ranker).run(&EvaluateParams::default(), &NoProgress);
        match error.unwrap_err() {
            EvalError::InvalidLists { duplicates, surplus, .. } => assert_eq!((duplicates, surplus), expected),
            other => panic!("{other}"),
        }
    }
}

struct Failing;

impl Ranker for Failing {
    fn name(&self) -> &str {
        "failing"
    }

    fn data_fingerprint(&self) -> Option<&str> {
        Some("aa")
    }

    fn session(&self) -> Box<dyn RankSession + '_> {
        Box::new(Self)
    }
}

impl RankSession for Failing {
    fn rank(&mut self, query: Query<'_>, _k: usize, _out: &mut Vec<ItemId>) -> Result<(), RankError> {
        if query.query_id >= 300 { Err("out of luck".into()) } else { Ok(()) }
    }
}

#[test]
fn the_first_failure_is_named() {
    let set = cases(900, 1);
    let error = Evaluation::new(&set).segments(&labels()).ranker(&Failing).run(&EvaluateParams::default(), &NoProgress);
    assert!(matches!(error.unwrap_err(), EvalError::Ranker { query_id: 300, .. }));
}

struct Renamed(&'static str, &'static str);

impl Ranker for Renamed {
    fn name(&self) -> &str {
        self.0
    }

    fn data_fingerprint(&self) -> Option<&str> {
        Some(self.1)
    }

    fn session(&self) -> Box<dyn RankSession + '_> {
        Box::new(Failing)
    }
}

struct Stop;

impl Progress for Stop {
    fn begin(&self, _stage: &str, _total: u64, _unit: &str) {}
    fn advance(&self, _units: u64) {}
    fn end(&self) {}
    fn note(&self, _message: &str) {}
    fn is_cancelled(&self) -> bool {
        true
    }
}

#[test]
fn wrong_set_ups_are_refused() {
    let (set, labels, params) = (cases(50, 1), labels(), EvaluateParams::default());
    let (a, b, other) = (Renamed("a", "aa"), Renamed("b", "aa"), Renamed("other", "bb"));
    let new = || Evaluation::new(&set).segments(&labels);
    let error = |evaluation: Evaluation<'_>| evaluation.run(&params, &NoProgress).unwrap_err();
    assert!(matches!(error(new().ranker(&a).baseline(&a)), EvalError::DuplicateRanker { name } if name == "a"));
    assert!(matches!(error(new().ranker(&other)), EvalError::OtherData { got, .. } if got == "bb"));
    let unknown = error(new().ranker(&a).ranker(&b).compare_with("c"));
    assert_eq!(unknown.to_string(), "no ranker is called \"c\", expected one of: a, b");
    let unlabelled = error(Evaluation::new(&set).segments(&labels[..1]).ranker(&a));
    assert!(matches!(unlabelled, EvalError::UnknownSegment { got: 1, n_segments: 1, .. }));
    let stopped = new().ranker(&a).run(&params, &Stop);
    assert!(matches!(stopped, Err(EvalError::Cancelled(Cancelled))));
}

#[test]
fn silent_rankers_miss_and_have_no_popularity() {
    let set = cases(50, 1);
    let report = Evaluation::new(&set)
        .segments(&labels())
        .ranker(&Failing)
        .run(&EvaluateParams::default(), &NoProgress)
        .unwrap();
    let row = &report.rankers[0];
    assert_eq!((row.n_empty, row.coverage_10, row.popularity_10), (set.cases.len(), None, None));
    let hr = row.slices[0].hr_10.unwrap();
    assert!(hr.value == 0.0 && hr.high > 0.0 && hr.difference.is_none());
    assert!(report.warnings.iter().any(|w| w.starts_with("no baseline")));
}

#[test]
fn an_evaluation_without_cases_measures_nothing() {
    let report = report(&cases(0, 1), &EvaluateParams::default());
    assert!(report.rankers.iter().all(|row| row.slices.iter().all(|slice| slice.hr_10.is_none())));
    assert!(report.to_table().contains("- (0)"));
    assert!(report.to_html().contains("No model was measured."));
}

#[test]
fn every_form_says_the_same() {
    let report = report(&cases(400, 2), &EvaluateParams::default());
    let again: Report = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(again, report);

    let (table, page) = (report.to_table(), report.to_html());
    let hr = report.ranker("shifted").unwrap().slices[0].hr_10.unwrap();
    let shown = format!("{:.3}", hr.value).replacen("0.", ".", 1);
    assert!(table.contains(&format!("{shown} ±")) && page.contains(&format!("<td>{shown} ")));
    for metric in Metric::ALL {
        assert!(table.contains(metric.label()) && table.contains(metric.explanation()));
        assert!(page.contains(metric.label()));
    }
    assert!(page.contains("many &lt;1&gt;") && !page.contains("many <1>"));
    assert!(!page.contains("<script") && !page.contains("http"));
    assert_eq!(page.matches("<svg").count(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn threads_change_nothing_and_values_are_in_range(n_baskets in 0u32..700, seed in 0u64..100) {
        let set = cases(n_baskets, seed);
        let params = EvaluateParams { resamples: 100, ..EvaluateParams::default() };
        let with = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| report(&set, &params).to_json())
        };
        let json = with(1);
        prop_assert_eq!(&json, &with(3));
        let report: Report = serde_json::from_str(&json).unwrap();
        for slice in report.rankers.iter().flat_map(|row| &row.slices) {
            for value in Metric::ALL.iter().filter_map(|&metric| slice.get(metric)) {
                prop_assert!(0.0 <= value.low && value.low <= value.value);
                prop_assert!(value.value <= value.high && value.high <= 1.0);
            }
            if let (Some(at_10), Some(at_50), Some(ndcg)) = (slice.hr_10, slice.hr_50, slice.ndcg_10) {
                prop_assert!(ndcg.value <= at_10.value && at_10.value <= at_50.value);
            }
        }
    }
}
