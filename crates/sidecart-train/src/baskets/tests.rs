use std::sync::OnceLock;

use proptest::prelude::*;
use sidecart_core::{Clock, ItemId, NoProgress, mix64};
use sidecart_data::Ledger;
use sidecart_data::config::{Paths, PurchasesConfig};
use sidecart_data::demo::{DemoParams, DemoShop};

use super::{BasketParams, KeptBaskets, fit};
use crate::hold_out::count_item_baskets;

/// The history of a tiny demo shop.
fn shop() -> &'static Ledger {
    static SHOP: OnceLock<Ledger> = OnceLock::new();
    SHOP.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let params = DemoParams { n_customers: 60, n_weeks: 8, ..DemoParams::default() };
        DemoShop::generate(&params).write_to(folder.path()).unwrap();
        let path = Paths::One(folder.path().join("purchases.parquet"));
        let config = PurchasesConfig { path, ..PurchasesConfig::default() };
        sidecart_data::read_purchases(&config, Default::default(), &NoProgress).unwrap().0
    })
}

/// The plain twin: for every item its baskets, sorted by age and cut; then what any item wants.
fn plain(ledger: &Ledger, item_baskets: &[u32], params: &BasketParams) -> KeptBaskets {
    let eligible = |basket: usize| -> Vec<ItemId> {
        let items = ledger.baskets().get(basket).iter().copied();
        items.filter(|i| item_baskets[i.index()] >= params.min_item_baskets).collect()
    };
    let mut by_age: Vec<usize> = (0..ledger.n_baskets()).filter(|&b| eligible(b).len() >= 2).collect();
    assert_ne!(ledger.clock(), Clock::None);
    by_age.sort_by_key(|&b| (ledger.basket_times()[b], ledger.basket_keys()[b]));
    let newest: Vec<Vec<usize>> = (0..ledger.n_items() as u32)
        .map(|item| {
            let held: Vec<usize> = by_age.iter().copied().filter(|&b| eligible(b).contains(&ItemId(item))).collect();
            held[held.len().saturating_sub(params.per_item as usize)..].to_vec()
        })
        .collect();
    let kept: Vec<usize> = by_age.into_iter().filter(|b| newest.iter().any(|n| n.contains(b))).collect();
    let mut twin = KeptBaskets { posting_offsets: vec![0], ..KeptBaskets::default() };
    for &basket in &kept {
        twin.baskets.push(eligible(basket));
    }
    for baskets in &newest {
        let number = |b: &usize| kept.iter().position(|k| k == b).unwrap() as u32;
        twin.posting_baskets.extend(baskets.iter().map(number));
        twin.posting_offsets.push(twin.posting_baskets.len() as u32);
    }
    twin
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn fit_equals_its_plain_twin(seed: u64, share in 2u64..6, per_item in 1u32..8, min_item_baskets in 1u32..6) {
        let ledger = shop().filter(|b| mix64(seed ^ b as u64).is_multiple_of(share));
        let item_baskets = count_item_baskets(&ledger);
        let params = BasketParams { per_item, min_item_baskets, ..BasketParams::default() };
        prop_assert_eq!(fit(&ledger, &item_baskets, &params), plain(&ledger, &item_baskets, &params));
    }
}

#[test]
fn a_long_list_keeps_exactly_the_newest() {
    let ledger = shop();
    let item_baskets = count_item_baskets(ledger);
    let params = BasketParams { per_item: 3, ..BasketParams::default() };
    let kept = fit(ledger, &item_baskets, &params);
    let longest = (0..ledger.n_items()).max_by_key(|&i| item_baskets[i]).unwrap();
    assert!(item_baskets[longest] >= 6, "the item is in far more baskets than are kept");
    let range = kept.posting_offsets[longest] as usize..kept.posting_offsets[longest + 1] as usize;
    let postings = &kept.posting_baskets[range];
    assert_eq!(postings.len(), 3);
    let holding: Vec<u32> = (0..kept.baskets.len() as u32)
        .filter(|&b| kept.baskets.get(b as usize).contains(&ItemId(longest as u32)))
        .collect();
    assert_eq!(postings, &holding[holding.len() - 3..], "baskets kept for other items are not its postings");
}

#[test]
fn ranges_are_checked() {
    assert!(BasketParams::default().check().is_ok());
    for (per_item, nearest, name) in [(0, 1, "per_item"), (10_001, 1, "per_item"), (1, 0, "nearest")] {
        let params = BasketParams { per_item, nearest, ..BasketParams::default() };
        assert_eq!(params.check().unwrap_err().name, name);
    }
}
