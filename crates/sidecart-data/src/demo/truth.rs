use sidecart_core::{CustomerId, ItemId, Rng};

use super::customers::Segment;
use super::{STREAM_RATES, UpgradeRates};

/// A planted directed pair.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Complement {
    /// The item that is bought first.
    pub anchor: ItemId,
    /// The item that joins it in the same basket.
    pub attached: ItemId,
    /// P(attached joins | anchor in the basket), apart from chance purchases of `attached`.
    pub probability: f64,
    /// The only segment that buys them together; `None` for everybody.
    pub segment: Option<Segment>,
}

/// An item that is only ever bought in a basket with the item it belongs to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AddOn {
    /// The item that needs another one, such as a warranty.
    pub add_on: ItemId,
    /// The item it needs, such as the car.
    pub base: ItemId,
    /// P(add-on in the basket | base in the basket).
    pub probability: f64,
}

/// How the tiers of a ladder are bought.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LadderUse {
    /// Again and again, mostly in the customer's usual tier.
    Repeat,
    /// Once, and again months later in place of the first.
    Replacement,
    /// Every four weeks.
    Subscription,
    /// One-off purchases without a usual tier.
    Choice,
}

/// Items of one kind in tiers, the cheapest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ladder {
    /// The name in column `ladder`.
    pub id: String,
    /// How its tiers are bought.
    pub usage: LadderUse,
    /// The items of each tier; every item of a tier is dearer than every item of the tier below.
    pub tiers: Vec<Vec<ItemId>>,
}

/// Upgrade rates of one segment, without promotions.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SegmentRates {
    /// P(a purchase from a repeat ladder or a renewal is above the usual tier), mean over the segment's customers.
    pub repeat: f64,
    /// P(a replacement phone is above the tier of the first).
    pub replacement: f64,
}

/// One purchase at which the customer could have gone above the usual tier.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct UpgradeDecision {
    /// The basket of the purchase.
    pub basket_id: i64,
    /// The customer.
    pub customer: CustomerId,
    /// Position in [`DemoTruth::ladders`].
    pub ladder_idx: u32,
    /// The tier the customer usually buys, or the tier of the phone that is replaced.
    pub usual_tier: u32,
    /// P(upgrade) the purchase was drawn with: segment, customer and promotion together.
    pub probability: f64,
    /// Whether the purchase was above the usual tier.
    pub upgraded: bool,
}

/// What was planted in a demo shop: the right answers a model is measured against.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct DemoTruth {
    /// Directed pairs.
    pub complements: Vec<Complement>,
    /// Items that need another one.
    pub add_ons: Vec<AddOn>,
    /// All ladders.
    pub ladders: Vec<Ladder>,
    /// Upgrade rates in the order of [`Segment::ALL`]; empty in a shuffled shop.
    pub upgrade_rates: Vec<SegmentRates>,
    /// Every purchase by a known customer from a ladder with a usual tier below the highest one.
    pub upgrade_decisions: Vec<UpgradeDecision>,
    /// Items that are only bought by chance, without any pair.
    pub noise: Vec<ItemId>,
    /// Items that hardly sell although there is a lot of stock.
    pub slow_movers: Vec<ItemId>,
    /// Items first sold in the last sixth of the history or not yet.
    pub newcomers: Vec<ItemId>,
}

impl DemoTruth {
    /// Factor on the odds of an upgrade while a higher tier of the ladder is promoted.
    pub const PROMOTION_UPGRADE_ODDS: f64 = 1.6;

    /// The planted rates of a segment; `None` in a shuffled shop.
    #[must_use]
    pub fn rates(&self, segment: Segment) -> Option<SegmentRates> {
        self.upgrade_rates.get(segment as usize).copied()
    }
}

impl UpgradeRates {
    /// The rates of all segments in the order of [`Segment::ALL`].
    pub(super) fn draw(self, seed: u64) -> Vec<SegmentRates> {
        let mut rng = Rng::new(seed, STREAM_RATES);
        Segment::ALL
            .iter()
            .map(|segment| match (self, segment) {
                (Self::Drawn, _) => SegmentRates { repeat: beta(&mut rng, 2, 14), replacement: beta(&mut rng, 2, 4) },
                (Self::Fixed, Segment::Students) => SegmentRates { repeat: 0.04, replacement: 0.15 },
                (Self::Fixed, Segment::Families) => SegmentRates { repeat: 0.12, replacement: 0.35 },
                (Self::Fixed, Segment::Professionals) => SegmentRates { repeat: 0.22, replacement: 0.55 },
                (Self::Fixed, Segment::Pensioners) => SegmentRates { repeat: 0.07, replacement: 0.20 },
            })
            .collect()
    }
}

/// A draw from Beta(`a`, `b`) with whole parameters: the `a`-th smallest of `a + b - 1` uniforms.
fn beta(rng: &mut Rng, a: usize, b: usize) -> f64 {
    let mut uniforms: Vec<f64> = (1..a + b).map(|_| rng.unit()).collect();
    uniforms.sort_by(f64::total_cmp);
    uniforms[a - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_rates_have_the_mean_of_their_prior() {
        let n = 500u32;
        let (mut repeat, mut replacement) = (0.0, 0.0);
        for seed in 0..u64::from(n) {
            for rates in UpgradeRates::Drawn.draw(seed) {
                repeat += rates.repeat / f64::from(4 * n);
                replacement += rates.replacement / f64::from(4 * n);
            }
        }
        // Standard deviation of the means: 0.0018 and 0.004.
        assert!((repeat - 2.0 / 16.0).abs() < 0.007, "{repeat}");
        assert!((replacement - 2.0 / 6.0).abs() < 0.016, "{replacement}");
    }
}
