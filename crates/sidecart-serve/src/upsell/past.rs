use sidecart_core::{History, ItemId, Money};

use super::{LadderTable, Periods};

/// Words of 64 items that may stand on a ladder, by the low bits of their numbers.
const HELD_WORDS: usize = 16;

/// A customer's main item of one ladder in one period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// The period.
    pub period: i32,
    /// The row of the main item.
    pub row: u32,
}

/// One line of a customer's past.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PastLine {
    /// The period.
    pub period: i32,
    /// The row of the item.
    pub row: u32,
    /// What was paid; 0 where unknown.
    pub paid: f32,
}

/// A customer's past in one ladder.
#[derive(Clone, Debug, Default)]
pub struct LadderPast {
    /// One record a period with a purchase, oldest first.
    pub records: Vec<Record>,
    /// Every line, oldest period first.
    pub lines: Vec<PastLine>,
    main: MainItems,
}

/// Memory for choosing main items.
#[derive(Clone, Debug, Default)]
pub struct MainItems {
    lines: Vec<(u32, f64)>,
}

impl MainItems {
    /// The main item of the lines of one ladder and period: the tier with the greatest sum paid
    /// (of equals the lowest), in it the item with the greatest sum (of equals the smallest). Where
    /// nothing is known to have been paid an item counts as its shelf price. `None` without lines.
    pub fn choose(&mut self, ladders: &LadderTable, lines: impl Iterator<Item = (u32, f32)>) -> Option<u32> {
        let worth = |(row, paid): (u32, f32)| {
            let price = ladders.row(row).price;
            let paid = if paid > 0.0 {
                f64::from(paid)
            } else if price > Money(0) {
                price.to_f64()
            } else {
                1.0
            };
            (row, paid)
        };
        self.lines.clear();
        self.lines.extend(lines.map(worth));
        if let [(row, _)] = self.lines[..] {
            return Some(row);
        }
        // Of equal rows the smallest amount first, so that sums do not depend on the order of lines.
        self.lines.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        self.lines.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0.0 };
            same
        });
        let mut best: Option<(f64, u32)> = None;
        for tier in self.lines.chunk_by(|a, b| ladders.tier_of(a.0) == ladders.tier_of(b.0)) {
            let sum: f64 = tier.iter().map(|&(_, paid)| paid).sum();
            if best.is_none_or(|(most, _)| sum > most) {
                let mut main = tier[0];
                for &line in &tier[1..] {
                    if line.1 > main.1 {
                        main = line;
                    }
                }
                best = Some((sum, main.0));
            }
        }
        best.map(|(_, row)| row)
    }
}

impl LadderPast {
    /// A past of known records and lines, oldest first.
    #[must_use]
    pub fn new(records: Vec<Record>, lines: Vec<PastLine>) -> Self {
        Self { records, lines, main: MainItems::default() }
    }

    /// Reads a customer's past in a ladder, as far as it lies before a period. O(lines of the past).
    pub fn read(&mut self, history: &History, ladders: &LadderTable, periods: Periods, ladder: u32, before: i32) {
        self.lines.clear();
        let rows = ladders.rows_of(ladder);
        // Most lines are of other ladders, which is seen without a look into the large table of rows.
        let mut may_hold = [0u64; HELD_WORDS];
        let bit_of = |item: ItemId| (item.index() / 64 % HELD_WORDS, item.0 % 64);
        for row in rows.clone() {
            let (word, bit) = bit_of(ladders.row(row).item);
            may_hold[word] |= 1 << bit;
        }
        for at in 0..history.len() {
            let basket = history.get(at);
            let period = periods.of(basket.time);
            if period >= before {
                break;
            }
            for (item, paid) in basket.lines() {
                let (word, bit) = bit_of(item);
                if may_hold[word] >> bit & 1 == 0 {
                    continue;
                }
                if let Some(row) = ladders.row_of(item).filter(|row| rows.contains(row)) {
                    self.lines.push(PastLine { period, row, paid });
                }
            }
        }
        self.records.clear();
        for lines in self.lines.chunk_by(|a, b| a.period == b.period) {
            if let Some(row) = self.main.choose(ladders, lines.iter().map(|l| (l.row, l.paid))) {
                self.records.push(Record { period: lines[0].period, row });
            }
        }
    }

    /// Lines of a row, and the newest period with one.
    #[must_use]
    pub fn own(&self, row: u32) -> (u32, Option<i32>) {
        self.lines.iter().fold(
            (0, None),
            |(n, newest), line| {
                if line.row == row { (n + 1, Some(line.period)) } else { (n, newest) }
            },
        )
    }
}

/// The tier that a customer usually buys.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Usual {
    /// The tier.
    pub tier: u32,
    /// Its share of the newest records, 0..=1.
    pub share: f64,
}

/// The most frequent tier of the newest `window` records; of equally frequent ones the one bought
/// last. `None` without records.
#[must_use]
pub fn usual_tier(ladders: &LadderTable, records: &[Record], window: usize) -> Option<Usual> {
    let newest = &records[records.len().saturating_sub(window)..];
    let tiers = ladders.tiers_of(ladders.row(newest.first()?.row).ladder);
    let mut counts = [0u32; super::MAX_TIERS];
    for record in newest {
        counts[(ladders.tier_of(record.row) - tiers.start) as usize] += 1;
    }
    let most = counts.iter().max().copied()?;
    let level = |record: &Record| (ladders.tier_of(record.row) - tiers.start) as usize;
    let tier = newest.iter().rev().map(level).find(|&level| counts[level] == most)?;
    Some(Usual { tier: tiers.start + tier as u32, share: f64::from(most) / newest.len() as f64 })
}

/// The item that a customer bought most often in a tier; of equals the one bought last. `None`
/// where the tier was never bought.
#[must_use]
pub fn usual_item(ladders: &LadderTable, records: &[Record], tier: u32) -> Option<u32> {
    let in_tier = |record: &&Record| ladders.tier_of(record.row) == tier;
    let mut best: Option<(usize, u32)> = None;
    for record in records.iter().rev().filter(in_tier) {
        if best.is_some_and(|(_, row)| row == record.row) {
            continue;
        }
        let n = records.iter().filter(|r| r.row == record.row).count();
        if best.is_none_or(|(most, _)| n > most) {
            best = Some((n, record.row));
        }
    }
    best.map(|(_, row)| row)
}

#[cfg(test)]
mod tests {
    use super::super::ladders::tests::table;
    use super::*;
    use proptest::prelude::*;
    use sidecart_core::{Clock, Time};

    fn records(rows: &[u32]) -> Vec<Record> {
        (0..).zip(rows).map(|(period, &row)| Record { period, row }).collect()
    }

    #[test]
    fn the_main_item_is_where_the_money_went() {
        let ladders = table(&[&[3, 2]]);
        let mut main = MainItems::default();
        let mut choose = |lines: &[(u32, f32)]| main.choose(&ladders, lines.iter().copied());
        assert_eq!(choose(&[]), None);
        assert_eq!(choose(&[(4, 1.0)]), Some(4));
        assert_eq!(choose(&[(3, 5.0), (0, 3.0), (1, 3.0)]), Some(0), "the lower tier took 6");
        assert_eq!(choose(&[(3, 5.0), (0, 2.0), (1, 3.0)]), Some(1), "of equal tiers the lower");
        assert_eq!(choose(&[(2, 1.0), (0, 2.0), (2, 1.5)]), Some(2));
        assert_eq!(choose(&[(0, 0.0), (3, 0.0)]), Some(3), "unknown amounts count as shelf prices");
    }

    #[test]
    fn what_is_usual_is_the_mode_of_the_newest() {
        let ladders = table(&[&[2, 2, 1]]);
        let usual = |rows: &[u32], window| usual_tier(&ladders, &records(rows), window).map(|u| (u.tier, u.share));
        assert_eq!(usual(&[], 8), None);
        assert_eq!(usual(&[0, 2, 1, 2], 8), Some((1, 0.5)), "two each, tier 1 last");
        assert_eq!(usual(&[2, 2, 2, 0, 2, 4], 3), Some((2, 1.0 / 3.0)), "of three equals the last");
        assert_eq!(usual_item(&ladders, &records(&[0, 1, 0, 1, 2]), 0), Some(1), "two each, item 1 last");
        assert_eq!(usual_item(&ladders, &records(&[1, 0, 1, 2]), 0), Some(1));
        assert_eq!(usual_item(&ladders, &records(&[0]), 1), None);
    }

    proptest! {
        #[test]
        fn later_baskets_move_nothing(
            lines in proptest::collection::vec((0i64..40, 0u32..7, 0.0f32..5.0), 0..40),
            before in 0i32..8,
        ) {
            let ladders = table(&[&[2, 2], &[1, 1, 1]]);
            let periods = Periods::new(Clock::Order, 5, 0);
            let mut sorted = lines;
            sorted.sort_by_key(|l| l.0);
            let history = |keep: &dyn Fn(i64) -> bool| {
                let mut history = History::default();
                for &(time, item, paid) in sorted.iter().filter(|l| keep(l.0)) {
                    history.push_lines(Time(time), [(ItemId(item), paid)]);
                }
                history
            };
            let (all, old) = (history(&|_| true), history(&|t| t < i64::from(before) * 5));
            let (mut a, mut b) = (LadderPast::default(), LadderPast::default());
            for ladder in 0..2 {
                a.read(&all, &ladders, periods, ladder, before);
                b.read(&old, &ladders, periods, ladder, i32::MAX);
                prop_assert_eq!(&a.records, &b.records);
                prop_assert_eq!(&a.lines, &b.lines);
                prop_assert!(a.records.iter().all(|r| r.period < before));
            }
        }
    }
}
