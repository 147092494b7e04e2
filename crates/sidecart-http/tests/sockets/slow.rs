//! Peers that send and take bytes one by one, beside others that do not.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::support::running::{Client, Running, post, question};
use crate::support::{Shop, settings};

const LIMIT: Duration = Duration::from_millis(600);

fn server(folder: &std::path::Path) -> Running {
    Shop::default().publish(&folder.join("shop"));
    let mut settings = settings(folder);
    let limits = &mut settings.limits;
    limits.in_flight = 1_000;
    (limits.header_time, limits.body_time, limits.write_time, limits.idle_time) = (LIMIT, LIMIT, LIMIT, 3 * LIMIT);
    Running::start(settings)
}

/// Sends a piece every tenth of the limit until the server has had enough; how long that took.
fn drip(client: &mut Client, piece: &[u8]) -> Duration {
    let began = Instant::now();
    client.stream.set_read_timeout(Some(LIMIT / 10)).unwrap();
    loop {
        let _ = client.stream.write_all(piece);
        match client.stream.read(&mut [0; 1024]) {
            Ok(0) => return began.elapsed(),
            Ok(_) => {}
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return began.elapsed(),
        }
        assert!(began.elapsed() < 20 * LIMIT, "the server waits for ever");
    }
}

fn is_about(took: Duration, limit: Duration) -> bool {
    (limit / 2..limit + Duration::from_secs(3)).contains(&took)
}

#[test]
fn each_kind_of_slowness_ends_at_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let took = drip(&mut Client::connect(server.address), b"");
            assert!(is_about(took, LIMIT), "a connection without a byte: {took:?}");
        });
        scope.spawn(|| {
            let mut client = Client::connect(server.address);
            client.send(b"GET /health/live HTTP/1.1\r\n");
            let took = drip(&mut client, b"x: y\r\n");
            assert!(is_about(took, LIMIT), "headers without end: {took:?}");
        });
        scope.spawn(|| {
            let mut client = Client::connect(server.address);
            client.send(b"POST /v1/recommend HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n");
            let began = Instant::now();
            client.send(b"{");
            let answer = client.answer().unwrap();
            assert_eq!(answer.status, 408, "{answer:?}");
            assert!(answer.body.contains("body_timeout") && answer.closes(), "{answer:?}");
            assert!(is_about(began.elapsed(), LIMIT), "a body without end: {:?}", began.elapsed());
        });
        scope.spawn(|| {
            let mut client = Client::connect(server.address);
            client.send(&question());
            assert_eq!(client.answer().unwrap().status, 200);
            let took = drip(&mut client, b"");
            assert!(is_about(took, 3 * LIMIT), "between requests there is more time: {took:?}");
        });
        scope.spawn(|| {
            let mut client = Client::connect(server.address);
            client.send(&question());
            assert_eq!(client.answer().unwrap().status, 200);
            client.send(b"GET /health/live HTTP/1.1\r\n");
            let took = drip(&mut client, b"x: y\r\n");
            assert!(is_about(took, LIMIT), "the headers of a second request: {took:?}");
        });
        scope.spawn(|| {
            let mut client = Client::connect(server.address);
            let body = post("/v1/recommend", r#"{"k": 1000, "explain": true}"#);
            let began = Instant::now();
            // Nothing of the answers is read, so writing to the server stalls in the end.
            client.stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
            while began.elapsed() < 40 * LIMIT {
                match client.stream.write_all(&body) {
                    Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
                    Err(_) => return,
                    Ok(()) => {}
                }
            }
            panic!("the server waits for ever");
        });
    });
    assert_eq!(server.stop().cut_off, 0);
}

#[test]
fn slow_peers_do_not_hold_up_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());
    let mut slow: Vec<Client> = (0..150).map(|_| Client::connect(server.address)).collect();
    for (i, client) in slow.iter_mut().enumerate() {
        match i % 3 {
            0 => client.send(b"GET /health/live HTTP/1.1\r\nx"),
            1 => client.send(b"POST /v1/recommend HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n{"),
            _ => client.send(&question().repeat(20)),
        }
    }
    let mut good = Client::connect(server.address);
    let began = Instant::now();
    for _ in 0..300 {
        good.send(&question());
        assert_eq!(good.answer().unwrap().status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "300 requests took {:?}", began.elapsed());
    drop(slow);
    assert_eq!(server.stop().cut_off, 0);
}
