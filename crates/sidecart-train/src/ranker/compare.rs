use rayon::prelude::*;
use sidecart_core::ln;
use sidecart_serve::ranker::{Situation, SituationRanker, Stage};
use sidecart_serve::{Query, Scorer, Source};

use super::cases::RankingCase;
use super::examples::query_of;
use crate::error::Result;
use crate::hold_out::HoldOut;

/// A ranker must beat the best without it by so much NDCG@10, in standard errors of the difference.
const MUST_WIN: f64 = 1.0;

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
    let mut rankers: Vec<(Stage, f64, Vec<f64>)> = Vec::new();
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
            rankers.push((stage, mean, gains));
        }
    }
    let wins = |(_, mean, gains): &&(Stage, f64, Vec<f64>)| {
        let Some((best, without)) = &best_without else { return true };
        let n = gains.len().max(2) as f64;
        let difference = mean - best;
        let spread: f64 = gains.iter().zip(without).map(|(a, b)| (a - b - difference) * (a - b - difference)).sum();
        difference > MUST_WIN * (spread / (n - 1.0) / n).sqrt()
    };
    let best = rankers.iter().filter(wins).max_by(|a, b| a.1.total_cmp(&b.1));
    Ok((results, best.map_or(Stage::Mixture, |(stage, ..)| *stage)))
}
