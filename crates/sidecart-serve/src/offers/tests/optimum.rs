//! The search against trying every slate.

use proptest::prelude::*;

use super::super::optimum::{Choice, Limits, SearchMemory, contradict};
use super::*;

/// Whether a slate keeps every cap and contradicts itself nowhere.
pub(super) fn is_allowed(slate: &[Choice], limits: &Limits) -> bool {
    let of_kind = |kind: OfferKind| slate.iter().filter(|choice| choice.kind == kind).count();
    let of_category = |category: u32| slate.iter().filter(|choice| choice.category == category).count();
    slate.len() <= limits.total
        && OfferKind::ALL.into_iter().all(|kind| of_kind(kind) <= limits.per_kind[kind as usize])
        && slate.iter().all(|c| c.category == NO_GROUP || of_category(c.category) <= limits.per_category)
        && (0..slate.len()).all(|b| (0..b).all(|a| !contradict(&slate[a], &slate[b])))
}

/// The sum of values: in each department the r-th best counts `(1 - diversity)^(r - 1)`.
pub(super) fn worth(slate: &[Choice], limits: &Limits) -> f64 {
    let mut left = slate.to_vec();
    left.sort_by(|a, b| b.value.total_cmp(&a.value));
    let place = |at: usize| match left[at].department {
        NO_GROUP => 0,
        department => left[..at].iter().filter(|choice| choice.department == department).count() as i32,
    };
    (0..left.len()).map(|at| left[at].value * (1.0 - limits.diversity).powi(place(at))).sum()
}

/// The best worth of all allowed slates.
pub(super) fn try_everything(choices: &[Choice], limits: &Limits) -> f64 {
    assert!(choices.len() <= 14, "{} choices are too many to try everything", choices.len());
    let slate = |bits: u32| -> Vec<Choice> {
        (0..choices.len()).filter(|at| bits >> at & 1 == 1).map(|at| choices[at]).collect()
    };
    let slates = (0..1u32 << choices.len()).filter(|bits| bits.count_ones() as usize <= limits.total).map(slate);
    slates.filter(|slate| is_allowed(slate, limits)).map(|slate| worth(&slate, limits)).fold(0.0, f64::max)
}

fn any_choices() -> impl Strategy<Value = Vec<Choice>> {
    let value = prop_oneof![Just(0.5f64), 0.001f64..1.0, (1u32..5).prop_map(f64::from)];
    let kind =
        prop::sample::select(vec![OfferKind::CrossSell, OfferKind::CrossSell, OfferKind::Upsell, OfferKind::AddOn]);
    let group = || prop_oneof![1 => Just(NO_GROUP), 4 => 0u32..4];
    prop::collection::vec((value, kind, group(), 0u32..8, 0u32..3, any::<u8>(), 0u32..9), 0..9).prop_map(|rows| {
        let mut n_upsells = 0;
        let mut choices: Vec<Choice> = (0u32..)
            .zip(rows)
            .map(|(number, (value, kind, category, same, host, clashes, spread))| {
                let mut upsell = 0;
                if kind == OfferKind::Upsell {
                    upsell = 1 << n_upsells;
                    n_upsells += 1;
                }
                Choice {
                    value,
                    // An item is added once; it can be offered as an upgrade of two.
                    item: ItemId(if same < 3 && kind != OfferKind::CrossSell { 0 } else { 1 + number }),
                    kind,
                    category,
                    department: if category == NO_GROUP { NO_GROUP } else { 4 + category / 2 },
                    host: if kind == OfferKind::AddOn { host } else { NO_GROUP },
                    upsell,
                    clashes: if spread < 4 { u32::from(clashes) & !upsell } else { 0 },
                    candidate: number,
                }
            })
            .collect();
        choices.sort_unstable_by(Choice::order);
        choices
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn the_search_finds_what_trying_everything_finds(
        choices in any_choices(),
        total in 0usize..6,
        per_kind in prop::array::uniform3(0usize..4),
        per_category in 1usize..3,
        diversity in prop_oneof![Just(0.0f64), Just(1.0), 0.0f64..1.0],
    ) {
        let limits = Limits { total, per_kind, per_category, diversity };
        let mut memory = SearchMemory::default();
        memory.search(&choices, &limits);
        let found: Vec<Choice> = memory.best.iter().map(|&at| choices[at]).collect();
        prop_assert!(is_allowed(&found, &limits), "{found:?}");
        let best = try_everything(&choices, &limits);
        prop_assert!((memory.best_value - best).abs() <= 1e-12 * best, "{} of {best}", memory.best_value);
        prop_assert!((worth(&found, &limits) - best).abs() <= 1e-12 * best);
    }

    #[test]
    fn large_questions_end_soon(seed in any::<u64>(), diversity in 0.0f64..0.9, n_upsells in 0usize..20) {
        let mut rng = sidecart_core::Rng::new(seed, 1);
        let mut choices: Vec<Choice> = (0..80u32)
            .map(|number| {
                let is_upsell = (number as usize) < n_upsells;
                let category = rng.below(12) as u32;
                Choice {
                    value: rng.unit() + 1e-6,
                    item: ItemId(number),
                    kind: if is_upsell { OfferKind::Upsell } else { OfferKind::CrossSell },
                    category,
                    department: 12 + category / 4,
                    host: NO_GROUP,
                    upsell: if is_upsell { 1 << number } else { 0 },
                    clashes: rng.below(1 << 20) as u32,
                    candidate: number,
                }
            })
            .collect();
        choices.iter_mut().for_each(|choice| choice.clashes &= !choice.upsell);
        choices.sort_unstable_by(Choice::order);
        let mut memory = SearchMemory::default();
        let limits = Limits { total: 12, per_kind: [12, 4, 2], per_category: 2, diversity };
        memory.search(&choices, &limits);
        prop_assert!(memory.n_visited < 5_000, "{} branches", memory.n_visited);
    }
}

#[test]
fn ties_go_to_the_smaller_item() {
    let choice = |item: u32| Choice {
        value: 0.25,
        item: ItemId(item),
        kind: OfferKind::CrossSell,
        category: 0,
        department: 0,
        host: NO_GROUP,
        upsell: 0,
        clashes: 0,
        candidate: item,
    };
    let mut choices: Vec<Choice> = [5, 2, 9, 1].map(choice).to_vec();
    choices.sort_unstable_by(Choice::order);
    let mut memory = SearchMemory::default();
    let limits = Limits { total: 3, per_kind: [3; 3], per_category: 2, diversity: 0.3 };
    memory.search(&choices, &limits);
    let items: Vec<u32> = memory.best.iter().map(|&at| choices[at].item.0).collect();
    assert_eq!(items, [1, 2], "the cap of the category, the smaller items first");
}
