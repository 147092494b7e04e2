//! How probable it is that a basket ends up with an offer, learned on baskets that nobody has seen.

use rayon::prelude::*;
use serde::Serialize;
use sidecart_core::{ln, mix64};
use sidecart_data::Ledger;
use sidecart_serve::ranker::Situation;
use sidecart_serve::{Bend, Mode, N_BENDS, OfferProbability, Query, Scorer};

use crate::error::Result;
use crate::hold_out::HoldOut;
use crate::logistic;
use crate::split_basket::split_basket;

/// Baskets that are cut in two.
const MAX_BASKETS: usize = 5_000;
/// Offers of each that are looked at.
const DEPTH: usize = 50;
/// Fewest offers that were bought, for a probability to be said.
const MIN_BOUGHT: usize = 100;
/// Strength of the pull towards no effect.
const PENALTY: f64 = 1e-4;
/// Salt of the hash that cuts baskets.
const CUT: u64 = 0x6375_7420_6869_6465;

/// How good the probabilities of one situation are.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ProbabilityTuning {
    /// The situation.
    pub situation: Situation,
    /// Baskets that were cut, and offers for them.
    pub cases: (usize, usize),
    /// Measured on one half of them, learned from the other.
    #[serde(flatten)]
    pub quality: Quality,
}

/// What probabilities said, and what came.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Quality {
    /// Mean probability of the offers.
    pub mean: f64,
    /// Share of them that was bought.
    pub bought: f64,
    /// Mean distance between probability and share bought over ten groups of equal size.
    pub calibration_error: f64,
    /// Log loss of the probabilities.
    pub log_loss: f64,
    /// The same where every offer of a rank gets the share that was bought of that rank.
    pub log_loss_of_ranks: f64,
}

/// Offers with what came of them.
#[derive(Default)]
struct Offers {
    /// ln share and ln basket size, row by row.
    rows: Vec<f32>,
    n_basket: Vec<usize>,
    ranks: Vec<usize>,
    bought: Vec<bool>,
}

const N_COLUMNS: usize = 2;

impl Offers {
    fn append(&mut self, other: &Self) {
        self.rows.extend_from_slice(&other.rows);
        self.n_basket.extend_from_slice(&other.n_basket);
        self.ranks.extend_from_slice(&other.ranks);
        self.bought.extend_from_slice(&other.bought);
    }
}

/// Asks about one basket and notes which offers it ended up with.
fn ask(
    scorer: &Scorer,
    split: &HoldOut,
    ledger: &Ledger,
    (basket, situation, seed): (usize, Situation, u64),
    scratch: &mut sidecart_serve::Scratch,
    out: &mut Offers,
) -> Result<()> {
    let key = mix64(mix64(ledger.basket_keys()[basket] as u64) ^ seed ^ CUT);
    let (shown, hidden) = split_basket(ledger.baskets().get(basket), key);
    let time = ledger.basket_times()[basket];
    let past = ledger.customer_of(basket).map(|customer| &split.histories[customer.index()]);
    let history = past.filter(|history| situation != Situation::Anonymous && history.as_of(time).len() > 0);
    if history.is_none() && situation != Situation::Anonymous {
        return Ok(());
    }
    let mode = if situation == Situation::DiscoveryKnown { Mode::Discovery } else { Mode::Completion };
    let query =
        Query { basket: &shown, history, time, store: ledger.store_of(basket), mode, k: DEPTH, ..Query::default() };
    let mut rank = 0;
    scorer.offer_shares(&query, scratch, |item, log_share| {
        out.rows.extend([log_share as f32, ln(shown.len() as f64) as f32]);
        out.n_basket.push(shown.len());
        out.ranks.push(rank);
        out.bought.push(hidden.contains(&item));
        rank += 1;
    })?;
    Ok(())
}

fn collect(
    scorer: &Scorer,
    split: &HoldOut,
    ledger: &Ledger,
    baskets: &[usize],
    (situation, seed): (Situation, u64),
) -> Result<Offers> {
    let parts: Vec<Result<Offers>> = baskets
        .par_chunks(64)
        .map(|chunk| {
            let mut scratch = scorer.scratch();
            let mut out = Offers::default();
            for &basket in chunk {
                ask(scorer, split, ledger, (basket, situation, seed), &mut scratch, &mut out)?;
            }
            Ok(out)
        })
        .collect();
    let mut all = Offers::default();
    for part in parts {
        all.append(&part?);
    }
    Ok(all)
}

/// Shares of the offers beyond which the line may bend, from the worst on: the first few of a slate
/// are among the best tenth of the offers that are looked at.
const BENDS: [f64; N_BENDS] = [0.8, 0.95, 0.99];
/// Fewest offers beyond a bend that were bought: below that the bend would follow single baskets.
const MIN_BOUGHT_BEYOND: usize = 50;

/// Fits the line with those of the bends for which there is data, of all choices that rise throughout
/// the one with the least log loss.
fn learn(offers: &Offers) -> Option<OfferProbability> {
    if offers.bought.iter().filter(|bought| **bought).count() < MIN_BOUGHT {
        return None;
    }
    let rows = offers.rows.as_chunks::<N_COLUMNS>().0;
    let mut shares: Vec<f32> = rows.iter().map(|row| row[0]).collect();
    shares.sort_unstable_by(f32::total_cmp);
    let places = BENDS.map(|share| f64::from(shares[((shares.len() - 1) as f64 * share) as usize]));
    let bought_beyond = |from: f64| {
        rows.iter().zip(&offers.bought).filter(|(row, bought)| **bought && f64::from(row[0]) > from).count()
    };
    let usable: Vec<f64> = places.into_iter().filter(|&from| bought_beyond(from) >= MIN_BOUGHT_BEYOND).collect();
    let mut best: Option<(f64, OfferProbability)> = None;
    // Where a greater share is no better sign even on the straight line, nothing is known.
    for chosen in 0u32..1 << usable.len() {
        let bends: Vec<f64> = (0..usable.len()).filter(|at| chosen >> at & 1 == 1).map(|at| usable[at]).collect();
        let line = fit_line(offers, &bends);
        let said = rows.iter().zip(&offers.n_basket).map(|(row, &n)| line.of(f64::from(row[0]), n));
        let loss = log_loss(said.zip(offers.bought.iter().copied()));
        if line.rises() && best.is_none_or(|(least, _)| loss < least) {
            best = Some((loss, line));
        }
    }
    best.map(|(_, line)| line)
}

/// The line that bends at some ln shares.
fn fit_line(offers: &Offers, bends: &[f64]) -> OfferProbability {
    let n_columns = N_COLUMNS + bends.len();
    let mut design = Vec::with_capacity(offers.bought.len() * n_columns);
    for row in offers.rows.as_chunks::<N_COLUMNS>().0 {
        design.extend_from_slice(row);
        design.extend(bends.iter().map(|&from| (f64::from(row[0]) - from).max(0.0) as f32));
    }
    let model = logistic::fit(&design, n_columns, &offers.bought, PENALTY);
    let slope = |column: usize| model.coefficients[column] / model.scale[column];
    let intercept = model.intercept - (0..n_columns).map(|column| slope(column) * model.mean[column]).sum::<f64>();
    let mut found = [Bend::default(); N_BENDS];
    for (at, (bend, &from)) in found.iter_mut().zip(bends).enumerate() {
        *bend = Bend { from, slope: slope(N_COLUMNS + at) };
    }
    OfferProbability { intercept, share: slope(0), basket: slope(1), bends: found }
}

/// Mean log loss of probabilities.
fn log_loss(of: impl Iterator<Item = (f64, bool)>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for (p, bought) in of {
        sum -= ln(if bought { p } else { 1.0 - p });
        n += 1.0;
    }
    sum / f64::max(n, 1.0)
}

const N_GROUPS: usize = 10;

fn measure(probability: &OfferProbability, learned: &Offers, others: &Offers) -> Quality {
    let rows = others.rows.as_chunks::<N_COLUMNS>().0;
    let of_row = |(row, &n): (&[f32; N_COLUMNS], &usize)| probability.of(f64::from(row[0]), n);
    let mut said: Vec<(f64, bool)> =
        rows.iter().zip(&others.n_basket).map(of_row).zip(others.bought.iter().copied()).collect();
    let mut by_rank = [(0.5, 1.0); DEPTH];
    for (&rank, &bought) in learned.ranks.iter().zip(&learned.bought) {
        by_rank[rank].0 += f64::from(u8::from(bought));
        by_rank[rank].1 += 1.0;
    }
    let of_ranks =
        others.ranks.iter().map(|&rank| by_rank[rank].0 / by_rank[rank].1).zip(others.bought.iter().copied());
    let log_loss_of_ranks = log_loss(of_ranks);
    let n = said.len().max(1) as f64;
    let mean = said.iter().map(|(p, _)| p).sum::<f64>() / n;
    let bought = said.iter().filter(|(_, bought)| *bought).count() as f64 / n;
    let log_loss = log_loss(said.iter().copied());
    said.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let group = said.len().div_ceil(N_GROUPS).max(1);
    let distance =
        |group: &[(f64, bool)]| group.iter().map(|&(p, bought)| p - f64::from(u8::from(bought))).sum::<f64>().abs();
    let calibration_error = said.chunks(group).map(distance).sum::<f64>() / n;
    Quality { mean, bought, calibration_error, log_loss, log_loss_of_ranks }
}

/// How probable offers are by situation, and how good that is where it is known.
pub(crate) type Probabilities = ([Option<OfferProbability>; 3], Vec<ProbabilityTuning>);

/// Cuts baskets that `scorer` has not seen in two at random, asks it about one part, and learns which
/// offers were in the other: by the share of the candidates and the size of the part that was
/// shown. `baskets` are positions in the ledger. The default part of the model answers.
///
/// A situation in which fewer than a hundred offers were bought has no probability. The quality is
/// measured on one half of the baskets; what is returned is learned from both.
///
/// # Errors
/// Any error of the scorer.
pub(crate) fn fit(
    scorer: &Scorer,
    split: &HoldOut,
    ledger: &Ledger,
    baskets: &[usize],
    seed: u64,
) -> Result<Probabilities> {
    let key = |basket: usize| mix64(mix64(ledger.basket_keys()[basket] as u64) ^ seed ^ CUT);
    let mut chosen: Vec<usize> =
        baskets.iter().copied().filter(|&basket| ledger.baskets().get(basket).len() > 1).collect();
    chosen.sort_unstable_by_key(|&basket| (key(basket), basket));
    chosen.truncate(MAX_BASKETS);
    // Halves by hash: the newest days are often less than a week, and no two days of a week are alike.
    let (learned, measured) = chosen.split_at(chosen.len() / 2);
    let mut found = ([None; 3], Vec::new());
    for situation in Situation::ALL {
        let [mut all, others] = [
            collect(scorer, split, ledger, learned, (situation, seed))?,
            collect(scorer, split, ledger, measured, (situation, seed))?,
        ];
        let quality = learn(&all).map(|probability| measure(&probability, &all, &others));
        all.append(&others);
        let Some((quality, probability)) = quality.zip(learn(&all)) else { continue };
        found.0[situation as usize] = Some(probability);
        found.1.push(ProbabilityTuning { situation, cases: (chosen.len(), all.bought.len()), quality });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use sidecart_core::{Rng, exp};

    use super::*;

    /// Offers whose log odds follow a line that bends at a ln share of -2.
    fn planted(n: usize, (share, bend): (f64, f64)) -> Offers {
        let mut rng = Rng::new(3, 1);
        let mut offers = Offers::default();
        for _ in 0..n {
            let log_share = -6.0 * rng.unit().sqrt();
            let log_odds = -0.5 + share * log_share + bend * (log_share + 2.0).max(0.0);
            offers.rows.extend([log_share as f32, 0.0]);
            offers.n_basket.push(1);
            offers.ranks.push(0);
            offers.bought.push(rng.unit() < 1.0 / (1.0 + exp(-log_odds)));
        }
        offers
    }

    #[test]
    fn the_line_bends_where_the_best_offers_ask_for_it() {
        let offers = planted(40_000, (1.0, -0.8));
        let bent = learn(&offers).unwrap();
        let straight = fit_line(&offers, &[]);
        for log_share in [-0.1, -0.4, -1.0] {
            let planted = 1.0 / (1.0 + exp(0.5 - log_share + 0.8 * (log_share + 2.0)));
            let (bent, straight) = (bent.of(log_share, 1) - planted, straight.of(log_share, 1) - planted);
            assert!(
                bent.abs() < 0.05 && bent.abs() < straight.abs(),
                "{log_share}: {bent} and {straight} off {planted}"
            );
        }
    }

    #[test]
    fn few_offers_give_fewer_bends_and_fewer_still_nothing() {
        let few = learn(&planted(5_000, (1.0, 0.0))).unwrap();
        assert_eq!(few.bends[2], Bend::default(), "fewer than fifty of the best hundredth were bought");
        assert!(learn(&planted(2_000, (1.0, 0.0))).is_none());
        assert!(learn(&planted(5_000, (-1.0, 0.0))).is_none(), "a greater share is a worse sign");
    }
}
