use serde::{Deserialize, Serialize};

/// How the cases of an evaluation came to be; part of every report.
///
/// `n_test_baskets = n_cases + n_skipped_baskets + n_unsampled_baskets`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProtocolFacts {
    /// Name of the protocol, such as `hide-one`.
    pub protocol: String,
    /// Seed of the hidden items and of the sample.
    pub seed: u64,
    /// First time of the test part in readable form, when the split was by time.
    pub split_time: Option<String>,
    /// Fingerprint of the training data, when known.
    pub data_fingerprint: Option<String>,
    /// Training baskets that an item needs to belong to the vocabulary.
    pub min_item_baskets: u32,
    /// Baskets of the training part.
    pub n_training_baskets: usize,
    /// Items of the vocabulary.
    pub n_vocabulary: usize,
    /// Most popular items of the vocabulary that are not tail.
    pub n_head: usize,
    /// Baskets of the test part.
    pub n_test_baskets: usize,
    /// Test baskets without a case because fewer than two of their items are in the vocabulary.
    pub n_skipped_baskets: usize,
    /// Test baskets that could have been a case but are not in the sample.
    pub n_unsampled_baskets: usize,
    /// Items of test baskets that are not in the vocabulary, counted once per basket.
    pub n_unknown_lines: usize,
    /// Cases.
    pub n_cases: usize,
    /// Number of further cases that hide an item outside the vocabulary.
    #[serde(default)]
    pub n_cold_cases: usize,
    /// Cases of anonymous baskets.
    pub n_anonymous_cases: usize,
    /// Different customers among the cases.
    pub n_customers: usize,
}
