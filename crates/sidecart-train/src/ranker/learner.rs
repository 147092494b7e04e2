use sidecart_serve::ranker::{LinearRanker, NeuralRanker, SituationRanker, Stage};
use sidecart_serve::trees::TreeEnsemble;

use crate::error::{Error, Result};

/// Lists of candidates, each with the one that was right.
#[derive(Clone, Copy, Debug)]
pub struct RankingLists<'a> {
    /// One row of `n_features` numbers per candidate, those of a list side by side.
    pub rows: &'a [f32],
    /// Numbers of a row.
    pub n_features: usize,
    /// Where the candidates of each list begin, and the number of all candidates at the end,
    /// `[n_lists + 1]`.
    pub offsets: &'a [usize],
    /// Whether a candidate is the right one of its list, by candidate.
    pub relevant: &'a [bool],
    /// Position of the right one within its list, by list.
    pub chosen: &'a [u32],
}

impl<'a> RankingLists<'a> {
    /// Number of lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chosen.len()
    }

    /// Whether there is no list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }

    /// The rows of a list, one after the other.
    ///
    /// # Panics
    /// If there is no such list.
    #[must_use]
    pub fn list(&self, at: usize) -> &'a [f32] {
        &self.rows[self.offsets[at] * self.n_features..self.offsets[at + 1] * self.n_features]
    }
}

/// A ranker that was learned.
#[derive(Clone, PartialEq, Debug)]
pub enum LearnedRanker {
    /// A linear one.
    Linear(LinearRanker),
    /// Trees.
    Trees(TreeEnsemble),
    /// A neural network.
    Neural(NeuralRanker),
}

/// A ranker with the length of its training.
#[derive(Clone, PartialEq, Debug)]
pub struct Learned {
    /// The ranker.
    pub ranker: LearnedRanker,
    /// Steps that were best: trees, or passes over the lists; 0 where there are none.
    pub n_steps: u32,
}

/// What learns a ranker of one [`Stage`] from lists.
///
/// Rankers of all learners are compared on the same newer lists; what wins is learned once more
/// from all lists.
///
/// ```
/// use sidecart_train::ranker::{LearnedRanker, LinearLearner, RankerLearner, RankingLists};
///
/// // Two lists of two candidates: the greater number is right.
/// let lists = RankingLists {
///     rows: &[1.0, 5.0, 4.0, 0.0],
///     n_features: 1,
///     offsets: &[0, 2, 4],
///     relevant: &[false, true, true, false],
///     chosen: &[1, 0],
/// };
/// let LearnedRanker::Linear(ranker) = LinearLearner.learn(&lists, None, None, 1)?.ranker else { unreachable!() };
/// assert!(ranker.score(&[5.0]) > ranker.score(&[1.0]));
/// # Ok::<(), sidecart_train::Error>(())
/// ```
pub trait RankerLearner: Sync {
    /// What the learned rankers are, never [`Stage::Mixture`].
    fn stage(&self) -> Stage;

    /// Learns a ranker; equal arguments give an equal one.
    ///
    /// `valid` are newer lists, to find out how many steps are best. Without them `n_steps` is
    /// taken as it was found before, the learner's own limit where that is not known either.
    ///
    /// # Errors
    /// Any [`Error`].
    fn learn(
        &self,
        train: &RankingLists<'_>,
        valid: Option<&RankingLists<'_>>,
        n_steps: Option<u32>,
        seed: u64,
    ) -> Result<Learned>;
}

impl LearnedRanker {
    /// The stage it is for.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Linear(_) => Stage::Linear,
            Self::Trees(_) => Stage::Trees,
            Self::Neural(_) => Stage::Neural,
        }
    }

    /// Puts the ranker where it belongs.
    pub(super) fn put(self, ranker: &mut SituationRanker) {
        match self {
            Self::Linear(linear) => ranker.linear = linear,
            Self::Trees(trees) => ranker.trees = Some(trees),
            Self::Neural(neural) => ranker.neural = Some(neural),
        }
    }

    /// Whether it is a ranker of the stage over rows of so many features.
    pub(super) fn check(&self, stage: Stage, n_features: usize) -> Result<()> {
        let n = match self {
            Self::Linear(linear) => linear.coefficients.len(),
            Self::Trees(trees) => trees.n_features(),
            Self::Neural(neural) => neural.n_features(),
        };
        if (self.stage(), n) == (stage, n_features) {
            return Ok(());
        }
        let got = self.stage();
        Err(Error::Bug { what: format!("a learner of {stage:?} over {n_features} features gave {got:?} over {n}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranker::LinearLearner;

    #[test]
    fn a_ranker_of_another_kind_or_width_is_a_defect() {
        let lists = RankingLists {
            rows: &[1.0, 5.0, 4.0, 0.0],
            n_features: 1,
            offsets: &[0, 2, 4],
            relevant: &[false, true, true, false],
            chosen: &[1, 0],
        };
        assert_eq!((lists.len(), lists.is_empty(), lists.list(1)), (2, false, &[4.0, 0.0][..]));
        let learned = LinearLearner.learn(&lists, None, None, 1).unwrap().ranker;
        assert!(learned.check(Stage::Linear, 1).is_ok());
        for (stage, n_features) in [(Stage::Neural, 1), (Stage::Mixture, 1), (Stage::Linear, 2)] {
            let error = learned.check(stage, n_features).unwrap_err();
            assert!(matches!(&error, Error::Bug { what } if what.contains("Linear")), "{error}");
        }
    }
}
