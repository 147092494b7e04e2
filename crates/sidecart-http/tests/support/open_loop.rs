//! Requests at a given rate, whatever becomes of them: callers that do not slow down because the
//! server does.
//!
//! The callers have a number of connections between them and keep them open. A request that is due
//! while all of them are busy is not sent; to its caller that is a failure like any other. One thread
//! drives everything and never sleeps, so that it needs one core, always the same whether it offers
//! little or much, and the server can have the others.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

/// How long the last answers are waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// A rate for a time.
#[derive(Clone, Copy)]
pub(crate) struct Phase {
    pub(crate) per_second: f64,
    pub(crate) time: Duration,
}

/// When something was due, after the beginning of its phase, and how long it took from then on.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    pub(crate) due: Duration,
    pub(crate) took: Duration,
}

/// Who is asked.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Name of the threads of this process that answer.
    pub(crate) threads: &'static str,
}

/// What became of the requests of one phase.
pub(crate) struct Seen {
    pub(crate) time: Duration,
    /// How long the threads that answer ran, where the system tells.
    pub(crate) busy: Option<Duration>,
    pub(crate) n_due: u64,
    /// Due while every connection was busy.
    pub(crate) n_unsent: u64,
    /// Answered with 200.
    pub(crate) good: Vec<Took>,
    /// Answered with 503.
    pub(crate) shed: Vec<Took>,
    /// Answered with anything else, or never.
    pub(crate) n_failed: u64,
}

impl Seen {
    fn new(time: Duration) -> Self {
        Self { time, busy: None, n_due: 0, n_unsent: 0, good: Vec::new(), shed: Vec::new(), n_failed: 0 }
    }

    /// Good answers a second that took no longer than `deadline`.
    pub(crate) fn goodput(&self, deadline: Duration) -> f64 {
        let n = self.good.iter().filter(|answer| answer.took <= deadline).count();
        n as f64 / self.time.as_secs_f64()
    }

    /// The same for a second in which the server ran: on a machine with other work it says more.
    /// Per second of time where the system does not tell.
    pub(crate) fn efficiency(&self, deadline: Duration) -> f64 {
        self.goodput(deadline) * self.time.as_secs_f64() / self.busy.unwrap_or(self.time).as_secs_f64()
    }
}

/// The time below which a share of them lies; zero of none.
pub(crate) fn quantile(answers: &[Took], share: f64) -> Duration {
    let mut times: Vec<Duration> = answers.iter().map(|answer| answer.took).collect();
    times.sort_unstable();
    let at = (times.len().saturating_sub(1) as f64 * share) as usize;
    times.get(at).copied().unwrap_or_default()
}

/// The 99th percentile of each tenth of a second of a phase, by when requests were due.
pub(crate) fn tenths(seen: &Seen) -> Vec<Duration> {
    let mut windows = vec![Vec::new(); (seen.time.as_millis() / TENTH.as_millis()) as usize];
    seen.good.iter().for_each(|answer| windows[place(seen, answer)].push(*answer));
    windows.iter().map(|answers| quantile(answers, 0.99)).collect()
}

/// How long after its beginning a phase was back at `normal`: the end of the last tenth of a second
/// whose 99th percentile was above it, or in which a request was refused or not sent.
pub(crate) fn recovery(seen: &Seen, normal: Duration) -> Duration {
    let refused = seen.shed.iter().map(|answer| place(seen, answer)).max();
    let slow = tenths(seen).iter().rposition(|&took| took > normal);
    refused.max(slow).map_or(Duration::ZERO, |at| TENTH * (at as u32 + 1))
}

const TENTH: Duration = Duration::from_millis(100);

fn place(seen: &Seen, answer: &Took) -> usize {
    let n = (seen.time.as_millis() / TENTH.as_millis()) as usize;
    ((answer.due.as_millis() / TENTH.as_millis()) as usize).min(n - 1)
}

/// A request under way.
struct Asked {
    phase: usize,
    due: Instant,
}

struct Caller {
    stream: TcpStream,
    asked: RefCell<Option<Asked>>,
}

struct State {
    idle: RefCell<VecDeque<Rc<Caller>>>,
    seen: RefCell<Vec<Seen>>,
    begins: RefCell<Vec<Instant>>,
}

/// Sends `requests` in turn over `n_connections`, phase after phase without a pause between.
pub(crate) fn offer(target: Target, requests: &[Vec<u8>], n_connections: usize, phases: &[Phase]) -> Vec<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let state = Rc::new(State {
            idle: RefCell::default(),
            seen: RefCell::new(phases.iter().map(|phase| Seen::new(phase.time)).collect()),
            begins: RefCell::default(),
        });
        for _ in 0..n_connections {
            let stream = TcpStream::connect(target.address).await.unwrap_or_else(|error| {
                panic!("{n_connections} connections need twice as many files in one process (ulimit -n): {error}")
            });
            stream.set_nodelay(true).unwrap();
            let caller = Rc::new(Caller { stream, asked: RefCell::default() });
            state.idle.borrow_mut().push_back(Rc::clone(&caller));
            tokio::task::spawn_local(take_answers(caller, Rc::clone(&state)));
        }
        let mut next_request = requests.iter().cycle();
        for (at, phase) in phases.iter().enumerate() {
            let busy = busy(target.threads);
            let (begin, gap) = (Instant::now(), 1.0 / phase.per_second);
            state.begins.borrow_mut().push(begin);
            let mut n_due = 0u64;
            while begin.elapsed() < phase.time {
                let n_now = (begin.elapsed().as_secs_f64() / gap) as u64 + 1;
                while n_due < n_now {
                    let Some(caller) = state.idle.borrow_mut().pop_front() else {
                        // Nobody can send any of them.
                        state.seen.borrow_mut()[at].n_unsent += n_now - n_due;
                        n_due = n_now;
                        break;
                    };
                    let due = begin + Duration::from_secs_f64(n_due as f64 * gap);
                    *caller.asked.borrow_mut() = Some(Asked { phase: at, due });
                    n_due += 1;
                    let request = next_request.next().unwrap();
                    // A small request always fits where the one before was answered.
                    if caller.stream.try_write(request).ok() != Some(request.len()) {
                        state.seen.borrow_mut()[at].n_failed += 1;
                    }
                }
                tokio::task::yield_now().await;
            }
            let seen = &mut state.seen.borrow_mut()[at];
            seen.n_due = n_due;
            seen.busy = busy.zip(self::busy(target.threads)).map(|(before, after)| after - before);
        }
        let ended = Instant::now();
        while state.idle.borrow().len() < n_connections && ended.elapsed() < PATIENCE {
            tokio::task::yield_now().await;
        }
        let mut seen = state.seen.take();
        for seen in &mut seen {
            let n_sent = seen.n_due - seen.n_unsent;
            seen.n_failed = n_sent - (seen.good.len() + seen.shed.len()) as u64;
        }
        seen
    })
}

/// How long the threads of a name have run.
fn busy(threads: &str) -> Option<Duration> {
    let mut nanos = 0u64;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let path = task.ok()?.path();
        if std::fs::read_to_string(path.join("comm")).ok()?.trim() == threads {
            nanos += std::fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok()?;
        }
    }
    (nanos > 0).then(|| Duration::from_nanos(nanos))
}

/// Reads the answers of one connection for as long as it lives.
async fn take_answers(caller: Rc<Caller>, state: Rc<State>) {
    let mut received = vec![0; 256 << 10];
    let mut filled = 0;
    while caller.stream.readable().await.is_ok() {
        match caller.stream.try_read(&mut received[filled..]) {
            Ok(0) => return,
            Ok(n) => filled += n,
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        let Some((status, length)) = parse(&received[..filled]) else { continue };
        if filled < length {
            continue;
        }
        filled = 0;
        let Some(asked) = caller.asked.borrow_mut().take() else { return };
        let answer = Took {
            due: asked.due.saturating_duration_since(state.begins.borrow()[asked.phase]),
            took: asked.due.elapsed(),
        };
        let mut seen = state.seen.borrow_mut();
        match status {
            200 => seen[asked.phase].good.push(answer),
            503 => seen[asked.phase].shed.push(answer),
            _ => {}
        }
        drop(seen);
        state.idle.borrow_mut().push_back(Rc::clone(&caller));
    }
}

/// The status of an answer and its length in bytes.
fn parse(bytes: &[u8]) -> Option<(u16, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    Some((status, end + length))
}
