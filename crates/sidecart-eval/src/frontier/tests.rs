use sidecart_core::{CustomerId, Rng};

use super::*;
use crate::EvaluateParams;

/// Questions of 100 customers, four each, and forty anonymous ones: pure relevance hits 0.5 for 1
/// each, the second exponent 0.4 for 2 each, the third has the hits of the second for less.
fn planted() -> (Vec<Option<CustomerId>>, [Vec<SlateOutcome>; 4]) {
    let mut rng = Rng::new(3, 0);
    let customers: Vec<Option<CustomerId>> = (0..440u32).map(|at| (at < 400).then_some(CustomerId(at % 100))).collect();
    let mut outcome = |p: f64, gain: f64, knows: bool| {
        let n_hits = u32::from(rng.chance(p));
        SlateOutcome {
            n_offers: 4,
            n_estimated: 2,
            n_hits,
            n_estimated_hits: n_hits,
            value: gain * f64::from(n_hits),
            expected: knows.then_some(ExpectedOutcome { hits: p, value: p * gain }),
        }
    };
    let mut entry = |p: f64, gain: f64, knows: bool| (0..440).map(|_| outcome(p, gain, knows)).collect();
    let entries = [entry(0.2, 1.0, false), entry(0.5, 1.0, true), entry(0.3, 4.0, true), entry(0.29, 3.0, true)];
    (customers, entries)
}

fn report(customers: &[Option<CustomerId>], outcomes: &[Vec<SlateOutcome>]) -> FrontierReport {
    let names = ["popular", "exponent 0", "exponent 0.5", "exponent 1"];
    let exponents = [None, Some(0.0), Some(0.5), Some(1.0)];
    let entries: Vec<FrontierEntry<'_>> = names
        .iter()
        .zip(exponents)
        .zip(outcomes)
        .map(|((name, exponent), outcomes)| FrontierEntry { name, exponent, outcomes })
        .collect();
    let facts = FrontierFacts { objective: "margin".into(), k: 4, ..FrontierFacts::default() };
    let inputs = FrontierInputs { customers, entries: &entries, policy_exponent: Some(0.5), facts };
    FrontierReport::build(inputs, &EvaluateParams { resamples: 300, ..EvaluateParams::default() }).unwrap()
}

#[test]
fn a_planted_frontier_is_found_with_its_price() {
    let (customers, outcomes) = planted();
    let report = report(&customers, &outcomes);
    assert_eq!((report.facts.n_customers, report.facts.n_anonymous, report.facts.n_with_probability), (100, 40, 440));
    let on = |at: usize| report.points[at].realised.is_on_frontier;
    assert_eq!([on(0), on(1), on(2), on(3)], [false, true, true, false]);
    assert!(report.points[2].is_policy && !report.points[1].is_policy && !report.points[0].is_policy);
    // Of 0.2 hits less come 0.7 of money more: 3.5 for each.
    let [step] = &report.expected_steps[..] else { panic!("{:?}", report.expected_steps) };
    assert_eq!((step.from, step.to), (0.0, 0.5));
    assert!((step.price.unwrap().value - 3.5).abs() < 1e-6 && (step.hits.value + 0.2).abs() < 1e-9);
    let [step] = &report.realised_steps[..] else { panic!("{:?}", report.realised_steps) };
    let price = step.price.unwrap();
    assert!(price.low < 3.5 && 3.5 < price.high && price.low > 0.0, "{price:?}");
    assert_eq!(report.points[0].expected, None, "a baseline without probabilities");
    assert_eq!(report.points[1].realised.hits_difference, None, "pure relevance is what the others are held against");
    assert_eq!(serde_json::from_str::<FrontierReport>(&report.to_json()).unwrap(), report);

    let text = report.to_table();
    for words in
        ["exponent 0.5 (policy)", "popular (baseline)", "dominated", "margin per lost hit", "upsells and add-ons"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
    let page = report.to_html();
    assert!(page.contains("<svg") && page.contains("<polyline") && !page.contains("NaN"), "{page}");
}

#[test]
fn differences_within_their_noise_have_no_price() {
    let (customers, mut outcomes) = planted();
    // One question in 440 tells the second exponent from pure relevance.
    outcomes[2] = outcomes[1].clone();
    let at = outcomes[1].iter().position(|outcome| outcome.n_hits == 1).unwrap();
    outcomes[2][at] = SlateOutcome { n_hits: 0, value: 9.0, ..outcomes[2][at] };
    outcomes[3] = outcomes[2].clone();
    let report = report(&customers, &outcomes);
    let [step] = &report.realised_steps[..] else { panic!("{:?}", report.realised_steps) };
    assert_eq!((step.from, step.to, step.price), (0.0, 0.5, None));
    assert!(report.to_table().contains("not distinguishable"));
    assert!(report.expected_steps.is_empty(), "equal points: the first stands for all");
}

#[test]
fn without_probabilities_nothing_is_expected() {
    let (customers, mut outcomes) = planted();
    for outcomes in &mut outcomes {
        outcomes.iter_mut().for_each(|outcome| outcome.expected = None);
    }
    let report = report(&customers, &outcomes);
    assert!(report.points.iter().all(|point| point.expected.is_none()) && report.expected_steps.is_empty());
    assert!(report.warnings.iter().any(|warning| warning.contains("no probability")), "{:?}", report.warnings);
    assert!(!report.to_table().contains("Expected by the model"));
}

#[test]
fn probabilities_that_do_not_come_true_are_told() {
    let (customers, mut outcomes) = planted();
    let told = |outcomes: &[Vec<SlateOutcome>]| {
        let warnings = report(&customers, outcomes).warnings;
        warnings.into_iter().find(|warning| warning.contains("its probabilities are too low"))
    };
    assert_eq!(told(&outcomes), None);
    for outcome in &mut outcomes[1] {
        outcome.expected = Some(ExpectedOutcome { hits: 0.1, value: 0.1 });
    }
    assert!(told(&outcomes).unwrap().contains("expects 100.0 hits"));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let (customers, outcomes) = planted();
    let build = |customers: &[Option<CustomerId>], exponents: &[Option<f64>], n: usize| {
        let entries: Vec<FrontierEntry<'_>> = exponents
            .iter()
            .map(|&exponent| FrontierEntry { name: "e", exponent, outcomes: &outcomes[0][..n] })
            .collect();
        let facts = FrontierFacts::default();
        let inputs = FrontierInputs { customers, entries: &entries, policy_exponent: None, facts };
        FrontierReport::build(inputs, &EvaluateParams::default()).map_err(|error| error.to_string())
    };
    assert!(build(&customers[..5], &[Some(0.0)], 5).unwrap_err().contains("questions"));
    assert!(build(&customers, &[Some(0.0)], 5).unwrap_err().contains("5 cases"));
    assert!(build(&customers, &[Some(1.0), Some(0.0)], 440).unwrap_err().contains("rising"));
    assert!(build(&customers, &[None], 440).unwrap_err().contains("at least one"));
    assert!(build(&customers, &[Some(0.0)], 440).is_ok());
}
