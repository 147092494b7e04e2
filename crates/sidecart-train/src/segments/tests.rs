use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use proptest::prelude::*;
use sidecart_core::{CustomerId, ItemId, Money, NoProgress, Rng};
use sidecart_data::config::{Paths, PurchasesConfig, SideTableConfig};
use sidecart_data::demo::{DemoParams, DemoShop};
use sidecart_data::{CustomerTable, Labels, Ledger, read_customers, read_items, read_purchases};
use sidecart_serve::upsell::Periods;

use super::*;
use crate::ladders::{Ladder, Tier};

struct Shop {
    ledger: Ledger,
    catalogue: Catalogue,
    ladders: Ladders,
    customers: CustomerTable,
    periods: Periods,
    /// The middle of the history.
    middle: i32,
}

impl Shop {
    fn learn(&self, ledger: &Ledger, params: &LearnedParams, seed: u64) -> Segmentation {
        let inputs =
            SegmentInputs { ledger, catalogue: &self.catalogue, ladders: &self.ladders, periods: &self.periods };
        Segmentation::learn(&inputs, self.middle, params, seed).unwrap()
    }

    fn means(&self) -> CategoryMeans {
        CategoryMeans::new(&self.ledger, &self.catalogue, &self.ladders)
    }

    fn period_of(&self, basket: usize) -> i32 {
        self.periods.of(self.ledger.basket_times()[basket])
    }
}

/// The ladders that the shop's own table names.
fn given_ladders(catalogue: &Catalogue) -> Ladders {
    let labels = catalogue.table.ladder.as_ref().unwrap();
    let tiers = catalogue.table.tier.as_ref().unwrap();
    let given = |item: &Option<usize>| Some((labels.codes[(*item)?], tiers[(*item)?]?)).filter(|g| g.0 != Labels::NONE);
    let given: Vec<Option<(u32, f64)>> = catalogue.rows.iter().map(given).collect();
    let mut levels: Vec<BTreeSet<u64>> = vec![BTreeSet::new(); labels.values.len()];
    for (ladder, tier) in given.iter().flatten() {
        levels[*ladder as usize].insert(tier.to_bits());
    }
    let rank = |(ladder, tier): (u32, f64)| levels[ladder as usize].range(..tier.to_bits()).count() as u8;
    let tier = || Tier { centre: Money(0), n_items: 0, n_lines: 0 };
    Ladders {
        item_ladder: given.iter().map(|g| g.map_or(u32::MAX, |g| g.0)).collect(),
        item_tier: given.iter().map(|g| g.map_or(0, rank)).collect(),
        item_price: vec![Money(0); catalogue.len()],
        skipped: 0,
        ladders: levels
            .iter()
            .zip(labels.values.iter())
            .map(|(levels, name)| Ladder {
                name: name.to_owned(),
                given: true,
                tiers: levels.iter().map(|_| tier()).collect(),
                side_by_side: None,
                usable: true,
                baskets: (0, 0),
                one_is_enough: true,
            })
            .collect(),
    }
}

fn shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let params = DemoParams { n_customers: 400, n_weeks: 40, ..DemoParams::default() };
        DemoShop::generate(&params).write_to(folder.path()).unwrap();
        let path = |name: &str| Paths::One(folder.path().join(name));
        let purchases = PurchasesConfig { path: path("purchases.parquet"), ..PurchasesConfig::default() };
        let ledger = read_purchases(&purchases, Default::default(), &NoProgress).unwrap().0;
        let items: SideTableConfig = SideTableConfig {
            path: path("items.parquet"),
            columns: [(
                "category".to_owned(),
                sidecart_data::config::ColumnSpec::Many(["department", "category", "type"].map(str::to_owned).to_vec()),
            )]
            .into(),
            ..SideTableConfig::default()
        };
        let table = SideTableConfig { path: path("customers.parquet"), ..SideTableConfig::default() };
        let customers = read_customers(&table).unwrap().0;
        let nowhere = std::path::Path::new("");
        let catalogue = Catalogue::new(&ledger, read_items(&items).unwrap().0, (nowhere, nowhere)).unwrap();
        let ledger = ledger.over_catalogue(catalogue.ids.clone()).unwrap();
        let periods = Periods::new(ledger.clock(), 7, 0);
        let middle = periods.of(ledger.first_time().unwrap()) + 30;
        let ladders = given_ladders(&catalogue);
        Shop { ledger, catalogue, ladders, customers, periods, middle }
    })
}

/// The formulas of [`BEHAVIOUR`] in one go over a list of lines.
fn from_scratch(shop: &Shop, baskets: &[usize], history_start: i32, period: i32) -> Behaviour {
    let (ledger, items) = (&shop.ledger, &shop.catalogue.table);
    let known: Vec<usize> = baskets.iter().copied().filter(|&b| shop.period_of(b) < period).collect();
    if known.is_empty() {
        return [0.0; BEHAVIOUR.len()];
    }
    let path = |item: ItemId| -> Option<Vec<&str>> {
        let row = shop.catalogue.rows[item.index()]?;
        Some(items.categories.iter().map(|level| level.get(row).unwrap_or("")).collect())
    };
    let discounted = |line: &sidecart_data::Line| Some(line.shelf?.0 - line.paid?.0 > 50);
    let private = |item: ItemId| Some(items.private_label.as_ref()?.get(shop.catalogue.rows[item.index()]?)?.eq("yes"));
    let position = |item: ItemId| -> Option<f64> {
        let ladder = shop.ladders.ladders.get(shop.ladders.item_ladder[item.index()] as usize)?;
        (ladder.tiers.len() > 1)
            .then(|| f64::from(shop.ladders.item_tier[item.index()]) / (ladder.tiers.len() - 1) as f64)
    };
    // Means of the categories over the whole history.
    let mut means: BTreeMap<Option<Vec<&str>>, [(f64, f64); 3]> = BTreeMap::new();
    let values = |line: &sidecart_data::Line| {
        [
            discounted(line).map(|v| f64::from(u8::from(v))),
            private(line.item).map(|v| f64::from(u8::from(v))),
            position(line.item),
        ]
    };
    for line in (0..ledger.n_baskets()).flat_map(|b| ledger.lines(b)) {
        for (mean, value) in means.entry(path(line.item)).or_default().iter_mut().zip(values(&line)) {
            if let Some(value) = value {
                *mean = (mean.0 + value, mean.1 + 1.0);
            }
        }
    }
    let lines: Vec<sidecart_data::Line> = known.iter().flat_map(|&b| ledger.lines(b)).collect();
    let beyond = |which: usize| {
        let known: Vec<f64> = lines
            .iter()
            .filter_map(|line| {
                let (sum, n) = means[&path(line.item)][which];
                values(line)[which].map(|value| value - sum / n)
            })
            .collect();
        known.iter().sum::<f64>() / (known.len() as f64 + 20.0)
    };
    let share = |which: usize| {
        let known: Vec<f64> = lines.iter().filter_map(|line| values(line)[which]).collect();
        if known.is_empty() { 0.0 } else { known.iter().sum::<f64>() / known.len() as f64 }
    };
    let money = |amount: &dyn Fn(&sidecart_data::Line) -> i64| lines.iter().map(amount).sum::<i64>() as f64 / 10_000.0;
    let paid = money(&|line| line.paid.unwrap().0);
    let gross = money(&|line| line.shelf.unwrap().0);
    let elapsed = f64::from(period - history_start);
    let first = known.iter().map(|&b| shop.period_of(b)).min().unwrap();
    let last = known.iter().map(|&b| shop.period_of(b)).max().unwrap();
    let types: BTreeSet<_> = lines.iter().filter_map(|line| path(line.item)).collect();
    let trips = (known.len() as f64 / elapsed).ln_1p();
    let spend = (paid / elapsed).ln_1p();
    [
        trips,
        spend,
        spend - trips,
        f64::from(period - last).ln_1p(),
        f64::from(period - first).ln_1p(),
        (gross - paid) / gross,
        share(1),
        share(0),
        beyond(0),
        beyond(1),
        beyond(2),
        (types.len() as f64).ln_1p(),
    ]
    .map(|value| value as f32)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn running_sums_are_the_formulas(customer in 0usize..400, stops in proptest::collection::vec(1i32..42, 1..5), thin in 1u64..4) {
        let shop = shop();
        let means = shop.means();
        let history_start = shop.middle - 30;
        let run: Vec<usize> = shop
            .ledger
            .customer_runs()
            .find(|run| shop.ledger.customer_of(run.start) == Some(CustomerId(customer as u32)))
            .unwrap_or(0..0)
            .filter(|&basket| sidecart_core::mix64(basket as u64).is_multiple_of(thin))
            .collect();
        let mut stops: Vec<i32> = stops.iter().map(|stop| history_start + stop).collect();
        stops.sort_unstable();
        let mut tracker = BehaviourTracker::new(&means, history_start);
        // Somebody else's baskets leave no trace.
        tracker.add_basket(&shop.ledger, 0, &shop.periods);
        tracker.clear();
        let mut next = run.iter().peekable();
        for stop in stops {
            while let Some(&basket) = next.next_if(|&&basket| shop.period_of(basket) < stop) {
                tracker.add_basket(&shop.ledger, basket, &shop.periods);
            }
            let expected = from_scratch(shop, &run, history_start, stop);
            for ((name, got), expected) in BEHAVIOUR.iter().zip(tracker.as_of(stop)).zip(expected) {
                prop_assert!((got - expected).abs() <= 1e-5 * (1.0 + expected.abs()), "{name}: {got} {expected}");
            }
        }
    }
}

#[test]
fn the_demo_shop_has_every_behaviour() {
    let shop = shop();
    let means = shop.means();
    let mix = CategoryMix::new(&shop.ledger, &shop.catalogue, |_| true);
    let states = customer_states(&shop.ledger, &means, &mix, &shop.periods, shop.middle);
    for (column, name) in BEHAVIOUR.iter().enumerate() {
        let values: BTreeSet<u32> = states.iter().map(|s| s.behaviour[column].to_bits()).collect();
        assert!(values.len() > 20, "{name}");
    }
    assert!(mix.len() > 4 && states.iter().all(|s| s.mix.len() == mix.len()));
    for state in states.iter().filter(|s| s.n_baskets > 0) {
        assert!((state.mix.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-4);
    }
}

#[test]
fn without_prices_and_tables_the_parts_concerned_are_zero() {
    let shop = shop();
    let catalogue =
        Catalogue { ids: shop.catalogue.ids.clone(), rows: vec![None; shop.catalogue.len()], ..Catalogue::default() };
    let none =
        Ladders { item_ladder: vec![u32::MAX; catalogue.len()], ladders: Vec::new(), ..given_ladders(&shop.catalogue) };
    let means = CategoryMeans::new(&shop.ledger, &catalogue, &none);
    let mix = CategoryMix::new(&shop.ledger, &catalogue, |_| true);
    assert!(mix.is_empty());
    for state in customer_states(&shop.ledger, &means, &mix, &shop.periods, shop.middle) {
        let b = state.behaviour;
        assert_eq!([b[6], b[9], b[10], b[11]], [0.0; 4]);
        assert_eq!(state.n_baskets > 0, b[0] > 0.0 && b[1] > 0.0);
    }
}

/// Agreement of two partitions beyond chance (Hubert and Arabie 1985): 1 for equal ones, 0 on
/// average for independent ones.
fn adjusted_rand_index(a: &[u16], b: &[u16]) -> f64 {
    let mut cells: BTreeMap<(u16, u16), u64> = BTreeMap::new();
    let (mut rows, mut columns) = (BTreeMap::<u16, u64>::new(), BTreeMap::<u16, u64>::new());
    for (&x, &y) in a.iter().zip(b) {
        *cells.entry((x, y)).or_default() += 1;
        *rows.entry(x).or_default() += 1;
        *columns.entry(y).or_default() += 1;
    }
    let pairs = |n: u64| (n * n.saturating_sub(1)) as f64 / 2.0;
    let together: f64 = cells.values().map(|&n| pairs(n)).sum();
    let (in_a, in_b): (f64, f64) = (rows.values().map(|&n| pairs(n)).sum(), columns.values().map(|&n| pairs(n)).sum());
    let expected = in_a * in_b / pairs(a.len() as u64);
    (together - expected) / ((in_a + in_b) / 2.0 - expected)
}

/// Five kinds of customers who differ in a few behaviours and in what they buy, and visitors with
/// one or two baskets who behave wildly.
fn planted(n: usize, seed: u64) -> (Vec<CustomerState>, Vec<Option<u16>>) {
    let mut rng = Rng::new(seed, 0);
    let kinds: [(&[(usize, f64)], usize); 5] = [
        (&[(0, 3.0), (1, 2.0), (6, -2.0)], 0),
        (&[(0, -3.0), (3, 3.0)], 1),
        (&[(5, 3.0), (7, 3.0), (10, -2.0)], 2),
        (&[(6, 3.0), (10, -3.0)], 3),
        (&[(10, 3.0), (2, 3.0)], 0),
    ];
    (0..n)
        .map(|_| {
            let visitor = rng.chance(0.3);
            let kind = rng.below(kinds.len());
            let mut behaviour: Behaviour = std::array::from_fn(|_| (rng.normal() * 0.7) as f32);
            let mut mix: Vec<f64> = (0..4).map(|_| 0.2 + 0.05 * rng.unit()).collect();
            if visitor {
                behaviour.iter_mut().for_each(|v| *v *= 30.0);
            } else {
                kinds[kind].0.iter().for_each(|&(column, shift)| behaviour[column] += shift as f32);
                mix[kinds[kind].1] += 0.5;
            }
            let total: f64 = mix.iter().sum();
            let mix = mix.iter().map(|share| (share / total).sqrt() as f32).collect();
            let n_baskets = if visitor { 1 + rng.below(4) as u32 } else { 5 + rng.below(40) as u32 };
            (CustomerState { n_baskets, behaviour, mix }, (!visitor).then_some(kind as u16))
        })
        .unzip()
}

fn four_categories() -> CategoryMix {
    CategoryMix { names: ["meat", "produce", "drinks", "flowers"].map(str::to_owned).into(), of_item: Vec::new() }
}

#[test]
fn planted_segments_are_recovered() {
    for learned in [LearnMethod::KMeans, LearnMethod::GaussianMixture] {
        let (customers, kinds) = planted(3_000, 11);
        let params = LearnedParams { learned, k: 5, min_baskets: 5 };
        let segments = LearnedSegments::fit(&customers, four_categories(), 40, &params, 1).unwrap();
        let found: Vec<Option<u16>> = customers.iter().map(|c| segments.segment_of(c)).collect();
        assert!(found.iter().zip(&kinds).all(|(f, k)| f.is_some() == k.is_some()), "visitors have no segment");
        let (found, kinds): (Vec<u16>, Vec<u16>) = found.iter().zip(&kinds).filter_map(|(f, k)| f.zip(*k)).unzip();
        let index = adjusted_rand_index(&found, &kinds);
        assert!(index > 0.9, "{}: {index}", learned.name());

        let distinct: BTreeSet<&String> = segments.names.iter().collect();
        assert_eq!((segments.len(), distinct.len()), (5, 5), "{:?}", segments.names);
        assert!(segments.sizes.is_sorted_by(|a, b| a >= b));
        assert_eq!(segments.sizes.iter().sum::<u32>() as usize, found.len());
        // A visitor who shops like somebody else by now is assigned all the same.
        let stored: LearnedSegments = serde_json::from_str(&serde_json::to_string(&segments).unwrap()).unwrap();
        assert_eq!(stored, segments);
        for customer in &customers[..50] {
            let of = |s: &LearnedSegments| s.assign(&customer.behaviour, &customer.mix);
            assert_eq!(of(&stored), of(&segments));
        }
    }
}

#[test]
fn rare_visitors_do_not_shape_segments() {
    let (customers, _) = planted(2_000, 5);
    let regulars: Vec<CustomerState> = customers.iter().filter(|c| c.n_baskets >= 5).cloned().collect();
    let params = LearnedParams { k: 5, ..LearnedParams::default() };
    let fit = |customers: &[CustomerState]| LearnedSegments::fit(customers, four_categories(), 40, &params, 1).unwrap();
    assert_eq!(fit(&customers), fit(&regulars));
}

#[test]
fn chance_agreement_counts_nothing() {
    let (a, b): (Vec<u16>, Vec<u16>) = {
        let mut rng = Rng::new(2, 0);
        (0..4_000).map(|_| (rng.below(4) as u16, rng.below(5) as u16)).unzip()
    };
    assert!(adjusted_rand_index(&a, &b).abs() < 0.01);
    let renamed: Vec<u16> = a.iter().map(|v| 9 - v).collect();
    assert_eq!(adjusted_rand_index(&a, &renamed), 1.0);
}

#[test]
fn no_later_basket_enters() {
    let shop = shop();
    let earlier = shop.ledger.filter(|basket| shop.period_of(basket) < shop.middle);
    assert!(earlier.n_baskets() + 500 < shop.ledger.n_baskets());
    let much_earlier = shop.ledger.filter(|basket| shop.period_of(basket) < shop.middle - 8);
    for learned in [LearnMethod::KMeans, LearnMethod::GaussianMixture] {
        let params = LearnedParams { learned, k: 4, ..LearnedParams::default() };
        let all = shop.learn(&shop.ledger, &params, 1);
        assert_eq!(all, shop.learn(&earlier, &params, 1));
        assert_ne!(all, shop.learn(&much_earlier, &params, 1));
    }
}

#[test]
fn threads_and_the_order_of_rows_change_nothing() {
    let shop = shop();
    let odd = shop.ledger.filter(|basket| basket % 2 == 1);
    let even = shop.ledger.filter(|basket| basket % 2 == 0);
    let permuted = odd.merge(&even).unwrap().over_catalogue(shop.catalogue.ids.clone()).unwrap();
    for learned in [LearnMethod::KMeans, LearnMethod::GaussianMixture] {
        let params = LearnedParams { learned, k: 6, ..LearnedParams::default() };
        let with = |ledger: &Ledger, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| shop.learn(ledger, &params, 1));
            (serde_json::to_string(&found.learned).unwrap(), found)
        };
        let one = with(&shop.ledger, 1);
        assert_eq!(one, with(&shop.ledger, 2));
        assert_eq!(one, with(&permuted, 3));
        assert_eq!(one.1.of_customer.len(), shop.ledger.customers().len());
    }
}

#[test]
fn impossible_requests_are_refused() {
    let (customers, _) = planted(40, 1);
    let fit = |k, min_baskets| {
        let params = LearnedParams { k, min_baskets, ..LearnedParams::default() };
        LearnedSegments::fit(&customers, four_categories(), 40, &params, 1).unwrap_err()
    };
    assert!(matches!(fit(1, 5), SegmentError::Parameter(_)));
    let few = fit(60, 5);
    assert!(matches!(few, SegmentError::TooFewCustomers { k: 60, min_baskets: 5, .. }));
    assert!(few.to_string().contains("lower segments.by k or min_baskets"), "{few}");
    // All alike: k-means keeps what segments there are, a mixture says that there are none.
    let same = vec![CustomerState { n_baskets: 9, behaviour: [1.0; BEHAVIOUR.len()], mix: vec![0.5; 4] }; 30];
    let params = LearnedParams { k: 3, ..LearnedParams::default() };
    let one = LearnedSegments::fit(&same, four_categories(), 40, &params, 1).unwrap();
    assert_eq!((one.len(), &one.names[..], &one.sizes[..]), (1, &["average shoppers".to_owned()][..], &[30][..]));
    let params = LearnedParams { learned: LearnMethod::GaussianMixture, ..params };
    let none = LearnedSegments::fit(&same, four_categories(), 40, &params, 1).unwrap_err();
    assert!(none.to_string().contains("gaussian-mixture finds no 3 segments"), "{none}");
}

#[test]
fn columns_are_joined_and_sorted() {
    let shop = shop();
    let by = |columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(|&c| c.to_owned()).collect();
        Segmentation::from_columns(&shop.ledger, &shop.customers, &columns)
    };
    let found = by(&["segment"]).unwrap();
    assert_eq!(found.names, ["families", "pensioners", "professionals", "students"]);
    let column = shop.customers.column("segment").unwrap();
    for (customer, id) in shop.ledger.customers().iter().enumerate() {
        let expected = shop.customers.ids.find(id).and_then(|row| column.get(row as usize));
        let got = found.of(CustomerId(customer as u32)).map(|segment| found.names[usize::from(segment)].as_str());
        assert_eq!(got, expected);
    }
    assert_eq!(found.of(CustomerId(u32::MAX - 1)), None);
    let joined = by(&["region", "segment"]).unwrap();
    assert_eq!((joined.names.len(), joined.names[0].as_str()), (12, "coast / families"));
    assert!(joined.names.is_sorted());
    let unknown = by(&["segmant"]).unwrap_err().to_string();
    assert!(unknown.contains("segmant") && unknown.contains("region"), "{unknown}");
}

#[test]
fn more_segments_than_can_be_named_are_an_error() {
    let shop = shop();
    let table = |n: usize| CustomerTable {
        ids: sidecart_core::IdTable::from_texts((0..n).map(|i| format!("c{i:06}"))),
        columns: vec![Labels::from_texts("postcode", &(0..n).map(|i| Some(format!("{i}"))).collect::<Vec<_>>())],
    };
    let by = |n: usize| Segmentation::from_columns(&shop.ledger, &table(n), &["postcode".to_owned()]);
    assert_eq!(by(MAX_SEGMENTS).unwrap().names.len(), MAX_SEGMENTS);
    let error = by(MAX_SEGMENTS + 1).unwrap_err().to_string();
    assert!(error.contains("4097") && error.contains("4096") && error.contains("coarser"), "{error}");
}

#[test]
fn cards_are_plain_counts() {
    let shop = shop();
    let segmentation = Segmentation::from_columns(&shop.ledger, &shop.customers, &["segment".to_owned()]).unwrap();
    let means = shop.means();
    let inputs = CardInputs {
        ledger: &shop.ledger,
        catalogue: &shop.catalogue,
        ladders: &shop.ladders,
        means: &means,
        segmentation: &segmentation,
        n_top: 3,
    };
    // Made-up associations: with every third item the next two.
    let shown =
        |item: ItemId| if item.0.is_multiple_of(3) { vec![ItemId(item.0 + 1), ItemId(item.0 + 2)] } else { vec![] };
    let found = cards(&inputs, shown);
    assert_eq!(found.segments.len(), 4);
    let is_in = |basket: usize, segment: usize| {
        shop.ledger.customer_of(basket).and_then(|customer| segmentation.of(customer)) == Some(segment as u16)
    };
    for (segment, card) in found.segments.iter().enumerate() {
        let baskets: Vec<usize> = (0..shop.ledger.n_baskets()).filter(|&b| is_in(b, segment)).collect();
        let lines: Vec<sidecart_data::Line> = baskets.iter().flat_map(|&b| shop.ledger.lines(b)).collect();
        assert_eq!(card.name, segmentation.names[segment]);
        assert_eq!(
            card.customers as usize,
            segmentation.of_customer.iter().filter(|s| **s == Some(segment as u16)).count()
        );
        assert_eq!(card.baskets as usize, baskets.len());
        let paid: f64 = lines.iter().map(|l| l.paid.unwrap().to_f64()).sum();
        let gross: f64 = lines.iter().map(|l| l.shelf.unwrap().to_f64()).sum();
        assert!((card.average_order_value.unwrap() - paid / baskets.len() as f64).abs() < 1e-6);
        assert!((card.discount_share.unwrap() - (1.0 - paid / gross)).abs() < 1e-6);
        let attached = baskets.iter().filter(|&&b| {
            let items: Vec<u32> = shop.ledger.baskets().get(b).iter().map(|i| i.0).collect();
            items.iter().any(|i| i % 3 == 0 && (items.contains(&(i + 1)) || items.contains(&(i + 2))))
        });
        assert_eq!(card.attach_rate, Some(attached.count() as f64 / baskets.len() as f64));
        let top = &card.ladders[0];
        let in_ladder =
            |ladder: u32| lines.iter().filter(|l| shop.ladders.item_ladder[l.item.index()] == ladder).count();
        assert_eq!(top.lines as usize, in_ladder(top.ladder));
        assert!((0..shop.ladders.ladders.len() as u32).all(|ladder| {
            shop.ladders.ladders[ladder as usize].tiers.len() < 2 || in_ladder(ladder) as u64 <= top.lines
        }));
        assert!(card.categories.len() == 3 && card.categories.is_sorted_by(|a, b| a.share >= b.share));
        assert!(card.ladders.iter().all(|ladder| ladder.upgrades.is_none()));
    }
    // Professionals buy high tiers, everybody together is the yardstick itself.
    let position = |name: &str| found.segments.iter().find(|c| c.name == name).unwrap().price_position.unwrap();
    assert!(position("professionals") > position("students"));
    assert!(found.everyone.price_position.unwrap().abs() < 1e-9);
    assert_eq!(found.everyone.baskets as usize, shop.ledger.n_baskets());
    assert!(serde_json::to_string(&found).unwrap().contains("\"attach_rate\""));
}
