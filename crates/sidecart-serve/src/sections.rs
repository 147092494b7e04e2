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
/// Row offsets of the lists of the linear item model, u32 `[n_items + 1]`.
pub const EASE_OFFSETS: &str = "ease.offsets";
/// Items it speaks for, best first within a list, u32.
pub const EASE_ITEMS: &str = "ease.items";
/// Their scores, f32.
pub const EASE_SCORES: &str = "ease.scores";
/// Row offsets of the substitutes, u32 `[n_items + 1]`.
pub const SUBSTITUTE_OFFSETS: &str = "substitutes.offsets";
/// Items of the same kind that are bought instead, best first within a list, u32.
pub const SUBSTITUTE_ITEMS: &str = "substitutes.items";
/// How much less often than by chance the two are in one basket, 0 to 1, f32.
pub const SUBSTITUTE_SCORES: &str = "substitutes.scores";
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

/// Names of the ladders (prefix of a text table).
pub const LADDER_NAMES: &str = "upsell.ladders.names";
/// By ladder: number of tiers, 1 = given by the shop, label, 1 = used, u32 `[n_ladders, 4]`.
pub const LADDER_FACTS: &str = "upsell.ladders.facts";
/// Ladders of which several items are often bought at once, u32, rising; absent in older versions.
pub const LADDER_SEVERAL: &str = "upsell.ladders.several";
/// By ladder: baskets with two tiers over those that chance explains, 0 = unknown, f32 `[n_ladders]`.
pub const LADDER_SIDE_BY_SIDE: &str = "upsell.ladders.side_by_side";
/// By tier: natural logarithm of the centre price, f32 `[n_tiers]`.
pub const TIER_CENTRES: &str = "upsell.tiers.log_centres";
/// By row (item on a ladder): item, ladder, level, manufacturer (4294967295 = unknown), bits
/// (1 = private label, 2 = in stock), u32 `[n_rows, 5]`.
pub const LADDER_ROWS: &str = "upsell.rows.facts";
/// By row: shelf price (0 = unknown) and margin (-2^63 = unknown) in 1/10000, i64 `[n_rows, 2]`.
pub const LADDER_MONEY: &str = "upsell.rows.money";
/// By row: natural logarithm of the size, -1000 = unknown, f32 `[n_rows]`.
pub const LADDER_SIZES: &str = "upsell.rows.log_sizes";
/// First period of the market, i32 `[1]`.
pub const MARKET_FIRST: &str = "upsell.market.first";
/// Running sums of the lines sold: before the first period, then through each, u32
/// `[n_rows, n_periods + 1]`.
pub const MARKET_SOLD: &str = "upsell.market.sold";
/// Prefix of rates by kind, u32 `[4, 3]` and f32 `[4, 3]`: `.counts` (events, upgrades, customers)
/// and `.rates` (rate, low, high).
pub const RATES_GLOBAL: &str = "upsell.rates.global";
/// Prefix of rates by segment and kind, `[4 * n_segments, 3]`.
pub const RATES_SEGMENTS: &str = "upsell.rates.segments";
/// Prefix of rates by tier and kind, `[4 * n_tiers, 3]`.
pub const RATES_TIERS: &str = "upsell.rates.tiers";
/// Prefix of rates by segment, kind and tier, `[n_cells, 3]`.
pub const RATES_CELLS: &str = "upsell.rates.cells";
/// By cell: segment x 2^40 + kind x 2^32 + tier, rising, u64 `[n_cells]`.
pub const RATES_CELL_KEYS: &str = "upsell.rates.cells.keys";
/// Prefix of the logistic models: `.VARIANT.columns` f32 `[3, n]` (means, inverse scales,
/// coefficients) and `.VARIANT.calibration` f32 `[3 + n_segments]` (intercept of the model; slope,
/// intercept and shifts of the calibration).
pub const LOGISTIC: &str = "upsell.logistic";
/// Prefix of the tree models: `.VARIANT.{offsets, features, thresholds, left, right, leaves}` and
/// `.VARIANT.calibration` as above with 0 for the model's intercept.
pub const TREES: &str = "upsell.trees";
/// Prefix of the target models: `.VARIANT` f32 `[3, n]` (means, inverse scales, coefficients).
pub const TARGETS: &str = "upsell.targets";
/// By row: offsets of the switches, u32 `[n_rows + 1]`.
pub const SWITCH_OFFSETS: &str = "upsell.switches.offsets";
/// Rows switched to, u32.
pub const SWITCH_TARGETS: &str = "upsell.switches.targets";
/// Number of such switches, u32.
pub const SWITCH_COUNTS: &str = "upsell.switches.counts";
/// Prefix of the plan of promotions beyond the end of training: `.groups` u64 (store x 2^32 +
/// period with its sign bit flipped, rising), `.ladder_offsets`, `.ladders` u32, `.masks` u16
/// `[n, n_kinds]`, `.item_offsets`, `.items` u32, `.kinds_of_items` u8.
pub const PROMOTION_PLAN: &str = "upsell.promotions";
/// Outside ids of the plan's stores (prefix of an id table).
pub const PROMOTION_STORES: &str = "upsell.promotions.stores";

/// By item: finest category, the category above, maker, line (4294967295 = none), u32 `[n_items, 4]`.
pub const RANKER_ITEM_GROUPS: &str = "ranker.items.groups";
/// By item: the numbers of `ranker::ItemFacts` in their order, f32 `[n_items, 10]`.
pub const RANKER_ITEM_NUMBERS: &str = "ranker.items.numbers";
/// By kind (finest category): ln share of first purchases, rate of first purchases, mean ln price,
/// f32 `[n_kinds, 3]`.
pub const RANKER_KINDS: &str = "ranker.kinds";
/// By kind: offsets of the kinds that go with it, u32 `[n_kinds + 1]`.
pub const RANKER_PAIR_OFFSETS: &str = "ranker.pairs.offsets";
/// Kinds that go with a kind, u32.
pub const RANKER_PAIR_KINDS: &str = "ranker.pairs.kinds";
/// Their ln lift and ln lift of first purchases, f32 `[n, 2]`.
pub const RANKER_PAIR_LIFTS: &str = "ranker.pairs.lifts";
/// By kind: offsets of its items, u32 `[n_kinds + 1]`.
pub const RANKER_KIND_OFFSETS: &str = "ranker.kinds.offsets";
/// Items of a kind by falling share of first purchases, u32.
pub const RANKER_KIND_ITEMS: &str = "ranker.kinds.items";
/// By line (maker within a kind): offsets of its items, u32 `[n_lines + 1]`.
pub const RANKER_LINE_OFFSETS: &str = "ranker.lines.offsets";
/// Items of a line by falling share, u32.
pub const RANKER_LINE_ITEMS: &str = "ranker.lines.items";
/// Items that sold most in the newest four weeks, best first, u32.
pub const RANKER_RECENT: &str = "ranker.recent";
/// Ids of the stores.
pub const RANKER_STORES: &str = "ranker.stores";
/// Where the list of each store begins, and its end.
pub const RANKER_STORE_OFFSETS: &str = "ranker.in_store.offsets";
/// What sold most in each store lately, best first.
pub const RANKER_STORE_ITEMS: &str = "ranker.in_store.items";
/// ln(1 + baskets of the newest four weeks) of each of these in its store.
pub const RANKER_STORE_COUNTS: &str = "ranker.in_store.counts";
/// Number of families and of makers, u32 `[2]`.
pub const RANKER_SIZES: &str = "ranker.sizes";
/// Prefix of the rankers by situation: `.SITUATION.light` f32 `[3, n_light]` and `.SITUATION.linear`
/// f32 `[3, n_features]` (means, inverse scales, coefficients),
/// `.SITUATION.trees.{offsets, features, thresholds, left, right, leaves}`, and `.SITUATION.neural.inputs`
/// f32 `[2, n_features]` (means, inverse scales), `.neural.weights.LAYER` f32 `[n_out, n_in]` and
/// `.neural.biases.LAYER` f32 `[n_out]`.
pub const RANKERS: &str = "ranker.models";

/// By item: shelf price (0 = unknown) and margin (-2^63 = unknown) in 1/10000, i64 `[n_items, 2]`.
pub const OFFER_MONEY: &str = "offers.items.money";
/// By item: pieces in stock in thousandths, -1 = not counted, i64 `[n_items]`.
pub const OFFER_STOCK: &str = "offers.items.stock";
/// By item: when it was first sold, -2^63 = unknown, i64 `[n_items]`.
pub const OFFER_FIRST_SOLD: &str = "offers.items.first_sold";
/// By item: pieces sold a day lately, -1 = unknown, f32 `[n_items]`.
pub const OFFER_SOLD_PER_DAY: &str = "offers.items.sold_per_day";
/// By item: finest category and brand (4294967295 = none), u32 `[n_items, 2]`.
pub const OFFER_GROUPS: &str = "offers.items.groups";
/// Labels of the categories (prefix of a text table).
pub const OFFER_CATEGORIES: &str = "offers.categories";
/// By category: the one above it (4294967295 = none), which stands before it, u32 `[n_categories]`.
pub const OFFER_CATEGORY_PARENTS: &str = "offers.categories.parents";
/// Names of the brands (prefix of a text table).
pub const OFFER_BRANDS: &str = "offers.brands";
/// Add-on, form of the host (0 = item, 1 = category) and host, rising, u32 `[n, 3]`.
pub const OFFER_HOSTS: &str = "offers.hosts";
/// Names of the attributes (prefix of a text table).
pub const OFFER_ATTRIBUTES: &str = "offers.attributes";
/// By attribute: 0 = numbers, 1 = texts, u32 `[n_attributes]`.
pub const OFFER_ATTRIBUTE_FORMS: &str = "offers.attributes.forms";
/// By attribute and item: the bits of a double, or the position of a text; 2^64 - 1 = unknown, u64
/// `[n_attributes, n_items]`.
pub const OFFER_ATTRIBUTE_VALUES: &str = "offers.attributes.values";
/// The distinct texts, rising (prefix of a text table).
pub const OFFER_ATTRIBUTE_TEXTS: &str = "offers.attributes.texts";
