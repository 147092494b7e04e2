use std::sync::OnceLock;

use proptest::prelude::*;
use sidecart_core::{IdTable, ItemId, Money, ln};
use sidecart_data::demo::{DemoParams, DemoShop, LadderUse};
use sidecart_data::{ItemTable, Labels, Ledger, SizeUnit};

use super::prices::Prices;
use super::{Draft, LadderParams, Ladders, NONE, computed, find};
use crate::catalogue::Catalogue;
use crate::demo_shop::demo_shop;

struct Shop {
    shop: DemoShop,
    ledger: Ledger,
    catalogue: Catalogue,
}

/// A demo shop with its history and item table as read from its files.
fn shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| {
        let (shop, ledger, catalogue) = demo_shop(&DemoParams { n_customers: 1_200, ..DemoParams::default() });
        Shop { shop, ledger, catalogue }
    })
}

fn item(id: &str) -> ItemId {
    ItemId(shop().catalogue.ids.find_text(id).unwrap())
}

/// Outside ids of a ladder's items, tier by tier.
fn tiers(ladders: &Ladders, ladder: u32) -> Vec<Vec<String>> {
    let mut out = vec![Vec::new(); ladders.ladders[ladder as usize].tiers.len()];
    for idx in (0..ladders.item_ladder.len()).filter(|&idx| ladders.item_ladder[idx] == ladder) {
        out[usize::from(ladders.item_tier[idx])].push(shop().catalogue.ids.get(idx as u32).to_string());
    }
    out
}

fn planted(usage: Option<LadderUse>) -> Vec<(String, Vec<Vec<String>>)> {
    let Shop { shop, .. } = shop();
    let wanted = shop.truth.ladders.iter().filter(|ladder| usage.is_none_or(|usage| ladder.usage == usage));
    let id = |item: &ItemId| shop.items[item.index()].id.clone();
    wanted
        .map(|ladder| {
            let mut tiers: Vec<Vec<String>> = ladder.tiers.iter().map(|t| t.iter().map(id).collect()).collect();
            tiers.iter_mut().for_each(|tier| tier.sort());
            (ladder.id.clone(), tiers)
        })
        .collect()
}

#[test]
fn given_ladders_are_taken_as_they_are() {
    let Shop { ledger, catalogue, shop } = shop();
    let found = find(ledger, catalogue, &LadderParams::default()).unwrap();
    let planted = planted(None);
    assert!(planted.len() >= 15);
    for (name, expected) in &planted {
        let ladder = found.ladders.iter().position(|ladder| &ladder.name == name).unwrap();
        assert!(found.ladders[ladder].given && found.ladders[ladder].usable);
        assert_eq!(&tiers(&found, ladder as u32), expected);
    }
    assert_eq!((found.ladders.iter().filter(|l| l.given).count(), found.skipped), (planted.len(), 0));
    // Promotions do not move the usual shelf price.
    for row in &shop.items {
        let idx = item(&row.id).index();
        assert_eq!(found.item_price[idx], row.price, "{}", row.id);
    }
}

#[test]
fn repeat_ladders_are_found_without_being_given() {
    let Shop { ledger, catalogue, .. } = shop();
    let mut catalogue = catalogue.clone();
    (catalogue.table.ladder, catalogue.table.tier) = (None, None);
    let found = find(ledger, &catalogue, &LadderParams::default()).unwrap();
    let planted = planted(Some(LadderUse::Repeat));
    assert_eq!(planted.len(), 9);
    for (name, expected) in planted {
        let (ladder, _) = found.place(item(&expected[0][0])).unwrap_or_else(|| panic!("{name} is a ladder"));
        assert_eq!(tiers(&found, ladder), expected, "{name}");
        let ladder = &found.ladders[ladder as usize];
        assert!(!ladder.given && ladder.usable, "{name}: {:?}", ladder.side_by_side);
    }
    let (ladder, _) = found.place(item("detergent-value-corner")).unwrap();
    assert_eq!(found.ladders[ladder as usize].name, "Household > Laundry > Laundry detergent, 32 oz");
}

#[test]
fn pairs_bought_side_by_side_are_flagged() {
    let Shop { ledger, catalogue, .. } = shop();
    // Pasta and its sauce, toothbrush and toothpaste: tiers by price, bought together.
    let pairs = [("spaghetti", "tomato-sauce"), ("tortilla-chips", "salsa"), ("toothbrush", "toothpaste")];
    let n_rows = catalogue.table.ids.len();
    let mut labels = vec![None; n_rows];
    for (at, (anchor, attached)) in pairs.iter().enumerate() {
        for id in [anchor, attached] {
            labels[catalogue.rows[item(id).index()].unwrap()] = Some(format!("pair {at}"));
        }
    }
    let mut table = catalogue.table.clone();
    (table.ladder, table.tier, table.size_amount) = (None, None, None);
    table.categories = vec![Labels::from_texts("kind", &labels)];
    let computed = Catalogue { table: table.clone(), ..catalogue.clone() };
    // A step that the closest pair of prices (1.99 and 2.49) takes.
    let params = LadderParams { tier_step: 1.2, ..LadderParams::default() };
    let found = find(ledger, &computed, &params).unwrap();
    assert_eq!(found.ladders.len(), pairs.len());
    for ladder in &found.ladders {
        let beside = ladder.side_by_side.unwrap();
        assert!(beside.ratio > 1.1 && !ladder.usable, "{}: {beside:?}", ladder.name);
        assert!((beside.ratio - f64::from(beside.n_baskets) / beside.expected).abs() < 1e-12);
        // Two different items of a pair are one basket in five of those that hold any.
        let (n_any, n_several) = ladder.baskets;
        assert!(10 * n_several > n_any && n_several < n_any && !ladder.one_is_enough, "{:?}", ladder.baskets);
    }
    let params = LadderParams { max_several: 1.0, ..params };
    assert!(find(ledger, &computed, &params).unwrap().ladders.iter().all(|ladder| ladder.one_is_enough));
    // The shop's word stands, and the finding is told.
    table.ladder = Some(Labels::from_texts("ladder", &labels));
    let found = find(ledger, &Catalogue { table, ..catalogue.clone() }, &params).unwrap();
    assert!(found.ladders.iter().all(|ladder| ladder.given && ladder.usable && ladder.one_is_enough));
    assert!(found.ladders.iter().all(|ladder| ladder.side_by_side.unwrap().ratio > 1.1));
}

#[test]
fn the_order_of_rows_and_threads_does_not_matter() {
    let Shop { ledger, catalogue, .. } = shop();
    let mut catalogue = catalogue.clone();
    catalogue.table.ladder = None;
    let params = LadderParams::default();
    let found = find(ledger, &catalogue, &params).unwrap();
    let (odd, even) = (ledger.filter(|basket| basket % 2 == 1), ledger.filter(|basket| basket % 2 == 0));
    for merged in [odd.merge(&even).unwrap(), even.merge(&odd).unwrap()] {
        let merged = merged.over_catalogue(catalogue.ids.clone()).unwrap();
        for n_threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            assert_eq!(pool.install(|| find(&merged, &catalogue, &params)).unwrap(), found);
        }
    }
}

#[test]
fn a_foreign_catalogue_and_bad_settings_are_refused() {
    let Shop { ledger, catalogue, .. } = shop();
    let wrong = find(ledger, &Catalogue::default(), &LadderParams::default()).unwrap_err();
    assert!(wrong.to_string().starts_with("internal error: a ledger of"), "{wrong}");
    let params = LadderParams { tier_step: 0.5, ..LadderParams::default() };
    let wrong = find(ledger, catalogue, &params).unwrap_err();
    assert_eq!(wrong.to_string(), "[upsell.ladders] setting `tier_step` is 0.5, expected a number from 1.01 to 10");
}

/// A random item: kind, size, price in cents, lines.
fn random_item() -> impl Strategy<Value = (Option<u8>, Option<(f64, SizeUnit)>, i64, u32)> {
    let unit = prop::sample::select(vec![SizeUnit::Gram, SizeUnit::Millilitre, SizeUnit::Piece]);
    (prop::option::of(0u8..3), prop::option::of((1.0f64..8.0, unit)), 0i64..400, 0u32..30)
}

proptest! {
    #[test]
    fn computed_ladders_keep_their_promises(rows in prop::collection::vec(random_item(), 0..60)) {
        let ids = IdTable::from_ints((0..rows.len() as i64).collect());
        let kinds: Vec<Option<String>> = rows.iter().map(|row| row.0.map(|kind| kind.to_string())).collect();
        let table = ItemTable {
            ids: ids.clone(),
            categories: vec![Labels::from_texts("kind", &kinds)],
            size_amount: Some(rows.iter().map(|row| row.1).collect()),
            ..ItemTable::default()
        };
        let catalogue = Catalogue { ids, rows: (0..rows.len()).map(Some).collect(), table };
        let usual: Vec<Money> = rows.iter().map(|row| Money(row.2 * 100)).collect();
        let prices = Prices { usual, n_lines: rows.iter().map(|row| row.3).collect() };
        let params = LadderParams::default();
        let taken: Vec<bool> = (0..rows.len()).map(|item| item % 7 == 3).collect();
        let drafts = computed::ladders(&catalogue, &prices, &taken, &params);
        let mut place = vec![NONE; rows.len()];
        for (number, Draft { centres, places, given, .. }) in drafts.iter().enumerate() {
            let centres: Vec<f64> = centres.iter().map(|centre| centre.unwrap()).collect();
            prop_assert!(!given && centres.len() >= 2);
            prop_assert!(centres.windows(2).all(|w| w[1] - w[0] >= ln(params.tier_step) - 1e-9));
            for (tier, _) in centres.iter().enumerate() {
                prop_assert!(places.iter().any(|&(_, t)| usize::from(t) == tier), "an empty tier");
            }
            for &(item, tier) in places {
                prop_assert!(!taken[item as usize] && place[item as usize] == NONE, "an item stands twice");
                place[item as usize] = number as u32;
                // Prices stay between the middles to the tiers below and above.
                let (tier, price) = (usize::from(tier), prices.log(item).unwrap());
                if tier > 0 {
                    prop_assert!(price > 0.5 * (centres[tier - 1] + centres[tier]));
                }
                if let Some(above) = centres.get(tier + 1) {
                    prop_assert!(price <= 0.5 * (centres[tier] + above));
                }
                let (first, own) = (&rows[places[0].0 as usize], &rows[item as usize]);
                prop_assert!(own.0.is_some() && own.0 == first.0, "two kinds in one ladder");
                prop_assert_eq!(own.1.is_some(), first.1.is_some());
                if let (Some((a, unit)), Some((b, other))) = (own.1, first.1) {
                    prop_assert_eq!(unit == SizeUnit::Piece, other == SizeUnit::Piece);
                    let sells = |row: &(_, _, i64, u32)| row.3 >= params.min_item_lines;
                    let ratio = if a > b { a / b } else { b / a };
                    prop_assert!(!sells(own) || !sells(first) || ratio <= params.size_step * 1.05);
                }
            }
        }
    }
}
