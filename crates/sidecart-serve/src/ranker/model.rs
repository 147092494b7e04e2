use serde::{Deserialize, Serialize};
use sidecart_artifact::{Container, ContainerWriter};

use super::features::{N_FEATURES, N_LIGHT};
use super::neural::{MAX_WIDTH, NeuralRanker};
use super::quotas::Quotas;
use super::tables::RankerTables;
use crate::error::{Error, Result};
use crate::sections as names;
use crate::settings::Mode;
use crate::trees::TreeEnsemble;

/// Listwise linear ranker over standardised features.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LinearRanker {
    /// Mean of each feature.
    pub means: Vec<f32>,
    /// One over the standard deviation of each feature; 0 where it is constant.
    pub inverse_scales: Vec<f32>,
    /// Utility for each standard deviation.
    pub coefficients: Vec<f32>,
}

/// Standard deviations beyond which a standardised feature counts no further, in learning too.
pub const CLIP: f32 = 6.0;

const _: () = assert!(N_FEATURES <= MAX_WIDTH, "a neural ranker has room for all features");

impl LinearRanker {
    /// The utility of a row; differences within a query count.
    #[inline]
    #[must_use]
    pub fn score(&self, row: &[f32]) -> f32 {
        let columns = self.means.iter().zip(&self.inverse_scales).zip(&self.coefficients);
        let terms = row
            .iter()
            .zip(columns)
            .map(|(&value, ((&mean, &scale), &coefficient))| ((value - mean) * scale).clamp(-CLIP, CLIP) * coefficient);
        terms.sum()
    }
}

/// What ranks in a situation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The mixture: the ranker did not beat it.
    Mixture,
    /// A linear ranker over few features of few candidates.
    Fast,
    /// The linear ranker ranks what the first stage keeps.
    Linear,
    /// Trees rank it.
    Trees,
    /// A neural network ranks it.
    Neural,
}

/// A situation that has a ranker of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Situation {
    /// Completion for a customer with a past.
    CompletionKnown,
    /// Nothing is known of the customer, whatever the list is for.
    Anonymous,
    /// Discovery for a customer with a past.
    DiscoveryKnown,
}

impl Situation {
    /// All, in order.
    pub const ALL: [Self; 3] = [Self::CompletionKnown, Self::Anonymous, Self::DiscoveryKnown];

    /// The situation of a query.
    #[must_use]
    pub fn of(mode: Mode, knows_customer: bool) -> Self {
        match (mode, knows_customer) {
            (_, false) => Self::Anonymous,
            (Mode::Completion, true) => Self::CompletionKnown,
            (Mode::Discovery, true) => Self::DiscoveryKnown,
        }
    }

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CompletionKnown => "completion_known",
            Self::Anonymous => "anonymous",
            Self::DiscoveryKnown => "discovery_known",
        }
    }
}

/// The rankers of one situation.
#[derive(Clone, PartialEq, Debug)]
pub struct SituationRanker {
    /// The first stage over the [`LIGHT`](super::LIGHT) features: it keeps the best of the pool.
    pub light: LinearRanker,
    /// What ranks the few candidates of the fast profile, over the same features.
    pub fast: LinearRanker,
    /// The second stage over all features, where nothing below ranks.
    pub linear: LinearRanker,
    /// Trees as the second stage.
    pub trees: Option<TreeEnsemble>,
    /// A neural network as the second stage.
    pub neural: Option<NeuralRanker>,
}

/// How the ranker is used; stored in the manifest.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankerSettings {
    /// What answers by default, by [`Situation`].
    pub stages: [Stage; 3],
    /// Candidates that the first stage keeps.
    pub kept: u32,
    /// How many candidates come from where.
    pub quotas: Quotas,
    /// The same for the fast profile.
    pub fast: Quotas,
}

impl RankerSettings {
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        if !(1..=65_536).contains(&self.kept) {
            return Err(format!("ranker.kept = {}: expected a whole number from 1 to 65536", self.kept));
        }
        for (section, quotas) in [("quotas", &self.quotas), ("fast", &self.fast)] {
            if let Some((name, n, expected)) = quotas.out_of_range() {
                return Err(format!("ranker.{section}.{name} = {n}: expected {expected}"));
            }
        }
        Ok(())
    }
}

/// Tables and rankers.
#[derive(Clone, PartialEq, Debug)]
pub struct RankerModel {
    /// How it is used.
    pub settings: RankerSettings,
    /// What the features read.
    pub tables: RankerTables,
    /// By [`Situation`].
    pub situations: [Option<SituationRanker>; 3],
}

impl RankerModel {
    /// The rankers of a situation.
    #[must_use]
    pub fn of(&self, situation: Situation) -> Option<&SituationRanker> {
        self.situations[situation as usize].as_ref()
    }

    /// How many candidates come from where when a stage ranks.
    #[must_use]
    pub fn quotas(&self, stage: Stage) -> &Quotas {
        if stage == Stage::Fast { &self.settings.fast } else { &self.settings.quotas }
    }

    /// Whether any situation has trees.
    #[must_use]
    pub fn has_trees(&self) -> bool {
        self.situations.iter().flatten().any(|ranker| ranker.trees.is_some())
    }

    /// Whether any situation has a neural network.
    #[must_use]
    pub fn has_neural(&self) -> bool {
        self.situations.iter().flatten().any(|ranker| ranker.neural.is_some())
    }

    /// Adds the tensors.
    ///
    /// # Errors
    /// [`Error::Artifact`] when a tensor cannot be written.
    pub fn write<'a>(&'a self, writer: &mut ContainerWriter<'a>) -> Result<()> {
        self.tables.write(writer)?;
        for situation in Situation::ALL {
            let Some(ranker) = self.of(situation) else { continue };
            let name = |part: &str| format!("{}.{}.{part}", names::RANKERS, situation.name());
            let parts = [
                ("light", &ranker.light, N_LIGHT),
                ("fast", &ranker.fast, N_LIGHT),
                ("linear", &ranker.linear, N_FEATURES),
            ];
            for (part, linear, n) in parts {
                let LinearRanker { means, inverse_scales, coefficients } = linear;
                let columns: Vec<f32> = [means, inverse_scales, coefficients].into_iter().flatten().copied().collect();
                writer.add_owned(&name(part), columns, &[3, n])?;
            }
            if let Some(trees) = &ranker.trees {
                trees.write(writer, &name("trees"))?;
            }
            if let Some(neural) = &ranker.neural {
                neural.write(writer, &name("neural"))?;
            }
        }
        Ok(())
    }

    /// Reads and checks the tensors; `None` where `settings` is.
    ///
    /// # Errors
    /// [`Error::Artifact`], [`Error::Model`].
    pub fn read(container: &Container, settings: Option<&RankerSettings>, n_items: usize) -> Result<Option<Self>> {
        let Some(&settings) = settings else { return Ok(None) };
        settings.check().map_err(|problem| Error::Settings { problem })?;
        let tables = RankerTables::read(container, n_items)?;
        let mut situations = [const { None }; 3];
        for situation in Situation::ALL {
            let name = |part: &str| format!("{}.{}.{part}", names::RANKERS, situation.name());
            if !container.contains(&name("linear")) {
                continue;
            }
            let linear = |part: &str, n: usize| -> Result<LinearRanker> {
                let columns = container.matrix::<f32>(&name(part), 3, n)?;
                let row = |at: usize| container.row(&columns, at).to_vec();
                Ok(LinearRanker { means: row(0), inverse_scales: row(1), coefficients: row(2) })
            };
            let (light, fast) = (linear("light", N_LIGHT)?, linear("fast", N_LIGHT)?);
            let linear = linear("linear", N_FEATURES)?;
            let has_trees = container.contains(&name("trees.offsets"));
            let trees = has_trees.then(|| TreeEnsemble::read(container, &name("trees"), N_FEATURES)).transpose()?;
            let has_neural = NeuralRanker::is_in(container, &name("neural"));
            let neural = has_neural.then(|| NeuralRanker::read(container, &name("neural"), N_FEATURES)).transpose()?;
            situations[situation as usize] = Some(SituationRanker { light, fast, linear, trees, neural });
        }
        for (stage, situation) in settings.stages.iter().zip(Situation::ALL) {
            let has = match (stage, &situations[situation as usize]) {
                (Stage::Mixture, _) => true,
                (Stage::Fast | Stage::Linear, ranker) => ranker.is_some(),
                (Stage::Trees, ranker) => ranker.as_ref().is_some_and(|r| r.trees.is_some()),
                (Stage::Neural, ranker) => ranker.as_ref().is_some_and(|r| r.neural.is_some()),
            };
            if !has {
                let problem = format!("ranker.stages names {stage:?} for {}, which is not there", situation.name());
                return Err(Error::Settings { problem });
            }
        }
        Ok(Some(Self { settings, tables, situations }))
    }
}
