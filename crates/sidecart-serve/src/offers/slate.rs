use sidecart_core::{ItemId, Money, Time};

use super::collect::{Candidate, Collected, Detail};
use super::optimum::{Choice, Limits, MAX_UPSELLS, SearchMemory, contradict};
use super::screen::{Passed, Screen};
use super::session::{Refusal, SessionState};
use super::{
    CompiledPolicy, EmptySlate, NO_GROUP, Objective, OfferKind, OfferKinds, OfferReason, OffersQuery, Policy,
    Relations, Removed, Rule,
};
use crate::cold_start::StandIn;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::scorer::{MAX_K, Scorer};
use crate::scratch::Scratch;
use crate::upsell::UpsellScratch;

/// How deep the ranking of what to add is looked at, unless the rules leave too little of it.
pub const RANKING_DEPTH: usize = 64;
const DEPTHS: [usize; 2] = [RANKING_DEPTH, MAX_K];

/// One offer of a slate.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Offer {
    /// The item.
    pub item: ItemId,
    /// What is asked of the customer.
    pub kind: OfferKind,
    /// The item replaced, the host, or the basket item that speaks most; `None` where none does.
    pub anchor: Option<ItemId>,
    /// Probability of the natural purchase, 0..=1: for an upgrade P(upgrade) x P(this item | an
    /// upgrade), for an add-on the share of its host's baskets that hold it. `None` where the
    /// ranking says an order only.
    pub p: Option<f64>,
    /// What the slate counts; greater is better.
    pub value: f64,
    /// Shelf price of a piece.
    pub price: Option<Money>,
    /// What a promotion takes off it now.
    pub discount: Money,
    /// What the basket costs more, after the discount; for an upgrade the difference to the anchor.
    pub delta_value: Option<Money>,
    /// What the basket earns more, after the discount.
    pub delta_margin: Option<Money>,
    /// Whether `delta_margin` rests on the margins of other items, because the shop does not say
    /// this one.
    pub estimated: bool,
    /// What speaks for it.
    pub reason: OfferReason,
    /// First moment at which its promotion does not hold any more.
    pub valid_until: Option<Time>,
    /// What it stands in by, where the model has no answer of its own.
    pub stand_in: Option<StandIn>,
}

/// The offers to one question.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slate<'s> {
    /// By falling value, ties by rising item.
    pub offers: &'s [Offer],
    /// The candidates that are not among them, each with the rule that took it out.
    pub removed: &'s [Removed],
    /// Why there is no offer.
    pub reason: Option<EmptySlate>,
    /// Sum of the values, less what further offers of one department lose.
    pub value: f64,
    /// What was counted.
    pub objective: Objective,
    /// The kinds that were asked for and may be offered here.
    pub kinds: OfferKinds,
    /// Sum of the basket's shelf prices; `None` where one is unknown.
    pub basket_total: Option<Money>,
    /// The same once every offer is taken.
    pub projected_total: Option<Money>,
}

/// Memory of one thread for slates: after the first few questions nothing is allocated.
pub struct OffersScratch {
    pub(super) ranking: Scratch,
    upsell: UpsellScratch,
    pub(super) collected: Collected,
    pub(super) passed: Vec<Option<Passed>>,
    pub(super) choices: Vec<Choice>,
    search: SearchMemory,
    offers: Vec<Offer>,
    pub(super) removed: Vec<Removed>,
}

impl Scorer {
    /// Memory for slates of this model.
    #[must_use]
    pub fn offers_scratch(&self) -> OffersScratch {
        OffersScratch {
            ranking: self.scratch(),
            upsell: UpsellScratch::default(),
            collected: Collected::default(),
            passed: Vec::new(),
            choices: Vec::new(),
            search: SearchMemory::default(),
            offers: Vec::new(),
            removed: Vec::new(),
        }
    }

    /// Looks the names of a policy up, for questions that bring one.
    ///
    /// # Errors
    /// [`Error::Query`] for a value out of range or a category, brand or attribute that the model
    /// does not have.
    pub fn compile_policy(&self, policy: Policy) -> Result<CompiledPolicy> {
        self.model().compile_policy(policy).map_err(|problem| Error::policy(&problem))
    }

    /// Answers a question with a slate. No allocation once `scratch` is warm; the scratch of another
    /// model is made anew.
    ///
    /// O(the ranking + candidates x (basket + rules)) and the search, which is exact.
    ///
    /// # Errors
    /// [`Error::Query`] for an item the model does not have, [`Error::NoSuchPart`] for a part it
    /// lacks.
    ///
    /// ```no_run
    /// use sidecart_serve::Scorer;
    /// use sidecart_serve::offers::{OffersQuery, Touchpoint};
    ///
    /// # fn main() -> Result<(), sidecart_serve::Error> {
    /// let scorer = Scorer::open("models/shop")?;
    /// let mut scratch = scorer.offers_scratch(); // one per thread
    /// let basket: Vec<_> = scorer.model().items().find_text("phone-s22").map(sidecart_core::ItemId).into_iter().collect();
    /// let query = OffersQuery { basket: &basket, touchpoint: Some(Touchpoint::Cart), ..OffersQuery::default() };
    /// for offer in scorer.offers(&query, &mut scratch)?.offers {
    ///     println!("{} {}: {}", offer.kind, scorer.model().label(offer.item), offer.reason.text(&scorer));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn offers<'s>(&self, query: &OffersQuery<'_>, scratch: &'s mut OffersScratch) -> Result<Slate<'s>> {
        let model = self.model();
        check(model, query)?;
        let policy = query.policy.unwrap_or(model.policy());
        let settings = policy.policy();
        let here = query.touchpoint.map_or(OfferKinds::ALL, |touchpoint| settings.touchpoints.allowed(touchpoint));
        let kinds = query.kinds.and(here);
        let screen = Screen::new(model, policy, query, kinds);
        scratch.offers.clear();
        scratch.removed.clear();
        scratch.search.best.clear();
        scratch.search.best_value = 0.0;
        let left = match query.session {
            Some(session) => session.state.offers_left(session.now, &screen.session_limits),
            // A question without a session is the first of one.
            None => SessionState::new(0, 1).offers_left(0, &screen.session_limits),
        };
        let asked = (settings.offers_per_request as usize).min(query.k.unwrap_or(usize::MAX));
        let is_capped = kinds.iter().all(|kind| settings.caps.of(kind) == 0);
        let refused = match () {
            () if kinds.is_empty() => Some(EmptySlate::Touchpoint),
            () if left == Err(Refusal::SessionOver) => Some(EmptySlate::SessionOver),
            () if left.is_err() => Some(EmptySlate::SessionLimit),
            () if asked == 0 || is_capped => Some(EmptySlate::NoOffersAllowed),
            () => None,
        };
        if refused.is_none() {
            let limits = Limits {
                total: asked.min(left.unwrap_or(0) as usize),
                per_kind: OfferKind::ALL.map(|kind| settings.caps.of(kind) as usize),
                per_category: settings.caps.per_category as usize,
                diversity: settings.diversity,
            };
            self.fill(&screen, &limits, scratch)?;
        }
        let reason = refused.or_else(|| scratch.offers.is_empty().then(|| why_empty(&scratch.removed)));
        let deltas = scratch.offers.iter().map(|offer| offer.delta_value);
        let projected_total = deltas.fold(screen.basket_total, |sum, delta| Some(Money(sum?.0 + delta?.0)));
        Ok(Slate {
            offers: &scratch.offers,
            removed: &scratch.removed,
            reason,
            value: scratch.search.best_value,
            objective: screen.objective,
            kinds,
            basket_total: screen.basket_total,
            projected_total,
        })
    }

    /// Collects candidates, applies the rules and chooses.
    fn fill(&self, screen: &Screen<'_>, limits: &Limits, scratch: &mut OffersScratch) -> Result<()> {
        let OffersScratch { ranking, upsell, collected, passed, choices, search, offers, removed } = scratch;
        let (model, query) = (self.model(), screen.query);
        collected.prepare(query, model);
        if screen.kinds.contains(OfferKind::Upsell) {
            collected.upsells(self, query, upsell)?;
        }
        if screen.kinds.contains(OfferKind::AddOn) {
            collected.add_ons(model, query);
        }
        let adds = screen.kinds.contains(OfferKind::CrossSell);
        let wanted = limits.total.min(limits.per_kind[OfferKind::CrossSell as usize]);
        for depth in DEPTHS {
            let mut has_more = false;
            if adds && wanted > 0 {
                collected.forget_cross_sells();
                has_more = collected.cross_sells(self, query, screen.policy, depth, ranking)?;
            }
            screen_all(screen, collected, passed, choices, removed);
            let n_found = choices.iter().filter(|choice| choice.kind == OfferKind::CrossSell).count();
            if !has_more || n_found >= wanted {
                break;
            }
        }
        note_clashes(model, collected, choices);
        choices.sort_unstable_by(Choice::order);
        search.search(choices, limits);
        for &at in &search.best {
            let number = choices[at].candidate as usize;
            let passed = passed[number].expect("a choice passed the rules");
            offers.push(self.offer(collected, query, &collected.candidates[number], &passed));
        }
        note_losses(collected, choices, (search, limits), removed);
        Ok(())
    }

    fn offer(&self, collected: &Collected, query: &OffersQuery<'_>, candidate: &Candidate, passed: &Passed) -> Offer {
        let &Candidate { item, kind, anchor, relevance, stand_in, detail } = candidate;
        let reason = match detail {
            Detail::Upgrade(at) => {
                let (upgrade, target) = collected.upgrades[at as usize];
                OfferReason::Upsell { upgrade, target }
            }
            Detail::AddOn(evidence) => OfferReason::AddOn { host: anchor.unwrap_or(item), evidence },
            Detail::Nearness(_) => OfferReason::CrossSell(match stand_in {
                Some(by) => self.explain_stand_in(item, by),
                None => self.explain(&collected.ranking(query, 1), item),
            }),
        };
        Offer {
            item,
            kind,
            anchor,
            p: relevance.p,
            value: passed.value,
            price: self.model().offer_items().get(item).price,
            discount: passed.discount,
            delta_value: passed.deltas.value,
            delta_margin: passed.deltas.margin,
            estimated: passed.deltas.estimated,
            reason,
            valid_until: passed.valid_until,
            stand_in,
        }
    }
}

/// Applies the rules to every candidate.
pub(super) fn screen_all(
    screen: &Screen<'_>,
    collected: &mut Collected,
    passed: &mut Vec<Option<Passed>>,
    choices: &mut Vec<Choice>,
    removed: &mut Vec<Removed>,
) {
    let items = screen.model.offer_items();
    passed.clear();
    choices.clear();
    removed.clear();
    let mut n_upsells = 0;
    collected.look_up(screen.model);
    for (number, candidate) in (0u32..).zip(&collected.candidates) {
        let &Candidate { item, kind, anchor, .. } = candidate;
        let is_add_on = |other: &Candidate| other.kind == OfferKind::AddOn && other.item == item;
        if kind == OfferKind::CrossSell && collected.candidates.iter().any(is_add_on) {
            // It is a candidate already, beside its host.
            passed.push(None);
            continue;
        }
        let verdict = screen.apply(number as usize, collected);
        passed.push(verdict.ok());
        match verdict {
            Err(rule) => removed.push(Removed { item, kind, anchor, rule }),
            Ok(Passed { value, .. }) => {
                let is_upsell = kind == OfferKind::Upsell;
                let category = collected.known[number as usize].category;
                choices.push(Choice {
                    value,
                    item,
                    kind,
                    category,
                    department: items.categories().top(category),
                    host: anchor.filter(|_| kind == OfferKind::AddOn).map_or(NO_GROUP, |host| host.0),
                    upsell: if is_upsell { 1 << n_upsells } else { 0 },
                    clashes: 0,
                    candidate: number,
                });
                n_upsells += usize::from(is_upsell);
                debug_assert!(n_upsells <= MAX_UPSELLS, "few anchors with few targets each");
            }
        }
    }
}

/// Notes which upgrades contradict which other offers: another upgrade of the same item; what does
/// the same as the new item; and what goes with the replaced item and not with the new one.
/// O(upgrades x (choices + list length)).
fn note_clashes(model: &Model, collected: &mut Collected, choices: &mut [Choice]) {
    let relations = Relations::of(model);
    let n = choices.len();
    for at in 0..n {
        let Choice { upsell: bit, item: by, candidate, .. } = choices[at];
        let replaced = collected.candidates[candidate as usize].anchor;
        let (true, Some(replaced)) = (bit != 0, replaced) else { continue };
        let goes_with_it = |choice: &Choice| {
            choice.kind == OfferKind::CrossSell
                && collected.candidates[choice.candidate as usize].anchor == Some(replaced)
        };
        if choices.iter().any(goes_with_it) {
            collected.note_fits(model, by);
        }
        collected.served.clear();
        collected.served.add(model, by);
        for choice in choices.iter_mut() {
            let other = &collected.candidates[choice.candidate as usize];
            let belongs = other.anchor == Some(replaced);
            let clashes = match choice.kind {
                OfferKind::Upsell => belongs && choice.upsell != bit,
                OfferKind::AddOn => belongs && !relations.is_add_on(choice.item, by),
                OfferKind::CrossSell => {
                    collected.served.serve(model, &collected.known[choice.candidate as usize].need)
                        || (belongs && !collected.still_fits(choice.candidate, model, by))
                }
            };
            if clashes {
                choice.clashes |= bit;
            }
        }
    }
}

/// Notes what kept each choice out that the slate does not hold.
fn note_losses(
    collected: &Collected,
    choices: &[Choice],
    (search, limits): (&SearchMemory, &Limits),
    removed: &mut Vec<Removed>,
) {
    let chosen = || search.best.iter().map(|&at| &choices[at]);
    for (at, choice) in choices.iter().enumerate() {
        if search.best.contains(&at) {
            continue;
        }
        let same_host = |other: &Choice| {
            choice.kind == OfferKind::AddOn && other.kind == OfferKind::AddOn && choice.host == other.host
        };
        let n_kind = chosen().filter(|other| other.kind == choice.kind).count();
        let n_category = chosen().filter(|other| other.category == choice.category).count();
        let rule = if chosen().any(same_host) {
            Rule::HostTaken
        } else if chosen().any(|other| contradict(choice, other)) {
            Rule::Contradiction
        } else if n_kind >= limits.per_kind[choice.kind as usize] {
            Rule::KindCap
        } else if choice.category != NO_GROUP && n_category >= limits.per_category {
            Rule::CategoryCap
        } else {
            Rule::Outranked
        };
        let anchor = collected.candidates[choice.candidate as usize].anchor;
        removed.push(Removed { item: choice.item, kind: choice.kind, anchor, rule });
    }
}

/// The rule that took most candidates out, the first of equals.
fn why_empty(removed: &[Removed]) -> EmptySlate {
    let count = |rule: Rule| removed.iter().filter(|other| other.rule == rule).count();
    let most = removed.iter().map(|removed| removed.rule).max_by_key(|&rule| (count(rule), std::cmp::Reverse(rule)));
    most.map_or(EmptySlate::NoCandidates, EmptySlate::Rules)
}

pub(super) fn check(model: &Model, query: &OffersQuery<'_>) -> Result<()> {
    let n_items = model.n_items();
    let mut asked = query.basket.iter().chain(query.context).chain(query.exclude);
    match asked.find(|item| item.index() >= n_items) {
        None => Ok(()),
        Some(item) => Err(Error::Query {
            field: "item",
            got: item.0.to_string(),
            expected: format!("an item of this model, 0..{n_items}"),
        }),
    }
}
