//! Ladders the shop gave.

use sidecart_core::ln;
use sidecart_data::Labels;

use super::prices::Prices;
use super::{Draft, LadderParams};
use super::{MAX_TIERS, tiers};
use crate::catalogue::Catalogue;

/// What comes of columns `ladder` and `tier`.
pub(super) struct Given {
    /// In the order of their names.
    pub(super) ladders: Vec<Draft>,
    /// For every item whether the shop gave it a ladder, whether or not that became one.
    pub(super) taken: Vec<bool>,
    /// Items among these without a place.
    pub(super) skipped: u32,
}

/// The ladders of the item table. O(items log items).
pub(super) fn ladders(catalogue: &Catalogue, prices: &Prices, params: &LadderParams) -> Given {
    let n_items = catalogue.len();
    let mut given = Given { ladders: Vec::new(), taken: vec![false; n_items], skipped: 0 };
    let Some(labels) = &catalogue.table.ladder else { return given };
    let label = |item: u32| catalogue.rows[item as usize].map_or(Labels::NONE, |row| labels.codes[row]);
    let mut items: Vec<u32> = (0..n_items as u32).filter(|&item| label(item) != Labels::NONE).collect();
    items.sort_by_key(|&item| label(item));
    for members in items.chunk_by(|&a, &b| label(a) == label(b)) {
        members.iter().for_each(|&item| given.taken[item as usize] = true);
        let name = || labels.values.get(label(members[0]) as usize).to_owned();
        let tier = |item: u32| catalogue.table.tier.as_ref()?[catalogue.rows[item as usize]?];
        let (centres, places) = match ranks(members, tier) {
            ranked if ranked.is_empty() => by_price(members, prices, params),
            ranked => by_rank(members, &ranked, prices),
        };
        let draft = Draft::new(name, true, &centres, places);
        let n_placed = draft.as_ref().map_or(0, |draft| draft.places.len());
        given.skipped += (members.len() - n_placed) as u32;
        given.ladders.extend(draft);
    }
    given
}

type Places = (Vec<Option<f64>>, Vec<(u32, u8)>);

/// Ranks of the values of `tier`; more than [`MAX_TIERS`] are joined to that many of about as many
/// values each.
fn ranks(members: &[u32], tier: impl Fn(u32) -> Option<f64>) -> Vec<(u32, u8)> {
    let mut values: Vec<f64> = members.iter().filter_map(|&item| tier(item)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let rank = |value: f64| {
        let rank = values.partition_point(|&v| v < value);
        (if values.len() > MAX_TIERS { rank * MAX_TIERS / values.len() } else { rank }) as u8
    };
    members.iter().filter_map(|&item| Some((item, rank(tier(item)?)))).collect()
}

/// An item's weight in the centre of its tier; what is not sold yet counts as sold once.
fn weight(item: u32, prices: &Prices) -> f64 {
    f64::from(prices.n_lines[item as usize].max(1))
}

/// Tiers by rank; an item without one joins the tier with the nearest price.
fn by_rank(members: &[u32], ranked: &[(u32, u8)], prices: &Prices) -> Places {
    let n_tiers = ranked.iter().map(|&(_, tier)| usize::from(tier) + 1).max().unwrap_or(0);
    let mut sums = vec![(0.0, 0.0); n_tiers];
    for &(item, tier) in ranked {
        if let Some(price) = prices.log(item) {
            let (sum, total) = &mut sums[usize::from(tier)];
            *sum += weight(item, prices) * price;
            *total += weight(item, prices);
        }
    }
    let centres: Vec<Option<f64>> = sums.iter().map(|&(sum, total)| (total > 0.0).then(|| sum / total)).collect();
    let nearest = |price: f64| {
        let known =
            centres.iter().zip(0u8..).filter_map(|(centre, tier)| Some(((centre.as_ref()? - price).abs(), tier)));
        known.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, tier)| tier)
    };
    let mut places = ranked.to_vec();
    let others = members.iter().filter(|item| ranked.binary_search_by_key(item, |(ranked, _)| ranked).is_err());
    places.extend(others.filter_map(|&item| Some((item, nearest(prices.log(item)?)?))));
    places.sort_unstable();
    (centres, places)
}

/// Tiers by price alone, all items shaping them: a shop that names a ladder vouches for its items.
fn by_price(members: &[u32], prices: &Prices, params: &LadderParams) -> Places {
    let priced: Vec<(u32, f64)> = members.iter().filter_map(|&item| Some((item, prices.log(item)?))).collect();
    let mut points: Vec<(f64, f64)> = priced.iter().map(|&(item, price)| (price, weight(item, prices))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let centres = tiers::centres(&points, ln(params.tier_step));
    let places = priced.iter().map(|&(item, price)| (item, tiers::tier_of(&centres, price) as u8)).collect();
    (centres.into_iter().map(Some).collect(), places)
}

#[cfg(test)]
mod tests {
    use sidecart_core::{IdTable, Money};
    use sidecart_data::ItemTable;

    use super::*;

    /// One item a row: ladder, tier, price.
    fn find(rows: &[(Option<&str>, Option<f64>, i64)]) -> Given {
        let ids = IdTable::from_ints((0..rows.len() as i64).collect());
        let texts: Vec<Option<String>> = rows.iter().map(|row| row.0.map(Into::into)).collect();
        let table = ItemTable {
            ids: ids.clone(),
            ladder: Some(Labels::from_texts("ladder", &texts)),
            tier: Some(rows.iter().map(|row| row.1).collect()),
            ..ItemTable::default()
        };
        let catalogue = Catalogue { ids, rows: (0..rows.len()).map(Some).collect(), table };
        let usual = rows.iter().map(|row| Money(row.2)).collect();
        let prices = Prices { usual, n_lines: vec![1; rows.len()] };
        ladders(&catalogue, &prices, &LadderParams::default())
    }

    fn places(given: &Given) -> Vec<(&str, &[(u32, u8)])> {
        given.ladders.iter().map(|draft| (draft.name.as_str(), draft.places.as_slice())).collect()
    }

    #[test]
    fn tiers_keep_the_shops_order_whatever_the_prices() {
        let given = find(&[
            (Some("plan"), Some(30.0), 0),
            (None, Some(1.0), 500),
            (Some("plan"), Some(10.0), 900),
            (Some("plan"), Some(20.0), 400),
            (Some("bed"), Some(0.0), 0),
            (Some("bed"), Some(0.5), 0),
            (Some("plan"), Some(10.0), 900),
        ]);
        let expected: [(&str, &[(u32, u8)]); 2] =
            [("bed", &[(4, 0), (5, 1)]), ("plan", &[(0, 2), (2, 0), (3, 1), (6, 0)])];
        assert_eq!(places(&given), expected);
        assert_eq!(given.ladders[0].centres, [None, None]);
        assert!((given.ladders[1].centres[0].unwrap() - ln(900.0)).abs() < 1e-12);
        assert_eq!((given.skipped, given.taken), (0, vec![true, false, true, true, true, true, true]));
    }

    #[test]
    fn items_without_a_tier_go_by_price() {
        // No tier at all: tiers by price. Items 3 and 4 have neither.
        let rows = [100, 104, 150, 0, 0].map(|price| (Some("tea"), None, price));
        let given = find(&rows);
        assert_eq!(places(&given), [("tea", &[(0, 0), (1, 0), (2, 1)][..])]);
        assert_eq!(given.skipped, 2);
        // Some tiers: the nearest centre of those whose price is known.
        let given = find(&[
            (Some("tea"), Some(1.0), 100),
            (Some("tea"), Some(2.0), 0),
            (Some("tea"), Some(3.0), 200),
            (Some("tea"), None, 180),
            (Some("tea"), None, 1),
            (Some("tea"), None, 0),
        ]);
        assert_eq!(places(&given), [("tea", &[(0, 0), (1, 1), (2, 2), (3, 2), (4, 0)][..])]);
        assert_eq!(given.skipped, 1);
    }

    #[test]
    fn one_tier_is_no_ladder_and_many_are_joined() {
        let given = find(&[(Some("one"), Some(1.0), 100), (Some("one"), Some(1.0), 300), (Some("dear"), None, 100)]);
        assert_eq!((given.ladders.len(), given.skipped, given.taken), (0, 3, vec![true; 3]));
        let many: Vec<_> = (0..40).map(|tier| (Some("many"), Some(f64::from(tier)), 0)).collect();
        let given = find(&many);
        let tiers: Vec<u8> = given.ladders[0].places.iter().map(|&(_, tier)| tier).collect();
        assert!(tiers.is_sorted() && tiers[0] == 0 && tiers[39] as usize == MAX_TIERS - 1);
        assert_eq!(given.ladders[0].centres.len(), MAX_TIERS);
    }
}
