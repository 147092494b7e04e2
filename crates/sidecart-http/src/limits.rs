//! Every limit of the server, with its reason.
//!
//! A request beyond one of them gets an answer of its own and costs nothing in proportion to the
//! number it held. The table in this crate's README lists them.

use std::time::Duration;

/// Bytes of a request's body. A question of 1,000 items with ids of 40 bytes fits; counted while the
/// body comes in.
pub const MAX_BODY_BYTES: usize = 64 << 10;
/// Nesting of a body. The deepest valid one, a basket of a past in a batch, has 6 levels.
pub const MAX_JSON_DEPTH: usize = 8;
/// Fields of one object of a body. Twice as many as the largest has.
pub const MAX_OBJECT_FIELDS: usize = 32;
/// Bytes of an id or a name in a body.
pub const MAX_ID_BYTES: usize = 256;

/// Answers to a question that does not say how many it wants.
pub const DEFAULT_K: usize = 10;
/// Answers to a question; the scorer's own limit.
pub const MAX_K: usize = sidecart_serve::MAX_K;
/// Items of a basket, repeats included; the scorer's own limit, refused here rather than cut.
pub const MAX_BASKET_ITEMS: usize = sidecart_serve::MAX_BASKET;
/// Items that a question may exclude.
pub const MAX_EXCLUDED_ITEMS: usize = 1_000;
/// Baskets of a past that a question brings along: two a week for two years.
pub const MAX_HISTORY_BASKETS: usize = 200;
/// Items of all these baskets. Scoring a known customer costs in proportion to them.
pub const MAX_HISTORY_ITEMS: usize = 4_000;
/// Items that a question may promote; a ranker looks at fewer.
pub const MAX_PROMOTED_ITEMS: usize = 1_000;
/// Most candidates that an answer says were taken out.
pub const MAX_SHOWN_REMOVED: usize = 100;
/// Questions of a batch. It takes turns with other requests after each.
pub const MAX_BATCH_QUERIES: usize = 100;
/// Bytes of a session's token.
pub const MAX_SESSION_TOKEN_BYTES: usize = sidecart_serve::offers::session::MAX_TOKEN_CHARS;
/// Time from the first answer of a session until its caps begin anew; what was declined stays known.
pub const SESSION_TIME: Duration = Duration::from_secs(86_400);
/// Longest such time: 90 days.
pub const MAX_SESSION_TIME: Duration = Duration::from_secs(sidecart_serve::offers::session::MAX_LIFETIME_S as u64);
/// Purchases in one request.
pub const MAX_EVENTS: usize = 100;
/// Bytes of a search for items.
pub const MAX_SEARCH_BYTES: usize = 64;
/// Items that a search finds, at most and by default.
pub const MAX_SEARCH_RESULTS: usize = 50;
/// Items that a search finds where it does not say how many.
pub const DEFAULT_SEARCH_RESULTS: usize = 12;

/// Bytes of a request's line and headers together.
pub const MAX_HEADER_BYTES: usize = 16 << 10;
/// Headers of a request. Browsers and proxies send 10 to 40; so many are parsed without an allocation.
pub const MAX_HEADERS: usize = 100;
/// Time for a request's line and headers, from its first byte (of a new connection: from the start).
pub const HEADER_TIME: Duration = Duration::from_secs(5);
/// Time for a body. 64 KiB in 10 s is 52 kbit/s.
pub const BODY_TIME: Duration = Duration::from_secs(10);
/// Time for everything between a request's headers and its answer.
pub const REQUEST_TIME: Duration = Duration::from_secs(15);
/// Time in which a client has to take some bytes of an answer.
pub const WRITE_TIME: Duration = Duration::from_secs(10);
/// Time that a connection may rest between requests; load balancers commonly keep theirs for 60 s,
/// and the server should not be the first to close.
pub const IDLE_TIME: Duration = Duration::from_secs(75);
/// Open connections; more wait in the system's queue. With a body in each they hold 640 MiB.
pub const MAX_CONNECTIONS: usize = 10_000;
/// Open connections of the admin address.
pub const MAX_ADMIN_CONNECTIONS: usize = 32;
/// Requests that are scored or about to be, for each core: enough to keep every core busy. More wait
/// in line.
pub const IN_FLIGHT_PER_CORE: usize = 4;
/// How long the first in line may have waited before more comes in than can be done: then the newest
/// goes first, and the first in line is sent away with 503 now and then.
pub const QUEUE_TIME: Duration = Duration::from_millis(20);
/// Turns for each request that is sent away under too much load. A refusal costs about a third of a
/// small answer, so refusals take some 2 % of the time.
pub const TURNS_PER_REFUSAL: u32 = 16;
/// Steps of requests between two looks at what has arrived. With the runtime's own 61 the line runs
/// out of fresh requests between the looks, and answers of several times the age go out instead.
pub const STEPS_BETWEEN_LOOKS: u32 = 8;
/// Where even the newest in line has waited for so many times [`QUEUE_TIME`], hardly anyone waits for
/// an answer still, and many are sent away with each turn.
pub const LATE_TIMES: u32 = 2;
/// Seconds after which a request that was sent away may come again.
pub const RETRY_AFTER_SECONDS: u32 = 1;

/// Time after the signal to stop in which requests are still taken, each answered with
/// `connection: close`, so that no client loses one that it had sent already.
pub const LINGER_TIME: Duration = Duration::from_secs(1);
/// Time after that for requests under way.
pub const DRAIN_TIME: Duration = Duration::from_secs(30);

/// Time between two looks at the model folders.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(2);
/// Longest time between two tries to open a version that could not be opened.
pub const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(300);
/// Models of one server; it also bounds the series of the metrics.
pub const MAX_MODELS: usize = 64;
/// Bytes of a model's name.
pub const MAX_MODEL_NAME_BYTES: usize = 64;
/// Questions that a new version answers before it is used, at most.
pub const WARM_UP_QUERIES: usize = 256;

/// Lines (an item of a purchase) kept of the purchases after training, for each model. About 100
/// bytes a line.
pub const MAX_EVENT_LINES: usize = 200_000;
/// When the limit is reached, one part in so many is freed at once.
pub const EVENT_RELEASE_PART: usize = 16;
/// How far after the present a purchase may lie, for clocks that disagree.
pub const MAX_EVENT_AHEAD: Duration = Duration::from_secs(86_400);

/// Answers that may wait to be written to the exposure log; more are dropped and counted.
pub const EXPOSURE_QUEUE: usize = 4_096;
/// Bytes of one file of the exposure log.
pub const EXPOSURE_FILE_BYTES: u64 = 64 << 20;
/// Bytes of a token; a shorter one could be guessed.
pub const MIN_TOKEN_BYTES: usize = 16;
/// Bytes of a token, at most.
pub const MAX_TOKEN_BYTES: usize = 512;

/// The limits that an operator may change; [`Default`] takes the constants of this module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// See [`MAX_CONNECTIONS`].
    pub connections: usize,
    /// Requests scored at once, see [`IN_FLIGHT_PER_CORE`].
    pub in_flight: usize,
    /// See [`QUEUE_TIME`].
    pub queue_time: Duration,
    /// See [`HEADER_TIME`].
    pub header_time: Duration,
    /// See [`BODY_TIME`].
    pub body_time: Duration,
    /// See [`REQUEST_TIME`].
    pub request_time: Duration,
    /// See [`WRITE_TIME`].
    pub write_time: Duration,
    /// See [`IDLE_TIME`].
    pub idle_time: Duration,
    /// See [`LINGER_TIME`].
    pub linger_time: Duration,
    /// See [`DRAIN_TIME`].
    pub drain_time: Duration,
    /// See [`MAX_EVENT_LINES`].
    pub event_lines: usize,
    /// See [`EXPOSURE_FILE_BYTES`].
    pub exposure_file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: MAX_CONNECTIONS,
            in_flight: IN_FLIGHT_PER_CORE * cores(),
            queue_time: QUEUE_TIME,
            header_time: HEADER_TIME,
            body_time: BODY_TIME,
            request_time: REQUEST_TIME,
            write_time: WRITE_TIME,
            idle_time: IDLE_TIME,
            linger_time: LINGER_TIME,
            drain_time: DRAIN_TIME,
            event_lines: MAX_EVENT_LINES,
            exposure_file_bytes: EXPOSURE_FILE_BYTES,
        }
    }
}

/// Cores of this machine that the process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}
