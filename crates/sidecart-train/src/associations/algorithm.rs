use sidecart_core::ItemId;

use crate::counting::{CappedBaskets, Columns, CountingError, CustomerCount, PairCounter};

use super::AssociationParams;
use super::null_model::NullModel;
use super::poisson::upper_tail;

/// The customer number of an anonymous basket.
const ANONYMOUS: u32 = u32::MAX;

/// One item that is bought together with another more often than chance explains.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Association {
    /// The other item.
    pub item: ItemId,
    /// Customers with both in one basket.
    pub n_customers: u32,
    /// Baskets with both.
    pub n_baskets: u32,
    /// `n_customers` over the number that popularity and basket sizes explain.
    pub lift: f32,
    /// A lift that is exceeded with 95 % confidence; the order of an item's associations.
    pub strength: f32,
    /// Probability of at least `n_customers` by chance.
    pub p_value: f64,
    /// The false discovery rate at which the pair is just shown.
    pub q_value: f64,
}

/// The associations of every item, as compressed sparse rows.
#[derive(Clone, PartialEq, Debug)]
pub struct Associations {
    /// Where each item's associations begin; one value more than there are items.
    pub offsets: Vec<u64>,
    /// Associations by falling strength, then rising id.
    pub entries: Vec<Association>,
    /// Pairs among which chance could have produced one: all pairs of tested items.
    pub n_tested: u64,
    /// Pairs that passed, before the cut per item.
    pub n_significant: u64,
}

impl Associations {
    /// The associations of one item, strongest first.
    #[must_use]
    pub fn get(&self, item: ItemId) -> &[Association] {
        &self.entries[self.offsets[item.index()] as usize..self.offsets[item.index() + 1] as usize]
    }
}

/// A pair with a small p-value.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    items: [ItemId; 2],
    n_customers: u32,
    n_baskets: u32,
    expected: f64,
    p_value: f64,
}

/// Finds the pairs that may be shown as bought together.
///
/// `customer_of` names the customer of every basket (`u32::MAX` = anonymous, a customer of their
/// own); the baskets of one customer must stand together. The items may as well be categories.
///
/// Support is counted in customers, so one customer's repeated favourites are one observation.
/// The observed number of customers with both items in one basket is compared with the number
/// expected when items fall into baskets by popularity and basket size alone; the p-value is the
/// upper Poisson tail, which is an upper bound for a sum of independent, unequal chances
/// (Hoeffding 1956). The Benjamini-Hochberg procedure (1995) then bounds the share of chance
/// pairs over *all* pairs of tested items, pairs never seen included. Pairs below `min_customers`
/// or `min_lift` count as tested and failed.
///
/// What the test cannot tell from an association: two items that are popular in the same season,
/// store or group of customers. Test such parts of the history on their own.
///
/// Memory is 12 bytes per line, 16 bytes per item and thread, and 40 bytes per pair whose p-value
/// is below the false discovery rate. The result is the same at any number of threads.
///
/// # Errors
/// [`CountingError::Parameter`] for a setting outside its range, [`CountingError::LabelCount`]
/// unless `customer_of` has one value per basket, [`CountingError::TooManyLines`].
pub fn find(
    baskets: &CappedBaskets<'_>,
    customer_of: &[u32],
    params: &AssociationParams,
) -> Result<Associations, CountingError> {
    params.check()?;
    let n_items = baskets.n_items();
    let customers = customer_labels(customer_of);
    let counter =
        PairCounter::new(baskets.baskets(), &customers, n_items, Columns::MoreFrequent, params.min_item_customers)?;
    let item_customers = customers_per_item(baskets, &customers);
    let is_tested = |item: ItemId| item_customers[item.index()] >= params.min_item_customers;
    let n = item_customers.iter().filter(|&&n| n >= params.min_item_customers).count() as u64;
    let n_tested = n * n.saturating_sub(1) / 2;

    let null_model = NullModel::new(baskets.baskets(), &customers, counter.item_baskets());
    let blocks = counter.fold::<CustomerCount, _, _>(
        Vec::new,
        |candidates, row| {
            let (owner, items) = (row.owner, counter.items());
            row.drain(|rank, count| {
                let other = items[rank as usize];
                if count.n_customers >= params.min_customers && is_tested(owner) && is_tested(other) {
                    candidates.extend(candidate(&null_model, [owner, other], count, params));
                }
            });
        },
        |candidates| candidates,
    );
    let shown = benjamini_hochberg(blocks.concat(), n_tested, params.false_discovery_rate);
    Ok(rows(&shown, n_items, n_tested, params.per_item as usize))
}

/// Numbers customers from 1 in the order of their baskets.
fn customer_labels(customer_of: &[u32]) -> Vec<u32> {
    let mut label = 0;
    let mut last = None;
    customer_of
        .iter()
        .map(|&customer| {
            label += u32::from(customer == ANONYMOUS || last != Some(customer));
            last = Some(customer);
            label
        })
        .collect()
}

fn customers_per_item(baskets: &CappedBaskets<'_>, customers: &[u32]) -> Vec<u32> {
    let mut counts = vec![(0u32, 0u32); baskets.n_items()];
    for (basket, &customer) in baskets.baskets().iter().zip(customers) {
        for item in basket {
            let (last, n) = &mut counts[item.index()];
            *n += u32::from(*last != customer);
            *last = customer;
        }
    }
    counts.into_iter().map(|(_, n)| n).collect()
}

/// The pair if it has a chance to pass: the procedure rejects no p-value above the rate.
fn candidate(
    null_model: &NullModel,
    items: [ItemId; 2],
    count: CustomerCount,
    params: &AssociationParams,
) -> Option<Candidate> {
    let CustomerCount { n_customers, n_baskets, .. } = count;
    let fails = |expected: f64| {
        f64::from(n_customers) < params.min_lift * expected
            || upper_tail(n_customers, expected) > params.false_discovery_rate
    };
    let expected = null_model.expected_customers(items[0].index(), items[1].index(), fails);
    if fails(expected) {
        return None;
    }
    let p_value = upper_tail(n_customers, expected);
    Some(Candidate { items, n_customers, n_baskets, expected, p_value })
}

/// The pairs that pass with their q-values.
fn benjamini_hochberg(mut candidates: Vec<Candidate>, n_tested: u64, rate: f64) -> Vec<(Candidate, f64)> {
    candidates.sort_unstable_by(|a, b| a.p_value.total_cmp(&b.p_value).then(a.items.cmp(&b.items)));
    let mut shown = Vec::new();
    let mut q_value = 1.0f64;
    for (index, candidate) in candidates.iter().enumerate().rev() {
        q_value = q_value.min(candidate.p_value * n_tested as f64 / (index + 1) as f64);
        if q_value <= rate {
            shown.push((*candidate, q_value));
        }
    }
    shown
}

/// Lists every pair under both of its items.
fn rows(shown: &[(Candidate, f64)], n_items: usize, n_tested: u64, per_item: usize) -> Associations {
    let mut listed: Vec<(ItemId, Association)> = Vec::with_capacity(2 * shown.len());
    for &(candidate, q_value) in shown {
        let observed = f64::from(candidate.n_customers);
        for (item, other) in [(0, 1), (1, 0)] {
            listed.push((
                candidate.items[item],
                Association {
                    item: candidate.items[other],
                    n_customers: candidate.n_customers,
                    n_baskets: candidate.n_baskets,
                    lift: (observed / candidate.expected) as f32,
                    strength: (lower_limit(observed) / candidate.expected) as f32,
                    p_value: candidate.p_value,
                    q_value,
                },
            ));
        }
    }
    listed
        .sort_unstable_by(|(a, x), (b, y)| a.cmp(b).then(y.strength.total_cmp(&x.strength)).then(x.item.cmp(&y.item)));
    let mut all = Associations {
        offsets: Vec::with_capacity(n_items + 1),
        entries: Vec::new(),
        n_tested,
        n_significant: shown.len() as u64,
    };
    for row in listed.chunk_by(|(a, _), (b, _)| a == b) {
        all.offsets.resize(row[0].0.index() + 1, all.entries.len() as u64);
        all.entries.extend(row.iter().take(per_item).map(|&(_, association)| association));
    }
    all.offsets.resize(n_items + 1, all.entries.len() as u64);
    all
}

/// The mean of which a Poisson count of at least `observed` has 5 % chance (Wilson and Hilferty's
/// cube, 1931).
fn lower_limit(observed: f64) -> f64 {
    let root = 1.0 - 1.0 / (9.0 * observed) - 1.644_853_6 / (3.0 * observed.sqrt());
    if root > 0.0 { observed * root * root * root } else { 0.0 }
}
