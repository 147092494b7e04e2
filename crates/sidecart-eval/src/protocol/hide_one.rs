use serde::{Deserialize, Serialize};
use sidecart_core::{CustomerId, ItemId, Time, mix64};

use super::ProtocolFacts;
use crate::{Case, CaseSet, EvalError, Vocabulary, ranges};

/// Settings of [`hide_one`]; all of them change results.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HideOneParams {
    /// Seed of the hidden items and of the sample. Default 1.
    pub seed: u64,
    /// Training baskets that an item needs to be asked for or shown. Default 5, at least 1.
    pub min_item_baskets: u32,
    /// Most cases; a seeded sample is taken beyond. Default 20,000, at least 1.
    pub max_cases: usize,
    /// Most further cases that hide an item outside the vocabulary, one to a basket. Default 0.
    pub max_cold_cases: usize,
    /// Most items of the head; never more than a tenth of the vocabulary. Default 1,000, at
    /// least 1.
    pub head_items: usize,
}

impl Default for HideOneParams {
    fn default() -> Self {
        Self { seed: 1, min_item_baskets: 5, max_cases: 20_000, max_cold_cases: 0, head_items: 1_000 }
    }
}

impl HideOneParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`EvalError::Parameter`] for the first value out of range.
    pub fn check(&self) -> Result<(), EvalError> {
        let at_least_one = |field, got: usize| (field, got, got >= 1, "1 or more");
        ranges::check([
            at_least_one("min_item_baskets", self.min_item_baskets as usize),
            at_least_one("max_cases", self.max_cases),
            at_least_one("head_items", self.head_items),
        ])
    }
}

/// What the training part says about items and customers.
#[derive(Clone)]
pub struct TrainingFacts<'a> {
    /// Number of training baskets by item; items beyond its end have none.
    pub item_baskets: &'a [u32],
    /// Number of training baskets.
    pub n_baskets: usize,
    /// Whether a customer bought an item in the training part.
    pub bought: &'a dyn Fn(CustomerId, ItemId) -> bool,
    /// Whether a customer has a basket in the training part.
    pub has_past: &'a dyn Fn(CustomerId) -> bool,
    /// First time of the test part in readable form, for the report.
    pub split_time: Option<String>,
    /// Fingerprint of the training data; rankers trained on other data are refused.
    pub fingerprint: Option<String>,
}

/// A basket of the test part.
#[derive(Clone, Copy, Debug)]
pub struct TestBasket<'a> {
    /// Key of the basket, unique and independent of its place in any file.
    pub key: u128,
    /// Who bought it; `None` for an anonymous basket.
    pub customer: Option<CustomerId>,
    /// When it was bought.
    pub time: Time,
    /// Its items in any order.
    pub items: &'a [ItemId],
    /// Index of the customer's segment.
    pub segment: Option<u16>,
    /// Number of the store.
    pub store: Option<u32>,
}

const TARGET_STREAM: u64 = 0x7461_7267_6574;
const SAMPLE_STREAM: u64 = 0x7361_6d70_6c65;
const COLD_STREAM: u64 = 0x636f_6c64;

/// Hides one item of every test basket and keeps the rest as the question.
///
/// Only items of the [`Vocabulary`] are hidden or shown; a basket with fewer than two of them is
/// skipped and counted. The hidden item is the one with the smallest hash of seed, basket key and
/// item, so neither the order of the baskets nor other baskets change the choice. Beyond
/// `max_cases` the baskets with the smallest hash stay. Baskets with an item of the vocabulary and
/// one outside it give up to `max_cold_cases` further cases, with the latter hidden. A case is *new* when its customer is
/// known and bought the hidden item neither in training nor in a test basket strictly before;
/// every test basket counts as past, sampled or not.
///
/// Takes O(n log n) for n lines of test baskets.
///
/// # Errors
/// [`EvalError::Parameter`] and [`EvalError::DuplicateBasket`].
pub fn hide_one(
    params: &HideOneParams,
    training: &TrainingFacts<'_>,
    test: &[TestBasket<'_>],
) -> Result<CaseSet, EvalError> {
    params.check()?;
    check_keys(test)?;
    let vocabulary = Vocabulary::new(training.item_baskets, params.min_item_baskets, params.head_items);

    let mut n_unknown_lines = 0;
    let mut eligible = Vec::new();
    let mut known = Vec::new();
    for (basket_idx, basket) in test.iter().enumerate() {
        known_items(basket, &vocabulary, &mut known);
        n_unknown_lines += distinct(basket.items).len() - known.len();
        if known.len() >= 2 {
            eligible.push((basket_hash(params.seed, SAMPLE_STREAM, basket.key), basket.key, basket_idx));
        }
    }
    let n_skipped_baskets = test.len() - eligible.len();
    let n_unsampled_baskets = eligible.len().saturating_sub(params.max_cases);
    if n_unsampled_baskets > 0 {
        eligible.select_nth_unstable(params.max_cases);
        eligible.truncate(params.max_cases);
    }
    eligible.sort_unstable_by_key(|&(_, key, basket_idx)| (test[basket_idx].time, key));

    let past = Past { training, first_bought: FirstBought::of(test), first_basket: first_baskets(test) };
    let mut cases = Vec::with_capacity(eligible.len());
    for (query_id, &(_, key, basket_idx)) in (0..).zip(&eligible) {
        let basket = &test[basket_idx];
        known_items(basket, &vocabulary, &mut known);
        let hash = basket_hash(params.seed, TARGET_STREAM, key);
        let target = known
            .iter()
            .copied()
            .min_by_key(|item| (mix64(hash ^ u64::from(item.0)), *item))
            .expect("an eligible basket has two known items");
        let shown = known.iter().copied().filter(|&item| item != target).collect();
        cases.push(Case { is_tail: vocabulary.is_tail(target), ..past.case(query_id, basket, shown, target) });
    }
    let cold = cold_targets(params, &vocabulary, test);
    let n_cold_cases = cold.len();
    for (query_id, (basket_idx, target)) in (cases.len() as i64..).zip(cold) {
        let basket = &test[basket_idx];
        known_items(basket, &vocabulary, &mut known);
        cases.push(Case { is_cold_item: true, ..past.case(query_id, basket, known.clone(), target) });
    }

    let n_cases = cases.len() - n_cold_cases;
    let mut customers: Vec<CustomerId> = cases[..n_cases].iter().filter_map(|case| case.customer).collect();
    let n_anonymous_cases = n_cases - customers.len();
    customers.sort_unstable();
    customers.dedup();
    let facts = ProtocolFacts {
        protocol: "hide-one".into(),
        seed: params.seed,
        split_time: training.split_time.clone(),
        data_fingerprint: training.fingerprint.clone(),
        min_item_baskets: params.min_item_baskets,
        n_training_baskets: training.n_baskets,
        n_vocabulary: vocabulary.len(),
        n_head: vocabulary.n_head(),
        n_test_baskets: test.len(),
        n_skipped_baskets,
        n_unsampled_baskets,
        n_unknown_lines,
        n_cases,
        n_cold_cases,
        n_anonymous_cases,
        n_customers: customers.len(),
    };
    Ok(CaseSet { cases, vocabulary, facts })
}

/// What is known of customers at the time of a basket.
struct Past<'a> {
    training: &'a TrainingFacts<'a>,
    first_bought: FirstBought,
    first_basket: Vec<(CustomerId, Time)>,
}

impl Past<'_> {
    fn case(&self, query_id: i64, basket: &TestBasket<'_>, shown: Vec<ItemId>, target: ItemId) -> Case {
        let is_new = basket.customer.is_some_and(|customer| {
            !(self.training.bought)(customer, target) && !self.first_bought.is_before(customer, target, basket.time)
        });
        let is_first_basket = basket.customer.is_some_and(|customer| {
            let at = self.first_basket.binary_search_by_key(&customer, |first| first.0);
            !(self.training.has_past)(customer) && at.is_ok_and(|at| self.first_basket[at].1 >= basket.time)
        });
        Case {
            query_id,
            customer: basket.customer,
            basket: shown,
            target,
            time: basket.time,
            is_new,
            is_first_basket,
            is_cold_item: false,
            is_tail: false,
            segment: basket.segment,
            store: basket.store,
        }
    }
}

/// Every customer's first time in the test part, by rising customer.
fn first_baskets(test: &[TestBasket<'_>]) -> Vec<(CustomerId, Time)> {
    let mut first: Vec<(CustomerId, Time)> =
        test.iter().filter_map(|basket| basket.customer.map(|customer| (customer, basket.time))).collect();
    first.sort_unstable();
    first.dedup_by_key(|basket| basket.0);
    first
}

/// Baskets with an item outside the vocabulary beside one inside, each with one such item, by time.
fn cold_targets(params: &HideOneParams, vocabulary: &Vocabulary, test: &[TestBasket<'_>]) -> Vec<(usize, ItemId)> {
    let mut found: Vec<(u64, u128, usize, ItemId)> = Vec::new();
    for (basket_idx, basket) in test.iter().enumerate() {
        let hash = basket_hash(params.seed, COLD_STREAM, basket.key);
        let unknown = basket.items.iter().copied().filter(|&item| !vocabulary.contains(item));
        let target = unknown.min_by_key(|item| (mix64(hash ^ u64::from(item.0)), *item));
        if basket.items.iter().any(|&item| vocabulary.contains(item)) {
            found.extend(target.map(|target| (hash, basket.key, basket_idx, target)));
        }
    }
    found.sort_unstable();
    found.truncate(params.max_cold_cases);
    found.sort_unstable_by_key(|&(_, key, basket_idx, _)| (test[basket_idx].time, key));
    found.into_iter().map(|(_, _, basket_idx, target)| (basket_idx, target)).collect()
}

fn check_keys(test: &[TestBasket<'_>]) -> Result<(), EvalError> {
    let mut keys: Vec<u128> = test.iter().map(|basket| basket.key).collect();
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(EvalError::DuplicateBasket { key: pair[0] }),
        None => Ok(()),
    }
}

fn basket_hash(seed: u64, stream: u64, key: u128) -> u64 {
    mix64(mix64(mix64(seed ^ stream) ^ key as u64) ^ (key >> 64) as u64)
}

fn distinct(items: &[ItemId]) -> Vec<ItemId> {
    let mut items = items.to_vec();
    items.sort_unstable();
    items.dedup();
    items
}

/// The basket's items that are in the vocabulary, each once, in rising id.
fn known_items(basket: &TestBasket<'_>, vocabulary: &Vocabulary, known: &mut Vec<ItemId>) {
    known.clear();
    known.extend(basket.items.iter().copied().filter(|&item| vocabulary.contains(item)));
    known.sort_unstable();
    known.dedup();
}

/// When each customer first bought each item within the test part.
struct FirstBought(Vec<(CustomerId, ItemId, Time)>);

impl FirstBought {
    fn of(test: &[TestBasket<'_>]) -> Self {
        let mut lines: Vec<_> = test
            .iter()
            .filter_map(|basket| basket.customer.map(|customer| (customer, basket)))
            .flat_map(|(customer, basket)| basket.items.iter().map(move |&item| (customer, item, basket.time)))
            .collect();
        lines.sort_unstable();
        lines.dedup_by_key(|line| (line.0, line.1));
        Self(lines)
    }

    fn is_before(&self, customer: CustomerId, item: ItemId, time: Time) -> bool {
        let at = self.0.partition_point(|line| (line.0, line.1) < (customer, item));
        self.0.get(at).is_some_and(|line| (line.0, line.1) == (customer, item) && line.2 < time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEVER: &dyn Fn(CustomerId, ItemId) -> bool = &|_, _| false;

    fn training<'a>(item_baskets: &'a [u32], bought: &'a dyn Fn(CustomerId, ItemId) -> bool) -> TrainingFacts<'a> {
        TrainingFacts {
            item_baskets,
            n_baskets: 10,
            bought,
            has_past: &|customer| customer == CustomerId(1),
            split_time: None,
            fingerprint: None,
        }
    }

    fn ids(items: &[u32]) -> Vec<ItemId> {
        items.iter().copied().map(ItemId).collect()
    }

    #[test]
    fn counts_skipped_baskets_and_unknown_items() {
        let params = HideOneParams { min_item_baskets: 2, ..HideOneParams::default() };
        // Items 0 to 2 are known; item 3 is too rare, item 9 was never seen.
        let rows = [ids(&[0, 1]), ids(&[0, 3]), ids(&[9, 3]), ids(&[1, 1]), ids(&[2, 3, 0])];
        let test: Vec<_> = (0..)
            .zip(&rows)
            .map(|(key, items)| TestBasket { key, customer: None, time: Time(0), items, segment: None, store: None })
            .collect();
        let set = hide_one(&params, &training(&[5, 4, 2, 1], NEVER), &test).unwrap();
        assert_eq!(set.facts.n_cases, 2);
        assert_eq!(set.facts.n_skipped_baskets, 3);
        assert_eq!(set.facts.n_unsampled_baskets, 0);
        assert_eq!(set.facts.n_unknown_lines, 4);
        assert_eq!((set.facts.n_anonymous_cases, set.facts.n_customers), (2, 0));
        for (case, expected) in set.cases.iter().zip([[0, 1], [0, 2]]) {
            let mut all = case.basket.clone();
            all.push(case.target);
            all.sort_unstable();
            assert_eq!(all, ids(&expected));
            assert!(!case.is_new, "nobody knows what an anonymous customer bought before");
        }
    }

    #[test]
    fn new_means_neither_in_training_nor_in_an_earlier_test_basket() {
        let items = ids(&[0, 1]);
        let basket = |key, customer, time| TestBasket {
            key,
            customer: Some(CustomerId(customer)),
            time: Time(time),
            items: &items,
            segment: None,
            store: None,
        };
        // Customer 0 buys the pair at 5 and 6 and twice at 5; customer 1 knows both from training.
        let test = [basket(1, 0, 5), basket(2, 0, 6), basket(3, 0, 5), basket(4, 1, 1)];
        let set =
            hide_one(&HideOneParams::default(), &training(&[9, 9], &|customer, _| customer == CustomerId(1)), &test)
                .unwrap();
        let found: Vec<_> = set.cases.iter().map(|c| (c.customer.unwrap().0, c.time.0, c.is_new)).collect();
        assert_eq!(found, [(1, 1, false), (0, 5, true), (0, 5, true), (0, 6, false)]);
    }

    #[test]
    fn cold_starts_are_told_apart() {
        let (known, cold) = (ids(&[0, 1]), ids(&[3, 0, 4]));
        let basket = |key, customer: Option<u32>, time, items| TestBasket {
            key,
            customer: customer.map(CustomerId),
            time: Time(time),
            items,
            segment: None,
            store: None,
        };
        // Customer 1 has a past; customer 0 begins at 4, customer 2 at 6 with two baskets at once.
        let test = [
            basket(1, Some(1), 3, &known[..]),
            basket(2, Some(0), 4, &known[..]),
            basket(3, Some(0), 5, &known[..]),
            basket(4, Some(2), 6, &known[..]),
            basket(5, Some(2), 6, &known[..]),
            basket(6, None, 7, &known[..]),
            basket(7, Some(0), 8, &cold[..]),
            basket(8, Some(3), 9, &cold[..]),
        ];
        let params = HideOneParams { max_cold_cases: 10, ..HideOneParams::default() };
        let set = hide_one(&params, &training(&[9, 9, 9, 4, 0], NEVER), &test).unwrap();
        let first: Vec<_> = set.cases.iter().filter(|case| case.is_first_basket).map(|case| case.time.0).collect();
        assert_eq!(first, [4, 6, 6, 9]);
        let of_cold: Vec<_> = set.cases.iter().filter(|case| case.is_cold_item).collect();
        assert_eq!((of_cold.len(), set.facts.n_cases, set.facts.n_cold_cases), (2, 6, 2));
        for case in &of_cold {
            assert_eq!(case.basket, ids(&[0]));
            assert!([3, 4].contains(&case.target.0) && case.is_new && !case.is_tail);
        }
        let without = hide_one(&HideOneParams::default(), &training(&[9, 9, 9, 4, 0], NEVER), &test).unwrap();
        assert_eq!(without.cases[..], set.cases[..6]);
        let few = HideOneParams { max_cold_cases: 1, ..params };
        assert_eq!(hide_one(&few, &training(&[9, 9, 9, 4, 0], NEVER), &test).unwrap().facts.n_cold_cases, 1);
    }

    #[test]
    fn equal_keys_and_zero_settings_are_refused() {
        let items = ids(&[0, 1]);
        let basket = TestBasket { key: 7, customer: None, time: Time(0), items: &items, segment: None, store: None };
        let refused = hide_one(&HideOneParams::default(), &training(&[9, 9], NEVER), &[basket, basket]);
        assert!(matches!(refused, Err(EvalError::DuplicateBasket { key: 7 })));
        let params = HideOneParams { max_cases: 0, ..HideOneParams::default() };
        let message = hide_one(&params, &training(&[9, 9], NEVER), &[basket]).unwrap_err().to_string();
        assert_eq!(message, "max_cases is 0, expected 1 or more");
    }

    #[test]
    fn every_item_of_a_basket_is_hidden_about_as_often() {
        let items = ids(&[0, 1, 2, 3]);
        let test: Vec<_> = (0..4000u128)
            .map(|key| TestBasket { key, customer: None, time: Time(0), items: &items, segment: None, store: None })
            .collect();
        let set = hide_one(&HideOneParams::default(), &training(&[9; 4], NEVER), &test).unwrap();
        for item in items {
            let n = set.cases.iter().filter(|c| c.target == item).count();
            assert!((900..1100).contains(&n), "{item:?} was hidden {n} times of 4000");
        }
    }

    proptest! {
        #[test]
        fn neither_row_order_nor_other_baskets_change_a_case(
            rows in proptest::collection::vec((0u32..4, 0i64..6, proptest::collection::vec(0u32..9, 0..6)), 0..30),
            max_cases in 1usize..30,
        ) {
            let rows: Vec<_> = rows.into_iter().map(|(c, t, items)| (c, t, ids(&items))).collect();
            let baskets: Vec<_> = (0..).zip(&rows).map(|(key, (customer, time, items))| TestBasket {
                key: mix64(key).into(), customer: (*customer > 0).then_some(CustomerId(*customer)),
                time: Time(*time), items, segment: None, store: None,
            }).collect();
            let facts = training(&[9, 8, 7, 6, 5, 5, 5, 1], NEVER);
            let all = hide_one(&HideOneParams::default(), &facts, &baskets).unwrap();
            let params = HideOneParams { max_cases, ..HideOneParams::default() };
            let some = hide_one(&params, &facts, &baskets).unwrap();
            let reversed: Vec<_> = baskets.iter().rev().copied().collect();
            let again = hide_one(&params, &facts, &reversed).unwrap();
            prop_assert_eq!(&some.cases, &again.cases);
            prop_assert_eq!(&some.facts, &again.facts);
            prop_assert_eq!(some.cases.len(), max_cases.min(all.cases.len()));
            let f = &some.facts;
            prop_assert_eq!(f.n_test_baskets, f.n_cases + f.n_skipped_baskets + f.n_unsampled_baskets);
            for case in &some.cases {
                let same = |c: &&Case| Case { query_id: case.query_id, ..(*c).clone() } == *case;
                prop_assert!(all.cases.iter().any(|c| same(&c)));
                prop_assert!(!case.basket.is_empty() && !case.basket.contains(&case.target));
            }
        }
    }
}
