use std::time::{Duration, Instant};

use crate::resident_mib;
use crate::support::running::{Client, Running, get, post};
use crate::support::{Shop, settings};

/// What clients saw that asked without pause.
struct Seen {
    good: usize,
    shed: usize,
    took: Duration,
}

impl Seen {
    fn per_second(&self) -> f64 {
        self.good as f64 / self.took.as_secs_f64()
    }
}

/// A question that takes a while.
fn heavy() -> Vec<u8> {
    post("/v1/recommend", r#"{"items": ["item-03", "item-13", "item-23"], "k": 1000, "explain": true}"#)
}

/// `n_clients` connections, each with one question under way, driven by one thread for a time.
fn load(server: &Running, n_clients: usize, time: Duration) -> Seen {
    let mut clients: Vec<Client> = (0..n_clients).map(|_| Client::connect(server.address)).collect();
    let question = heavy();
    let began = Instant::now();
    let mut seen = Seen { good: 0, shed: 0, took: Duration::ZERO };
    while began.elapsed() < time {
        for client in &mut clients {
            client.send(&question);
        }
        for client in &mut clients {
            let answer = client.answer().unwrap();
            match answer.status {
                200 => seen.good += 1,
                503 => {
                    assert!(
                        answer.body.contains("\"overloaded\"") && answer.header("retry-after") == "1",
                        "{answer:?}"
                    );
                    assert!(!answer.closes(), "the connection may be used again");
                    seen.shed += 1;
                }
                _ => panic!("{answer:?}"),
            }
        }
    }
    seen.took = began.elapsed();
    seen
}

#[test]
fn more_than_it_can_do_is_sent_away_and_the_rest_is_done() {
    let folder = tempfile::tempdir().unwrap();
    Shop::default().publish(&folder.path().join("shop"));
    let mut settings = settings(folder.path());
    settings.limits.in_flight = 8;
    // Whoever has to wait has waited for too long, so refusals begin with the ninth request.
    settings.limits.queue_time = Duration::ZERO;
    settings.admin_listen = Some(([127, 0, 0, 1], 0).into());
    let server = Running::start(settings);
    let time = Duration::from_millis(1_500);
    let normal = load(&server, 8, time);
    assert_eq!(normal.shed, 0, "as many as may be under way");
    let memory = resident_mib();
    let flood = load(&server, 40, time);
    assert!(flood.shed > 0, "five times as many are not all answered");
    // Clients and server share the cores here, and every request that is sent away costs them, too.
    let ratio = flood.per_second() / normal.per_second();
    assert!(
        ratio > 0.5,
        "{:.0} a second under five times the load, {:.0} before",
        flood.per_second(),
        normal.per_second()
    );
    let after = load(&server, 8, time / 3);
    assert_eq!(after.shed, 0, "it recovers at once");
    if let (Some(before), Some(after)) = (memory, resident_mib()) {
        assert!(after - before < 32.0, "memory grew from {before} to {after} MiB");
    }
    let text = get(server.admin.unwrap(), "/metrics").1;
    assert!(text.contains(&format!("sidecart_shed_total {}\n", flood.shed)), "{text}");
    assert!(text.contains("sidecart_in_flight 0\n"));
    assert_eq!(server.stop().cut_off, 0);
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    Shop::default().publish(&folder.path().join("shop"));
    let mut settings = settings(folder.path());
    settings.limits.connections = 3;
    let server = Running::start(settings);
    // Connections of the readiness checks may take a moment to end.
    std::thread::sleep(Duration::from_millis(100));
    let mut first: Vec<Client> = (0..3).map(|_| Client::connect(server.address)).collect();
    for client in &mut first {
        client.send(&heavy());
        assert_eq!(client.answer().unwrap().status, 200);
    }
    let mut fourth = Client::connect(server.address);
    fourth.send(&heavy());
    fourth.stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut byte = [0];
    assert!(std::io::Read::read(&mut fourth.stream, &mut byte).is_err(), "no answer yet");
    fourth.stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    first.pop();
    assert_eq!(fourth.answer().unwrap().status, 200);
    drop((first, fourth));
    assert_eq!(server.stop().cut_off, 0);
}
