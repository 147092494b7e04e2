use sidecart_artifact::{Container, ContainerWriter};

use super::{TreeEnsemble, TreeParts};
use crate::Result;

impl TreeEnsemble {
    /// Adds the arrays of [`TreeParts`] as `PREFIX.offsets` and so on.
    ///
    /// # Errors
    /// [`Error::Artifact`](crate::Error::Artifact) when a tensor cannot be written.
    pub fn write(&self, writer: &mut ContainerWriter<'_>, prefix: &str) -> Result<()> {
        let TreeParts { offsets, features, thresholds, left, right, leaves } = self.parts();
        let name = |part: &str| format!("{prefix}.{part}");
        writer.add_owned(&name("offsets"), offsets.to_vec(), &[offsets.len()])?;
        writer.add_owned(&name("features"), features.to_vec(), &[features.len()])?;
        writer.add_owned(&name("thresholds"), thresholds.to_vec(), &[thresholds.len()])?;
        writer.add_owned(&name("left"), left.to_vec(), &[left.len()])?;
        writer.add_owned(&name("right"), right.to_vec(), &[right.len()])?;
        writer.add_owned(&name("leaves"), leaves.to_vec(), &[leaves.len()])?;
        Ok(())
    }

    /// Reads and checks trees over rows of `n_features` features.
    ///
    /// # Errors
    /// [`Error::Artifact`](crate::Error::Artifact) for a missing tensor, and as
    /// [`from_parts`](Self::from_parts).
    pub fn read(container: &Container, prefix: &str, n_features: usize) -> Result<Self> {
        let name = |part: &str| format!("{prefix}.{part}");
        let parts = TreeParts {
            offsets: container.get(&container.section(&name("offsets"))?),
            features: container.get(&container.section(&name("features"))?),
            thresholds: container.get(&container.section(&name("thresholds"))?),
            left: container.get(&container.section(&name("left"))?),
            right: container.get(&container.section(&name("right"))?),
            leaves: container.get(&container.section(&name("leaves"))?),
        };
        Self::from_parts(n_features, parts)
    }
}
