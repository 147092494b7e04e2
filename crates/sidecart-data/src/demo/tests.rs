use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::sync::OnceLock;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use sidecart_core::{ItemId, Money};

use super::*;

fn default_shop() -> &'static DemoShop {
    static SHOP: OnceLock<DemoShop> = OnceLock::new();
    SHOP.get_or_init(|| DemoShop::generate(&DemoParams::default()))
}

fn small(seed: u64) -> DemoShop {
    DemoShop::generate(&DemoParams { seed, n_customers: 60, n_weeks: 13, ..DemoParams::default() })
}

/// Whether `hits` of `n` is as far from the sum of probabilities as one draw in a hundred thousand.
fn is_far(hits: f64, expected: f64, variance: f64) -> bool {
    (hits - expected).abs() > 4.5 * variance.sqrt() + 1.0
}

fn has(shop: &DemoShop, basket_idx: usize, item: ItemId) -> bool {
    shop.lines(basket_idx).iter().any(|line| line.item == item)
}

fn segment_of(shop: &DemoShop, basket_idx: usize) -> Option<Segment> {
    shop.baskets[basket_idx].customer.map(|c| shop.customers[c.index()].segment)
}

#[test]
fn the_default_shop_has_the_promised_size() {
    let shop = default_shop();
    assert_eq!(shop.customers.len(), 4_000);
    assert!((40_000..60_000).contains(&shop.baskets.len()), "{} baskets", shop.baskets.len());
    assert!((250..400).contains(&shop.items.len()), "{} items", shop.items.len());
    assert!(shop.n_lines() > 3 * shop.baskets.len(), "{} lines", shop.n_lines());
    let anonymous = shop.baskets.iter().filter(|b| b.customer.is_none()).count() as f64;
    assert!((anonymous / shop.baskets.len() as f64 - 0.05).abs() < 0.005);
    for (segment, expected) in Segment::ALL.map(|s| (s, s.share() * 4_000.0)) {
        let n = shop.customers.iter().filter(|c| c.segment == segment).count() as f64;
        assert!(!is_far(n, expected, expected * (1.0 - segment.share())), "{n} {}", segment.name());
    }
}

#[test]
fn rows_are_in_order_and_valid() {
    let shop = default_shop();
    assert!(shop.items.is_sorted_by(|a, b| a.id < b.id) && shop.customers.is_sorted_by(|a, b| a.id < b.id));
    assert!(shop.baskets.is_sorted_by(|a, b| (a.time, a.basket_id) < (b.time, b.basket_id)));
    for (basket_idx, basket) in shop.baskets.iter().enumerate() {
        assert!(basket.time >= week_start(0) && basket.time < shop.ends_at());
        assert!(!shop.lines(basket_idx).is_empty());
        assert!(shop.lines(basket_idx).is_sorted_by(|a, b| a.item < b.item));
        for line in shop.lines(basket_idx) {
            let item = &shop.items[line.item.index()];
            assert!(line.quantity > 0 && line.paid_total > Money(0) && item.cost < item.price);
            assert!(line.paid_total.0 <= line.unit_price.0 * i64::from(line.quantity));
            assert!(basket.time >= item.first_sold, "{} was sold too early", item.id);
        }
    }
}

#[test]
fn same_parameters_same_bytes() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let written = folders.each_ref().map(|folder| small(3).write_to(folder.path()).unwrap());
    assert_eq!(written[0].len(), 5);
    for (a, b) in written[0].iter().zip(&written[1]) {
        assert!(fs::read(a).unwrap() == fs::read(b).unwrap(), "{} differs", a.display());
    }
    assert_ne!(small(3).baskets, small(4).baskets);
}

#[test]
fn more_customers_leave_the_first_ones_alone() {
    let (few, many) = (small(5), DemoShop::generate(&DemoParams { n_customers: 90, ..small(5).params }));
    assert_eq!(few.customers[..], many.customers[..60]);
    let purchases = |shop: &DemoShop, customer: u32| -> Vec<(Time, Vec<DemoLine>)> {
        let own = |idx: &usize| shop.baskets[*idx].customer == Some(CustomerId(customer));
        (0..shop.baskets.len()).filter(own).map(|i| (shop.baskets[i].time, shop.lines(i).to_vec())).collect()
    };
    for customer in 0..60 {
        assert_eq!(purchases(&few, customer), purchases(&many, customer));
    }
}

#[test]
fn extreme_parameters_give_a_shop() {
    for (n_customers, n_weeks) in [(0, 0), (1, 1), (3, 2), (40, 3), (2, 100_000)] {
        let shop = DemoShop::generate(&DemoParams { n_customers, n_weeks, ..DemoParams::default() });
        assert_eq!(shop.customers.len(), n_customers.max(1) as usize);
        assert!(shop.baskets.iter().all(|b| b.time < shop.ends_at()));
    }
}

#[test]
fn planted_pairs_hold_in_the_rows() {
    let shop = default_shop();
    let n_pairs = shop.truth.complements.len();
    assert!((55..100).contains(&n_pairs), "{n_pairs} pairs");
    let table = shop.item_baskets();
    for pair in &shop.truth.complements {
        let (mut with, mut both, mut without, mut alone) = (0.0, 0.0, 0.0, 0.0);
        for (basket_idx, basket) in table.iter().enumerate() {
            // Anonymous baskets have a segment that the rows do not tell.
            if pair.segment.is_some() && segment_of(shop, basket_idx) != pair.segment {
                continue;
            }
            let attached = f64::from(u8::from(basket.contains(&pair.attached)));
            if basket.contains(&pair.anchor) {
                with += 1.0;
                both += attached;
            } else {
                without += 1.0;
                alone += attached;
            }
        }
        let by_chance = alone / without;
        let expected = 1.0 - (1.0 - pair.probability) * (1.0 - by_chance);
        let names = (&shop.items[pair.anchor.index()].id, &shop.items[pair.attached.index()].id);
        assert!(with >= 25.0, "{names:?}: {with} baskets with the anchor");
        let variance = with * expected * (1.0 - expected);
        assert!(!is_far(both, with * expected, variance), "{names:?}: {both} of {with}, expected {expected}");
        assert!(pair.probability > 2.0 * by_chance || pair.probability < 0.05, "{names:?}: {by_chance} by chance");
    }
}

#[test]
fn planted_pairs_have_one_direction() {
    let shop = default_shop();
    let pairs: BTreeSet<(ItemId, ItemId)> = shop.truth.complements.iter().map(|p| (p.anchor, p.attached)).collect();
    assert!(pairs.iter().all(|&(a, b)| !pairs.contains(&(b, a))));
    let table = shop.item_baskets();
    // The slow mover beside the wine is the exception: it sells by the wine, not the wine by it.
    for pair in shop.truth.complements.iter().filter(|p| p.probability > 0.1) {
        let count = |wanted: &[ItemId]| {
            let in_segment = |idx: usize| pair.segment.is_none() || segment_of(shop, idx) == pair.segment;
            let holds =
                |&(idx, basket): &(usize, &[ItemId])| in_segment(idx) && wanted.iter().all(|i| basket.contains(i));
            table.iter().enumerate().filter(holds).count()
        };
        let names = (&shop.items[pair.anchor.index()].id, &shop.items[pair.attached.index()].id);
        let (anchor, attached) = (count(&[pair.anchor]), count(&[pair.attached]));
        assert!(anchor < attached, "{names:?}: {anchor} baskets with the anchor, {attached} with the other");
    }
}

#[test]
fn segments_have_companions_of_their_own() {
    let shop = default_shop();
    let [pizza, cola, pesto] = ["pizza-margherita", "cola", "pesto"].map(|id| shop.item(id).unwrap());
    let rate = |segment: Segment, item: ItemId| {
        let anchored = (0..shop.baskets.len()).filter(|&b| segment_of(shop, b) == Some(segment) && has(shop, b, pizza));
        let hits: Vec<f64> = anchored.map(|b| f64::from(u8::from(has(shop, b, item)))).collect();
        hits.iter().sum::<f64>() / hits.len() as f64
    };
    assert!(rate(Segment::Students, cola) > 3.0 * rate(Segment::Students, pesto));
    assert!(rate(Segment::Professionals, pesto) > 3.0 * rate(Segment::Professionals, cola));
}

#[test]
fn an_add_on_never_goes_without_its_base() {
    let shop = default_shop();
    assert!(shop.truth.add_ons.len() >= 10);
    for add_on in &shop.truth.add_ons {
        let base = &shop.items[add_on.base.index()].id;
        assert_eq!(shop.items[add_on.add_on.index()].add_on_for.as_ref(), Some(base));
        let (mut with_base, mut both) = (0.0, 0.0);
        for basket in shop.item_baskets().iter() {
            let (has_base, has_add_on) = (basket.contains(&add_on.base), basket.contains(&add_on.add_on));
            assert!(has_base || !has_add_on, "an add-on without {base}");
            with_base += f64::from(u8::from(has_base));
            both += f64::from(u8::from(has_add_on));
        }
        let variance = with_base * add_on.probability * (1.0 - add_on.probability);
        assert!(both > 0.0 && !is_far(both, with_base * add_on.probability, variance), "{base}: {both} of {with_base}");
    }
}

#[test]
fn dearer_tiers_are_dearer() {
    let shop = default_shop();
    for ladder in &shop.truth.ladders {
        assert!(ladder.tiers.len() >= 2);
        for (tier, items) in ladder.tiers.iter().enumerate() {
            for item in items {
                let row = &shop.items[item.index()];
                assert_eq!((row.ladder.as_deref(), row.tier), (Some(ladder.id.as_str()), Some(tier as u32)));
                for above in ladder.tiers.iter().skip(tier + 1).flatten() {
                    let step = shop.items[above.index()].price.0 as f64 / row.price.0 as f64;
                    assert!(step >= 1.2, "{} is {step} times {}", shop.items[above.index()].id, row.id);
                }
            }
        }
    }
}

/// Planted decisions of one segment and kind: purchases, upgrades, expected upgrades, variance.
fn upgrades(shop: &DemoShop, segment: Segment, replacement: bool) -> (f64, f64, f64, f64) {
    let mut sums = (0.0, 0.0, 0.0, 0.0);
    for d in &shop.truth.upgrade_decisions {
        let usage = shop.truth.ladders[d.ladder_idx as usize].usage;
        if shop.customers[d.customer.index()].segment == segment && (usage == LadderUse::Replacement) == replacement {
            sums.0 += 1.0;
            sums.1 += f64::from(u8::from(d.upgraded));
            sums.2 += d.probability;
            sums.3 += d.probability * (1.0 - d.probability);
        }
    }
    sums
}

#[test]
fn upgrade_rates_hold_in_the_rows() {
    for upgrade_rates in [UpgradeRates::Fixed, UpgradeRates::Drawn] {
        let shop = DemoShop::generate(&DemoParams { seed: 2, upgrade_rates, ..DemoParams::default() });
        for segment in Segment::ALL {
            let rates = shop.truth.rates(segment).unwrap();
            for (replacement, rate) in [(false, rates.repeat), (true, rates.replacement)] {
                let (n, upgraded, expected, variance) = upgrades(&shop, segment, replacement);
                let name = segment.name();
                assert!(n >= 60.0, "{name}: {n} decisions");
                assert!(!is_far(upgraded, expected, variance), "{name}: {upgraded} of {n}, expected {expected}");
                // Promotions raise the mean a little, the customers' own factors spread it.
                let mean = expected / n;
                assert!(mean > 0.93 * rate && mean < 1.15 * rate, "{name}: mean {mean}, rate {rate}");
            }
        }
    }
}

#[test]
fn decisions_are_in_the_rows() {
    let shop = default_shop();
    for d in &shop.truth.upgrade_decisions {
        let basket_idx = shop.baskets.binary_search_by_key(&d.basket_id, |b| b.basket_id).unwrap();
        assert_eq!(shop.baskets[basket_idx].customer, Some(d.customer));
        let tiers = &shop.truth.ladders[d.ladder_idx as usize].tiers;
        let bought: Vec<usize> =
            (0..tiers.len()).filter(|&t| tiers[t].iter().any(|&i| has(shop, basket_idx, i))).collect();
        assert_eq!(bought.len(), 1, "one tier of a ladder in a basket");
        assert_eq!(d.upgraded, bought[0] > d.usual_tier as usize);
    }
}

#[test]
fn a_reader_of_the_rows_alone_finds_the_segments_in_order() {
    let shop = default_shop();
    let mut histories: BTreeMap<(CustomerId, &str), Vec<u32>> = BTreeMap::new();
    for (basket_idx, basket) in shop.baskets.iter().enumerate() {
        let Some(customer) = basket.customer else { continue };
        for line in shop.lines(basket_idx) {
            let item = &shop.items[line.item.index()];
            if let (Some(ladder), Some(tier), "Grocery" | "Household") = (&item.ladder, item.tier, item.department) {
                histories.entry((customer, ladder)).or_default().push(tier);
            }
        }
    }
    let mut rates = Segment::ALL.map(|_| (0.0, 0.0));
    for ((customer, _), tiers) in histories.into_iter().filter(|(_, tiers)| tiers.len() >= 4) {
        let count = |tier: u32| tiers.iter().filter(|&&t| t == tier).count();
        let usual = (0..4).max_by_key(|&tier| count(tier)).unwrap();
        if usual < 2 {
            let sums = &mut rates[shop.customers[customer.index()].segment as usize];
            sums.0 += tiers.iter().filter(|&&t| t > usual).count() as f64;
            sums.1 += tiers.len() as f64;
        }
    }
    let [students, families, professionals, pensioners] = rates.map(|(up, n)| up / n);
    assert!(students < pensioners && pensioners < families && families < professionals, "{rates:?}");
}

#[test]
fn promotions_sell() {
    let shop = default_shop();
    let mut promoted: BTreeMap<ItemId, Vec<&DemoPromotion>> = BTreeMap::new();
    for promotion in &shop.promotions {
        assert!(promotion.starts_at < promotion.ends_at);
        promoted.entry(promotion.item).or_default().push(promotion);
    }
    let running = shop.promotions.iter().filter(|p| p.starts_at <= shop.ends_at() && p.ends_at > shop.ends_at());
    assert!(running.count() > 0, "some promotions run when the history ends");
    assert!(shop.promotions.iter().any(|p| p.store.is_some()) && shop.promotions.iter().any(|p| p.store.is_none()));
    let (mut inside, mut expected) = (0.0, 0.0);
    for (item, promotions) in promoted.iter().filter(|(i, _)| shop.items[i.index()].ladder.is_none()) {
        let weeks = |from: Time, to: Time| (to.0 - from.0) as f64 / 7.0 / 86_400e6;
        let covers = |p: &DemoPromotion, b: &DemoBasket| p.starts_at <= b.time && b.time < p.ends_at;
        let everywhere: Vec<_> =
            promotions.iter().filter(|p| p.store.is_none() && p.ends_at <= shop.ends_at()).collect();
        let covered: f64 = everywhere.iter().map(|p| weeks(p.starts_at, p.ends_at)).sum();
        let (mut sold_inside, mut sold) = (0.0, 0.0);
        for basket in (0..shop.baskets.len()).filter(|&b| has(shop, b, *item)).map(|b| &shop.baskets[b]) {
            sold += 1.0;
            sold_inside += f64::from(u8::from(everywhere.iter().any(|p| covers(p, basket))));
        }
        inside += sold_inside;
        expected += (sold - sold_inside) * covered / (f64::from(shop.params.n_weeks) - covered);
    }
    assert!(inside / expected > 1.3 && inside / expected < 2.2, "{inside} against {expected}");
}

#[test]
fn slow_movers_are_slow_and_popularity_is_skewed() {
    let shop = default_shop();
    let mut sales = vec![0u32; shop.items.len()];
    shop.item_baskets().items().iter().for_each(|item| sales[item.index()] += 1);
    for item in &shop.truth.slow_movers {
        let stock = shop.items[item.index()].stock.unwrap();
        assert!(sales[item.index()] < stock && sales[item.index()] < 150, "{}", shop.items[item.index()].id);
    }
    let never: Vec<&str> =
        shop.items.iter().zip(&sales).filter(|&(_, &n)| n == 0).map(|(i, _)| i.id.as_str()).collect();
    assert!(!never.is_empty() && never.len() < 10, "{never:?}");
    assert!(!shop.truth.newcomers.is_empty());
    sales.sort_unstable_by(|a, b| b.cmp(a));
    let share = f64::from(sales[..sales.len() / 5].iter().sum::<u32>()) / f64::from(sales.iter().sum::<u32>());
    assert!(share > 0.5, "the first fifth sells {share}");
    assert!(
        shop.items.iter().all(|i| i.stock.is_none()
            == (i.department == "Software" || i.category == "Salon" || i.category == "Protection"))
    );
}

fn item_totals(shop: &DemoShop) -> Vec<(usize, u32, i64)> {
    let mut totals = vec![(0, 0, 0); shop.items.len()];
    for line in &shop.lines {
        let total = &mut totals[line.item.index()];
        *total = (total.0 + 1, total.1 + line.quantity, total.2 + line.paid_total.0);
    }
    totals
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn a_shuffle_keeps_the_margins(seed in any::<u64>(), n_customers in 1u32..60) {
        let shop = DemoShop::generate(&DemoParams { seed, n_customers, n_weeks: 8, ..DemoParams::default() });
        let shuffled = shop.shuffled(seed ^ 1);
        prop_assert_eq!(&shuffled.offsets, &shop.offsets);
        prop_assert_eq!(&shuffled.baskets, &shop.baskets);
        prop_assert_eq!(item_totals(&shuffled), item_totals(&shop));
        for basket_idx in 0..shuffled.baskets.len() {
            prop_assert!(shuffled.lines(basket_idx).is_sorted_by(|a, b| a.item < b.item));
        }
    }
}

#[test]
fn a_shuffle_destroys_the_pairs() {
    let shop = default_shop();
    let shuffled = shop.shuffled(7);
    assert!(shuffled.truth.complements.is_empty() && shuffled.truth.upgrade_decisions.is_empty());
    assert_eq!(item_totals(&shuffled), item_totals(shop));
    assert!(shuffled.lines != shop.shuffled(8).lines && shuffled.lines == shop.shuffled(7).lines);
    let as_parameter = DemoShop::generate(&DemoParams { shuffle: true, ..small(3).params });
    assert_eq!(as_parameter.lines, small(3).shuffled(3).lines);

    let table = shuffled.item_baskets();
    let n = table.len() as f64;
    let (mut together, mut expected) = (0.0, 0.0);
    for pair in shop.truth.complements.iter().filter(|p| p.segment.is_none()) {
        let count = |f: &dyn Fn(&[ItemId]) -> bool| table.iter().filter(|b| f(b)).count() as f64;
        together += count(&|b| b.contains(&pair.anchor) && b.contains(&pair.attached));
        expected += count(&|b| b.contains(&pair.anchor)) * count(&|b| b.contains(&pair.attached)) / n;
    }
    // Baskets differ in size, so chance pairs are a little more frequent than independence says.
    assert!(together < 2.0 * expected && together > 0.5 * expected, "{together} against {expected}");
}

fn read(path: &std::path::Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let n_rows = reader.metadata().file_metadata().num_rows() as usize;
    let mut batches = reader.with_batch_size(n_rows.max(1)).build().unwrap();
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    batch
}

#[test]
fn written_tables_read_back() {
    let shop = small(9);
    let folder = tempfile::tempdir().unwrap();
    shop.write_to(folder.path()).unwrap();
    let purchases = read(&folder.path().join("purchases.parquet"));
    assert_eq!(purchases.num_rows(), shop.n_lines());
    let column = |name: &str| purchases.column_by_name(name).unwrap();
    let (ids, items) = (column("basket_id").as_primitive::<Int64Type>(), column("item_id").as_string::<i32>());
    let (customers, paid) =
        (column("customer_id").as_string::<i32>(), column("paid_total").as_primitive::<Float64Type>());
    let mut row = 0;
    for (basket_idx, basket) in shop.baskets.iter().enumerate() {
        for line in shop.lines(basket_idx) {
            assert_eq!(ids.value(row), basket.basket_id);
            assert_eq!(items.value(row), shop.items[line.item.index()].id);
            assert_eq!(Money::from_f64(paid.value(row)), Some(line.paid_total));
            let customer = customers.iter().nth(row).unwrap();
            assert_eq!(customer, basket.customer.map(|c| shop.customers[c.index()].id.as_str()));
            row += 1;
        }
    }
    let items = read(&folder.path().join("items.parquet"));
    assert_eq!(items.num_rows(), shop.items.len());
    let tiers = items.column_by_name("tier").unwrap().as_primitive::<Int32Type>();
    let phone = shop.item("phone-s22-ultra").unwrap();
    assert_eq!(tiers.value(phone.index()), 2);
    assert_eq!(read(&folder.path().join("customers.parquet")).num_rows(), shop.customers.len());
    assert_eq!(read(&folder.path().join("promotions.parquet")).num_rows(), shop.promotions.len());
    let config: toml::Table = fs::read_to_string(folder.path().join("sidecart.toml")).unwrap().parse().unwrap();
    assert_eq!(config["segments"]["by"].as_str(), Some("segment"));
    assert_eq!(config["purchases"]["path"].as_str(), Some("purchases.parquet"));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    fs::write(&blocked, "").unwrap();
    let message = small(1).write_to(&blocked.join("shop")).unwrap_err().to_string();
    assert!(message.contains("file"), "{message}");
}
