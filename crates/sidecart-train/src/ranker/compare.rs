use rayon::prelude::*;
use sidecart_core::ln;
use sidecart_serve::ranker::{Situation, SituationRanker, Stage};
use sidecart_serve::{Query, Scorer, Source};

use super::cases::RankingCase;
use super::examples::query_of;
use crate::error::Result;
use crate::hold_out::HoldOut;

/// Standard errors of the difference in NDCG@10 by which a ranker must beat what there is without
/// rankers: one of the four wins by chance in 5 % of the comparisons.
const MUST_WIN: f64 = 2.24;
/// The same between a ranker and a cheaper one.
const MUST_WIN_CHEAPER: f64 = 1.0;

/// NDCG@10 and HR@10 by name of what answered.
pub type Results = Vec<(String, f64, f64)>;

/// NDCG@10 of every case, as the scorer answers.
fn gains(
    scorer: &Scorer,
    split: &HoldOut,
    cases: &[&RankingCase],
    situation: Situation,
    using: Source,
) -> Result<Vec<f64>> {
    let chunks: Vec<Result<Vec<f64>>> = cases
        .par_chunks(64)
        .map(|chunk| {
            let mut scratch = scorer.scratch();
            chunk
                .iter()
                .map(|case| {
                    let query = Query { using, ..query_of(case, situation, split) };
                    let offers = scorer.recommend(&query, &mut scratch)?.offers;
                    let rank = offers.iter().position(|offer| offer.item == case.target);
                    Ok(rank.map_or(0.0, |rank| ln(2.0) / ln(rank as f64 + 2.0)))
                })
                .collect()
        })
        .collect();
    let mut all = Vec::with_capacity(cases.len());
    for chunk in chunks {
        all.extend(chunk?);
    }
    Ok(all)
}

/// Every part, the mixture and the rankers on the same cases; what answers best. The scorer must
/// have the rankers.
pub(super) fn compare(
    scorer: &Scorer,
    split: &HoldOut,
    cases: &[&RankingCase],
    situation: Situation,
    ranker: &SituationRanker,
) -> Result<(Results, Stage)> {
    let parts = scorer.parts();
    let mut results = Vec::new();
    let mut best_without: Option<(f64, Vec<f64>)> = None;
    let mut rankers: Vec<(Stage, Vec<f64>)> = Vec::new();
    for (name, using) in Source::NAMES {
        let stage = match using {
            Source::Default => continue,
            Source::Trees if ranker.trees.is_none() => continue,
            Source::Neural if ranker.neural.is_none() => continue,
            Source::Fast => Stage::Fast,
            Source::Trees => Stage::Trees,
            Source::Linear => Stage::Linear,
            Source::Neural => Stage::Neural,
            _ => Stage::Mixture,
        };
        if !parts.contains(&name) {
            continue;
        }
        let gains = gains(scorer, split, cases, situation, using)?;
        let n = gains.len().max(1) as f64;
        let mean = gains.iter().sum::<f64>() / n;
        let hits = gains.iter().filter(|gain| **gain > 0.0).count() as f64 / n;
        results.push((name.to_owned(), mean, hits));
        if stage == Stage::Mixture {
            if best_without.as_ref().is_none_or(|(best, _)| mean > *best) {
                best_without = Some((mean, gains));
            }
        } else {
            rankers.push((stage, gains));
        }
    }
    let clusters = Clusters::of(cases);
    Ok((results, chosen(best_without.as_ref().map(|(_, gains)| &gains[..]), rankers, &clusters)))
}

/// Rankers by what they cost in a query, cheapest first.
const BY_COST: [Stage; 4] = [Stage::Fast, Stage::Linear, Stage::Neural, Stage::Trees];

/// The ranker that answers: it must beat what there is without rankers, and a dearer one must beat
/// the cheaper one that would answer otherwise.
fn chosen(without: Option<&[f64]>, mut rankers: Vec<(Stage, Vec<f64>)>, clusters: &Clusters) -> Stage {
    rankers.sort_by_key(|(stage, _)| BY_COST.iter().position(|of| of == stage));
    let wins =
        rankers.iter().filter(|(_, gains)| without.is_none_or(|without| clusters.beats(gains, without, MUST_WIN)));
    let best =
        wins.reduce(|best, dearer| if clusters.beats(&dearer.1, &best.1, MUST_WIN_CHEAPER) { dearer } else { best });
    best.map_or(Stage::Mixture, |(stage, _)| *stage)
}

/// Which cases share a customer or a basket.
struct Clusters {
    /// By case.
    of_case: Vec<u32>,
    n: usize,
}

impl Clusters {
    fn of(cases: &[&RankingCase]) -> Self {
        let mut keys: Vec<u64> = cases.iter().map(|case| case.cluster).collect();
        keys.sort_unstable();
        keys.dedup();
        let position = |key: u64| keys.partition_point(|other| *other < key) as u32;
        Self { of_case: cases.iter().map(|case| position(case.cluster)).collect(), n: keys.len() }
    }

    /// Whether the mean of paired gains is greater by more than so many standard errors, which
    /// count customers: ten cases of one customer are not ten customers.
    fn beats(&self, gains: &[f64], others: &[f64], n_errors: f64) -> bool {
        let n = gains.len().max(1) as f64;
        let difference = gains.iter().zip(others).map(|(a, b)| a - b).sum::<f64>() / n;
        let mut sums = vec![0.0; self.n];
        for ((a, b), &cluster) in gains.iter().zip(others).zip(&self.of_case) {
            sums[cluster as usize] += a - b - difference;
        }
        let n_clusters = self.n.max(2) as f64;
        let squares: f64 = sums.iter().map(|sum| sum * sum).sum();
        difference > n_errors * (squares * n_clusters / (n_clusters - 1.0)).sqrt() / n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dearer_ranker_must_beat_the_cheaper_one_clearly() {
        let gains = |every: usize, extra: f64| -> Vec<f64> {
            (0..400).map(|at| f64::from(u8::from(at % 4 == 0)) + if at % every == 0 { extra } else { 0.0 }).collect()
        };
        let (without, little, much) = (gains(1, 0.0), gains(400, 0.1), gains(3, 0.5));
        let apart = Clusters { of_case: (0..400).collect(), n: 400 };
        let of = |pairs: &[(Stage, &Vec<f64>)]| {
            chosen(Some(&without), pairs.iter().map(|(stage, gains)| (*stage, (*gains).clone())).collect(), &apart)
        };
        assert_eq!(of(&[(Stage::Trees, &without)]), Stage::Mixture, "equal is no win");
        assert_eq!(of(&[(Stage::Trees, &much), (Stage::Neural, &much)]), Stage::Neural, "cheaper at the same gain");
        assert_eq!(of(&[(Stage::Trees, &much), (Stage::Neural, &little)]), Stage::Trees);
        assert_eq!(of(&[(Stage::Trees, &much), (Stage::Fast, &without), (Stage::Linear, &little)]), Stage::Trees);
        assert_eq!(chosen(None, vec![(Stage::Linear, little.clone())], &apart), Stage::Linear, "nothing to beat");
        assert_eq!(chosen(Some(&without), Vec::new(), &apart), Stage::Mixture);
    }

    #[test]
    fn cases_of_one_customer_count_once() {
        // Twelve of forty cases are better; apart that is a win, as the cases of one customer it is luck.
        let (mut gains, others) = (vec![0.0; 40], vec![0.0; 40]);
        gains[..12].fill(1.0);
        let apart = Clusters { of_case: (0..40).collect(), n: 40 };
        let together = Clusters { of_case: (0..40).map(|case| if case < 12 { 0 } else { case - 11 }).collect(), n: 29 };
        assert!(apart.beats(&gains, &others, MUST_WIN));
        assert!(!together.beats(&gains, &others, MUST_WIN));
    }
}
