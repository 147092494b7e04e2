//! The exposure log: what was shown or withheld, with which probability, and what was bought.
//!
//! One JSON object a line, or the same columns in a Parquet file. What is written at the time of
//! the answer is an [`ExposureRecord`]; what a shop knows later is an [`AcceptanceRecord`].

use serde::{Deserialize, Serialize};

use super::OfferKind;

/// An outside id in the caller's own form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LoggedId {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

impl From<sidecart_core::ExternalIdRef<'_>> for LoggedId {
    fn from(id: sidecart_core::ExternalIdRef<'_>) -> Self {
        match id {
            sidecart_core::ExternalIdRef::Int(id) => Self::Int(id),
            sidecart_core::ExternalIdRef::Text(id) => Self::Text(id.to_owned()),
        }
    }
}

/// An offer that was shown, or that would have been and was withheld to learn what happens without.
///
/// ```
/// use sidecart_serve::offers::exposure::ExposureRecord;
///
/// let line = r#"{"request_id":"r1","time":1750000000000,"model":"shop","version":"00ff00ff00ff00ff",
///     "kind":"cross-sell","item":"case-s22","position":1,"score":2.5,"p":0.08,
///     "probability_shown":0.9,"held_out":false}"#;
/// let record: ExposureRecord = serde_json::from_str(line)?;
/// assert!(record.check().is_ok() && record.customer_id.is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExposureRecord {
    /// Id of the answer; all its offers share it.
    pub request_id: String,
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// Name of the model.
    pub model: String,
    /// Version of the model, 16 hex digits.
    pub version: String,
    /// Who asked; none where unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<LoggedId>,
    /// Where on the way to a purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touchpoint: Option<String>,
    /// What kind of offer.
    pub kind: OfferKind,
    /// The item offered.
    pub item: LoggedId,
    /// The basket item it is offered for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<LoggedId>,
    /// Place among the offers of the answer, from 1.
    pub position: u32,
    /// Score that ranked it.
    pub score: f64,
    /// Probability given with it, 0..=1, after the calibration of that version; none where the
    /// ranking gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// Probability with which an offer that was chosen is shown and not withheld: above 0, and
    /// below 1 where offers are held out.
    pub probability_shown: f64,
    /// Whether it was withheld.
    pub held_out: bool,
    /// The policy that chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Whether the item was bought, where whoever keeps the log has added this. Not known when the
    /// line is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
}

impl ExposureRecord {
    /// Checks every range.
    ///
    /// # Errors
    /// The field, what it holds and what was expected.
    pub fn check(&self) -> Result<(), String> {
        let shown = self.probability_shown;
        if self.request_id.is_empty() {
            return Err("request_id is empty: expected the id of the answer".into());
        }
        if self.position == 0 {
            return Err("position = 0: expected 1 for the first offer".into());
        }
        if !self.score.is_finite() {
            return Err(format!("score = {}: expected a finite number", self.score));
        }
        check_probabilities(self.p, shown, self.held_out)
    }
}

/// Checks the probabilities of an exposure.
///
/// # Errors
/// The field, what it holds and what was expected.
pub fn check_probabilities(p: Option<f64>, probability_shown: f64, held_out: bool) -> Result<(), String> {
    if let Some(p) = p.filter(|p| !(0.0..=1.0).contains(p)) {
        return Err(format!("p = {p}: expected a probability from 0 to 1"));
    }
    if !(probability_shown > 0.0 && probability_shown <= 1.0) {
        return Err(format!("probability_shown = {probability_shown}: expected a probability above 0 and at most 1"));
    }
    if held_out && probability_shown == 1.0 {
        return Err("held_out with probability_shown = 1: expected a probability below 1, since it was withheld".into());
    }
    Ok(())
}

/// An item that was bought: by the answer it followed, or by the customer and the time.
///
/// Purchases of items that were *withheld* belong here too: without them a hold-out says nothing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptanceRecord {
    /// The answer with this item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Who bought it; needs `time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<LoggedId>,
    /// The item.
    pub item: LoggedId,
    /// When, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
}

impl AcceptanceRecord {
    /// Checks that the record says which exposure it may belong to.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self) -> Result<(), String> {
        match (&self.request_id, &self.customer_id, self.time) {
            (Some(_), ..) | (None, Some(_), Some(_)) => Ok(()),
            (None, Some(_), None) => Err("customer_id without time: expected the time of the purchase too".into()),
            (None, None, _) => Err("neither request_id nor customer_id: expected one of them".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ExposureRecord {
        ExposureRecord {
            request_id: "r-1".into(),
            time: 1_750_000_000_123,
            model: "shop".into(),
            version: "00ff00ff00ff00ff".into(),
            customer_id: Some(LoggedId::Int(42)),
            touchpoint: Some("cart".into()),
            kind: OfferKind::AddOn,
            item: LoggedId::Text("warranty".into()),
            anchor: Some(LoggedId::Text("phone".into())),
            position: 2,
            score: 0.25,
            p: Some(0.1),
            probability_shown: 0.9,
            held_out: false,
            policy: Some("default".into()),
            accepted: None,
        }
    }

    #[test]
    fn one_line_says_it_all_and_comes_back() {
        let line = serde_json::to_string(&record()).unwrap();
        assert_eq!(
            line,
            "{\"request_id\":\"r-1\",\"time\":1750000000123,\"model\":\"shop\",\"version\":\"00ff00ff00ff00ff\",\
             \"customer_id\":42,\"touchpoint\":\"cart\",\"kind\":\"add-on\",\"item\":\"warranty\",\
             \"anchor\":\"phone\",\"position\":2,\"score\":0.25,\"p\":0.1,\"probability_shown\":0.9,\
             \"held_out\":false,\"policy\":\"default\"}"
        );
        assert_eq!(serde_json::from_str::<ExposureRecord>(&line).unwrap(), record());
        let bare =
            ExposureRecord { customer_id: None, touchpoint: None, anchor: None, p: None, policy: None, ..record() };
        let line = serde_json::to_string(&bare).unwrap();
        assert!(!line.contains("customer_id") && !line.contains("null"), "{line}");
        assert_eq!(serde_json::from_str::<ExposureRecord>(&line).unwrap(), bare);
        assert!(serde_json::from_str::<ExposureRecord>(&line.replace("\"time\"", "\"tiem\"")).is_err());
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let bad = [
            (ExposureRecord { request_id: String::new(), ..record() }, "request_id"),
            (ExposureRecord { position: 0, ..record() }, "position"),
            (ExposureRecord { score: f64::NAN, ..record() }, "score"),
            (ExposureRecord { p: Some(1.5), ..record() }, "p = 1.5"),
            (ExposureRecord { p: Some(f64::NAN), ..record() }, "p = NaN"),
            (ExposureRecord { probability_shown: 0.0, ..record() }, "probability_shown"),
            (ExposureRecord { probability_shown: f64::NAN, ..record() }, "probability_shown"),
            (ExposureRecord { probability_shown: 1.0, held_out: true, ..record() }, "held_out"),
        ];
        for (record, field) in bad {
            assert!(record.check().unwrap_err().starts_with(field), "{field}");
        }
        assert!(record().check().is_ok());
    }

    #[test]
    fn a_purchase_says_whose_it_is() {
        let read = |line: &str| serde_json::from_str::<AcceptanceRecord>(line).unwrap().check();
        assert!(read("{\"request_id\":\"r\",\"item\":7}").is_ok());
        assert!(read("{\"customer_id\":\"c\",\"item\":7,\"time\":5}").is_ok());
        assert!(read("{\"customer_id\":\"c\",\"item\":7}").unwrap_err().contains("time"));
        assert!(read("{\"item\":7,\"time\":5}").unwrap_err().contains("neither"));
    }
}
