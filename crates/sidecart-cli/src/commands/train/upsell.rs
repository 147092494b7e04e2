//! What was learned about upgrades, for people and as JSON.

use serde_json::{Value, json};
use sidecart::models::upsell::{UpsellFit, UpsellSummary};

use crate::format::{count, percent};

/// Segments named in the summary.
const SHOWN_SEGMENTS: usize = 8;

/// Ladders, upgrades, models and segments in a few lines.
pub(super) fn lines(fit: Option<&UpsellFit>, is_enabled: bool) -> String {
    match fit {
        Some(fit) => {
            format!("{}{}", summary_lines(&fit.summary), segments_line(&fit.segmentation.names))
        }
        None if is_enabled => "upsell: no item stands on a ladder of price tiers, nothing to learn\n".into(),
        None => "upsell: switched off ([upsell] enabled = false)\n".into(),
    }
}

/// Everything that training reports of upgrades; null where none were learned.
pub(super) fn as_json(fit: Option<&UpsellFit>) -> Value {
    let Some(fit) = fit else { return Value::Null };
    let names = &fit.segmentation.names;
    let mut facts = json!(fit.summary);
    facts["segments"] = json!(names);
    facts
}

fn summary_lines(summary: &UpsellSummary) -> String {
    let of = |wanted: bool| summary.ladders.iter().filter(move |(name, _)| (name == "not_used") == wanted);
    let n_all: u32 = summary.ladders.iter().map(|(_, n)| n).sum();
    let by_label: Vec<String> =
        of(false).filter(|(_, n)| *n > 0).map(|(name, n)| format!("{} {name}", count((*n).into()))).collect();
    let n_flagged: u32 = of(true).map(|(_, n)| n).sum();
    let flagged = match n_flagged {
        0 => String::new(),
        n => format!("; {} flagged, tiers are bought side by side: a probability and no offer", count(n.into())),
    };
    let labels = if by_label.is_empty() { "none is offered".into() } else { by_label.join(", ") };
    let mut text = format!("ladders: {} ({labels}{flagged})\n", count(n_all.into()));
    let events = |(n, upgraded): (u32, u32)| {
        let rate =
            if n == 0 { String::new() } else { format!(", {} went up", percent(f64::from(upgraded) / f64::from(n))) };
        format!("{}{rate}", count(n.into()))
    };
    text.push_str(&format!(
        "upgrades: {} customers; purchases where they are established: {}; where not: {}\n",
        count(summary.customers.into()),
        events(summary.events),
        events(summary.sparse_events)
    ));
    let propensity = &summary.propensity;
    if propensity.log_loss.is_empty() {
        text.push_str("propensity: rates answer, too few upgrades to learn models and compare them\n");
        return text;
    }
    let losses =
        |of: &[(String, f64)]| of.iter().map(|(name, loss)| format!("{name} {loss:.4}")).collect::<Vec<_>>().join(", ");
    let [plain, with_promotions] = propensity.chosen;
    text.push_str(&format!(
        "propensity: log loss on the newest {} purchases, {} upgrades: {}; {plain} answers\n",
        count(propensity.events.into()),
        count(propensity.upgrades.into()),
        losses(&propensity.log_loss)
    ));
    if !propensity.log_loss_with_promotions.is_empty() {
        text.push_str(&format!(
            "  where a plan of promotions is known: {}; {with_promotions} answers\n",
            losses(&propensity.log_loss_with_promotions)
        ));
    }
    text
}

fn segments_line(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let shown = names.len().min(SHOWN_SEGMENTS);
    let more = match names.len() - shown {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("segments: {} ({}{more})\n", names.len(), names[..shown].join(", "))
}

#[cfg(test)]
mod tests {
    use sidecart::models::upsell::PropensityTuning;
    use sidecart::serve::upsell::PropensityModel;

    use super::*;

    fn summary(tuning: PropensityTuning) -> UpsellSummary {
        UpsellSummary {
            ladders: vec![("repeat".into(), 1_200), ("replacement".into(), 0), ("not_used".into(), 34)],
            events: (4_000, 500),
            sparse_events: (0, 0),
            customers: 900,
            propensity: tuning,
            ..UpsellSummary::default()
        }
    }

    #[test]
    fn the_summary_says_what_is_offered_and_what_answers() {
        let text = summary_lines(&summary(PropensityTuning::default()));
        assert!(text.contains("ladders: 1,234 (1,200 repeat; 34 flagged"), "{text}");
        assert!(text.contains("established: 4,000, 12.5 % went up; where not: 0\n"), "{text}");
        assert!(text.contains("rates answer, too few upgrades"), "{text}");
        let text = summary_lines(&summary(PropensityTuning {
            events: 700,
            upgrades: 80,
            log_loss: vec![("rates".into(), 0.31), ("trees".into(), 0.29996)],
            log_loss_with_promotions: vec![("logistic".into(), 0.25)],
            chosen: [PropensityModel::Trees, PropensityModel::Logistic],
            ..PropensityTuning::default()
        }));
        assert!(
            text.contains("newest 700 purchases, 80 upgrades: rates 0.3100, trees 0.3000; trees answers"),
            "{text}"
        );
        assert!(text.contains("promotions is known: logistic 0.2500; logistic answers"), "{text}");
    }

    #[test]
    fn segments_are_named_and_nothing_is_said_where_nothing_was_learned() {
        assert_eq!(segments_line(&[]), "");
        let names: Vec<String> = (0..9).map(|n| format!("s{n}")).collect();
        assert_eq!(segments_line(&names[..2]), "segments: 2 (s0, s1)\n");
        assert!(segments_line(&names).ends_with("s7 and 1 more)\n"));
        assert!(lines(None, false).contains("switched off") && lines(None, true).contains("no item stands"));
        assert_eq!(as_json(None), Value::Null);
    }
}
