use super::question::{KINDS, OBJECTIVES};
use super::threshold::FILLED;
use crate::json::{Field, Object, Shape};
use crate::limits::{MAX_BASKET_ITEMS, MAX_ID_BYTES, MAX_K, MAX_SESSION_TOKEN_BYTES, MAX_SHOWN_REMOVED};

static EVIDENCE: Object = Object {
    name: "OfferEvidence",
    fields: &[
        Field::optional(
            "customers",
            Shape::Integer { min: 0, max: u32::MAX as i64 },
            "Distinct customers who bought both in one basket.",
        ),
        Field::optional(
            "baskets",
            Shape::Integer { min: 0, max: u32::MAX as i64 },
            "Baskets with both, or of the customer's past.",
        ),
        Field::optional("lift", Shape::Number, "Times as many as by chance."),
        Field::optional(
            "events",
            Shape::Integer { min: 0, max: u32::MAX as i64 },
            "Purchases from which one could go up.",
        ),
        Field::optional("upgrades", Shape::Integer { min: 0, max: u32::MAX as i64 }, "Those that did."),
        Field::optional("rate", Shape::Number, "That rate, shrunk."),
        Field::optional(
            "switches",
            Shape::Integer { min: 0, max: u32::MAX as i64 },
            "Steps from the anchor to the item.",
        ),
    ],
};

static OFFER: Object = Object {
    name: "SlateOffer",
    fields: &[
        Field::required("item", Shape::Id, "The item, in the shop's own form."),
        Field::required(
            "kind",
            Shape::Choice(&KINDS),
            "Add it, take it in the place of the anchor, or add it to its host.",
        ),
        Field::required("anchor", Shape::OrNull(&Shape::Id), "The item replaced, the host, or what speaks for it."),
        Field::required(
            "p",
            Shape::OrNull(&Shape::Number),
            "Probability of the natural purchase; null where the ranking says an order only.",
        ),
        Field::required("value", Shape::Number, "What the slate counts."),
        Field::required("price", Shape::OrNull(&Shape::Number), "Shelf price of a piece."),
        Field::required("discount", Shape::Number, "What a promotion takes off it now."),
        Field::required("delta_value", Shape::OrNull(&Shape::Number), "What the basket costs more."),
        Field::required("delta_margin", Shape::OrNull(&Shape::Number), "What the basket earns more."),
        Field::required("estimated", Shape::Flag, "Whether the margin rests on those of other items."),
        Field::optional(
            "valid_until",
            Shape::Text(MAX_ID_BYTES),
            "First moment at which its promotion does not hold any more.",
        ),
        Field::optional("fallback", Shape::Choice(&["category", "popular"]), "What it stands in by."),
        Field::optional("name", Shape::Text(usize::MAX), "With `explain`: the item's name."),
        Field::optional("anchor_name", Shape::Text(usize::MAX), "With `explain`: the anchor's name."),
        Field::optional("reason", Shape::Text(usize::MAX), "With `explain`: why, in words."),
        Field::optional("evidence", Shape::Object(&EVIDENCE), "With `explain`: the counts behind it."),
    ],
};

static REMOVED: Object = Object {
    name: "RemovedOffer",
    fields: &[
        Field::required("item", Shape::Id, "The item."),
        Field::required("kind", Shape::Choice(&KINDS), "What it would have been offered as."),
        Field::optional("name", Shape::Text(usize::MAX), "With `explain`: the item's name."),
        Field::required("rule", Shape::Text(64), "The rule that took it out."),
    ],
};

/// The answer.
pub(crate) static SLATE: Object = Object {
    name: "Slate",
    fields: &[
        Field::required("request_id", Shape::Text(MAX_ID_BYTES), "Name of the request."),
        Field::required("model", Shape::Text(MAX_ID_BYTES), "The model that answered."),
        Field::required("version", Shape::Text(16), "Its version."),
        Field::required("offers", Shape::List(&Shape::Object(&OFFER), MAX_K), "The offers, greatest value first."),
        Field::required("reason", Shape::OrNull(&Shape::Text(64)), "Why there is none; null where there is one."),
        Field::required("objective", Shape::Choice(&OBJECTIVES), "What was counted."),
        Field::required(
            "kinds",
            Shape::List(&Shape::Choice(&KINDS), KINDS.len()),
            "The kinds that were asked for and may be offered here.",
        ),
        Field::required("value", Shape::Number, "Sum of the values, less what further offers of one department lose."),
        Field::required(
            "basket_total",
            Shape::OrNull(&Shape::Number),
            "Sum of the basket's shelf prices; null where one is unknown.",
        ),
        Field::required("projected_total", Shape::OrNull(&Shape::Number), "The same once every offer is taken."),
        Field::required(
            "removed",
            Shape::List(&Shape::Object(&REMOVED), MAX_SHOWN_REMOVED),
            "Candidates that a rule took out, the first of them.",
        ),
        Field::optional("threshold", Shape::Object(&FILLED), "What lifts the basket to the amount that was asked for."),
        Field::required("n_removed", Shape::Integer { min: 0, max: u32::MAX as i64 }, "How many there are."),
        Field::required(
            "unknown_items",
            Shape::List(&Shape::Id, MAX_BASKET_ITEMS),
            "Basket items that the model does not know.",
        ),
        Field::optional(
            "session",
            Shape::Text(MAX_SESSION_TOKEN_BYTES),
            "For the visitor's next question, where the server keeps sessions; it counts what is offered here as shown.",
        ),
        Field::optional(
            "held_out",
            Shape::Flag,
            "True where nothing is shown so that the effect of showing can be measured.",
        ),
        Field::optional(
            "notes",
            Shape::List(&Shape::Text(usize::MAX), 8),
            "What was not known or is missing, in words.",
        ),
    ],
};
