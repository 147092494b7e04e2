use sidecart_core::{ItemId, ln};
use sidecart_data::Labels;
use sidecart_serve::upsell::{Label, LadderInfo, LadderItem, LadderTable};

use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::ladders::Ladders;

/// The ladders as scorers read them; they get their labels when their histories are known.
///
/// # Errors
/// [`Error::Bug`] where ladders and catalogue do not belong together.
pub fn ladder_table(ladders: &Ladders, catalogue: &Catalogue) -> Result<LadderTable> {
    let table = &catalogue.table;
    let label = |labels: &Option<Labels>, row: Option<usize>| -> Option<u32> {
        let code = labels.as_ref()?.codes[row?];
        (code != Labels::NONE).then_some(code)
    };
    let private = catalogue.private_labels();
    let mut rows: Vec<LadderItem> = (0..catalogue.len() as u32)
        .map(ItemId)
        .filter_map(|item| {
            let (ladder, tier) = ladders.place(item)?;
            let row = catalogue.rows[item.index()];
            let price = ladders.item_price[item.index()];
            // Margins are of the item table's own prices, so that both are of one moment.
            let margin = row.and_then(|r| {
                let cost = table.cost.as_ref()?[r]?;
                let listed = table.price.as_ref().and_then(|p| p[r]).unwrap_or(price);
                (listed.0 > 0).then_some(sidecart_core::Money(listed.0 - cost.0))
            });
            let stock = row.and_then(|r| table.stock.as_ref()?[r]);
            let size = row.and_then(|r| table.size_amount.as_ref()?[r]);
            Some(LadderItem {
                item,
                ladder,
                level: u32::from(tier),
                price,
                margin,
                maker: label(&table.manufacturer, row).or_else(|| label(&table.brand, row)).unwrap_or(u32::MAX),
                private_label: private[item.index()] == Some(true),
                log_size: size.map(|(amount, _)| ln(amount) as f32),
                in_stock: stock.is_none_or(|pieces| pieces > 0.0),
            })
        })
        .collect();
    rows.sort_unstable_by_key(|row| (row.ladder, row.level, row.item));
    let infos = ladders
        .ladders
        .iter()
        .map(|ladder| LadderInfo {
            name: ladder.name.clone(),
            given: ladder.given,
            label: Label::TierShare,
            used: ladder.usable,
            one_is_enough: ladder.one_is_enough,
            side_by_side: ladder.side_by_side.map(|s| s.ratio as f32),
            log_centres: ladder
                .tiers
                .iter()
                .map(|tier| if tier.centre.0 > 0 { ln(tier.centre.to_f64()) as f32 } else { 0.0 })
                .collect(),
        })
        .collect();
    LadderTable::new(catalogue.len(), rows, infos).map_err(|what| Error::Bug { what })
}
