use sidecart_core::Money;
use sidecart_serve::offers::threshold::{MAX_FILLERS, MAX_FILLINGS, NoFilling};
use sidecart_serve::offers::{OffersQuery, OffersScratch, Threshold};

use super::write::write_money;
use crate::json::{Field, Location, Object, Shape, Value, Writer};
use crate::models::LiveVersion;
use crate::problem::{Code, Problem};

/// Fillings of a threshold where the question does not say how many, and items of each.
const DEFAULT_FILLINGS: usize = 3;
const DEFAULT_FILLERS: usize = 2;
/// Part of the amount that a filling may exceed it by, where the question does not say it.
const OVERSHOOT_PART: i64 = 5;

/// An amount that the basket is to reach.
pub(super) static THRESHOLD: Object = Object {
    name: "Threshold",
    fields: &[
        Field::required("amount", Shape::Amount, "The amount."),
        Field::optional(
            "max_overshoot",
            Shape::Amount,
            "Nothing exceeds it by more; a fifth of it where it is not given.",
        ),
        Field::optional(
            "max_items",
            Shape::Integer { min: 1, max: MAX_FILLERS as i64 },
            "Most items of a filling; 2 where it is not given.",
        ),
        Field::optional(
            "n",
            Shape::Integer { min: 1, max: MAX_FILLINGS as i64 },
            "How many fillings; 3 where it is not given.",
        ),
    ],
};

static FILLING: Object = Object {
    name: "Filling",
    fields: &[
        Field::required("items", Shape::List(&Shape::Id, MAX_FILLERS), "The items."),
        Field::optional(
            "names",
            Shape::List(&Shape::Text(usize::MAX), MAX_FILLERS),
            "With `explain`: their names, or ids where the shop gave none.",
        ),
        Field::required("total", Shape::Number, "Sum of their prices, promotions taken off."),
        Field::required("overshoot", Shape::Number, "What the basket then exceeds the amount by."),
        Field::required("relevance", Shape::Number, "Sum of their probabilities, or of what stands in for them."),
    ],
};

/// What reaches it.
pub(super) static FILLED: Object = Object {
    name: "FilledThreshold",
    fields: &[
        Field::required(
            "gap",
            Shape::OrNull(&Shape::Number),
            "What is missing; null where a price of the basket is unknown.",
        ),
        Field::required(
            "fillings",
            Shape::List(&Shape::Object(&FILLING), MAX_FILLINGS),
            "Sets of items that reach the amount, least overshoot first.",
        ),
        Field::required("reason", Shape::OrNull(&Shape::Text(64)), "Why there is none; null where there is one."),
    ],
};

/// Reads a checked threshold.
///
/// # Errors
/// A [`Problem`] for an amount out of range.
pub(super) fn read_threshold(value: &Value<'_>) -> Result<Threshold, Problem> {
    let field = Location::Field(&Location::Body, "threshold");
    let money = |name| {
        let amount = |number| {
            Money::from_f64(number).ok_or_else(|| {
                Location::Field(&field, name).problem(Code::OUT_OF_RANGE, format!("expected 0 to {}", Money::MAX_ROW))
            })
        };
        value.number(name).map(amount).transpose()
    };
    let amount = money("amount")?.unwrap_or_default();
    Ok(Threshold {
        amount,
        max_overshoot: money("max_overshoot")?.unwrap_or(Money(amount.0 / OVERSHOOT_PART)),
        max_items: value.integer("max_items").map_or(DEFAULT_FILLERS, |n| n as usize),
        n_fillings: value.integer("n").map_or(DEFAULT_FILLINGS, |n| n as usize),
    })
}

/// Writes what fills a threshold.
///
/// # Errors
/// A [`Problem`] where the scorer refuses.
pub(super) fn write_fillings(
    live: &LiveVersion,
    query: &OffersQuery<'_>,
    (threshold, explain): (Threshold, bool),
    scratch: &mut OffersScratch,
    out: &mut Writer,
) -> Result<(), Problem> {
    let failed = |_| Problem::new(Code::INTERNAL, "the threshold could not be filled");
    let filled = live.scorer.fillings(query, &threshold, scratch).map_err(failed)?;
    let items = live.scorer.model().items();
    out.field("threshold").begin_object();
    write_money("gap", filled.as_ref().map(|filled| filled.gap), out);
    out.field("fillings").begin_list();
    for filling in filled.iter().flat_map(|filled| &filled.fillings.sets) {
        out.begin_object();
        out.field("items").begin_list();
        filling.items().iter().for_each(|item| out.id(items.get(item.0)));
        out.end_list();
        if explain {
            out.field("names").begin_list();
            filling.items().iter().for_each(|&item| out.text(&live.scorer.model().label(item)));
            out.end_list();
        }
        out.field("total").money(filling.total);
        out.field("overshoot").money(filling.overshoot);
        out.field("relevance").number(filling.relevance as f32);
        out.end_object();
    }
    out.end_list();
    let reason = match filled.map(|filled| filled.fillings.none) {
        None => Some("unknown_price"),
        Some(None) => None,
        Some(Some(NoFilling::AlreadyReached)) => Some("already_reached"),
        Some(Some(NoFilling::NoCandidate)) => Some("no_candidate"),
        Some(Some(NoFilling::NoneWithin)) => Some("none_within"),
    };
    match reason {
        Some(reason) => out.field("reason").text(reason),
        None => out.field("reason").null(),
    }
    out.end_object();
    Ok(())
}
