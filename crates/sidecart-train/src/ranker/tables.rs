use rayon::prelude::*;
use sidecart_core::{MICROS_PER_DAY, Time, exp, ln};
use sidecart_data::Ledger;
use sidecart_serve::ranker::{ItemFacts, KindFacts, KindPair, NO_GROUP, RankerTables, Rows};

use crate::catalogue::Catalogue;
use crate::embeddings::Attribute;
use crate::ladders::prices;
use crate::segments::categories::ItemCategories;

/// Days that say what sells now.
const RECENT_DAYS: i64 = 28;
const WEEK_DAYS: i64 = 7;
/// Where times are no days, the newest baskets that stand for the two.
const RECENT_SHARE: f64 = 0.1;
const WEEK_SHARE: f64 = 0.025;
/// Share of the history in which every purchase looks like a first one; none of it counts as one.
const WARM_UP_SHARE: f64 = 0.15;
/// Imaginary baskets by chance in a lift.
const LIFT_BASKETS: f64 = 5.0;
/// Kinds kept for a kind, strongest first.
const MAX_PAIRS: usize = 150;
/// Items kept for a kind, and for a line.
const MAX_GROUP_ITEMS: usize = 200;
/// Best sellers of the newest days that are kept.
const MAX_RECENT: usize = 1_000;
/// The same in a store.
const MAX_STORE_ITEMS: usize = 500;
/// Fewest recent baskets of an item in a store that say something.
const MIN_STORE_BASKETS: u32 = 2;
/// Imaginary purchases in an item's rate of first purchases.
const RATE_PURCHASES: f64 = 3.0;

/// Groups of items: a number for every item, [`NO_GROUP`] where it is in none, and how many.
#[derive(Clone, Copy)]
struct Codes<'a> {
    of_item: &'a [u32],
    n: u32,
}

impl<'a> Codes<'a> {
    fn of(categories: &'a ItemCategories) -> Self {
        Self { of_item: &categories.of_item, n: categories.len() as u32 }
    }

    fn new(attribute: &'a Attribute) -> Self {
        Self { of_item: attribute.codes(), n: attribute.n_values() as u32 }
    }
}

/// Counts of one item.
#[derive(Clone, Copy, Default)]
struct Sales {
    baskets: u32,
    recent: u32,
    week: u32,
    /// After the warm-up: purchases, and those that are the customer's first.
    counted: u32,
    first: u32,
    first_recent: u32,
}

/// What the ledger says of items, and which lines are first purchases.
struct Counts {
    items: Vec<Sales>,
    /// By line of the ledger: the customer's first purchase of the item, after the warm-up.
    is_first: Vec<bool>,
}

/// When what counts as recent begins, and the newest week of it.
fn newest(ledger: &Ledger) -> (Time, Time) {
    let (first, last) = (ledger.first_time().unwrap_or_default(), ledger.last_time().unwrap_or_default());
    let days = |n: i64| Time(last.0.saturating_sub(n * MICROS_PER_DAY));
    if ledger.clock().has_durations() {
        (days(RECENT_DAYS), days(WEEK_DAYS))
    } else {
        let newest = |share: f64| ledger.time_of_last(share).unwrap_or(first);
        (newest(RECENT_SHARE), newest(WEEK_SHARE))
    }
}

/// By store, items by falling number of recent baskets, with that number.
fn store_sales(ledger: &Ledger) -> Vec<Vec<(u32, u32)>> {
    let (recent, _) = newest(ledger);
    let mut lines: Vec<Vec<u32>> = vec![Vec::new(); ledger.stores().len()];
    for basket in (0..ledger.n_baskets()).filter(|&basket| ledger.basket_times()[basket] > recent) {
        let Some(store) = ledger.store_of(basket) else { continue };
        lines[store as usize].extend(ledger.baskets().get(basket).iter().map(|item| item.0));
    }
    lines
        .into_par_iter()
        .map(|mut items| {
            items.sort_unstable();
            let runs = items.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32));
            let mut sales: Vec<(u32, u32)> = runs.filter(|&(_, n)| n >= MIN_STORE_BASKETS).collect();
            sales.sort_unstable_by_key(|&(item, n)| (std::cmp::Reverse(n), item));
            sales.truncate(MAX_STORE_ITEMS);
            sales
        })
        .collect()
}

impl Counts {
    fn new(ledger: &Ledger, n_items: usize) -> Self {
        let times = ledger.basket_times();
        let (first, last) = (ledger.first_time().unwrap_or_default(), ledger.last_time().unwrap_or_default());
        let (recent, week) = newest(ledger);
        let warm = Time(first.0.saturating_add(((last.0.saturating_sub(first.0)) as f64 * WARM_UP_SHARE) as i64));
        let mut items = vec![Sales::default(); n_items];
        let mut is_first = vec![false; ledger.n_lines()];
        let mut seen_by = vec![u32::MAX; n_items];
        let offsets = ledger.baskets().offsets();
        for (number, run) in (0u32..).zip(ledger.customer_runs()) {
            let known = ledger.customer_of(run.start).is_some();
            for basket in run {
                let time = times[basket];
                let start = offsets[basket];
                for (at, item) in ledger.baskets().get(basket).iter().enumerate() {
                    let sales = &mut items[item.index()];
                    sales.baskets += 1;
                    sales.recent += u32::from(time > recent);
                    sales.week += u32::from(time > week);
                    // Of an anonymous basket nobody knows what was bought before.
                    let new = std::mem::replace(&mut seen_by[item.index()], number) != number;
                    if known && time >= warm {
                        sales.counted += 1;
                        sales.first += u32::from(new);
                        sales.first_recent += u32::from(new && time > recent);
                        is_first[start + at] = new;
                    }
                }
            }
        }
        if items.iter().all(|sales| sales.counted == 0) {
            // Without customers every purchase is as new as another.
            for sales in &mut items {
                (sales.counted, sales.first, sales.first_recent) = (sales.baskets, sales.baskets, sales.recent);
            }
            is_first.fill(true);
        }
        Self { items, is_first }
    }
}

/// Builds what the ranker reads. O(lines x kinds of a basket), in parallel over kinds.
#[must_use]
pub fn tables(ledger: &Ledger, catalogue: &Catalogue) -> RankerTables {
    let n_items = catalogue.len();
    let depth = catalogue.table.categories.len();
    let (kinds, families) =
        (ItemCategories::at(catalogue, depth), ItemCategories::at(catalogue, depth.saturating_sub(1).max(1)));
    let (kinds, families) = (Codes::of(&kinds), Codes::of(&families));
    let maker_column = catalogue.table.manufacturer.as_ref().or(catalogue.table.brand.as_ref());
    let of_kind = Attribute::new(kinds.of_item.iter().map(|&kind| Some(kind).filter(|&kind| kind != NO_GROUP)));
    let makers =
        maker_column.map_or_else(|| Attribute::new(vec![None::<u32>; n_items]), |labels| catalogue.attribute(labels));
    let lines = makers.cross(&of_kind);
    let (makers, lines) = (Codes::new(&makers), Codes::new(&lines));
    let counts = Counts::new(ledger, n_items);
    let prices = prices::usual(ledger, catalogue);
    let kind_facts = kind_facts(kinds, &counts, |item| prices.log(item));
    let shares = Shares::new(kinds, &counts);
    let private = catalogue.private_labels();
    let plus_one = |n: u32| ln(1.0 + f64::from(n)) as f32;
    let items: Vec<ItemFacts> = (0..n_items)
        .map(|item| {
            let sales = &counts.items[item];
            let kind = kinds.of_item[item];
            let of_kind = kind_facts.get(kind as usize);
            let kind_rate = of_kind.map_or(0.5, |k| f64::from(k.first_rate));
            let rate =
                (f64::from(sales.first) + RATE_PURCHASES * kind_rate) / (f64::from(sales.counted) + RATE_PURCHASES);
            ItemFacts {
                kind,
                family: families.of_item[item],
                maker: makers.of_item[item],
                line: lines.of_item[item],
                log_price: prices.log(item as u32).map_or(of_kind.map_or(0.0, |k| k.log_price), |p| p as f32),
                private_label: private[item].map_or(0.5, |own| if own { 1.0 } else { 0.0 }),
                log_baskets: plus_one(sales.baskets),
                log_recent: plus_one(sales.recent),
                log_week: plus_one(sales.week),
                log_first_recent: plus_one(sales.first_recent),
                first_rate: rate as f32,
                share: shares.sold[item] as f32,
                first_share: shares.first[item] as f32,
                log_first_share: ln(shares.first[item].max(1e-6)) as f32,
            }
        })
        .collect();
    let sold = |item: &u32| counts.items[*item as usize].baskets > 0;
    let by_share = |codes: Codes<'_>, share: &[f64]| {
        let mut lists: Vec<Vec<u32>> = vec![Vec::new(); codes.n as usize];
        for item in (0..n_items as u32).filter(sold) {
            if let Some(list) = lists.get_mut(codes.of_item[item as usize] as usize) {
                list.push(item);
            }
        }
        for list in &mut lists {
            list.sort_unstable_by(|&a, &b| share[b as usize].total_cmp(&share[a as usize]).then(a.cmp(&b)));
            list.truncate(MAX_GROUP_ITEMS);
        }
        Rows::new(lists)
    };
    let mut recent: Vec<u32> = (0..n_items as u32).filter(|&i| counts.items[i as usize].recent > 0).collect();
    recent.sort_unstable_by_key(|&i| (std::cmp::Reverse(counts.items[i as usize].recent), i));
    recent.truncate(MAX_RECENT);
    let by_store = store_sales(ledger);
    RankerTables {
        stores: ledger.stores().clone(),
        store_counts: by_store.iter().flatten().map(|&(_, n)| plus_one(n)).collect(),
        store_items: Rows::new(by_store.iter().map(|sales| sales.iter().map(|&(item, _)| item).collect())),
        pairs: Rows::new(kind_pairs(ledger, kinds, &counts.is_first)),
        kind_items: by_share(kinds, &shares.first),
        line_items: by_share(lines, &shares.sold),
        kinds: kind_facts,
        items,
        recent,
        n_families: families.n,
        n_makers: makers.n,
    }
}

fn kind_facts(kinds: Codes<'_>, counts: &Counts, log_price: impl Fn(u32) -> Option<f64>) -> Vec<KindFacts> {
    let mut sums = vec![(0.0, 0.0, 0.0, 0.0); kinds.n as usize];
    for (item, &kind) in (0u32..).zip(kinds.of_item) {
        let Some(sum) = sums.get_mut(kind as usize) else { continue };
        let sales = &counts.items[item as usize];
        sum.0 += f64::from(sales.first);
        sum.1 += f64::from(sales.counted);
        if let Some(price) = log_price(item) {
            sum.2 += price;
            sum.3 += 1.0;
        }
    }
    let all: f64 = sums.iter().map(|sum| sum.0 + 1.0).sum();
    let facts = |&(first, counted, price, n): &(f64, f64, f64, f64)| KindFacts {
        log_share: ln((first + 1.0) / all) as f32,
        first_rate: ((first + 1.0) / (counted + 2.0)) as f32,
        log_price: if n > 0.0 { (price / n) as f32 } else { 0.0 },
    };
    sums.iter().map(facts).collect()
}

/// Every item's share of its kind; items without a kind share one.
struct Shares {
    sold: Vec<f64>,
    first: Vec<f64>,
}

impl Shares {
    fn new(kinds: Codes<'_>, counts: &Counts) -> Self {
        let weights: Vec<(f64, f64)> = counts
            .items
            .iter()
            .map(|s| {
                let sold = f64::from(s.recent) + 0.05 * f64::from(s.baskets);
                let first = 2.0 * f64::from(s.first_recent) + 0.1 * f64::from(s.first) + 0.02;
                (sold, first)
            })
            .collect();
        let mut sums = vec![(0.0, 0.0); kinds.n as usize + 1];
        let place = |item: usize| kinds.of_item[item].min(kinds.n) as usize;
        for (item, weight) in weights.iter().enumerate() {
            let sum = &mut sums[place(item)];
            (sum.0, sum.1) = (sum.0 + weight.0, sum.1 + weight.1);
        }
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Self {
            sold: weights.iter().enumerate().map(|(item, w)| share(w.0, sums[place(item)].0)).collect(),
            first: weights.iter().enumerate().map(|(item, w)| share(w.1, sums[place(item)].1)).collect(),
        }
    }
}

/// For every kind the kinds that stand in its baskets more often than chance explains.
fn kind_pairs(ledger: &Ledger, kinds: Codes<'_>, is_first: &[bool]) -> Vec<Vec<KindPair>> {
    let n_kinds = kinds.n as usize;
    let n_baskets = ledger.n_baskets();
    // Distinct kinds of every basket, with whether one of its items is a first purchase.
    let (mut offsets, mut entries) = (vec![0usize], Vec::new());
    // Baskets with two items of a kind: how often it goes with itself.
    let mut twice = vec![(0u32, 0u32); n_kinds];
    let line_offsets = ledger.baskets().offsets();
    for (basket, &start) in line_offsets[..n_baskets].iter().enumerate() {
        let begin = entries.len();
        for (at, item) in ledger.baskets().get(basket).iter().enumerate() {
            let kind = kinds.of_item[item.index()];
            if kind != NO_GROUP {
                entries.push((kind, is_first[start + at]));
            }
        }
        // Of equal kinds the one with a first purchase last, so that it is kept.
        entries[begin..].sort_unstable();
        for same in entries[begin..].chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            let count = &mut twice[same[0].0 as usize];
            count.0 += 1;
            count.1 += u32::from(same[same.len() - 1].1);
        }
        let mut kept = begin;
        for at in begin..entries.len() {
            if at + 1 == entries.len() || entries[at + 1].0 != entries[at].0 {
                entries[kept] = entries[at];
                kept += 1;
            }
        }
        entries.truncate(kept);
        offsets.push(entries.len());
    }
    let mut holding = vec![(0u32, 0u32); n_kinds];
    let mut postings: Vec<Vec<u32>> = vec![Vec::new(); n_kinds];
    for basket in 0..n_baskets {
        for &(kind, first) in &entries[offsets[basket]..offsets[basket + 1]] {
            holding[kind as usize].0 += 1;
            holding[kind as usize].1 += u32::from(first);
            postings[kind as usize].push(basket as u32);
        }
    }
    let chance = |n: u32| (f64::from(n) + LIFT_BASKETS) / n_baskets.max(1) as f64;
    postings
        .par_iter()
        .enumerate()
        .map_init(
            || (vec![(0u32, 0u32); n_kinds], Vec::new()),
            |(together, touched), (kind, baskets)| {
                for &basket in baskets {
                    for &(other, first) in &entries[offsets[basket as usize]..offsets[basket as usize + 1]] {
                        let count = &mut together[other as usize];
                        if count.0 == 0 {
                            touched.push(other);
                        }
                        count.0 += 1;
                        count.1 += u32::from(first);
                    }
                }
                let own = f64::from(holding[kind].0) + LIFT_BASKETS;
                let log_lift = |n: u32, p: f64| ln((f64::from(n) + LIFT_BASKETS * p) / (own * p)) as f32;
                let mut pairs: Vec<KindPair> = touched
                    .drain(..)
                    .map(|other| {
                        let counted = std::mem::take(&mut together[other as usize]);
                        let (n, first) = if other as usize == kind { twice[kind] } else { counted };
                        let (all, all_first) = holding[other as usize];
                        KindPair {
                            kind: other,
                            lift: log_lift(n, chance(all)),
                            first_lift: log_lift(first, chance(all_first)),
                        }
                    })
                    .filter(|pair| pair.lift > 0.0 || pair.first_lift > 0.0)
                    .collect();
                // What goes with a kind matters by how much is sold of it, not by the lift alone.
                let worth = |p: &KindPair| {
                    f64::from(p.first_lift.max(p.lift)) * exp(0.5 * ln(chance(holding[p.kind as usize].0)))
                };
                pairs.sort_unstable_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.kind.cmp(&b.kind)));
                pairs.truncate(MAX_PAIRS);
                pairs.sort_unstable_by_key(|pair| pair.kind);
                pairs
            },
        )
        .collect()
}
