//! How good the probabilities of offers are, as `train` and `inspect` show it.

use anyhow::Result;
use serde_json::Value;

use super::table_text;
use crate::format::count;

/// A table of the situations, from `metrics.probabilities` of a manifest; nothing where there is
/// none.
pub(super) fn lines(summary: &Value) -> Result<String> {
    let found = summary.as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<Vec<String>> = found.iter().filter_map(row).collect();
    if rows.is_empty() {
        return Ok(String::new());
    }
    let header =
        ["situation", "baskets", "offers", "said", "bought", "calibration error", "log loss", "log loss by rank"];
    Ok(format!(
        "probability that the basket ends up with an offer, on baskets held back that no ranker has learned from, each cut in two at random\n{}",
        table_text(&header, &rows)?
    ))
}

/// A row of another release can have another form; it is left out.
fn row(found: &Value) -> Option<Vec<String>> {
    let number = |key: &str| found[key].as_f64().map(|value| format!("{value:.4}"));
    let cases = |at: usize| found["cases"][at].as_u64().map(count);
    Some(vec![
        found["situation"].as_str()?.into(),
        cases(0)?,
        cases(1)?,
        number("mean")?,
        number("bought")?,
        number("calibration_error")?,
        number("log_loss")?,
        number("log_loss_of_ranks")?,
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sidecart::models::{ProbabilityTuning, Quality};
    use sidecart::serve::ranker::Situation;

    use super::*;

    #[test]
    fn a_row_says_what_was_said_and_what_came() {
        let quality = Quality {
            mean: 0.0412,
            bought: 0.0409,
            calibration_error: 0.0021,
            log_loss: 0.1456,
            log_loss_of_ranks: 0.1543,
        };
        let tuning = ProbabilityTuning { situation: Situation::Anonymous, cases: (2_500, 125_000), quality };
        let text = lines(&json!([tuning])).unwrap();
        let row = text.lines().find(|line| line.trim_start().starts_with("anonymous")).unwrap();
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(cells, ["anonymous", "2,500", "125,000", "0.0412", "0.0409", "0.0021", "0.1456", "0.1543"]);
        assert_eq!(lines(&Value::Null).unwrap(), "");
        assert_eq!(lines(&json!([{ "situation": "anonymous" }])).unwrap(), "");
    }
}
