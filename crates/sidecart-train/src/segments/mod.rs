//! Which customers behave alike.
//!
//! A [`Segmentation`] says for every customer of a ledger which segment it is in. Segments are
//! values of columns of the customer table, or learned: k-means or a Gaussian mixture over how
//! customers shop ([`BEHAVIOUR`]) and on what they spend ([`CategoryMix`]), as of a period.
//! [`cards`] describes them to people.

mod behaviour;
mod card;
pub(crate) mod categories;
mod clusters;
mod error;
mod gaussian;
mod mix;
mod naming;
mod params;
mod space;

#[cfg(test)]
mod tests;

use rayon::prelude::*;
use sidecart_core::CustomerId;
use sidecart_data::{CustomerTable, Labels, Ledger};
use sidecart_serve::upsell::Periods;

pub use behaviour::{BEHAVIOUR, Behaviour, BehaviourTracker, CategoryMeans, is_private_label};
pub use card::{CardInputs, CategoryShare, LadderUse, SegmentCard, SegmentCards, UpgradeRate, cards};
pub use clusters::LearnedSegments;
pub use error::SegmentError;
pub use gaussian::Shapes;
pub use mix::{CategoryMix, MixTracker};
pub use params::{LearnMethod, LearnedParams, SegmentSpec};
pub use space::{CLUSTERED, CustomerState, Space};

use crate::catalogue::Catalogue;
use crate::ladders::Ladders;

/// Most segments that a model can name.
pub const MAX_SEGMENTS: usize = 4_096;

/// What segments are learned from; ladders and catalogue are over the items of the ledger.
#[derive(Clone, Copy)]
pub struct SegmentInputs<'a> {
    /// The history.
    pub ledger: &'a Ledger,
    /// What is known of items.
    pub catalogue: &'a Catalogue,
    /// Items that substitute each other.
    pub ladders: &'a Ladders,
    /// How time is cut.
    pub periods: &'a Periods,
}

/// The segment of every customer of a ledger.
#[derive(Clone, PartialEq, Debug)]
pub struct Segmentation {
    /// Names; the position is the segment. In byte order for columns, by falling size for learned
    /// segments.
    pub names: Vec<String>,
    /// The segment by [`CustomerId`]; `None` for customers that the table does not know, or that
    /// are too new.
    pub of_customer: Vec<Option<u16>>,
    /// How a customer is assigned, where segments were learned.
    pub learned: Option<LearnedSegments>,
}

impl Segmentation {
    /// Segments are the values of columns of the customer table, joined by " / " where there are
    /// several; a customer without a value in one of them has no segment.
    ///
    /// # Errors
    /// [`SegmentError::UnknownColumn`], or [`SegmentError::TooMany`] above [`MAX_SEGMENTS`].
    pub fn from_columns(ledger: &Ledger, table: &CustomerTable, columns: &[String]) -> Result<Self, SegmentError> {
        let find = |name: &String| {
            table.column(name).ok_or_else(|| SegmentError::UnknownColumn {
                name: name.clone(),
                known: table.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", "),
            })
        };
        let columns: Vec<&Labels> = columns.iter().map(find).collect::<Result<_, _>>()?;
        let label = |row: usize| -> Option<String> {
            let parts: Option<Vec<&str>> = columns.iter().map(|c| c.get(row)).collect();
            parts.map(|parts| parts.join(" / "))
        };
        let rows: Vec<Option<String>> = (0..table.ids.len()).map(label).collect();
        let mut names: Vec<String> = rows.iter().flatten().cloned().collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > MAX_SEGMENTS {
            return Err(SegmentError::TooMany { got: names.len(), limit: MAX_SEGMENTS });
        }
        let code = |row: u32| rows[row as usize].as_ref().and_then(|n| names.binary_search(n).ok()).map(|i| i as u16);
        let of_customer = ledger.customers().iter().map(|id| table.ids.find(id).and_then(code)).collect();
        Ok(Self { names, of_customer, learned: None })
    }

    /// Learns segments from what happened before period `as_of` and assigns every customer as of
    /// then. No basket at or after it changes the result. O(lines) for the behaviour, then the fit.
    ///
    /// # Errors
    /// As [`LearnedSegments::fit`].
    pub fn learn(
        inputs: &SegmentInputs<'_>,
        as_of: i32,
        params: &LearnedParams,
        seed: u64,
    ) -> Result<Self, SegmentError> {
        let SegmentInputs { ledger, catalogue, ladders, periods } = *inputs;
        let means = CategoryMeans::before(ledger, catalogue, ladders, periods, as_of);
        let mix = CategoryMix::new(ledger, catalogue, |basket| periods.of(ledger.basket_times()[basket]) < as_of);
        let states = customer_states(ledger, &means, &mix, periods, as_of);
        let learned = LearnedSegments::fit(&states, mix, as_of, params, seed)?;
        let of_customer = states.par_iter().map(|state| learned.segment_of(state)).collect();
        Ok(Self { names: learned.names.clone(), of_customer, learned: Some(learned) })
    }

    /// The segment of a customer.
    #[must_use]
    pub fn of(&self, customer: CustomerId) -> Option<u16> {
        self.of_customer.get(customer.index()).copied().flatten()
    }
}

/// Every customer as of the beginning of a period, by [`CustomerId`]. O(lines), in parallel over
/// customers.
#[must_use]
pub fn customer_states(
    ledger: &Ledger,
    means: &CategoryMeans,
    mix: &CategoryMix,
    periods: &Periods,
    as_of: i32,
) -> Vec<CustomerState> {
    let history_start = ledger.first_time().map_or(as_of, |time| periods.of(time));
    let mut runs = vec![0..0; ledger.customers().len()];
    for run in ledger.customer_runs() {
        if let Some(customer) = ledger.customer_of(run.start) {
            runs[customer.index()] = run;
        }
    }
    runs.into_par_iter()
        .map_init(
            || (BehaviourTracker::new(means, history_start), MixTracker::new(mix)),
            |(behaviour, spend), run| {
                behaviour.clear();
                spend.clear();
                for basket in run.take_while(|&basket| periods.of(ledger.basket_times()[basket]) < as_of) {
                    behaviour.add_basket(ledger, basket, periods);
                    spend.add_basket(ledger, basket);
                }
                CustomerState {
                    n_baskets: behaviour.n_baskets(),
                    behaviour: behaviour.as_of(as_of),
                    mix: spend.root_shares(),
                }
            },
        )
        .collect()
}
