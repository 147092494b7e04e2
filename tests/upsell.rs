//! Upgrades on a shop with known ladders: what every answer promises, and how good probabilities
//! and intervals are.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking and prints its figures")]

mod support;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use sidecart::artifact::ContainerWriter;
use sidecart::core::{Customer, ExternalIdRef, ItemId, Money, NoProgress, Rng, Time};
use sidecart::data::Ledger;
use sidecart::data::demo::{DemoItem, DemoParams, DemoShop, LadderUse, Segment, UpgradeRates};
use sidecart::models::customer_histories;
use sidecart::models::upsell::{
    LadderHistories, UpsellFit, UpsellParams, fit, plan_stores, repeat_events, replacements,
};
use sidecart::serve::upsell::{Label, NoUpgrade, RateKind, Regime, UpsellAnswer, UpsellQuery};
use sidecart::serve::{CustomerReader, Mode, Scorer};
use sidecart::{Config, Dataset};

struct Shop {
    folder: tempfile::TempDir,
    shop: DemoShop,
    config: Config,
    dataset: Dataset,
}

impl Shop {
    fn new(params: &DemoParams) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop = DemoShop::generate(params);
        shop.write_to(folder.path()).unwrap();
        let config = support::config(folder.path());
        let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
        Self { folder, shop, config, dataset }
    }

    fn fit(&self, ledger: &Ledger, params: &UpsellParams) -> UpsellFit {
        let Dataset { catalogue, .. } = &self.dataset;
        fit(ledger, catalogue, &self.dataset.upsell_inputs(), params, self.config.seed, &NoProgress).unwrap().unwrap()
    }
}

struct Served {
    shop: DemoShop,
    scorer: Scorer,
}

impl Served {
    /// What the shop itself says of an item of the model.
    fn planted(&self, item: ItemId) -> &DemoItem {
        let ExternalIdRef::Text(id) = self.scorer.model().items().get(item.0) else { panic!("ids are texts") };
        &self.shop.items[self.shop.item(id).unwrap().index()]
    }

    fn item(&self, id: &str) -> ItemId {
        ItemId(self.scorer.model().items().find_text(id).unwrap())
    }

    /// Everything that holds of any answer; how many offers there were.
    fn check(&self, query: &UpsellQuery<'_>, answer: &UpsellAnswer<'_>) -> usize {
        let model = self.scorer.upsell().unwrap();
        let UpsellAnswer { upgrade, offers, reason } = answer;
        assert_eq!(offers.is_empty(), reason.is_some(), "a reason stands in for offers: {answer:?}");
        assert!(offers.len() <= query.k);
        let Some(upgrade) = upgrade else { return 0 };
        assert!(query.basket.contains(&upgrade.anchor));
        assert!(upgrade.propensity > 0.0 && upgrade.propensity < 1.0, "{upgrade:?}");
        let text = upgrade.text(model);
        assert!(text.contains(upgrade.label.name()), "{text}");
        assert_eq!(text.contains("no upgrade rate"), upgrade.label == Label::TierShare, "{text}");
        let anchor = model.ladders.row(model.ladders.row_of(upgrade.anchor).unwrap());
        assert_eq!((anchor.ladder, anchor.level), (upgrade.ladder, upgrade.level));
        assert!(upgrade.level + 1 < upgrade.n_levels, "{upgrade:?}");
        let from = self.planted(upgrade.anchor);
        let ordered = |w: &[sidecart::serve::upsell::UpsellOffer]| {
            w[0].score > w[1].score || (w[0].score == w[1].score && w[0].item < w[1].item)
        };
        assert!(offers.windows(2).all(ordered), "{offers:?}");
        for offer in *offers {
            let target = model.ladders.row(model.ladders.row_of(offer.item).unwrap());
            assert_eq!(target.ladder, anchor.ladder, "{offer:?}");
            assert!(target.level > anchor.level && target.price > anchor.price, "{offer:?}");
            assert!(offer.price_delta.is_some_and(|delta| delta > Money(0)), "{offer:?}");
            assert!(offer.share > 0.0 && offer.share <= 1.0 && offer.score.is_finite() && offer.score >= 0.0);
            let to = self.planted(offer.item);
            assert!(to.price > from.price, "{} -> {}", from.id, to.id);
            if from.ladder.is_some() {
                assert_eq!(to.ladder, from.ladder, "{} -> {}", from.id, to.id);
                assert!(to.tier > from.tier, "{} -> {}", from.id, to.id);
            }
            assert!(!query.basket.contains(&offer.item) && !query.exclude.contains(&offer.item), "{offer:?}");
            if query.mode == Mode::Discovery {
                let owned = query
                    .customer
                    .is_some_and(|c| c.history.as_of(query.time).any(|basket| basket.items.contains(&offer.item)));
                assert!(!owned, "{offer:?} was bought before");
            }
        }
        offers.len()
    }
}

fn served() -> &'static Served {
    static SERVED: OnceLock<Served> = OnceLock::new();
    SERVED.get_or_init(|| {
        let Shop { folder, shop, config, dataset } =
            Shop::new(&DemoParams { n_customers: 1_000, n_weeks: 52, ..DemoParams::default() });
        let trained = sidecart::train(&dataset, &config, &NoProgress).unwrap();
        let models = folder.path().join("models");
        sidecart::publish(&models, &trained, &dataset, &config).unwrap();
        Served { shop, scorer: Scorer::open(models).unwrap() }
    })
}

/// Every eightieth customer, with what is known of them; the first place is for an unknown one.
fn some_customers(served: &Served) -> Vec<Option<Customer>> {
    let mut reader = CustomerReader::default();
    let known = served.shop.customers.iter().step_by(80).map(|customer| {
        let mut read = Customer::default();
        served.scorer.load_customer(ExternalIdRef::Text(&customer.id), None, &mut reader, &mut read).unwrap();
        Some(read)
    });
    std::iter::once(None).chain(known).collect()
}

#[test]
fn every_answer_goes_up_the_ladder_of_its_anchor() {
    let served = served();
    let model = served.scorer.upsell().unwrap();
    let customers = some_customers(served);
    let mut scratch = Default::default();
    let mut n_offers = [0; 2];
    for row in model.ladders.rows() {
        for customer in &customers {
            for (n, mode) in n_offers.iter_mut().zip([Mode::Completion, Mode::Discovery]) {
                let basket = [row.item];
                let query =
                    UpsellQuery { basket: &basket, customer: customer.as_ref(), mode, k: 50, ..Default::default() };
                let answer = model.recommend(&query, &mut scratch).unwrap();
                let offered: Vec<ItemId> = answer.offers.iter().map(|o| o.item).collect();
                *n += served.check(&query, &answer);
                let top = row.level + 1 == model.ladders.tiers_of(row.ladder).len() as u32;
                assert_eq!(answer.reason == Some(NoUpgrade::HighestTier), top, "{row:?}");
                // What is excluded makes place for the others, and never comes back.
                let exclude = &offered[..offered.len().min(2)];
                let query = UpsellQuery { exclude, ..query };
                let answer = model.recommend(&query, &mut scratch).unwrap();
                served.check(&query, &answer);
                assert_eq!(answer.offers.len(), offered.len() - exclude.len());
            }
        }
    }
    assert!(n_offers[0] > n_offers[1] && n_offers[1] > 0, "{n_offers:?}: discovery leaves out what was bought");
}

#[test]
fn random_baskets_have_an_anchor_of_their_own() {
    let served = served();
    let model = served.scorer.upsell().unwrap();
    let customers = some_customers(served);
    let mut scratch = Default::default();
    let mut rng = Rng::new(8, 1);
    let mut below = |n: usize| ((rng.unit() * n as f64) as usize).min(n - 1);
    let (n_items, mut answered) = (served.scorer.model().n_items(), 0);
    for _ in 0..4_000 {
        let basket: Vec<ItemId> = (0..below(9)).map(|_| ItemId(below(n_items) as u32)).collect();
        let exclude: Vec<ItemId> = (0..below(4)).map(|_| ItemId(below(n_items) as u32)).collect();
        let query = UpsellQuery {
            basket: &basket,
            exclude: &exclude,
            customer: customers[below(customers.len())].as_ref(),
            mode: [Mode::Completion, Mode::Discovery][below(2)],
            time: [Time(i64::MAX), served.shop.ends_at(), served.shop.baskets[0].time][below(3)],
            k: 1 + below(12),
            ..Default::default()
        };
        let answer = model.recommend(&query, &mut scratch).unwrap();
        answered += usize::from(served.check(&query, &answer) > 0);
        if basket.is_empty() {
            assert_eq!(answer.reason, Some(NoUpgrade::EmptyBasket));
        }
        let answer = (answer.upgrade, answer.offers.to_vec());
        let mut fresh = Default::default();
        let again = model.recommend(&query, &mut fresh).unwrap();
        assert_eq!(answer, (again.upgrade, again.offers.to_vec()), "a fresh scratch answers the same");
    }
    assert!(answered > 400, "{answered}");
}

#[test]
fn the_dearer_phone_is_reached_from_the_cheaper_one_and_never_back() {
    let served = served();
    let model = served.scorer.upsell().unwrap();
    let (phone, ultra) = (served.item("phone-s22"), served.item("phone-s22-ultra"));
    let mut scratch = Default::default();
    for customer in &some_customers(served) {
        for mode in [Mode::Completion, Mode::Discovery] {
            let ask = |item, scratch: &mut _| {
                let basket = &[item];
                let query = UpsellQuery { basket, customer: customer.as_ref(), mode, k: 100, ..Default::default() };
                model.recommend(&query, scratch).unwrap().offers.iter().map(|o| o.item).collect::<Vec<_>>()
            };
            let owned = |item| {
                customer.iter().any(|c| c.history.as_of(Time(i64::MAX)).any(|basket| basket.items.contains(&item)))
            };
            let up = ask(phone, &mut scratch);
            assert_eq!(up.contains(&ultra), mode == Mode::Completion || !owned(ultra), "{mode:?}");
            assert!(!ask(ultra, &mut scratch).contains(&phone));
        }
    }
}

#[test]
fn labels_follow_how_ladders_are_bought() {
    let served = served();
    let model = served.scorer.upsell().unwrap();
    let mut scratch = Default::default();
    let (mut found, mut n_planted) = (BTreeSet::new(), 0);
    for row in model.ladders.rows() {
        let basket = [row.item];
        let query = UpsellQuery { basket: &basket, ..Default::default() };
        let Some(upgrade) = model.recommend(&query, &mut scratch).unwrap().upgrade else { continue };
        let planted = served.planted(row.item);
        let ladder = served.shop.truth.ladders.iter().find(|ladder| planted.ladder.as_ref() == Some(&ladder.id));
        let expected = match ladder.map(|ladder| ladder.usage) {
            Some(LadderUse::Repeat) => Some(Label::Repeat),
            Some(LadderUse::Replacement) => Some(Label::Replacement),
            _ => None,
        };
        n_planted += usize::from(expected.is_some());
        assert!(expected.is_none_or(|label| label == upgrade.label), "{}: {}", planted.id, upgrade.label);
        assert_eq!(upgrade.kind, RateKind::from(upgrade.label), "nobody is asked about");
        found.insert(upgrade.label);
    }
    assert!(found.contains(&Label::Repeat) && found.contains(&Label::Replacement), "{found:?}");
    assert!(n_planted > 10, "{n_planted}");
}

#[test]
fn what_is_hardly_replaced_has_no_upgrade_rate() {
    let shop = Shop::new(&DemoParams { n_customers: 100, n_weeks: 30, ..DemoParams::default() });
    let model = shop.fit(&shop.dataset.ledger, &shop.config.upsell).model;
    let mut scratch = Default::default();
    let item = shop.dataset.catalogue.ids.find_text("mattress-spring-160").unwrap();
    let basket = [ItemId(item)];
    let query = UpsellQuery { basket: &basket, ..Default::default() };
    let answer = model.recommend(&query, &mut scratch).unwrap();
    let upgrade = answer.upgrade.unwrap();
    assert_eq!((upgrade.label, upgrade.kind), (Label::TierShare, RateKind::TierShare));
    assert!(upgrade.propensity > 0.0 && upgrade.propensity < 1.0, "{upgrade:?}");
    assert!(upgrade.text(&model).contains("tier_share, no upgrade rate"), "{}", upgrade.text(&model));
    let from = model.ladders.row(model.ladders.row_of(upgrade.anchor).unwrap());
    for offer in answer.offers {
        let to = model.ladders.row(model.ladders.row_of(offer.item).unwrap());
        assert!(to.ladder == from.ladder && to.level > from.level && to.price > from.price, "{offer:?}");
    }
}

#[test]
fn threads_do_not_show_in_what_is_learned() {
    let shop = Shop::new(&DemoParams { seed: 4, n_customers: 500, n_weeks: 40, ..DemoParams::default() });
    let learn = |n: usize| {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        let fitted = threads.install(|| shop.fit(&shop.dataset.ledger, &shop.config.upsell));
        let mut writer = ContainerWriter::new();
        fitted.model.write(&mut writer).unwrap();
        let bytes = writer.to_bytes().unwrap();
        (bytes, fitted.model.settings, fitted.traits, fitted.segmentation, fitted.summary)
    };
    let (one, three) = (learn(1), learn(3));
    assert!(!one.4.propensity.log_loss.is_empty(), "models were compared");
    assert!(one.0 == three.0, "other bytes");
    assert!(one.1 == three.1 && one.2 == three.2 && one.3 == three.3 && one.4 == three.4);
}

/// Prediction and outcome of every step that an established customer could take in later periods.
fn held_out(shop: &Shop, from_week: i64) -> Vec<(f64, bool)> {
    let Shop { dataset, config, .. } = shop;
    let ledger = &dataset.ledger;
    let split = Time(shop.shop.ends_at().0 - (i64::from(shop.shop.params.n_weeks) - from_week) * 7 * 86_400_000_000);
    let before = ledger.filter(|basket| ledger.basket_times()[basket] < split);
    let fitted = shop.fit(&before, &config.upsell);
    let model = &fitted.model;
    let first = model.periods.of(split) + i32::from(model.periods.start(model.periods.of(split)) < split);
    let histories = LadderHistories::read(ledger, &model.ladders, model.periods);
    let last = model.periods.of(ledger.last_time().unwrap());
    let events = repeat_events(&histories, &model.ladders, &config.upsell.event_rules(), first..last + 1);
    let stores = plan_stores(ledger.stores(), &dataset.promotions);
    let customers: Vec<Customer> = customer_histories(ledger)
        .into_iter()
        .zip(&fitted.traits)
        .zip(&fitted.segmentation.of_customer)
        .map(|((history, traits), &segment)| Customer { history, segment, traits: traits.clone() })
        .collect();
    let mut scratch = Default::default();
    let established = events.iter().filter(|event| event.regime == Regime::Established);
    established
        .map(|event| {
            let group = &histories.groups[event.group as usize];
            let store = histories.details[group.records.start + event.record as usize].store;
            let basket = [model.ladders.row(event.anchor).item];
            let query = UpsellQuery {
                basket: &basket,
                customer: Some(&customers[group.customer.index()]),
                time: model.periods.start(event.period),
                store: stores.get(store as usize).copied().flatten(),
                k: 1,
                ..Default::default()
            };
            let upgrade = model.recommend(&query, &mut scratch).unwrap().upgrade.unwrap();
            assert_eq!(upgrade.kind, RateKind::Repeat);
            (upgrade.propensity, event.upgraded)
        })
        .collect()
}

/// Mean distance of observed from predicted shares over ten bins of equal size.
fn calibration_error(cases: &mut [(f64, bool)]) -> f64 {
    cases.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = cases.len();
    let distance = |bin: usize| {
        let of = &cases[bin * n / 10..(bin + 1) * n / 10];
        let predicted = of.iter().map(|c| c.0).sum::<f64>() / of.len() as f64;
        let observed = of.iter().filter(|c| c.1).count() as f64 / of.len() as f64;
        println!("bin {bin}: {} cases, predicted {predicted:.4}, observed {observed:.4}", of.len());
        (predicted - observed).abs()
    };
    (0..10).map(distance).sum::<f64>() / 10.0
}

#[test]
fn probabilities_are_those_observed_later() {
    let shop = Shop::new(&DemoParams { seed: 2, n_customers: 2_500, n_weeks: 52, ..DemoParams::default() });
    let mut cases = held_out(&shop, 40);
    let error = calibration_error(&mut cases);
    println!("{} cases, mean |observed - predicted| {error:.4}", cases.len());
    assert!(cases.len() > 2_000, "{}", cases.len());
    assert!(error < 0.02, "{error}");
    // A constant would be calibrated too: the highest tenth must stand out.
    let upgrades = |of: &[(f64, bool)]| of.iter().filter(|c| c.1).count() as f64 / of.len() as f64;
    assert!(upgrades(&cases[cases.len() * 9 / 10..]) > 2.0 * upgrades(&cases));
}

/// How good the reported rates of segments are, for one kind of rate.
#[derive(Default)]
struct Quality {
    /// Intervals that hold the population's rate, and all of them.
    held: u32,
    intervals: u32,
    /// Pairs of segments with true rates far apart that are reported in this order, and all.
    ordered: u32,
    pairs: u32,
}

/// Customers of one sample that is learned from, such samples of one shop, and customers that stand
/// for the population. The rate of the population has an error of its own: with ten times the
/// sample it takes more than a point of coverage away, with thirty times a third of a point.
const SAMPLE: u32 = 600;
const SAMPLES: u32 = 4;
const POPULATION: u32 = 18_000;

const KINDS: [RateKind; 2] = [RateKind::Repeat, RateKind::Replacement];

/// Upgrades and events of the given customers by kind and segment.
fn observed(shop: &Shop, others: &Ledger, fitted: &UpsellFit, params: &UpsellParams) -> [Vec<(u32, u32)>; 2] {
    let model = &fitted.model;
    let histories = LadderHistories::read(others, &model.ladders, model.periods);
    let begin = model.periods.of(shop.dataset.ledger.first_time().unwrap());
    let first = begin + params.warm_up_periods as i32;
    let mut counts = [(); 2].map(|()| vec![(0, 0); fitted.segmentation.names.len()]);
    let mut count = |kind: usize, group: u32, upgraded: bool| {
        let segment = fitted.segmentation.of(histories.groups[group as usize].customer).unwrap();
        let (upgrades, events) = &mut counts[kind][usize::from(segment)];
        (*upgrades, *events) = (*upgrades + u32::from(upgraded), *events + 1);
    };
    for event in repeat_events(&histories, &model.ladders, &params.event_rules(), first..i32::MAX) {
        if event.regime == Regime::Established {
            count(0, event.group, event.upgraded);
        }
    }
    for trial in replacements(&histories, &model.ladders) {
        let ladder = histories.groups[trial.group as usize].ladder;
        if model.ladders.ladder(ladder).label == Label::Replacement {
            count(1, trial.group, trial.upgraded);
        }
    }
    counts
}

/// Learns from samples of a shop's customers and compares with the others and what was planted.
fn check_rates(seed: u64, qualities: &mut [Quality; 2]) {
    let n_customers = SAMPLES * SAMPLE + POPULATION;
    let shop =
        Shop::new(&DemoParams { seed, n_customers, upgrade_rates: UpgradeRates::Drawn, ..DemoParams::default() });
    let ledger = &shop.dataset.ledger;
    // Ids rise with the number of the customer.
    let others = ledger.filter(|basket| ledger.customer_of(basket).is_some_and(|c| c.0 >= SAMPLES * SAMPLE));
    let params = UpsellParams { grow_trees: false, ..shop.config.upsell.clone() };
    for sample in 0..SAMPLES {
        let is_sample = |basket: usize| ledger.customer_of(basket).is_none_or(|c| c.0 / SAMPLE == sample);
        let fitted = shop.fit(&ledger.filter(is_sample), &params);
        let names = &fitted.segmentation.names;
        assert_eq!(names.len(), Segment::ALL.len());
        let planted = |segment: usize| {
            let named = Segment::ALL.into_iter().find(|s| s.name() == names[segment]).unwrap();
            shop.shop.truth.rates(named).unwrap().repeat
        };
        let population = observed(&shop, &others, &fitted, &params);
        for (kind, quality) in qualities.iter_mut().enumerate() {
            let of = |segment: usize| *fitted.model.rates.segment(segment as u16, KINDS[kind]).unwrap();
            let seen: Vec<usize> = (0..names.len()).filter(|&segment| of(segment).events > 0).collect();
            for (at, &segment) in seen.iter().enumerate() {
                let cell = of(segment);
                let rate_of = |segment: usize| {
                    let (upgrades, events) = population[kind][segment];
                    assert!(events > 100, "{kind} {segment}: {events}");
                    f64::from(upgrades) / f64::from(events)
                };
                let rate = rate_of(segment);
                let held = f64::from(cell.low) <= rate && rate <= f64::from(cell.high);
                quality.intervals += 1;
                quality.held += u32::from(held);
                for &other in &seen[at + 1..] {
                    let (a, b) = (cell, of(other));
                    let width = f64::midpoint(f64::from(a.high - a.low), f64::from(b.high - b.low));
                    // Only the phones among what is replaced follow a planted rate.
                    let apart = match KINDS[kind] {
                        RateKind::Repeat => planted(segment) - planted(other),
                        _ => rate - rate_of(other),
                    };
                    if apart.abs() <= 2.0 * width {
                        continue;
                    }
                    quality.pairs += 1;
                    let is_ordered = a.rate != b.rate && (a.rate > b.rate) == (apart > 0.0);
                    quality.ordered += u32::from(is_ordered);
                    if !is_ordered {
                        println!(
                            "seed {seed} {:?} {} {}: {apart:.3} {a:?} {b:?}",
                            KINDS[kind], names[segment], names[other]
                        );
                    }
                }
            }
        }
    }
}

/// Checks what must hold of rates in any number of shops, and gives the share of intervals that
/// hold the population's rate for both kinds, then for all.
fn rates_of_shops(n_shops: u64) -> [f64; 3] {
    let mut qualities = [Quality::default(), Quality::default()];
    for seed in 0..n_shops {
        check_rates(1_000 + seed, &mut qualities);
    }
    for (kind, Quality { held, intervals, ordered, pairs }) in KINDS.iter().zip(&qualities) {
        println!("{kind:?}: {held} of {intervals} intervals hold the population's rate");
        println!("{kind:?}: {ordered} of {pairs} pairs of segments far apart are reported in order");
        assert_eq!(ordered, pairs, "{kind:?}");
    }
    assert!(qualities.iter().any(|quality| quality.pairs > 0), "no pair of segments is far apart");
    let share = |of: &[Quality]| {
        let (held, all) = of.iter().fold((0, 0), |sum, q| (sum.0 + q.held, sum.1 + q.intervals));
        f64::from(held) / f64::from(all)
    };
    let shares = [share(&qualities[..1]), share(&qualities[1..]), share(&qualities)];
    println!("shares that hold: {shares:.4?}");
    shares
}

#[test]
fn rates_are_those_of_the_population() {
    let [.., all] = rates_of_shops(3);
    assert!((0.9..=1.0).contains(&all), "{all}");
}

#[test]
#[ignore = "takes minutes; UPSELL_SEEDS chooses fewer than 200 shops"]
fn rates_hold_over_many_shops() {
    let seeds = std::env::var("UPSELL_SEEDS").map_or(200, |text| text.parse().unwrap());
    let shares = rates_of_shops(seeds);
    assert!(shares.iter().all(|share| (0.93..=0.97).contains(share)), "{shares:?}");
}
