//! Very many slow peers at once, beside callers that want their answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sidecart_http::Settings;
use tokio::net::TcpSocket;

use crate::support::Shop;
use crate::support::open_loop::{Phase, Seen, Target, offer, quantile};
use crate::support::process::{ServerProcess, role, serve};
use crate::support::running::{post, question};

/// What slow peers do slowly.
#[derive(Clone, Copy)]
enum Slowly {
    SendHeaders,
    SendBody,
    TakeAnswers,
}

const KINDS: [Slowly; 3] = [Slowly::SendHeaders, Slowly::SendBody, Slowly::TakeAnswers];

/// Connections that the good callers keep.
const N_CALLERS: usize = 200;

/// How large an attack is.
struct Attack {
    peers_of_each_kind: usize,
    /// Between two bytes.
    pace: Duration,
    time: Duration,
    /// Good requests a second.
    per_second: f64,
}

/// What was told of it all.
struct Told {
    connected: AtomicUsize,
    cut_off: AtomicUsize,
    over: AtomicBool,
}

/// Fails with advice where this process may not open so many files.
fn check_files(needed: usize) {
    let Ok(limits) = std::fs::read_to_string("/proc/self/limits") else { return };
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next());
    if let Some(limit) = limit.and_then(|limit| limit.parse::<usize>().ok()) {
        assert!(
            limit >= needed,
            "this test needs {needed} open files and may have {limit}: run `ulimit -n {needed}` first"
        );
    }
}

/// One slow peer; cut off, it comes again.
async fn slow_peer(address: SocketAddr, slowly: Slowly, pace: Duration, told: Arc<Told>) {
    let head = "POST /v1/recommend HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let begin = match slowly {
        Slowly::SendHeaders => b"GET /health/live HTTP/1.1\r\nx: ".to_vec(),
        Slowly::SendBody => format!("{head}content-length: 60000\r\n\r\n{{").into_bytes(),
        Slowly::TakeAnswers => post("/v1/recommend", r#"{"k": 1000, "explain": true}"#).repeat(40),
    };
    while !told.over.load(Ordering::Relaxed) {
        let socket = TcpSocket::new_v4().unwrap();
        if matches!(slowly, Slowly::TakeAnswers) {
            socket.set_recv_buffer_size(4_096).unwrap();
        }
        let Ok(stream) = socket.connect(address).await else {
            tokio::time::sleep(pace).await;
            continue;
        };
        told.connected.fetch_add(1, Ordering::Relaxed);
        if stream.writable().await.is_ok() {
            // What does not fit is not sent: one that takes no answers need not ask for more.
            let _ = stream.try_write(&begin);
        }
        while !told.over.load(Ordering::Relaxed) {
            tokio::time::sleep(pace).await;
            let lives = |result: std::io::Result<usize>| match result {
                Ok(n) => n > 0,
                Err(e) => e.kind() == std::io::ErrorKind::WouldBlock,
            };
            let sends = matches!(slowly, Slowly::TakeAnswers) || lives(stream.try_write(b"a"));
            if !sends || !lives(stream.try_read(&mut [0])) {
                break;
            }
        }
        told.connected.fetch_sub(1, Ordering::Relaxed);
        told.cut_off.fetch_add(1, Ordering::Relaxed);
    }
}

/// Good traffic alone, and then beside the attack.
fn withstand(test: &str, attack: &Attack) -> (Seen, Seen) {
    let n_peers = attack.peers_of_each_kind * KINDS.len();
    check_files(n_peers + N_CALLERS + 200);
    let folder = tempfile::tempdir().unwrap();
    Shop::default().publish(&folder.path().join("shop"));
    let server = ServerProcess::start(test, folder.path());
    let questions = [question()];
    let target = Target { address: server.address, threads: "in another process" };
    let phase = |time| Phase { per_second: attack.per_second, time };
    let warm_up = attack.time / 10;
    let measure = || offer(target, &questions, N_CALLERS, &[phase(warm_up), phase(attack.time)]).remove(1);
    let quiet = measure();

    let told =
        Arc::new(Told { connected: AtomicUsize::new(0), cut_off: AtomicUsize::new(0), over: AtomicBool::new(false) });
    let attacker = std::thread::spawn({
        let (told, address, pace) = (Arc::clone(&told), server.address, attack.pace);
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut peers = tokio::task::JoinSet::new();
                for at in 0..n_peers {
                    peers.spawn(slow_peer(address, KINDS[at % KINDS.len()], pace, Arc::clone(&told)));
                    if at % 50 == 49 {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
                peers.join_all().await
            });
        }
    });
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let began = Instant::now();
        while told.connected.load(Ordering::Relaxed) < n_peers * 9 / 10 {
            assert!(began.elapsed() < Duration::from_secs(60), "the attack does not begin");
            std::thread::sleep(Duration::from_millis(10));
        }
        let beside = measure();
        let open = server.metric("sidecart_open_connections");
        assert!(open > n_peers as f64 * 0.8, "{open} connections are open, {n_peers} attack");
        beside
    }));
    told.over.store(true, Ordering::Relaxed);
    attacker.join().unwrap();
    let beside = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let cut_off = told.cut_off.load(Ordering::Relaxed);
    assert!(cut_off > 0, "slow peers are cut off");
    for seen in [&quiet, &beside] {
        let n_sent = seen.n_due - seen.n_unsent;
        assert_eq!((seen.n_failed, seen.shed.len()), (0, 0), "of {n_sent}, beside {n_peers} slow peers");
    }
    eprintln!(
        "{n_peers} slow peers, {cut_off} times cut off, {:.0?}: {} good answers, p50 {:?}, p99 {:?}; without them p50 \
         {:?}, p99 {:?}; not sent in time {} and {}",
        attack.time,
        beside.good.len(),
        quantile(&beside.good, 0.5),
        quantile(&beside.good, 0.99),
        quantile(&quiet.good, 0.5),
        quantile(&quiet.good, 0.99),
        beside.n_unsent,
        quiet.n_unsent
    );
    (quiet, beside)
}

/// Each limit is over within the attack.
fn impatient(settings: &mut Settings) {
    let second = Duration::from_secs(1);
    let limits = &mut settings.limits;
    (limits.header_time, limits.body_time, limits.write_time) = (second, second, second);
}

#[test]
fn three_hundred_slow_peers_fail_no_request() {
    if let Some(folder) = role("serve") {
        serve(&folder, impatient);
    }
    let attack = Attack {
        peers_of_each_kind: 100,
        pace: Duration::from_millis(100),
        time: Duration::from_secs(3),
        per_second: 500.0,
    };
    let (quiet, beside) = withstand("attack::three_hundred_slow_peers_fail_no_request", &attack);
    // Machines with other work have moments of their own, half of all answers do not meet them.
    let (usual, slowest) = (quantile(&quiet.good, 0.5), quantile(&beside.good, 0.5));
    assert!(slowest < 4 * usual + Duration::from_millis(10), "half of the answers take {slowest:?}, {usual:?} before");
}

/// `ulimit -n 4096; cargo test --release -p sidecart-http --test sockets -- --ignored --nocapture three_thousand`
#[test]
#[ignore = "takes two minutes, and a quiet machine"]
fn three_thousand_slow_peers_do_not_hold_up_others() {
    if let Some(folder) = role("serve") {
        serve(&folder, |_| {});
    }
    let attack = Attack {
        peers_of_each_kind: 1_000,
        pace: Duration::from_secs(1),
        time: Duration::from_secs(60),
        per_second: 2_000.0,
    };
    let (quiet, beside) = withstand("attack::three_thousand_slow_peers_do_not_hold_up_others", &attack);
    let (usual, slow) = (quantile(&quiet.good, 0.99), quantile(&beside.good, 0.99));
    assert!(slow < 2 * usual, "99 of 100 answers took {slow:?} at most, {usual:?} without slow peers");
    assert!(beside.n_unsent * 1_000 <= beside.n_due, "{} of {} could not be sent", beside.n_unsent, beside.n_due);
}
