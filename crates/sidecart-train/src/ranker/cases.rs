use std::collections::BTreeSet;

use sidecart_core::{CustomerId, ItemId, Time, mix64};
use sidecart_data::Ledger;
use sidecart_eval::{HideOneParams, Vocabulary};
use sidecart_serve::ranker::Situation;

use super::params::RankerParams;
use crate::hold_out::{HoldOut, count_item_baskets};

/// A basket with one item hidden.
#[derive(Clone, PartialEq, Debug)]
pub struct RankingCase {
    /// What is in the basket.
    pub basket: Vec<ItemId>,
    /// Who bought it.
    pub customer: Option<CustomerId>,
    /// Where it was bought.
    pub store: Option<u32>,
    /// When it was bought; only what is before may be used.
    pub time: Time,
    /// The item that is hidden.
    pub target: ItemId,
    /// Whether a customer with a past had never bought it; false without a past.
    pub is_new: bool,
    /// Whether the item is none of the bestsellers.
    pub is_tail: bool,
    /// Whether the customer has a past.
    pub knows_customer: bool,
    /// Whose luck the case shares: cases of one customer, or of one anonymous basket, are not
    /// independent.
    pub cluster: u64,
    /// A hash of basket and item, to sample by.
    pub hash: u64,
}

/// Cases of every situation, those to learn from and, newer, those to compare on.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RankingCases {
    /// To learn from.
    pub train: Vec<RankingCase>,
    /// To stop and compare on.
    pub valid: Vec<RankingCase>,
    /// Positions in the ledger of the held-out baskets that no ranker that is compared has learned
    /// from, rising: those from the oldest of `valid` on, and older ones that were too many to learn
    /// from.
    pub unlearned: Vec<usize>,
}

const BASKET_STREAM: u64 = 0x6261_736b_6574;
const TARGET_STREAM: u64 = 0x7261_6e6b_6572;

impl RankingCases {
    /// Hides items of the baskets that were held out: some by hash, and one more that is new to
    /// its customer where there is one.
    ///
    /// Base models have not seen these baskets, so that a source's score means in a case what it
    /// will mean in a query. A basket's cases are all on one side of the newer share.
    #[must_use]
    pub fn new(ledger: &Ledger, split: &HoldOut, min_item_baskets: u32, params: &RankerParams, seed: u64) -> Self {
        let known_items = count_item_baskets(&split.before);
        let vocabulary = Vocabulary::new(&known_items, min_item_baskets, HideOneParams::default().head_items);
        let key = |basket: usize| mix64(mix64(ledger.basket_keys()[basket] as u64) ^ seed ^ BASKET_STREAM);
        let mut held: Vec<usize> = split.baskets.clone();
        held.sort_unstable_by_key(|&basket| (key(basket), basket));
        let mut unlearned = held.split_off(held.len().min(params.max_baskets as usize));
        // Newer baskets last; where there is no time the hash decides.
        held.sort_unstable_by_key(|&basket| (ledger.basket_times()[basket], key(basket), basket));
        let n_train = held.len() - (held.len() as f64 * params.validation_share) as usize;
        let time = |basket: &usize| ledger.basket_times()[*basket];
        let since = held.get(n_train).map_or(Time(i64::MAX), time);
        // At that time itself some are learned from; later none, whether they are cases or not.
        let at_once = held[n_train..].iter().copied().filter(|basket| time(basket) == since);
        let later = split.baskets.iter().copied().filter(|basket| time(basket) > since);
        unlearned.extend(at_once.chain(later));
        unlearned.sort_unstable();
        unlearned.dedup();
        let mut cases = Self { unlearned, ..Self::default() };
        for (at, &basket) in held.iter().enumerate() {
            let known = |item: &&ItemId| known_items[item.index()] >= min_item_baskets;
            let items: Vec<ItemId> = ledger.baskets().get(basket).iter().filter(known).copied().collect();
            if items.len() < 2 {
                continue;
            }
            let time = ledger.basket_times()[basket];
            let customer = ledger.customer_of(basket);
            let owned: BTreeSet<ItemId> = customer
                .into_iter()
                .flat_map(|customer| split.histories[customer.index()].as_of(time))
                .flat_map(|basket| basket.items.iter().copied())
                .collect();
            let hash_of = |item: &ItemId| mix64(key(basket) ^ TARGET_STREAM ^ u64::from(item.0));
            let mut order = items.clone();
            order.sort_unstable_by_key(|item| (hash_of(item), *item));
            let n_hidden = (params.targets_per_basket as usize).min(order.len());
            let is_new = |item: &ItemId| !owned.is_empty() && !owned.contains(item);
            let more = order[n_hidden..].iter().find(|item| is_new(item));
            let hidden = order[..n_hidden].iter().chain(more);
            let side = if at < n_train { &mut cases.train } else { &mut cases.valid };
            side.extend(hidden.map(|&target| RankingCase {
                basket: items.iter().copied().filter(|&item| item != target).collect(),
                customer,
                store: ledger.store_of(basket),
                time,
                target,
                is_new: is_new(&target),
                is_tail: vocabulary.is_tail(target),
                knows_customer: !owned.is_empty(),
                cluster: customer.map_or(key(basket), |customer| u64::from(customer.0)),
                hash: hash_of(&target),
            }));
        }
        cases
    }
}

impl RankingCase {
    /// Whether the case asks a situation's question.
    #[must_use]
    pub fn asks(&self, situation: Situation) -> bool {
        match situation {
            // Every basket can be asked about as if nobody knew the customer.
            Situation::Anonymous => true,
            Situation::CompletionKnown => self.knows_customer,
            Situation::DiscoveryKnown => self.is_new,
        }
    }
}
