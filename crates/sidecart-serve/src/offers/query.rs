use sidecart_core::{Customer, ItemId, Time};

use super::session::SessionAt;
use super::{CompiledPolicy, Objective, OfferKinds, Touchpoint};
use crate::settings::{Mode, Source};
use crate::upsell::{Market, PromotionPlan, PropensityModel};

/// A question for a slate.
#[derive(Clone, Copy)]
pub struct OffersQuery<'a> {
    /// The basket so far; an item that stands twice is two pieces of it.
    pub basket: &'a [ItemId],
    /// Items that say what is needed without being bought, such as what helps against back pain:
    /// they speak in the ranking of what to add, and have no part in prices and relations.
    pub context: &'a [ItemId],
    /// What is known of the customer; only what is before `time` is used.
    pub customer: Option<&'a Customer>,
    /// The segment, in place of the customer's own.
    pub segment: Option<u16>,
    /// Where on the way the question is asked; `None` allows every kind.
    pub touchpoint: Option<Touchpoint>,
    /// The kinds asked for.
    pub kinds: OfferKinds,
    /// When the question is asked.
    pub time: Time,
    /// The store as [`Scorer::store`](crate::Scorer::store) numbers it, for what to add.
    pub store: Option<u32>,
    /// The store in the plan of promotions that upgrades know.
    pub plan_store: Option<u32>,
    /// Most offers, in place of `policy.offers_per_request`; never more than that.
    pub k: Option<usize>,
    /// Whether things bought before may come back.
    pub mode: Mode,
    /// What ranks what to add.
    pub using: Source,
    /// What says how probable an upgrade is.
    pub propensity: PropensityModel,
    /// What is counted, in place of `policy.objective`.
    pub objective: Option<Objective>,
    /// Items that may not come back.
    pub exclude: &'a [ItemId],
    /// A policy in place of the model's own; see [`Scorer::compile_policy`](crate::Scorer::compile_policy).
    pub policy: Option<&'a CompiledPolicy>,
    /// What the session has seen and declined, and its present; `None` for nothing.
    pub session: Option<SessionAt<'a>>,
    /// What sold, where more is known than at the end of training.
    pub market: Option<&'a Market>,
    /// A plan of promotions for upgrades in place of the model's own.
    pub plan: Option<&'a PromotionPlan>,
}

impl Default for OffersQuery<'_> {
    fn default() -> Self {
        Self {
            basket: &[],
            context: &[],
            customer: None,
            segment: None,
            touchpoint: None,
            kinds: OfferKinds::ALL,
            time: Time(i64::MAX),
            store: None,
            plan_store: None,
            k: None,
            mode: Mode::Completion,
            using: Source::Default,
            propensity: PropensityModel::Default,
            objective: None,
            exclude: &[],
            policy: None,
            session: None,
            market: None,
            plan: None,
        }
    }
}
