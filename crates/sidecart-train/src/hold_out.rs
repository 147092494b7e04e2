//! Cutting a history for tuning and evaluation.

use sidecart_core::{Clock, CustomerId, History, ItemId, Time, mix64};
use sidecart_data::Ledger;
use sidecart_eval::{CaseSet, HideOneParams, TestBasket, TrainingFacts, hide_one};

use crate::error::Result;

/// A history cut for measuring: models learn from `before`, items are hidden in `cases`.
pub struct HoldOut {
    /// What models may learn from; over the ids of the whole.
    pub before: Ledger,
    /// Hidden items of the baskets after.
    pub cases: CaseSet,
    /// The past of every customer as a service knows it: what an artifact of `before` stores, then
    /// every basket held out. Only what is before a case may be used.
    pub histories: Vec<History>,
    /// Positions of the baskets held out in the whole.
    pub baskets: Vec<usize>,
}

/// Which baskets are held out and how items are hidden in them.
#[derive(Clone, Debug)]
pub struct HoldOutSpec {
    /// Hold out everything from this time on; none = the newest `share`.
    pub from: Option<Time>,
    /// Share of the baskets held out.
    pub share: f64,
    /// How items are hidden.
    pub hide: HideOneParams,
    /// Newest baskets that an artifact stores for each customer.
    pub baskets_per_customer: usize,
}

/// Salt of the hash that chooses baskets where there is no time.
const NO_TIME_SALT: u64 = 0x5ba5_4e70;

/// Cuts off the newest baskets (a hashed share where there is no time) and hides one item in each.
/// `None` when all baskets have one time, so that no cut separates them.
///
/// # Errors
/// [`Error::Eval`](crate::Error::Eval) when cases cannot be made.
pub fn hold_out(
    ledger: &Ledger,
    spec: &HoldOutSpec,
    segment_of: &dyn Fn(CustomerId) -> Option<u16>,
) -> Result<Option<HoldOut>> {
    let mut split_time = None;
    let held: Box<dyn Fn(usize) -> bool> = match (spec.from, ledger.clock()) {
        (None, Clock::None) => {
            let limit = (spec.share * u64::MAX as f64) as u64;
            let salt = spec.hide.seed ^ NO_TIME_SALT;
            Box::new(move |b| mix64(mix64(ledger.basket_keys()[b] as u64) ^ salt) < limit)
        }
        (from, _) => {
            let Some(at) = from.or_else(|| ledger.time_of_last(spec.share)) else { return Ok(None) };
            split_time = Some(ledger.clock().show(at));
            Box::new(move |b| ledger.basket_times()[b] >= at)
        }
    };
    let before = ledger.filter(|b| !held(b));
    let item_baskets = count_item_baskets(&before);
    let owned = OwnedItems::new(&before);
    let test: Vec<TestBasket<'_>> = (0..ledger.n_baskets())
        .filter(|&b| held(b))
        .map(|b| TestBasket {
            key: ledger.basket_keys()[b],
            customer: ledger.customer_of(b),
            time: ledger.basket_times()[b],
            items: ledger.baskets().get(b),
            segment: ledger.customer_of(b).and_then(segment_of),
            store: ledger.store_of(b),
        })
        .collect();
    let bought = |customer: CustomerId, item: ItemId| owned.contains(customer, item);
    let has_past = |customer: CustomerId| owned.has_any(customer);
    let facts = TrainingFacts {
        has_past: &has_past,
        item_baskets: &item_baskets,
        n_baskets: before.n_baskets(),
        bought: &bought,
        split_time,
        fingerprint: Some(before.fingerprint()),
    };
    let cases = hide_one(&spec.hide, &facts, &test)?;
    let mut histories: Vec<History> =
        customer_histories(&before).iter().map(|history| stored_history(history, spec.baskets_per_customer)).collect();
    for basket in (0..ledger.n_baskets()).filter(|&b| held(b)) {
        if let Some(customer) = ledger.customer_of(basket) {
            histories[customer.index()].push_lines(ledger.basket_times()[basket], paid_lines(ledger, basket));
        }
    }
    let baskets = (0..ledger.n_baskets()).filter(|&b| held(b)).collect();
    Ok(Some(HoldOut { cases, histories, before, baskets }))
}

/// Number of baskets of every item.
#[must_use]
pub fn count_item_baskets(ledger: &Ledger) -> Vec<u32> {
    let mut counts = vec![0u32; ledger.n_items()];
    for item in ledger.baskets().items() {
        counts[item.index()] += 1;
    }
    counts
}

/// Number of distinct customers of every item; an anonymous basket is a customer of its own.
#[must_use]
pub fn count_item_customers(ledger: &Ledger) -> Vec<u32> {
    let mut counts = vec![0u32; ledger.n_items()];
    let mut last = vec![u32::MAX; ledger.n_items()];
    for (number, run) in ledger.customer_runs().enumerate() {
        for basket in run {
            for item in ledger.baskets().get(basket) {
                if last[item.index()] != number as u32 {
                    last[item.index()] = number as u32;
                    counts[item.index()] += 1;
                }
            }
        }
    }
    counts
}

/// The past of every customer, by [`CustomerId`].
#[must_use]
pub fn customer_histories(ledger: &Ledger) -> Vec<History> {
    let mut histories = vec![History::default(); ledger.customers().len()];
    for basket in 0..ledger.n_baskets() {
        if let Some(customer) = ledger.customer_of(basket) {
            histories[customer.index()].push_lines(ledger.basket_times()[basket], paid_lines(ledger, basket));
        }
    }
    histories
}

/// The items of a basket with what was paid for each, 0 where unknown.
pub(crate) fn paid_lines(ledger: &Ledger, basket: usize) -> impl ExactSizeIterator<Item = (ItemId, f32)> + '_ {
    let n_lines = ledger.baskets().get(basket).len();
    let mut lines = ledger.lines(basket);
    (0..n_lines).map(move |_| {
        let line = lines.next().expect("a basket has as many lines as items");
        (line.item, line.paid.map_or(0.0, |paid| paid.to_f64() as f32))
    })
}

/// What an artifact stores of a customer's past: the `keep` newest baskets and, united into one at
/// the time of the newest of them, what else the older ones held, so that everything ever bought
/// stays known. Nothing for `keep == 0`. O(lines log lines).
#[must_use]
pub fn stored_history(history: &History, keep: usize) -> History {
    let n_older = history.len().saturating_sub(keep);
    if n_older == 0 {
        return history.clone();
    }
    let mut stored = History::default();
    if keep == 0 {
        return stored;
    }
    let items_of = |positions: std::ops::Range<usize>| -> Vec<ItemId> {
        let mut items: Vec<ItemId> = positions.flat_map(|at| history.get(at).items).copied().collect();
        items.sort_unstable();
        items.dedup();
        items
    };
    let newer = items_of(n_older..history.len());
    let mut older = items_of(0..n_older);
    older.retain(|item| newer.binary_search(item).is_err());
    if !older.is_empty() {
        stored.push(history.get(n_older - 1).time, &older);
    }
    for at in n_older..history.len() {
        stored.push_basket(history.get(at));
    }
    stored
}

/// Which items each customer has bought.
pub struct OwnedItems {
    offsets: Vec<usize>,
    items: Vec<ItemId>,
}

impl OwnedItems {
    /// Collects the distinct items of every customer.
    #[must_use]
    pub fn new(ledger: &Ledger) -> Self {
        let mut by_customer: Vec<Vec<ItemId>> = vec![Vec::new(); ledger.customers().len()];
        for basket in 0..ledger.n_baskets() {
            if let Some(customer) = ledger.customer_of(basket) {
                by_customer[customer.index()].extend_from_slice(ledger.baskets().get(basket));
            }
        }
        let mut owned = Self { offsets: vec![0], items: Vec::new() };
        for mut items in by_customer {
            items.sort_unstable();
            items.dedup();
            owned.items.extend(items);
            owned.offsets.push(owned.items.len());
        }
        owned
    }

    /// Whether a customer has bought anything.
    #[must_use]
    pub fn has_any(&self, customer: CustomerId) -> bool {
        self.offsets[customer.index()] < self.offsets[customer.index() + 1]
    }

    /// Whether a customer has bought an item.
    #[must_use]
    pub fn contains(&self, customer: CustomerId, item: ItemId) -> bool {
        let range = self.offsets[customer.index()]..self.offsets[customer.index() + 1];
        self.items[range].binary_search(&item).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sidecart_core::NoProgress;
    use sidecart_data::config::{Paths, PurchasesConfig};
    use sidecart_data::demo::{DemoParams, DemoShop};

    fn shop() -> Ledger {
        let folder = tempfile::tempdir().unwrap();
        let params = DemoParams { n_customers: 80, n_weeks: 10, ..DemoParams::default() };
        DemoShop::generate(&params).write_to(folder.path()).unwrap();
        let path = Paths::One(folder.path().join("purchases.parquet"));
        let config = PurchasesConfig { path, ..PurchasesConfig::default() };
        sidecart_data::read_purchases(&config, Default::default(), &NoProgress).unwrap().0
    }

    fn spec(share: f64) -> HoldOutSpec {
        HoldOutSpec { from: None, share, hide: HideOneParams::default(), baskets_per_customer: 5 }
    }

    #[test]
    fn the_training_part_is_strictly_before_every_case() {
        let ledger = shop();
        let split = hold_out(&ledger, &spec(0.2), &|_| None).unwrap().unwrap();
        let last = split.before.last_time().unwrap();
        assert!(!split.cases.cases.is_empty() && split.before.n_baskets() > 0);
        assert!(split.cases.cases.iter().all(|case| case.time > last));
        assert_eq!(split.cases.facts.n_test_baskets + split.before.n_baskets(), ledger.n_baskets());
        assert_eq!(split.cases.facts.data_fingerprint.as_deref(), Some(split.before.fingerprint().as_str()));
    }

    #[test]
    fn a_past_is_what_is_stored_and_what_came_since() {
        let ledger = shop();
        let split = hold_out(&ledger, &spec(0.2), &|_| None).unwrap().unwrap();
        let (whole, before) = (customer_histories(&ledger), customer_histories(&split.before));
        let mut n_cut = 0;
        for ((known, whole), before) in split.histories.iter().zip(&whole).zip(&before) {
            let stored = stored_history(before, 5);
            n_cut += usize::from(stored.len() < before.len());
            assert_eq!(known.len(), stored.len() + whole.len() - before.len());
            for at in 0..known.len() {
                let newer = known.len() - 1 - at;
                let same = newer < 5 + whole.len() - before.len();
                assert!(!same || known.get(at) == whole.get(whole.len() - 1 - newer), "the newest stand as they were");
            }
        }
        assert!(n_cut > 0, "some customer has more than five baskets");
    }

    #[test]
    fn item_customers_count_each_customer_once() {
        let ledger = shop();
        let counts = count_item_customers(&ledger);
        for item in 0..ledger.n_items() as u32 {
            let holds = |b: &usize| ledger.baskets().get(*b).contains(&ItemId(item));
            let mut buyers: Vec<_> =
                (0..ledger.n_baskets()).filter(holds).map(|b| ledger.customer_of(b).ok_or(b)).collect();
            buyers.sort_unstable();
            buyers.dedup();
            assert_eq!(counts[item as usize] as usize, buyers.len());
        }
    }

    proptest! {
        #[test]
        fn everything_ever_bought_stays_known(
            baskets in proptest::collection::vec(proptest::collection::btree_set(0u32..12, 0..4), 0..12),
            keep in 0usize..14,
        ) {
            let mut history = History::default();
            for (time, items) in (0..).zip(&baskets) {
                let items: Vec<ItemId> = items.iter().map(|&i| ItemId(i)).collect();
                history.push(Time(time), &items);
            }
            let stored = stored_history(&history, keep);
            let bought = |h: &History| -> std::collections::BTreeSet<ItemId> {
                h.as_of(Time(i64::MAX)).flat_map(|b| b.items.to_vec()).collect()
            };
            if keep == 0 && !history.is_empty() {
                prop_assert!(stored.is_empty());
            } else {
                prop_assert_eq!(bought(&stored), bought(&history));
                prop_assert!(stored.len() <= keep.saturating_add(1));
            }
            let n = keep.min(history.len());
            for newer in 0..n {
                prop_assert_eq!(stored.get(stored.len() - 1 - newer), history.get(history.len() - 1 - newer));
            }
        }
    }
}
