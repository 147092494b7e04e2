//! One test for each concept of offering, on shops small enough to work out by hand. The table of
//! `docs/concepts.md` lists them.

use sidecart_artifact::Container;

use super::calibration::OfferCalibration;
use super::*;
use crate::explain::Reason;
use OfferKind::{AddOn, CrossSell, Upsell};

fn basket(items: &[u32]) -> Vec<ItemId> {
    items.iter().map(|&item| ItemId(item)).collect()
}

fn asked<'a>(basket: &'a [ItemId], kinds: impl Into<OfferKinds>) -> OffersQuery<'a> {
    OffersQuery { basket, kinds: kinds.into(), ..OffersQuery::default() }
}

/// 0 phone, 1 dearer phone, 2 dearest phone, 3 case of the phone, 4 case of the dearer one, 5 charger of
/// any, 6 insurance of the phone, 7 whole set.
fn phones() -> Shop {
    let mut shop = Shop::new(&[79_900, 99_900, 129_900, 2_499, 2_599, 2_999, 8_900, 299_900])
        .near(0, 3, 0.9)
        .near(0, 5, 0.6)
        .near(0, 7, 0.5)
        .near(1, 4, 0.9)
        .near(1, 5, 0.6)
        .near(2, 5, 0.6)
        .together(0, 3, 40)
        .together(0, 6, 20)
        .together(1, 4, 40);
    shop.ladders = vec![vec![(vec![0], 0.9), (vec![1], 0.2), (vec![2], 0.0)]];
    shop.hosts = vec![(6, Host::Item(ItemId(0)))];
    shop
}

#[test]
fn concept_01_a_complement_is_directed() {
    let shop = phones();
    let answer = shop.ask(&asked(&basket(&[0]), CrossSell));
    assert_eq!(answer.of(CrossSell), [3, 5, 7], "the case first");
    let relations_of = shop.scorer();
    let relations = Relations::of(relations_of.model());
    assert_eq!(relations.between(ItemId(3), ItemId(0)), Some(Relation::Complement));
    assert_eq!(relations.between(ItemId(0), ItemId(3)), None, "a phone does not complete a case");
    assert!(shop.ask(&asked(&basket(&[3]), CrossSell)).offers.is_empty());
}

#[test]
fn concept_01_what_is_bought_instead_is_no_complement() {
    let mut shop = phones();
    for pair in [(0, 5), (5, 0)] {
        shop.substitutes = vec![pair];
        let answer = shop.ask(&asked(&basket(&[0]), CrossSell));
        assert_eq!((answer.of(CrossSell), answer.rule(5)), (vec![3, 7], Some(Rule::Substitute)));
        let scorer = shop.scorer();
        assert_eq!(Relations::of(scorer.model()).between(ItemId(5), ItemId(0)), Some(Relation::Substitute));
    }
}

#[test]
fn concept_01_flavours_go_together_and_versions_do_not() {
    // Three yoghurts at two prices, near each other.
    let mut shop = Shop::new(&[100, 110, 180]).near(0, 1, 0.9).near(0, 2, 0.8);
    shop.ladders = vec![vec![(vec![0, 1], 0.3), (vec![2], 0.0)]];
    let one = basket(&[0]);
    let answer = shop.ask(&asked(&one, CrossSell));
    assert_eq!(
        (answer.offers.len(), answer.rule(1), answer.rule(2)),
        (0, Some(Rule::Substitute), Some(Rule::Substitute))
    );
    shop.several = vec![0];
    assert_eq!(shop.ask(&asked(&one, CrossSell)).of(CrossSell), [1, 2]);
    // To go up from one is another question.
    assert_eq!(shop.ask(&asked(&one, Upsell)).of(Upsell), [2]);
    let scorer = shop.scorer();
    let relations = Relations::of(scorer.model());
    assert_eq!(relations.between(ItemId(2), ItemId(0)), Some(Relation::Upgrade));
    assert_eq!(relations.between(ItemId(1), ItemId(0)), None);
}

#[test]
fn concept_03_an_upsell_is_a_dearer_version_of_the_same() {
    let shop = phones();
    let answer = shop.ask(&asked(&basket(&[0]), Upsell));
    assert_eq!(answer.offers.len(), 1);
    let offer = answer.offers[0];
    assert!([1, 2].contains(&offer.item.0) && offer.anchor == Some(ItemId(0)));
    assert!(offer.delta_value.unwrap() > Money(0));
    for top in [basket(&[2]), basket(&[3])] {
        assert!(shop.ask(&asked(&top, Upsell)).offers.is_empty(), "never down, never across");
    }
    let answer = shop.ask(&asked(&basket(&[1]), Upsell));
    assert_eq!(answer.of(Upsell), [2]);
    let mut cheaper = phones();
    cheaper.items[1].price = Some(Money(79_900 * 100));
    cheaper.items[2].price = Some(Money(10_000));
    let answer = cheaper.ask(&asked(&basket(&[0]), Upsell));
    assert!(answer.offers.is_empty(), "a higher tier that is not dearer is no upsell");
}

#[test]
fn concept_04_upsell_replaces_and_cross_sell_adds() {
    let answer = phones().ask(&OffersQuery { basket: &basket(&[0]), ..OffersQuery::default() });
    let upsell = answer.offers.iter().find(|offer| offer.kind == Upsell).unwrap();
    let price = |item: ItemId| phones().items[item.index()].price.unwrap().0;
    assert_eq!(upsell.delta_value, Some(Money(price(upsell.item) - price(ItemId(0)))));
    assert_eq!(answer.find(5).delta_value, Some(Money(299_900)), "29.99 is added");
    let total: i64 = price(ItemId(0)) + answer.offers.iter().map(|offer| offer.delta_value.unwrap().0).sum::<i64>();
    assert_eq!(answer.projected, Some(Money(total)));
}

#[test]
fn concept_05_an_add_on_needs_its_host_and_one_host_has_one() {
    let mut shop = phones();
    let answer = shop.ask(&asked(&basket(&[0]), AddOn));
    assert_eq!(answer.of(AddOn), [6]);
    let offer = answer.offers[0];
    assert_eq!((offer.anchor, offer.p), (Some(ItemId(0)), Some(0.2)), "20 of 100 baskets of the host hold it");
    assert!(matches!(offer.reason, OfferReason::AddOn { host: ItemId(0), evidence: Some(_) }));
    // Near to the other phone, but without its host in the basket.
    shop = shop.near(1, 6, 0.9);
    let answer = shop.ask(&OffersQuery { basket: &basket(&[1]), ..OffersQuery::default() });
    assert!(!answer.offers.iter().any(|offer| offer.item == ItemId(6)));
    assert_eq!(answer.rule(6), Some(Rule::NeedsHost));
    // A second insurance for the same phone.
    shop.hosts.push((7, Host::Item(ItemId(0))));
    shop.policy.caps.add_on = 2;
    shop.associations[0].push((7, 30, 30, 2.0));
    let answer = shop.ask(&asked(&basket(&[0]), AddOn));
    assert_eq!((answer.of(AddOn), answer.rule(6)), (vec![7], Some(Rule::HostTaken)));
    let answer = shop.ask(&asked(&basket(&[0, 6]), AddOn));
    assert_eq!(answer.rule(7), Some(Rule::HostServed));
    // By category: what belongs to any phone.
    let mut shop = phones();
    shop.categories = vec![("Electronics", NO_GROUP), ("Phones", 0)];
    shop.items[1].category = 1;
    shop.hosts = vec![(6, Host::Category(0))];
    assert_eq!(shop.ask(&asked(&basket(&[1]), AddOn)).of(AddOn), [6]);
    assert!(shop.ask(&asked(&basket(&[3]), AddOn)).offers.is_empty());
}

#[test]
fn concept_07_relevance_comes_before_everything() {
    let mut shop = phones();
    shop.policy.min_relevance = 1.0;
    let answer = shop.ask(&OffersQuery { basket: &basket(&[0]), ..OffersQuery::default() });
    assert!(answer.offers.is_empty());
    assert!(matches!(answer.reason, Some(EmptySlate::Rules(Rule::MinRelevance | Rule::UnknownRelevance))));
    // P(insurance) = 0.2: the floor is inclusive.
    for (floor, n) in [(0.2, 1), (0.200_001, 0)] {
        shop.policy.min_relevance = floor;
        assert_eq!(shop.ask(&asked(&basket(&[0]), AddOn)).offers.len(), n, "{floor}");
    }
    // Padding only where it is named.
    let mut shop = phones();
    shop.popular = vec![5, 4];
    for (fallback, items) in [(Fallback::Never, vec![]), (Fallback::WhenEmpty, vec![5, 4])] {
        shop.policy.fallback = fallback;
        assert_eq!(shop.ask(&asked(&basket(&[6]), CrossSell)).of(CrossSell), items, "{fallback:?}");
    }
    let short = |fallback| {
        let mut shop = phones();
        shop.neighbours[0].truncate(1);
        shop.popular = vec![4];
        shop.policy.fallback = fallback;
        shop.ask(&asked(&basket(&[0]), CrossSell)).of(CrossSell)
    };
    assert_eq!((short(Fallback::WhenEmpty), short(Fallback::FillUp)), (vec![3], vec![3, 4]));
}

#[test]
fn concept_08_a_pushy_offer_is_left_out() {
    // By default what costs more than ten times the dearest basket item is too much.
    let bedroom = Shop::new(&[4_000, 2_000, 45_000, 39_000]).near(0, 1, 0.4).near(0, 2, 0.9).near(0, 3, 0.8);
    let answer = bedroom.ask(&asked(&basket(&[0]), CrossSell));
    assert_eq!((answer.of(CrossSell), answer.rule(2)), (vec![3, 1], Some(Rule::PriceRatio)), "a whole bed for a sheet");
    let mut shop = phones();
    shop.policy.max_price_ratio.cross_sell = 1.0;
    let answer = shop.ask(&asked(&basket(&[0]), CrossSell));
    assert_eq!((answer.of(CrossSell), answer.rule(7)), (vec![3, 5], Some(Rule::PriceRatio)), "the set is too much");
    shop.policy.max_price_ratio.cross_sell = 1_000.0;
    shop.policy.max_price_ratio.basket = Some(0.035);
    assert_eq!(shop.ask(&asked(&basket(&[0]), CrossSell)).of(CrossSell), [3], "24.99 of 799, not 29.99");
    shop.policy.max_price_ratio.upsell = 1.2;
    shop.policy.max_price_ratio.basket = None;
    let answer = shop.ask(&asked(&basket(&[0]), Upsell));
    assert!(answer.offers.is_empty() && answer.rule(1) == Some(Rule::PriceRatio), "999 is more than 1.2 times 799");

    // Offers per request and per session.
    let shop = phones();
    let k = |n| shop.ask(&OffersQuery { k: Some(n), ..asked(&basket(&[0]), CrossSell) }).offers.len();
    assert_eq!((k(0), k(1), k(100)), (0, 1, 3));
    let with = |n: usize| {
        let session = session(&vec![4; n], &[]);
        shop.ask(&OffersQuery { session: Some(session.at(NOW_S)), ..asked(&basket(&[0]), CrossSell) })
    };
    assert_eq!((with(22).offers.len(), with(24).offers.len()), (2, 0));
    assert_eq!(with(24).reason, Some(EmptySlate::SessionLimit));
    let over = session(&[], &[]);
    let at_end = Some(over.at(over.expires_at()));
    let answer = shop.ask(&OffersQuery { session: at_end, ..asked(&basket(&[0]), CrossSell) });
    assert_eq!(answer.reason, Some(EmptySlate::SessionOver));
}

#[test]
fn concept_08_one_item_is_shown_so_often_and_a_kind_falls_silent() {
    let mut shop = phones();
    shop.policy.shows_per_item = Some(2);
    shop.policy.declines_before_silence = Some(2);
    let with = |state: &SessionState, kinds: OfferKinds| {
        shop.ask(&OffersQuery { session: Some(state.at(NOW_S)), ..asked(&basket(&[0]), kinds) })
    };
    let once = session(&[3], &[]);
    assert_eq!(with(&once, CrossSell.into()).of(CrossSell), [3, 5, 7]);
    let twice = with(&session(&[3, 3], &[]), CrossSell.into());
    assert_eq!((twice.rule(3), twice.of(CrossSell)), (Some(Rule::ShowsPerItem), vec![5, 7]));
    let mut state = session(&[], &[]);
    // The dearest phone twice, long ago: the phones themselves do not rest any more.
    for _ in 0..2 {
        state.record_declined(item_key(2), Some(Upsell), NOW_S - 30 * 86_400);
    }
    let silent = with(&state, OfferKinds::ALL);
    assert_eq!((silent.rule(1), silent.of(CrossSell)), (Some(Rule::Silence), vec![3, 5, 7]));
    assert!(silent.of(Upsell).is_empty());
}

#[test]
fn concept_08_the_nth_decline_rests_an_item_for_the_window() {
    let mut shop = phones();
    shop.policy.declines_before_cool_down = 2;
    let declined = |ages: &[i64]| {
        let events: Vec<(u32, i64)> = ages.iter().map(|&age| (3, NOW_S - age)).collect();
        let session = session(&[], &events);
        shop.ask(&OffersQuery { session: Some(session.at(NOW_S)), ..asked(&basket(&[0]), CrossSell) }).rule(3)
    };
    let week = 7 * 86_400;
    assert_eq!(declined(&[1]), None, "one decline is none");
    assert_eq!(declined(&[1, 2]), Some(Rule::CoolDown));
    assert_eq!(declined(&[1, week - 1]), Some(Rule::CoolDown), "the last moment of the window");
    assert_eq!(declined(&[1, week]), None, "the first after it");
    assert_eq!(declined(&[week + 1, 5, week]), None, "in any order");
    assert_eq!(declined(&[0, 0]), Some(Rule::CoolDown), "repeats count");
    assert_eq!(declined(&[-1, -2]), Some(Rule::CoolDown), "by a clock that is ahead");
}

#[test]
fn concept_09_segments_of_opposite_habits_get_opposite_first_offers() {
    let mut shop = phones();
    shop.segments = vec!["hunters", "fans", "nobody yet"];
    shop.segment_rates = vec![(0, 0, 0.02), (1, 0, 0.8)];
    let asked_by = |segment| {
        let basket = basket(&[0]);
        shop.ask(&OffersQuery { segment, ..asked(&basket, OfferKinds::of(&[CrossSell, Upsell])) }).offers
    };
    assert_eq!(asked_by(Some(0))[0].item, ItemId(3), "the case");
    let first = asked_by(Some(1))[0];
    assert_eq!((first.kind, first.anchor), (Upsell, Some(ItemId(0))), "the dearer phone");
    // A segment without rows is answered as everyone, and so is whoever has no segment.
    let as_said = |offers: Vec<Offer>| offers.iter().map(|o| (o.item, o.kind, o.p, o.value)).collect::<Vec<_>>();
    assert_eq!(as_said(asked_by(Some(2))), as_said(asked_by(None)));
    // What goes with the basket is the same for all: it follows the customer's own past.
    let adds = |segment| shop.ask(&OffersQuery { segment, ..asked(&[ItemId(0)], CrossSell) }).of(CrossSell);
    assert_eq!([adds(Some(0)), adds(Some(1)), adds(Some(2))], [adds(None), adds(None), adds(None)]);
}

#[test]
fn concept_19_offers_fall_away_where_they_do_not_convert() {
    let mut shop = phones();
    shop.policy.min_relevance = 0.1;
    let mut calibration = OfferCalibration::default();
    calibration.timing.of_mut(AddOn).set(Touchpoint::Checkout, -2.0);
    calibration.timing.of_mut(AddOn).set(Touchpoint::Cart, 1.0);
    let (bytes, mut settings) = shop.bytes();
    settings.offers = Some(OffersSettings { calibration });
    let container = Container::from_bytes("by hand", &bytes).unwrap();
    let scorer = Scorer::in_memory(container, settings, shop.clock, Time(NOW.0 - 1)).unwrap();
    let p_at = |touchpoint| {
        let query = OffersQuery { touchpoint, time: NOW, ..asked(&[ItemId(0)], AddOn) };
        scorer.offers(&query, &mut scorer.offers_scratch()).unwrap().offers.first().and_then(|offer| offer.p)
    };
    // P(insurance) = 1 in 5: odds of 1 to 4, times e at the cart.
    assert_eq!((p_at(None), p_at(Some(Touchpoint::Product))), (Some(0.2), Some(0.2)));
    let e = std::f64::consts::E;
    assert!((p_at(Some(Touchpoint::Cart)).unwrap() - e / (4.0 + e)).abs() < 1e-9);
    assert_eq!(p_at(Some(Touchpoint::Checkout)), None, "1 in 30 is below the floor");
}

#[test]
fn concept_10_price_sensitive_segments_see_fewer_upsells() {
    let mut shop = phones();
    shop.segments = vec!["hunters", "spenders"];
    let value = |sensitivity: f64, floor: f64, segment| {
        let mut shop = shop.clone();
        shop.policy.price_sensitivity.insert("hunters".into(), sensitivity);
        shop.policy.min_relevance = floor;
        let query = OffersQuery { segment: Some(segment), ..asked(&[ItemId(0)], Upsell) };
        shop.ask(&query).offers.first().map_or(0.0, |offer| offer.value)
    };
    let values: Vec<f64> = (0..=10).map(|tenth| value(f64::from(tenth) / 10.0, 0.0, 0)).collect();
    assert!(values.windows(2).all(|w| w[0] > w[1]), "falls with the sensitivity: {values:?}");
    assert_eq!(values[10], 0.0, "none at all");
    assert_eq!(value(0.9, 0.0, 1), values[0], "another segment is not touched");
    assert!(value(0.0, 0.3, 0) > 0.0 && value(0.5, 0.3, 0) == 0.0, "what is left falls below the floor");
}

#[test]
fn concept_11_the_same_model_answers_for_those_who_ask_for_quality() {
    let mut shop = phones();
    shop.segments = vec!["hunters", "spenders"];
    shop.segment_rates = vec![(0, 0, 0.05), (1, 0, 0.6)];
    let p = |segment| {
        let answer = shop.ask(&OffersQuery { segment: Some(segment), ..asked(&[ItemId(0)], Upsell) });
        answer.offers[0].p.unwrap()
    };
    assert!(p(1) > 10.0 * p(0), "{} and {}", p(1), p(0));
}

/// The case of [`phones`] at 20 percent less in one week.
fn promoted() -> Shop {
    let mut shop = phones();
    shop.policy.promotions.push(Promotion {
        item: ItemName::Text("i03".into()),
        discount: 0.2,
        starts_at: PolicyTime(Time(NOW.0 - 7 * MICROS_PER_DAY).to_string()),
        ends_at: PolicyTime(NOW.to_string()),
        requires_item: None,
    });
    shop
}

#[test]
fn concept_13_a_promotion_holds_from_its_start_until_before_its_end() {
    let mut shop = promoted();
    shop.items[3].margin = Some(Money(100_000));
    let at = |time| shop.ask(&OffersQuery { time, ..asked(&[ItemId(0)], CrossSell) });
    let last = at(Time(NOW.0 - 1));
    let case = last.find(3);
    assert_eq!((case.discount, case.delta_value), (Money(49_980), Some(Money(249_900 - 49_980))), "to the cent");
    assert_eq!(case.delta_margin, Some(Money(100_000 - 49_980)), "the margin after the discount");
    let start = NOW.0 - 7 * MICROS_PER_DAY;
    assert_eq!(at(Time(start)).find(3).discount, Money(49_980), "the start belongs to it");
    for outside in [start - 1, NOW.0, NOW.0 + 1_000_000] {
        assert_eq!((at(Time(outside)).find(3).discount, at(Time(outside)).find(3).valid_until), (Money(0), None));
    }
    // Margin after the discount counts: the cut eats most of it.
    shop.policy.objective = Objective::Margin;
    shop.policy.gain_exponent = 1.0;
    shop.items[5].margin = Some(Money(120_000));
    let order = |time| shop.ask(&OffersQuery { time, ..asked(&[ItemId(0)], CrossSell) }).of(CrossSell)[1..].to_vec();
    assert_ne!(order(Time(NOW.0 - 1)), order(NOW));
}

#[test]
fn concept_14_two_clocks_differ_by_the_window_alone() {
    let shop = promoted();
    let at = |time| shop.ask(&OffersQuery { time, ..asked(&[ItemId(0)], CrossSell) });
    let (before, after) = (at(Time(NOW.0 - 1)), at(NOW));
    assert_eq!(before.find(3).valid_until, Some(NOW));
    assert_eq!(before.of(CrossSell), after.of(CrossSell));
    for (a, b) in before.offers.iter().zip(&after.offers).filter(|(a, _)| a.item != ItemId(3)) {
        assert_eq!(a, b);
    }
}

#[test]
fn concept_15_few_items_lift_a_basket_to_an_amount() {
    // 0 costs 10.00; what goes with it costs 2.00, 3.10, 5.40 and 9.00.
    let shop = Shop::new(&[1_000, 200, 310, 540, 900]).near(0, 1, 0.9).near(0, 2, 0.8).near(0, 3, 0.7).near(0, 4, 0.6);
    let scorer = shop.scorer();
    let money = |cents: i64| Money(cents * 100);
    let fill = |amount: i64, max_items: usize, exclude: &[ItemId]| {
        let basket = basket(&[0]);
        let query = OffersQuery { exclude, ..asked(&basket, CrossSell) };
        let threshold = Threshold { amount: money(amount), max_overshoot: money(300), max_items, n_fillings: 2 };
        scorer.fillings(&query, &threshold, &mut scorer.offers_scratch()).unwrap().unwrap()
    };
    let items = |filled: &BasketFillings, at: usize| filled.fillings.sets[at].items().to_vec();
    let both = fill(1_500, 3, &[]);
    assert_eq!((both.gap, items(&both, 0)), (money(500), basket(&[1, 2])));
    assert_eq!(both.fillings.sets[0].overshoot, money(10));
    assert_eq!(items(&both, 1), basket(&[3]), "40 cents too much");
    assert_eq!(items(&fill(1_500, 1, &[]), 0), basket(&[3]), "one item only");
    assert_eq!(items(&fill(1_500, 3, &[ItemId(2)]), 0), basket(&[3]), "what may not come back does not fill");
    let there = fill(1_000, 3, &[]);
    assert_eq!((there.gap, there.fillings.sets.len()), (Money(0), 0));
    let far = fill(100_000, 3, &[]);
    assert!(far.fillings.sets.is_empty() && far.fillings.none.is_some());
    // What fits and is hardly wanted does not win over what is wanted.
    let prices: Vec<i64> =
        (0..14).map(|item| if item == 0 { 1_000 } else { 410 - i64::from(item == 13) * 10 }).collect();
    let near = |shop: Shop, item: u32| shop.near(0, item, 1.0 - item as f32 / 100.0);
    let scorer_of_many = (1..14).fold(Shop::new(&prices), near).scorer();
    let threshold = Threshold { amount: money(1_400), max_overshoot: money(300), max_items: 1, n_fillings: 16 };
    let one = basket(&[0]);
    let filled = scorer_of_many.fillings(&asked(&one, CrossSell), &threshold, &mut scorer_of_many.offers_scratch());
    let sets = filled.unwrap().unwrap().fillings.sets;
    assert!((9..=10).contains(&sets.len()), "the first of thirteen: a tenth of the best one's relevance");
    assert!(sets.iter().all(|set| set.items()[0].0 <= 10 && set.overshoot == money(10)));
    // Nobody buys two of which one will do: the nearer of them is left, and with the next one it fits.
    for (a, b) in [(1, 2), (2, 1)] {
        let mut shop = shop.clone();
        shop.substitutes = vec![(a, b)];
        let scorer = shop.scorer();
        let threshold = Threshold { amount: money(1_500), max_overshoot: money(300), max_items: 3, n_fillings: 2 };
        let filled = scorer.fillings(&asked(&one, CrossSell), &threshold, &mut scorer.offers_scratch());
        let filled = filled.unwrap().unwrap();
        assert_eq!((items(&filled, 0), items(&filled, 1)), (basket(&[3]), basket(&[1, 3])));
    }
    let mut unpriced = shop.clone();
    unpriced.items[0].price = None;
    let scorer = unpriced.scorer();
    let threshold = Threshold { amount: money(1_500), max_overshoot: money(300), max_items: 3, n_fillings: 1 };
    let basket = basket(&[0]);
    let asked = asked(&basket, CrossSell);
    assert_eq!(
        scorer.fillings(&asked, &threshold, &mut scorer.offers_scratch()).unwrap(),
        None,
        "nobody knows the gap"
    );
}

#[test]
fn concept_16_an_offer_can_wait_for_an_item() {
    let mut shop = promoted();
    shop.policy.promotions[0].ends_at = PolicyTime(Time(NOW.0 + 1).to_string());
    shop.policy.promotions[0].requires_item = Some(ItemName::Text("i05".into()));
    for (items, is_cheaper) in [(&[0][..], false), (&[0, 5], true), (&[5, 0], true), (&[0, 4], false)] {
        let answer = shop.ask(&asked(&basket(items), CrossSell));
        assert_eq!(answer.find(3).discount > Money(0), is_cheaper, "{items:?}");
    }
}

#[test]
fn concept_17_every_touchpoint_has_its_kinds() {
    let shop = phones();
    let expected: [(Touchpoint, &[OfferKind]); 7] = [
        (Touchpoint::Home, &[Upsell]),
        (Touchpoint::Category, &[Upsell]),
        (Touchpoint::Product, &[CrossSell, Upsell, AddOn]),
        (Touchpoint::Cart, &[CrossSell, Upsell, AddOn]),
        (Touchpoint::Checkout, &[CrossSell, AddOn]),
        (Touchpoint::PostPurchase, &[CrossSell]),
        (Touchpoint::Email, &[CrossSell]),
    ];
    for (touchpoint, allowed) in expected {
        for kind in OfferKind::ALL {
            let query = OffersQuery { touchpoint: Some(touchpoint), ..asked(&[ItemId(0)], kind) };
            let answer = shop.ask(&query);
            assert_eq!(!answer.offers.is_empty(), allowed.contains(&kind), "{touchpoint} {kind}");
            assert_eq!(answer.reason == Some(EmptySlate::Touchpoint), !allowed.contains(&kind));
        }
    }
}

#[test]
fn concept_18_no_upsell_at_the_checkout_unless_the_shop_says_so() {
    let mut shop = phones();
    let query = OffersQuery { touchpoint: Some(Touchpoint::Checkout), ..asked(&[ItemId(0)], Upsell) };
    let answer = shop.ask(&query);
    assert!(answer.offers.is_empty() && answer.reason.map(EmptySlate::name) == Some("touchpoint"));
    let query = OffersQuery { kinds: OfferKinds::ALL, ..query };
    assert!(shop.ask(&query).of(Upsell).is_empty() && !shop.ask(&query).of(CrossSell).is_empty());
    shop.policy.touchpoints.checkout.push(Upsell);
    assert!(!shop.ask(&query).of(Upsell).is_empty());
    let door = OffersQuery { touchpoint: Some(Touchpoint::Home), ..asked(&[ItemId(0)], CrossSell) };
    assert_eq!(shop.ask(&door).reason, Some(EmptySlate::Touchpoint), "too early");
}

#[test]
fn concept_20_every_channel_has_its_own_caps() {
    let shop = phones();
    let scorer = shop.scorer();
    let mut scratch = scorer.offers_scratch();
    let mail: PolicyOverride = serde_json::from_str(r#"{"caps": {"cross_sell": 1}, "offers_per_request": 2}"#).unwrap();
    let mail = scorer.compile_policy(shop.policy.overridden(&mail).unwrap()).unwrap();
    let n = [None, Some(&mail)].map(|policy| {
        let query = OffersQuery { policy, time: NOW, ..asked(&[ItemId(0)], CrossSell) };
        scorer.offers(&query, &mut scratch).unwrap().offers.len()
    });
    assert_eq!(n, [3, 1]);
}

#[test]
fn concept_21_less_popular_items_ride_on_best_sellers() {
    // Ten items go with item 0; those with even numbers are best sellers.
    let mut shop = Shop::new(&[1_000; 11]);
    for other in 1..=10 {
        shop = shop.near(0, other, 1.0 - 0.05 * other as f32);
        shop.item_baskets[other as usize] = if other % 2 == 0 { 5_000 } else { 5 * other };
    }
    shop.policy.caps.cross_sell = 5;
    shop.policy.offers_per_request = 5;
    let mut shares = Vec::new();
    let mut relevance = Vec::new();
    for tenth in 0..=10 {
        shop.policy.popularity_penalty = f64::from(tenth) / 10.0;
        let answer = shop.ask(&asked(&[ItemId(0)], CrossSell));
        shares.push(answer.offers.iter().filter(|offer| offer.item.0 % 2 == 1).count());
        relevance.push(answer.of(CrossSell).iter().map(|&item| 0.1 / f64::from(item)).sum::<f64>());
    }
    assert!(shares.windows(2).all(|w| w[0] <= w[1]) && shares[0] < shares[10], "{shares:?}");
    assert!(relevance[10] < relevance[0], "at the cost of relevance: {relevance:?}");
}

#[test]
fn concept_22_slow_stock_is_lifted_above_the_floor_only() {
    let mut shop = phones();
    shop.hosts = vec![(6, Host::Item(ItemId(0))), (7, Host::Item(ItemId(0)))];
    shop.associations[0].push((7, 10, 10, 2.0));
    shop.items[7].stock = Some(Quantity(500_000));
    shop.items[7].sold_per_day = Some(0.1);
    let first = |shop: &Shop| shop.ask(&asked(&[ItemId(0)], AddOn)).of(AddOn);
    assert_eq!(first(&shop), [6], "0.2 is more than 0.1");
    shop.policy.slow_movers.boost = 1.5;
    assert_eq!(first(&shop), [7], "0.1 x 2.5 is more than 0.2");
    shop.policy.min_relevance = 0.15;
    let answer = shop.ask(&asked(&[ItemId(0)], AddOn));
    assert_eq!((answer.of(AddOn), answer.rule(7)), (vec![6], Some(Rule::MinRelevance)), "no boost lifts it");
    shop.policy.min_relevance = 0.0;
    for (change, expected) in [
        (OfferItem { sold_per_day: Some(100.0), ..shop.items[7] }, 6),
        (OfferItem { first_sold: Some(Time(NOW.0 - MICROS_PER_DAY)), ..shop.items[7] }, 6),
        (OfferItem { first_sold: Some(Time(0)), ..shop.items[7] }, 7),
    ] {
        shop.items[7] = change;
        assert_eq!(first(&shop), [expected], "{change:?}");
        shop.items[7].sold_per_day = Some(0.1);
    }
    shop.items[7].stock = Some(Quantity(0));
    let answer = shop.ask(&asked(&[ItemId(0)], AddOn));
    assert_eq!(answer.rule(7), Some(Rule::OutOfStock), "nothing is not shown");
}

#[test]
fn concept_24_the_order_is_probability_times_margin() {
    // Four add-ons of four hosts: p is known, and so are the margins of three.
    let mut shop = Shop::new(&[1_000, 1_000, 1_000, 1_000, 500, 600, 700, 800]);
    let margins = [(4, Some(10), 40), (5, Some(30), 20), (6, Some(90), 5), (7, None, 10)];
    for (host, (item, margin, n_baskets)) in (0u32..).zip(margins) {
        shop.hosts.push((item, Host::Item(ItemId(host))));
        shop.items[item as usize].margin = margin.map(|margin| Money(margin * 10_000));
        shop = shop.together(host, item, n_baskets);
    }
    shop.policy = Policy { objective: Objective::Margin, gain_exponent: 1.0, ..Policy::default() };
    shop.policy.caps.add_on = 4;
    let all = basket(&[0, 1, 2, 3]);
    let answer = shop.ask(&asked(&all, AddOn));
    // 20 % of 30, 5 % of 90, 40 % of 10; the fourth has the median rate of the others, 30 of 6: 5 x 8.
    assert_eq!(answer.of(AddOn), [5, 6, 4, 7]);
    assert_eq!(answer.offers.iter().map(|offer| offer.estimated).collect::<Vec<_>>(), [false, false, false, true]);
    assert_eq!(answer.find(7).delta_margin, Some(Money(8 * 10_000 * 5)), "never silently 0");
    let by = |objective| shop.ask(&OffersQuery { objective: Some(objective), ..asked(&all, AddOn) }).of(AddOn);
    assert_eq!(by(Objective::Relevance), [4, 5, 7, 6]);
    assert_eq!(by(Objective::Units), [4, 5, 7, 6]);
    assert_eq!(by(Objective::Revenue), [4, 5, 7, 6], "200, 120, 80 and 35 hundredths of a cent");
}

#[test]
fn concept_25_with_equal_cost_the_whole_step_is_margin() {
    // Two ladders with the same step in price; the second step costs nothing more.
    let mut shop = Shop::new(&[1_000, 1_500, 1_000, 1_500]);
    for (item, margin) in [(0, 300), (1, 400), (2, 300), (3, 800)] {
        shop.items[item].margin = Some(Money(margin * 100));
    }
    shop.ladders = vec![vec![(vec![0], 0.3), (vec![1], 0.0)], vec![(vec![2], 0.3), (vec![3], 0.0)]];
    shop.policy.objective = Objective::Margin;
    let answer = shop.ask(&asked(&basket(&[2, 0]), Upsell));
    assert_eq!(answer.of(Upsell), [3], "5 of 5 instead of 1 of 5");
    assert_eq!(answer.offers[0].delta_margin, Some(Money(50_000)));
    shop.policy.objective = Objective::Revenue;
    let answer = shop.ask(&asked(&basket(&[2, 0]), Upsell));
    assert_eq!(answer.of(Upsell), [1], "the same money: the smaller item");
}

#[test]
fn concept_26_service_tiers_go_up_and_never_down() {
    let mut shop = Shop::new(&[900, 1_900, 3_900]);
    shop.ladders = vec![vec![(vec![0], 0.3), (vec![1], 0.2), (vec![2], 0.0)]];
    shop.policy.max_price_ratio.upsell = 10.0;
    let from = |tier: u32| shop.ask(&asked(&basket(&[tier]), Upsell));
    assert_eq!(from(0).of(Upsell), [1], "the next tier first");
    assert_eq!(from(1).of(Upsell), [2]);
    assert!(from(2).offers.is_empty(), "no downgrade");
    // A service has no stock: it is never out of it.
    assert!(shop.items.iter().all(|item| item.stock.is_none()));
}

#[test]
fn concept_27_best_sellers_answer_where_nothing_is_known() {
    let mut shop = phones();
    shop.popular = vec![5, 3];
    for items in [&[][..], &[6]] {
        let answer = shop.ask(&asked(&basket(items), CrossSell));
        assert_eq!(answer.of(CrossSell), [5, 3]);
        assert!(answer.offers.iter().all(|offer| offer.stand_in.is_some() && offer.p.is_none()));
        assert!(matches!(answer.offers[0].reason, OfferReason::CrossSell(Reason::Popular { .. })));
    }
}

#[test]
fn concept_28_what_comes_back_can_be_filtered_out() {
    // Items that are often returned: the shop says how often in a column.
    let mut shop = phones();
    shop.attributes = vec![("returns", vec![None, None, None, Some("0.30"), Some("0.01"), Some("0.05"), None, None])];
    shop.policy.filters = vec![Filter {
        attribute: "returns".into(),
        op: Operator::AtMost,
        value: Some(FilterValue::One(FilterScalar::Number(0.05))),
        of_anchor: false,
        kinds: vec![CrossSell],
    }];
    let answer = shop.ask(&OffersQuery { basket: &[ItemId(0)], ..OffersQuery::default() });
    assert_eq!((answer.of(CrossSell), answer.rule(3)), (vec![5], Some(Rule::Filter)));
    assert!(!answer.of(Upsell).is_empty(), "the filter is for what is added");
}

#[test]
fn concept_30_a_need_speaks_beside_the_basket() {
    // 0 bread, 1 heat pad (for a bad back), 2 butter, 3 memory foam pillow.
    let shop = Shop::new(&[300, 2_000, 250, 3_490]).near(0, 2, 0.6).near(0, 3, 0.1).near(1, 3, 0.9);
    let ask = |context: &[ItemId]| shop.ask(&OffersQuery { context, ..asked(&[ItemId(0)], CrossSell) }).of(CrossSell);
    assert_eq!(ask(&[]), [2], "a pillow is no offer beside bread");
    assert_eq!(ask(&[ItemId(1)]), [3, 2]);
    let answer = shop.ask(&OffersQuery { context: &[ItemId(1)], ..asked(&[ItemId(0)], CrossSell) });
    assert_eq!(answer.projected, Some(Money((300 + 250 + 3_490) * 100)), "a need is not in the basket");
}

#[test]
fn concept_31_accessories_fit_the_item_that_the_slate_assumes_is_bought() {
    let mut shop = phones();
    shop.policy.caps.upsell = 1;
    let answer = shop.ask(&OffersQuery { basket: &[ItemId(0)], ..OffersQuery::default() });
    // The dearer phone is worth more than the case of the one it replaces; the charger fits both, and
    // the insurance belongs to the old one.
    assert!(!answer.of(Upsell).is_empty() && answer.of(CrossSell).contains(&5));
    let contradictions = [3, 6].map(|item| answer.rule(item));
    assert!(contradictions.contains(&Some(Rule::Contradiction)), "{contradictions:?}");
    assert!(!answer.of(CrossSell).contains(&3) && !answer.of(AddOn).contains(&6));
    shop.ladders[0][0].1 = 0.001;
    let answer = shop.ask(&OffersQuery { basket: &[ItemId(0)], ..OffersQuery::default() });
    assert!(answer.of(Upsell).is_empty(), "where nobody goes up the accessories win");
    assert_eq!((answer.of(CrossSell), answer.of(AddOn)), (vec![3, 5, 7], vec![6]));
}

#[test]
fn filters_compare_with_values_and_with_the_anchor() {
    let mut shop = phones();
    shop.categories = vec![("Electronics", NO_GROUP), ("Phones", 0), ("Cases", 0)];
    shop.brands = vec!["Galaxo", "Pomelo"];
    for (item, category, brand) in [(0, 1, 0), (3, 2, 0), (5, 0, 1), (7, NO_GROUP, NO_GROUP)] {
        shop.items[item] = OfferItem { category, brand, ..shop.items[item] };
    }
    shop.attributes = vec![
        ("gb", [Some("128"), Some("256"), Some("64"), Some("1"), None, Some("200"), None, None].to_vec()),
        ("new", [Some("true"), None, None, Some("true"), None, Some("false"), None, None].to_vec()),
    ];
    let passing = |text: &str| {
        let mut shop = shop.clone();
        shop.policy.filters = vec![serde_json::from_str(text).unwrap()];
        shop.ask(&asked(&[ItemId(0)], CrossSell)).of(CrossSell)
    };
    for (text, expected) in [
        (r#"{"attribute": "brand", "op": "=", "value": "Galaxo"}"#, &[3][..]),
        (r#"{"attribute": "brand", "op": "!=", "value": "Galaxo"}"#, &[5]),
        (r#"{"attribute": "brand", "op": "in", "value": ["Pomelo", "Galaxo"]}"#, &[3, 5]),
        (r#"{"attribute": "brand", "op": "=", "of_anchor": true}"#, &[3]),
        (r#"{"attribute": "category", "op": "=", "value": "Electronics"}"#, &[3, 5]),
        (r#"{"attribute": "category", "op": "in", "value": ["Electronics > Cases"]}"#, &[3]),
        (r#"{"attribute": "category", "op": "!=", "value": "Cases"}"#, &[5]),
        (r#"{"attribute": "gb", "op": ">", "of_anchor": true}"#, &[5]),
        (r#"{"attribute": "gb", "op": "<", "of_anchor": true}"#, &[3]),
        (r#"{"attribute": "gb", "op": ">=", "value": 200}"#, &[5]),
        (r#"{"attribute": "gb", "op": "in", "value": [1, 7]}"#, &[3]),
        (r#"{"attribute": "new", "op": "=", "value": true}"#, &[3]),
        (r#"{"attribute": "price", "op": "<", "value": 29.99}"#, &[3]),
        (r#"{"attribute": "price", "op": "<=", "value": 29.99}"#, &[3, 5]),
        (r#"{"attribute": "price", "op": ">", "of_anchor": true}"#, &[7]),
        (r#"{"attribute": "gb", "op": "<", "value": 0, "kinds": ["upsell"]}"#, &[3, 5, 7]),
    ] {
        assert_eq!(passing(text), expected, "{text}");
    }
    let refused = |text: &str| {
        let policy = Policy { filters: vec![serde_json::from_str(text).unwrap()], ..Policy::default() };
        shop.scorer().compile_policy(policy).unwrap_err().to_string()
    };
    assert!(refused(r#"{"attribute": "gigs", "op": "=", "value": 1}"#).contains("there are price, margin"));
    assert!(refused(r#"{"attribute": "brand", "op": "<", "value": "x"}"#).contains("no order"));
    assert!(refused(r#"{"attribute": "gb", "op": "=", "value": "x"}"#).contains("holds numbers"));
    assert!(refused(r#"{"attribute": "gb", "op": "in", "value": 1}"#).contains("a list"));
    assert!(refused(r#"{"attribute": "gb", "op": "="}"#).contains("neither"));
}

#[test]
fn names_that_a_model_does_not_know_are_said() {
    let shop = phones();
    let scorer = shop.scorer();
    let mut policy = Policy::default();
    policy.exclude.items = vec![ItemName::Text("i03".into()), ItemName::Text("gone".into())];
    policy.price_sensitivity.insert("nobody".into(), 0.5);
    let compiled = scorer.compile_policy(policy).unwrap();
    assert_eq!(compiled.unknown(), ["excluded item gone", "segment nobody of price_sensitivity"]);
    for (categories, brands) in [(vec!["Cars".to_owned()], vec![]), (vec![], vec!["Velo".to_owned()])] {
        let exclude = Exclusions { items: Vec::new(), categories, brands };
        let error = scorer.compile_policy(Policy { exclude, ..Policy::default() }).unwrap_err();
        assert!(error.to_string().contains("exclude."), "{error}");
    }
}
