use std::ops::Range;

use rayon::prelude::*;
use sidecart_core::{CustomerId, Money, Time};
use sidecart_data::Ledger;
use sidecart_serve::upsell::{LadderTable, MainItems, NONE, PastLine, Periods, Record};

/// What else is known of a record.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RecordDetail {
    /// When the main item was bought.
    pub time: Time,
    /// Where, as a position in the ledger's stores; `u32::MAX` where unknown.
    pub store: u32,
    /// What a piece of the main item was paid; 0 where unknown.
    pub paid: f32,
    /// Whether it was paid less than its shelf price.
    pub discounted: bool,
}

/// One customer's past in one ladder, as ranges of the shared lists.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// The customer.
    pub customer: CustomerId,
    /// The ladder.
    pub ladder: u32,
    /// Records, oldest first.
    pub records: Range<usize>,
    /// Lines, oldest first.
    pub lines: Range<usize>,
}

/// The past of every known customer in every ladder, ordered by customer and ladder.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LadderHistories {
    /// One group for a customer and ladder.
    pub groups: Vec<Group>,
    /// The records of all groups.
    pub records: Vec<Record>,
    /// A detail for every record.
    pub details: Vec<RecordDetail>,
    /// The lines of all groups.
    pub lines: Vec<PastLine>,
}

/// A line with everything a record may need of it.
struct FullLine {
    ladder: u32,
    line: PastLine,
    detail: RecordDetail,
}

/// Customers that one task reads.
const CHUNK: usize = 256;

impl LadderHistories {
    /// Reads the ledger's known customers. O(lines log lines of a customer).
    #[must_use]
    pub fn read(ledger: &Ledger, ladders: &LadderTable, periods: Periods) -> Self {
        let runs: Vec<Range<usize>> =
            ledger.customer_runs().filter(|run| ledger.customer_of(run.start).is_some()).collect();
        let parts: Vec<Self> = runs
            .par_chunks(CHUNK)
            .map(|runs| {
                let mut part = Self::default();
                let mut main = MainItems::default();
                for run in runs {
                    part.read_customer(ledger, ladders, periods, run.clone(), &mut main);
                }
                part
            })
            .collect();
        let mut all = Self::default();
        for part in parts {
            let (n_records, n_lines) = (all.records.len(), all.lines.len());
            let moved = |range: Range<usize>, by: usize| range.start + by..range.end + by;
            all.groups.extend(part.groups.into_iter().map(|g| Group {
                records: moved(g.records, n_records),
                lines: moved(g.lines, n_lines),
                ..g
            }));
            all.records.extend(part.records);
            all.details.extend(part.details);
            all.lines.extend(part.lines);
        }
        all
    }

    fn read_customer(
        &mut self,
        ledger: &Ledger,
        ladders: &LadderTable,
        periods: Periods,
        run: Range<usize>,
        main: &mut MainItems,
    ) {
        let Some(customer) = ledger.customer_of(run.start) else { return };
        let mut lines = Vec::new();
        for basket in run {
            let time = ledger.basket_times()[basket];
            let store = ledger.store_of(basket).unwrap_or(NONE);
            let period = periods.of(time);
            for line in ledger.lines(basket) {
                let Some(row) = ladders.row_of(line.item) else { continue };
                let paid = line.paid.map_or(0.0, Money::to_f64);
                let shelf = line.shelf.map_or(paid, Money::to_f64);
                let detail = RecordDetail {
                    time,
                    store,
                    paid: (paid / line.quantity.to_f64().max(1e-3)) as f32,
                    discounted: shelf - paid > 0.005,
                };
                let line = PastLine { period, row, paid: paid as f32 };
                lines.push(FullLine { ladder: ladders.row(row).ladder, line, detail });
            }
        }
        // Stable: within a ladder time order stays.
        lines.sort_by_key(|line| line.ladder);
        for group in lines.chunk_by(|a, b| a.ladder == b.ladder) {
            let (first_record, first_line) = (self.records.len(), self.lines.len());
            for period in group.chunk_by(|a, b| a.line.period == b.line.period) {
                let Some(row) = main.choose(ladders, period.iter().map(|l| (l.line.row, l.line.paid))) else {
                    continue;
                };
                // Of several lines of the main item the dearest counts, of equals the first.
                let mut of_row = period.iter().filter(|l| l.line.row == row);
                let Some(first) = of_row.next() else { continue };
                let detail = of_row.fold(first, |best, l| if l.line.paid > best.line.paid { l } else { best }).detail;
                self.records.push(Record { period: period[0].line.period, row });
                self.details.push(detail);
            }
            self.lines.extend(group.iter().map(|l| l.line));
            self.groups.push(Group {
                customer,
                ladder: group[0].ladder,
                records: first_record..self.records.len(),
                lines: first_line..self.lines.len(),
            });
        }
    }

    /// The records of a group.
    #[must_use]
    pub fn records_of(&self, group: &Group) -> &[Record] {
        &self.records[group.records.clone()]
    }

    /// The lines of a group before a period.
    #[must_use]
    pub fn lines_before(&self, group: &Group, period: i32) -> &[PastLine] {
        let lines = &self.lines[group.lines.clone()];
        &lines[..lines.partition_point(|line| line.period < period)]
    }
}
