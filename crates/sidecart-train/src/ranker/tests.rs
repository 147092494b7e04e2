use std::collections::{BTreeMap, BTreeSet};

use sidecart_core::{ItemId, MICROS_PER_DAY, NoProgress, Time, ln};
use sidecart_data::Ledger;
use sidecart_data::demo::DemoParams;
use sidecart_eval::HideOneParams;
use sidecart_serve::ranker::{NO_GROUP, RankerTables, Situation, Stage};
use sidecart_serve::{Mode, Query, Scorer, Source};

use super::*;
use crate::catalogue::Catalogue;
use crate::demo_shop::demo_shop;
use crate::hold_out::{HoldOut, HoldOutSpec, hold_out};
use crate::models;
use crate::params::ModelParams;
use crate::train::TrainOptions;
use crate::upsell::{UpsellInputs, UpsellParams};

fn shop(params: &DemoParams) -> (Ledger, Catalogue) {
    let (_, ledger, catalogue) = demo_shop(params);
    (ledger, catalogue)
}

fn options(seed: u64) -> TrainOptions<'static> {
    TrainOptions { seed, progress: &NoProgress, learners: &[] }
}

fn split_from(ledger: &Ledger, from: Time) -> HoldOut {
    let spec = HoldOutSpec {
        from: Some(from),
        share: 0.1,
        hide: HideOneParams { max_cases: 1, ..HideOneParams::default() },
        baskets_per_customer: 300,
    };
    hold_out(ledger, &spec, &|_| None).unwrap().unwrap()
}

/// Everything that baskets teach, without the vectors, which take most of the time.
fn model_params() -> ModelParams {
    let mut params = ModelParams::default();
    params.embeddings.enabled = false;
    params.associations.enabled = false;
    params.ranker.min_cases = 200;
    params
}

fn scorer_of(ledger: &Ledger, catalogue: &Catalogue) -> Scorer {
    models::fit(ledger, catalogue, &model_params(), 1, &NoProgress).unwrap().scorer(ledger, catalogue).unwrap()
}

fn fold(ledger: &Ledger, catalogue: &Catalogue, split: HoldOut, params: &RankerParams, seed: u64) -> Fold {
    let cases = RankingCases::new(ledger, &split, 5, params, seed);
    Fold { scorer: scorer_of(&split.before, catalogue), tables: tables(&split.before, catalogue), split, cases }
}

/// What a plain count over the customers' baskets says of one item.
#[derive(Clone, Copy, Default)]
struct Counted {
    baskets: u32,
    recent: u32,
    week: u32,
    counted: u32,
    first: u32,
    first_recent: u32,
}

/// Purchases by item, and baskets as sets of kinds with those that hold a first purchase.
struct Plain {
    items: Vec<Counted>,
    kinds: Vec<(BTreeSet<u32>, BTreeSet<u32>)>,
}

impl Plain {
    /// Looks at every basket and at everything the customer bought before it.
    fn new(ledger: &Ledger, tables: &RankerTables) -> Self {
        let (from, to) = (ledger.first_time().unwrap(), ledger.last_time().unwrap());
        let warm = from.0 + ((to.0 - from.0) as f64 * 0.15) as i64;
        let mut plain = Self { items: vec![Counted::default(); tables.items.len()], kinds: Vec::new() };
        for basket in 0..ledger.n_baskets() {
            let (time, customer) = (ledger.basket_times()[basket], ledger.customer_of(basket));
            let before: BTreeSet<ItemId> = (0..basket)
                .filter(|&earlier| customer.is_some() && ledger.customer_of(earlier) == customer)
                .flat_map(|earlier| ledger.baskets().get(earlier).iter().copied())
                .collect();
            let (mut all, mut first) = (BTreeSet::new(), BTreeSet::new());
            for &item in ledger.baskets().get(basket) {
                let counts = &mut plain.items[item.index()];
                let recent = to.0 - time.0 < 28 * MICROS_PER_DAY;
                let is_counted = customer.is_some() && time.0 >= warm;
                let is_first = is_counted && !before.contains(&item);
                counts.baskets += 1;
                counts.recent += u32::from(recent);
                counts.week += u32::from(to.0 - time.0 < 7 * MICROS_PER_DAY);
                counts.counted += u32::from(is_counted);
                counts.first += u32::from(is_first);
                counts.first_recent += u32::from(is_first && recent);
                let kind = tables.items[item.index()].kind;
                if kind != NO_GROUP {
                    all.insert(kind);
                    first.extend(is_first.then_some(kind));
                }
            }
            plain.kinds.push((all, first));
        }
        plain
    }
}

fn near(got: f32, expected: f64, what: &str) {
    assert!((f64::from(got) - expected).abs() < 1e-4, "{what}: {got} for {expected}");
}

#[test]
fn tables_are_the_counts_of_a_plain_twin() {
    let (ledger, catalogue) = shop(&DemoParams { n_customers: 60, n_weeks: 20, ..DemoParams::default() });
    let tables = tables(&ledger, &catalogue);
    let plain = Plain::new(&ledger, &tables);
    let n_kinds = tables.kinds.len();
    assert!(n_kinds > 10 && tables.pairs.len() == n_kinds && tables.kind_items.len() == n_kinds);
    let mut by_kind = vec![Counted::default(); n_kinds];
    let mut shares = vec![(0.0, 0.0); n_kinds];
    for (facts, counts) in tables.items.iter().zip(&plain.items) {
        let Some(kind) = by_kind.get_mut(facts.kind as usize) else { continue };
        kind.first += counts.first;
        kind.counted += counts.counted;
        kind.recent += counts.baskets;
        let share = &mut shares[facts.kind as usize];
        *share = (share.0 + f64::from(facts.share), share.1 + f64::from(facts.first_share));
    }
    let log = |n: u32| ln(1.0 + f64::from(n));
    for (item, (facts, counts)) in tables.items.iter().zip(&plain.items).enumerate() {
        near(facts.log_baskets, log(counts.baskets), &format!("baskets of {item}"));
        near(facts.log_recent, log(counts.recent), &format!("recent baskets of {item}"));
        near(facts.log_week, log(counts.week), &format!("newest week of {item}"));
        near(facts.log_first_recent, log(counts.first_recent), &format!("recent first purchases of {item}"));
        let kind = by_kind[facts.kind as usize];
        let of_kind = (f64::from(kind.first) + 1.0) / (f64::from(kind.counted) + 2.0);
        let rate = (f64::from(counts.first) + 3.0 * of_kind) / (f64::from(counts.counted) + 3.0);
        near(facts.first_rate, rate, &format!("rate of first purchases of {item}"));
        near(tables.kinds[facts.kind as usize].first_rate, of_kind, &format!("the kind's rate of {item}"));
    }
    assert!(plain.items.iter().any(|i| i.first_recent > 0) && plain.items.iter().any(|i| i.first < i.counted));

    let log_shares: f64 = tables.kinds.iter().map(|kind| f64::from(kind.log_share.exp())).sum();
    near(log_shares as f32, 1.0, "the kinds' shares together");
    for (kind, &(sold, first)) in shares.iter().enumerate() {
        let (bought, items) = (by_kind[kind].recent > 0, tables.kind_items.row(kind as u32));
        assert!(!bought || (sold - 1.0).abs() < 1e-4, "shares of kind {kind}: {sold}");
        assert!((first - 1.0).abs() < 1e-4, "shares of first purchases of kind {kind}: {first}");
        assert_eq!(bought, !items.is_empty(), "kind {kind}");
        let order = |&item: &u32| (-tables.items[item as usize].first_share, item);
        assert!(items.is_sorted_by(|a, b| order(a) <= order(b)), "kind {kind}: {items:?}");
        let of_kind =
            |&item: &u32| tables.items[item as usize].kind == kind as u32 && plain.items[item as usize].baskets > 0;
        assert!(items.iter().all(of_kind), "kind {kind}");
    }
    let recent = |item: u32| plain.items[item as usize].recent;
    assert!(!tables.recent.is_empty() && tables.recent.iter().all(|&item| recent(item) > 0));
    assert!(tables.recent.is_sorted_by(|&a, &b| recent(a) > recent(b) || (recent(a) == recent(b) && a < b)));
}

/// Kinds of a basket, and those with a first purchase.
type KindSets = (BTreeSet<u32>, BTreeSet<u32>);

#[test]
fn kinds_go_together_as_often_as_a_plain_twin_counts() {
    let (ledger, catalogue) = shop(&DemoParams { n_customers: 60, n_weeks: 20, ..DemoParams::default() });
    let tables = tables(&ledger, &catalogue);
    let plain = Plain::new(&ledger, &tables);
    let n_baskets = ledger.n_baskets() as f64;
    let count = |holds: &dyn Fn(&KindSets) -> bool| plain.kinds.iter().filter(|basket| holds(basket)).count() as f64;
    let (mut n_kept, mut n_left) = (0, 0);
    for from in 0..tables.kinds.len() as u32 {
        let row = tables.pairs.row(from);
        assert!(row.is_sorted_by(|a, b| a.kind < b.kind));
        for to in (0..tables.kinds.len() as u32).filter(|&to| to != from) {
            let lift = |both: f64, alone: f64| {
                let chance = (alone + 5.0) / n_baskets;
                ln((both + 5.0 * chance) / ((count(&|b| b.0.contains(&from)) + 5.0) * chance))
            };
            let all = lift(count(&|b| b.0.contains(&from) && b.0.contains(&to)), count(&|b| b.0.contains(&to)));
            let first = lift(count(&|b| b.0.contains(&from) && b.1.contains(&to)), count(&|b| b.1.contains(&to)));
            match row.iter().find(|pair| pair.kind == to) {
                Some(pair) => {
                    n_kept += 1;
                    near(pair.lift, all, &format!("{from} to {to}"));
                    near(pair.first_lift, first, &format!("first purchases, {from} to {to}"));
                }
                None => {
                    n_left += 1;
                    let together = count(&|b| b.0.contains(&from) && b.0.contains(&to));
                    assert!(together == 0.0 || (all <= 1e-6 && first <= 1e-6), "{from} to {to}: {all}, {first}");
                }
            }
        }
    }
    assert!(n_kept > 50 && n_left > 50, "{n_kept} kept, {n_left} left out");
}

#[test]
fn a_case_hides_one_item_of_a_basket_the_models_have_not_seen() {
    let (ledger, _) = shop(&DemoParams { n_customers: 150, n_weeks: 16, ..DemoParams::default() });
    let from = ledger.time_of_last(0.3).unwrap();
    let mut split = split_from(&ledger, from);
    let params = RankerParams { targets_per_basket: 2, ..RankerParams::default() };
    let cases = RankingCases::new(&ledger, &split, 5, &params, 1);
    assert!(cases.train.len() > 300 && cases.valid.len() > 50, "{} {}", cases.train.len(), cases.valid.len());
    let last_seen = split.before.last_time().unwrap();
    let newest_train = cases.train.iter().map(|case| case.time).max().unwrap();
    assert!(cases.valid.iter().all(|case| case.time >= newest_train), "the newest baskets are compared on");

    let known = crate::hold_out::count_item_baskets(&split.before);
    let whole = |case: &RankingCase| {
        let mut items = case.basket.clone();
        items.push(case.target);
        items.sort_unstable();
        (case.time, case.customer, items)
    };
    let mut hidden: BTreeMap<_, Vec<ItemId>> = BTreeMap::new();
    for case in cases.train.iter().chain(&cases.valid) {
        assert!(case.time >= from && case.time > last_seen, "no basket from before the cut");
        assert!(!case.basket.contains(&case.target) && !case.basket.is_empty());
        assert!(case.basket.iter().chain([&case.target]).all(|item| known[item.index()] >= 5));
        hidden.entry(whole(case)).or_default().push(case.target);
        let past: BTreeSet<ItemId> = (0..ledger.n_baskets())
            .filter(|&b| case.customer.is_some() && ledger.customer_of(b) == case.customer)
            .filter(|&b| ledger.basket_times()[b] < case.time)
            .flat_map(|b| ledger.baskets().get(b).iter().copied())
            .collect();
        assert_eq!(case.knows_customer, !past.is_empty());
        assert_eq!(case.is_new, !past.is_empty() && !past.contains(&case.target));
    }
    let sides = [&cases.train, &cases.valid].map(|side| side.iter().map(whole).collect::<BTreeSet<_>>());
    assert!(sides[0].is_disjoint(&sides[1]), "a basket is on one side");
    for (basket, targets) in &hidden {
        let distinct: BTreeSet<_> = targets.iter().collect();
        assert_eq!(distinct.len(), targets.len(), "an item is hidden twice in {basket:?}");
        assert!(targets.len() <= 3, "two items, and one more that is new: {targets:?}");
    }
    let held: BTreeSet<_> = (split.baskets.iter())
        .map(|&b| {
            let items = ledger.baskets().get(b).iter().copied();
            let items: Vec<ItemId> = items.filter(|item| known[item.index()] >= 5).collect();
            (ledger.basket_times()[b], ledger.customer_of(b), items)
        })
        .collect();
    assert!(hidden.keys().all(|basket| held.contains(basket)), "every case is a basket that was held out");
    assert!(cases.train.iter().any(|case| case.is_new) && cases.train.iter().any(|case| !case.knows_customer));

    split.baskets.reverse();
    assert_eq!(RankingCases::new(&ledger, &split, 5, &params, 1), cases, "the order of the baskets does not show");
    assert_ne!(RankingCases::new(&ledger, &split, 5, &params, 2), cases, "the seed does");
}

/// Mean NDCG@10 of a source on cases.
fn ndcg(scorer: &Scorer, split: &HoldOut, cases: &[RankingCase], using: Source) -> f64 {
    let mut scratch = scorer.scratch();
    let known: Vec<_> = cases.iter().filter(|case| case.knows_customer).collect();
    let gains = known.iter().map(|case| {
        let history = case.customer.map(|customer| &split.histories[customer.index()]);
        let query = Query { basket: &case.basket, history, time: case.time, using, ..Query::default() };
        let offers = scorer.recommend(&query, &mut scratch).unwrap().offers;
        let rank = offers.iter().position(|offer| offer.item == case.target);
        rank.map_or(0.0, |rank| ln(2.0) / ln(rank as f64 + 2.0))
    });
    gains.sum::<f64>() / known.len() as f64
}

/// Base models learn from the oldest 70 % of the baskets. One ranker learns from the next 15 %, the
/// other from baskets that the base models have seen; both are asked about the newest 15 %.
///
/// A basket the models have seen is its own nearest basket, with the hidden item in it. So what is
/// compared on such baskets looks nearly perfect, and the ranker that believes it falls behind.
#[test]
fn cases_of_baskets_the_models_have_seen_leak() {
    for seed in 1..=3 {
        let (ledger, catalogue) = shop(&DemoParams { seed, n_customers: 700, n_weeks: 30, ..DemoParams::default() });
        let [from_seen, from_unseen, from_later] = [0.45, 0.3, 0.15].map(|share| ledger.time_of_last(share).unwrap());
        let mut unseen = split_from(&ledger, from_unseen);
        let mut later = split_from(&ledger, from_unseen);
        unseen.baskets.retain(|&b| ledger.basket_times()[b] < from_later);
        later.baskets.retain(|&b| ledger.basket_times()[b] >= from_later);
        let mut seen = split_from(&ledger, from_seen);
        seen.baskets.retain(|&b| ledger.basket_times()[b] < from_unseen);
        seen.before = split_from(&ledger, from_unseen).before;

        let params =
            RankerParams { min_cases: 200, grow_trees: false, learn_network: false, ..RankerParams::default() };
        let cases_of = |split: &HoldOut| RankingCases::new(&ledger, split, 5, &params, seed);
        let later_cases = cases_of(&later);
        let both = [&later_cases.train[..], &later_cases.valid[..]].concat();
        let learn = |split: HoldOut| {
            let mut fold = fold(&ledger, &catalogue, split, &params, seed);
            let (model, tuning) = fit(&mut fold, &mut [], &params, &options(seed)).unwrap();
            let found = tuning.situations.iter().find(|s| s.situation == Situation::CompletionKnown).unwrap();
            let claimed = |name: &str| found.results.iter().find(|(part, ..)| part == name).unwrap().1;
            fold.scorer.set_ranker(model);
            (claimed("linear"), claimed("baskets"), ndcg(&fold.scorer, &later, &both, Source::Linear))
        };
        let (honest_claim, honest_baskets, honest) = learn(unseen);
        let (leaky_claim, leaky_baskets, leaky) = learn(seen);
        assert!(leaky_baskets > 1.1 * honest_baskets, "{seed}: baskets {leaky_baskets} and {honest_baskets}");
        assert!(leaky_claim > leaky + 0.15, "{seed}: the leak claims {leaky_claim}, later it is {leaky}");
        assert!((honest_claim - honest).abs() < 0.05, "{seed}: {honest_claim} is claimed, later it is {honest}");
        assert!(honest > leaky + 0.03, "{seed}: later baskets, {honest} without and {leaky} with the leak");
    }
}

/// A trained shop with what the gate said.
fn trained(params: &DemoParams) -> (crate::Trained, Scorer, Ledger) {
    let (ledger, catalogue) = shop(params);
    let upsell = UpsellParams { enabled: false, ..UpsellParams::default() };
    let mut models = model_params();
    models.ranker.trees.max_trees = 40;
    let inputs = UpsellInputs::default();
    let trained = crate::train(&ledger, &catalogue, &models, &upsell, &inputs, 1, &NoProgress).unwrap();
    let scorer = trained.models.scorer(&ledger, &catalogue).unwrap();
    (trained, scorer, ledger)
}

#[test]
fn a_ranker_answers_only_where_it_won() {
    // Baskets drawn by popularity alone: there is nothing to learn beyond what sells.
    let mut n_mixture = 0;
    for (shuffle, seed) in [(true, 1), (true, 2), (true, 3), (true, 4), (false, 1)] {
        let params = DemoParams { seed, n_customers: 700, n_weeks: 30, shuffle, ..DemoParams::default() };
        let (trained, scorer, ledger) = trained(&params);
        let tuning = trained.ranker.unwrap();
        let settings = trained.models.settings().ranker.unwrap();
        assert_eq!(tuning.situations.len(), 3, "{:?}", tuning.situations);
        for found in &tuning.situations {
            let stage = settings.stages[found.situation as usize];
            assert_eq!(stage, found.stage, "what the summary says is what answers");
            let is_ranker = |name: &str| ["fast", "linear", "trees", "neural"].contains(&name);
            let of = |wanted: bool| {
                let results = found.results.iter().filter(|(name, ..)| is_ranker(name) == wanted);
                results.map(|(_, ndcg, _)| *ndcg).fold(0.0, f64::max)
            };
            let (ranker, without) = (of(true), of(false));
            assert!(stage == Stage::Mixture || ranker > without, "{found:?}");
            let learns = found.situation == Situation::CompletionKnown && !shuffle;
            assert!(!learns || stage != Stage::Mixture, "habits and complements can be learned: {found:?}");
            n_mixture += usize::from(shuffle && stage == Stage::Mixture);

            // What the summary says is what a query gets.
            let (history, mode) = match found.situation {
                Situation::Anonymous => (None, Mode::Completion),
                Situation::CompletionKnown => (Some(()), Mode::Completion),
                Situation::DiscoveryKnown => (Some(()), Mode::Discovery),
            };
            let histories = crate::customer_histories(&ledger);
            let basket = &ledger.baskets().get(0)[..1];
            let query = Query { basket, history: history.map(|()| &histories[0]), mode, ..Query::default() };
            let using = match stage {
                Stage::Mixture => Source::Mixture,
                Stage::Fast => Source::Fast,
                Stage::Linear => Source::Linear,
                Stage::Trees => Source::Trees,
                Stage::Neural => Source::Neural,
            };
            let mut scratch = scorer.scratch();
            let expected = scorer.recommend(&Query { using, ..query }, &mut scratch).unwrap().offers.to_vec();
            assert_eq!(scorer.recommend(&query, &mut scratch).unwrap().offers, expected, "{:?}", found.situation);
        }
    }
    assert!(n_mixture >= 8, "{n_mixture} of 12 comparisons on shops without structure are left to the mixture");
}

#[test]
fn too_few_cases_are_no_ranker() {
    let (ledger, catalogue) = shop(&DemoParams { n_customers: 60, n_weeks: 12, ..DemoParams::default() });
    let split = split_from(&ledger, ledger.time_of_last(0.2).unwrap());
    let params = RankerParams::default();
    let mut fold = fold(&ledger, &catalogue, split, &params, 1);
    assert!(fold.cases.train.len() < params.min_cases as usize);
    let (model, tuning) = fit(&mut fold, &mut [], &params, &options(1)).unwrap();
    assert!(tuning.situations.is_empty() && model.situations.iter().all(Option::is_none));
    assert_eq!(model.settings.stages, [Stage::Mixture; 3]);
}

/// What is left out is compared with rankers of one kind: the network's, which take least time.
#[test]
fn without_a_part_one_kind_of_ranker_is_learned() {
    let (ledger, catalogue) = shop(&DemoParams { n_customers: 300, n_weeks: 20, ..DemoParams::default() });
    let split = split_from(&ledger, ledger.time_of_last(0.3).unwrap());
    let situation = Situation::Anonymous;
    let params = RankerParams { min_cases: 100, ..RankerParams::default() };
    let mut fold = fold(&ledger, &catalogue, split, &params, 1);
    for (grow_trees, learn_network, stage) in
        [(true, true, Stage::Neural), (true, false, Stage::Trees), (false, false, Stage::Linear)]
    {
        let mut params = RankerParams { grow_trees, learn_network, ..params.clone() };
        params.trees.max_trees = 5;
        params.network.max_epochs = 2;
        let model = fit_without(LeftOut::Nothing, &mut fold, &mut [], situation, &params, &options(1)).unwrap();
        let model = model.unwrap();
        assert_eq!(model.settings.stages[situation as usize], stage);
        let ranker = model.of(situation).unwrap();
        assert_eq!((ranker.trees.is_some(), ranker.neural.is_some()), (stage == Stage::Trees, stage == Stage::Neural));
    }
}

#[test]
fn few_cases_are_joined_by_those_of_an_older_part() {
    let (ledger, catalogue) = shop(&DemoParams { n_customers: 300, n_weeks: 20, ..DemoParams::default() });
    let split = split_from(&ledger, ledger.time_of_last(0.3).unwrap());
    let params = RankerParams { min_cases: 100, grow_trees: false, learn_network: false, ..RankerParams::default() };
    let older_split = split_from(&split.before, split.before.time_of_last(0.3).unwrap());
    let mut older = [fold(&split.before, &catalogue, older_split, &params, 1)];
    let mut newest = fold(&ledger, &catalogue, split, &params, 1);
    let begins = newest.cases.train.iter().map(|case| case.time).min().unwrap();
    assert!(older[0].cases.valid.iter().all(|case| case.time < begins), "no basket is in both");
    let learned_from = |newest: &mut Fold, older: &mut [Fold]| {
        let (_, tuning) = fit(newest, older, &params, &options(1)).unwrap();
        let of = |situation| tuning.situations.iter().find(|s| s.situation == situation).unwrap().cases;
        (of(Situation::Anonymous), of(Situation::CompletionKnown))
    };
    let alone = learned_from(&mut newest, &mut []);
    let both = learned_from(&mut newest, &mut older);
    let asks = |situation| {
        let cases = &older[0].cases;
        cases.train.iter().chain(&cases.valid).filter(|case| case.asks(situation)).count()
    };
    assert_eq!(both.0.0, alone.0.0 + asks(Situation::Anonymous));
    assert_eq!(both.1.0, alone.1.0 + asks(Situation::CompletionKnown));
    assert_eq!((both.0.1, both.1.1), (alone.0.1, alone.1.1), "compared on the newest alone");
}
