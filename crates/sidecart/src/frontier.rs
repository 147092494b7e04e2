//! What more money of a slate costs in relevance, measured on baskets the models have not seen.

use rayon::prelude::*;
use sidecart_core::{Cancelled, Customer, CustomerId, ItemId, Money, Progress, mix64};
use sidecart_data::Ledger;
use sidecart_eval::frontier::{
    ExpectedOutcome, FrontierEntry, FrontierFacts, FrontierInputs, FrontierReport, SlateOutcome,
};
use sidecart_serve::offers::{CompiledPolicy, Objective, OfferItems, OfferKind, OffersQuery, OffersScratch, Policy};
use sidecart_serve::{Mode, Query, Scorer, Scratch, Source};
use sidecart_train::ranker::RankerLearner;
use sidecart_train::{TrainOptions, split_basket};

use crate::config::Config;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::evaluation::split_for;

/// Exponents of the gain that are tried, beside the policy's own. Beyond 1 both relevance and value
/// fall.
pub const EXPONENTS: [f64; 8] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0];
/// Salt of the hash that cuts and chooses baskets.
const SALT: u64 = 0x6672_6f6e_7469_6572;
/// Questions of one task.
const QUESTIONS_PER_TASK: usize = 32;
/// Baselines: what most people buy, and the ranking without the policy.
const BASELINES: [(&str, Source); 2] = [("most popular", Source::Popular), ("ranking alone", Source::Default)];

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrontierRequest {
    /// Whether things bought before may be offered.
    pub mode: Mode,
    /// What money is; `None` takes what the policy counts, and where it counts no money the margin,
    /// or the revenue in a shop that says no margin.
    pub money: Option<Objective>,
}

/// Splits the history by time, trains on the part before, upgrades included, cuts test baskets in two at random, and
/// asks with one half for slates of things to add under the shop's policy, once for each weight of
/// money ([`EXPONENTS`]); hits and their money are counted in the other half.
///
/// What the report means is said in [`sidecart_eval::frontier`]. The most popular items and the
/// ranking without a policy stand beside it. At most `evaluate.max_cases` baskets, chosen by a
/// hash, are asked about.
///
/// # Errors
/// [`Error::NoPrices`] in a shop without prices, [`Error::Setting`] for an objective that is no
/// money, [`Error::NoHalves`] for too few test baskets of two items, and those of
/// [`evaluate`](crate::evaluate).
pub fn evaluate_frontier(
    dataset: &Dataset,
    config: &Config,
    request: FrontierRequest,
    learners: &[&dyn RankerLearner],
    progress: &dyn Progress,
) -> Result<FrontierReport> {
    if let Some(objective @ (Objective::Relevance | Objective::Units)) = request.money {
        return Err(Error::Setting {
            key: "--frontier".into(),
            got: objective.name().into(),
            expected: "margin or revenue".into(),
        });
    }
    let k = config.policy.offers_per_request.min(config.policy.caps.cross_sell) as usize;
    if k == 0 {
        return Err(Error::Setting {
            key: "policy.offers_per_request and policy.caps.cross_sell".into(),
            got: "0".into(),
            expected: "at least 1 where slates of things to add are measured".into(),
        });
    }
    let split = split_for(dataset, config, Mode::Completion)?;
    let (questions, facts) = questions(&dataset.ledger, &split.baskets, config);
    let params = config.evaluate.measure(config.seed);
    if questions.len() < params.min_cases {
        let (n_questions, n_test_baskets) = (questions.len(), split.baskets.len());
        return Err(Error::NoHalves { n_questions, n_test_baskets, needed: params.min_cases });
    }
    let options = TrainOptions { seed: config.seed, progress, learners };
    let (before, catalogue, inputs) = (&split.before, &dataset.catalogue, dataset.upsell_inputs());
    let trained = sidecart_train::train_with(before, catalogue, &config.models, &config.upsell, &inputs, &options)?;
    let scorer = trained.scorer(before, catalogue)?;
    let items = scorer.model().offer_items();
    let money = money(request.money, &config.policy, items)?;
    let policy_exponent = match config.policy.objective {
        Objective::Relevance | Objective::Units => 0.0,
        Objective::Revenue | Objective::Margin => config.policy.gain_exponent,
    };
    let exponents = exponents(policy_exponent);
    let customers: Vec<Customer> =
        split.histories.into_iter().map(|history| Customer { history, ..Customer::default() }).collect();
    let asker = Asker {
        scorer: &scorer,
        ledger: &dataset.ledger,
        customers: &customers,
        policies: policies(&scorer, &config.policy, money, &exponents)?,
        gain: Gain { items, money, margin_rate: config.policy.margin_rate },
        mode: request.mode,
        k,
    };
    let outcomes = asker.ask_all(&questions, progress)?;

    let names: Vec<String> = exponents.iter().map(|exponent| format!("exponent {exponent}")).collect();
    let baselines = BASELINES.iter().map(|&(name, _)| (name, None));
    let weights = names.iter().zip(&exponents).map(|(name, &exponent)| (name.as_str(), Some(exponent)));
    let entries: Vec<FrontierEntry<'_>> = baselines
        .chain(weights)
        .zip(&outcomes)
        .map(|((name, exponent), outcomes)| FrontierEntry { name, exponent, outcomes })
        .collect();
    let asked_by: Vec<Option<CustomerId>> =
        questions.iter().map(|question| dataset.ledger.customer_of(question.basket)).collect();
    let facts = FrontierFacts {
        objective: money.name().into(),
        k,
        split_time: split.cases.facts.split_time.clone(),
        data_fingerprint: split.cases.facts.data_fingerprint.clone(),
        ..facts
    };
    progress.begin("intervals", 0, "slices");
    let inputs =
        FrontierInputs { customers: &asked_by, entries: &entries, policy_exponent: Some(policy_exponent), facts };
    let report = FrontierReport::build(inputs, &params);
    progress.end();
    let report = report?;
    report.warnings.iter().for_each(|warning| progress.note(warning));
    Ok(report)
}

/// A basket of the ledger, cut in two.
struct Question {
    basket: usize,
    shown: Vec<ItemId>,
    /// Rising.
    hidden: Vec<ItemId>,
}

/// Cuts the test baskets, or as many as may be asked about, in two.
fn questions(ledger: &Ledger, test: &[usize], config: &Config) -> (Vec<Question>, FrontierFacts) {
    let key = |basket: usize| mix64(mix64(ledger.basket_keys()[basket] as u64) ^ config.seed ^ SALT);
    let mut chosen: Vec<usize> =
        test.iter().copied().filter(|&basket| ledger.baskets().get(basket).len() > 1).collect();
    let n_cuttable = chosen.len();
    chosen.sort_unstable_by_key(|&basket| (key(basket), basket));
    chosen.truncate(config.evaluate.max_cases);
    chosen.sort_unstable();
    let questions: Vec<Question> = chosen
        .into_iter()
        .map(|basket| {
            let (shown, mut hidden) = split_basket(ledger.baskets().get(basket), key(basket));
            hidden.sort_unstable();
            Question { basket, shown, hidden }
        })
        .collect();
    let facts = FrontierFacts {
        seed: config.seed,
        n_test_baskets: test.len(),
        n_single_baskets: test.len() - n_cuttable,
        n_unsampled_baskets: n_cuttable - questions.len(),
        n_hidden: questions.iter().map(|question| question.hidden.len()).sum(),
        ..FrontierFacts::default()
    };
    (questions, facts)
}

/// What money is.
fn money(asked: Option<Objective>, policy: &Policy, items: &OfferItems) -> Result<Objective> {
    if items.all().iter().all(|item| item.price.is_none() && item.margin.is_none()) {
        return Err(Error::NoPrices);
    }
    let knows_margins = items.all().iter().any(|item| item.margin.is_some());
    Ok(match (asked, policy.objective) {
        (Some(money), _) => money,
        (None, money @ (Objective::Revenue | Objective::Margin)) => money,
        (None, _) if knows_margins => Objective::Margin,
        (None, _) => Objective::Revenue,
    })
}

/// The exponents that are tried, rising.
fn exponents(of_policy: f64) -> Vec<f64> {
    let mut exponents = EXPONENTS.to_vec();
    exponents.push(of_policy);
    exponents.sort_by(f64::total_cmp);
    exponents.dedup();
    exponents
}

/// The shop's policy with each weight of money. Weight 0 counts the probability alone, so that an
/// item on which the shop loses money is relevant too.
fn policies(scorer: &Scorer, policy: &Policy, money: Objective, exponents: &[f64]) -> Result<Vec<CompiledPolicy>> {
    let compile = |&gain_exponent: &f64| {
        let objective = if gain_exponent == 0.0 { Objective::Relevance } else { money };
        Ok(scorer.compile_policy(Policy { objective, gain_exponent, ..policy.clone() })?)
    };
    exponents.iter().map(compile).collect()
}

/// What an item that is added brings.
struct Gain<'a> {
    items: &'a OfferItems,
    money: Objective,
    margin_rate: f64,
}

impl Gain<'_> {
    /// In the currency, after a discount, and whether it is an estimate. 0 where neither the item nor
    /// others of the shop say anything.
    fn of(&self, item: ItemId, discount: Money) -> (f64, bool) {
        let found = match self.money {
            Objective::Margin => self.items.estimated_margin(item, self.margin_rate),
            _ => self.items.estimated_price(item),
        };
        found.map_or((0.0, true), |(gain, is_estimate)| (Money(gain.0 - discount.0).to_f64(), is_estimate))
    }
}

/// Asks for slates.
struct Asker<'a> {
    scorer: &'a Scorer,
    ledger: &'a Ledger,
    customers: &'a [Customer],
    policies: Vec<CompiledPolicy>,
    gain: Gain<'a>,
    mode: Mode,
    k: usize,
}

impl Asker<'_> {
    /// The outcomes of every baseline, then of every policy, one a question. On the current rayon
    /// pool; the number of threads does not matter.
    fn ask_all(&self, questions: &[Question], progress: &dyn Progress) -> Result<Vec<Vec<SlateOutcome>>> {
        let n_entries = BASELINES.len() + self.policies.len();
        progress.begin("asking for slates", questions.len() as u64, "baskets");
        let tasks: Vec<Result<Vec<SlateOutcome>>> = questions
            .par_chunks(QUESTIONS_PER_TASK)
            .map(|questions| {
                if progress.is_cancelled() {
                    return Err(sidecart_train::Error::from(Cancelled).into());
                }
                let mut scratch = (self.scorer.scratch(), self.scorer.offers_scratch());
                let mut outcomes = Vec::with_capacity(questions.len() * n_entries);
                for question in questions {
                    self.ask(question, &mut scratch, &mut outcomes)?;
                }
                progress.advance(questions.len() as u64);
                Ok(outcomes)
            })
            .collect();
        progress.end();
        let mut entries = vec![Vec::with_capacity(questions.len()); n_entries];
        for task in tasks {
            for (at, outcome) in task?.into_iter().enumerate() {
                entries[at % n_entries].push(outcome);
            }
        }
        Ok(entries)
    }

    /// Asks every baseline and every policy about one basket.
    fn ask(
        &self,
        question: &Question,
        (ranking, slates): &mut (Scratch, OffersScratch),
        out: &mut Vec<SlateOutcome>,
    ) -> Result<()> {
        let time = self.ledger.basket_times()[question.basket];
        let store = self.ledger.store_of(question.basket);
        // Only what is before the basket's own time is used of a customer's past.
        let customer = self.ledger.customer_of(question.basket).map(|customer| &self.customers[customer.index()]);
        for (_, using) in BASELINES {
            let history = customer.map(|customer| &customer.history);
            let (k, mode) = (self.k, self.mode);
            let query = Query { basket: &question.shown, history, time, k, mode, using, store, ..Query::default() };
            let answer = self.scorer.recommend(&query, ranking)?;
            let offers = answer.offers.iter().enumerate();
            out.push(self.outcome(offers.map(|(at, offer)| (offer.item, answer.probability(at), Money(0))), question));
        }
        for policy in &self.policies {
            let query = OffersQuery {
                basket: &question.shown,
                customer,
                kinds: OfferKind::CrossSell.into(),
                time,
                store,
                mode: self.mode,
                policy: Some(policy),
                ..OffersQuery::default()
            };
            let slate = self.scorer.offers(&query, slates)?;
            out.push(self.outcome(slate.offers.iter().map(|offer| (offer.item, offer.p, offer.discount)), question));
        }
        Ok(())
    }

    /// What came of offers, each an item with its probability and its discount.
    fn outcome(&self, offers: impl Iterator<Item = (ItemId, Option<f64>, Money)>, question: &Question) -> SlateOutcome {
        let mut outcome = SlateOutcome { expected: Some(ExpectedOutcome::default()), ..SlateOutcome::default() };
        for (item, p, discount) in offers {
            let (gain, is_estimate) = self.gain.of(item, discount);
            outcome.n_offers += 1;
            outcome.n_estimated += u32::from(is_estimate);
            if question.hidden.binary_search(&item).is_ok() {
                outcome.n_hits += 1;
                outcome.n_estimated_hits += u32::from(is_estimate);
                outcome.value += gain;
            }
            outcome.expected = outcome
                .expected
                .zip(p)
                .map(|(sum, p)| ExpectedOutcome { hits: sum.hits + p, value: sum.value + p * gain });
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policys_own_exponent_is_among_those_tried() {
        assert_eq!(exponents(0.5), EXPONENTS);
        let more = exponents(1.5);
        assert_eq!((more.len(), more.last()), (EXPONENTS.len() + 1, Some(&1.5)));
        assert!(exponents(0.15).windows(2).all(|pair| pair[0] < pair[1]));
    }
}
