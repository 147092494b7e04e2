use proptest::prelude::*;
use sidecart_core::{ItemId, Money, Rng};

use super::*;

fn filler(item: u32, price: i64, relevance: f64) -> Filler {
    Filler { item: ItemId(item), price: Money(price), relevance, value: f64::from(item) }
}

fn request(gap: i64, max_overshoot: i64, max_items: usize, n_fillings: usize) -> ThresholdGap {
    ThresholdGap { gap: Money(gap), max_overshoot: Money(max_overshoot), max_items, n_fillings }
}

/// Every set of up to `max_items` priced candidates, in the order that `fill` promises.
fn exhaustive(candidates: &[Filler], gap: &ThresholdGap) -> Vec<(i64, Vec<ItemId>)> {
    let mut sets = Vec::new();
    for mask in 1u32..1 << candidates.len() {
        let chosen: Vec<&Filler> = (0..).zip(candidates).filter(|(i, _)| mask >> i & 1 == 1).map(|(_, f)| f).collect();
        let total: i128 = chosen.iter().map(|f| i128::from(f.price.0)).sum();
        let overshoot = total - i128::from(gap.gap.0);
        if chosen.len() > gap.max_items
            || chosen.iter().any(|f| f.price.0 <= 0)
            || overshoot < 0
            || overshoot > i128::from(gap.max_overshoot.0.max(0))
        {
            continue;
        }
        let relevance: u64 = chosen.iter().map(|f| (f.relevance * f64::from(1u32 << 30)).round() as u64).sum();
        let mut items: Vec<ItemId> = chosen.iter().map(|f| f.item).collect();
        items.sort_unstable();
        sets.push((overshoot, chosen.len(), std::cmp::Reverse(relevance), items));
    }
    sets.sort();
    sets.truncate(gap.n_fillings);
    sets.into_iter().map(|(overshoot, _, _, items)| (overshoot as i64, items)).collect()
}

fn found(candidates: &[Filler], gap: &ThresholdGap) -> Vec<(i64, Vec<ItemId>)> {
    let fillings = ThresholdFiller::default().fill(candidates, gap).unwrap();
    fillings.sets.iter().map(|set| (set.overshoot.0, set.items().to_vec())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12_000))]
    #[test]
    fn equals_an_exhaustive_search(
        // Few prices and few relevances, so that ties of every kind are common.
        shelf in prop::collection::vec((-1i64..12, 0u32..4), 0..11),
        scale in prop::sample::select(vec![1i64, 100, 1_990]),
        gap in -2i64..40,
        max_overshoot in -1i64..20,
        max_items in 1usize..=MAX_FILLERS,
        n_fillings in 1usize..=MAX_FILLINGS,
    ) {
        let candidates: Vec<Filler> = (0u32..)
            .zip(&shelf)
            .map(|(i, &(price, relevance))| filler((i * 7) % 11, price * scale, f64::from(relevance) / 4.0))
            .collect();
        let gap = request(gap * scale, max_overshoot * scale, max_items, n_fillings);
        let expected = if gap.gap.0 > 0 { exhaustive(&candidates, &gap) } else { Vec::new() };
        prop_assert_eq!(found(&candidates, &gap), expected);
    }

    #[test]
    fn what_is_found_keeps_the_bounds(
        shelf in prop::collection::vec((0i64..3_000, 0.0f64..1.0), 0..60),
        gap in 1i64..6_000,
        max_overshoot in 0i64..400,
        max_items in 1usize..=MAX_FILLERS,
    ) {
        let candidates: Vec<Filler> = (0u32..).zip(&shelf).map(|(i, &(price, p))| filler(i, price, p)).collect();
        let gap = request(gap, max_overshoot, max_items, 5);
        let fillings = ThresholdFiller::default().fill(&candidates, &gap).unwrap();
        prop_assert_eq!(fillings.sets.is_empty(), fillings.none.is_some());
        for set in &fillings.sets {
            let total: i64 = set.items().iter().map(|item| candidates[item.index()].price.0).sum();
            prop_assert_eq!(total, set.total.0);
            prop_assert_eq!(total - gap.gap.0, set.overshoot.0);
            prop_assert!((0..=max_overshoot).contains(&set.overshoot.0));
            prop_assert!((1..=max_items).contains(&set.items().len()));
            prop_assert!(set.items().iter().all(|item| candidates[item.index()].price.0 > 0));
            let value: f64 = set.items().iter().map(|item| candidates[item.index()].value).sum();
            prop_assert_eq!(value, set.value);
            let p: f64 = set.items().iter().map(|item| candidates[item.index()].relevance).sum();
            prop_assert!((p - set.relevance).abs() < 1e-8);
        }
        for pair in fillings.sets.windows(2) {
            prop_assert!((pair[0].overshoot, pair[0].items().len()) <= (pair[1].overshoot, pair[1].items().len()));
            prop_assert_ne!(pair[0].items(), pair[1].items());
        }
    }
}

#[test]
fn equal_prices_are_told_apart_by_relevance_then_id() {
    let candidates = [filler(5, 100, 0.5), filler(2, 100, 0.5), filler(9, 100, 0.9), filler(1, 100, 0.1)];
    let sets: Vec<Vec<u32>> = found(&candidates, &request(200, 0, 4, 16))
        .into_iter()
        .map(|(_, items)| items.iter().map(|item| item.0).collect())
        .collect();
    assert_eq!(sets, [vec![2, 9], vec![5, 9], vec![1, 9], vec![2, 5], vec![1, 2], vec![1, 5]]);
}

#[test]
fn fewer_items_win_at_one_overshoot() {
    let candidates = [filler(0, 300, 0.0), filler(1, 100, 1.0), filler(2, 200, 1.0)];
    assert_eq!(found(&candidates, &request(300, 0, 2, 1)), [(0, vec![ItemId(0)])]);
}

#[test]
fn free_items_never_fill() {
    let candidates = [filler(0, 0, 1.0), filler(1, -500, 1.0), filler(2, 700, 0.1)];
    assert_eq!(found(&candidates, &request(700, 500, 4, 16)), [(0, vec![ItemId(2)])]);
    let none = ThresholdFiller::default().fill(&candidates[..2], &request(700, 500, 4, 16)).unwrap().none;
    assert_eq!(none, Some(NoFilling::NoCandidate));
}

#[test]
fn nothing_is_said_with_its_reason() {
    let mut filling = ThresholdFiller::default();
    let candidates = [filler(0, 100, 0.5), filler(1, 100, 0.5)];
    let mut none = |gap, overshoot| filling.fill(&candidates, &request(gap, overshoot, 4, 3)).unwrap().none;
    assert_eq!(none(0, 100), Some(NoFilling::AlreadyReached));
    assert_eq!(none(-5, 100), Some(NoFilling::AlreadyReached));
    assert_eq!(none(i64::MIN, i64::MIN), Some(NoFilling::AlreadyReached));
    assert_eq!(none(201, 100), Some(NoFilling::NoneWithin));
    assert_eq!(none(150, 49), Some(NoFilling::NoneWithin));
    assert_eq!(none(50, 49), Some(NoFilling::NoCandidate));
    assert_eq!(none(150, 50), None);
    assert_eq!(none(i64::MAX, i64::MAX), Some(NoFilling::NoneWithin));
}

#[test]
fn the_largest_amounts_do_not_overflow() {
    let most = Money::MAX_ROW as i64 * Money::SCALE;
    let candidates: Vec<Filler> = (0..200).map(|i| filler(i, most - i64::from(i % 3), 1.0)).collect();
    let sets = found(&candidates, &request(4 * most - 1, i64::MAX, 4, 2));
    assert_eq!(sets[0].0, 0);
    assert!(found(&candidates, &request(4 * most + 1, i64::MAX, 4, 2)).is_empty());
    let dear = [filler(0, most + 1, 0.5)];
    assert!(ThresholdFiller::default().fill(&dear, &request(1, 1, 1, 1)).is_err());
}

#[test]
fn what_is_out_of_range_is_refused() {
    let mut filling = ThresholdFiller::default();
    let one = [filler(0, 100, 0.5)];
    for gap in [request(1, 1, 0, 1), request(1, 1, 5, 1), request(1, 1, 1, 0), request(1, 1, 1, 17)] {
        assert!(filling.fill(&one, &gap).is_err(), "{gap:?}");
    }
    let good = request(1, 1, 1, 1);
    let many: Vec<Filler> = (0..201).map(|i| filler(i, 100, 0.5)).collect();
    assert!(filling.fill(&many, &good).is_err());
    assert!(filling.fill(&[one[0], one[0]], &good).is_err());
    for relevance in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
        assert!(filling.fill(&[filler(0, 100, relevance)], &good).is_err());
    }
    assert!(filling.fill(&[Filler { value: f64::NAN, ..one[0] }], &good).is_err());
}

#[test]
fn memory_of_an_earlier_call_changes_nothing() {
    let mut reused = ThresholdFiller::default();
    let mut rng = Rng::new(7, 0);
    for _ in 0..200 {
        let n = rng.below(40);
        let candidates: Vec<Filler> = (0..n as u32).map(|i| filler(i, rng.below(900) as i64, rng.unit())).collect();
        let gap = request(rng.below(2_000) as i64, 50, 1 + rng.below(4), 1 + rng.below(8));
        assert_eq!(
            reused.fill(&candidates, &gap).unwrap(),
            ThresholdFiller::default().fill(&candidates, &gap).unwrap()
        );
    }
}

/// Sums looked at for one size and total: the pairs of dearer slots with the least sums above
/// them, then sets of one total, which three of their items determine.
fn most_steps(n: u64, n_fillings: u64) -> u64 {
    let pairs = n * (n - 1) / 2;
    let triples = pairs * (n - 2) / 3;
    pairs + 4 * (pairs * (n_fillings + 1) + triples * n_fillings)
}

#[test]
fn the_worst_catalogues_stay_within_the_bound() {
    let mut rng = Rng::new(3, 0);
    let n = MAX_THRESHOLD_CANDIDATES as i64;
    let mut steps = Vec::new();
    // Evenly spaced prices give the most sets of one total; others are what shops have.
    let ladders: [(&str, Vec<i64>, i64); 4] = [
        ("evenly spaced", (1..=n).collect(), 2 * n),
        ("one price", vec![199; n as usize], 796),
        ("two prices", (0..n).map(|i| 100 + 99 * (i % 2)).collect(), 598),
        ("cents", (0..n).map(|_| 49 + 50 * (rng.below(60) as i64)).collect(), 4_000),
    ];
    for (name, prices, gap) in ladders {
        let candidates: Vec<Filler> =
            (0u32..).zip(prices).map(|(i, price)| filler(i, price, f64::from(i) / 200.0)).collect();
        let fillings = ThresholdFiller::default().fill(&candidates, &request(gap, 100, 4, 5)).unwrap();
        assert_eq!(fillings.sets.len(), 5, "{name}");
        assert!(fillings.n_steps <= most_steps(n as u64, 5), "{name}: {}", fillings.n_steps);
        steps.push((name, fillings.n_steps));
    }
    // The same work on every machine: a change of these is a change of the algorithm.
    assert!(steps.iter().all(|(_, n)| *n < 500_000), "{steps:?}");
}
