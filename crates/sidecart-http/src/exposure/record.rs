use serde::{Deserialize, Serialize};
use sidecart_core::{ExternalId, ExternalIdRef};

/// One offer as it was shown, or would have been: a line of the exposure log.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ExposureRecord {
    /// The request, as in its answer; of a batch with `/` and the position of the question.
    pub request_id: String,
    /// When it was answered, milliseconds since 1970-01-01 UTC.
    pub time: i64,
    /// Name of the model.
    pub model: String,
    /// Version of the model.
    pub version: String,
    /// Who asked, in the shop's own form.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer_id: Option<ShopId>,
    /// Where in the shop it was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub touchpoint: Option<String>,
    /// Kind of the offer, such as `cross-sell`.
    pub kind: String,
    /// The item, in the shop's own form.
    pub item: ShopId,
    /// The basket item that speaks for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub anchor: Option<ShopId>,
    /// Place in the list, from 1.
    pub position: usize,
    /// The model's score.
    pub score: f64,
    /// Probability that the offer is of use, where the model states one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p: Option<f64>,
    /// Probability with which this offer was shown to this customer.
    pub probability_shown: f64,
    /// Whether nothing was shown.
    pub held_out: bool,
    /// The rules that were in force.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub policy: Option<String>,
}

/// An id in the shop's own form, a number or a text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ShopId {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

impl From<ExternalIdRef<'_>> for ShopId {
    fn from(id: ExternalIdRef<'_>) -> Self {
        match id {
            ExternalIdRef::Int(id) => Self::Int(id),
            ExternalIdRef::Text(id) => Self::Text(id.to_owned()),
        }
    }
}

impl From<&ExternalId> for ShopId {
    fn from(id: &ExternalId) -> Self {
        id.as_ref().into()
    }
}
