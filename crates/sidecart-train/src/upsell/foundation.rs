use std::ops::RangeInclusive;

use sidecart_core::{Cancelled, ItemId, Progress};
use sidecart_data::Ledger;
use sidecart_serve::upsell::{LadderTable, Market, Periods};

use super::day::day_starts_at;
use super::events::labels;
use super::histories::LadderHistories;
use super::params::UpsellParams;
use super::table::ladder_table;
use super::{KEPT_PERIODS, UpsellInputs};
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::ladders::{self, Ladders};
use crate::segments::{CategoryMeans, SegmentInputs, SegmentSpec, Segmentation};

/// Cells of the market in training: rows x periods. Of a longer history the newest periods count.
const MAX_MARKET_CELLS: usize = 200_000_000;

/// What events are made of.
pub(super) struct Foundation {
    /// How time is cut.
    pub periods: Periods,
    /// Hour at which a day of the shop begins.
    pub day_starts_at: i8,
    /// First and last period of the ledger.
    pub first: i32,
    /// See `first`.
    pub last: i32,
    /// Ladders with everything that was found out about them.
    pub ladders: Ladders,
    /// The same as scorers read it, with labels.
    pub table: LadderTable,
    /// Every customer's past in every ladder.
    pub histories: LadderHistories,
    /// What sold when.
    pub market: Market,
    /// Averages of the categories.
    pub means: CategoryMeans,
    /// Which customers belong together.
    pub segmentation: Segmentation,
}

impl Foundation {
    /// Finds ladders, reads histories, makes segments; `None` where no item stands on a ladder.
    pub(super) fn lay(
        ledger: &Ledger,
        catalogue: &Catalogue,
        inputs: &UpsellInputs<'_>,
        params: &UpsellParams,
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<Option<Self>> {
        let cancelled = || if progress.is_cancelled() { Err(Error::from(Cancelled)) } else { Ok(()) };
        let (Some(first), Some(last)) = (ledger.first_time(), ledger.last_time()) else { return Ok(None) };
        let day_starts_at = day_starts_at(ledger);
        let periods = Periods::new(ledger.clock(), params.period_days, day_starts_at);
        let (first, last) = (periods.of(first), periods.of(last));

        progress.begin("finding ladders", 1, "steps");
        let ladders = ladders::find(ledger, catalogue, &params.ladders)?;
        progress.end();
        cancelled()?;
        if ladders.ladders.is_empty() {
            return Ok(None);
        }
        let mut table = ladder_table(&ladders, catalogue)?;
        let histories = LadderHistories::read(ledger, &table, periods);
        let found = labels(&histories, table.n_ladders(), params.min_records as usize, &params.label_rules());
        table.set_labels(&found);
        let market = market(ledger, &table, periods, first..=last);
        let means = CategoryMeans::new(ledger, catalogue, &ladders);
        let as_of = last + 1;
        let segmentation = match (inputs.segments, inputs.customers) {
            (Some(SegmentSpec::Columns(columns)), Some(table)) => Segmentation::from_columns(ledger, table, columns)?,
            (Some(SegmentSpec::Learned(params)), _) => {
                let inputs = SegmentInputs { ledger, catalogue, ladders: &ladders, periods: &periods };
                Segmentation::learn(&inputs, as_of, params, seed)?
            }
            _ => Segmentation { names: Vec::new(), of_customer: vec![None; ledger.customers().len()], learned: None },
        };
        cancelled()?;
        Ok(Some(Self { periods, day_starts_at, first, last, ladders, table, histories, market, means, segmentation }))
    }
}

/// What every ladder item sold in every period, anonymous baskets included.
fn market(ledger: &Ledger, table: &LadderTable, periods: Periods, span: RangeInclusive<i32>) -> Market {
    let wanted = (span.end() - span.start()) as usize + 1;
    let n_periods = wanted.min((MAX_MARKET_CELLS / table.n_rows().max(1)).max(KEPT_PERIODS));
    let first = span.end() - n_periods as i32 + 1;
    let sales = (0..ledger.n_baskets()).flat_map(|basket| {
        let period = periods.of(ledger.basket_times()[basket]);
        ledger.baskets().get(basket).iter().filter_map(move |&item: &ItemId| Some((table.row_of(item)?, period)))
    });
    Market::count(table, first, n_periods, sales)
}
