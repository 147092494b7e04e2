//! A model made by hand.

use sidecart_artifact::{Container, ContainerWriter};
use sidecart_core::{Clock, IdTable, TextTable};

use super::*;
use crate::sections as names;
use crate::settings::ServingSettings;
use crate::upsell::{
    Family, LadderInfo, LadderItem, LadderTable, Market, N_RATES, Periods, PropensityModel, RateCell, RateParts,
    RateTable, SwitchTable, TargetModels, UpsellModel, UpsellSettings,
};

/// When the questions are asked: thirty weeks after the beginning.
pub(super) const NOW: Time = Time(30 * 7 * MICROS_PER_DAY);

/// The same in seconds, for sessions.
pub(super) const NOW_S: i64 = NOW.0 / 1_000_000;

/// The key of an item in a session.
pub(super) fn item_key(item: u32) -> ItemKey {
    ItemKey::of(sidecart_core::ExternalIdRef::Text(&format!("i{item:02}")))
}

/// A session that has seen some items and declined others at some times.
pub(super) fn session(shown: &[u32], declined: &[(u32, i64)]) -> SessionState {
    let mut state = SessionState::new(NOW_S, MAX_LIFETIME_S);
    shown.iter().for_each(|&item| state.record_shown(item_key(item)));
    declined.iter().for_each(|&(item, time)| state.record_declined(item_key(item), None, time));
    state
}

/// A pair of items bought together: the other one, customers, baskets, lift.
pub(super) type Pair = (u32, u32, u32, f32);

/// What a shop knows, as plain lists; item `n` has the outside id `i<n>`, two digits.
#[derive(Clone, Debug)]
pub(super) struct Shop {
    pub(super) items: Vec<OfferItem>,
    pub(super) item_baskets: Vec<u32>,
    pub(super) neighbours: Vec<Vec<(u32, f32)>>,
    pub(super) associations: Vec<Vec<Pair>>,
    /// What customers buy one instead of the other.
    pub(super) substitutes: Vec<(u32, u32)>,
    pub(super) popular: Vec<u32>,
    pub(super) categories: Vec<(&'static str, u32)>,
    pub(super) brands: Vec<&'static str>,
    pub(super) hosts: Vec<(u32, Host)>,
    pub(super) attributes: Vec<(&'static str, Vec<Option<&'static str>>)>,
    /// Tiers of each ladder, cheapest first, with the probability of an upgrade from each.
    pub(super) ladders: Vec<Vec<(Vec<u32>, f32)>>,
    /// Ladders of which several items are often bought at once.
    pub(super) several: Vec<u32>,
    pub(super) segments: Vec<&'static str>,
    /// By segment, ladder and tier: a rate of the segment's own.
    pub(super) segment_rates: Vec<(u16, u32, f32)>,
    pub(super) clock: Clock,
    pub(super) policy: Policy,
}

/// An item at a price in cents.
pub(super) fn item(cents: i64) -> OfferItem {
    OfferItem { price: (cents > 0).then_some(Money(cents * 100)), ..OfferItem::default() }
}

impl Shop {
    /// Items at prices in cents, and nothing else.
    pub(super) fn new(cents: &[i64]) -> Self {
        let n = cents.len();
        Self {
            items: cents.iter().map(|&cents| item(cents)).collect(),
            item_baskets: vec![100; n],
            neighbours: vec![Vec::new(); n],
            associations: vec![Vec::new(); n],
            substitutes: Vec::new(),
            popular: Vec::new(),
            categories: Vec::new(),
            brands: Vec::new(),
            hosts: Vec::new(),
            attributes: Vec::new(),
            ladders: Vec::new(),
            several: Vec::new(),
            segments: Vec::new(),
            segment_rates: Vec::new(),
            clock: Clock::Calendar,
            policy: Policy::default(),
        }
    }

    /// Says that `b` goes with `a`: the nearer the better.
    pub(super) fn near(mut self, a: u32, b: u32, score: f32) -> Self {
        self.neighbours[a as usize].push((b, score));
        self
    }

    /// Says that `a` and `b` are in so many baskets together, more than chance explains.
    pub(super) fn together(mut self, a: u32, b: u32, n_baskets: u32) -> Self {
        self.associations[a as usize].push((b, n_baskets, n_baskets, 3.0));
        self
    }

    pub(super) fn offer_items(&self) -> OfferItems {
        let labels: TextTable = self.categories.iter().map(|(label, _)| label).collect();
        let parents = self.categories.iter().map(|&(_, parent)| parent).collect();
        let categories = CategoryTree::new(labels, parents).unwrap();
        let hosts = HostTable::new(self.hosts.iter().map(|&(item, host)| (ItemId(item), host)).collect());
        let columns: Vec<(String, Vec<Option<&str>>)> =
            self.attributes.iter().map(|(name, column)| ((*name).to_owned(), column.clone())).collect();
        let attributes = Attributes::from_columns(self.items.len(), &columns);
        OfferItems::new(self.items.clone(), categories, self.brands.iter().collect(), hosts, attributes).unwrap()
    }

    fn upsell(&self) -> UpsellModel {
        let (mut rows, mut infos, mut tiers) = (Vec::new(), Vec::new(), Vec::new());
        for (ladder, levels) in (0u32..).zip(&self.ladders) {
            for (level, (items, rate)) in (0u32..).zip(levels) {
                let mut items = items.clone();
                items.sort_unstable();
                for item in items {
                    let facts = &self.items[item as usize];
                    rows.push(LadderItem {
                        item: ItemId(item),
                        ladder,
                        level,
                        price: facts.price.unwrap_or_default(),
                        margin: facts.margin,
                        maker: u32::MAX,
                        private_label: false,
                        log_size: None,
                        in_stock: true,
                    });
                }
                tiers.extend([rate_cell(*rate); N_RATES]);
            }
            infos.push(LadderInfo {
                name: format!("ladder {ladder}"),
                given: true,
                label: Label::Replacement,
                used: true,
                one_is_enough: !self.several.contains(&ladder),
                side_by_side: None,
                log_centres: vec![0.0; levels.len()],
            });
        }
        let ladders = LadderTable::new(self.items.len(), rows, infos).unwrap();
        let settings = UpsellSettings {
            period_days: 7,
            day_starts_at: 0,
            min_records: 3,
            window: 8,
            min_share: 0.6,
            min_price_ratio: 1.1,
            own_strength: 10.0,
            gain_exponent: 0.5,
            propensity: PropensityModel::Rates,
            propensity_with_promotions: PropensityModel::Rates,
            replacements_learned: false,
            promotion_kinds: Vec::new(),
            segments: self.segments.iter().map(|&name| name.to_owned()).collect(),
        };
        let mut cells: Vec<(u64, RateCell)> = Vec::new();
        for &(segment, tier, rate) in &self.segment_rates {
            for kind in crate::upsell::RateKind::ALL {
                cells.push((crate::upsell::cell_key(segment, kind, tier), rate_cell(rate)));
            }
        }
        cells.sort_unstable_by_key(|cell| cell.0);
        let parts = RateParts {
            globals: vec![rate_cell(0.1); N_RATES],
            segments: vec![rate_cell(0.1); N_RATES * self.segments.len()],
            tiers,
            keys: cells.iter().map(|cell| cell.0).collect(),
            cells: cells.into_iter().map(|cell| cell.1).collect(),
        };
        let rates = RateTable::new(parts, &ladders, self.segments.len()).unwrap();
        let n_rows = ladders.n_rows() as u32;
        let market = Market::count(&ladders, 0, 31, (0..n_rows).flat_map(|row| [(row, 29), (row, 28)]));
        UpsellModel {
            periods: Periods::new(self.clock, 7, 0),
            market,
            rates,
            logistic: Family::default(),
            trees: Family::default(),
            targets: TargetModels::default(),
            switches: SwitchTable::new(&ladders, vec![0; n_rows as usize + 1], Vec::new(), Vec::new()).unwrap(),
            promotions: None,
            stores: IdTable::default(),
            ladders,
            settings,
        }
    }

    /// The tensors.
    pub(super) fn bytes(&self) -> (Vec<u8>, ServingSettings) {
        let n = self.items.len();
        let mut writer = ContainerWriter::new();
        let ids: TextTable = (0..n).map(|n| format!("i{n:02}")).collect();
        let (offsets, bytes) = ids.parts();
        writer.add(&format!("{}.offsets", names::ITEM_IDS), offsets, &[offsets.len()]).unwrap();
        writer.add(&format!("{}.bytes", names::ITEM_IDS), bytes, &[bytes.len()]).unwrap();
        writer.add(names::ITEM_BASKETS, &self.item_baskets, &[n]).unwrap();
        writer.add(names::ITEM_CUSTOMERS, &self.item_baskets, &[n]).unwrap();
        writer.add(names::POPULAR_ITEMS, &self.popular, &[self.popular.len()]).unwrap();
        let mut near = self.neighbours.clone();
        near.iter_mut().for_each(|list| list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))));
        add(&mut writer, names::NEIGHBOUR_OFFSETS, offsets_of(&near));
        add(&mut writer, names::NEIGHBOUR_ITEMS, near.iter().flatten().map(|pair| pair.0).collect());
        let scores: Vec<f32> = near.iter().flatten().map(|pair| pair.1).collect();
        add(&mut writer, names::NEIGHBOUR_SCORES, scores);
        let pairs = &self.associations;
        add(&mut writer, names::ASSOCIATION_OFFSETS, offsets_of(pairs));
        add(&mut writer, names::ASSOCIATION_ITEMS, pairs.iter().flatten().map(|pair| pair.0).collect());
        add(&mut writer, names::ASSOCIATION_CUSTOMERS, pairs.iter().flatten().map(|pair| pair.1).collect());
        add(&mut writer, names::ASSOCIATION_BASKETS, pairs.iter().flatten().map(|pair| pair.2).collect());
        let lifts: Vec<f32> = pairs.iter().flatten().map(|pair| pair.3).collect();
        add(&mut writer, names::ASSOCIATION_LIFTS, lifts);
        if !self.substitutes.is_empty() {
            let of = |item: usize| self.substitutes.iter().filter(move |pair| pair.0 as usize == item);
            let lists: Vec<Vec<u32>> = (0..n).map(|item| of(item).map(|pair| pair.1).collect()).collect();
            add(&mut writer, names::SUBSTITUTE_OFFSETS, offsets_of(&lists));
            add(&mut writer, names::SUBSTITUTE_ITEMS, lists.concat());
            add(&mut writer, names::SUBSTITUTE_SCORES, vec![3.0f32; self.substitutes.len()]);
        }
        self.offer_items().write(&mut writer).unwrap();
        let mut settings =
            ServingSettings { n_baskets: 1_000, policy: self.policy.clone(), ..ServingSettings::default() };
        // Popular items come in as a fallback alone.
        settings.weights.completion_anonymous[6] = 0.0;
        if !self.ladders.is_empty() {
            let upsell = self.upsell();
            upsell.write(&mut writer).unwrap();
            settings.upsell = Some(upsell.settings);
        }
        (writer.to_bytes().unwrap(), settings)
    }

    pub(super) fn scorer(&self) -> Scorer {
        let (bytes, settings) = self.bytes();
        let container = Container::from_bytes("by hand", &bytes).unwrap();
        Scorer::in_memory(container, settings, self.clock, Time(NOW.0 - 1)).unwrap()
    }

    /// Asks and copies the answer.
    pub(super) fn ask(&self, query: &OffersQuery<'_>) -> Answer {
        let scorer = self.scorer();
        let mut scratch = scorer.offers_scratch();
        let query = OffersQuery { time: if query.time == Time(i64::MAX) { NOW } else { query.time }, ..*query };
        let slate = scorer.offers(&query, &mut scratch).unwrap();
        Answer {
            offers: slate.offers.to_vec(),
            removed: slate.removed.to_vec(),
            reason: slate.reason,
            projected: slate.projected_total,
        }
    }
}

/// A slate of its own.
pub(super) struct Answer {
    pub(super) offers: Vec<Offer>,
    pub(super) removed: Vec<Removed>,
    pub(super) reason: Option<EmptySlate>,
    pub(super) projected: Option<Money>,
}

impl Answer {
    /// Items of a kind in order.
    pub(super) fn of(&self, kind: OfferKind) -> Vec<u32> {
        self.offers.iter().filter(|offer| offer.kind == kind).map(|offer| offer.item.0).collect()
    }

    /// The rule that took an item out.
    pub(super) fn rule(&self, item: u32) -> Option<Rule> {
        self.removed.iter().find(|removed| removed.item == ItemId(item)).map(|removed| removed.rule)
    }

    pub(super) fn find(&self, item: u32) -> &Offer {
        self.offers.iter().find(|offer| offer.item == ItemId(item)).unwrap()
    }
}

fn rate_cell(rate: f32) -> RateCell {
    RateCell { events: 1_000, upgrades: (1_000.0 * rate) as u32, customers: 500, rate, low: rate, high: rate }
}

fn offsets_of<T>(lists: &[Vec<T>]) -> Vec<u32> {
    let ends = lists.iter().scan(0, |end, list| {
        *end += list.len() as u32;
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

fn add<T: sidecart_artifact::Element>(writer: &mut ContainerWriter<'_>, name: &str, values: Vec<T>) {
    let n = values.len();
    writer.add_owned(name, values, &[n]).unwrap();
}
