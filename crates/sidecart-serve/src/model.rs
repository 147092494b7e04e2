//! The tensors of a model, checked once and then read as plain slices.

use sidecart_artifact::{Container, Element, Section, read_id_table, read_texts};
use sidecart_core::{Clock, IdTable, ItemId, TextTable};
use sidecart_kernels::{QuantisedRows, RowBias, ScanIndex, prefetch_read};

use crate::error::{Error, Result};
use crate::offers::{CompiledPolicy, OfferItems, Policy, PolicyNames};
use crate::ranker::RankerModel;
use crate::sections as names;
use crate::settings::{MixtureWeights, ServingSettings};
use crate::upsell::UpsellModel;
use sidecart_core::ln;

/// Lists of numbers by row: `offsets[row]..offsets[row + 1]`.
pub(crate) struct Lists {
    offsets: Section<u32>,
    values: Section<u32>,
}

/// Lists of items with their scores, best first.
pub(crate) struct ScoredLists {
    lists: Lists,
    scores: Section<f32>,
}

/// Associations that may be shown.
pub(crate) struct AssociationLists {
    lists: Lists,
    customers: Section<u32>,
    baskets: Section<u32>,
    lifts: Section<f32>,
}

/// Vectors of the items.
pub(crate) struct EmbeddingTables {
    input: Section<f32>,
    /// Row of each item's in-vector, `NO_ROW` where it has none.
    input_rows: Vec<u32>,
    output_items: Section<u32>,
    /// Row of each item's out-vector, `NO_ROW` where it has none.
    output_rows: Vec<u32>,
    pub(crate) dims: usize,
    pub(crate) scan: ScanIndex<Vec<f32>>,
    /// The same rows for scores of chosen items.
    pub(crate) rows: QuantisedRows,
    pub(crate) bias: RowBias,
}

/// "No such row".
const NO_ROW: u32 = u32::MAX;

/// Newest baskets of each item, and the items of those baskets.
pub(crate) struct BasketTables {
    baskets: Lists,
    postings: Lists,
    pub(crate) n_baskets: usize,
    /// One over the square root of each kept basket's size.
    pub(crate) size_factors: Vec<f32>,
}

/// A pair of items that is bought together more often than chance explains.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Association {
    /// The other item.
    pub item: ItemId,
    /// Distinct customers who bought both in one basket.
    pub n_customers: u32,
    /// Baskets that hold both.
    pub n_baskets: u32,
    /// How many times more often than by chance.
    pub lift: f32,
}

/// A trained model in memory.
pub struct Model {
    container: Container,
    settings: ServingSettings,
    clock: Clock,
    items: IdTable,
    names: Option<TextTable>,
    item_baskets: Section<u32>,
    item_customers: Section<u32>,
    popular: Section<u32>,
    neighbours: Option<ScoredLists>,
    ease: Option<ScoredLists>,
    substitutes: Option<ScoredLists>,
    associations: Option<AssociationLists>,
    embeddings: Option<EmbeddingTables>,
    baskets: Option<BasketTables>,
    upsell: Option<UpsellModel>,
    ranker: Option<RankerModel>,
    offer_items: OfferItems,
    policy: CompiledPolicy,
    /// Logarithm of the inverse share of baskets that hold each item, above 0.
    pub(crate) rarity: Vec<f32>,
    /// Square roots of `rarity`.
    pub(crate) rarity_roots: Vec<f32>,
}

#[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and fresh texts")]
fn model_error(section: &'static str, problem: &'static str, expected: impl ToString, got: impl ToString) -> Error {
    Error::Model { section, problem, expected: expected.to_string(), got: got.to_string() }
}

/// The values of a tensor.
pub(crate) fn vector<T: Element>(container: &Container, name: &str) -> Result<Vec<T>> {
    let section = container.section::<T>(name)?;
    Ok(container.get(&section).to_vec())
}

/// A list of distinct items in rising order.
fn rising_items(container: &Container, name: &'static str, n_items: usize) -> Result<Section<u32>> {
    let section = container.section::<u32>(name)?;
    let items = container.get(&section);
    if let Some(at) = items.windows(2).position(|w| w[0] >= w[1]) {
        return Err(model_error(name, "items do not rise", format!("> {}", items[at]), items[at + 1]));
    }
    match items.last() {
        Some(&last) if last as usize >= n_items => {
            Err(model_error(name, "a number is out of range", format!("< {n_items}"), last))
        }
        _ => Ok(section),
    }
}

impl EmbeddingTables {
    /// The row of an item's out-vector, where it has one.
    #[inline]
    pub(crate) fn output_row(&self, item: u32) -> Option<u32> {
        Some(self.output_rows[item as usize]).filter(|row| *row != NO_ROW)
    }
}

impl Lists {
    /// Checks that offsets rise from 0 to the number of values and every value is below `limit`.
    fn read(
        container: &Container,
        offsets_name: &'static str,
        values_name: &'static str,
        n_rows: usize,
        limit: usize,
    ) -> Result<Self> {
        let offsets = container.vector::<u32>(offsets_name, n_rows + 1)?;
        let values = container.section::<u32>(values_name)?;
        let view = container.get(&offsets);
        if view.first() != Some(&0) || view.last().map(|&o| o as usize) != Some(values.len()) {
            return Err(model_error(
                offsets_name,
                "offsets do not span the values",
                format!("0..{}", values.len()),
                format!("{:?}..{:?}", view.first(), view.last()),
            ));
        }
        if let Some(at) = view.windows(2).position(|w| w[0] > w[1]) {
            return Err(model_error(offsets_name, "offsets fall", format!(">= {}", view[at]), view[at + 1]));
        }
        // One pass for the maximum vectorises; a search for the first offender would not.
        let largest = container.get(&values).iter().fold(0, |most, &v| most.max(v));
        if !values.is_empty() && largest as usize >= limit {
            return Err(model_error(values_name, "a number is out of range", format!("< {limit}"), largest));
        }
        Ok(Self { offsets, values })
    }

    #[inline]
    fn range(&self, container: &Container, row: usize) -> std::ops::Range<usize> {
        let offsets = container.get(&self.offsets);
        offsets[row] as usize..offsets[row + 1] as usize
    }
}

impl ScoredLists {
    /// Reads offsets, items and scores, each checked; `None` where the model has none.
    fn read(container: &Container, names: [&'static str; 3], n_items: usize) -> Result<Option<Self>> {
        let [offsets, items, scores_name] = names;
        if !container.contains(offsets) {
            return Ok(None);
        }
        let lists = Lists::read(container, offsets, items, n_items, n_items)?;
        let scores = container.vector::<f32>(scores_name, lists.values.len())?;
        if container.get(&scores).iter().fold(0.0f32, |least, &s| least.min(s)) < 0.0 {
            return Err(model_error(scores_name, "a score is negative", ">= 0", "less"));
        }
        Ok(Some(Self { lists, scores }))
    }

    #[inline]
    fn get<'a>(&self, container: &'a Container, item: ItemId) -> (&'a [u32], &'a [f32]) {
        let range = self.lists.range(container, item.index());
        (&container.get(&self.lists.values)[range.clone()], &container.get(&self.scores)[range])
    }
}

impl Model {
    /// Reads a model out of a checked container.
    ///
    /// Every offset, id and float is checked before the first view is handed out. O(bytes).
    ///
    /// # Errors
    /// [`Error::Artifact`] for a missing or misshapen tensor, [`Error::Model`] where tensors
    /// contradict each other, [`Error::Settings`] for a setting out of range.
    pub fn read(container: Container, settings: ServingSettings, clock: Clock) -> Result<Self> {
        container.require_finite()?;
        settings.check().map_err(|problem| Error::Settings { problem })?;
        let items = read_id_table(&container, names::ITEM_IDS)?;
        let n_items = items.len();
        let has_names = container.tensors().any(|(name, _)| name.starts_with(names::ITEM_NAMES));
        let item_names = has_names.then(|| read_texts(&container, names::ITEM_NAMES)).transpose()?;
        if let Some(texts) = item_names.as_ref().filter(|t| t.len() != n_items) {
            return Err(model_error(names::ITEM_NAMES, "wrong number of names", n_items, texts.len()));
        }
        let item_baskets = container.vector::<u32>(names::ITEM_BASKETS, n_items)?;
        let item_customers = container.vector::<u32>(names::ITEM_CUSTOMERS, n_items)?;
        let popular = container.section::<u32>(names::POPULAR_ITEMS)?;
        if let Some(&got) = container.get(&popular).iter().find(|&&i| i as usize >= n_items) {
            return Err(model_error(names::POPULAR_ITEMS, "a number is out of range", format!("< {n_items}"), got));
        }
        let scored = |offsets, items, scores| ScoredLists::read(&container, [offsets, items, scores], n_items);
        let neighbours = scored(names::NEIGHBOUR_OFFSETS, names::NEIGHBOUR_ITEMS, names::NEIGHBOUR_SCORES)?;
        let ease = scored(names::EASE_OFFSETS, names::EASE_ITEMS, names::EASE_SCORES)?;
        let substitutes = scored(names::SUBSTITUTE_OFFSETS, names::SUBSTITUTE_ITEMS, names::SUBSTITUTE_SCORES)?;
        let associations = container
            .contains(names::ASSOCIATION_OFFSETS)
            .then(|| -> Result<_> {
                let lists =
                    Lists::read(&container, names::ASSOCIATION_OFFSETS, names::ASSOCIATION_ITEMS, n_items, n_items)?;
                let n = lists.values.len();
                Ok(AssociationLists {
                    customers: container.vector(names::ASSOCIATION_CUSTOMERS, n)?,
                    baskets: container.vector(names::ASSOCIATION_BASKETS, n)?,
                    lifts: container.vector(names::ASSOCIATION_LIFTS, n)?,
                    lists,
                })
            })
            .transpose()?;
        let embeddings = container
            .contains(names::EMBEDDING_OUTPUT)
            .then(|| -> Result<_> {
                let output_items = rising_items(&container, names::EMBEDDING_OUTPUT_ITEMS, n_items)?;
                let input_items = rising_items(&container, names::EMBEDDING_INPUT_ITEMS, n_items)?;
                let output = container.section::<f32>(names::EMBEDDING_OUTPUT)?;
                let dims = output.cols();
                if output.rows() != output_items.len() || dims == 0 {
                    let expected = format!("[{}, >= 1]", output_items.len());
                    let got = format!("[{}, {dims}]", output.rows());
                    return Err(model_error(names::EMBEDDING_OUTPUT, "wrong shape", expected, got));
                }
                let input = container.matrix::<f32>(names::EMBEDDING_INPUT, input_items.len(), dims)?;
                let bias = container.vector::<f32>(names::EMBEDDING_BIAS, output_items.len())?;
                let mut input_rows = vec![NO_ROW; n_items];
                for (row, &item) in container.get(&input_items).iter().enumerate() {
                    input_rows[item as usize] = row as u32;
                }
                let mut output_rows = vec![NO_ROW; n_items];
                for (row, &item) in container.get(&output_items).iter().enumerate() {
                    output_rows[item as usize] = row as u32;
                }
                let kernel = |section| move |source| Error::Kernel { section, source };
                let rows = QuantisedRows::new(container.get(&output), dims).map_err(kernel(names::EMBEDDING_OUTPUT))?;
                let scan =
                    ScanIndex::new(container.get(&output).to_vec(), dims).map_err(kernel(names::EMBEDDING_OUTPUT))?;
                let bias = RowBias::new(container.get(&bias)).map_err(kernel(names::EMBEDDING_BIAS))?;
                Ok(EmbeddingTables { input, input_rows, output_items, output_rows, dims, scan, rows, bias })
            })
            .transpose()?;
        let baskets = container
            .contains(names::BASKET_OFFSETS)
            .then(|| -> Result<_> {
                let n_baskets = container.section::<u32>(names::BASKET_OFFSETS)?.len().saturating_sub(1);
                let baskets = Lists::read(&container, names::BASKET_OFFSETS, names::BASKET_ITEMS, n_baskets, n_items)?;
                let size = |basket| baskets.range(&container, basket).len().max(1) as f32;
                Ok(BasketTables {
                    postings: Lists::read(
                        &container,
                        names::POSTING_OFFSETS,
                        names::POSTING_BASKETS,
                        n_items,
                        n_baskets,
                    )?,
                    n_baskets,
                    size_factors: (0..n_baskets).map(|basket| 1.0 / size(basket).sqrt()).collect(),
                    baskets,
                })
            })
            .transpose()?;
        let upsell = UpsellModel::read(&container, settings.upsell.as_ref(), clock, n_items)?;
        let ranker = RankerModel::read(&container, settings.ranker.as_ref(), n_items)?;
        let offer_items = OfferItems::read(&container, upsell.as_ref().map(|upsell| &upsell.ladders), n_items)?;
        let names = PolicyNames {
            ids: &items,
            items: &offer_items,
            segments: upsell.as_ref().map_or(&[], |upsell| &upsell.settings.segments),
            clock,
        };
        let policy = CompiledPolicy::new(settings.policy.clone(), names)
            .map_err(|problem| Error::Settings { problem: format!("policy.{problem}") })?;
        let n_training = settings.n_baskets.max(1) as f64;
        let rarity: Vec<f32> = container
            .get(&item_baskets)
            .iter()
            .map(|&n| ln(n_training / f64::from(n.max(1))).max(0.0) as f32 + 1e-3)
            .collect();
        let rarity_roots = rarity.iter().map(|r| r.sqrt()).collect();
        Ok(Self {
            container,
            settings,
            clock,
            items,
            names: item_names,
            item_baskets,
            item_customers,
            popular,
            neighbours,
            ease,
            substitutes,
            associations,
            embeddings,
            baskets,
            upsell,
            ranker,
            offer_items,
            policy,
            rarity,
            rarity_roots,
        })
    }

    /// Outside ids of the items; the position is the [`ItemId`].
    #[must_use]
    pub fn items(&self) -> &IdTable {
        &self.items
    }

    /// The readable name of an item, where the shop gave one.
    #[must_use]
    pub fn name(&self, item: ItemId) -> Option<&str> {
        self.names.as_ref().map(|names| names.get(item.index())).filter(|name| !name.is_empty())
    }

    /// The name of an item, or its id.
    #[must_use]
    pub fn label(&self, item: ItemId) -> String {
        self.name(item).map_or_else(|| self.items.get(item.0).to_string(), str::to_owned)
    }

    /// Number of items.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.items.len()
    }

    /// What times count.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// How the parts are used.
    #[must_use]
    pub fn settings(&self) -> &ServingSettings {
        &self.settings
    }

    /// Training baskets of every item.
    #[must_use]
    pub fn item_baskets(&self) -> &[u32] {
        self.container.get(&self.item_baskets)
    }

    /// Distinct training customers of every item.
    #[must_use]
    pub fn item_customers(&self) -> &[u32] {
        self.container.get(&self.item_customers)
    }

    /// Items that may be offered for being popular, best first.
    #[must_use]
    pub fn popular(&self) -> &[u32] {
        self.container.get(&self.popular)
    }

    /// Neighbours of an item with their scores, best first; empty where there are none.
    #[inline]
    #[must_use]
    pub fn neighbours(&self, item: ItemId) -> (&[u32], &[f32]) {
        self.neighbours.as_ref().map_or((&[], &[]), |lists| lists.get(&self.container, item))
    }

    /// Items that the linear item model speaks for in a basket with an item, with their scores,
    /// best first; empty where there are none.
    #[inline]
    #[must_use]
    pub fn ease(&self, item: ItemId) -> (&[u32], &[f32]) {
        self.ease.as_ref().map_or((&[], &[]), |lists| lists.get(&self.container, item))
    }

    /// Items of the same kind that customers buy instead of an item, with how much less often than by
    /// chance the two are in one basket (0 to 1), best first; empty where none is known.
    #[inline]
    #[must_use]
    pub fn substitutes(&self, item: ItemId) -> (&[u32], &[f32]) {
        self.substitutes.as_ref().map_or((&[], &[]), |lists| lists.get(&self.container, item))
    }

    /// Associations of an item that may be shown, strongest first.
    pub fn associations(&self, item: ItemId) -> impl Iterator<Item = Association> + '_ {
        self.associations.iter().flat_map(move |a| {
            a.lists.range(&self.container, item.index()).map(move |at| Association {
                item: ItemId(self.container.get(&a.lists.values)[at]),
                n_customers: self.container.get(&a.customers)[at],
                n_baskets: self.container.get(&a.baskets)[at],
                lift: self.container.get(&a.lifts)[at],
            })
        })
    }

    /// Number of associations that may be shown, each counted in both directions.
    #[must_use]
    pub fn n_associations(&self) -> usize {
        self.associations.as_ref().map_or(0, |a| a.lists.values.len())
    }

    /// The in-vector of an item, where it has one.
    #[inline]
    pub(crate) fn input_vector(&self, tables: &EmbeddingTables, item: ItemId) -> Option<&[f32]> {
        let row = tables.input_rows[item.index()];
        (row != NO_ROW).then(|| self.container.row(&tables.input, row as usize))
    }

    /// The items of the rows that are scanned, rising.
    pub(crate) fn output_items(&self, tables: &EmbeddingTables) -> &[u32] {
        self.container.get(&tables.output_items)
    }

    pub(crate) fn embeddings(&self) -> Option<&EmbeddingTables> {
        self.embeddings.as_ref()
    }

    /// Dimensions of the vectors, where the model has some.
    #[must_use]
    pub fn embedding_dims(&self) -> Option<usize> {
        self.embeddings.as_ref().map(|e| e.dims)
    }

    /// What is known about upgrades, where the model has learned it.
    #[must_use]
    pub fn upsell(&self) -> Option<&UpsellModel> {
        self.upsell.as_ref()
    }

    /// The learned ranker, where the model has one.
    #[must_use]
    pub fn ranker(&self) -> Option<&RankerModel> {
        self.ranker.as_ref()
    }

    /// What is known of items for offers.
    #[must_use]
    pub fn offer_items(&self) -> &OfferItems {
        &self.offer_items
    }

    /// The shop's rules for offers.
    #[must_use]
    pub fn policy(&self) -> &CompiledPolicy {
        &self.policy
    }

    /// Looks the names of another policy up; says in words what is wrong with it.
    pub(crate) fn compile_policy(&self, policy: Policy) -> Result<CompiledPolicy, String> {
        let segments = self.upsell.as_ref().map_or(&[][..], |upsell| &upsell.settings.segments);
        let names = PolicyNames { ids: &self.items, items: &self.offer_items, segments, clock: self.clock };
        CompiledPolicy::new(policy, names)
    }

    pub(crate) fn set_weights(&mut self, weights: MixtureWeights) {
        self.settings.weights = weights;
    }

    pub(crate) fn set_ranker(&mut self, ranker: RankerModel) {
        self.settings.ranker = Some(ranker.settings);
        self.ranker = Some(ranker);
    }

    pub(crate) fn baskets(&self) -> Option<&BasketTables> {
        self.baskets.as_ref()
    }

    /// Number of past baskets kept for comparison.
    #[must_use]
    pub fn n_kept_baskets(&self) -> usize {
        self.baskets.as_ref().map_or(0, |b| b.n_baskets)
    }

    #[inline]
    pub(crate) fn postings(&self, tables: &BasketTables, item: ItemId) -> &[u32] {
        &self.container.get(&tables.postings.values)[tables.postings.range(&self.container, item.index())]
    }

    /// Asks for a kept basket ahead of its use: first for where its items stand, later for the items.
    #[inline]
    pub(crate) fn prefetch_basket_range(&self, tables: &BasketTables, basket: u32) {
        prefetch_read(self.container.get(&tables.baskets.offsets), basket as usize);
    }

    /// See [`prefetch_basket_range`](Self::prefetch_basket_range).
    #[inline]
    pub(crate) fn prefetch_basket(&self, tables: &BasketTables, basket: u32) {
        let range = tables.baskets.range(&self.container, basket as usize);
        prefetch_read(self.container.get(&tables.baskets.values), range.start);
    }

    #[inline]
    pub(crate) fn kept_basket(&self, tables: &BasketTables, basket: u32) -> &[u32] {
        &self.container.get(&tables.baskets.values)[tables.baskets.range(&self.container, basket as usize)]
    }

    /// Whether an item has an in-vector, or stands in a kept basket.
    pub(crate) fn has_vector_or_postings(&self, item: ItemId) -> bool {
        let has_vector = |tables: &EmbeddingTables| tables.input_rows[item.index()] != NO_ROW;
        self.embeddings.as_ref().is_some_and(has_vector)
            || self.baskets.as_ref().is_some_and(|tables| !self.postings(tables, item).is_empty())
    }

    /// Whether the model has neighbour lists.
    #[must_use]
    pub fn has_neighbours(&self) -> bool {
        self.neighbours.is_some()
    }

    /// Whether the model has the lists of the linear item model.
    #[must_use]
    pub fn has_ease(&self) -> bool {
        self.ease.is_some()
    }
}
