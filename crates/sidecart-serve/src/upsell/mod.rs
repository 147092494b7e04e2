//! Dearer versions of the item in the cart, with the probability that the customer takes one.

mod answer;
mod explain;
mod features;
mod ladders;
mod market;
mod past;
mod periods;
mod promotions;
mod propensity;
mod rates;
mod settings;
mod stored;
mod targets;

pub use answer::{Gain, NoUpgrade, Upgrade, UpsellAnswer, UpsellModel, UpsellOffer, UpsellQuery, UpsellScratch};
pub use features::{FEATURES, N_FEATURES, N_TRAITS, PROMOTION_FEATURES, Situation, TRAITS};
pub use ladders::{LadderInfo, LadderItem, LadderTable, MAX_TIERS, NONE};
pub use market::Market;
pub use past::{LadderPast, MainItems, PastLine, Record, Usual, usual_item, usual_tier};
pub use periods::Periods;
pub use promotions::{Calendar, PlanArrays, Planned, PlannedPromotion, PromotionKinds, PromotionPlan};
pub use propensity::{CLIP, Calibrated, Calibration, Family, LogisticModel, Propensity, Regime, n_used_features};
pub use rates::{N_RATES, RateCell, RateKind, RateParts, RateTable, TIER_RATE_STRENGTH, cell_key, own_rate};
pub use settings::{Label, PropensityModel, UpsellSettings};
pub use targets::{
    N_TARGET_FEATURES, SwitchTable, TARGET_FEATURES, TARGET_PROMOTION_FEATURES, TargetModel, TargetModels,
    TargetSituation, shares,
};

/// Kinds of promotion that the features tell apart.
pub const MAX_PROMOTION_KINDS: usize = 4;
