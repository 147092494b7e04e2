//! Groups of items that substitute each other, in price tiers.
//!
//! A ladder is given by the shop (columns `ladder` and `tier` of the item table) or computed: items
//! of one finest category and nearly one size, whose usual shelf prices fall into tiers at least
//! [`tier_step`](LadderParams::tier_step) apart. Whether the tiers of a ladder really replace each
//! other is tested on the baskets, see [`SideBySide`].

mod computed;
mod given;
mod kinds;
mod names;
mod params;
pub(crate) mod prices;
mod size_bands;
mod substitution;
mod tiers;

#[cfg(test)]
mod tests;

use sidecart_core::{ItemId, Money, exp};
use sidecart_data::Ledger;

pub use params::LadderParams;
pub use sidecart_serve::upsell::{MAX_TIERS, NONE};

use crate::catalogue::Catalogue;
use crate::error::{Error, Result};

/// All ladders of a catalogue and the place of every item.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ladders {
    /// For every item its position in `ladders`, or [`NONE`].
    pub item_ladder: Vec<u32>,
    /// For every item its tier from 0, the lowest; 0 where it is in no ladder.
    pub item_tier: Vec<u8>,
    /// For every item its usual shelf price per piece; `Money(0)` where unknown.
    pub item_price: Vec<Money>,
    /// Given ones in the order of their names, then computed ones in the order of their categories
    /// and sizes. Each has 2 to [`MAX_TIERS`] tiers, each tier an item.
    pub ladders: Vec<Ladder>,
    /// Items the shop put into a ladder that have no place: neither tier nor price is known, or
    /// all of the ladder would be one tier.
    pub skipped: u32,
}

impl Ladders {
    /// An item's ladder and tier, where it has a place.
    #[must_use]
    pub fn place(&self, item: ItemId) -> Option<(u32, u8)> {
        let ladder = self.item_ladder[item.index()];
        (ladder != NONE).then(|| (ladder, self.item_tier[item.index()]))
    }
}

/// Items that substitute each other.
#[derive(Clone, PartialEq, Debug)]
pub struct Ladder {
    /// The shop's name, or categories and sizes such as `Grocery > Coffee > Ground coffee, 11-13 oz`.
    /// No two ladders have the same.
    pub name: String,
    /// Whether the shop gave it.
    pub given: bool,
    /// From the lowest; given ones in the shop's order, whatever the prices.
    pub tiers: Vec<Tier>,
    /// How often two tiers are bought at once; `None` where chance explains too few baskets to say.
    pub side_by_side: Option<SideBySide>,
    /// False for a computed ladder whose tiers are bought side by side.
    pub usable: bool,
    /// Baskets with an item of it, and with two or more different ones.
    pub baskets: (u32, u32),
    /// Whether one item of it is enough for most baskets, so that another one is none to add. A given
    /// ladder says so by itself.
    pub one_is_enough: bool,
}

/// One step of a ladder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tier {
    /// Geometric mean of the items' usual prices, weighted by purchases; `Money(0)` where unknown.
    /// In a computed ladder and a given one without column `tier` only items that shape the tiers
    /// count, and centres are [`tier_step`](LadderParams::tier_step) apart.
    pub centre: Money,
    /// Items, sold or not.
    pub n_items: u32,
    /// Their lines in the ledger.
    pub n_lines: u32,
}

/// Baskets of known customers with two tiers of a ladder, against chance: every customer's lines of
/// the ladder dealt at random to the places they take in the customer's own baskets.
///
/// Items that replace each other meet less often than chance (ratio below 1), items that go
/// together more often.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SideBySide {
    /// Baskets with two tiers.
    pub n_baskets: u32,
    /// Those that chance explains, the mean over all shuffles.
    pub expected: f64,
    /// The first over the second.
    pub ratio: f64,
}

/// Baskets of one item that stand against saying that a ladder is bought several at once.
const SEVERAL_PRIOR: f64 = 20.0;

/// A ladder before it is numbered.
struct Draft {
    name: String,
    given: bool,
    /// Logarithms of the tiers' centres, where known.
    centres: Vec<Option<f64>>,
    /// Items and their tiers, rising by item.
    places: Vec<(u32, u8)>,
}

impl Draft {
    /// A ladder of the tiers that have an item; `None` for fewer than two.
    fn new(
        name: impl FnOnce() -> String,
        given: bool,
        centres: &[Option<f64>],
        mut places: Vec<(u32, u8)>,
    ) -> Option<Self> {
        let mut is_used = [false; MAX_TIERS];
        places.iter().for_each(|&(_, tier)| is_used[usize::from(tier)] = true);
        let mut rank = [0u8; MAX_TIERS];
        let mut kept = Vec::with_capacity(centres.len());
        for (tier, &centre) in centres.iter().enumerate().filter(|&(tier, _)| is_used[tier]) {
            rank[tier] = kept.len() as u8;
            kept.push(centre);
        }
        places.iter_mut().for_each(|(_, tier)| *tier = rank[usize::from(*tier)]);
        (kept.len() >= 2).then(|| Self { name: name(), given, centres: kept, places })
    }
}

/// Finds the ladders of a catalogue: those the shop gave, and computed ones for all other items.
///
/// `ledger` must be over the items of `catalogue`. Nothing is random. O(lines log lines) in the
/// worst case, 8 bytes for every line while it runs.
///
/// # Errors
/// [`Error::Parameter`] for a setting outside its range, [`Error::Bug`] when ledger and catalogue
/// do not belong together.
pub fn find(ledger: &Ledger, catalogue: &Catalogue, params: &LadderParams) -> Result<Ladders> {
    params.check().map_err(|source| Error::Parameter { section: "upsell.ladders", source })?;
    let n_items = catalogue.len();
    if ledger.n_items() != n_items {
        let what = format!("a ledger of {} items with a catalogue of {n_items}", ledger.n_items());
        return Err(Error::Bug { what });
    }
    let prices = prices::usual(ledger, catalogue);
    let given = given::ladders(catalogue, &prices, params);
    let mut drafts = given.ladders;
    drafts.extend(computed::ladders(catalogue, &prices, &given.taken, params));
    names::make_unique(drafts.iter_mut().map(|draft| &mut draft.name));

    let mut found = Ladders {
        item_ladder: vec![NONE; n_items],
        item_tier: vec![0; n_items],
        item_price: Vec::new(),
        ladders: Vec::with_capacity(drafts.len()),
        skipped: given.skipped,
    };
    for (ladder, draft) in (0u32..).zip(drafts) {
        let centre = |log: &Option<f64>| Money(log.map_or(0, |log| exp(log).round() as i64));
        let mut tiers: Vec<Tier> =
            draft.centres.iter().map(|log| Tier { centre: centre(log), n_items: 0, n_lines: 0 }).collect();
        for (item, tier) in draft.places {
            found.item_ladder[item as usize] = ladder;
            found.item_tier[item as usize] = tier;
            let tier = &mut tiers[usize::from(tier)];
            tier.n_items += 1;
            tier.n_lines += prices.n_lines[item as usize];
        }
        found.ladders.push(Ladder {
            name: draft.name,
            given: draft.given,
            tiers,
            side_by_side: None,
            usable: true,
            baskets: (0, 0),
            one_is_enough: true,
        });
    }
    found.item_price = prices.usual;

    let together = substitution::together(ledger, &found.item_ladder, &found.item_tier, found.ladders.len());
    for (ladder, together) in found.ladders.iter_mut().zip(together) {
        let expected = together.expected();
        if expected >= params.min_side_by_side {
            let ratio = together.n_baskets as f64 / expected;
            ladder.side_by_side = Some(SideBySide { n_baskets: together.n_baskets as u32, expected, ratio });
            ladder.usable = ladder.given || ratio <= params.max_side_by_side;
        }
    }
    let baskets = substitution::baskets(ledger.baskets(), &found.item_ladder, found.ladders.len());
    for (ladder, (n_any, n_several)) in found.ladders.iter_mut().zip(baskets) {
        let share = f64::from(n_several) / (f64::from(n_any) + SEVERAL_PRIOR);
        ladder.baskets = (n_any, n_several);
        ladder.one_is_enough = ladder.given || share <= params.max_several;
    }
    Ok(found)
}
