//! Ladders for people: which there are, and what is known of each tier.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};
use sidecart::core::{ItemId, Money};
use sidecart::serve::Scorer;
use sidecart::serve::upsell::{Label, LadderInfo, LadderTable, NoUpgrade, RateCell, RateKind, UpsellModel};

use super::super::{id_json, print, table_text};
use super::interval;
use crate::args::InspectArgs;
use crate::format::{count, percent};

/// Items named for a tier.
const EXAMPLES: usize = 3;

/// Prints the ladder that was asked for, or the ladders that it could be.
pub(super) fn show(scorer: &Scorer, typed: &str, args: &InspectArgs) -> Result<()> {
    let upsell = scorer.upsell().map_err(sidecart::Error::from)?;
    let item = scorer.model().items().find_typed(typed).map(ItemId);
    let found = find(&upsell.ladders, typed, item);
    match found[..] {
        [] => Err(no_match(&upsell.ladders, typed, args.k)),
        [ladder] if args.json => print(&serde_json::to_string_pretty(&as_json(scorer, upsell, ladder))?),
        [ladder] => print(&as_text(scorer, upsell, ladder)?),
        _ if args.json => {
            let ladders: Vec<Value> =
                found.iter().take(args.k).map(|&ladder| facts(upsell.ladders.ladder(ladder), ladder)).collect();
            let several = json!({ "matches": found.len(), "ladders": ladders });
            print(&serde_json::to_string_pretty(&several)?)
        }
        _ => print(&list(&upsell.ladders, &found, args.k)?),
    }
}

/// Number of ladders by label, as one line.
pub(super) fn counts(ladders: &LadderTable) -> String {
    let number =
        |wanted: Option<Label>| ladders.ladders().iter().filter(|l| l.used.then_some(l.label) == wanted).count();
    let labels: Vec<String> = Label::ALL
        .iter()
        .map(|&label| (number(Some(label)), label.name()))
        .chain([(number(None), "not used")])
        .filter(|&(n, _)| n > 0)
        .map(|(n, name)| format!("{} {name}", count(n as u64)))
        .collect();
    if labels.is_empty() {
        return "ladders: none\n".into();
    }
    format!("ladders: {}\n", labels.join(", "))
}

/// Ladders that are meant: the one of that number, else of that name, else of that item, else all
/// whose names hold the text in whatever case.
fn find(ladders: &LadderTable, typed: &str, item: Option<ItemId>) -> Vec<u32> {
    let all = || (0u32..).zip(ladders.ladders());
    if let Some(number) = typed.trim().parse().ok().filter(|&n: &u32| (n as usize) < ladders.n_ladders()) {
        return vec![number];
    }
    let named: Vec<u32> = all().filter(|(_, l)| l.name == typed).map(|(n, _)| n).collect();
    if !named.is_empty() {
        return named;
    }
    if let Some(row) = item.and_then(|item| ladders.row_of(item)) {
        return vec![ladders.row(row).ladder];
    }
    let part = typed.trim().to_lowercase();
    all().filter(|(_, l)| !part.is_empty() && l.name.to_lowercase().contains(&part)).map(|(n, _)| n).collect()
}

/// Says what can be asked for, with the names that are most like what was typed.
fn no_match(ladders: &LadderTable, typed: &str, k: usize) -> anyhow::Error {
    let expected = if ladders.n_ladders() == 0 {
        "nothing: the model has no ladders".into()
    } else {
        let (nearest, is_alike) = nearest(ladders, typed, k);
        let which = if is_alike { "nearest" } else { "the first" };
        format!(
            "a number below {}, a part of a ladder's name or an item on a ladder; {which}: {}",
            ladders.n_ladders(),
            nearest.join(", ")
        )
    };
    sidecart::Error::Setting { key: "--ladder".into(), got: typed.to_owned(), expected }.into()
}

/// Names of the ladders that share most pairs of letters with a text, and whether any shares some;
/// without one these are the first. At most `k`, at least one; equals by number.
fn nearest<'a>(ladders: &'a LadderTable, typed: &str, k: usize) -> (Vec<&'a str>, bool) {
    let pairs = |text: &str| -> BTreeSet<(char, char)> {
        let letters: Vec<char> = text.to_lowercase().chars().collect();
        letters.windows(2).map(|w| (w[0], w[1])).collect()
    };
    let wanted = pairs(typed);
    // Twice the shared pairs over all pairs, in millionths (Dice's coefficient).
    let likeness = |name: &str| {
        let own = pairs(name);
        2_000_000 * own.intersection(&wanted).count() / (own.len() + wanted.len()).max(1)
    };
    let mut names: Vec<(usize, &str)> =
        ladders.ladders().iter().map(|ladder| (likeness(&ladder.name), ladder.name.as_str())).collect();
    names.sort_by_key(|&(likeness, _)| Reverse(likeness));
    let is_alike = names.first().is_some_and(|&(likeness, _)| likeness > 0);
    let alike = names.into_iter().filter(|&(likeness, _)| !is_alike || likeness > 0);
    (alike.map(|(_, name)| name).take(k.max(1)).collect(), is_alike)
}

fn list(ladders: &LadderTable, found: &[u32], k: usize) -> Result<String> {
    let rows: Vec<Vec<String>> = found
        .iter()
        .take(k)
        .map(|&number| {
            let ladder = ladders.ladder(number);
            let used = if ladder.used { "yes" } else { "no" };
            vec![
                number.to_string(),
                ladder.name.clone(),
                ladder.log_centres.len().to_string(),
                ladder.label.name().into(),
                used.into(),
            ]
        })
        .collect();
    let mut text = format!("{} ladders match; ask for one by its number:\n", count(found.len() as u64));
    text.push_str(&table_text(&["number", "name", "tiers", "label", "used"], &rows)?);
    if found.len() > k {
        text.push_str(&format!("  and {} more: ask for a longer part of the name, or give -k\n", found.len() - k));
    }
    Ok(text)
}

/// What a tier is like.
struct Tier<'a> {
    /// Centre price; `None` where unknown.
    centre: Option<f64>,
    n_items: usize,
    /// Lines sold in the kept periods.
    lines: u32,
    /// The rate of the ladder's label.
    rate: &'a RateCell,
    /// Items that sold most.
    examples: Vec<ItemId>,
}

fn tiers(upsell: &UpsellModel, ladder: u32) -> Vec<Tier<'_>> {
    let UpsellModel { ladders, market, rates, .. } = upsell;
    let info = ladders.ladder(ladder);
    let (first, ..) = market.parts();
    ladders
        .tiers_of(ladder)
        .zip(&info.log_centres)
        .map(|(tier, &log_centre)| {
            let rows = ladders.rows_of_tier(tier);
            let mut by_sales: Vec<(u32, u32)> =
                rows.clone().map(|row| (market.sold(row, first, market.last()), row)).collect();
            by_sales.sort_by_key(|&(sold, row)| (Reverse(sold), row));
            let is_priced = rows.clone().any(|row| ladders.row(row).price > Money(0));
            Tier {
                centre: is_priced.then(|| f64::from(log_centre).exp()),
                n_items: rows.len(),
                lines: market.tier_sold(tier, first, market.last()),
                rate: rates.tier(RateKind::from(info.label), tier),
                examples: by_sales.iter().take(EXAMPLES).map(|&(_, row)| ladders.row(row).item).collect(),
            }
        })
        .collect()
}

/// What the rate of a label means.
fn meaning(label: Label) -> &'static str {
    match label {
        Label::Repeat => {
            "customers who are established here and whose usual tier is this one: how often the main item of \
             their next period with a purchase is in a higher tier"
        }
        Label::Replacement => "owners of an item of this tier: how often the next one they buy is in a higher tier",
        Label::TierShare => "first purchases: how many are in a tier above this one; no rate of upgrades",
    }
}

/// Why a ladder is not used; `None` where it is.
fn why_not_used(ladder: &LadderInfo) -> Option<String> {
    let times = ladder.side_by_side.map(|ratio| format!(" ({ratio:.2} times as often as chance explains)"));
    (!ladder.used).then(|| format!("{}{}", NoUpgrade::NotSubstitutes.text(), times.unwrap_or_default()))
}

fn as_text(scorer: &Scorer, upsell: &UpsellModel, number: u32) -> Result<String> {
    let ladder = upsell.ladders.ladder(number);
    let origin = if ladder.given { "given by the shop" } else { "found in prices" };
    let mut text = format!("ladder {number}: {} ({origin})\n", ladder.name);
    text.push_str(&format!("label {}: {}\n", ladder.label, meaning(ladder.label)));
    match ladder.side_by_side {
        Some(ratio) => text.push_str(&format!(
            "side by side: {ratio:.2} times as many baskets hold two of its tiers as chance explains\n"
        )),
        None => text.push_str("side by side: chance explains too few baskets to say\n"),
    }
    match why_not_used(ladder) {
        Some(why) => text.push_str(&format!("not used, nothing of it is offered: {why}\n")),
        None => text.push_str("used for offers\n"),
    }
    text.push_str(if ladder.one_is_enough {
        "one item of it is enough: beside it no other is offered to add\n"
    } else {
        "several items of it are often in one basket: beside one another may be added\n"
    });
    let tiers = tiers(upsell, number);
    let top = tiers.len();
    let name = |&item: &ItemId| scorer.model().label(item);
    let rows: Vec<Vec<String>> = (1..)
        .zip(&tiers)
        .map(|(n, tier)| {
            let has_rate = n < top;
            vec![
                n.to_string(),
                tier.centre.map_or_else(String::new, price),
                count(tier.n_items as u64),
                count(tier.lines.into()),
                if has_rate { count(tier.rate.events.into()) } else { String::new() },
                if has_rate { count(tier.rate.upgrades.into()) } else { String::new() },
                if has_rate { percent(tier.rate.rate.into()) } else { String::new() },
                if has_rate { interval(tier.rate) } else { String::new() },
                tier.examples.iter().map(name).collect::<Vec<_>>().join(", "),
            ]
        })
        .collect();
    let upgrades = if ladder.label == Label::TierShare { "higher" } else { "upgrades" };
    let header = ["tier", "price", "items", "lines", "events", upgrades, "rate", "95 %", "examples"];
    text.push('\n');
    text.push_str(&table_text(&header, &rows)?);
    let (_, n_periods, _) = upsell.market.parts();
    let unit = if n_periods == 1 { "period" } else { "periods" };
    text.push_str(&format!(
        "lines: sold in the newest {n_periods} {unit}; rate: shrunk towards that of all ladders, {}\n",
        percent(upsell.rates.global(ladder.label.into()).rate.into())
    ));
    Ok(text)
}

/// A price that was stored as a logarithm: dear ones without decimals, which it does not hold.
fn price(price: f64) -> String {
    if price < 1_000.0 { format!("{price:.2}") } else { format!("{price:.0}") }
}

fn facts(ladder: &LadderInfo, number: u32) -> Value {
    json!({
        "ladder": number, "name": ladder.name, "tiers": ladder.log_centres.len(), "label": ladder.label,
        "given": ladder.given, "side_by_side": ladder.side_by_side, "used": ladder.used,
        "one_is_enough": ladder.one_is_enough,
    })
}

fn as_json(scorer: &Scorer, upsell: &UpsellModel, number: u32) -> Value {
    let model = scorer.model();
    let ladder = upsell.ladders.ladder(number);
    let example = |&item: &ItemId| json!({ "item_id": id_json(model.items().get(item.0)), "name": model.name(item) });
    let tiers: Vec<Value> = (1..)
        .zip(tiers(upsell, number))
        .map(|(n, tier)| {
            json!({
                "tier": n, "centre_price": tier.centre, "items": tier.n_items, "lines": tier.lines,
                "rate": tier.rate, "examples": tier.examples.iter().map(example).collect::<Vec<_>>(),
            })
        })
        .collect();
    let mut answer = facts(ladder, number);
    answer["meaning"] = json!(meaning(ladder.label));
    answer["why_not_used"] = json!(why_not_used(ladder));
    answer["tiers"] = json!(tiers);
    answer
}

#[cfg(test)]
mod tests {
    use sidecart::serve::upsell::LadderItem;

    use super::*;

    fn table() -> LadderTable {
        let item = |item: u32, ladder, level| LadderItem {
            item: ItemId(item),
            ladder,
            level,
            price: Money(Money::SCALE * i64::from(level + 1)),
            margin: None,
            maker: u32::MAX,
            private_label: false,
            log_size: None,
            in_stock: true,
        };
        let info = |name: &str, label, used| LadderInfo {
            name: name.into(),
            given: false,
            label,
            used,
            one_is_enough: true,
            side_by_side: (!used).then_some(2.25),
            log_centres: vec![0.0, 0.7],
        };
        let rows = (0..6).map(|i| item(i, i / 2, i % 2)).collect();
        let infos = vec![
            info("Phones", Label::Replacement, true),
            info("Rye bread", Label::Repeat, true),
            info("White bread", Label::Repeat, false),
        ];
        LadderTable::new(7, rows, infos).unwrap()
    }

    #[test]
    fn ladders_are_found_by_number_name_item_and_part() {
        let table = table();
        assert_eq!(find(&table, "1", Some(ItemId(5))), [1], "a number comes first");
        assert_eq!(find(&table, "Rye bread", None), [1]);
        assert_eq!(find(&table, "bread", Some(ItemId(1))), [0], "an item before a part");
        assert_eq!(find(&table, "BREAD", Some(ItemId(6))), [1, 2], "an item on no ladder is none");
        for nothing in ["3", "tea", " "] {
            assert!(find(&table, nothing, None).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn what_matches_nothing_is_told_the_nearest_names() {
        let table = table();
        let text = no_match(&table, "Whyte breads", 2).to_string();
        assert!(text.ends_with("nearest: White bread, Rye bread") && text.contains("number below 3"), "{text}");
        assert!(no_match(&table, "Phnes", 9).to_string().ends_with("nearest: Phones"), "likeness of zero is left out");
        assert!(no_match(&table, "7", 2).to_string().ends_with("the first: Phones, Rye bread"));
        assert!(no_match(&LadderTable::default(), "tea", 2).to_string().contains("no ladders"));
    }

    #[test]
    fn lists_and_reasons_say_what_is_used() {
        let table = table();
        assert_eq!(counts(&table), "ladders: 1 repeat, 1 replacement, 1 not used\n");
        let text = list(&table, &[1, 2], 1).unwrap();
        assert!(text.contains("Rye bread") && !text.contains("White bread") && text.contains("and 1 more"), "{text}");
        assert_eq!(why_not_used(table.ladder(0)), None);
        let why = why_not_used(table.ladder(2)).unwrap();
        assert!(why.contains("side by side") && why.contains("2.25 times"), "{why}");
        assert_eq!((price(9.5), price(1449.0004)), ("9.50".into(), "1449".into()));
    }
}
