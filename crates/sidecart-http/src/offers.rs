//! From a question for a slate to the bytes of its answer.

use sidecart_core::{ExternalIdRef, ItemId, Money};
use sidecart_serve::offers::exposure::ExposureRecord;
use sidecart_serve::offers::threshold::{MAX_FILLERS, MAX_FILLINGS, NoFilling};
use sidecart_serve::offers::{
    CompiledPolicy, Evidence, Objective, Offer, OfferKind, OfferKinds, OffersQuery, OffersScratch, PolicyOverride,
    SessionEvent, SessionState, Slate, Threshold, Touchpoint,
};

use crate::answer::isolated;
use crate::app::App;
use crate::json::{Field, Location, Object, Shape, Value, Writer};
use crate::limits::{
    MAX_BASKET_ITEMS, MAX_EXCLUDED_ITEMS, MAX_ID_BYTES, MAX_K, MAX_MODEL_NAME_BYTES, MAX_SHOWN_REMOVED,
};
use crate::metrics::add;
use crate::models::{LiveVersion, Work};
use crate::problem::{Code, Problem};
use crate::query::{Asked, MODES, PAST_SHAPE, USING, check_query, read_asked_time};

const KINDS: [&str; 3] = ["cross-sell", "upsell", "add-on"];
const TOUCHPOINTS: [&str; 7] = ["home", "category", "product", "cart", "checkout", "post_purchase", "email"];
const OBJECTIVES: [&str; 4] = ["relevance", "units", "revenue", "margin"];

static SEEN: Object = Object {
    name: "SeenOffer",
    fields: &[
        Field::required("item", Shape::Id, "The item."),
        Field::optional("timestamp", Shape::Time, "When; at the time of the question where it is not given."),
    ],
};

/// Fillings of a threshold where the question does not say how many, and items of each.
const DEFAULT_FILLINGS: usize = 3;
const DEFAULT_FILLERS: usize = 2;
/// Part of the amount that a filling may exceed it by, where the question does not say it.
const OVERSHOOT_PART: i64 = 5;

static THRESHOLD: Object = Object {
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
        Field::required("total", Shape::Number, "Sum of their prices, promotions taken off."),
        Field::required("overshoot", Shape::Number, "What the basket then exceeds the amount by."),
        Field::required("relevance", Shape::Number, "Sum of their probabilities, or of what stands in for them."),
    ],
};

static FILLED: Object = Object {
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
        Field::optional(
            "shown",
            Shape::List(&Shape::Object(&SEEN), MAX_EXCLUDED_ITEMS),
            "Offers that this session has seen.",
        ),
        Field::optional(
            "declined",
            Shape::List(&Shape::Object(&SEEN), MAX_EXCLUDED_ITEMS),
            "Offers that were declined, and when.",
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
        Field::optional("reason", Shape::Text(usize::MAX), "With `explain`: why, in words."),
        Field::optional("evidence", Shape::Object(&EVIDENCE), "With `explain`: the counts behind it."),
    ],
};

static REMOVED: Object = Object {
    name: "RemovedOffer",
    fields: &[
        Field::required("item", Shape::Id, "The item."),
        Field::required("kind", Shape::Choice(&KINDS), "What it would have been offered as."),
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

/// Checks a question against its table.
///
/// # Errors
/// A [`Problem`] with the field at fault.
pub(crate) fn check_offers_query(value: &Value<'_>) -> Result<(), Problem> {
    check_query(value, &OFFERS_QUERY, &Location::Body)
}

/// Answers a checked question with one version and writes the answer.
///
/// # Errors
/// A [`Problem`]; `out` may then hold a part of an answer.
pub(crate) fn answer_offers(
    app: &App,
    live: &LiveVersion,
    request_id: &str,
    value: &Value<'_>,
    out: &mut Writer,
) -> Result<(), Problem> {
    isolated(app, || live.with_work(|work| write_slate(app, live, work, request_id, value, out)))
}

/// What a question for a slate says beside what every question says.
struct SlateAsked {
    context: Vec<ItemId>,
    shown: Vec<SessionEvent>,
    declined: Vec<SessionEvent>,
    segment: Option<u16>,
    policy: Option<CompiledPolicy>,
}

impl SlateAsked {
    fn read(value: &Value<'_>, live: &LiveVersion, asked: &mut Asked<'_>) -> Result<Self, Problem> {
        let find = |value: &Value<'_>| value.id().and_then(|id| live.find_item(id));
        let mut seen = [Vec::new(), Vec::new()];
        for (name, events) in ["shown", "declined"].into_iter().zip(&mut seen) {
            for (position, event) in value.list(name).iter().enumerate() {
                let field = Location::Field(&Location::Body, name);
                let at = Location::Entry(&field, position);
                let time = match event.get("timestamp") {
                    Some(time) => read_asked_time(time, live, &Location::Field(&at, "timestamp"))?,
                    None => asked.time,
                };
                // What the model does not know it does not offer either.
                events.extend(event.get("item").and_then(find).map(|item| SessionEvent { item, time }));
            }
        }
        let [shown, declined] = seen;
        let names = live.scorer.model().upsell().map_or(&[][..], |upsell| &upsell.settings.segments);
        let segment = value.text("segment").and_then(|segment| names.iter().position(|name| name == segment));
        if segment.is_none() && value.get("segment").is_some() {
            asked.notes.push("the model does not know the segment: answered as without one".into());
        }
        Ok(Self {
            context: value.list("context").iter().filter_map(find).collect(),
            shown,
            declined,
            segment: segment.map(|segment| segment as u16),
            policy: value.get("policy").map(|change| read_policy(change, live)).transpose()?,
        })
    }
}

fn read_policy(change: &Value<'_>, live: &LiveVersion) -> Result<CompiledPolicy, Problem> {
    let refused = |error: sidecart_serve::Error| {
        let expected = match error {
            sidecart_serve::Error::Query { expected, .. } => expected,
            _ => "a policy that fits the model".into(),
        };
        Location::Field(&Location::Body, "policy").problem(Code::OUT_OF_RANGE, expected)
    };
    let serde_json::Value::Object(change) = change.to_json() else {
        return Err(Location::Field(&Location::Body, "policy").problem(Code::WRONG_TYPE, "expected an object"));
    };
    let policy = &live.scorer.model().settings().policy;
    let policy = policy.overridden(&PolicyOverride(change)).map_err(refused)?;
    live.scorer.compile_policy(policy).map_err(refused)
}

fn write_slate(
    app: &App,
    live: &LiveVersion,
    work: &mut Work,
    request_id: &str,
    value: &Value<'_>,
    out: &mut Writer,
) -> Result<(), Problem> {
    let mut asked = Asked::read(value, live, work, &Location::Body)?;
    let slate_asked = SlateAsked::read(value, live, &mut asked)?;
    let kinds: Vec<OfferKind> = OfferKind::ALL
        .into_iter()
        .filter(|kind| value.list("kinds").iter().any(|name| matches!(name, Value::Text(name) if name == kind.name())))
        .collect();
    let query = OffersQuery {
        basket: &work.basket,
        context: &slate_asked.context,
        customer: asked.knows_customer.then_some(&work.customer),
        segment: slate_asked.segment,
        touchpoint: value.text("touchpoint").and_then(Touchpoint::from_name),
        kinds: if value.get("kinds").is_some() { OfferKinds::of(&kinds) } else { OfferKinds::ALL },
        time: asked.time,
        store: asked.store,
        k: value.integer("k").map(|k| k as usize),
        mode: asked.mode,
        using: asked.using,
        objective: value.text("objective").and_then(|name| {
            Objective::NAMES.iter().find(|(known, _)| *known == name).map(|(_, objective)| *objective)
        }),
        exclude: &work.exclude,
        policy: slate_asked.policy.as_ref(),
        session: SessionState { shown: &slate_asked.shown, declined: &slate_asked.declined },
        ..OffersQuery::default()
    };
    let slate = live.scorer.offers(&query, work_offers(live, &mut work.offers)).map_err(|error| match error {
        sidecart_serve::Error::NoSuchPart { what, available } => {
            Problem::new(Code::NO_SUCH_PART, format!("this model has no {what}; it has: {available}"))
        }
        _ => Problem::new(Code::INTERNAL, "the question could not be answered"),
    })?;
    let held_out = app.exposures.is_some() && app.hold_out.holds_out(asked.customer, request_id);
    if let Some(exposures) = &app.exposures {
        let shown = Shown { app, live, query: &query, customer: asked.customer, request_id, held_out };
        exposures.log((1..).zip(slate.offers).map(|(position, offer)| shown.record(position, offer)).collect());
    }
    add(&app.metrics.offers, slate.offers.len());
    add(&app.metrics.held_out, usize::from(held_out));
    add(&app.metrics.unreadable_customers, usize::from(asked.is_unreadable));

    out.begin_object();
    out.field("request_id").text(request_id);
    out.field("model").text(&live.name);
    out.field("version").text(&live.version);
    write_offers(live, &slate, &asked, held_out, out);
    if let Some(threshold) = value.get("threshold").filter(|_| !held_out) {
        write_fillings(live, &query, threshold, work_offers(live, &mut work.offers), out)?;
    }
    out.field("unknown_items").begin_list();
    let basket = value.list("items");
    work.unknown.iter().filter_map(|&position| basket[position].id()).for_each(|id| out.id(id));
    out.end_list();
    if held_out {
        out.field("held_out").flag(true);
    }
    if !asked.notes.is_empty() {
        out.field("notes").begin_list();
        asked.notes.iter().for_each(|note| out.text(note));
        out.end_list();
    }
    out.end_object();
    Ok(())
}

/// The memory for slates, made when it is first needed.
fn work_offers<'w>(live: &LiveVersion, offers: &'w mut Option<OffersScratch>) -> &'w mut OffersScratch {
    offers.get_or_insert_with(|| live.scorer.offers_scratch())
}

fn read_threshold(value: &Value<'_>) -> Result<Threshold, Problem> {
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

fn write_fillings(
    live: &LiveVersion,
    query: &OffersQuery<'_>,
    threshold: &Value<'_>,
    scratch: &mut OffersScratch,
    out: &mut Writer,
) -> Result<(), Problem> {
    let threshold = read_threshold(threshold)?;
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

fn write_offers(live: &LiveVersion, slate: &Slate<'_>, asked: &Asked<'_>, held_out: bool, out: &mut Writer) {
    let items = live.scorer.model().items();
    out.field("offers").begin_list();
    for offer in slate.offers.iter().filter(|_| !held_out) {
        write_offer(live, offer, asked.explain, out);
    }
    out.end_list();
    match slate.reason {
        Some(reason) => out.field("reason").text(reason.name()),
        None => out.field("reason").null(),
    }
    out.field("objective").text(slate.objective.name());
    out.field("kinds").begin_list();
    OfferKind::ALL.into_iter().filter(|&kind| slate.kinds.contains(kind)).for_each(|kind| out.text(kind.name()));
    out.end_list();
    out.field("value").number(slate.value as f32);
    write_money("basket_total", slate.basket_total, out);
    write_money("projected_total", slate.projected_total.filter(|_| !held_out), out);
    out.field("removed").begin_list();
    for removed in slate.removed.iter().take(MAX_SHOWN_REMOVED) {
        out.begin_object();
        out.field("item").id(items.get(removed.item.0));
        out.field("kind").text(removed.kind.name());
        out.field("rule").text(removed.rule.name());
        out.end_object();
    }
    out.end_list();
    out.field("n_removed").count(slate.removed.len());
}

fn write_money(name: &'static str, amount: Option<Money>, out: &mut Writer) {
    match amount {
        Some(amount) => out.field(name).money(amount),
        None => out.field(name).null(),
    }
}

fn write_offer(live: &LiveVersion, offer: &Offer, explain: bool, out: &mut Writer) {
    let model = live.scorer.model();
    let items = model.items();
    out.begin_object();
    out.field("item").id(items.get(offer.item.0));
    out.field("kind").text(offer.kind.name());
    match offer.anchor {
        Some(anchor) => out.field("anchor").id(items.get(anchor.0)),
        None => out.field("anchor").null(),
    }
    match offer.p {
        Some(p) => out.field("p").number(p as f32),
        None => out.field("p").null(),
    }
    out.field("value").number(offer.value as f32);
    write_money("price", offer.price, out);
    out.field("discount").money(offer.discount);
    write_money("delta_value", offer.delta_value, out);
    write_money("delta_margin", offer.delta_margin, out);
    out.field("estimated").flag(offer.estimated);
    if let Some(until) = offer.valid_until {
        out.field("valid_until").text(&model.clock().show(until));
    }
    if let Some(by) = offer.stand_in {
        out.field("fallback").text(by.name());
    }
    if explain {
        if let Some(name) = model.name(offer.item) {
            out.field("name").text(name);
        }
        out.field("reason").text(&offer.reason.text(&live.scorer));
        if let Some(evidence) = offer.reason.evidence(&live.scorer) {
            write_evidence(evidence, out);
        }
    }
    out.end_object();
}

fn write_evidence(evidence: Evidence, out: &mut Writer) {
    out.field("evidence").begin_object();
    match evidence {
        Evidence::Pair { n_customers, n_baskets, lift, .. } => {
            out.field("customers").integer(n_customers.into());
            out.field("baskets").integer(n_baskets.into());
            out.field("lift").number(lift);
        }
        Evidence::Ladder { n_switches, n_events, n_upgrades, rate, .. } => {
            out.field("events").integer(n_events.into());
            out.field("upgrades").integer(n_upgrades.into());
            out.field("rate").number(rate);
            out.field("switches").integer(n_switches.into());
        }
        Evidence::OwnPast { n_baskets } => out.field("baskets").integer(n_baskets.into()),
    }
    out.end_object();
}

/// What the records of one slate share.
struct Shown<'a> {
    app: &'a App,
    live: &'a LiveVersion,
    query: &'a OffersQuery<'a>,
    customer: Option<ExternalIdRef<'a>>,
    request_id: &'a str,
    held_out: bool,
}

impl Shown<'_> {
    fn record(&self, position: u32, offer: &Offer) -> ExposureRecord {
        let items = self.live.scorer.model().items();
        ExposureRecord {
            request_id: self.request_id.to_owned(),
            time: (self.app.settings.now)().0.div_euclid(1_000),
            model: self.live.name.to_string(),
            version: self.live.version.clone(),
            customer_id: self.customer.map(Into::into),
            touchpoint: self.query.touchpoint.map(|touchpoint| touchpoint.name().to_owned()),
            kind: offer.kind,
            item: items.get(offer.item.0).into(),
            anchor: offer.anchor.map(|anchor| items.get(anchor.0).into()),
            position,
            score: offer.value,
            p: offer.p,
            probability_shown: self.app.hold_out.probability_shown(),
            held_out: self.held_out,
            policy: self.query.policy.map(|_| "changed by the question".to_owned()),
            accepted: None,
        }
    }
}
