use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sidecart_core::{NoProgress, Progress, Time};

use sidecart_serve::offers::session::SessionKeys;

use crate::auth::Token;
use crate::error::{Error, Result};
use crate::limits::{Limits, MAX_BASKET_ITEMS, MAX_SESSION_TIME, SESSION_TIME, WATCH_INTERVAL};

/// What a server is to do.
#[derive(Clone)]
pub struct Settings {
    /// The folder whose every subfolder with a `CURRENT` file is a model. It is fixed: no request
    /// names a path.
    pub models: PathBuf,
    /// Where requests come in.
    pub listen: SocketAddr,
    /// Where metrics and reloading are; `None` for nowhere.
    pub admin_listen: Option<SocketAddr>,
    /// The model that answers where none is named; `None` where there is one only.
    pub default_model: Option<String>,
    /// What requests for `/v1/` have to bring along; `None` for nothing.
    pub token: Option<Token>,
    /// Between two looks at the model folders, 100 ms to 1 h.
    pub watch_interval: Duration,
    /// Folder of the log of what was shown; `None` for no log.
    pub exposures: Option<PathBuf>,
    /// Share of customers who are shown nothing, in `0..1`. Above 0 it needs `exposures`.
    pub hold_out: f64,
    /// What signs the tokens in which visitors carry their sessions; `None` for no sessions. Servers
    /// that share visitors share it.
    pub session_keys: Option<SessionKeys>,
    /// Time from the first answer of a session until its caps begin anew, 1 s to 90 days.
    pub session_time: Duration,
    /// How much is taken at once.
    pub limits: Limits,
    /// The present time, for the exposure log, for purchases from the future, and for sessions whose
    /// questions bring no time of their own. Answers depend on nothing else of it.
    pub now: fn() -> Time,
    /// Hears of models that were loaded and of those that could not be.
    pub progress: Arc<dyn Progress + Send + Sync>,
}

/// More connections than any system has files for.
const MOST_CONNECTIONS: usize = 1_000_000;

impl Settings {
    /// The defaults over a folder of models: `127.0.0.1:8080`, admin on `127.0.0.1:9090`, no token,
    /// no log; the time from the system.
    #[must_use]
    pub fn new(models: impl Into<PathBuf>) -> Self {
        Self {
            models: models.into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 9090))),
            default_model: None,
            token: None,
            watch_interval: WATCH_INTERVAL,
            exposures: None,
            hold_out: 0.0,
            session_keys: None,
            session_time: SESSION_TIME,
            limits: Limits::default(),
            now: system_time,
            progress: Arc::new(NoProgress),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let wrong =
            |setting, got: String, expected: &str| Err(Error::Setting { setting, got, expected: expected.to_owned() });
        let limits = &self.limits;
        if !(0.0..1.0).contains(&self.hold_out) {
            return wrong("hold-out", self.hold_out.to_string(), "a share of at least 0 and below 1");
        }
        if self.hold_out > 0.0 && self.exposures.is_none() {
            return wrong(
                "hold-out",
                self.hold_out.to_string(),
                "a log of exposures beside it, else nothing is learned",
            );
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(3_600)).contains(&self.watch_interval) {
            return wrong("watch interval", format!("{:?}", self.watch_interval), "100 ms to 1 h");
        }
        if !(Duration::from_secs(1)..=MAX_SESSION_TIME).contains(&self.session_time) {
            return wrong("session time", format!("{:?}", self.session_time), "1 s to 90 days");
        }
        if !(1..=MOST_CONNECTIONS).contains(&limits.connections) || limits.in_flight == 0 {
            let got = format!("{} and {}", limits.connections, limits.in_flight);
            return wrong("connections and in-flight", got, "1 to 1000000, and at least 1");
        }
        if limits.event_lines < MAX_BASKET_ITEMS {
            return wrong("event lines", limits.event_lines.to_string(), "at least 1000, the lines of one purchase");
        }
        Ok(())
    }
}

/// The time of the system's clock; 1970 on a machine whose clock stands before.
fn system_time() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
