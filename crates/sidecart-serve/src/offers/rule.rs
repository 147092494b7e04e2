use sidecart_core::ItemId;

use super::OfferKind;

/// Why a candidate is not in a slate, in the order in which the rules are applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// Its probability is below `policy.min_relevance`.
    MinRelevance,
    /// There is a floor and the ranking gives no probability to hold against it.
    UnknownRelevance,
    /// `policy.exclude.items` names it.
    ExcludedItem,
    /// `policy.exclude.categories` names its category.
    ExcludedCategory,
    /// `policy.exclude.brands` names its brand.
    ExcludedBrand,
    /// There is none in stock.
    OutOfStock,
    /// So many offers of its kind were declined in this session.
    Silence,
    /// It was shown so often in this session.
    ShowsPerItem,
    /// It was declined so often and so lately that it rests.
    CoolDown,
    /// A filter of the policy does not let it pass.
    Filter,
    /// It is of use only with something that is not in the basket.
    NeedsHost,
    /// Its host has an add-on in the basket.
    HostServed,
    /// Offers of its kind are not made here.
    Kind,
    /// An item of the basket does the same.
    Substitute,
    /// It is not dearer than the item it would replace.
    NotDearer,
    /// It is dearer than `policy.max_price_ratio` allows.
    PriceRatio,
    /// It adds nothing to what the objective counts.
    NoGain,
    /// It contradicts an offer of the slate.
    Contradiction,
    /// Its host has another add-on in the slate.
    HostTaken,
    /// The slate holds as many offers of its kind as `policy.caps` allows.
    KindCap,
    /// The slate holds `policy.caps.per_category` offers of its category.
    CategoryCap,
    /// Others fill the slate.
    Outranked,
}

impl Rule {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MinRelevance => "min_relevance",
            Self::UnknownRelevance => "unknown_relevance",
            Self::ExcludedItem => "excluded_item",
            Self::ExcludedCategory => "excluded_category",
            Self::ExcludedBrand => "excluded_brand",
            Self::OutOfStock => "out_of_stock",
            Self::Silence => "silence",
            Self::ShowsPerItem => "shows_per_item",
            Self::CoolDown => "cool_down",
            Self::Filter => "filter",
            Self::NeedsHost => "needs_host",
            Self::HostServed => "host_served",
            Self::Kind => "kind",
            Self::Substitute => "substitute",
            Self::NotDearer => "not_dearer",
            Self::PriceRatio => "price_ratio",
            Self::NoGain => "no_gain",
            Self::Contradiction => "contradiction",
            Self::HostTaken => "host_taken",
            Self::KindCap => "kind_cap",
            Self::CategoryCap => "category_cap",
            Self::Outranked => "outranked",
        }
    }
}

/// A candidate that is not in the slate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Removed {
    /// The item.
    pub item: ItemId,
    /// What it would have been offered as.
    pub kind: OfferKind,
    /// What it would have replaced, or its host; for something to add what speaks for it.
    pub anchor: Option<ItemId>,
    /// Why not.
    pub rule: Rule,
}

/// Why a slate is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EmptySlate {
    /// The policy allows none of the kinds asked for at this touchpoint.
    Touchpoint,
    /// The session has seen `policy.offers_per_session` offers.
    SessionLimit,
    /// The session is over; its next one is [`renewed`](super::session::SessionState::renewed).
    SessionOver,
    /// A cap of 0, in the policy or in the question.
    NoOffersAllowed,
    /// There was no candidate.
    NoCandidates,
    /// Rules took every candidate out; this one most of them.
    Rules(Rule),
}

impl EmptySlate {
    /// The name in answers; that of the rule where rules took everything out.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Touchpoint => "touchpoint",
            Self::SessionLimit => "session_limit",
            Self::SessionOver => "session_over",
            Self::NoOffersAllowed => "no_offers_allowed",
            Self::NoCandidates => "no_candidates",
            Self::Rules(rule) => rule.name(),
        }
    }
}
