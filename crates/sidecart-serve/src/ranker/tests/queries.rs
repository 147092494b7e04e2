//! Properties of queries.

use super::*;

proptest! {
    #[test]
    fn the_first_stage_sees_the_numbers_of_the_second(seed in any::<u64>(), asked in asked()) {
        let scorer = scorer(seed);
        let light = light_rows(&scorer, &asked, Stage::Trees);
        let all = rows(&scorer, &asked, &linear(&mut Rng::new(seed, 2), N_LIGHT), usize::MAX);
        prop_assert!(light.keys().eq(all.keys()), "{:?} {:?}", light.keys(), all.keys());
        for (item, light) in &light {
            for (name, value) in LIGHT.iter().zip(light) {
                let position = FEATURES.iter().position(|feature| feature == name).unwrap();
                let full = all[item][position];
                prop_assert_eq!(full.to_bits(), value.to_bits(), "{} of {}: {} {}", name, item, full, value);
                prop_assert!(value.is_finite(), "{} of {}: {}", name, item, value);
            }
            prop_assert!(all[item].iter().all(|value| value.is_finite()), "{:?}", all[item]);
        }
    }

    #[test]
    fn an_answer_is_the_cascade_worked_out_with_sorts(seed in any::<u64>(), asked in asked()) {
        let scorer = scorer(seed);
        let model = scorer.model().ranker().unwrap();
        let rankers = model.of(asked.situation()).unwrap();
        let light = light_rows(&scorer, &asked, Stage::Trees);
        let score = |(&item, row): (&u32, &[f32; N_LIGHT])| Scored { item: ItemId(item), score: rankers.light.score(row) };
        let n_kept = (model.settings.kept as usize).max(asked.k);
        let kept = best(light.iter().map(score).collect(), n_kept);
        let all = rows(&scorer, &asked, &rankers.light, usize::MAX);
        let twin = |score: &dyn Fn(&[f32]) -> f32| {
            best(kept.iter().map(|s| Scored { score: score(&all[&s.item.0]), ..*s }).collect(), asked.k)
        };
        let by_line = twin(&|row| rankers.linear.score(row));
        prop_assert_eq!(answer(&scorer, &asked, Source::Linear), by_line);
        let trees = rankers.trees.as_ref().unwrap();
        prop_assert_eq!(answer(&scorer, &asked, Source::Trees), twin(&|row| trees.score_plain(row)));
        let neural = rankers.neural.as_ref().unwrap();
        prop_assert_eq!(answer(&scorer, &asked, Source::Neural), twin(&|row| neural.score_plain(row)));
    }

    #[test]
    fn the_fast_profile_ranks_fewer_candidates_by_its_own_line(seed in any::<u64>(), asked in asked()) {
        let scorer = scorer(seed);
        let rankers = scorer.model().ranker().unwrap().of(asked.situation()).unwrap();
        let (few, many) = (light_rows(&scorer, &asked, Stage::Fast), light_rows(&scorer, &asked, Stage::Linear));
        prop_assert!(few.len() <= many.len(), "{} of {}", few.len(), many.len());
        let scored = few.iter().map(|(&item, row)| Scored { item: ItemId(item), score: rankers.fast.score(row) });
        prop_assert_eq!(answer(&scorer, &asked, Source::Fast), best(scored.collect(), asked.k));
    }

    #[test]
    fn nothing_forbidden_comes_back(seed in any::<u64>(), asked in asked()) {
        let scorer = scorer(seed);
        let mut forbidden: BTreeSet<ItemId> = asked.basket.iter().chain(&asked.exclude).copied().collect();
        if asked.mode == Mode::Discovery {
            let past = asked.history.iter().flat_map(|h| h.as_of(asked.time));
            forbidden.extend(past.flat_map(|basket| basket.items.iter().copied()));
        }
        for using in [Source::Fast, Source::Linear, Source::Trees, Source::Neural, Source::Default] {
            let query = asked.query(using);
            let mut scratch = scorer.scratch();
            let given = scorer.recommend(&query, &mut scratch).unwrap();
            let offers = given.offers;
            prop_assert!(offers.len() <= asked.k, "{}: {} of {}", using, offers.len(), asked.k);
            let wrong: Vec<_> = offers.iter().filter(|offer| forbidden.contains(&offer.item)).collect();
            prop_assert!(wrong.is_empty(), "{}: {:?} of {:?}", using, wrong, forbidden);
            let own = &offers[..given.fallback_from];
            prop_assert!(own.is_sorted_by(|a, b| a.rank_order(b).is_lt()), "{}: {:?}", using, own);
            let distinct: BTreeSet<ItemId> = offers.iter().map(|offer| offer.item).collect();
            prop_assert_eq!(distinct.len(), offers.len(), "{}: an item twice", using);
        }
    }

    #[test]
    fn the_default_is_what_the_settings_name(seed in any::<u64>(), asked in asked()) {
        let scorer = scorer(seed);
        let mut scratch = scorer.scratch();
        let given = scorer.recommend(&asked.query(Source::Default), &mut scratch).unwrap();
        let own = given.offers[..given.popular_from].to_vec();
        let using = match scorer.model().ranker().unwrap().settings.stages[asked.situation() as usize] {
            Stage::Fast => Source::Fast,
            Stage::Linear => Source::Linear,
            Stage::Trees => Source::Trees,
            Stage::Neural => Source::Neural,
            Stage::Mixture => Source::Mixture,
        };
        let expected = answer(&scorer, &asked, using);
        // Popular items stand in where the mixture has nothing else, or nothing is asked.
        let is_unsold = |item: &ItemId| item.index() == UNSOLD;
        let says_nothing = asked.basket.iter().all(is_unsold) && asked.situation() == Situation::Anonymous;
        prop_assert!(own == expected || ((says_nothing || using == Source::Mixture) && own.is_empty()), "{}: {:?} {:?}", using, own, expected);
    }

    #[test]
    fn a_query_leaves_nothing_behind(seed in any::<u64>(), asked in prop::collection::vec(asked(), 2..6)) {
        let scorer = scorer(seed);
        let other = self::scorer(seed.wrapping_add(1));
        let mut scratch = scorer.scratch();
        for (at, asked) in asked.iter().enumerate() {
            for using in [Source::Fast, Source::Linear, Source::Trees, Source::Neural] {
                let fresh = answer(&scorer, asked, using);
                let warm = scorer.recommend(&asked.query(using), &mut scratch).unwrap().offers;
                prop_assert_eq!(warm, &fresh[..], "query {} by {}", at, using);
            }
            if at % 2 == 1 {
                // Another model of the same sizes with the same memory.
                let fresh = answer(&other, asked, Source::Trees);
                let warm = other.recommend(&asked.query(Source::Trees), &mut scratch).unwrap().offers;
                prop_assert_eq!(warm, &fresh[..], "the other model after query {}", at);
            }
        }
    }
}
