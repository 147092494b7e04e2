use super::session::SEEN_SHAPE;
use super::threshold::THRESHOLD;
use crate::json::{Field, Location, Object, Shape, Value};
use crate::limits::{
    MAX_BASKET_ITEMS, MAX_EXCLUDED_ITEMS, MAX_ID_BYTES, MAX_K, MAX_MODEL_NAME_BYTES, MAX_SESSION_TOKEN_BYTES,
};
use crate::problem::Problem;
use crate::query::{MODES, PAST_SHAPE, USING, check_query};

pub(super) const KINDS: [&str; 3] = ["cross-sell", "upsell", "add-on"];
const TOUCHPOINTS: [&str; 7] = ["home", "category", "product", "cart", "checkout", "post_purchase", "email"];
pub(super) const OBJECTIVES: [&str; 4] = ["relevance", "units", "revenue", "margin"];

/// One question for a slate.
pub(crate) static OFFERS_QUERY: Object = Object {
    name: "OffersQuery",
    fields: &[
        Field::optional(
            "items",
            Shape::List(&Shape::Id, MAX_BASKET_ITEMS),
            "The basket so far; an item that stands twice is two pieces.",
        ),
        Field::optional(
            "context",
            Shape::List(&Shape::Id, MAX_BASKET_ITEMS),
            "Items that say what is needed without being in the basket.",
        ),
        Field::optional("customer_id", Shape::Id, "Who asks."),
        Field::optional("history", PAST_SHAPE, "The caller's own past, in place of what is stored."),
        Field::optional("segment", Shape::Text(MAX_ID_BYTES), "The segment, in place of the customer's own."),
        Field::optional(
            "touchpoint",
            Shape::Choice(&TOUCHPOINTS),
            "Where on the way the question is asked; every kind is allowed where it is not given.",
        ),
        Field::optional(
            "kinds",
            Shape::List(&Shape::Choice(&KINDS), KINDS.len()),
            "The kinds asked for; all where it is not given.",
        ),
        Field::optional(
            "k",
            Shape::Integer { min: 1, max: MAX_K as i64 },
            "Most offers; never more than the policy allows.",
        ),
        Field::optional("mode", Shape::Choice(&MODES), "As in `/v1/recommend`."),
        Field::optional("using", Shape::Choice(&USING), "What ranks what to add, as in `/v1/recommend`."),
        Field::optional("objective", Shape::Choice(&OBJECTIVES), "What the slate counts, in place of the policy's."),
        Field::optional("store_id", Shape::Id, "The store the customer is in."),
        Field::optional("timestamp", Shape::Time, "When it is asked, as in `/v1/recommend`."),
        Field::optional("exclude", Shape::List(&Shape::Id, MAX_EXCLUDED_ITEMS), "Items that may not come back."),
        Field::optional("shown", SEEN_SHAPE, "Offers that this session has seen, beside those of the token."),
        Field::optional(
            "declined",
            SEEN_SHAPE,
            "Offers that were declined, and when, beside those of the token: say each once.",
        ),
        Field::optional(
            "session",
            Shape::Text(MAX_SESSION_TOKEN_BYTES),
            "The `session` of the last answer to this visitor; a new session begins where it is not given.",
        ),
        Field::optional(
            "threshold",
            Shape::Object(&THRESHOLD),
            "An amount that the basket is to reach, such as that of free shipping.",
        ),
        Field::optional("policy", Shape::Free, "Keys of the policy with other values, for this question."),
        Field::optional(
            "model",
            Shape::Text(MAX_MODEL_NAME_BYTES),
            "Which model; the default one where it is not given.",
        ),
        Field::optional("explain", Shape::Flag, "Adds name, reason and evidence to each offer."),
    ],
};

/// Checks a question against its table.
///
/// # Errors
/// A [`Problem`] with the field at fault.
pub(crate) fn check_offers_query(value: &Value<'_>) -> Result<(), Problem> {
    check_query(value, &OFFERS_QUERY, &Location::Body)
}
