use sidecart_core::ItemId;
use sidecart_serve::offers::{CompiledPolicy, Objective, OfferKind, OfferKinds, PolicyOverride};

use super::session::VisitorSession;
use crate::app::App;
use crate::json::{Location, Value};
use crate::models::LiveVersion;
use crate::problem::{Code, Problem};
use crate::query::Asked;

/// What a question for a slate says beside what every question says.
pub(super) struct SlateAsked {
    pub(super) context: Vec<ItemId>,
    pub(super) session: VisitorSession,
    pub(super) segment: Option<u16>,
    pub(super) kinds: OfferKinds,
    pub(super) objective: Option<Objective>,
    pub(super) policy: Option<CompiledPolicy>,
}

impl SlateAsked {
    /// Reads a checked question; what is not known stands in `asked.notes`.
    ///
    /// # Errors
    /// A [`Problem`] for times in another form than the model's, a session that is not from here, or a
    /// policy that does not fit.
    pub(super) fn read(
        app: &App,
        value: &Value<'_>,
        live: &LiveVersion,
        asked: &mut Asked<'_>,
    ) -> Result<Self, Problem> {
        let find = |value: &Value<'_>| value.id().and_then(|id| live.find_item(id));
        let names = live.scorer.model().upsell().map_or(&[][..], |upsell| &upsell.settings.segments);
        let segment = value.text("segment").and_then(|segment| names.iter().position(|name| name == segment));
        if segment.is_none() && value.get("segment").is_some() {
            asked.notes.push("the model does not know the segment: answered as without one".into());
        }
        let kinds: Vec<OfferKind> = value.list("kinds").iter().filter_map(kind_of).collect();
        let objective = |name: &str| Objective::NAMES.iter().find(|(known, _)| *known == name).map(|(_, own)| *own);
        Ok(Self {
            context: value.list("context").iter().filter_map(find).collect(),
            session: VisitorSession::read(app, value, live, asked)?,
            segment: segment.map(|segment| segment as u16),
            kinds: if value.get("kinds").is_some() { OfferKinds::of(&kinds) } else { OfferKinds::ALL },
            objective: value.text("objective").and_then(objective),
            policy: value.get("policy").map(|change| read_policy(change, live)).transpose()?,
        })
    }
}

/// The kind of a name.
pub(super) fn kind_of(name: &Value<'_>) -> Option<OfferKind> {
    let Value::Text(name) = name else { return None };
    OfferKind::ALL.into_iter().find(|kind| kind.name() == name)
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
