use sidecart_core::NoProgress;
use sidecart_serve::ranker::Stage;

use super::learner::{Learned, LearnedRanker, RankerLearner, RankingLists};
use super::objective::LambdaRank;
use crate::error::Result;
use crate::trees::{self, FeatureRows, Sample, TreeParams};

/// Where the trees' settings stand in the configuration.
const SECTION: &str = "models.ranker.trees";
/// Places of a list in which an order matters to trees.
const TRUNCATION: usize = 20;

/// Grows trees by [`LambdaRank`], until newer lists are ranked no better; a step is a tree.
#[derive(Clone, PartialEq, Debug)]
pub struct TreesLearner {
    /// How they are grown.
    pub params: TreeParams,
}

impl RankerLearner for TreesLearner {
    fn stage(&self) -> Stage {
        Stage::Trees
    }

    fn learn(
        &self,
        train: &RankingLists<'_>,
        valid: Option<&RankingLists<'_>>,
        n_steps: Option<u32>,
        seed: u64,
    ) -> Result<Learned> {
        let mut params = self.params.clone();
        if let Some(n) = n_steps {
            params.max_trees = n.max(1);
        }
        let train_objective = objective(train)?;
        let valid_objective = valid.map(objective).transpose()?;
        let train = Sample {
            rows: FeatureRows::new(train.rows, train.n_features)?,
            objective: &train_objective,
            clusters: None,
        };
        let valid = match (valid, &valid_objective) {
            (Some(lists), Some(objective)) => {
                Some(Sample { rows: FeatureRows::new(lists.rows, lists.n_features)?, objective, clusters: None })
            }
            _ => None,
        };
        let boosted = trees::fit_section(SECTION, &train, valid.as_ref(), &params, seed, &NoProgress)?;
        let n_steps = boosted.trees.n_trees() as u32;
        Ok(Learned { ranker: LearnedRanker::Trees(boosted.trees), n_steps })
    }
}

fn objective<'a>(lists: &RankingLists<'a>) -> Result<LambdaRank<'a>> {
    LambdaRank::new(lists.offsets, lists.relevant, None, TRUNCATION)
}
