//! Names of the tensors of `model.safetensors`; `models/README.md` says what each holds.

/// Outside ids of the items (prefix of an id table).
pub const ITEM_IDS: &str = "items.ids";
/// Readable item names (prefix of a text table).
pub const ITEM_NAMES: &str = "items.names";
/// Training baskets of each item, u32 `[n_items]`.
pub const ITEM_BASKETS: &str = "items.baskets";
/// Distinct training customers of each item, u32 `[n_items]`.
pub const ITEM_CUSTOMERS: &str = "items.customers";
/// Items that may be offered for being popular, best first, u32 `[m]`.
pub const POPULAR_ITEMS: &str = "popular.items";
/// Row offsets of the neighbour lists, u32 `[n_items + 1]`.
pub const NEIGHBOUR_OFFSETS: &str = "neighbours.offsets";
/// Neighbours, best first within a list, u32.
pub const NEIGHBOUR_ITEMS: &str = "neighbours.items";
/// Scores of the neighbours, f32.
pub const NEIGHBOUR_SCORES: &str = "neighbours.scores";
/// Row offsets of the associations, u32 `[n_items + 1]`.
pub const ASSOCIATION_OFFSETS: &str = "associations.offsets";
/// The other item of each association, u32.
pub const ASSOCIATION_ITEMS: &str = "associations.items";
/// Distinct customers behind each association, u32.
pub const ASSOCIATION_CUSTOMERS: &str = "associations.customers";
/// Baskets behind each association, u32.
pub const ASSOCIATION_BASKETS: &str = "associations.baskets";
/// Lift of each association, f32.
pub const ASSOCIATION_LIFTS: &str = "associations.lifts";
/// Items that have an in-vector, rising, u32 `[n_inputs]`.
pub const EMBEDDING_INPUT_ITEMS: &str = "embeddings.input_items";
/// In-vectors (item as context), f32 `[n_inputs, dims]`.
pub const EMBEDDING_INPUT: &str = "embeddings.input";
/// Items that have an out-vector, rising, u32 `[n_outputs]`.
pub const EMBEDDING_OUTPUT_ITEMS: &str = "embeddings.output_items";
/// Out-vectors (item as answer), f32 `[n_outputs, dims]`.
pub const EMBEDDING_OUTPUT: &str = "embeddings.output";
/// Bias of each item as answer, f32 `[n_outputs]`.
pub const EMBEDDING_BIAS: &str = "embeddings.bias";
/// Row offsets of the kept baskets, u32 `[n_baskets + 1]`.
pub const BASKET_OFFSETS: &str = "baskets.offsets";
/// Items of the kept baskets, u32.
pub const BASKET_ITEMS: &str = "baskets.items";
/// Row offsets of the postings, u32 `[n_items + 1]`.
pub const POSTING_OFFSETS: &str = "postings.offsets";
/// Newest kept baskets of each item, u32.
pub const POSTING_BASKETS: &str = "postings.baskets";
