//! How good the offers are, measured on baskets the models have not seen.

use sidecart_core::{History, ItemId, Money, Progress};
use sidecart_eval::customers::{CustomerOrders, Order, SegmentReport};
use sidecart_eval::{Case, CaseSet, Evaluation, Query as EvalQuery, RankError, RankSession, Ranker, Report};
use sidecart_serve::ranker::Stage;
use sidecart_serve::{Mode, Query, Scorer, Scratch, Source};
use sidecart_train::ranker::RankerLearner;
use sidecart_train::upsell::{UpsellInputs, UpsellParams};
use sidecart_train::{HoldOut, HoldOutSpec, TrainOptions, hold_out};

use crate::config::Config;
use crate::dataset::Dataset;
use crate::error::{Error, Result};

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EvaluateRequest {
    /// The list mode.
    pub mode: Mode,
    /// One part of the model alone; none = all parts side by side.
    pub using: Option<Source>,
}

/// A part of a scorer as the evaluation sees it.
pub(crate) struct ScorerRanker<'a> {
    name: String,
    scorer: &'a Scorer,
    histories: &'a [History],
    using: Source,
    mode: Mode,
    with_customer: bool,
    fingerprint: String,
}

impl<'a> ScorerRanker<'a> {
    /// A part that is told the customer.
    pub(crate) fn new(
        name: &str,
        scorer: &'a Scorer,
        histories: &'a [History],
        using: Source,
        mode: Mode,
        fingerprint: &str,
    ) -> Self {
        let (name, fingerprint) = (name.to_owned(), fingerprint.to_owned());
        Self { name, scorer, histories, using, mode, with_customer: true, fingerprint }
    }
}

struct Session<'a> {
    ranker: &'a ScorerRanker<'a>,
    scratch: Scratch,
}

impl Ranker for ScorerRanker<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn data_fingerprint(&self) -> Option<&str> {
        Some(&self.fingerprint)
    }

    fn session(&self) -> Box<dyn RankSession + '_> {
        Box::new(Session { ranker: self, scratch: self.scorer.scratch() })
    }
}

impl RankSession for Session<'_> {
    fn rank(&mut self, query: EvalQuery<'_>, k: usize, out: &mut Vec<ItemId>) -> Result<(), RankError> {
        let r = self.ranker;
        let history = query.customer.filter(|_| r.with_customer).map(|c| &r.histories[c.index()]);
        let query = Query {
            basket: query.basket,
            history,
            time: query.time,
            k,
            mode: r.mode,
            using: r.using,
            store: query.store,
            exclude: &[],
            promoted: &[],
        };
        let answer = r.scorer.recommend(&query, &mut self.scratch)?;
        out.clear();
        out.extend(answer.offers.iter().map(|o| o.item));
        Ok(())
    }
}

/// Splits the history by time, trains on the part before, hides one item in each test basket and
/// measures how high it comes back, always beside popularity and the customer's own frequency.
///
/// In [`Mode::Discovery`] only items new to the customer are hidden targets.
///
/// # Errors
/// [`Error::OneTime`] and [`Error::TestFrom`] where the history cannot be cut, [`Error::NoCases`]
/// where no test basket can be a question, [`Error::Setting`] for a part that is switched off, and any error of training or
/// evaluation.
pub fn evaluate(
    dataset: &Dataset,
    config: &Config,
    request: EvaluateRequest,
    progress: &dyn Progress,
) -> Result<Report> {
    evaluate_with(dataset, config, request, &[], progress)
}

/// As [`evaluate`], with more rankers to choose from, as
/// [`train_with`](crate::train_with) has them.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_with(
    dataset: &Dataset,
    config: &Config,
    request: EvaluateRequest,
    learners: &[&dyn RankerLearner],
    progress: &dyn Progress,
) -> Result<Report> {
    check_enabled(request.using, config, learners)?;
    let split = split_for(dataset, config, request.mode)?;
    let no_upsell = UpsellParams { enabled: false, ..config.upsell.clone() };
    let inputs = UpsellInputs::default();
    let options = TrainOptions { seed: config.seed, progress, learners };
    let trained =
        sidecart_train::train_with(&split.before, &dataset.catalogue, &config.models, &no_upsell, &inputs, &options)?;
    let scorer = trained.models.scorer(&split.before, &dataset.catalogue)?;
    let fingerprint = split.before.fingerprint();
    let ranker = |name: &str, using: Source, with_customer: bool| ScorerRanker {
        with_customer,
        ..ScorerRanker::new(name, &scorer, &split.histories, using, request.mode, &fingerprint)
    };
    let popular = ranker("popular", Source::Popular, true);
    let own = ranker("own-frequency", Source::OwnFrequency, true);
    let available = scorer.parts();
    let wanted: Vec<Source> = match request.using {
        Some(using) => vec![using],
        None => Source::NAMES
            .map(|(_, source)| source)
            .into_iter()
            .filter(|s| *s != Source::Default)
            .chain([Source::Default])
            .filter(|s| available.contains(&s.name()))
            .collect(),
    };
    let mut models: Vec<ScorerRanker<'_>> = wanted
        .iter()
        .filter(|s| !matches!(s, Source::Popular | Source::OwnFrequency))
        .map(|&s| ranker(s.name(), s, true))
        .collect();
    if request.using.is_none() {
        models.push(ranker("default, anonymous", Source::Default, false));
    }
    let names = dataset.segments.as_ref().map_or(&[][..], |s| s.names.as_slice());
    let mut evaluation = Evaluation::new(&split.cases).segments(names).baseline(&popular).baseline(&own);
    for model in &models {
        evaluation = evaluation.ranker(model);
    }
    let mut report = evaluation.run(&config.evaluate.measure(config.seed), progress)?;
    report.customers = Some(segment_report(dataset, config.evaluate.retention_days));
    Ok(report)
}

/// What customers are worth over the whole history: order value, retention, headroom; by segment
/// where segments are columns of the customer table. O(lines).
#[must_use]
pub fn segment_report(dataset: &Dataset, retention_days: u32) -> SegmentReport {
    let ledger = &dataset.ledger;
    let mut orders = CustomerOrders::default();
    for run in ledger.customer_runs() {
        let Some(customer) = ledger.customer_of(run.start) else { continue };
        let segment = dataset.segments.as_ref().and_then(|segments| segments.of(customer));
        let order = |basket: usize| Order {
            time: ledger.basket_times()[basket],
            // One line of unknown price leaves the order's value unknown.
            paid: ledger.lines(basket).try_fold(Money(0), |sum, line| Some(Money(sum.0.checked_add(line.paid?.0)?))),
        };
        orders.push(segment, run.map(order));
    }
    let names = dataset.segments.as_ref().map_or(&[][..], |segments| segments.names.as_slice());
    SegmentReport::new(&orders, names, retention_days, ledger.clock().has_durations())
}

/// Cuts the history for an evaluation; in [`Mode::Discovery`] with the items that are new to their
/// customer only.
pub(crate) fn split_for(dataset: &Dataset, config: &Config, mode: Mode) -> Result<HoldOut> {
    let ledger = &dataset.ledger;
    let spec = HoldOutSpec {
        from: config.evaluate.split_at(ledger)?,
        share: config.evaluate.test_share,
        hide: config.evaluate.hide(config.seed),
        baskets_per_customer: config.models.own.baskets_per_customer as usize,
    };
    let segment_of = |customer| dataset.segments.as_ref().and_then(|s| s.of(customer));
    let mut split = hold_out(ledger, &spec, &segment_of)?.ok_or(Error::OneTime)?;
    let mut needed = "two items that enough training baskets hold";
    if mode == Mode::Discovery {
        keep_cases(&mut split.cases, |case| case.is_new);
        needed = "a hidden item that is new to a known customer";
    }
    if split.cases.cases.is_empty() {
        return Err(Error::NoCases { n_test_baskets: split.cases.facts.n_test_baskets, needed });
    }
    Ok(split)
}

/// Refuses, before anything is trained, a part that the configuration switches off or nothing
/// learns.
fn check_enabled(using: Option<Source>, config: &Config, learners: &[&dyn RankerLearner]) -> Result<()> {
    let is_ranker = matches!(using, Some(Source::Fast | Source::Linear | Source::Neural | Source::Trees));
    if is_ranker && !config.models.ranker.enabled {
        return Err(Error::Setting {
            key: "models.ranker.enabled".into(),
            got: "false".into(),
            expected: "true where a ranker is measured alone".into(),
        });
    }
    let models = &config.models;
    let is_learned = |stage: Stage| learners.iter().any(|learner| learner.stage() == stage);
    let (is_learned, key, what) = match using {
        Some(Source::Embeddings) => (models.embeddings.enabled, "embeddings.enabled", "embeddings are"),
        Some(Source::Baskets) => (models.baskets.enabled, "baskets.enabled", "baskets are"),
        Some(Source::Neural) => {
            (models.ranker.learn_network || is_learned(Stage::Neural), "ranker.learn_network", "the neural ranker is")
        }
        _ => return Ok(()),
    };
    if is_learned {
        return Ok(());
    }
    Err(Error::Setting {
        key: format!("models.{key}"),
        got: "false".into(),
        expected: format!("true where {what} measured alone"),
    })
}

/// Keeps some of the cases; the others count as left out.
pub(crate) fn keep_cases(set: &mut CaseSet, is_kept: impl Fn(&Case) -> bool) {
    let n_before = set.facts.n_cases;
    set.cases.retain(is_kept);
    let asked = || set.cases.iter().filter(|case| !case.is_cold_item);
    let n_cases = asked().count();
    set.facts.n_unsampled_baskets += n_before - n_cases;
    let mut customers: Vec<_> = asked().filter_map(|c| c.customer).collect();
    customers.sort_unstable();
    customers.dedup();
    set.facts.n_anonymous_cases = asked().filter(|c| c.customer.is_none()).count();
    set.facts.n_customers = customers.len();
    set.facts.n_cold_cases = set.cases.len() - n_cases;
    set.facts.n_cases = n_cases;
}
