use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::running::{Client, Running, get, question};
use crate::support::{Shop, settings};

/// Clients ask without pause while the server is told to stop. A client that is told `connection:
/// close` leaves; until then every request it sends has to be answered.
fn stop_under_load(folder: &std::path::Path) -> u64 {
    let mut settings = settings(folder);
    settings.limits.linger_time = Duration::from_millis(60);
    settings.limits.in_flight = 1_000;
    let mut server = Running::start(settings);
    let address = server.address;
    let n_answers = AtomicU64::new(0);
    let told = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for i in 0..4 {
            let (n_answers, told) = (&n_answers, &told);
            scope.spawn(move || {
                let mut client = Client::connect(address);
                for n in 0.. {
                    // Half of the clients connect anew for every request.
                    if i % 2 == 1 && n > 0 {
                        match Client::try_connect(address) {
                            Ok(fresh) => client = fresh,
                            Err(_) => {
                                assert!(told.load(Ordering::Relaxed));
                                return;
                            }
                        }
                    }
                    client.send(&question());
                    let answer = client.answer().expect("no request is lost");
                    assert_eq!(answer.status, 200, "{answer:?}");
                    n_answers.fetch_add(1, Ordering::Relaxed);
                    if answer.closes() {
                        return;
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_millis(30));
        told.store(true, Ordering::Relaxed);
        server.signal();
    });
    assert_eq!(server.stop().cut_off, 0);
    n_answers.into_inner()
}

#[test]
fn no_request_is_lost_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    Shop::default().publish(&folder.path().join("shop"));
    let n_answers: u64 = (0..25).map(|_| stop_under_load(folder.path())).sum();
    assert!(n_answers > 100, "{n_answers}");
}

#[test]
fn it_says_that_it_is_no_longer_ready_and_waits_for_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    Shop::default().publish(&folder.path().join("shop"));
    let mut settings = settings(folder.path());
    settings.limits.linger_time = Duration::from_millis(500);
    let mut server = Running::start(settings);
    let mut idle = Client::connect(server.address);
    idle.send(&question());
    assert!(!idle.answer().unwrap().closes());
    let mut slow = Client::connect(server.address);
    slow.send(
        b"POST /v1/recommend HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{\"k\"",
    );
    std::thread::sleep(Duration::from_millis(50));
    let address = server.address;
    server.signal();
    std::thread::sleep(Duration::from_millis(100));
    let (status, body) = get(address, "/health/ready");
    assert!(status == 503 && body.contains("about to stop"), "{status} {body}");
    assert_eq!(get(address, "/health/live").0, 200);
    std::thread::sleep(Duration::from_millis(700));
    assert!(Client::try_connect(address).is_err(), "no longer taken");
    assert!(idle.answer().is_none(), "an idle connection ends");
    slow.send(b": 1}");
    let answer = slow.answer().unwrap();
    assert!(answer.status == 200 && answer.closes(), "{answer:?}");
    assert_eq!(server.stop().cut_off, 0);
}

#[test]
fn it_does_not_wait_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    Shop::default().publish(&folder.path().join("shop"));
    let mut settings = settings(folder.path());
    (settings.limits.linger_time, settings.limits.drain_time) = (Duration::ZERO, Duration::from_millis(300));
    let mut server = Running::start(settings);
    let mut stuck = Client::connect(server.address);
    stuck.send(
        b"POST /v1/recommend HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{",
    );
    std::thread::sleep(Duration::from_millis(50));
    let began = Instant::now();
    server.signal();
    assert_eq!(server.stop().cut_off, 1);
    assert!(began.elapsed() < Duration::from_secs(5));
}
