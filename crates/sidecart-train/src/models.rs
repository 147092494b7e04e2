//! All models of a history, and the container that holds them.

use sidecart_artifact::{Container, ContainerWriter, write_id_table, write_texts};
use sidecart_core::{Clock, ItemId, MICROS_PER_DAY, Progress, Time, mix64};
use sidecart_data::Ledger;
use sidecart_serve::offers::{OfferItems, Policy};
use sidecart_serve::ranker::RankerModel;
use sidecart_serve::{MixtureWeights, OfferProbability, Scorer, ServingSettings, sections};

use crate::associations::{self, Associations};
use crate::baskets::{self, KeptBaskets};
use crate::catalogue::Catalogue;
use crate::counting::{CappedBaskets, line_hash};
use crate::ease;
use crate::embeddings::{self, Embeddings};
use crate::error::{Error, Result};
use crate::hold_out::{count_item_baskets, count_item_customers};
use crate::neighbours::{self, Neighbours};
use crate::params::ModelParams;
use crate::segments::categories::ItemCategories;
use crate::substitutes;

/// Everything learned from one ledger.
pub struct Models {
    item_baskets: Vec<u32>,
    item_customers: Vec<u32>,
    popular: Vec<u32>,
    neighbours: Neighbours,
    ease: Option<Neighbours>,
    substitutes: Option<Neighbours>,
    associations: Option<Associations>,
    embeddings: Option<Embeddings>,
    /// Items whose in-vectors are kept: everything that can stand in a basket.
    context_items: Vec<u32>,
    /// Items whose out-vectors are kept: everything that may be offered for its vector.
    answer_items: Vec<u32>,
    baskets: Option<KeptBaskets>,
    settings: ServingSettings,
    ranker: Option<RankerModel>,
    offer_items: Option<OfferItems>,
}

/// Learns every model from a ledger whose items are those of the catalogue.
///
/// A pure function of its arguments: no thread count, row order or clock enters.
///
/// # Errors
/// [`Error::Counting`] when the history is too long to be counted at once, [`Error::Cancelled`].
pub fn fit(
    ledger: &Ledger,
    catalogue: &Catalogue,
    params: &ModelParams,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Models> {
    let cancelled = || if progress.is_cancelled() { Err(sidecart_core::Cancelled) } else { Ok(()) };
    let item_baskets = count_item_baskets(ledger);
    let item_customers = count_item_customers(ledger);
    let item_keys: Vec<u64> = (0..catalogue.len() as u32).map(|i| id_key(catalogue, i)).collect();
    let capped = CappedBaskets::new(
        ledger.baskets(),
        ledger.n_items(),
        params.counting.max_basket_items as usize,
        |basket, item| line_hash(ledger.basket_keys()[basket], item_keys[item.index()]),
    );
    if capped.n_capped() > 0 {
        progress.note(&format!(
            "{} baskets hold more than {} items: only that many of each were counted in pairs",
            capped.n_capped(),
            params.counting.max_basket_items
        ));
    }
    progress.begin("counting neighbours", 1, "models");
    let neighbours = neighbours::fit(&capped, &params.neighbours)?;
    progress.end();
    cancelled()?;
    let ease = if params.ease.max_items > 0 {
        progress.begin("solving the linear item model", 1, "models");
        let lists =
            ease::fit(&capped, &params.ease).map_err(|source| Error::Parameter { section: "models.ease", source })?;
        progress.end();
        cancelled()?;
        Some(lists)
    } else {
        None
    };
    let substitutes = params.substitutes.enabled.then(|| {
        let kinds = ItemCategories::at(catalogue, usize::MAX);
        substitutes::fit(ledger, &kinds.of_item, &params.substitutes)
    });
    progress.begin("testing associations", 1, "models");
    let associations = params
        .associations
        .enabled
        .then(|| associations::find(&capped, ledger.basket_customers(), &params.associations))
        .transpose()?;
    progress.end();
    cancelled()?;
    let embeddings = if params.embeddings.enabled {
        let features = catalogue.features();
        let checked =
            params.embeddings.check().map_err(|source| Error::Parameter { section: "models.embeddings", source })?;
        Some(embeddings::train(ledger.baskets(), &features, &checked, seed, progress)?)
    } else {
        None
    };
    let answer_items = answer_items(ledger, catalogue, &item_baskets, params);
    let context_items = (0..item_baskets.len() as u32)
        .filter(|&i| item_baskets[i as usize] > 0 || answer_items.binary_search(&i).is_ok())
        .collect();
    let baskets = params.baskets.enabled.then(|| baskets::fit(ledger, &item_baskets, &params.baskets));
    let popular = popular_items(&item_baskets, params.neighbours.min_item_baskets);
    let settings = serving_settings(ledger, params);
    Ok(Models {
        item_baskets,
        item_customers,
        popular,
        neighbours,
        ease,
        substitutes,
        associations,
        embeddings,
        context_items,
        answer_items,
        baskets,
        settings,
        ranker: None,
        offer_items: None,
    })
}

/// A key of an item's outside id, the same in every catalogue.
fn id_key(catalogue: &Catalogue, item: u32) -> u64 {
    match catalogue.ids.get(item) {
        sidecart_core::ExternalIdRef::Int(id) => mix64(id as u64),
        sidecart_core::ExternalIdRef::Text(id) => {
            id.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| mix64(h ^ u64::from(b)))
        }
    }
}

/// Items that vectors may propose, rising: those with enough baskets, and new ones, which have no
/// other way to be found. New is what the shop first sold (by its item table, else by the ledger)
/// in the last days of the history; an item that simply does not sell is not new.
fn answer_items(ledger: &Ledger, catalogue: &Catalogue, item_baskets: &[u32], params: &ModelParams) -> Vec<u32> {
    let embeddings = &params.embeddings;
    let since = ledger
        .last_time()
        .filter(|_| ledger.clock().has_durations())
        .map(|last| Time(last.0.saturating_sub(i64::from(embeddings.new_item_days) * MICROS_PER_DAY)));
    let mut first_bought = vec![Time(i64::MAX); item_baskets.len()];
    for (basket, &time) in ledger.baskets().iter().zip(ledger.basket_times()) {
        for item in basket {
            let first = &mut first_bought[item.index()];
            *first = time.min(*first);
        }
    }
    let is_new = |item: u32| {
        let listed = catalogue.first_sold(item);
        let bought = Some(first_bought[item as usize]).filter(|t| t.0 < i64::MAX);
        since.is_some_and(|since| listed.or(bought).is_some_and(|first| first >= since))
    };
    (0..item_baskets.len() as u32)
        .filter(|&i| item_baskets[i as usize] >= embeddings.min_item_baskets || is_new(i))
        .collect()
}

/// Items with enough baskets, by falling number of baskets and rising id; if none has enough, all
/// that were bought.
fn popular_items(item_baskets: &[u32], min_item_baskets: u32) -> Vec<u32> {
    let with_at_least = |n: u32| (0..item_baskets.len() as u32).filter(move |&i| item_baskets[i as usize] >= n);
    let mut items: Vec<u32> = with_at_least(min_item_baskets.max(1)).collect();
    if items.is_empty() {
        items = with_at_least(1).collect();
    }
    items.sort_unstable_by_key(|&i| (std::cmp::Reverse(item_baskets[i as usize]), i));
    items
}

fn serving_settings(ledger: &Ledger, params: &ModelParams) -> ServingSettings {
    let own = &params.own;
    let (frequency, together) = match ledger.clock() {
        Clock::Order => (own.frequency_tau_baskets, own.together_tau_baskets),
        Clock::None | Clock::Calendar | Clock::Days => (own.frequency_tau_days, own.together_tau_days),
    };
    ServingSettings {
        n_baskets: ledger.n_baskets() as u64,
        nearest_baskets: params.baskets.nearest,
        own_frequency_tau: frequency,
        own_together_tau: together,
        embedding_pooling: params.embeddings.pooling_exponent as f32,
        embedding_candidates: 200,
        weights: params.mixture.weights,
        probabilities: None,
        upsell: None,
        ranker: None,
        policy: Policy::default(),
        offers: None,
    }
}

impl Models {
    /// How the scorer is to use the parts.
    #[must_use]
    pub fn settings(&self) -> &ServingSettings {
        &self.settings
    }

    /// Says that the upsell part is beside these models.
    pub fn set_upsell(&mut self, settings: sidecart_serve::upsell::UpsellSettings) {
        self.settings.upsell = Some(settings);
    }

    /// Says how scores become probabilities.
    pub fn set_probabilities(&mut self, probabilities: [Option<OfferProbability>; 3]) {
        self.settings.probabilities = Some(probabilities).filter(|all| all.iter().any(Option::is_some));
    }

    /// Adds a ranker.
    pub fn set_ranker(&mut self, ranker: RankerModel) {
        self.settings.ranker = Some(ranker.settings);
        self.ranker = Some(ranker);
    }

    /// Adds what offers need to know of items.
    pub fn set_offer_items(&mut self, items: OfferItems) {
        self.offer_items = Some(items);
    }

    /// What offers need to know of items, where it was added.
    #[must_use]
    pub fn offer_items(&self) -> Option<&OfferItems> {
        self.offer_items.as_ref()
    }

    /// Sets the shop's rules for offers, whose names are those of the items.
    pub fn set_policy(&mut self, policy: Policy) {
        self.settings.policy = policy;
    }

    /// Replaces the weights of the mixture.
    pub fn set_weights(&mut self, weights: MixtureWeights) {
        self.settings.weights = weights;
    }

    /// Number of pairs that may be shown as bought together, each counted in both directions.
    #[must_use]
    pub fn n_associations(&self) -> usize {
        self.associations.as_ref().map_or(0, |a| a.entries.len())
    }

    /// Items shown as bought together with an item, strongest first; none where associations are
    /// switched off.
    pub fn associated(&self, item: ItemId) -> impl Iterator<Item = ItemId> + '_ {
        self.associations.iter().flat_map(move |a| a.get(item)).map(|a| a.item)
    }

    /// Number of stored neighbours.
    #[must_use]
    pub fn n_neighbours(&self) -> usize {
        self.neighbours.items.len()
    }

    /// Number of pairs of substitutes, each counted in both directions.
    #[must_use]
    pub fn n_substitutes(&self) -> usize {
        self.substitutes.as_ref().map_or(0, |lists| lists.items.len())
    }

    /// Past baskets kept for comparison.
    #[must_use]
    pub fn n_kept_baskets(&self) -> usize {
        self.baskets.as_ref().map_or(0, |b| b.baskets.len())
    }

    /// The tensors of `model.safetensors`.
    ///
    /// # Errors
    /// [`Error::Artifact`] when a tensor cannot be written.
    pub fn container<'a>(&'a self, catalogue: &'a Catalogue) -> Result<ContainerWriter<'a>> {
        let n = catalogue.len();
        let mut writer = ContainerWriter::new();
        write_id_table(&mut writer, sections::ITEM_IDS, &catalogue.ids)?;
        writer.add(sections::ITEM_BASKETS, &self.item_baskets, &[n])?;
        writer.add(sections::ITEM_CUSTOMERS, &self.item_customers, &[n])?;
        writer.add(sections::POPULAR_ITEMS, &self.popular, &[self.popular.len()])?;

        let ids = |items: &[ItemId]| -> Vec<u32> { items.iter().map(|i| i.0).collect() };
        let neighbour_names = [sections::NEIGHBOUR_OFFSETS, sections::NEIGHBOUR_ITEMS, sections::NEIGHBOUR_SCORES];
        let ease_names = [sections::EASE_OFFSETS, sections::EASE_ITEMS, sections::EASE_SCORES];
        let substitute_names = [sections::SUBSTITUTE_OFFSETS, sections::SUBSTITUTE_ITEMS, sections::SUBSTITUTE_SCORES];
        let scored_lists = [
            (neighbour_names, Some(&self.neighbours)),
            (ease_names, self.ease.as_ref()),
            (substitute_names, self.substitutes.as_ref()),
        ];
        for ([offsets, items, scores], lists) in scored_lists {
            let Some(lists) = lists else { continue };
            let nnz = lists.items.len();
            writer.add_owned(offsets, narrow(&lists.offsets)?, &[n + 1])?;
            writer.add_owned(items, ids(&lists.items), &[nnz])?;
            writer.add(scores, &lists.scores, &[nnz])?;
        }

        if let Some(found) = &self.associations {
            let shown = &found.entries;
            let nnz = shown.len();
            writer.add_owned(sections::ASSOCIATION_OFFSETS, narrow(&found.offsets)?, &[n + 1])?;
            writer.add_owned(
                sections::ASSOCIATION_ITEMS,
                shown.iter().map(|a| a.item.0).collect::<Vec<u32>>(),
                &[nnz],
            )?;
            let customers: Vec<u32> = shown.iter().map(|a| a.n_customers).collect();
            writer.add_owned(sections::ASSOCIATION_CUSTOMERS, customers, &[nnz])?;
            writer.add_owned(
                sections::ASSOCIATION_BASKETS,
                shown.iter().map(|a| a.n_baskets).collect::<Vec<u32>>(),
                &[nnz],
            )?;
            writer.add_owned(
                sections::ASSOCIATION_LIFTS,
                shown.iter().map(|a| a.lift).collect::<Vec<f32>>(),
                &[nnz],
            )?;
        }

        if let Some(e) = &self.embeddings {
            let rows = |matrix: &[f32], items: &[u32]| -> Vec<f32> {
                items.iter().flat_map(|&i| &matrix[i as usize * e.dims..][..e.dims]).copied().collect()
            };
            let (inputs, outputs) = (&self.context_items, &self.answer_items);
            writer.add(sections::EMBEDDING_INPUT_ITEMS, inputs, &[inputs.len()])?;
            writer.add_owned(sections::EMBEDDING_INPUT, rows(&e.input, inputs), &[inputs.len(), e.dims])?;
            writer.add(sections::EMBEDDING_OUTPUT_ITEMS, outputs, &[outputs.len()])?;
            writer.add_owned(sections::EMBEDDING_OUTPUT, rows(&e.output, outputs), &[outputs.len(), e.dims])?;
            let bias: Vec<f32> = outputs.iter().map(|&i| e.bias[i as usize]).collect();
            writer.add_owned(sections::EMBEDDING_BIAS, bias, &[outputs.len()])?;
        }
        if let Some(b) = &self.baskets {
            let offsets: Vec<u64> = b.baskets.offsets().iter().map(|&o| o as u64).collect();
            writer.add_owned(sections::BASKET_OFFSETS, narrow(&offsets)?, &[b.baskets.len() + 1])?;
            writer.add_owned(sections::BASKET_ITEMS, ids(b.baskets.items()), &[b.baskets.n_lines()])?;
            writer.add(sections::POSTING_OFFSETS, &b.posting_offsets, &[n + 1])?;
            writer.add(sections::POSTING_BASKETS, &b.posting_baskets, &[b.posting_baskets.len()])?;
        }
        if let Some(ranker) = &self.ranker {
            ranker.write(&mut writer)?;
        }
        if let Some(items) = &self.offer_items {
            items.write(&mut writer)?;
        }
        Ok(writer)
    }

    /// The container with readable names, as it is published.
    ///
    /// # Errors
    /// As [`container`](Self::container).
    pub fn container_with_names<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        names: Option<&'a sidecart_core::TextTable>,
    ) -> Result<ContainerWriter<'a>> {
        let mut writer = self.container(catalogue)?;
        if let Some(names) = names {
            write_texts(&mut writer, sections::ITEM_NAMES, names)?;
        }
        Ok(writer)
    }

    /// A scorer over these models without writing them.
    ///
    /// # Errors
    /// [`Error::Serve`] when the scorer refuses them.
    pub fn scorer(&self, ledger: &Ledger, catalogue: &Catalogue) -> Result<Scorer> {
        self.scorer_of(&self.container(catalogue)?, ledger)
    }

    /// A scorer over a container of these models.
    pub(crate) fn scorer_of(&self, container: &ContainerWriter<'_>, ledger: &Ledger) -> Result<Scorer> {
        let container = Container::from_bytes("models in memory", &container.to_bytes()?)?;
        let through = ledger.last_time().unwrap_or_default();
        Ok(Scorer::in_memory(container, self.settings.clone(), ledger.clock(), through)?)
    }
}

fn narrow(offsets: &[u64]) -> Result<Vec<u32>> {
    offsets
        .iter()
        .map(|&o| {
            u32::try_from(o).map_err(|_| Error::Bug { what: format!("{o} list entries are more than 4294967295") })
        })
        .collect()
}
