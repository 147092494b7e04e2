//! Slates under a rising weight of money, against every slate there is.

use proptest::prelude::*;
use sidecart_core::power;

use super::super::optimum::{Choice, Limits, SearchMemory};
use super::optimum::try_everything;
use super::*;

/// Something to add: probability, gain, category.
type Offered = (f64, f64, u32);

fn any_offers() -> impl Strategy<Value = Vec<Offered>> {
    let p = prop_oneof![3 => 0.001f64..0.5, 1 => Just(0.125)];
    let gain = prop_oneof![3 => 0.05f64..50.0, 1 => Just(2.0)];
    let category = prop_oneof![1 => Just(NO_GROUP), 4 => 0u32..3];
    prop::collection::vec((p, gain, category), 1..9)
}

fn choices(offered: &[Offered], exponent: f64) -> Vec<Choice> {
    let mut choices: Vec<Choice> = (0u32..)
        .zip(offered)
        .map(|(number, &(p, gain, category))| Choice {
            value: p * power(gain, exponent),
            item: ItemId(number),
            kind: OfferKind::CrossSell,
            category,
            department: category,
            host: NO_GROUP,
            upsell: 0,
            clashes: 0,
            candidate: number,
        })
        .collect();
    choices.sort_unstable_by(Choice::order);
    choices
}

/// Expected hits and expected money of what a search chose.
fn expected(offered: &[Offered], exponent: f64, limits: &Limits) -> (f64, f64) {
    let choices = choices(offered, exponent);
    let mut memory = SearchMemory::default();
    memory.search(&choices, limits);
    let of = |&at: &usize| offered[choices[at].candidate as usize];
    let hits = memory.best.iter().map(|at| of(at).0).sum();
    (hits, memory.best.iter().map(|at| of(at).0 * of(at).1).sum())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12_000))]

    /// Relevance falls and value rises with the exponent, from the most hits that any slate has to
    /// the most money.
    #[test]
    fn frontier_slates_are_monotone(
        offered in any_offers(),
        total in 1usize..5,
        per_kind in 1usize..5,
        per_category in 1usize..3,
        mut exponents in prop::collection::vec(0.0f64..1.0, 1..5),
    ) {
        exponents.extend([0.0, 1.0]);
        exponents.sort_by(f64::total_cmp);
        let limits = Limits { total, per_kind: [per_kind, 0, 0], per_category, diversity: 0.0 };
        let points: Vec<(f64, f64)> = exponents.iter().map(|&a| expected(&offered, a, &limits)).collect();
        for pair in points.windows(2) {
            let ((hits, money), (fewer, more)) = (pair[0], pair[1]);
            prop_assert!(fewer <= hits * (1.0 + 1e-9) && more >= money * (1.0 - 1e-9), "{:?} of {:?}", points, offered);
        }

        let most = |value: &dyn Fn(&Offered) -> f64| {
            let mut all = choices(&offered, 0.0);
            all.iter_mut().for_each(|choice| choice.value = value(&offered[choice.candidate as usize]));
            try_everything(&all, &limits)
        };
        let (most_hits, most_money) = (most(&|&(p, ..)| p), most(&|&(p, gain, _)| p * gain));
        let (first, last) = (points[0], points[points.len() - 1]);
        prop_assert!((first.0 - most_hits).abs() <= 1e-9 * most_hits && (last.1 - most_money).abs() <= 1e-9 * most_money);
    }
}
