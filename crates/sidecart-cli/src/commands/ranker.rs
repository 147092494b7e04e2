//! What training found out about rankers, as `train` and `inspect` show it.

use anyhow::Result;
use serde_json::{Value, from_value};
use sidecart::models::ranker::Recall;

use super::table_text;
use crate::format::{count, percent};

/// One situation of a training run, as a manifest holds it under `metrics.ranker.situations`.
struct Row {
    situation: String,
    /// Learned from, compared on.
    cases: (u64, u64),
    /// The hidden items among the candidates.
    recall: Recall,
    /// Name, NDCG@10 and HR@10.
    results: Vec<(String, f64, f64)>,
    stage: String,
}

/// Learned rankers, in the order of their columns.
const RANKERS: [&str; 4] = ["fast", "linear", "neural", "trees"];
const SITUATIONS: [&str; 3] = ["completion-known", "anonymous", "discovery-known"];

impl Row {
    /// A row of another release can have another form; it is left out.
    fn read(found: &Value) -> Option<Self> {
        let text = |key: &str| found[key].as_str().map(str::to_owned);
        Some(Self {
            situation: text("situation")?,
            cases: from_value(found["cases"].clone()).ok()?,
            recall: from_value(found["pool"].clone()).ok()?,
            results: from_value(found["results"].clone()).ok()?,
            stage: text("stage")?,
        })
    }

    fn ndcg(&self, name: &str) -> Option<f64> {
        self.results.iter().find(|(source, ..)| source == name).map(|&(_, ndcg, _)| ndcg)
    }

    /// The part of the model that did best alone.
    fn best_source(&self) -> Option<(&str, f64)> {
        let is_alone = |name: &str| name != "mixture" && !RANKERS.contains(&name);
        let alone = self.results.iter().filter(|(name, ..)| is_alone(name));
        alone.map(|(name, ndcg, _)| (name.as_str(), *ndcg)).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The cells of the row, with a column for each of the rankers.
    fn cells(&self, rankers: &[&str]) -> Vec<String> {
        let shown = |ndcg: Option<f64>| ndcg.map_or_else(String::new, |ndcg| format!("{ndcg:.4}"));
        let share = |share: Option<f64>| share.map_or_else(String::new, percent);
        let (source, alone) = self.best_source().unzip();
        let mut cells = vec![
            self.situation.clone(),
            count(self.cases.0),
            count(self.cases.1),
            count(self.recall.size.round() as u64),
            percent(self.recall.all),
            share(self.recall.new),
            share(self.recall.tail),
            shown(self.ndcg("mixture")),
            shown(alone),
            source.unwrap_or_default().into(),
        ];
        cells.extend(rankers.iter().map(|name| shown(self.ndcg(name))));
        cells.push(self.stage.clone());
        cells
    }
}

/// A table of the situations, and which of them have no ranker. Nothing for a model without one.
pub(super) fn lines(summary: &Value) -> Result<String> {
    let Some(situations) = summary["situations"].as_array() else { return Ok(String::new()) };
    let situations: Vec<Row> = situations.iter().filter_map(Row::read).collect();
    let mut text = String::new();
    if !situations.is_empty() {
        text.push_str("ranker: NDCG@10 on the newest baskets held back in time\n");
        let is_shown = |name: &&str| situations.iter().any(|row| row.ndcg(name).is_some());
        let rankers: Vec<&str> = RANKERS.into_iter().filter(is_shown).collect();
        let mut header = vec![
            "situation",
            "learned from",
            "compared on",
            "pool",
            "holds",
            "new",
            "tail",
            "mixture",
            "best alone",
            "which",
        ];
        header.extend(&rankers);
        header.push("answers");
        let rows: Vec<Vec<String>> = situations.iter().map(|row| row.cells(&rankers)).collect();
        text.push_str(&table_text(&header, &rows)?);
        text.push_str(
            "pool: candidates of a basket learned from; holds: share of the hidden items among them; new, tail: of items new to\n",
        );
        text.push_str("their customer, of items outside the bestsellers\n");
    }
    let has_row = |name: &&str| !situations.iter().any(|row| row.situation == **name);
    let without: Vec<&str> = SITUATIONS.into_iter().filter(has_row).collect();
    if !without.is_empty() {
        text.push_str(&format!("ranker: too few cases to learn one for {}; the mixture answers\n", without.join(", ")));
    }
    Ok(text)
}

/// What `train` says of the ranker.
pub(super) fn train_lines(summary: &Value, is_enabled: bool) -> Result<String> {
    match (summary.is_null(), is_enabled) {
        (false, _) => lines(summary),
        (true, true) => {
            Ok("ranker: none, there is no time split with baskets to learn one on; the mixture answers\n".into())
        }
        (true, false) => Ok("ranker: switched off ([models.ranker] enabled = false)\n".into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sidecart::models::ranker::{RankerTuning, SituationTuning};
    use sidecart::serve::ranker::{Situation, Stage};

    use super::*;

    fn found(situation: Situation, results: &[(&str, f64)], stage: Stage) -> SituationTuning {
        SituationTuning {
            situation,
            cases: (8_506, 2_500),
            pool: Recall { size: 251.6, all: 0.9894, new: Some(0.5), tail: None },
            candidates: Recall { size: 250.0, all: 0.98, new: Some(0.4), tail: None },
            results: results.iter().map(|&(name, ndcg)| (name.to_owned(), ndcg, 2.0 * ndcg)).collect(),
            n_trees: 30,
            n_epochs: None,
            stage,
        }
    }

    #[test]
    fn every_situation_says_what_answers_and_why() {
        let results = [("mixture", 0.3417), ("own", 0.2953), ("popular", 0.1), ("linear", 0.3607), ("trees", 0.391)];
        let tuning = RankerTuning {
            situations: vec![
                found(Situation::CompletionKnown, &results, Stage::Trees),
                found(Situation::DiscoveryKnown, &results[..4], Stage::Mixture),
            ],
        };
        let text = lines(&json!(tuning)).unwrap();
        let row = |name: &str| {
            let line = text.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let expected = "completion-known 8,506 2,500 252 98.9 % 50.0 % 0.3417 0.2953 own 0.3607 0.3910 trees";
        assert_eq!(row("completion-known"), expected.split(' ').collect::<Vec<_>>(), "{text}");
        let expected = "discovery-known 8,506 2,500 252 98.9 % 50.0 % 0.3417 0.2953 own 0.3607 mixture";
        assert_eq!(row("discovery-known"), expected.split(' ').collect::<Vec<_>>(), "no trees were grown: {text}");
        assert!(text.ends_with("ranker: too few cases to learn one for anonymous; the mixture answers\n"), "{text}");
        assert!(!text.contains("neural") && !text.contains("fast"), "{text}");
    }

    #[test]
    fn a_ranker_has_a_column_where_there_is_one() {
        let results = [("mixture", 0.3), ("own", 0.2), ("linear", 0.31), ("trees", 0.32), ("neural", 0.33)];
        let tuning = RankerTuning {
            situations: vec![
                found(Situation::CompletionKnown, &results, Stage::Neural),
                found(Situation::Anonymous, &results[..4], Stage::Trees),
            ],
        };
        let text = lines(&json!(tuning)).unwrap();
        let ends = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            text.lines().any(|line| line.split_whitespace().collect::<Vec<_>>().ends_with(&words))
        };
        assert!(ends("which linear neural trees answers"), "{text}");
        assert!(ends("0.2000 own 0.3100 0.3300 0.3200 neural") && ends("0.2000 own 0.3100 0.3200 trees"), "{text}");
    }

    #[test]
    fn a_model_without_ranker_says_why_and_an_older_one_nothing() {
        let empty = lines(&json!(RankerTuning::default())).unwrap();
        assert!(
            empty.starts_with("ranker: too few cases to learn one for completion-known, anonymous, disc"),
            "{empty}"
        );
        assert_eq!(lines(&Value::Null).unwrap(), "");
        assert!(train_lines(&Value::Null, false).unwrap().contains("switched off"));
        assert!(train_lines(&Value::Null, true).unwrap().contains("no time split"));
        assert_eq!(train_lines(&json!(RankerTuning::default()), true).unwrap(), empty);
    }
}
