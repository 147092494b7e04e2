use sidecart_core::{EventLog, Time};

use super::{LadderTable, Periods};

/// How much of every ladder item was sold in every period: `sold` in constant time.
///
/// Counts are lines (baskets that hold the item). A row holds running sums: everything before the
/// first period, then through each of the periods. O(rows x periods) memory.
#[derive(Clone, PartialEq, Debug)]
pub struct Market {
    first: i32,
    n_periods: usize,
    rows: Vec<u32>,
    tiers: Vec<u32>,
}

impl Market {
    /// Counts sales. `sales` gives the row and the period of every line, in any order; what is
    /// before `first` is kept as one sum, what is beyond the last period is left out.
    #[must_use]
    pub fn count(ladders: &LadderTable, first: i32, n_periods: usize, sales: impl Iterator<Item = (u32, i32)>) -> Self {
        let width = n_periods + 1;
        let mut rows = vec![0u32; ladders.n_rows() * width];
        for (row, period) in sales {
            let column = if period < first { 0 } else { (period - first) as usize + 1 };
            if column < width {
                rows[row as usize * width + column] += 1;
            }
        }
        for row in rows.chunks_exact_mut(width) {
            for column in 1..width {
                row[column] += row[column - 1];
            }
        }
        Self::with_rows(ladders, first, n_periods, rows)
    }

    fn with_rows(ladders: &LadderTable, first: i32, n_periods: usize, rows: Vec<u32>) -> Self {
        let width = n_periods + 1;
        let mut tiers = vec![0u32; ladders.n_tiers() * width];
        for (row, counts) in rows.chunks_exact(width).enumerate() {
            let tier = ladders.tier_of(row as u32) as usize;
            for (sum, count) in tiers[tier * width..][..width].iter_mut().zip(counts) {
                *sum += count;
            }
        }
        Self { first, n_periods, rows, tiers }
    }

    /// Checks running sums that were stored.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn from_parts(ladders: &LadderTable, first: i32, n_periods: usize, rows: Vec<u32>) -> Result<Self, String> {
        let width = n_periods + 1;
        if n_periods == 0 || rows.len() != ladders.n_rows() * width {
            return Err(format!("{} sums for {} rows of {n_periods} periods", rows.len(), ladders.n_rows()));
        }
        if first.checked_add(n_periods as i32).is_none() {
            return Err(format!("period {first} and {n_periods} further ones"));
        }
        if rows.chunks_exact(width).any(|row| row.windows(2).any(|w| w[0] > w[1])) {
            return Err("running sums fall".into());
        }
        let total: u64 = rows.chunks_exact(width).map(|row| u64::from(row[n_periods])).sum();
        if total > u64::from(u32::MAX) {
            return Err(format!("{total} sales, at most {}", u32::MAX));
        }
        Ok(Self::with_rows(ladders, first, n_periods, rows))
    }

    /// The running sums, one row an item and one column more than periods.
    #[must_use]
    pub fn parts(&self) -> (i32, usize, &[u32]) {
        (self.first, self.n_periods, &self.rows)
    }

    /// The last period with data.
    #[must_use]
    pub fn last(&self) -> i32 {
        self.first + self.n_periods as i32 - 1
    }

    /// The same for the newest `n` periods only.
    #[must_use]
    pub fn newest(&self, ladders: &LadderTable, n: usize) -> Self {
        let n = n.clamp(1, self.n_periods);
        let dropped = self.n_periods - n;
        let rows = self.rows.chunks_exact(self.n_periods + 1).flat_map(|row| &row[dropped..]).copied().collect();
        Self::with_rows(ladders, self.first + dropped as i32, n, rows)
    }

    /// The same with what a log has seen after `through`, up to the log's newest period.
    #[must_use]
    pub fn extended(&self, ladders: &LadderTable, periods: Periods, log: &EventLog, through: Time) -> Self {
        let last = log.last_time().map_or(self.last(), |time| periods.of(time).max(self.last()));
        // A log that reaches far ahead must not cost memory without bound.
        let n_new = ((last - self.last()) as usize).min(MAX_NEW_PERIODS);
        let (old, width) = (self.n_periods + 1, self.n_periods + 1 + n_new);
        let mut rows = vec![0u32; ladders.n_rows() * width];
        for (row, known) in rows.chunks_exact_mut(width).zip(self.rows.chunks_exact(old)) {
            row[..old].copy_from_slice(known);
            row[old..].fill(known[old - 1]);
        }
        for basket in log.baskets().filter(|basket| basket.time > through) {
            let column = (periods.of(basket.time).max(self.first) - self.first) as usize + 1;
            for row in basket.items.iter().filter_map(|&item| ladders.row_of(item)) {
                for sum in rows[row as usize * width..][..width].iter_mut().skip(column) {
                    *sum += 1;
                }
            }
        }
        Self::with_rows(ladders, self.first, self.n_periods + n_new, rows)
    }

    /// Lines of a row in the periods `from..=to`.
    #[inline]
    #[must_use]
    pub fn sold(&self, row: u32, from: i32, to: i32) -> u32 {
        self.between(&self.rows, row, from, to)
    }

    /// Lines of a tier in the periods `from..=to`.
    #[inline]
    #[must_use]
    pub fn tier_sold(&self, tier: u32, from: i32, to: i32) -> u32 {
        self.between(&self.tiers, tier, from, to)
    }

    #[inline]
    fn between(&self, sums: &[u32], at: u32, from: i32, to: i32) -> u32 {
        let width = self.n_periods + 1;
        let sums = &sums[at as usize * width..][..width];
        let through = |period: i32| {
            let column = (i64::from(period) - i64::from(self.first) + 1).clamp(-1, self.n_periods as i64);
            if column < 0 { 0 } else { sums[column as usize] }
        };
        if to < from { 0 } else { through(to) - through(from.saturating_sub(1)) }
    }
}

/// Periods that a log can add.
const MAX_NEW_PERIODS: usize = 520;

#[cfg(test)]
mod tests {
    use super::super::ladders::tests::table;
    use super::*;
    use proptest::prelude::*;
    use sidecart_core::{Clock, ExternalIdRef, ItemId};

    proptest! {
        #[test]
        fn sums_are_those_of_a_plain_count(
            sales in proptest::collection::vec((0u32..6, 0i32..12), 0..60),
            (from, to) in (-2i32..14, -2i32..14),
        ) {
            let ladders = table(&[&[2, 1], &[1, 2]]);
            let market = Market::count(&ladders, 3, 7, sales.iter().copied());
            // Before the first period nothing is told apart: it all lies in the period before it.
            let seen = |p: i32| p < 10 && p.max(2) >= from && p.max(2) <= to;
            for row in 0..6 {
                let plain = sales.iter().filter(|&&(r, p)| r == row && seen(p)).count();
                prop_assert_eq!(market.sold(row, from, to) as usize, plain);
            }
            for tier in 0..4 {
                let plain: u32 = ladders.rows_of_tier(tier).map(|row| market.sold(row, from, to)).sum();
                prop_assert_eq!(market.tier_sold(tier, from, to), plain);
            }
            let (first, n, rows) = market.parts();
            prop_assert_eq!(&Market::from_parts(&ladders, first, n, rows.to_vec()).unwrap(), &market);
            let newest = market.newest(&ladders, 3);
            prop_assert_eq!((newest.last(), newest.sold(1, 7, 9)), (market.last(), market.sold(1, 7, 9)));
            prop_assert_eq!(newest.sold(1, i32::MIN, i32::MAX), market.sold(1, i32::MIN, i32::MAX));
        }
    }

    #[test]
    fn a_log_adds_what_came_after_training() {
        let ladders = table(&[&[2, 1]]);
        let periods = Periods::new(Clock::Order, 10, 0);
        let market = Market::count(&ladders, 0, 3, [(0, 0), (1, 2)].into_iter());
        let mut log = EventLog::with_limit(99);
        for (time, item) in [(20, 1), (29, 2), (45, 0)] {
            log.record(ExternalIdRef::Int(1), Time(time), &[ItemId(item)]).unwrap();
        }
        log.record_lines(None, Time(46), [(ItemId(0), 1.0)].into_iter()).unwrap();
        let extended = market.extended(&ladders, periods, &log, Time(25));
        assert_eq!(extended.last(), 4);
        assert_eq!((extended.sold(0, 3, 4), extended.sold(1, 2, 2), extended.sold(2, 2, 2)), (2, 1, 1));
        assert!(Market::from_parts(&ladders, 0, 3, vec![0; 11]).is_err());
        assert!(Market::from_parts(&ladders, 0, 1, vec![1, 0, 0, 0, 0, 0]).is_err());
    }
}
