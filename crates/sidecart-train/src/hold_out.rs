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
    /// The past of every customer over the whole ledger; only what is before a case may be used.
    pub histories: Vec<History>,
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
        })
        .collect();
    let bought = |customer: CustomerId, item: ItemId| owned.contains(customer, item);
    let facts = TrainingFacts {
        item_baskets: &item_baskets,
        n_baskets: before.n_baskets(),
        bought: &bought,
        split_time,
        fingerprint: Some(before.fingerprint()),
    };
    let cases = hide_one(&spec.hide, &facts, &test)?;
    Ok(Some(HoldOut { cases, histories: customer_histories(ledger), before }))
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
            histories[customer.index()].push(ledger.basket_times()[basket], ledger.baskets().get(basket));
        }
    }
    histories
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

    /// Whether a customer has bought an item.
    #[must_use]
    pub fn contains(&self, customer: CustomerId, item: ItemId) -> bool {
        let range = self.offsets[customer.index()]..self.offsets[customer.index() + 1];
        self.items[range].binary_search(&item).is_ok()
    }
}
