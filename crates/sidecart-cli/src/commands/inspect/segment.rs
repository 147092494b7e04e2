//! Segments for people: the card of one, and how all trade up.

use anyhow::Result;
use serde_json::{Value, json};
use sidecart::serve::Scorer;
use sidecart::serve::upsell::{RateCell, RateKind, UpsellModel};

use super::super::{print, table_text};
use super::interval;
use crate::args::InspectArgs;
use crate::format::{count, percent};

/// Prints the card of the segment that was asked for.
pub(super) fn show(scorer: &Scorer, typed: &str, args: &InspectArgs) -> Result<()> {
    let upsell = scorer.upsell().map_err(sidecart::Error::from)?;
    let names = &upsell.settings.segments;
    let Some(segment) = find(names, typed) else { return Err(no_match(names, typed, args.k)) };
    let cards = scorer.manifest().map(|manifest| &manifest.metrics["segments"]);
    let card = cards.map(|cards| &cards["segments"][usize::from(segment)]).filter(|card| card.is_object());
    let everyone = cards.map(|cards| &cards["everyone"]).filter(|card| card.is_object());
    if args.json {
        let kinds = RateKind::ALL.map(|kind| {
            json!({ "kind": kind_name(kind), "segment": upsell.rates.segment(segment, kind),
                    "everyone": upsell.rates.global(kind) })
        });
        let facts = json!({
            "segment": segment, "name": names[usize::from(segment)], "card": card, "everyone": everyone, "rates": kinds,
        });
        return print(&serde_json::to_string_pretty(&facts)?);
    }
    let mut text = format!("segment {segment}: {}\n", names[usize::from(segment)]);
    match card.zip(everyone) {
        Some((card, everyone)) => text.push_str(&numbers(card, everyone)?),
        None => text.push_str("the model was published without cards: train it again to see more than rates\n"),
    }
    text.push_str("\nhow often they go up, shrunk towards everyone:\n");
    text.push_str(&rates(upsell, segment)?);
    if let Some(card) = card {
        text.push_str(&shares(card, args.k)?);
        text.push_str(&ladders(card, args.k, |n| upsell.ladders.ladders().get(n).is_some_and(|l| l.used))?);
    }
    print(&text)
}

/// All segments with their upgrade rates, at most `k`; nothing without segments.
pub(super) fn summary(upsell: &UpsellModel, k: usize) -> Result<String> {
    let names = &upsell.settings.segments;
    if names.is_empty() {
        return Ok(String::new());
    }
    let rows: Vec<Vec<String>> = (0u16..)
        .zip(names)
        .take(k)
        .filter_map(|(segment, name)| {
            let cell = upsell.rates.segment(segment, RateKind::Repeat)?;
            let mut row = vec![name.clone()];
            row.extend(rate_cells(cell));
            Some(row)
        })
        .collect();
    let mut text = String::from("segments, upgrades of customers established in a ladder:\n");
    text.push_str(&table_text(&["segment", "events", "upgrades", "customers", "rate", "95 %"], &rows)?);
    if names.len() > k {
        text.push_str(&format!("  and {} more segments\n", names.len() - k));
    }
    Ok(text)
}

/// The segment of that name, else the only one whose name is or holds it in whatever case.
fn find(names: &[String], typed: &str) -> Option<u16> {
    if let Some(at) = names.iter().position(|name| name == typed) {
        return u16::try_from(at).ok();
    }
    let part = typed.trim().to_lowercase();
    let only = |fits: &dyn Fn(&str) -> bool| {
        let mut found = (0u16..).zip(names).filter(|(_, name)| fits(&name.to_lowercase())).map(|(at, _)| at);
        found.next().filter(|_| found.next().is_none())
    };
    only(&|name| name == part).or_else(|| only(&|name| !part.is_empty() && name.contains(&part)))
}

fn no_match(names: &[String], typed: &str, k: usize) -> anyhow::Error {
    let expected = if names.is_empty() {
        "nothing: the model was trained without [segments]".into()
    } else {
        let more = names.len().saturating_sub(k);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("one of {}{more}", names[..names.len().min(k)].join(", "))
    };
    sidecart::Error::Setting { key: "--segment".into(), got: typed.to_owned(), expected }.into()
}

fn kind_name(kind: RateKind) -> &'static str {
    match kind {
        RateKind::Repeat => "repeat",
        RateKind::Replacement => "replacement",
        RateKind::TierShare => "tier_share",
        RateKind::Sparse => "sparse",
    }
}

fn kind_meaning(kind: RateKind) -> &'static str {
    match kind {
        RateKind::Repeat => "established customers' next purchase is in a higher tier",
        RateKind::Replacement => "the next item is in a higher tier than the one owned",
        RateKind::TierShare => "first purchases in higher tiers; no rate of upgrades",
        RateKind::Sparse => "next purchases of customers with few or mixed earlier ones",
    }
}

fn rate_cells(cell: &RateCell) -> [String; 5] {
    [
        count(cell.events.into()),
        count(cell.upgrades.into()),
        count(cell.customers.into()),
        percent(cell.rate.into()),
        interval(cell),
    ]
}

fn rates(upsell: &UpsellModel, segment: u16) -> Result<String> {
    let rows: Vec<Vec<String>> = RateKind::ALL
        .into_iter()
        .filter(|&kind| upsell.rates.global(kind).events > 0)
        .filter_map(|kind| {
            let cell = upsell.rates.segment(segment, kind)?;
            let mut row = vec![kind_name(kind).to_owned()];
            row.extend(rate_cells(cell));
            row.push(percent(upsell.rates.global(kind).rate.into()));
            row.push(kind_meaning(kind).into());
            Some(row)
        })
        .collect();
    if rows.is_empty() {
        return Ok("  no events were seen\n".into());
    }
    table_text(&["label", "events", "upgrades", "customers", "rate", "95 %", "everyone", "of"], &rows)
}

/// Size, order value, attach rate and price sensitivity beside everyone's.
fn numbers(card: &Value, everyone: &Value) -> Result<String> {
    let mut text = format!(
        "{} customers, {} of those known; {} baskets\n\n",
        count(card["customers"].as_u64().unwrap_or(0)),
        percent(card["share"].as_f64().unwrap_or(0.0)),
        count(card["baskets"].as_u64().unwrap_or(0))
    );
    let money = |value: f64| format!("{value:.2}");
    let position = |value: f64| format!("{value:+.3}");
    type Show<'a> = &'a dyn Fn(f64) -> String;
    let lines: [(&str, &str, Show<'_>, &str); 5] = [
        ("average_order_value", "average order value", &money, "paid for a basket"),
        ("attach_rate", "attach rate", &percent, "baskets with both items of a shown association"),
        ("discount_share", "discount share", &percent, "discounts in what the lines cost on the shelf"),
        ("deal_rate", "deal rate", &percent, "a customer's lines bought at a discount, on average"),
        ("price_position", "price position", &position, "tiers above (+) or below (-) the usual of what they buy"),
    ];
    let rows: Vec<Vec<String>> = lines
        .into_iter()
        .map(|(key, name, show, meaning)| {
            let of = |card: &Value| card[key].as_f64().map_or_else(|| "unknown".into(), show);
            vec![name.into(), of(card), of(everyone), meaning.into()]
        })
        .collect();
    text.push_str(&table_text(&["", "segment", "everyone", "what it is"], &rows)?);
    Ok(text)
}

fn shares(card: &Value, k: usize) -> Result<String> {
    let categories = card["categories"].as_array().map_or(&[][..], Vec::as_slice);
    if categories.is_empty() {
        return Ok(String::new());
    }
    let row = |category: &Value| vec![name_of(category), percent(category["share"].as_f64().unwrap_or(0.0))];
    let rows: Vec<Vec<String>> = categories.iter().take(k).map(row).collect();
    Ok(format!("\nwhat they spend on:\n{}", table_text(&["category", "share"], &rows)?))
}

fn ladders(card: &Value, k: usize, is_used: impl Fn(usize) -> bool) -> Result<String> {
    let ladders = card["ladders"].as_array().map_or(&[][..], Vec::as_slice);
    if ladders.is_empty() {
        return Ok(String::new());
    }
    let row = |ladder: &Value| {
        let upgrades = &ladder["upgrades"];
        let rate = |key: &str| upgrades[key].as_f64();
        let number = ladder["ladder"].as_u64().unwrap_or(0);
        vec![
            number.to_string(),
            name_of(ladder),
            if is_used(number as usize) { "yes" } else { "no" }.into(),
            count(ladder["lines"].as_u64().unwrap_or(0)),
            upgrades["events"].as_u64().map_or_else(String::new, count),
            rate("shrunk").map_or_else(String::new, percent),
            rate("low")
                .zip(rate("high"))
                .map_or_else(String::new, |(low, high)| format!("{:.1} - {:.1}", 100.0 * low, 100.0 * high)),
        ]
    };
    let rows: Vec<Vec<String>> = ladders.iter().take(k).map(row).collect();
    let header = ["ladder", "name", "used", "lines", "events", "upgrade rate", "95 %"];
    Ok(format!(
        "\nladders they buy from most, with upgrades of established customers:\n{}",
        table_text(&header, &rows)?
    ))
}

fn name_of(value: &Value) -> String {
    value["name"].as_str().unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_found_by_name_or_by_the_only_part_that_fits() {
        let names = ["Families", "young families", "students"].map(str::to_owned);
        assert_eq!(find(&names, "Families"), Some(0));
        assert_eq!(find(&names, "families"), Some(0), "a whole name in another case before a part");
        assert_eq!(find(&names, "STUD"), Some(2));
        assert_eq!(find(&names, "famil"), None, "two fit");
        assert_eq!(find(&names, ""), None);
        let text = no_match(&names, "cats", 2).to_string();
        assert!(text.contains("cats") && text.contains("Families, young families and 1 more"), "{text}");
        assert!(no_match(&[], "cats", 2).to_string().contains("without [segments]"));
    }

    #[test]
    fn a_card_says_what_it_does_not_know() {
        let card = json!({ "customers": 1234, "share": 0.25, "baskets": 5, "average_order_value": null,
            "price_position": -0.0125, "categories": [], "ladders": [
                { "ladder": 7, "name": "Tea", "lines": 3000, "upgrades": null },
                { "ladder": 2, "name": "Oil", "lines": 9, "upgrades":
                    { "events": 40, "raw": 0.1, "shrunk": 0.125, "low": 0.05, "high": 0.2 } },
            ] });
        let text = numbers(&card, &card).unwrap();
        assert!(text.contains("1,234 customers, 25.0 % of those known; 5 baskets"), "{text}");
        assert!(text.lines().any(|l| l.contains("average order value") && l.contains("unknown")), "{text}");
        assert!(text.contains("-0.013") || text.contains("-0.012"), "{text}");
        let text = ladders(&card, 10, |n| n == 7).unwrap();
        assert!(text.contains("12.5 %") && text.contains("5.0 - 20.0") && text.contains("3,000"), "{text}");
        assert!(text.contains("Tea   yes") && text.contains("Oil   no"), "{text}");
        assert!(!ladders(&card, 1, |_| true).unwrap().contains("Oil"));
        assert_eq!(shares(&card, 10).unwrap(), "");
    }
}
