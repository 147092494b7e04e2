use sidecart_core::{ItemId, Rng};

use super::catalogue::{Catalogue, Role};
use super::truth::LadderUse;
use super::{REGIONS, STORES, STREAM_AFFINITY, STREAM_CUSTOMERS};

/// A market segment of the demo shop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Segment {
    /// Little money, low tiers.
    Students,
    /// The largest segment, middle tiers.
    Families,
    /// High tiers, quick to trade up.
    Professionals,
    /// Careful, low and middle tiers.
    Pensioners,
}

impl Segment {
    /// All segments in the order of their discriminants.
    pub const ALL: [Self; 4] = [Self::Students, Self::Families, Self::Professionals, Self::Pensioners];

    /// The name in `customers.parquet`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Students => "students",
            Self::Families => "families",
            Self::Professionals => "professionals",
            Self::Pensioners => "pensioners",
        }
    }

    /// Expected share of the customers, in `[0, 1]`; the shares add up to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        match self {
            Self::Students | Self::Pensioners => 0.20,
            Self::Families => 0.35,
            Self::Professionals => 0.25,
        }
    }

    fn age_bands(self) -> [&'static str; 2] {
        match self {
            Self::Students => ["18-24", "25-34"],
            Self::Families => ["25-34", "35-49"],
            Self::Professionals => ["35-49", "50-64"],
            Self::Pensioners => ["65-74", "75+"],
        }
    }

    /// How often each tier, from the lowest, is the usual one.
    fn tier_weights(self) -> [f64; 4] {
        match self {
            Self::Students => [0.60, 0.25, 0.10, 0.05],
            Self::Families => [0.35, 0.40, 0.20, 0.05],
            Self::Professionals => [0.15, 0.40, 0.30, 0.15],
            Self::Pensioners => [0.40, 0.35, 0.20, 0.05],
        }
    }
}

/// A customer of the demo shop, one row of `customers.parquet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoCustomer {
    /// The external id, such as `c000042`.
    pub id: String,
    /// The market segment.
    pub segment: Segment,
    /// The age band, such as `25-34`.
    pub age_band: &'static str,
    /// The region of the customer's usual store.
    pub region: &'static str,
}

/// A ladder the customer buys from again and again.
pub(super) struct Habit {
    /// Position in the catalogue's ladders.
    pub ladder_idx: usize,
    pub usual_tier: usize,
    /// Probability that a visit buys from the ladder.
    pub rate: f64,
    /// The item the customer takes in each tier.
    pub choices: Vec<ItemId>,
}

/// Phone purchases of the history: week, ladder and tier of the first one, week of its replacement.
pub(super) struct PhonePlan {
    pub ladder_idx: usize,
    pub usual_tier: usize,
    pub first_week: u32,
    pub replacement_week: Option<u32>,
}

/// A monthly software plan.
pub(super) struct Subscription {
    pub habit: Habit,
    pub first_week: u32,
}

/// What makes a customer buy as they do; never written to a file.
pub(super) struct Profile {
    pub segment: Segment,
    pub store_idx: usize,
    /// Probability of a visit in a week.
    pub activity: f64,
    /// Staples with the probability that a visit buys them.
    pub favourites: Vec<(ItemId, f64)>,
    pub habits: Vec<Habit>,
    pub phone: Option<PhonePlan>,
    pub subscription: Option<Subscription>,
    /// Multiplies the segment's rate of repeat upgrades; 1 on average.
    pub upgrade_factor: f64,
}

/// The customers of one seed with their profiles, in id order.
pub(super) struct Customers {
    pub rows: Vec<DemoCustomer>,
    pub profiles: Vec<Profile>,
}

impl Customers {
    /// Draws `n` customers; each has a random stream of its own, so more customers never change the first ones.
    pub(super) fn draw(seed: u64, n: u32, n_weeks: u32, catalogue: &Catalogue) -> Self {
        let tastes = Tastes::draw(seed, catalogue);
        let (mut rows, mut profiles) = (Vec::new(), Vec::new());
        for customer_idx in 0..n {
            let mut rng = Rng::new(seed, STREAM_CUSTOMERS + u64::from(customer_idx));
            let segment = Segment::ALL[pick(&mut rng, &Segment::ALL.map(Segment::share))];
            let profile = tastes.profile(&mut rng, segment, n_weeks);
            rows.push(DemoCustomer {
                id: format!("c{customer_idx:06}"),
                segment,
                age_band: segment.age_bands()[rng.below(2)],
                region: REGIONS[profile.store_idx * REGIONS.len() / STORES.len()],
            });
            profiles.push(profile);
        }
        Self { rows, profiles }
    }
}

/// What a segment tends to like, and the ladders to choose from.
struct Tastes<'a> {
    catalogue: &'a Catalogue,
    staples: Vec<ItemId>,
    /// Weight of each staple, one row per segment.
    staple_weights: Vec<Vec<f64>>,
    ladders: [Vec<usize>; 3],
}

const MEAN_HABITS: usize = 3;

impl<'a> Tastes<'a> {
    fn draw(seed: u64, catalogue: &'a Catalogue) -> Self {
        let mut rng = Rng::new(seed, STREAM_AFFINITY);
        let staples: Vec<ItemId> = catalogue.with_role(Role::Staple).collect();
        let lean = [0.3, 1.0, 1.0, 2.5];
        let staple_weights = Segment::ALL
            .map(|_| staples.iter().map(|i| catalogue.weights[i.index()] * lean[rng.below(4)]).collect())
            .to_vec();
        let ladders = [LadderUse::Repeat, LadderUse::Replacement, LadderUse::Subscription].map(|usage| {
            let of_usage = |&idx: &usize| catalogue.ladders[idx].usage == usage;
            (0..catalogue.ladders.len()).filter(of_usage).collect()
        });
        Self { catalogue, staples, staple_weights, ladders }
    }

    fn profile(&self, rng: &mut Rng, segment: Segment, n_weeks: u32) -> Profile {
        let [repeat, phones, plans] = &self.ladders;
        let u = rng.unit();
        let activity = 0.05 + 0.5 * u * u;
        let mut favourites: Vec<(ItemId, f64)> = Vec::new();
        let n_favourites = 8 + rng.below(7);
        while favourites.len() < n_favourites {
            let item = self.staples[pick(rng, &self.staple_weights[segment as usize])];
            if favourites.iter().all(|&(known, _)| known != item) {
                let u = rng.unit();
                favourites.push((item, 0.05 + 0.4 * u * u));
            }
        }
        let mut chosen = repeat.clone();
        rng.shuffle(&mut chosen);
        chosen.truncate(MEAN_HABITS - 1 + rng.below(3));
        let habits = chosen.into_iter().map(|ladder_idx| self.habit(rng, segment, ladder_idx)).collect();
        Profile {
            segment,
            store_idx: rng.below(STORES.len()),
            activity,
            favourites,
            habits,
            phone: self.phone(rng, segment, phones, n_weeks),
            subscription: rng.chance(0.08).then(|| Subscription {
                habit: {
                    let ladder_idx = plans[rng.below(plans.len())];
                    self.habit(rng, segment, ladder_idx)
                },
                first_week: rng.below(n_weeks as usize * 3 / 5) as u32,
            }),
            upgrade_factor: [0.5, 1.0, 1.5][rng.below(3)],
        }
    }

    fn habit(&self, rng: &mut Rng, segment: Segment, ladder_idx: usize) -> Habit {
        let tiers = &self.catalogue.ladders[ladder_idx].tiers;
        Habit {
            ladder_idx,
            usual_tier: pick(rng, &segment.tier_weights()[..tiers.len()]),
            rate: 0.3 + 0.35 * rng.unit(),
            choices: tiers.iter().map(|items| items[rng.below(items.len())]).collect(),
        }
    }

    fn phone(&self, rng: &mut Rng, segment: Segment, ladders: &[usize], n_weeks: u32) -> Option<PhonePlan> {
        let half = n_weeks / 2;
        let early = rng.chance(0.55);
        if !early && !rng.chance(0.15) {
            return None;
        }
        let ladder_idx = ladders[rng.below(ladders.len())];
        let n_tiers = self.catalogue.ladders[ladder_idx].tiers.len();
        let usual_tier = pick(rng, &segment.tier_weights()[..n_tiers]);
        let (first_week, gap) = (rng.below(half as usize) as u32, half - half / 4);
        if !early {
            return Some(PhonePlan { ladder_idx, usual_tier, first_week: half + first_week, replacement_week: None });
        }
        let week = first_week + gap + rng.below(half as usize) as u32;
        let replacement_week = (rng.chance(0.80) && week > first_week && week < n_weeks).then_some(week);
        Some(PhonePlan { ladder_idx, usual_tier, first_week, replacement_week })
    }
}

/// A position drawn in proportion to the weights.
pub(super) fn pick(rng: &mut Rng, weights: &[f64]) -> usize {
    let mut left = rng.unit() * weights.iter().sum::<f64>();
    for (idx, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return idx;
        }
    }
    weights.len() - 1
}
