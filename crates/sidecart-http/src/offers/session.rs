use sidecart_core::{Clock, ItemId, Time};
use sidecart_serve::Error;
use sidecart_serve::offers::session::{ItemKey, SessionAt, SessionKeys, SessionState, decode, encode};

use super::question::KINDS;
use super::read::kind_of;
use crate::app::App;
use crate::json::{Field, Location, Object, Shape, Value};
use crate::limits::MAX_EXCLUDED_ITEMS;
use crate::models::LiveVersion;
use crate::problem::{Code, Problem};
use crate::query::{Asked, read_asked_time};

static SEEN: Object = Object {
    name: "SeenOffer",
    fields: &[
        Field::required("item", Shape::Id, "The item."),
        Field::optional("kind", Shape::Choice(&KINDS), "As what; needed for `policy.declines_before_silence` alone."),
        Field::optional("timestamp", Shape::Time, "When; at the time of the question where it is not given."),
    ],
};

/// Offers that a caller tells of.
pub(super) const SEEN_SHAPE: Shape = Shape::List(&Shape::Object(&SEEN), MAX_EXCLUDED_ITEMS);

/// What a visitor has seen and declined: of the token, and of the lists beside it.
pub(super) struct VisitorSession {
    state: SessionState,
    now: i64,
}

impl VisitorSession {
    /// Opens the token, begins a new session where there is none, and records the lists.
    ///
    /// A session has the clock of its questions where these bring calendar times, else that of the
    /// server: the time that a question has without a `timestamp` stands still until the next purchase.
    ///
    /// # Errors
    /// [`Code::NO_SESSIONS`], [`Code::INVALID_SESSION`], or [`Code::OUT_OF_RANGE`] for times in another
    /// form than the model's.
    pub(super) fn read(
        app: &App,
        value: &Value<'_>,
        live: &LiveVersion,
        asked: &mut Asked<'_>,
    ) -> Result<Self, Problem> {
        let clock = live.scorer.model().clock();
        let has_own_time = clock == Clock::Calendar && value.get("timestamp").is_some();
        let now = seconds(if has_own_time { asked.time } else { (app.settings.now)() });
        // Below 2^32: settings bound it.
        let lifetime_s = app.settings.session_time.as_secs() as u32;
        let mut state = match value.text("session") {
            Some(token) => open(token, app.settings.session_keys.as_ref())?,
            None => SessionState::new(now, lifetime_s),
        };
        if state.is_over(now) {
            state = state.renewed(now, lifetime_s);
            asked.notes.push("the session was over: a new one began, and what was declined is still known".into());
        }
        for name in ["shown", "declined"] {
            for (position, event) in value.list(name).iter().enumerate() {
                let field = Location::Field(&Location::Body, name);
                let at = Location::Entry(&field, position);
                let time = match event.get("timestamp") {
                    Some(time) => Some(read_asked_time(time, live, &Location::Field(&at, "timestamp"))?),
                    None => None,
                };
                let Some(id) = event.get("item").and_then(Value::id) else { continue };
                // One that this version does not know may come back with the next.
                let key = live.find_item(id).map_or_else(|| ItemKey::of(id), |item| key_of(live, item));
                if name == "shown" {
                    state.record_shown(key);
                    continue;
                }
                let time = match (time, clock) {
                    (Some(time), Clock::Calendar) => seconds(Time(time.0.saturating_add(MICROS_PER_SECOND - 1))),
                    (Some(time), Clock::Days) => now.saturating_sub(seconds(Time(asked.time.0.saturating_sub(time.0)))),
                    _ => now,
                };
                state.record_declined(key, event.get("kind").and_then(kind_of), time);
            }
        }
        Ok(Self { state, now })
    }

    /// The session as the question sees it.
    pub(super) fn at(&self) -> SessionAt<'_> {
        self.state.at(self.now)
    }

    /// The token of the answer, in which what is offered counts as shown.
    pub(super) fn next_token(
        &self,
        live: &LiveVersion,
        shown: impl Iterator<Item = ItemId>,
        keys: &SessionKeys,
    ) -> String {
        let mut next = self.state.clone();
        shown.for_each(|item| next.record_shown(key_of(live, item)));
        encode(&next, keys.signing())
    }
}

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Whole seconds of a time, rounded down.
fn seconds(time: Time) -> i64 {
    time.0.div_euclid(MICROS_PER_SECOND)
}

fn key_of(live: &LiveVersion, item: ItemId) -> ItemKey {
    ItemKey::of(live.scorer.model().items().get(item.0))
}

/// The session of a token.
fn open(token: &str, keys: Option<&SessionKeys>) -> Result<SessionState, Problem> {
    let field = Location::Field(&Location::Body, "session");
    let Some(keys) = keys else {
        let message = "this server was started without --session-key-file and keeps no sessions; send `shown` and \
                       `declined` instead";
        return Err(field.problem(Code::NO_SESSIONS, message));
    };
    decode(token, keys).map_err(|error| {
        let problem = match error {
            Error::SessionToken { problem } => problem.to_string(),
            _ => "cannot be read".into(),
        };
        field.problem(Code::INVALID_SESSION, format!("{problem}; ask without it to begin a new session"))
    })
}
