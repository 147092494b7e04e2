//! The candidates of a slate.

use sidecart_core::{ItemId, Scored};

use super::calibration::OfferCalibration;
use super::needs::{Need, ServedNeeds};
use super::relation::FIT_SHARE;
use super::{CompiledPolicy, Host, OfferKind, OffersQuery, Relations};
use crate::cold_start::StandIn;
use crate::error::Result;
use crate::model::{Association, Model};
use crate::offers::Fallback;
use crate::scorer::{Query, Scorer};
use crate::scratch::Scratch;
use crate::upsell::{Upgrade, UpsellOffer, UpsellQuery, UpsellScratch};

/// Basket items from which one can go up that are looked at, the last ones first.
const MAX_ANCHORS: usize = 4;
/// Dearer versions of each.
const TARGETS: usize = 5;
/// What stands in for the probability of the best of a ranking that says an order only; the r-th
/// counts one r-th of it.
const ORDER_SHARE: f64 = 0.1;
/// The place that an add-on without evidence counts as.
const UNSUPPORTED: usize = 9;

/// How likely an offer is to be taken.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Relevance {
    /// A probability, where there is one.
    pub(crate) p: Option<f64>,
    /// That, or what stands in for it.
    pub(crate) weight: f64,
}

impl Relevance {
    pub(crate) fn of(p: f64) -> Self {
        Self { p: Some(p), weight: p }
    }

    /// The relevance of a place, from 0, in a ranking. The ranking says an order and no probability.
    pub(crate) fn of_place(place: usize) -> Self {
        Self { p: None, weight: ORDER_SHARE / (place + 1) as f64 }
    }
}

/// What a candidate brings along for its explanation.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Detail {
    /// Of something to add: how near the anchor is.
    Nearness(f32),
    /// Its position among the upgrades.
    Upgrade(u32),
    AddOn(Option<Association>),
}

/// Something that may be offered.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Candidate {
    pub(crate) item: ItemId,
    pub(crate) kind: OfferKind,
    /// The item replaced, the host, or the basket item that speaks most.
    pub(crate) anchor: Option<ItemId>,
    pub(crate) relevance: Relevance,
    pub(crate) stand_in: Option<StandIn>,
    pub(crate) detail: Detail,
}

/// What the rules ask first about a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    /// Finest category, or [`NO_GROUP`](super::NO_GROUP).
    pub(crate) category: u32,
    pub(crate) need: Need,
}

/// Memory for collecting.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) candidates: Vec<Candidate>,
    /// By candidate.
    pub(crate) known: Vec<Known>,
    pub(crate) upgrades: Vec<(Upgrade, UpsellOffer)>,
    /// Distinct basket items, the last first.
    pub(crate) basket: Vec<ItemId>,
    /// By item: the position of what to add with it plus one; 0 for none.
    places: Vec<u32>,
    /// By candidate to add: the speaker met last and its nearness, and the best with associations
    /// and without.
    speakers: Vec<Speakers>,
    /// By candidate to add: how near it is to what takes the place of a basket item.
    fits: Vec<f32>,
    /// What logged exposures taught about the probabilities, where the question is asked.
    calibration: OfferCalibration,
    ranking_basket: Vec<ItemId>,
    /// What the policy promotes now: candidates like all others.
    promoted: Vec<ItemId>,
    exclude: Vec<ItemId>,
    /// What the basket serves.
    pub(crate) basket_needs: ServedNeeds,
    /// What serves beside it while choices are compared.
    pub(crate) served: ServedNeeds,
}

#[derive(Clone, Copy, Default)]
struct Speakers {
    last: Option<(ItemId, f32)>,
    near: Option<(ItemId, f32)>,
    /// With the strength of its nearness.
    shown: Option<(ItemId, f32)>,
}

impl Collected {
    /// Forgets the last question and notes the distinct items of the basket.
    pub(crate) fn prepare(&mut self, query: &OffersQuery<'_>, model: &Model) {
        self.forget();
        self.places.resize(model.n_items(), 0);
        let calibration = model.settings().offers.as_ref().map(|offers| offers.calibration).unwrap_or_default();
        self.calibration = calibration.at(query.touchpoint);
        self.upgrades.clear();
        self.basket.clear();
        self.basket_needs.clear();
        for &item in query.basket.iter().rev() {
            if !self.basket.contains(&item) {
                self.basket.push(item);
                self.basket_needs.add(model, item);
            }
        }
    }

    fn forget(&mut self) {
        for candidate in self.candidates.iter().filter(|candidate| candidate.kind == OfferKind::CrossSell) {
            self.places[candidate.item.index()] = 0;
        }
        self.candidates.clear();
    }

    /// Forgets what to add alone, to ask for more of it.
    pub(crate) fn forget_cross_sells(&mut self) {
        for candidate in self.candidates.iter().filter(|candidate| candidate.kind == OfferKind::CrossSell) {
            self.places[candidate.item.index()] = 0;
        }
        self.candidates.retain(|candidate| candidate.kind != OfferKind::CrossSell);
    }

    /// Dearer versions of the basket's items.
    pub(crate) fn upsells(
        &mut self,
        scorer: &Scorer,
        query: &OffersQuery<'_>,
        scratch: &mut UpsellScratch,
    ) -> Result<()> {
        let Some(upsell) = scorer.model().upsell() else { return Ok(()) };
        self.exclude.clear();
        self.exclude.extend_from_slice(query.exclude);
        self.exclude.extend_from_slice(&self.basket);
        let mut n_anchors = 0;
        for &anchor in &self.basket {
            if n_anchors == MAX_ANCHORS {
                break;
            }
            let answer = upsell.recommend(
                &UpsellQuery {
                    basket: &[anchor],
                    customer: query.customer,
                    segment: query.segment,
                    time: query.time,
                    store: query.plan_store,
                    k: TARGETS,
                    mode: query.mode,
                    using: query.propensity,
                    exclude: &self.exclude,
                    market: query.market,
                    promotions: query.plan,
                },
                scratch,
            )?;
            let Some(upgrade) = answer.upgrade else { continue };
            n_anchors += usize::from(!answer.offers.is_empty());
            for offer in answer.offers {
                self.candidates.push(Candidate {
                    item: offer.item,
                    kind: OfferKind::Upsell,
                    anchor: Some(anchor),
                    relevance: Relevance::of(
                        self.calibration.apply(OfferKind::Upsell, upgrade.propensity * offer.share),
                    ),
                    stand_in: None,
                    detail: Detail::Upgrade(self.upgrades.len() as u32),
                });
                self.upgrades.push((upgrade, *offer));
            }
        }
        Ok(())
    }

    /// What belongs to the basket's items. Its probability is the share of the host's baskets that
    /// hold it, where the two are bought together more often than chance explains.
    pub(crate) fn add_ons(&mut self, model: &Model, query: &OffersQuery<'_>) {
        let items = model.offer_items();
        if items.hosts().is_empty() {
            return;
        }
        for at in 0..self.basket.len() {
            let host = self.basket[at];
            let above = items.categories().upwards(items.get(host).category).map(Host::Category);
            for needed in std::iter::once(Host::Item(host)).chain(above) {
                for item in items.hosts().add_ons(needed) {
                    let is_known = self.candidates.iter().any(|c| c.kind == OfferKind::AddOn && c.item == item);
                    if is_known || self.basket.contains(&item) || query.exclude.contains(&item) {
                        continue;
                    }
                    let evidence = model.associations(host).find(|pair| pair.item == item);
                    let n_hosts = model.item_baskets()[host.index()];
                    let share = |pair: &Association| (f64::from(pair.n_baskets) / f64::from(n_hosts.max(1))).min(1.0);
                    let p = evidence.as_ref().map(|pair| self.calibration.apply(OfferKind::AddOn, share(pair)));
                    self.candidates.push(Candidate {
                        item,
                        kind: OfferKind::AddOn,
                        anchor: Some(host),
                        relevance: p.map_or(Relevance::of_place(UNSUPPORTED), Relevance::of),
                        stand_in: None,
                        detail: Detail::AddOn(evidence),
                    });
                }
            }
        }
    }

    /// The best `k` of what to add, with the basket item that speaks most for each. True when the
    /// ranking had as many, so that there may be more.
    pub(crate) fn cross_sells(
        &mut self,
        scorer: &Scorer,
        query: &OffersQuery<'_>,
        policy: &CompiledPolicy,
        k: usize,
        scratch: &mut Scratch,
    ) -> Result<bool> {
        self.promoted.clear();
        self.promoted.extend(policy.promoted(query.time, query.basket));
        self.ranking_basket.clear();
        self.ranking_basket.extend_from_slice(query.context);
        self.ranking_basket.extend_from_slice(query.basket);
        let answer = scorer.recommend(&self.ranking(query, k), scratch)?;
        let n_own = match policy.policy().fallback {
            Fallback::Never => answer.fallback_from,
            Fallback::WhenEmpty if answer.fallback_from > 0 => answer.fallback_from,
            Fallback::WhenEmpty | Fallback::FillUp => answer.offers.len(),
        };
        for (place, &Scored { item, .. }) in answer.offers.iter().enumerate().take(n_own) {
            let p = answer.probability(place).map(|p| self.calibration.apply(OfferKind::CrossSell, p));
            self.candidates.push(Candidate {
                item,
                kind: OfferKind::CrossSell,
                anchor: None,
                relevance: p.map_or_else(|| Relevance::of_place(place), Relevance::of),
                stand_in: answer.stand_in(place),
                detail: Detail::Nearness(0.0),
            });
            self.places[item.index()] = self.candidates.len() as u32;
        }
        let is_full = answer.offers.len() == k && n_own == k;
        self.find_speakers(scorer.model());
        Ok(is_full)
    }

    /// The question for what to add.
    pub(crate) fn ranking<'q>(&'q self, query: &OffersQuery<'q>, k: usize) -> Query<'q> {
        Query {
            basket: &self.ranking_basket,
            history: query.customer.map(|customer| &customer.history),
            time: query.time,
            k,
            mode: query.mode,
            using: query.using,
            store: query.store,
            exclude: query.exclude,
            promoted: &self.promoted,
        }
    }

    /// Finds for every candidate to add the basket item that [`Scorer::explain`] would name: of
    /// those with an association the nearest, else the nearest. O(basket x list length).
    fn find_speakers(&mut self, model: &Model) {
        self.speakers.clear();
        self.speakers.resize(self.candidates.len(), Speakers::default());
        for at in 0..self.ranking_basket.len() {
            let speaker = self.ranking_basket[at];
            if self.ranking_basket[..at].contains(&speaker) {
                continue;
            }
            let (near, scores) = model.neighbours(speaker);
            for (&item, &score) in near.iter().zip(scores) {
                let place = self.places[item as usize];
                if place > 0 {
                    let speakers = &mut self.speakers[place as usize - 1];
                    speakers.last = Some((speaker, score));
                    if speakers.near.is_none_or(|(_, best)| score > best) {
                        speakers.near = Some((speaker, score));
                    }
                }
            }
            for pair in model.associations(speaker) {
                let place = self.places[pair.item.index()];
                if place > 0 {
                    let speakers = &mut self.speakers[place as usize - 1];
                    let strength = speakers.last.filter(|(last, _)| *last == speaker).map_or(0.0, |(_, score)| score);
                    if speakers.shown.is_none_or(|(_, best)| strength > best) {
                        speakers.shown = Some((speaker, strength));
                    }
                }
            }
        }
        for (candidate, speakers) in self.candidates.iter_mut().zip(&self.speakers) {
            if let (OfferKind::CrossSell, Some((anchor, near))) = (candidate.kind, speakers.shown.or(speakers.near)) {
                candidate.anchor = Some(anchor);
                candidate.detail = Detail::Nearness(near);
            }
        }
    }

    /// Looks up what the rules ask first. The tables are large and the candidates lie all over them:
    /// looked up in one go they wait for memory together, under the rules each would wait alone.
    pub(crate) fn look_up(&mut self, model: &Model) {
        let items = model.offer_items();
        let known = |candidate: &Candidate| Known {
            category: items.get(candidate.item).category,
            need: Need::of(model, candidate.item),
        };
        self.known.clear();
        self.known.extend(self.candidates.iter().map(known));
    }

    /// Notes for [`still_fits`](Self::still_fits) how near the candidates to add are to an item.
    /// O(list length).
    pub(crate) fn note_fits(&mut self, model: &Model, by: ItemId) {
        self.fits.clear();
        self.fits.resize(self.candidates.len(), 0.0);
        let (near, scores) = model.neighbours(by);
        for (&item, &score) in near.iter().zip(scores) {
            if let Some(place) = (self.places[item as usize] as usize).checked_sub(1) {
                self.fits[place] = score;
            }
        }
        for pair in model.associations(by) {
            if let Some(place) = (self.places[pair.item.index()] as usize).checked_sub(1) {
                self.fits[place] = f32::INFINITY;
            }
        }
    }

    /// Whether what goes with a replaced item also goes with the item noted last, which takes its
    /// place; as [`Relations::still_fits`].
    pub(crate) fn still_fits(&self, candidate: u32, model: &Model, by: ItemId) -> bool {
        let Candidate { item, detail, .. } = self.candidates[candidate as usize];
        let Detail::Nearness(to_replaced) = detail else { return false };
        let near = self.fits[candidate as usize];
        (near > 0.0 && near >= FIT_SHARE * to_replaced) || Relations::of(model).is_add_on(item, by)
    }
}
