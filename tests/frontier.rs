//! The frontier of relevance and value over a demo shop: what it says can be counted again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use sidecart::core::{ErrorClass, ItemId, NoProgress};
use sidecart::data::demo::{DemoParams, DemoShop};
use sidecart::eval::frontier::{FrontierPoint, FrontierReport};
use sidecart::serve::Mode;
use sidecart::serve::offers::Objective;
use sidecart::{Config, Dataset, EXPONENTS, Error, FrontierRequest, evaluate_frontier};

/// A small shop whose training is short: the most that slates need is there.
fn shop() -> (tempfile::TempDir, Config, Dataset) {
    let (folder, mut config, dataset) = written(&support::small_shop(1));
    config.upsell.enabled = false;
    config.models.embeddings.enabled = false;
    config.models.ranker.enabled = false;
    (folder, config, dataset)
}

fn written(shop: &DemoShop) -> (tempfile::TempDir, Config, Dataset) {
    let folder = tempfile::tempdir().unwrap();
    shop.write_to(folder.path()).unwrap();
    let mut config = Config::read(&folder.path().join("sidecart.toml")).unwrap();
    config.evaluate.resamples = 200;
    config.policy.diversity = 0.0;
    let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
    (folder, config, dataset)
}

fn ask(dataset: &Dataset, config: &Config, request: FrontierRequest) -> Result<FrontierReport, Box<Error>> {
    evaluate_frontier(dataset, config, request, &[], &NoProgress).map_err(Box::new)
}

fn exponents(report: &FrontierReport) -> Vec<&FrontierPoint> {
    report.points.iter().filter(|point| point.exponent.is_some()).collect()
}

#[test]
fn more_money_costs_relevance_and_the_price_is_said() {
    // Large enough for probabilities of what to add.
    let (_folder, config, dataset) =
        written(&DemoShop::generate(&DemoParams { n_customers: 1_500, ..DemoParams::default() }));
    let report = ask(&dataset, &config, FrontierRequest::default()).unwrap();
    let facts = &report.facts;
    assert_eq!(facts.objective, "margin", "the demo shop says its margins");

    // Questions are of the test period alone, each basket once.
    let n_baskets = dataset.ledger.n_baskets();
    let share = facts.n_test_baskets as f64 / n_baskets as f64;
    assert!((0.09..0.12).contains(&share), "{share}");
    assert_eq!(facts.n_test_baskets, facts.n_questions + facts.n_single_baskets + facts.n_unsampled_baskets);

    // Without diversity the expected frontier is every exponent, falling and rising.
    let points = exponents(&report);
    assert_eq!(points.iter().map(|point| point.exponent.unwrap()).collect::<Vec<_>>(), EXPONENTS);
    for pair in points.windows(2) {
        let (a, b) = (pair[0].expected.unwrap(), pair[1].expected.unwrap());
        assert!(a.hits.value >= b.hits.value - 1e-9 && a.value.value <= b.value.value + 1e-9, "{a:?} {b:?}");
    }
    let (first, last) = (points[0].expected.unwrap(), points[points.len() - 1].expected.unwrap());
    assert!(first.hits.value > last.hits.value * 1.05 && last.value.value > first.value.value * 1.02);
    assert!(report.expected_steps.iter().all(|step| step.hits.value < 0.0 && step.value.value > 0.0));
    assert!(report.expected_steps.iter().any(|step| step.price.is_some()));
    for step in &report.realised_steps {
        assert!(step.hits.value < 0.0 && step.value.value > 0.0, "{step:?}");
        if let Some(price) = step.price {
            assert!((price.value + step.value.value / step.hits.value).abs() < 1e-6 * price.value, "{step:?}");
        }
    }

    // What is expected comes, about.
    let hits = points[0].realised.hits;
    assert!((first.hits.value / hits.value - 1.0).abs() < 0.3, "{first:?} {hits:?}");
    let popular = &report.points[0];
    assert!(popular.name == "most popular" && !popular.realised.is_on_frontier && popular.expected.is_none());
}

#[test]
fn money_is_what_the_policy_counts_and_its_exponent_is_tried() {
    let (_folder, mut config, dataset) = shop();
    let margin = ask(&dataset, &config, FrontierRequest::default()).unwrap();
    assert_eq!(margin.points.iter().filter(|p| p.is_policy).map(|p| p.exponent).collect::<Vec<_>>(), [Some(0.0)]);
    config.policy.objective = Objective::Revenue;
    config.policy.gain_exponent = 0.15;
    let revenue = ask(&dataset, &config, FrontierRequest::default()).unwrap();
    assert_eq!((margin.facts.objective.as_str(), revenue.facts.objective.as_str()), ("margin", "revenue"));
    assert_eq!(revenue.points.iter().filter(|p| p.is_policy).map(|p| p.exponent).collect::<Vec<_>>(), [Some(0.15)]);
    let popular = |report: &FrontierReport| report.points[0].realised;
    assert_eq!(popular(&margin).hits, popular(&revenue).hits);
    assert!(popular(&revenue).value.value > popular(&margin).value.value, "prices are more than margins");
}

#[test]
fn the_most_popular_items_are_counted_again() {
    let (_folder, mut config, dataset) = shop();
    // Every test basket of two items is a question of one item about the other.
    let ledger = dataset.ledger.filter(|basket| dataset.ledger.baskets().get(basket).len() == 2);
    let dataset = Dataset { ledger, ..dataset };
    config.policy.offers_per_request = 1;
    config.models.neighbours.min_item_baskets = 1;
    let report = ask(&dataset, &config, FrontierRequest::default()).unwrap();

    let ledger = &dataset.ledger;
    let first_test = ledger.n_baskets() - report.facts.n_test_baskets;
    let mut by_time: Vec<usize> = (0..ledger.n_baskets()).collect();
    by_time.sort_by_key(|&basket| ledger.basket_times()[basket]);
    let mut sold: BTreeMap<ItemId, u32> = BTreeMap::new();
    for &basket in &by_time[..first_test] {
        ledger.baskets().get(basket).iter().for_each(|item| *sold.entry(*item).or_default() += 1);
    }
    let mut order: Vec<ItemId> = sold.keys().copied().collect();
    order.sort_by_key(|item| (std::cmp::Reverse(sold[item]), *item));
    // Whichever half asks, the best seller that it does not hold is offered: a hit if it is the other.
    let (mut surely, mut perhaps) = (0, 0);
    for &basket in &by_time[first_test..] {
        let pair = ledger.baskets().get(basket);
        let hit = |asked: usize| order.iter().find(|&&item| item != pair[asked]) == Some(&pair[1 - asked]);
        surely += usize::from(hit(0) && hit(1));
        perhaps += usize::from(hit(0) || hit(1));
    }
    let n_hits = (report.points[0].realised.hits.value * report.facts.n_questions as f64).round() as usize;
    assert!(surely <= n_hits && n_hits <= perhaps && n_hits > 0, "{surely} {n_hits} {perhaps}");
    assert_eq!(report.facts.n_hidden, report.facts.n_questions);
}

#[test]
fn threads_change_nothing_and_discovery_has_fewer_hits() {
    let (_folder, mut config, dataset) = shop();
    config.evaluate.max_cases = 300;
    let with = |threads: usize, mode: Mode| {
        let request = FrontierRequest { mode, money: Some(Objective::Margin) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| ask(&dataset, &config, request)).unwrap()
    };
    let one = with(1, Mode::Completion);
    assert_eq!(one.facts.n_questions, 300);
    // Too small a shop for probabilities: hits are counted, and nothing is expected.
    assert!(one.points.iter().all(|point| point.expected.is_none()) && one.points[2].realised.hits.value > 0.0);
    assert_eq!(one.to_json(), with(3, Mode::Completion).to_json());
    let discovery = with(2, Mode::Discovery);
    assert_eq!(discovery.facts.n_hidden, one.facts.n_hidden, "the same questions");
    assert!(discovery.points[1].realised.hits.value < one.points[1].realised.hits.value);
}

#[test]
fn what_has_no_money_is_refused() {
    let (_folder, mut config, dataset) = shop();
    let request = FrontierRequest { money: Some(Objective::Units), ..FrontierRequest::default() };
    let error = ask(&dataset, &config, request).unwrap_err();
    assert!(error.to_string().contains("expected margin or revenue") && error.class() == ErrorClass::Caller);
    config.policy.caps.cross_sell = 0;
    assert!(ask(&dataset, &config, FrontierRequest::default()).unwrap_err().to_string().contains("caps.cross_sell"));
    config.policy.caps.cross_sell = 3;
    let baskets = dataset.ledger.filter(|basket| dataset.ledger.baskets().get(basket).len() == 1);
    let single = Dataset { ledger: baskets, ..dataset };
    assert_eq!(ask(&single, &config, FrontierRequest::default()).unwrap_err().class(), ErrorClass::Data);
}
