//! What is left out of the ranker shows in its figures.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sidecart::core::NoProgress;
use sidecart::data::demo::{DemoParams, DemoShop};
use sidecart::serve::Mode;
use sidecart::{Config, Dataset, evaluate_ablation};

#[test]
fn leaving_out_the_own_past_costs_most_and_every_part_has_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let params = DemoParams { n_customers: 500, n_weeks: 26, ..DemoParams::default() };
    DemoShop::generate(&params).write_to(folder.path()).unwrap();
    let mut config = Config::read(&folder.path().join("sidecart.toml")).unwrap();
    config.models.ranker.max_baskets = 800;
    config.models.ranker.min_cases = 300;
    config.models.ranker.network.max_epochs = 4;
    config.models.embeddings.enabled = false;
    let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
    let report = evaluate_ablation(&dataset, &config, Mode::Completion, &[], &NoProgress).unwrap();
    let hits = |name: &str| {
        let row = report.ranker(name).unwrap_or_else(|| panic!("no row {name}"));
        row.slices[0].hr_10.unwrap().value
    };
    let everything = hits("everything");
    for name in ["popular", "own-frequency", "mixture", "without neighbours", "without lines", "without price features"]
    {
        assert!(hits(name) <= everything + 0.05, "{name}: {} against {everything}", hits(name));
    }
    assert!(hits("without own") < everything - 0.03, "{} against {everything}", hits("without own"));
    assert!(report.ranker("without embeddings").is_none(), "what the model does not have cannot be left out");
    let own = report.ranker("without own").unwrap().slices[0].hr_10.unwrap();
    let difference = own.difference.unwrap();
    assert!((difference.value - (own.value - everything)).abs() < 1e-12, "differences are to everything");

    config.models.ranker.enabled = false;
    let error = evaluate_ablation(&dataset, &config, Mode::Completion, &[], &NoProgress).unwrap_err().to_string();
    assert!(error.contains("models.ranker.enabled"), "{error}");
}
