//! What a customer spends on which categories.

use serde::{Deserialize, Serialize};
use sidecart_core::Money;
use sidecart_data::Ledger;

use super::categories::{ItemCategories, NONE};
use crate::catalogue::Catalogue;

/// Categories that have a share of their own; all others count together.
const N_CATEGORIES: usize = 12;
/// The name of all other categories together.
pub(super) const OTHER: &str = "other";

/// The categories whose shares of spend describe a customer: the largest dozen and the rest.
///
/// They are of the second level where its largest dozen hold half of the spend, else of the first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CategoryMix {
    /// Names by falling spend; the last is "other" where there are more categories.
    pub names: Vec<String>,
    /// Position in `names` for every item; `u8::MAX` for items without category.
    pub of_item: Vec<u8>,
}

impl CategoryMix {
    /// Takes the categories with the most spend in the baskets for which `keep` holds. O(lines).
    #[must_use]
    pub fn new(ledger: &Ledger, catalogue: &Catalogue, keep: impl Fn(usize) -> bool) -> Self {
        let spend_at = |depth: usize| {
            let categories = ItemCategories::at(catalogue, depth);
            let mut spend = vec![0i64; categories.len()];
            for line in (0..ledger.n_baskets()).filter(|&b| keep(b)).flat_map(|basket| ledger.lines(basket)) {
                let category = categories.of_item[line.item.index()];
                if category != NONE {
                    spend[category as usize] += amount(ledger, line.paid);
                }
            }
            (categories, spend)
        };
        let (mut categories, mut spend) = spend_at(1);
        if catalogue.table.categories.len() > 1 {
            let second = spend_at(2);
            let mut largest = second.1.clone();
            largest.sort_unstable_by_key(|&spend| std::cmp::Reverse(spend));
            if 2 * largest.iter().take(N_CATEGORIES).sum::<i64>() >= largest.iter().sum() {
                (categories, spend) = second;
            }
        }
        let mut order: Vec<usize> = (0..categories.len()).filter(|&c| spend[c] > 0).collect();
        order.sort_by_key(|&category| (std::cmp::Reverse(spend[category]), category));
        let own = order.len().min(N_CATEGORIES);
        let mut names: Vec<String> = order[..own].iter().map(|&c| categories.names[c].clone()).collect();
        if order.len() > own {
            names.push(OTHER.to_owned());
        }
        // Categories that did not sell yet are among the others, or nothing where there are none.
        let rest = if names.len() > own { own as u8 } else { u8::MAX };
        let mut group_of = vec![rest; categories.len()];
        for (group, &category) in order[..own].iter().enumerate() {
            group_of[category] = group as u8;
        }
        let of_item = categories.of_item.iter();
        let of_item = of_item.map(|&c| if c == NONE { u8::MAX } else { group_of[c as usize] }).collect();
        Self { names, of_item }
    }

    /// Number of shares.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no share, because no item has a category.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// What a line weighs: what was paid for it, or one where the history has no prices.
fn amount(ledger: &Ledger, paid: Option<Money>) -> i64 {
    if ledger.has_prices() { paid.map_or(0, |paid| paid.0.max(0)) } else { 1 }
}

/// Running spend by category, the companion of [`BehaviourTracker`](super::BehaviourTracker).
#[derive(Clone, Debug)]
pub struct MixTracker<'a> {
    mix: &'a CategoryMix,
    spend: Vec<i64>,
}

impl<'a> MixTracker<'a> {
    /// No spend.
    #[must_use]
    pub fn new(mix: &'a CategoryMix) -> Self {
        Self { mix, spend: vec![0; mix.len()] }
    }

    /// Forgets the spend, for the next customer.
    pub fn clear(&mut self) {
        self.spend.fill(0);
    }

    /// Adds a basket.
    pub fn add_basket(&mut self, ledger: &Ledger, basket_idx: usize) {
        for line in ledger.lines(basket_idx) {
            if let Some(spend) = self.spend.get_mut(usize::from(self.mix.of_item[line.item.index()])) {
                *spend += amount(ledger, line.paid);
            }
        }
    }

    /// Spend by category, in ten-thousandths of the currency, or lines where there are no prices.
    #[must_use]
    pub fn spend(&self) -> &[i64] {
        &self.spend
    }

    /// Square roots of the shares of spend, one for every category; all 0 without spend.
    ///
    /// Roots, because shares near 0 differ more than their size says (the Hellinger distance).
    #[must_use]
    pub fn root_shares(&self) -> Vec<f32> {
        let total = self.spend.iter().sum::<i64>().max(1) as f64;
        self.spend.iter().map(|&spend| (spend as f64 / total).sqrt() as f32).collect()
    }
}
