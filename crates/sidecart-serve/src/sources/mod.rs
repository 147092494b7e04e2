//! Where candidates come from. Each source adds its scores to one signal of the scratch.

mod baskets;
mod ease;
mod embeddings;
mod neighbours;
mod own;
mod popular;

pub(crate) use baskets::similar_baskets;
pub(crate) use ease::ease;
pub(crate) use embeddings::{embeddings, embeddings_of};
pub(crate) use neighbours::{neighbours, neighbours_and_max};
pub(crate) use own::{block_owned, own};
pub(crate) use popular::popular;

/// Positions of the signals; the order of [`crate::settings::SIGNALS`].
pub(crate) mod signal {
    pub(crate) const NEIGHBOURS: usize = 0;
    pub(crate) const NEIGHBOURS_MAX: usize = 1;
    pub(crate) const BASKETS: usize = 2;
    pub(crate) const EMBEDDINGS: usize = 3;
    pub(crate) const OWN_FREQUENCY: usize = 4;
    pub(crate) const OWN_TOGETHER: usize = 5;
    pub(crate) const POPULAR: usize = 6;
    pub(crate) const EASE: usize = 7;
}
