use rayon::prelude::*;
use sidecart_core::CustomerId;
use sidecart_data::Ledger;
use sidecart_serve::upsell::Periods;

use super::cases::{Knowledge, Residual};
use crate::segments::{Behaviour, BehaviourTracker, CategoryMeans, CustomerState, MixTracker, Segmentation};

/// A customer's behaviour and segment as of the beginning of a period.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Snapshot {
    /// The period.
    pub period: i32,
    /// Behaviour before it.
    pub behaviour: Behaviour,
    /// Segment before it; the customer's only one where segments are columns.
    pub segment: Option<u16>,
}

/// Behaviour of every customer before every period asked for: by customer, rising periods.
///
/// `wanted` holds the periods of each customer, rising. O(lines + snapshots), in parallel over
/// customers; no basket at or after a period enters its snapshot.
#[must_use]
pub fn snapshots(
    ledger: &Ledger,
    means: &CategoryMeans,
    segmentation: &Segmentation,
    periods: &Periods,
    wanted: &[Vec<i32>],
) -> Vec<Vec<Snapshot>> {
    let history_start = ledger.first_time().map_or(0, |time| periods.of(time));
    let mut runs = vec![0..0; ledger.customers().len()];
    for run in ledger.customer_runs() {
        if let Some(customer) = ledger.customer_of(run.start) {
            runs[customer.index()] = run;
        }
    }
    let learned = segmentation.learned.as_ref();
    runs.into_par_iter()
        .zip(wanted)
        .enumerate()
        .map_init(
            || (BehaviourTracker::new(means, history_start), learned.map(|l| MixTracker::new(&l.mix))),
            |(behaviour, mix), (customer, (run, wanted))| {
                behaviour.clear();
                if let Some(mix) = mix {
                    mix.clear();
                }
                let mut baskets = run.peekable();
                wanted
                    .iter()
                    .map(|&period| {
                        while let Some(basket) =
                            baskets.next_if(|&basket| periods.of(ledger.basket_times()[basket]) < period)
                        {
                            behaviour.add_basket(ledger, basket, periods);
                            if let Some(mix) = mix {
                                mix.add_basket(ledger, basket);
                            }
                        }
                        let now = behaviour.as_of(period);
                        let segment = match (learned, &mix) {
                            (Some(learned), Some(mix)) => learned.segment_of(&CustomerState {
                                n_baskets: behaviour.n_baskets(),
                                behaviour: now,
                                mix: mix.root_shares(),
                            }),
                            _ => segmentation.of(CustomerId(customer as u32)),
                        };
                        Snapshot { period, behaviour: now, segment }
                    })
                    .collect()
            },
        )
        .collect()
}

/// Traits of every customer at the end of the ledger.
#[must_use]
pub(super) fn traits_at_end(
    ledger: &Ledger,
    knowledge: &Knowledge<'_>,
    residuals: &[Residual],
    end: i32,
) -> Vec<Vec<f32>> {
    let wanted = vec![vec![end]; ledger.customers().len()];
    let known = snapshots(ledger, knowledge.means, knowledge.segmentation, &knowledge.periods, &wanted);
    let traits = |(customer, snapshots): (usize, Vec<Snapshot>)| {
        let mut traits: Vec<f32> = snapshots.first().map_or_else(Vec::new, |s| s.behaviour.to_vec());
        traits.extend(residuals[customer].traits());
        traits
    };
    known.into_iter().enumerate().map(traits).collect()
}
