use serde::{Deserialize, Serialize};

use super::{Label, LadderTable};

/// Counts behind a rate, the rate after shrinkage, and its 95 % interval.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct RateCell {
    /// Events that could have been upgrades.
    pub events: u32,
    /// Those that were.
    pub upgrades: u32,
    /// Distinct customers behind the events.
    pub customers: u32,
    /// The rate, shrunk towards the next coarser one, 0..=1.
    pub rate: f32,
    /// Lower end of the interval; 0 where none was worked out.
    pub low: f32,
    /// Upper end of the interval; 0 where none was worked out.
    pub high: f32,
}

/// What a rate is a rate of. Rates of different things are never mixed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateKind {
    /// Upgrades of customers who are established in a ladder.
    Repeat,
    /// Replacements in a higher tier.
    Replacement,
    /// Higher tiers among first purchases.
    TierShare,
    /// Upgrades of customers with few records or without a usual tier.
    Sparse,
}

/// Number of [`RateKind`]s.
pub const N_RATES: usize = 4;

impl RateKind {
    /// All kinds in the order of their numbers.
    pub const ALL: [Self; N_RATES] = [Self::Repeat, Self::Replacement, Self::TierShare, Self::Sparse];
}

impl From<Label> for RateKind {
    fn from(label: Label) -> Self {
        match label {
            Label::Repeat => Self::Repeat,
            Label::Replacement => Self::Replacement,
            Label::TierShare => Self::TierShare,
        }
    }
}

/// The chain of shrunk rates: all ladders, ladder and tier, segment within them.
#[derive(Clone, PartialEq, Debug)]
pub struct RateTable {
    globals: [RateCell; N_RATES],
    segments: Vec<RateCell>,
    tiers: Vec<RateCell>,
    /// As [`cell_key`] makes them, rising.
    keys: Vec<u64>,
    cells: Vec<RateCell>,
}

/// The arrays of a [`RateTable`], as they are stored.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RateParts {
    /// By kind.
    pub globals: Vec<RateCell>,
    /// By segment and kind: `segment * 4 + kind`.
    pub segments: Vec<RateCell>,
    /// By tier, numbered through all ladders, and kind: `tier * 4 + kind`.
    pub tiers: Vec<RateCell>,
    /// [`cell_key`] of each cell, rising.
    pub keys: Vec<u64>,
    /// Segment x kind x tier.
    pub cells: Vec<RateCell>,
}

/// The key of a segment's cell: `segment << 40 | kind << 32 | tier`.
#[must_use]
pub fn cell_key(segment: u16, kind: RateKind, tier: u32) -> u64 {
    u64::from(segment) << 40 | (kind as u64) << 32 | u64::from(tier)
}

impl RateTable {
    /// Checks and takes stored arrays.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn new(parts: RateParts, ladders: &LadderTable, n_segments: usize) -> Result<Self, String> {
        let RateParts { globals, segments, tiers, keys, cells } = parts;
        let globals: [RateCell; N_RATES] =
            globals.try_into().map_err(|g: Vec<_>| format!("{} global rates, expected {N_RATES}", g.len()))?;
        if segments.len() != N_RATES * n_segments
            || tiers.len() != N_RATES * ladders.n_tiers()
            || keys.len() != cells.len()
        {
            let got = [segments.len(), tiers.len(), keys.len(), cells.len()];
            return Err(format!("{got:?} rates for {n_segments} segments and {} tiers", ladders.n_tiers()));
        }
        if keys.windows(2).any(|w| w[0] >= w[1]) {
            return Err("cells are out of order".into());
        }
        let outside = |key: u64| {
            let (segment, kind, tier) = ((key >> 40) as usize, (key >> 32) as u8 as usize, key as u32 as usize);
            segment >= n_segments || kind >= N_RATES || tier >= ladders.n_tiers()
        };
        if let Some(&key) = keys.iter().find(|&&key| outside(key)) {
            return Err(format!("a cell names segment {} and tier {}", key >> 40, key as u32));
        }
        let all = || globals.iter().chain(&segments).chain(&tiers).chain(&cells);
        let is_rate = |cell: &RateCell| {
            [cell.rate, cell.low, cell.high].iter().all(|r| (0.0..=1.0).contains(r))
                && cell.upgrades <= cell.events
                && cell.customers <= cell.events
        };
        match all().find(|cell| !is_rate(cell)) {
            Some(cell) => Err(format!("{cell:?} is no rate")),
            None => Ok(Self { globals, segments, tiers, keys, cells }),
        }
    }

    /// The arrays.
    #[must_use]
    pub fn parts(&self) -> RateParts {
        RateParts {
            globals: self.globals.to_vec(),
            segments: self.segments.clone(),
            tiers: self.tiers.clone(),
            keys: self.keys.clone(),
            cells: self.cells.clone(),
        }
    }

    /// The rate of all ladders.
    #[must_use]
    pub fn global(&self, kind: RateKind) -> &RateCell {
        &self.globals[kind as usize]
    }

    /// The rate of a segment in all ladders.
    #[must_use]
    pub fn segment(&self, segment: u16, kind: RateKind) -> Option<&RateCell> {
        self.segments.get(usize::from(segment) * N_RATES + kind as usize)
    }

    /// The rate of a tier, of all customers.
    #[must_use]
    pub fn tier(&self, kind: RateKind, tier: u32) -> &RateCell {
        &self.tiers[tier as usize * N_RATES + kind as usize]
    }

    /// The rate of a tier in a segment, where it was ever observed.
    #[must_use]
    pub fn cell(&self, segment: u16, kind: RateKind, tier: u32) -> Option<&RateCell> {
        self.keys.binary_search(&cell_key(segment, kind, tier)).ok().map(|at| &self.cells[at])
    }

    /// The finest rate that is known: of the tier in the segment, else of the tier.
    #[must_use]
    pub fn rate(&self, kind: RateKind, segment: Option<u16>, tier: u32) -> f64 {
        let cell = segment.and_then(|segment| self.cell(segment, kind, tier));
        f64::from(cell.unwrap_or_else(|| self.tier(kind, tier)).rate)
    }
}

/// Events that the rate of all ladders counts as in the feature for ladder and tier.
pub const TIER_RATE_STRENGTH: f64 = 30.0;

impl RateTable {
    /// The rate of a tier as the features see it: its upgrades with [`TIER_RATE_STRENGTH`] events at
    /// the rate of all ladders.
    #[must_use]
    pub fn feature_rate(&self, kind: RateKind, tier: u32) -> f64 {
        let (cell, all) = (self.tier(kind, tier), self.global(kind));
        let base = (f64::from(all.upgrades) + 1.0) / (f64::from(all.events) + 10.0);
        (f64::from(cell.upgrades) + TIER_RATE_STRENGTH * base) / (f64::from(cell.events) + TIER_RATE_STRENGTH)
    }
}

/// The customer's own link of the chain: of `n` earlier records `n_above` were above the tier; the
/// rate of ladder and tier counts as `strength` records.
#[must_use]
pub fn own_rate(rate: f64, n_above: usize, n: usize, strength: f64) -> f64 {
    (n_above as f64 + strength * rate) / (n as f64 + strength)
}

#[cfg(test)]
mod tests {
    use super::super::ladders::tests::table;
    use super::*;

    fn cell(upgrades: u32, events: u32) -> RateCell {
        let rate = upgrades as f32 / events.max(1) as f32;
        RateCell { events, upgrades, customers: events, rate, low: 0.0, high: 1.0 }
    }

    fn parts() -> RateParts {
        RateParts {
            globals: vec![cell(1, 10); N_RATES],
            segments: vec![cell(1, 5); 2 * N_RATES],
            tiers: vec![cell(2, 10); 4].into_iter().chain(vec![cell(3, 10); 4]).collect(),
            keys: vec![cell_key(0, RateKind::Repeat, 1), cell_key(1, RateKind::Sparse, 0)],
            cells: vec![cell(4, 10), cell(5, 10)],
        }
    }

    #[test]
    fn the_finest_known_rate_answers() {
        let ladders = table(&[&[1, 1]]);
        let rates = RateTable::new(parts(), &ladders, 2).unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
        near(rates.rate(RateKind::Repeat, Some(0), 1), 0.4);
        near(rates.rate(RateKind::Sparse, Some(1), 0), 0.5);
        near(rates.rate(RateKind::Repeat, Some(1), 0), 0.2);
        near(rates.rate(RateKind::Repeat, Some(1), 1), 0.3);
        near(rates.rate(RateKind::Repeat, None, 0), 0.2);
        near(own_rate(0.1, 3, 6, 4.0), 0.34);
        assert_eq!(rates.parts(), parts());
    }

    #[test]
    fn broken_tables_are_refused() {
        let ladders = table(&[&[1, 1]]);
        let with = |change: &dyn Fn(&mut RateParts)| {
            let mut parts = parts();
            change(&mut parts);
            RateTable::new(parts, &ladders, 2)
        };
        assert!(with(&|_| {}).is_ok());
        assert!(with(&|p| p.globals.truncate(2)).is_err());
        assert!(with(&|p| p.tiers.truncate(1)).is_err());
        assert!(with(&|p| p.keys.swap(0, 1)).is_err());
        assert!(with(&|p| p.keys[1] = cell_key(2, RateKind::Repeat, 0)).is_err());
        assert!(with(&|p| p.keys[0] = cell_key(0, RateKind::Repeat, 2)).is_err());
        assert!(with(&|p| p.cells[0].rate = 1.5).is_err());
        assert!(with(&|p| p.cells[0].low = f32::NAN).is_err());
        assert!(with(&|p| p.cells[0].upgrades = 11).is_err());
    }
}
