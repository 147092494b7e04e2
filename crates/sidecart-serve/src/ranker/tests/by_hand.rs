//! Cases worked out by hand.

use super::*;

#[test]
fn memory_is_forgotten_also_when_the_numbers_of_queries_run_out() {
    let tables = tables(&mut Rng::new(1, 0));
    let mut memory = RankerMemory::default();
    memory.prepare(&tables);
    assert_eq!(memory.epoch, 1);
    memory.kinds.touch(1, 2).unwrap().in_basket = 3.0;
    memory.lines.touch(1, 4).unwrap().weight = 3.0;
    memory.seen[5] = 1;
    assert!(memory.kinds.touch(1, NO_GROUP).is_none() && memory.kinds.get(1, NO_GROUP).in_basket == 0.0);
    assert_eq!((memory.kinds.get(1, 2).in_basket, &memory.kinds.touched[..]), (3.0, &[2][..]));

    memory.epoch = u32::MAX;
    memory.prepare(&tables);
    assert_eq!((memory.epoch, memory.seen[5]), (1, 0), "a number that was used before must not be found again");
    assert_eq!((memory.kinds.get(1, 2).in_basket, memory.lines.get(1, 4).weight), (0.0, 0.0));
    assert!(memory.kinds.touched.is_empty() && memory.lines.touched.is_empty());
}

#[test]
fn what_a_situation_has_not_learned_answers_nothing_unless_it_is_the_default() {
    let mut scorer = scorer(4);
    let mut model = scorer.model().ranker().unwrap().clone();
    model.situations[Situation::Anonymous as usize] = None;
    scorer.set_ranker(model);
    let basket = [ItemId(0), ItemId(1), ItemId(2)];
    let ask = |using| Query { basket: &basket, using, ..Query::default() };
    for using in [Source::Fast, Source::Linear, Source::Trees, Source::Neural] {
        assert!(scorer.recommend(&ask(using), &mut scorer.scratch()).unwrap().offers.is_empty());
    }
    assert!(!scorer.recommend(&ask(Source::Default), &mut scorer.scratch()).unwrap().offers.is_empty());
}

#[test]
fn an_item_nobody_bought_is_answered_by_its_category_and_marked() {
    let mut scorer = scorer(4);
    let mut model = scorer.model().ranker().unwrap().clone();
    model.settings.stages = [Stage::Trees; 3];
    model.tables.items[UNSOLD].kind = 1;
    let go_with = |kind| if kind == 1 { vec![KindPair { kind: 2, lift: 1.0, first_lift: 2.0 }] } else { Vec::new() };
    model.tables.pairs = Rows::new((0..N_KINDS as u32).map(go_with));
    let mut without_kind = model.clone();
    scorer.set_ranker(model);
    let mut history = History::default();
    history.push(Time(0), &[ItemId(3)]);
    let (unsold, both) = ([ItemId(UNSOLD as u32)], [ItemId(UNSOLD as u32), ItemId(0)]);
    let ask = |scorer: &Scorer, basket: &[ItemId], history: Option<&History>, using: Source| {
        let query = Query { basket, history, using, k: 4, ..Query::default() };
        let mut scratch = scorer.scratch();
        let answer = scorer.recommend(&query, &mut scratch).unwrap();
        (0..answer.offers.len()).map(|at| answer.stand_in(at)).collect::<Vec<_>>()
    };
    assert_eq!(ask(&scorer, &unsold, None, Source::Default), [Some(StandIn::Category); 4]);
    assert_eq!(ask(&scorer, &both, None, Source::Default), [None; 4], "what is known of the other item speaks");
    assert_eq!(ask(&scorer, &unsold, Some(&history), Source::Default), [None; 4], "the past speaks");
    assert_eq!(ask(&scorer, &unsold, None, Source::Trees), [None; 4], "a source that is named answers as it is");
    assert_eq!(ask(&scorer, &[], None, Source::Default), [Some(StandIn::Popular); 4]);
    without_kind.tables.items[UNSOLD].kind = NO_GROUP;
    scorer.set_ranker(without_kind);
    assert_eq!(ask(&scorer, &unsold, None, Source::Default), [Some(StandIn::Popular); 4]);
}

#[test]
fn the_first_promoted_items_are_candidates_unless_they_may_not_come_back() {
    let scorer = scorer(3);
    let mut asked = Asked {
        basket: vec![ItemId(0)],
        history: None,
        time: Time(0),
        mode: Mode::Completion,
        k: 5,
        store: None,
        exclude: Vec::new(),
        promoted: Vec::new(),
    };
    let before = light_rows(&scorer, &asked, Stage::Linear);
    let others: Vec<ItemId> =
        (1..N_ITEMS as u32).filter(|item| !before.contains_key(item)).map(ItemId).take(4).collect();
    asked.exclude = vec![others[0]];
    asked.promoted = others.clone();
    let after = light_rows(&scorer, &asked, Stage::Linear);
    let new: Vec<u32> = after.keys().copied().filter(|item| !before.contains_key(item)).collect();
    assert_eq!(new, [others[1].0], "two are looked at, one of them is excluded");
    assert_eq!(
        light_rows(&scorer, &asked, Stage::Fast).len(),
        light_rows(&scorer, &Asked { promoted: Vec::new(), ..asked.clone() }, Stage::Fast).len()
    );
}

#[test]
fn what_is_bought_instead_is_looked_up_item_by_item() {
    let mut history = History::default();
    history.push(Time(0), &[ItemId(3), ItemId(5)]);
    history.push(Time(DAY), &[ItemId(4)]);
    let asked = |mode| Asked {
        basket: vec![ItemId(0), ItemId(1)],
        history: Some(history.clone()),
        time: Time(2 * DAY),
        mode,
        k: 5,
        store: None,
        exclude: Vec::new(),
        promoted: Vec::new(),
    };
    let at = |name: &str| FEATURES.iter().position(|feature| *feature == name).unwrap();
    let (mut n_basket, mut n_own) = (0, 0);
    for scorer in (0..8).map(scorer) {
        let strength = |of: &[u32], item: u32| {
            let all = of.iter().flat_map(|&from| {
                let (items, scores) = scorer.model().substitutes(ItemId(from));
                items.iter().zip(scores).filter(|(other, _)| **other == item).map(|(_, score)| *score)
            });
            all.fold(0.0f32, f32::max)
        };
        let light = scorer.model().ranker().unwrap().of(Situation::DiscoveryKnown).unwrap().light.clone();
        for mode in [Mode::Completion, Mode::Discovery] {
            for (item, row) in rows(&scorer, &asked(mode), &light, N_ITEMS) {
                let own = if mode == Mode::Discovery { strength(&[3, 4, 5], item) } else { 0.0 };
                assert_eq!((row[at("instead_of_basket")], row[at("instead_of_own")]), (strength(&[0, 1], item), own));
                n_basket += usize::from(row[at("instead_of_basket")] > 0.0);
                n_own += usize::from(own > 0.0);
            }
        }
    }
    assert!(n_basket > 0 && n_own > 0, "{n_basket} {n_own}");
}

#[test]
fn features_of_a_hand_made_past() {
    let mut scorer = scorer(9);
    let mut model = scorer.model().ranker().unwrap().clone();
    let settings = &mut model.settings;
    (settings.quotas.pool, settings.kept) = (100, 100);
    // Items 0, 1 and 2 are one line of kind 3; nobody else is.
    for (item, facts) in model.tables.items.iter_mut().enumerate() {
        let in_line = item < 3;
        (facts.kind, facts.line) = if in_line { (3, 5) } else { (0, 0) };
        (facts.family, facts.maker) = if in_line { (1, 2) } else { (0, 0) };
        facts.log_price = if in_line { item as f32 } else { 5.0 };
        facts.private_label = if in_line { 1.0 } else { 0.0 };
    }
    model.tables.line_items = Rows::new((0..N_LINES).map(|line| if line == 5 { vec![0, 1, 2] } else { Vec::new() }));
    model.tables.store_items = Rows::new([vec![0, 1], vec![7, 1], vec![]]);
    model.tables.store_counts = vec![1.0, 2.0, 3.0, 4.0];
    scorer.set_ranker(model);
    let mut history = History::default();
    history.push(Time(0), &[ItemId(0), ItemId(7)]);
    history.push(Time(14 * DAY), &[ItemId(0)]);
    history.push(Time(21 * DAY), &[ItemId(9)]);
    let asked = Asked {
        basket: vec![ItemId(2), ItemId(2), ItemId(10)],
        history: Some(history),
        time: Time(21 * DAY),
        mode: Mode::Completion,
        k: 5,
        store: Some(1),
        exclude: Vec::new(),
        promoted: Vec::new(),
    };
    let rows = rows(&scorer, &asked, &linear(&mut Rng::new(1, 1), N_LIGHT), usize::MAX);
    let of = |item: u32, name: &str| rows[&item][FEATURES.iter().position(|f| *f == name).unwrap()];
    let calendar = scorer.model().clock() == Clock::Calendar;
    assert!(!rows.contains_key(&2) && !rows.contains_key(&10), "the basket is no candidate");
    assert!(!calendar || (of(0, "own_recency") - 0.5).abs() < 1e-6, "7 days ago");
    // Twice in two baskets of the past; the third is bought at the very time of the question.
    for (item, name, expected) in [
        (0, "own_count", 1.0),
        (0, "is_own", 1.0),
        (1, "is_own", 0.0),
        (1, "own_count", 0.0),
        (1, "kind_in_basket", 1.0),
        (7, "kind_in_basket", 1.0),
        (1, "line_in_basket", 1.0),
        (0, "line_price", 2.0),
        (1, "line_price", 1.0),
        (1, "line_distinct", 1.0),
        (1, "kind_distinct", 1.0),
        (1, "price_to_basket", 1.0 - 3.5),
        (0, "store_recent", 0.0),
        (1, "store_recent", 4.0),
        (7, "store_recent", 3.0),
        (1, "price_to_own_kind", 1.0),
        (1, "price_to_past", 1.0 - 5.0 / 3.0),
        (1, "private_affinity", 2.0 / 3.0),
        (7, "private_affinity", 1.0 / 3.0),
        (1, "n_basket", 2.0 / 12.0),
        (1, "n_past", 2.0 / 12.0),
    ] {
        assert!((of(item, name) - expected).abs() < 1e-6, "{name} of {item}: {} for {expected}", of(item, name));
    }
}
