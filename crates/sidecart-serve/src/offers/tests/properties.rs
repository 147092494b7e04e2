//! What holds for every slate.

use proptest::prelude::*;
use sidecart_core::Rng;

use super::super::needs::{Need, ServedNeeds};
use super::super::optimum::Limits;
use super::optimum::try_everything;
use super::*;
use crate::explain::Reason;

const N: usize = 10;
const DAY: i64 = MICROS_PER_DAY;

/// A shop of ten items and a question to it.
struct Case {
    shop: Shop,
    basket: Vec<ItemId>,
    touchpoint: Option<Touchpoint>,
    objective: Objective,
    /// Items with days of the past.
    shown: Vec<(u32, i64)>,
    declined: Vec<(u32, i64)>,
    session: SessionState,
}

fn policy(rng: &mut Rng) -> Policy {
    let mut policy = Policy {
        offers_per_request: rng.below(6) as u32,
        offers_per_session: 4 + rng.below(30) as u32,
        cool_down_days: rng.below(10) as f64,
        declines_before_cool_down: 1 + rng.below(2) as u32,
        shows_per_item: rng.chance(0.2).then_some(1),
        diversity: [0.0, 0.3, 1.0][rng.below(3)],
        gain_exponent: [0.0, 0.5, 1.0][rng.below(3)],
        popularity_penalty: [0.0, 0.5][rng.below(2)],
        ..Policy::default()
    };
    policy.caps = Caps {
        cross_sell: rng.below(4) as u32,
        upsell: rng.below(3) as u32,
        add_on: rng.below(3) as u32,
        per_category: 1 + rng.below(2) as u32,
    };
    policy.slow_movers.boost = [0.0, 2.0][rng.below(2)];
    if rng.chance(0.2) {
        policy.max_price_ratio.cross_sell = 1.0;
        policy.max_price_ratio.basket = Some(0.8);
    }
    if rng.chance(0.3) {
        policy.exclude.items.push(ItemName::Text(format!("i{:02}", rng.below(N))));
    }
    if rng.chance(0.2) {
        policy.exclude.categories.push("fine 1".into());
    }
    for _ in 0..rng.below(3) {
        let start = 30 * 7 - 3 + rng.below(5) as i64;
        let requires = rng.chance(0.3).then(|| ItemName::Text(format!("i{:02}", rng.below(N))));
        policy.promotions.push(Promotion {
            item: ItemName::Text(format!("i{:02}", rng.below(N))),
            discount: [0.1, 0.333_333, 0.99][rng.below(3)],
            starts_at: PolicyTime(Time(start * DAY).to_string()),
            ends_at: PolicyTime(Time((start + 2) * DAY).to_string()),
            requires_item: requires,
        });
    }
    policy
}

fn case(seed: u64) -> Case {
    let mut rng = Rng::new(seed, 7);
    let cents: Vec<i64> =
        (0..N).map(|at| if rng.chance(0.05) { 0 } else { 99 + 250 * at as i64 + rng.below(900) as i64 }).collect();
    let mut shop = Shop::new(&cents);
    shop.categories = vec![("top 0", NO_GROUP), ("fine 0", 0), ("fine 1", 0), ("top 1", NO_GROUP), ("fine 2", 3)];
    for facts in &mut shop.items {
        facts.category = [NO_GROUP, 1, 1, 2, 4, 4][rng.below(6)];
        facts.margin = rng.chance(0.6).then(|| Money(rng.below(90_000) as i64 - 10_000));
        facts.stock = rng.chance(0.4).then(|| Quantity(rng.below(4) as i64 * 1_000));
        facts.sold_per_day = rng.chance(0.5).then(|| rng.below(3) as f32 * 0.01);
    }
    for item in 0..N as u32 {
        shop.item_baskets[item as usize] = 1 + rng.below(300) as u32;
        for other in (0..N as u32).filter(|&other| other != item) {
            if rng.chance(0.4) {
                shop = shop.near(item, other, [0.2, 0.4, 0.9][rng.below(3)]);
            }
            if rng.chance(0.2) {
                let n = 1 + rng.below(40) as u32;
                shop = shop.together(item, other, n);
            }
        }
    }
    for _ in 0..rng.below(3) {
        let (a, b) = (rng.below(N) as u32, rng.below(N) as u32);
        if a != b && !shop.substitutes.contains(&(a, b)) {
            shop.substitutes.push((a, b));
        }
    }
    if rng.chance(0.8) {
        // Items 0 to 3 in three tiers.
        let rate = |rng: &mut Rng| 0.5 * rng.unit() as f32;
        shop.ladders.push(vec![(vec![0], rate(&mut rng)), (vec![1, 2], rate(&mut rng)), (vec![3], 0.0)]);
        shop.several = (0..u32::from(rng.chance(0.2))).collect();
    }
    for _ in 0..rng.below(4) {
        let item = 6 + rng.below(4) as u32;
        let host = rng.below(6) as u32;
        shop.hosts.push((item, if rng.chance(0.7) { Host::Item(ItemId(host)) } else { Host::Category(1) }));
    }
    shop.policy = policy(&mut rng);
    let basket: Vec<ItemId> = (0..rng.below(4)).map(|_| ItemId(rng.below(N) as u32)).collect();
    let event = |rng: &mut Rng| (rng.below(N) as u32, rng.below(8) as i64);
    let shown: Vec<_> = (0..rng.below(6)).map(|_| event(&mut rng)).collect();
    let declined: Vec<_> = (0..rng.below(4)).map(|_| event(&mut rng)).collect();
    let items: Vec<u32> = shown.iter().map(|(item, _)| *item).collect();
    let times: Vec<_> = declined.iter().map(|(item, days)| (*item, NOW_S - days * 86_400)).collect();
    let session = session(&items, &times);
    let touchpoint = rng.chance(0.5).then(|| Touchpoint::ALL[rng.below(7)]);
    let objective = Objective::NAMES[rng.below(4)].1;
    Case { shop, basket, touchpoint, objective, shown, declined, session }
}

impl Case {
    fn query(&self) -> OffersQuery<'_> {
        OffersQuery {
            basket: &self.basket,
            touchpoint: self.touchpoint,
            objective: Some(self.objective),
            time: NOW,
            session: Some(self.session.at(NOW_S)),
            ..OffersQuery::default()
        }
    }

    /// Whether an item was declined so often and so lately that it rests, from the plain list.
    fn rests(&self, item: ItemId) -> bool {
        let policy = &self.shop.policy;
        let counts = |&&(declined, days): &&(u32, i64)| declined == item.0 && (days as f64) < policy.cool_down_days;
        self.declined.iter().filter(counts).count() >= policy.declines_before_cool_down as usize
    }

    fn limits(&self) -> Limits {
        let policy = &self.shop.policy;
        let left = (policy.offers_per_session as usize).saturating_sub(self.shown.len());
        Limits {
            total: left.min(policy.offers_per_request as usize),
            per_kind: [policy.caps.cross_sell, policy.caps.upsell, policy.caps.add_on].map(|n| n as usize),
            per_category: policy.caps.per_category as usize,
            diversity: policy.diversity,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_value_of_a_slate_is_the_greatest_there_is(seed in any::<u64>()) {
        let case = case(seed);
        let scorer = case.shop.scorer();
        let mut scratch = scorer.offers_scratch();
        let slate = scorer.offers(&case.query(), &mut scratch).unwrap();
        let (value, n_offers, has_reason) = (slate.value, slate.offers.len(), slate.reason.is_some());
        prop_assert_eq!(n_offers == 0, has_reason);
        if slate.kinds.is_empty() || case.limits().total == 0 {
            prop_assert_eq!(n_offers, 0);
        } else if scratch.choices.len() <= 12 {
            let best = try_everything(&scratch.choices, &case.limits());
            prop_assert!((value - best).abs() <= 1e-12 * best, "{} of {}", value, best);
        }
    }

    #[test]
    fn concept_31_no_slate_contradicts_itself(seed in any::<u64>()) {
        let case = case(seed);
        let scorer = case.shop.scorer();
        let mut scratch = scorer.offers_scratch();
        let slate = scorer.offers(&case.query(), &mut scratch).unwrap();
        let relations = Relations::of(scorer.model());
        for offer in slate.offers {
            prop_assert!(!case.basket.contains(&offer.item));
            match offer.kind {
                OfferKind::Upsell => {
                    let replaced = offer.anchor.unwrap();
                    prop_assert!(case.basket.contains(&replaced));
                    prop_assert_eq!(relations.between(offer.item, replaced), Some(Relation::Upgrade));
                }
                OfferKind::AddOn => {
                    let host = offer.anchor.unwrap();
                    prop_assert!(case.basket.contains(&host) && relations.is_add_on(offer.item, host));
                    let served = case.basket.iter().any(|&other| other != host && relations.is_add_on(other, host));
                    prop_assert!(!served);
                }
                OfferKind::CrossSell => {
                    prop_assert!(!case.basket.iter().any(|&other| relations.replaces(offer.item, other)));
                    prop_assert!(!scorer.model().offer_items().hosts().is_add_on(offer.item));
                }
            }
            for other in slate.offers.iter().filter(|other| !std::ptr::eq(*other, offer)) {
                prop_assert!(offer.item != other.item);
                let same_anchor = offer.anchor == other.anchor;
                if offer.kind == OfferKind::Upsell {
                    let replaced = offer.anchor.unwrap();
                    match other.kind {
                        OfferKind::Upsell => prop_assert!(!same_anchor, "one item is replaced twice"),
                        OfferKind::AddOn => {
                            prop_assert!(!same_anchor || relations.is_add_on(other.item, offer.item));
                        }
                        OfferKind::CrossSell => {
                            prop_assert!(!relations.replaces(other.item, offer.item));
                            let fits = relations.still_fits(other.item, replaced, offer.item);
                            prop_assert!(!same_anchor || fits, "{:?} goes with what is replaced", other.item);
                        }
                    }
                }
                if (offer.kind, other.kind) == (OfferKind::AddOn, OfferKind::AddOn) {
                    prop_assert!(!same_anchor, "two add-ons for one host");
                }
            }
        }
    }

    #[test]
    fn needs_are_served_by_what_an_item_would_replace(seed in any::<u64>()) {
        let case = case(seed);
        let scorer = case.shop.scorer();
        let (model, relations) = (scorer.model(), Relations::of(scorer.model()));
        let mut needs = ServedNeeds::default();
        case.basket.iter().for_each(|&item| needs.add(model, item));
        for item in (0..N as u32).map(ItemId).filter(|item| !case.basket.contains(item)) {
            let replaces = case.basket.iter().any(|&other| relations.replaces(item, other));
            prop_assert_eq!(needs.serve(model, &Need::of(model, item)), replaces);
        }
        needs.clear();
        prop_assert!(!needs.serve(model, &Need::of(model, ItemId(0))));
    }

    #[test]
    fn concept_04_the_projected_total_is_the_basket_after_every_action(seed in any::<u64>()) {
        let case = case(seed);
        let scorer = case.shop.scorer();
        let mut scratch = scorer.offers_scratch();
        let slate = scorer.offers(&case.query(), &mut scratch).unwrap();
        let price = |item: ItemId| case.shop.items[item.index()].price;
        // Every offer is taken: what is replaced goes out, what is offered comes in at its price.
        let mut after: Vec<Option<i64>> = Vec::new();
        let mut before = case.basket.clone();
        for offer in slate.offers {
            if offer.kind == OfferKind::Upsell {
                let at = before.iter().position(|&item| Some(item) == offer.anchor).unwrap();
                before.remove(at);
            }
            after.push(price(offer.item).map(|price| price.0 - offer.discount.0));
            prop_assert!(offer.discount >= Money(0) && price(offer.item).is_none_or(|price| offer.discount <= price));
        }
        after.extend(before.iter().map(|&item| price(item).map(|price| price.0)));
        let expected = after.into_iter().try_fold(0, |sum, price| Some(sum + price?));
        let all_known = case.basket.iter().all(|&item| price(item).is_some());
        if all_known {
            prop_assert_eq!(slate.projected_total.map(|total| total.0), expected);
        } else {
            prop_assert_eq!((slate.basket_total, slate.projected_total), (None, None));
        }
    }

    #[test]
    fn caps_and_rules_are_kept(seed in any::<u64>()) {
        let case = case(seed);
        let scorer = case.shop.scorer();
        let mut scratch = scorer.offers_scratch();
        let slate = scorer.offers(&case.query(), &mut scratch).unwrap();
        let (limits, policy) = (case.limits(), &case.shop.policy);
        let here = case.touchpoint.map_or(OfferKinds::ALL, |touchpoint| policy.touchpoints.allowed(touchpoint));
        prop_assert!(slate.offers.len() <= limits.total);
        for kind in OfferKind::ALL {
            let n = slate.offers.iter().filter(|offer| offer.kind == kind).count();
            prop_assert!(n <= limits.per_kind[kind as usize] && (n == 0 || here.contains(kind)));
        }
        for offer in slate.offers {
            let facts = &case.shop.items[offer.item.index()];
            let same = slate.offers.iter().filter(|o| case.shop.items[o.item.index()].category == facts.category);
            prop_assert!(facts.category == NO_GROUP || same.count() <= limits.per_category);
            prop_assert!(facts.stock.is_none_or(|stock| stock > Quantity(0)));
            let id = format!("i{:02}", offer.item.0);
            prop_assert!(policy.exclude.items.iter().all(|name| name.to_string() != id));
            prop_assert!(policy.exclude.categories.is_empty() || facts.category != 2);
            prop_assert!(!case.rests(offer.item));
            let n_shown = case.shown.iter().filter(|(item, _)| *item == offer.item.0).count();
            prop_assert!(policy.shows_per_item.is_none_or(|limit| n_shown < limit as usize));
            prop_assert!(offer.value > 0.0 && offer.value.is_finite());
            if let OfferReason::CrossSell(reason @ (Reason::BoughtTogether { .. } | Reason::NearBasketItem { .. })) = offer.reason {
                prop_assert_eq!(offer.anchor, reason.anchor(), "the speaker is the one that is explained");
            }
        }
        // Every candidate is offered or taken out, never both.
        for removed in slate.removed {
            let is_it = |o: &Offer| (o.item, o.kind) == (removed.item, removed.kind) && (o.kind == OfferKind::CrossSell || o.anchor == removed.anchor);
            prop_assert!(!slate.offers.iter().any(is_it));
            prop_assert!(removed.rule != Rule::CoolDown || case.rests(removed.item));
        }
        prop_assert!(slate.offers.windows(2).all(|w| (w[1].value, w[0].item) <= (w[0].value, w[1].item) || w[1].value < w[0].value));
    }

    #[test]
    fn concept_13_an_expired_promotion_has_no_effect_one_second_later(seed in any::<u64>()) {
        let mut case = case(seed);
        let end = NOW;
        for promotion in &mut case.shop.policy.promotions {
            promotion.starts_at = PolicyTime(Time(end.0 - 3 * DAY).to_string());
            promotion.ends_at = PolicyTime(end.to_string());
        }
        let with = case.shop.scorer();
        case.shop.policy.promotions.clear();
        let without = case.shop.scorer();
        for time in [end, Time(end.0 + 1_000_000), Time(end.0 - 3 * DAY - 1)] {
            let query = OffersQuery { time, ..case.query() };
            let (mut a, mut b) = (with.offers_scratch(), without.offers_scratch());
            prop_assert_eq!(with.offers(&query, &mut a).unwrap(), without.offers(&query, &mut b).unwrap());
        }
        for time in [Time(end.0 - 3 * DAY), Time(end.0 - 1)] {
            let mut scratch = with.offers_scratch();
            let slate = with.offers(&OffersQuery { time, ..case.query() }, &mut scratch).unwrap();
            for offer in slate.offers.iter().filter(|offer| offer.discount > Money(0)) {
                prop_assert_eq!(offer.valid_until, Some(end));
            }
        }
    }
}

#[test]
fn random_questions_are_worth_asking() {
    let (mut kinds, mut discounts, mut rules) = ([0; 3], 0, std::collections::BTreeSet::new());
    for seed in 0..3_000 {
        let case = case(seed);
        let scorer = case.shop.scorer();
        let mut scratch = scorer.offers_scratch();
        let slate = scorer.offers(&case.query(), &mut scratch).unwrap();
        for offer in slate.offers {
            kinds[offer.kind as usize] += 1;
            discounts += usize::from(offer.discount > Money(0));
        }
        rules.extend(slate.removed.iter().map(|removed| removed.rule));
    }
    assert!((0..200).any(|seed| !case(seed).shop.substitutes.is_empty()));
    assert!(kinds.iter().all(|&n| n > 100) && discounts > 20, "{kinds:?} offers, {discounts} of them cheaper");
    for rule in [
        Rule::ExcludedItem,
        Rule::ExcludedCategory,
        Rule::OutOfStock,
        Rule::ShowsPerItem,
        Rule::CoolDown,
        Rule::NeedsHost,
        Rule::HostServed,
        Rule::Substitute,
        Rule::PriceRatio,
        Rule::NoGain,
        Rule::Contradiction,
        Rule::KindCap,
        Rule::CategoryCap,
        Rule::Outranked,
    ] {
        assert!(rules.contains(&rule), "{rule:?} never happens");
    }
}
