//! The demo shop, trained, published and asked with the neural ranker.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sidecart::core::{ItemId, NoProgress};
use sidecart::data::demo::{DemoParams, DemoShop};
use sidecart::serve::ranker::Situation;
use sidecart::serve::{Query, Scorer, Source};
use sidecart::{Config, Dataset, EvaluateRequest};
use sidecart_neural::NeuralLearner;
use sidecart_train::ranker::{NetworkParams, RankerLearner};

fn shop(folder: &std::path::Path) -> (Dataset, Config) {
    let params = DemoParams { n_customers: 700, n_weeks: 30, ..DemoParams::default() };
    DemoShop::generate(&params).write_to(folder).unwrap();
    let mut config = Config::read(&folder.join("sidecart.toml")).unwrap();
    config.upsell.enabled = false;
    config.models.embeddings.enabled = false;
    config.models.associations.enabled = false;
    config.models.ranker.min_cases = 200;
    config.models.ranker.grow_trees = false;
    let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
    (dataset, config)
}

fn learner() -> NeuralLearner {
    let params = NetworkParams { hidden: vec![16], max_epochs: 4, lists_per_step: 32, ..NetworkParams::default() };
    NeuralLearner::new(params).unwrap()
}

fn answers(scorer: &Scorer, dataset: &Dataset, using: Source) -> Vec<Vec<(ItemId, u32)>> {
    let histories = sidecart_train::customer_histories(&dataset.ledger);
    let mut scratch = scorer.scratch();
    let baskets = (0..dataset.ledger.n_baskets()).step_by(dataset.ledger.n_baskets() / 200);
    let lists = baskets.map(|at| {
        let history =
            dataset.ledger.customer_of(at).filter(|_| at % 3 > 0).map(|customer| &histories[customer.index()]);
        let query = Query { basket: dataset.ledger.baskets().get(at), history, using, ..Query::default() };
        let offers = scorer.recommend(&query, &mut scratch).unwrap().offers;
        offers.iter().map(|offer| (offer.item, offer.score.to_bits())).collect()
    });
    lists.collect()
}

#[test]
fn a_neural_ranker_is_learned_published_and_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, config) = shop(folder.path());
    let learner = learner();
    let learners = [&learner as &dyn RankerLearner];
    let trained = sidecart::train_with(&dataset, &config, &learners, &NoProgress).unwrap();
    let tuning = trained.ranker.as_ref().unwrap();
    assert_eq!(tuning.situations.len(), 3);
    for found in &tuning.situations {
        let ndcg = |name: &str| found.results.iter().find(|(of, ..)| of == name).unwrap().1;
        let (neural, popular) = (ndcg("neural"), ndcg("popular"));
        assert!((1..=4).contains(&found.n_epochs.unwrap()), "{found:?}");
        assert!(neural > 1.2 * popular && neural > 0.75 * ndcg("linear"), "{found:?}");
    }

    let model = folder.path().join("model");
    sidecart::publish(&model, &trained, &dataset, &config).unwrap();
    let reopened = Scorer::open(&model).unwrap();
    let before = trained.models.scorer(&dataset.ledger, &dataset.catalogue).unwrap();
    assert!(reopened.parts().contains(&"neural"));
    let ranker = reopened.model().ranker().unwrap();
    assert!(Situation::ALL.iter().all(|&situation| ranker.of(situation).unwrap().neural.is_some()));
    let lists = answers(&before, &dataset, Source::Neural);
    assert!(lists.iter().filter(|list| list.len() == 10).count() > 150, "most lists are full");
    assert_eq!(answers(&reopened, &dataset, Source::Neural), lists, "what is read answers as what was written");
    assert_ne!(answers(&reopened, &dataset, Source::Linear), lists);
}

#[test]
fn an_evaluation_learns_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let (dataset, mut config) = shop(folder.path());
    config.models.ranker.learn_network = false;
    let request = EvaluateRequest { using: Some(Source::Neural), ..EvaluateRequest::default() };
    let refused = sidecart::evaluate(&dataset, &config, request, &NoProgress).unwrap_err().to_string();
    assert!(refused.contains("learn_network"), "nothing learns it: {refused}");
    let learner = learner();
    let report = sidecart::evaluate_with(&dataset, &config, request, &[&learner], &NoProgress).unwrap();
    let hits = |name: &str| report.ranker(name).unwrap().slices[0].hr_10.as_ref().unwrap().value;
    assert!(hits("neural") > hits("popular"), "{} {}", hits("neural"), hits("popular"));
}
