use serde::Serialize;
use sidecart_core::{CustomerId, ItemId};
use sidecart_data::Ledger;
use sidecart_serve::upsell::{LadderTable, RateCell, RateKind};

use super::UpsellFit;
use crate::catalogue::Catalogue;
use crate::segments::{BEHAVIOUR, CardInputs, CategoryMeans, SegmentCard, Segmentation, UpgradeRate, cards};

/// Most categories and most ladders on a card.
const CARD_TOP: usize = 8;

/// The cards of all segments beside that of all customers, as the manifest holds them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct UpgradeCards {
    /// Every customer.
    pub everyone: UpgradeCard,
    /// By number of the segment.
    pub segments: Vec<UpgradeCard>,
}

/// A card with what the ledger alone does not say.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct UpgradeCard {
    /// What the ledger says.
    #[serde(flatten)]
    pub card: SegmentCard,
    /// Mean over customers of the share of their lines bought at a discount, 0 to 1.
    pub deal_rate: Option<f64>,
    /// Upgrades of customers established in a ladder.
    pub upgrades: RateCell,
}

/// Cards of the segments with their upgrades; `None` where there are no segments. `shown` gives the
/// items shown beside an item.
pub fn segment_cards<I: IntoIterator<Item = ItemId>>(
    upsell: &UpsellFit,
    ledger: &Ledger,
    catalogue: &Catalogue,
    shown: impl Fn(ItemId) -> I,
) -> Option<UpgradeCards> {
    let UpsellFit { model, segmentation, ladders, .. } = upsell;
    if segmentation.names.is_empty() {
        return None;
    }
    let means = CategoryMeans::new(ledger, catalogue, ladders);
    let inputs = CardInputs { ledger, catalogue, ladders, means: &means, segmentation, n_top: CARD_TOP };
    let found = cards(&inputs, shown);
    let rates = &model.rates;
    let deal_rates = deal_rates(segmentation, &upsell.traits);
    let complete = |mut card: SegmentCard, segment: Option<u16>, deal_rate: Option<f64>| {
        for ladder in &mut card.ladders {
            ladder.upgrades = ladder_rate(&model.ladders, ladder.ladder, |tier| match segment {
                Some(segment) => rates.cell(segment, RateKind::Repeat, tier),
                None => Some(rates.tier(RateKind::Repeat, tier)),
            });
        }
        let upgrades = match segment {
            Some(segment) => rates.segment(segment, RateKind::Repeat),
            None => Some(rates.global(RateKind::Repeat)),
        };
        UpgradeCard { card, deal_rate, upgrades: upgrades.copied().unwrap_or_default() }
    };
    let segments = (0u16..).zip(found.segments).zip(&deal_rates.1);
    Some(UpgradeCards {
        everyone: complete(found.everyone, None, deal_rates.0),
        segments: segments.map(|((segment, card), &deal)| complete(card, Some(segment), deal)).collect(),
    })
}

/// Mean share of discounted lines of all customers and of those of each segment.
fn deal_rates(segmentation: &Segmentation, traits: &[Vec<f32>]) -> (Option<f64>, Vec<Option<f64>>) {
    let at = BEHAVIOUR.iter().position(|&name| name == "discounted_lines");
    let mut sums = vec![(0.0, 0u32); segmentation.names.len()];
    let mut all = (0.0, 0u32);
    for (customer, of_customer) in (0u32..).zip(traits) {
        let Some(&share) = at.and_then(|at| of_customer.get(at)) else { continue };
        let segment = segmentation.of(CustomerId(customer));
        for sum in std::iter::once(&mut all).chain(segment.map(|s| &mut sums[usize::from(s)])) {
            sum.0 += f64::from(share);
            sum.1 += 1;
        }
    }
    let mean = |&(sum, n): &(f64, u32)| (n > 0).then(|| sum / f64::from(n));
    (mean(&all), sums.iter().map(mean).collect())
}

/// How often a ladder is traded up in: its tiers' rates weighted by their events; `None` without
/// events. So are the ends of their intervals, which makes an interval that is rather too wide.
fn ladder_rate<'a>(
    table: &LadderTable,
    ladder: u32,
    cell: impl Fn(u32) -> Option<&'a RateCell>,
) -> Option<UpgradeRate> {
    let seen: Vec<&RateCell> = table.tiers_of(ladder).filter_map(cell).filter(|cell| cell.events > 0).collect();
    let events: u64 = seen.iter().map(|cell| u64::from(cell.events)).sum();
    let mean = |value: fn(&RateCell) -> f64| {
        seen.iter().map(|cell| f64::from(cell.events) * value(cell)).sum::<f64>() / events as f64
    };
    (events > 0).then(|| UpgradeRate {
        events,
        raw: mean(|cell| f64::from(cell.upgrades) / f64::from(cell.events)),
        shrunk: mean(|cell| f64::from(cell.rate)),
        low: mean(|cell| f64::from(cell.low)),
        high: mean(|cell| f64::from(cell.high)),
    })
}

#[cfg(test)]
mod tests {
    use sidecart_serve::upsell::{Label, LadderInfo, LadderItem};

    use super::*;

    fn cell(upgrades: u32, events: u32, rate: f32) -> RateCell {
        RateCell { events, upgrades, customers: events, rate, low: rate - 0.1, high: rate + 0.1 }
    }

    #[test]
    fn a_ladder_is_the_mean_of_its_tiers_by_events() {
        let row = |item, level| LadderItem {
            item: ItemId(item),
            ladder: 0,
            level,
            price: sidecart_core::Money((1 + i64::from(level)) * sidecart_core::Money::SCALE),
            margin: None,
            maker: 0,
            private_label: false,
            log_size: None,
            in_stock: true,
        };
        let info = LadderInfo {
            name: "tea".into(),
            given: false,
            label: Label::Repeat,
            used: true,
            one_is_enough: true,
            side_by_side: None,
            log_centres: vec![0.0, 0.7, 1.1],
        };
        let table = LadderTable::new(3, vec![row(0, 0), row(1, 1), row(2, 2)], vec![info]).unwrap();
        let cells = [cell(3, 30, 0.2), cell(1, 10, 0.4), RateCell::default()];
        let rate = ladder_rate(&table, 0, |tier| cells.get(tier as usize)).unwrap();
        assert_eq!(rate.events, 40);
        for (got, expected) in [(rate.raw, 0.1), (rate.shrunk, 0.25), (rate.low, 0.15), (rate.high, 0.35)] {
            assert!((got - expected).abs() < 1e-6, "{rate:?}");
        }
        assert_eq!(ladder_rate(&table, 0, |_| None), None, "no event, no rate");
    }

    #[test]
    fn deal_rates_are_means_over_customers() {
        let at = BEHAVIOUR.iter().position(|&name| name == "discounted_lines").unwrap();
        let with = |share: f32| {
            let mut traits = vec![9.0; BEHAVIOUR.len()];
            traits[at] = share;
            traits
        };
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let segmentation = Segmentation { names, of_customer: vec![Some(0), Some(0), Some(1), None], learned: None };
        let (all, segments) = deal_rates(&segmentation, &[with(0.25), with(0.75), with(1.0), with(0.0)]);
        assert_eq!(all, Some(0.5));
        assert_eq!(segments, [Some(0.5), Some(1.0), None]);
    }
}
