mod facts;
mod hide_one;

pub use facts::ProtocolFacts;
pub use hide_one::{HideOneParams, TestBasket, TrainingFacts, hide_one};
