//! A question as it stands in a request.

use sidecart_core::{ExternalId, ExternalIdRef, Time};
use sidecart_serve::{Mode, Source};

use crate::json::{Field, Location, Object, Shape, Value, check};
use crate::limits::{
    DEFAULT_K, MAX_BASKET_ITEMS, MAX_EXCLUDED_ITEMS, MAX_HISTORY_BASKETS, MAX_HISTORY_ITEMS, MAX_K,
    MAX_MODEL_NAME_BYTES, MAX_PROMOTED_ITEMS,
};
use crate::models::{LiveVersion, Work};
use crate::problem::{Code, Problem};
use crate::times::{expected_time, read_time};

/// Names of the parts of a model, as on the command line.
pub(crate) const USING: [&str; Source::NAMES.len()] = {
    let mut names = [""; Source::NAMES.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Source::NAMES[at].0;
        at += 1;
    }
    names
};

pub(crate) const MODES: [&str; 2] = ["completion", "discovery"];

static PAST_BASKET: Object = Object {
    name: "PastBasket",
    fields: &[
        Field::optional(
            "timestamp",
            Shape::Time,
            "When it was bought; needed where the model's times are dates or days.",
        ),
        Field::required("items", Shape::List(&Shape::Id, MAX_BASKET_ITEMS), "What was bought."),
    ],
};

/// A past that a question brings along.
pub(crate) const PAST_SHAPE: Shape = Shape::List(&Shape::Object(&PAST_BASKET), MAX_HISTORY_BASKETS);

/// One question.
pub(crate) static QUERY: Object = Object {
    name: "Query",
    fields: &[
        Field::optional("items", Shape::List(&Shape::Id, MAX_BASKET_ITEMS), "The basket so far; repeats count once."),
        Field::optional(
            "customer_id",
            Shape::Id,
            "Who asks. The stored past and purchases since training make the answer better.",
        ),
        Field::optional(
            "history",
            PAST_SHAPE,
            "The caller's own past, in place of what is stored; what is not before `timestamp` is not used.",
        ),
        Field::optional(
            "k",
            Shape::Integer { min: 1, max: MAX_K as i64 },
            "How many answers; 10 where it is not given.",
        ),
        Field::optional(
            "mode",
            Shape::Choice(&MODES),
            "`completion` (the default) completes the basket, `discovery` leaves out all the customer ever bought.",
        ),
        Field::optional(
            "using",
            Shape::Choice(&USING),
            "One part of the model alone; `default` where it is not given.",
        ),
        Field::optional("store_id", Shape::Id, "The store the customer is in."),
        Field::optional(
            "timestamp",
            Shape::Time,
            "When it is asked: 2025-06-30T12:00:00Z, or a number where the model's times are numbers; just after the newest purchase that is known where it is not given.",
        ),
        Field::optional("exclude", Shape::List(&Shape::Id, MAX_EXCLUDED_ITEMS), "Items that may not come back."),
        Field::optional(
            "promoted",
            Shape::List(&Shape::Id, MAX_PROMOTED_ITEMS),
            "What is on promotion, the most important first: a learned ranker ranks the first of them, too, like all others.",
        ),
        Field::optional(
            "model",
            Shape::Text(MAX_MODEL_NAME_BYTES),
            "Which model; the default one where it is not given.",
        ),
        Field::optional("explain", Shape::Flag, "Adds name, reason and evidence to each item."),
    ],
};

/// What a checked question says, beside what goes into [`Work`].
pub(crate) struct Asked<'a> {
    pub(crate) k: usize,
    pub(crate) mode: Mode,
    pub(crate) using: Source,
    pub(crate) store: Option<u32>,
    pub(crate) time: Time,
    pub(crate) customer: Option<ExternalIdRef<'a>>,
    pub(crate) explain: bool,
    /// Whether `work.customer` holds a past.
    pub(crate) knows_customer: bool,
    /// Whether what is stored of the customer is damaged or gone.
    pub(crate) is_unreadable: bool,
    /// What was left out or not known, for people.
    pub(crate) notes: Vec<String>,
}

/// Checks a question against its table.
///
/// # Errors
/// A [`Problem`] with the field at fault.
pub(crate) fn check_query(value: &Value<'_>, table: &Object, at: &Location<'_>) -> Result<(), Problem> {
    check(value, table, at)?;
    let n_past_items: usize = value.list("history").iter().map(|basket| basket.list("items").len()).sum();
    if n_past_items > MAX_HISTORY_ITEMS {
        let message = format!("{n_past_items} items in all, at most {MAX_HISTORY_ITEMS} are taken");
        return Err(Location::Field(at, "history").problem(Code::TOO_LONG, message));
    }
    Ok(())
}

impl<'a> Asked<'a> {
    /// Turns a checked question into items and a past of one version.
    ///
    /// # Errors
    /// [`Code::OUT_OF_RANGE`] or [`Code::MISSING_FIELD`] for times in another form than the model's.
    pub(crate) fn read(
        value: &'a Value<'a>,
        live: &LiveVersion,
        work: &mut Work,
        at: &Location<'_>,
    ) -> Result<Self, Problem> {
        let mut notes = Vec::new();
        let find = |value: &Value<'_>| value.id().and_then(|id| live.find_item(id));
        work.basket.clear();
        work.exclude.clear();
        work.unknown.clear();
        for (position, item) in value.list("items").iter().enumerate() {
            match find(item) {
                Some(item) => work.basket.push(item),
                None => work.unknown.push(position),
            }
        }
        let exclude = value.list("exclude");
        work.exclude.extend(exclude.iter().filter_map(find));
        if work.exclude.len() < exclude.len() {
            notes.push(format!("{} items to exclude are not in the model", exclude.len() - work.exclude.len()));
        }
        let promoted = value.list("promoted");
        work.promoted.clear();
        work.promoted.extend(promoted.iter().filter_map(find));
        if work.promoted.len() < promoted.len() {
            notes.push(format!("{} promoted items are not in the model", promoted.len() - work.promoted.len()));
        }
        if !promoted.is_empty() && live.scorer.model().ranker().is_none() {
            notes.push("the model has no learned ranker: what is promoted has no effect".into());
        }
        let time = match value.get("timestamp") {
            Some(time) => read_asked_time(time, live, &Location::Field(at, "timestamp"))?,
            None => live.default_time(),
        };
        let customer = value.get("customer_id").and_then(Value::id);
        let mut is_unreadable = false;
        let knows_customer = if value.get("history").is_some() {
            let n_unknown = read_past(value.list("history"), live, work, time, &Location::Field(at, "history"))?;
            if n_unknown > 0 {
                notes.push(format!("{n_unknown} items of the history are not in the model"));
            }
            !work.customer.history.is_empty()
        } else {
            // A damaged file of customers leaves enough to answer with; it is told and counted.
            let known = customer.map(|id| load_customer(live, work, id));
            match known {
                Some(Ok(false)) => notes.push("nothing is known of the customer: answered as for anyone".into()),
                Some(Err(_)) => {
                    is_unreadable = true;
                    notes.push("what is stored of the customer cannot be read: answered as for anyone".into());
                }
                Some(Ok(true)) | None => {}
            }
            matches!(known, Some(Ok(true)))
        };
        let scorer = &live.scorer;
        let store = value.get("store_id").and_then(Value::id).map(|id| {
            scorer.store(id).or_else(|| match id {
                ExternalIdRef::Text(text) => scorer.typed_store(text),
                ExternalIdRef::Int(id) => scorer.typed_store(&id.to_string()),
            })
        });
        if store == Some(None) {
            notes.push("the model does not know the store: answered as without one".into());
        }
        let using = value.text("using").and_then(|name| Source::NAMES.iter().find(|(known, _)| *known == name));
        Ok(Self {
            k: value.integer("k").map_or(DEFAULT_K, |k| k as usize),
            mode: if value.text("mode") == Some("discovery") { Mode::Discovery } else { Mode::Completion },
            using: using.map_or(Source::Default, |(_, source)| *source),
            store: store.flatten(),
            time,
            customer,
            explain: value.flag("explain"),
            knows_customer,
            is_unreadable,
            notes,
        })
    }
}

/// Reads a time in the model's form.
pub(crate) fn read_asked_time(value: &Value<'_>, live: &LiveVersion, at: &Location<'_>) -> Result<Time, Problem> {
    let clock = live.scorer.model().clock();
    read_time(value, clock).ok_or_else(|| at.problem(Code::OUT_OF_RANGE, expected_time(clock)))
}

/// Fills `work.customer` from the stored past and the purchases since; an id may have either form.
fn load_customer(live: &LiveVersion, work: &mut Work, id: ExternalIdRef<'_>) -> sidecart_serve::Result<bool> {
    let mut load = |id: ExternalIdRef<'_>| {
        let log = live.log();
        live.scorer.load_customer(id, Some(&log), &mut work.reader, &mut work.customer)
    };
    if load(id)? {
        return Ok(true);
    }
    match id {
        ExternalIdRef::Int(id) => load(ExternalId::Text(id.to_string().into()).as_ref()),
        ExternalIdRef::Text(text) => match text.trim().parse() {
            Ok(id) => load(ExternalIdRef::Int(id)),
            Err(_) => Ok(false),
        },
    }
}

/// Fills `work.customer` from a past that the question brought along, oldest first; the number of
/// items that the model does not know.
fn read_past(
    baskets: &[Value<'_>],
    live: &LiveVersion,
    work: &mut Work,
    asked: Time,
    at: &Location<'_>,
) -> Result<usize, Problem> {
    let clock = live.scorer.model().clock();
    work.customer.clear();
    work.past.clear();
    for (position, basket) in baskets.iter().enumerate() {
        let entry = Location::Entry(at, position);
        let time = match basket.get("timestamp") {
            Some(time) => read_asked_time(time, live, &Location::Field(&entry, "timestamp"))?,
            None if clock.has_durations() => {
                let message = "needed, because this model weighs purchases by their age";
                return Err(Location::Field(&entry, "timestamp").problem(Code::MISSING_FIELD, message));
            }
            // Without times the order given is the order of purchase.
            None => Time(asked.0.saturating_sub((baskets.len() - position) as i64)),
        };
        work.past.push((time, position));
    }
    work.past.sort_unstable();
    let mut n_unknown = 0;
    for &(time, position) in &work.past {
        let items = baskets[position].list("items");
        work.past_items.clear();
        work.past_items.extend(items.iter().filter_map(|item| item.id().and_then(|id| live.find_item(id))));
        n_unknown += items.len() - work.past_items.len();
        work.past_items.sort_unstable();
        work.past_items.dedup();
        if !work.past_items.is_empty() {
            work.customer.history.push(time, &work.past_items);
        }
    }
    Ok(n_unknown)
}
