//! Every key of the configuration file, for `sidecart config --reference`.

/// One key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// Full name: `section.key`.
    pub key: &'static str,
    /// Default as TOML; empty where there is none.
    pub default: &'static str,
    /// Valid values with their unit.
    pub range: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn key(key: &'static str, default: &'static str, range: &'static str, meaning: &'static str) -> Key {
    Key { key, default, range, meaning }
}

const WEIGHTS_RANGE: &str = "eight numbers >= 0, not all 0: neighbours, neighbours_max, baskets, embeddings, \
                             own_frequency, own_together, popular, ease";

const KINDS_RANGE: &str = "a list of cross-sell, upsell, add-on";

/// Every key with default, range and meaning, section by section. A test compares it with the
/// configuration itself.
pub const REFERENCE: &[Key] = &[
    key("seed", "1", "a whole number >= 0", "seed of every random choice"),
    key("purchases.path", "", "a file, folder, glob or a list of them", "the history, one row an item of a receipt"),
    key("purchases.on_bad_row", "\"fail\"", "fail, skip", "rows that break a rule: stop, or leave out and count"),
    key("purchases.columns", "{}", "our name = your column", "columns that are called otherwise"),
    key("purchases.time_unit", "\"order\"", "order, days", "what an integer timestamp counts"),
    key("purchases.discount_totals", "[]", "a list of columns", "discounts added to paid_total for the shelf price"),
    key("items.path", "", "a file, folder, glob or a list of them", "the item table"),
    key("items.on_bad_row", "\"fail\"", "fail, skip", "rows that break a rule"),
    key(
        "items.columns",
        "{}",
        "our name = your column",
        "category takes a list from coarse to fine, attributes any list",
    ),
    key("customers.path", "", "a file, folder, glob or a list of them", "the customer table"),
    key("customers.on_bad_row", "\"fail\"", "fail, skip", "rows that break a rule"),
    key("customers.columns", "{}", "our name = your column", "columns that are called otherwise"),
    key("promotions.path", "", "a file, folder, glob or a list of them", "the promotion calendar"),
    key("promotions.on_bad_row", "\"fail\"", "fail, skip", "rows that break a rule"),
    key("promotions.columns", "{}", "our name = your column", "columns that are called otherwise"),
    key(
        "segments.by",
        "",
        "a column of the customer table, a list, or { learned = .. }",
        "which customers belong together",
    ),
    key("segments.by.learned", "", "k-means, gaussian-mixture", "segments learned from how customers shop"),
    key("segments.by.k", "8", "2 to 64", "number of learned segments"),
    key("segments.by.min_baskets", "5", "1 to 10000 baskets", "customers with fewer have no learned segment"),
    key("models.counting.max_basket_items", "500", "2 to 65536 items", "longer baskets take part with this many items"),
    key(
        "models.neighbours.measure",
        "\"asymmetric-cosine\"",
        "asymmetric-cosine, cosine, jaccard, llr, bm25, conditional, lift",
        "how the nearness of two items is measured",
    ),
    key("models.neighbours.alpha", "0.7", "0 to 1", "asymmetric-cosine: exponent of the context item's total"),
    key("models.neighbours.beta", "0.3", "0 to 1", "exponent of the candidate's total; small favours popular ones"),
    key("models.neighbours.shrinkage", "0.5", "0 to 1e6 baskets", "pulls scores of rare items towards nothing"),
    key("models.neighbours.per_item", "200", "1 to 10000 items", "neighbours kept"),
    key("models.neighbours.min_item_baskets", "5", ">= 1 basket", "rarer items neither have neighbours nor are any"),
    key("models.neighbours.basket_size_exponent", "0.7", "0 to 1", "a basket of n items weighs n^-this"),
    key("models.neighbours.bm25_k1", "100.0", "0 to 1000", "saturation of bm25"),
    key("models.neighbours.bm25_b", "0.8", "0 to 1", "length normalisation of bm25"),
    key(
        "models.ease.max_items",
        "2000",
        "0 to 8000 items",
        "most popular items in the linear item model; 0 switches it off, the time is that of the cube",
    ),
    key("models.ease.min_item_baskets", "5", ">= 1 basket", "rarer items do not take part"),
    key(
        "models.ease.lambda",
        "0.25",
        "0.0001 to 10000",
        "ridge penalty in units of the items' mean weighted number of baskets",
    ),
    key("models.ease.size_exponent", "0.3", "0 to 1", "a basket of n items weighs n^-this"),
    key("models.ease.kept", "200", "1 to 8000 items", "strongest positive entries kept per item"),
    key("models.ease.memory_mib", "512", "1 to 65536 MiB", "a larger matrix is refused"),
    key("models.substitutes.enabled", "true", "true, false", "whether items bought instead of each other are learned"),
    key("models.substitutes.per_item", "20", "1 to 1000 items", "substitutes kept"),
    key("models.substitutes.min_customers", "5", ">= 1 customer", "fewest customers who bought both"),
    key(
        "models.substitutes.max_ratio",
        "0.8",
        "0.01 to 1",
        "baskets with both must surely be fewer than this share of those that chance explains",
    ),
    key("models.associations.enabled", "true", "true, false", "whether pairs are tested; without it none is shown"),
    key(
        "models.associations.false_discovery_rate",
        "0.05",
        "0.0001 to 0.5",
        "expected share of chance pairs among those shown",
    ),
    key("models.associations.min_customers", "5", ">= 1 customer", "fewest customers with both items in one basket"),
    key("models.associations.min_lift", "1.2", "1 to 1000", "fewest times as many such customers as chance explains"),
    key("models.associations.per_item", "50", "1 to 10000 items", "associations kept"),
    key("models.associations.min_item_customers", "5", ">= 1 customer", "items of fewer customers are not tested"),
    key("models.embeddings.enabled", "true", "true, false", "whether vectors are learned"),
    key("models.embeddings.dims", "128", "4 to 1024", "numbers per vector"),
    key("models.embeddings.epochs", "10", "1 to 1000", "passes over all baskets"),
    key("models.embeddings.learning_rate", "0.05", "> 0 to 10", "Adagrad's first step; falls to zero over the run"),
    key(
        "models.embeddings.loss",
        "\"context\"",
        "context, pairwise",
        "an item predicted from the whole basket, or from one other item",
    ),
    key("models.embeddings.targets_per_basket", "5", "1 to 1000 items", "items of a basket predicted in each pass"),
    key("models.embeddings.negatives", "200", "1 to 100000 items", "negative items shared by a batch"),
    key("models.embeddings.negative_power", "0.5", "0 to 1", "negatives are drawn like baskets^this"),
    key("models.embeddings.batch_size", "128", "1 to 100000 baskets", "baskets per step"),
    key("models.embeddings.pooling_exponent", "0.5", "0 to 1", "a context of n items is their sum times n^-this"),
    key(
        "models.embeddings.context_dropout",
        "0.3",
        "0 to 0.95",
        "probability that a context item is left out of a prediction",
    ),
    key(
        "models.embeddings.min_item_baskets",
        "5",
        ">= 1 basket",
        "rarer items have the vectors of their attributes only",
    ),
    key(
        "models.embeddings.new_item_days",
        "60",
        ">= 0 days",
        "items first sold so lately may be offered for their attributes alone",
    ),
    key(
        "models.embeddings.max_basket_items",
        "500",
        "2 to 65536 items",
        "longer baskets take part with this many items",
    ),
    key("models.baskets.enabled", "true", "true, false", "whether past baskets are kept for comparison"),
    key("models.baskets.per_item", "500", "1 to 10000 baskets", "newest baskets kept for each item"),
    key("models.baskets.nearest", "300", "1 to 10000 baskets", "nearest baskets that vote"),
    key("models.baskets.min_item_baskets", "5", ">= 1 basket", "rarer items are left out"),
    key(
        "models.own.baskets_per_customer",
        "300",
        "0 to 10000 baskets",
        "newest baskets stored for each customer; older ones as one",
    ),
    key("models.own.frequency_tau_days", "120.0", "> 0 days", "age at which a past basket counts 1/e for frequency"),
    key(
        "models.own.together_tau_days",
        "180.0",
        "> 0 days",
        "the same for past baskets that share items with this one",
    ),
    key("models.own.frequency_tau_baskets", "25.0", "> 0 baskets", "the first where times are a bare order"),
    key("models.own.together_tau_baskets", "40.0", "> 0 baskets", "the second where times are a bare order"),
    key("models.mixture.tune", "true", "true, false", "whether weights are tuned on an inner time split"),
    key("models.mixture.inner_share", "0.1", "0.01 to 0.5 of the baskets", "newest baskets that tuning hides items in"),
    key("models.mixture.max_cases", "3000", ">= 100 baskets", "most baskets used for tuning"),
    key("models.mixture.min_cases", "200", ">= 1 basket", "with fewer the weights stay as given"),
    key("models.mixture.rounds", "3", "1 to 20", "rounds over all weights"),
    key(
        "models.mixture.weights.completion_known",
        "[0.5, 0.0, 0.5, 0.0, 0.5, 0.5, 0.01, 0.0]",
        WEIGHTS_RANGE,
        "starting weights, customer known",
    ),
    key(
        "models.mixture.weights.completion_anonymous",
        "[1.0, 0.25, 1.0, 0.25, 0.0, 0.0, 0.02, 0.0]",
        WEIGHTS_RANGE,
        "starting weights, customer unknown",
    ),
    key(
        "models.mixture.weights.discovery_known",
        "[0.5, 0.5, 0.5, 0.5, 0.0, 0.0, 0.02, 0.0]",
        WEIGHTS_RANGE,
        "starting weights for new items, customer known",
    ),
    key(
        "models.mixture.weights.discovery_anonymous",
        "[1.0, 0.25, 1.0, 0.25, 0.0, 0.0, 0.02, 0.0]",
        WEIGHTS_RANGE,
        "starting weights for new items, customer unknown",
    ),
    key("models.ranker.enabled", "true", "true, false", "whether a ranker is learned; it needs `models.mixture.tune`"),
    key("models.ranker.grow_trees", "true", "true, false", "whether trees are grown beside the linear ranker"),
    key("models.ranker.learn_network", "true", "true, false", "whether a neural network is learned beside it"),
    key("models.ranker.max_baskets", "9000", ">= 100 baskets", "most held-out baskets that cases come from"),
    key(
        "models.ranker.min_cases",
        "500",
        ">= 50 cases",
        "with fewer a situation has no ranker and the mixture answers",
    ),
    key(
        "models.ranker.second_fold_below",
        "6000",
        ">= 0 cases",
        "with fewer cases an older part of the history gives more",
    ),
    key("models.ranker.targets_per_basket", "2", "1 to 5 items", "items hidden in a basket, one at a time"),
    key(
        "models.ranker.validation_share",
        "0.15",
        "0.1 to 0.5 of the held-out baskets",
        "newest of them, that growing is stopped and rankers are compared on",
    ),
    key("models.ranker.kept", "150", "10 to 1000 items", "candidates that the first stage keeps to be ranked"),
    key("models.ranker.candidates_per_case", "60", "10 to 1000 items", "candidates of a case that rankers learn from"),
    key("models.ranker.quotas.neighbours", "200", "0 to 65536 items", "candidates that neighbour each basket item"),
    key("models.ranker.quotas.baskets", "100", "0 to 65536 baskets", "past baskets most like the present one"),
    key(
        "models.ranker.quotas.ease",
        "200",
        "0 to 65536 items",
        "candidates of the linear item model for each basket item",
    ),
    key("models.ranker.quotas.own", "1000", "0 to 65536 items", "candidates that the customer bought, newest first"),
    key(
        "models.ranker.quotas.embeddings",
        "50",
        "0 to 65536 items",
        "candidates from the vectors, searched for discovery and where neighbours, baskets, ease, own and popular find fewer than `kept`",
    ),
    key("models.ranker.quotas.popular", "40", "0 to 65536 items", "best sellers of the whole history"),
    key(
        "models.ranker.quotas.pool",
        "600",
        "1 to 65536 items",
        "of all these the best by the mixture's weights, beside those of the following sources",
    ),
    key(
        "models.ranker.quotas.discovery_pool",
        "900",
        "1 to 65536 items",
        "the same in discovery, where what will be bought is harder to find",
    ),
    key(
        "models.ranker.quotas.kinds",
        "40",
        "0 to 65536 categories",
        "finest categories that go with the basket or the customer and give candidates",
    ),
    key("models.ranker.quotas.items_per_kind", "12", "0 to 65536 items", "candidates of each of these"),
    key(
        "models.ranker.quotas.items_per_line",
        "15",
        "0 to 65536 items",
        "candidates of each product line (maker within a finest category) of basket and past",
    ),
    key("models.ranker.quotas.own_lines", "15", "0 to 65536 lines", "product lines of the customer's past"),
    key(
        "models.ranker.quotas.substitutes",
        "60",
        "0 to 65536 items",
        "discovery: what is bought instead of the customer's",
    ),
    key("models.ranker.quotas.recent", "60", "0 to 65536 items", "best sellers of the newest four weeks"),
    key("models.ranker.quotas.promoted", "50", "0 to 65536 items", "items that the query says are on promotion"),
    key("models.ranker.quotas.store", "30", "0 to 65536 items", "the same in the store that the query names"),
    key("models.ranker.trees.max_trees", "150", "1 to 10000", "most trees"),
    key("models.ranker.trees.max_leaves", "31", "2 to 32", "most leaves of a tree"),
    key("models.ranker.trees.max_bins", "127", "2 to 255", "most bins that the values of a feature are put into"),
    key("models.ranker.trees.min_leaf_rows", "50", ">= 1 candidate", "fewest candidates in a leaf"),
    key("models.ranker.trees.min_leaf_hessian", "0.001", "0 to 1e9", "least sum of second derivatives in a leaf"),
    key("models.ranker.trees.learning_rate", "0.1", "> 0 to 1", "factor on every leaf; smaller steps need more trees"),
    key("models.ranker.trees.lambda_l2", "5.0", "0 to 1e9", "pulls leaves to zero, in units of second derivatives"),
    key(
        "models.ranker.trees.feature_fraction",
        "0.6",
        "> 0 to 1",
        "share of the features, drawn anew, that a tree may use",
    ),
    key("models.ranker.trees.row_fraction", "1.0", "> 0 to 1", "probability that a candidate takes part in a tree"),
    key(
        "models.ranker.trees.patience",
        "25",
        ">= 1 tree",
        "growth stops after so many trees without a gain on the newest held-out baskets",
    ),
    key(
        "models.ranker.network.hidden",
        "[32, 16]",
        "up to 3 whole numbers, 1 to 64 units",
        "units of the hidden layers, the one over the features first",
    ),
    key("models.ranker.network.max_epochs", "30", "1 to 1000", "most passes over the cases"),
    key(
        "models.ranker.network.patience",
        "5",
        "1 to 1000 passes",
        "learning stops after so many passes without a gain on the newest held-out baskets",
    ),
    key("models.ranker.network.lists_per_step", "64", "1 to 4096 cases", "cases that a step of the optimiser looks at"),
    key("models.ranker.network.learning_rate", "0.01", "1e-6 to 1", "length of a step of AdamW in the first pass"),
    key("models.ranker.network.learning_rate_decay", "0.9", "> 0 to 1", "factor on the length after each pass"),
    key("models.ranker.network.weight_decay", "0.5", "0 to 10", "share of the weights that goes in a step of length 1"),
    key("upsell.enabled", "true", "true, false", "whether upgrades are learned"),
    key(
        "upsell.period_days",
        "7",
        "1 to 3660 days, or steps where times are a bare order",
        "purchases of a ladder within one period count as one",
    ),
    key("upsell.min_records", "3", "1 to 100", "earlier purchases in a ladder that make a customer established in it"),
    key("upsell.window", "8", "1 to 100", "newest purchases that say which tier is usual"),
    key("upsell.min_share", "0.6", "0 to 1", "share of these that the usual tier needs"),
    key("upsell.min_price_ratio", "1.1", "1 to 100", "times dearer than the usual item that an upgrade must be"),
    key("upsell.gain_exponent", "0.5", "0 to 2", "order of offers: 0 most probable first, 1 most expected money first"),
    key(
        "upsell.propensity",
        "\"default\"",
        "default, rates, logistic, trees",
        "which model answers; default is what did best on the newest periods",
    ),
    key("upsell.grow_trees", "true", "true, false", "whether boosted trees are grown beside the logistic model"),
    key(
        "upsell.warm_up_periods",
        "8",
        "0 to 10000 periods",
        "first periods of the history, without events, so that customers have a past",
    ),
    key(
        "upsell.validation_periods",
        "5",
        "1 to 10000 periods",
        "newest periods that models are compared and calibrated on",
    ),
    key(
        "upsell.behaviour_periods",
        "4",
        "1 to 10000 periods",
        "after so many a customer's behaviour is summed up anew",
    ),
    key("upsell.max_events", "1000000", ">= 1000 events", "most events that models learn from, the newest first"),
    key("upsell.min_upgrades", "100", ">= 20 upgrades", "with fewer no model is learned and the rates answer"),
    key(
        "upsell.min_repeat_customers",
        "3",
        ">= 1 customer",
        "customers with repeat purchases that the label `repeat` needs",
    ),
    key("upsell.min_repeat_share", "0.02", "0 to 1", "their share of the ladder's customers"),
    key(
        "upsell.min_replacement_customers",
        "10",
        ">= 1 customer",
        "customers with a second purchase that the label `replacement` needs",
    ),
    key(
        "upsell.ladders.tier_step",
        "1.25",
        "1.01 to 10",
        "centre prices of adjacent tiers are at least this ratio apart",
    ),
    key("upsell.ladders.size_step", "1.35", "1 to 100", "sizes of one size band are at most this ratio apart"),
    key("upsell.ladders.min_item_lines", "10", ">= 1 purchase", "rarer items do not shape tiers and size bands"),
    key(
        "upsell.ladders.max_side_by_side",
        "1.1",
        ">= 1",
        "found ladders whose tiers share this many times as many baskets as chance explains offer nothing",
    ),
    key(
        "upsell.ladders.min_side_by_side",
        "10.0",
        "> 0 baskets",
        "baskets with two tiers that chance must explain before that is judged",
    ),
    key(
        "upsell.ladders.max_several",
        "0.1",
        "0 to 1",
        "where a greater share of a found ladder's baskets holds several of its items, another may be added",
    ),
    key("upsell.trees.max_trees", "300", "1 to 10000", "most trees"),
    key("upsell.trees.max_leaves", "31", "2 to 32", "most leaves of a tree"),
    key("upsell.trees.max_bins", "255", "2 to 255", "most bins that the values of a feature are put into"),
    key("upsell.trees.min_leaf_rows", "200", ">= 1 event", "fewest events in a leaf"),
    key("upsell.trees.min_leaf_hessian", "0.001", "0 to 1e9", "least sum of second derivatives in a leaf"),
    key("upsell.trees.learning_rate", "0.06", "> 0 to 1", "factor on every leaf; smaller steps need more trees"),
    key("upsell.trees.lambda_l2", "5.0", "0 to 1e9", "pulls leaves to zero, in units of second derivatives"),
    key("upsell.trees.feature_fraction", "0.6", "> 0 to 1", "share of the features, drawn anew, that a tree may use"),
    key("upsell.trees.row_fraction", "0.8", "> 0 to 1", "probability that a customer takes part in a tree"),
    key(
        "upsell.trees.patience",
        "40",
        ">= 1 tree",
        "growth stops after so many trees without a gain on the newest periods",
    ),
    key("evaluate.test_from", "", "a date, or a number where times are numbers", "first time of the test baskets"),
    key("evaluate.test_share", "0.1", "0.001 to 0.9 of the baskets", "newest baskets that are test baskets"),
    key("evaluate.max_cases", "10000", ">= 1 basket", "most test baskets, chosen by a hash of their ids"),
    key("evaluate.min_item_baskets", "5", ">= 1 basket", "items in fewer training baskets are never hidden"),
    key("evaluate.max_cold_cases", "2000", ">= 0 baskets", "most cases that hide such an item, a slice of their own"),
    key("evaluate.head_items", "1000", ">= 1 item", "items outside this many most popular ones are the tail"),
    key("evaluate.resamples", "1000", ">= 100", "bootstrap resamples behind the intervals"),
    key("evaluate.retention_days", "30", ">= 1 day", "days in which a retained customer orders again"),
    key("policy.objective", "\"relevance\"", "relevance, units, revenue, margin", "what the value of an offer counts"),
    key(
        "policy.gain_exponent",
        "0.5",
        "0 to 2",
        "exponent of the gain in the value: 0 most probable first, 1 most expected money first",
    ),
    key(
        "policy.margin_rate",
        "0.3",
        "0 to 1 of the price",
        "margin of every item where the shop says no margin at all",
    ),
    key("policy.min_relevance", "0.0", "0 to 1", "least probability of an offer; nothing lifts one over it"),
    key(
        "policy.fallback",
        "\"when-empty\"",
        "never, when-empty, fill-up",
        "whether best sellers stand in where the model has no answer, or fill short ones up",
    ),
    key("policy.offers_per_request", "4", "0 to 12 offers", "most offers of a slate"),
    key("policy.offers_per_session", "24", "0 to 100000 offers", "most offers that one session sees"),
    key(
        "policy.cool_down_days",
        "7.0",
        "0 to 3650 days",
        "how long a declined item rests, by the clock of its session",
    ),
    key("policy.declines_before_cool_down", "1", "1 to 100 declines", "declines after which an item rests"),
    key(
        "policy.shows_per_item",
        "",
        "1 to 254 times",
        "times that one session sees one item; without limit where not given",
    ),
    key(
        "policy.declines_before_silence",
        "",
        "1 to 254 declines",
        "declined offers of a kind after which it stays away for the session; without limit where not given",
    ),
    key("policy.diversity", "0.1", "0 to 1", "share of its value that each further offer of one top category loses"),
    key(
        "policy.popularity_penalty",
        "0.0",
        "0 to 2",
        "values are divided by (1 + customers)^this, so that best sellers step back",
    ),
    key(
        "policy.max_price_ratio.upsell",
        "3.0",
        "1 to 1000",
        "shelf price of a dearer version over the item it replaces",
    ),
    key(
        "policy.max_price_ratio.cross_sell",
        "10.0",
        "0.01 to 1000",
        "shelf price of something to add over the dearest item of basket and context",
    ),
    key("policy.max_price_ratio.basket", "", "0.01 to 1000", "what an offer adds over the basket's total"),
    key("policy.touchpoints.home", "[\"upsell\"]", KINDS_RANGE, "kinds offered at the door"),
    key("policy.touchpoints.category", "[\"upsell\"]", KINDS_RANGE, "kinds offered on a list of items"),
    key(
        "policy.touchpoints.product",
        "[\"cross-sell\", \"upsell\", \"add-on\"]",
        KINDS_RANGE,
        "kinds offered on the page of an item",
    ),
    key(
        "policy.touchpoints.cart",
        "[\"cross-sell\", \"upsell\", \"add-on\"]",
        KINDS_RANGE,
        "kinds offered in the cart",
    ),
    key("policy.touchpoints.checkout", "[\"cross-sell\", \"add-on\"]", KINDS_RANGE, "kinds offered at the checkout"),
    key("policy.touchpoints.post_purchase", "[\"cross-sell\"]", KINDS_RANGE, "kinds offered after the order"),
    key("policy.touchpoints.email", "[\"cross-sell\"]", KINDS_RANGE, "kinds offered in a message"),
    key("policy.caps.cross_sell", "3", "0 to 12 offers", "most things to add in a slate"),
    key("policy.caps.upsell", "1", "0 to 12 offers", "most dearer versions"),
    key("policy.caps.add_on", "1", "0 to 12 offers", "most add-ons"),
    key("policy.caps.per_category", "2", "1 to 12 offers", "most offers of one finest category"),
    key("policy.exclude.items", "[]", "a list of item ids", "items that are never offered"),
    key(
        "policy.exclude.categories",
        "[]",
        "a list of labels, or of labels joined by ` > ` from the top",
        "categories that are never offered, with those below them",
    ),
    key("policy.exclude.brands", "[]", "a list of brands", "brands that are never offered"),
    key("policy.slow_movers.boost", "0.0", "0 to 10", "share by which the value of slow stock grows"),
    key("policy.slow_movers.days_of_cover", "90.0", "1 to 36500 days", "stock that lasts longer is slow"),
    key("policy.slow_movers.min_age_days", "60.0", "0 to 36500 days", "items first sold later are new, not slow"),
    key(
        "policy.price_sensitivity",
        "{}",
        "segment = 0 to 1",
        "share of its value and probability that an upgrade loses in a segment",
    ),
    key(
        "policy.filters",
        "[]",
        "tables { attribute, op, value or of_anchor = true, kinds }; op is =, !=, <, <=, >, >= or in",
        "conditions on attributes of the item table, and on price, margin, stock, brand and category",
    ),
    key(
        "policy.promotions",
        "[]",
        "tables { item, discount (> 0 to 1), starts_at, ends_at (exclusive), requires_item }",
        "price cuts for a time",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sidecart_train::segments::LearnedParams;

    use super::*;
    use crate::{Config, SegmentColumns, SegmentsConfig};

    fn flatten(prefix: &str, value: &toml::Value, out: &mut BTreeMap<String, toml::Value>) {
        match value {
            toml::Value::Table(table) if !table.is_empty() && !prefix.ends_with("columns") => {
                for (name, value) in table {
                    let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                    flatten(&path, value, out);
                }
            }
            other => {
                out.insert(prefix.to_owned(), other.clone());
            }
        }
    }

    fn same(a: &toml::Value, b: &toml::Value) -> bool {
        match (a, b) {
            (toml::Value::Array(a), toml::Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            _ => match (a.as_float(), b.as_float()) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-6,
                _ => a == b,
            },
        }
    }

    #[test]
    fn the_reference_is_the_configuration() {
        let table = sidecart_data::config::SideTableConfig::default();
        let config = Config {
            items: Some(table.clone()),
            customers: Some(table.clone()),
            promotions: Some(table),
            segments: Some(SegmentsConfig { by: SegmentColumns::Learned(LearnedParams::default()) }),
            ..Config::default()
        };
        let mut actual = BTreeMap::new();
        flatten("", &toml::Value::try_from(&config).unwrap(), &mut actual);
        let documented: BTreeMap<&str, &Key> = REFERENCE.iter().map(|k| (k.key, k)).collect();
        assert_eq!(documented.len(), REFERENCE.len(), "a key stands twice");
        for (key, value) in &actual {
            let Some(documented) = documented.get(key.as_str()) else { panic!("{key} is not documented") };
            if !documented.default.is_empty() {
                let text: toml::Table = toml::from_str(&format!("x = {}", documented.default)).unwrap();
                assert!(same(&text["x"], value), "{key}: documented {}, is {value}", documented.default);
            }
        }
        for key in REFERENCE {
            assert!(actual.contains_key(key.key) || key.default.is_empty(), "{} does not exist", key.key);
        }
    }
}
