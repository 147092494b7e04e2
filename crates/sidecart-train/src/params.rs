//! `[models.*]`: every part's parameters together.

use serde::{Deserialize, Serialize};

use crate::associations::AssociationParams;
use crate::baskets::BasketParams;
use crate::counting::{CountingParams, ParameterError};
use crate::ease::EaseParams;
use crate::embeddings::EmbeddingParams;
use crate::error::{Error, Result};
use crate::mixture::MixtureParams;
use crate::neighbours::NeighbourParams;
use crate::own::OwnParams;
use crate::ranker::RankerParams;
use crate::substitutes::SubstituteParams;

/// Parameters of all models.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelParams {
    /// How pairs are counted.
    pub counting: CountingParams,
    /// Nearest items of every item.
    pub neighbours: NeighbourParams,
    /// The linear item model.
    pub ease: EaseParams,
    /// Pairs that may be shown as bought together.
    pub associations: AssociationParams,
    /// Items of a kind that are bought instead of each other.
    pub substitutes: SubstituteParams,
    /// Two vectors per item.
    pub embeddings: EmbeddingParams,
    /// Past baskets kept for comparison.
    pub baskets: BasketParams,
    /// The customer's own past.
    pub own: OwnParams,
    /// Weights of the mixture.
    pub mixture: MixtureParams,
    /// The learned ranker.
    pub ranker: RankerParams,
}

impl ModelParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the section and the setting.
    pub fn check(&self) -> Result<()> {
        let of = |section: &'static str, result: Result<(), ParameterError>| {
            result.map_err(|source| Error::Parameter { section, source })
        };
        of("models.counting", self.counting.check())?;
        of("models.neighbours", self.neighbours.check())?;
        of("models.ease", self.ease.check())?;
        of("models.associations", self.associations.check())?;
        of("models.substitutes", self.substitutes.check())?;
        of("models.embeddings", self.embeddings.check().map(|_| ()))?;
        of("models.baskets", self.baskets.check())?;
        of("models.own", self.own.check())?;
        of("models.mixture", self.mixture.check())?;
        // Before the whole, so that the section is named in which the setting stands.
        of("models.ranker.trees", self.ranker.trees.check())?;
        of("models.ranker.network", self.ranker.network.check())?;
        of("models.ranker", self.ranker.check())
    }
}
