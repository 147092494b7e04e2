//! Bytes that no honest client sends, with the answers they get.

use std::time::Duration;

use crate::support::running::{Client, Running, get, post, question};
use crate::support::{Shop, settings};

/// What is sent, and the statuses of the answers; none where the connection just ends.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    /// Whether the sender says that nothing more comes.
    finishes: bool,
    statuses: Vec<u16>,
}

fn case(name: &'static str, bytes: impl Into<Vec<u8>>, statuses: &[u16]) -> Case {
    Case { name, bytes: bytes.into(), finishes: false, statuses: statuses.to_vec() }
}

fn ended(name: &'static str, bytes: impl Into<Vec<u8>>, statuses: &[u16]) -> Case {
    Case { finishes: true, ..case(name, bytes, statuses) }
}

const BODY: &str = r#"{"k": 1}"#;

/// A question with these headers in place of its length, and this body.
fn with(headers: &str, body: &str) -> String {
    format!("POST /v1/recommend HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n\r\n{body}")
}

fn chunked(body: &str) -> String {
    with("transfer-encoding: chunked", body)
}

fn one_byte_chunks(n: usize) -> String {
    let inside: String = (0..n).map(|_| "1\r\n \r\n").collect();
    chunked(&format!("8\r\n{BODY}\r\n{inside}0\r\n\r\n"))
}

fn lengths() -> Vec<Case> {
    vec![
        case("the right length", with("content-length: 8", BODY), &[200]),
        ended("a length too long", with("content-length: 9", BODY), &[400]),
        case("a length too short leaves a broken next request", with("content-length: 7", BODY), &[400, 400]),
        case("a length of nothing", with("content-length: 0", ""), &[400]),
        case("no length at all", with("x: y", ""), &[400]),
        case("two equal lengths", with("content-length: 8\r\ncontent-length: 8", BODY), &[200]),
        case("two different lengths", with("content-length: 8\r\ncontent-length: 9", BODY), &[400]),
        case("a list of equal lengths", with("content-length: 8, 8", BODY), &[400]),
        case("a negative length", with("content-length: -8", BODY), &[400]),
        case("a length with a plus", with("content-length: +8", BODY), &[400]),
        case("a length in hex", with("content-length: 0x8", BODY), &[400]),
        case("a length with a point", with("content-length: 8.0", BODY), &[400]),
        case("a length of letters", with("content-length: eight", BODY), &[400]),
        case("an empty length", with("content-length:", BODY), &[400]),
        case("a length beyond 64 bits", with("content-length: 99999999999999999999", BODY), &[400]),
        case("a length near 2^64", with("content-length: 18446744073709551614", BODY), &[431]),
        case("a length beyond the limit", with("content-length: 65537", BODY), &[413]),
        case("a length of a gigabyte", with("content-length: 1073741824", BODY), &[413]),
    ]
}

fn chunks() -> Vec<Case> {
    vec![
        case("one chunk", chunked("8\r\n{\"k\": 1}\r\n0\r\n\r\n"), &[200]),
        case("two chunks", chunked("4\r\n{\"k\"\r\n4\r\n: 1}\r\n0\r\n\r\n"), &[200]),
        case("upper case and zeros", chunked("0008\r\n{\"k\": 1}\r\n000\r\n\r\n"), &[200]),
        case("an extension", chunked("8;a=b\r\n{\"k\": 1}\r\n0\r\n\r\n"), &[200]),
        case("trailers", chunked("8\r\n{\"k\": 1}\r\n0\r\nx-a: b\r\n\r\n"), &[200]),
        case("10,000 one-byte chunks", one_byte_chunks(10_000), &[200]),
        case("3 MB of one-byte chunks", one_byte_chunks(500_000), &[413]),
        case("no size", chunked("\r\n{}\r\n0\r\n\r\n"), &[400]),
        case("a size of letters", chunked("zz\r\n{}\r\n0\r\n\r\n"), &[400]),
        case("a negative size", chunked("-2\r\n{}\r\n0\r\n\r\n"), &[400]),
        case("a size with 0x", chunked("0x8\r\n{\"k\": 1}\r\n0\r\n\r\n"), &[400]),
        case("a size beyond 64 bits", chunked("fffffffffffffffff\r\n{}\r\n0\r\n\r\n"), &[400]),
        case("a size of the whole memory", chunked("ffffffffffffff00\r\n{}"), &[408]),
        case("a chunk longer than its size", chunked("2\r\n{\"k\": 1}\r\n0\r\n\r\n"), &[400]),
        case("a bare line feed after the size", chunked("8\n{\"k\": 1}\r\n0\r\n\r\n"), &[400]),
        case("a bare return after the size", chunked("8\r{\"k\": 1}\r\n0\r\n\r\n"), &[400]),
        case("a NUL in the size", chunked("8\0\r\n{\"k\": 1}\r\n0\r\n\r\n"), &[400]),
        case(
            "an endless extension",
            chunked(&format!("8;{}\r\n{{\"k\": 1}}\r\n0\r\n\r\n", "a".repeat(100_000))),
            &[400],
        ),
        case(
            "endless trailers",
            chunked(&format!("8\r\n{{\"k\": 1}}\r\n0\r\nx: {}\r\n\r\n", "a".repeat(100_000))),
            &[400],
        ),
        ended("an end in the middle", chunked("8\r\n{\"k\""), &[400]),
        ended("no last chunk", chunked("8\r\n{\"k\": 1}\r\n"), &[400]),
        case("chunks beyond the limit", chunked(&format!("10001\r\n{}\r\n0\r\n\r\n", " ".repeat(65_537))), &[413]),
    ]
}

/// In each of these something behind a first request tries to pass as a second one. None is ever
/// read as one after a body in chunks.
fn smuggling() -> Vec<Case> {
    let hidden = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
    let both = |first: &str, second: &str| with(&format!("{first}\r\n{second}"), &format!("0\r\n\r\n{hidden}"));
    vec![
        case("length, then chunks", both("content-length: 6", "transfer-encoding: chunked"), &[400]),
        case("chunks, then length", both("transfer-encoding: chunked", "content-length: 6"), &[400]),
        case("chunks and a hidden request", chunked(&format!("8\r\n{BODY}\r\n0\r\n\r\n{hidden}")), &[200]),
        case("chunks not last", with("transfer-encoding: chunked, identity", hidden), &[400]),
        case("an unknown encoding", with("transfer-encoding: xchunked", hidden), &[400]),
        case(
            "an encoding with a tab",
            with("transfer-encoding:\tchunked", &format!("8\r\n{BODY}\r\n0\r\n\r\n{hidden}")),
            &[200],
        ),
        case("a space before the colon", with("transfer-encoding : chunked", hidden), &[400]),
        case("a folded header", with("transfer-encoding:\r\n chunked", hidden), &[400]),
        case("two encodings", with("transfer-encoding: chunked\r\ntransfer-encoding: identity", hidden), &[400]),
        case("chunks in HTTP/1.0", chunked("0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"), &[400]),
        case("an encoding with a NUL", with("transfer-encoding: chunked\0", hidden), &[400]),
        case(
            "a length with a line feed",
            with("content-length: 8\ntransfer-encoding: chunked", &format!("8\r\n{BODY}\r\n0\r\n\r\n{hidden}")),
            &[200],
        ),
    ]
}

fn lines_and_headers() -> Vec<Case> {
    let get = |line: &str| format!("{line}\r\nhost: x\r\nconnection: close\r\n\r\n");
    let headers = |n: usize| {
        let all: String = (0..n).map(|i| format!("x-{i}: y\r\n")).collect();
        format!("GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{all}\r\n")
    };
    vec![
        case("a plain request", get("GET /health/live HTTP/1.1"), &[200]),
        case("empty lines before it", format!("\r\n\r\n{}", get("GET /health/live HTTP/1.1")), &[200]),
        case("a head request with a broken length", get("HEAD /health/live HTTP/1.1\r\ncontent-length: x"), &[400]),
        case("no method", get(" /health/live HTTP/1.1"), &[400]),
        case("no path", get("GET HTTP/1.1"), &[400]),
        case("no version", get("GET /health/live"), &[400]),
        case("another protocol", get("GET /health/live FTP/1.1"), &[400]),
        case("version 2 as text", get("GET /health/live HTTP/2.0"), &[400]),
        case("version 9", get("GET /health/live HTTP/9.9"), &[400]),
        case("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[]),
        case("a TLS hello", &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &[400]),
        case("an unknown method", get("BREW /health/live HTTP/1.1"), &[405]),
        case("a method in lower case", get("get /health/live HTTP/1.1"), &[405]),
        case("trace", get("TRACE /health/live HTTP/1.1"), &[405]),
        case("connect", get("CONNECT example.org:443 HTTP/1.1"), &[404]),
        case("a star", get("OPTIONS * HTTP/1.1"), &[404]),
        case("an absolute address", get("GET http://other/health/live HTTP/1.1"), &[200]),
        case("a NUL in the line", get("GET /health\0/live HTTP/1.1"), &[400]),
        case("a NUL in a header", get("GET /health/live HTTP/1.1\r\nx: a\0b"), &[400]),
        case("a bare return in a header", get("GET /health/live HTTP/1.1\r\nx: a\rb"), &[400]),
        case("a header without a colon", get("GET /health/live HTTP/1.1\r\nx"), &[400]),
        case("a header without a name", get("GET /health/live HTTP/1.1\r\n: y"), &[400]),
        case("a space in a name", get("GET /health/live HTTP/1.1\r\nx y: z"), &[400]),
        case(
            "bytes beyond ASCII in a value",
            [&b"GET /health/live HTTP/1.1\r\nconnection: close\r\nx: \xff\xfe\r\n\r\n"[..]].concat(),
            &[200],
        ),
        case("a line of 100 kB", get(&format!("GET /{} HTTP/1.1", "a".repeat(100_000))), &[431]),
        case("a header of 100 kB", get(&format!("GET /health/live HTTP/1.1\r\nx: {}", "a".repeat(100_000))), &[431]),
        case("90 headers", headers(90), &[200]),
        case("200 headers", headers(200), &[431]),
        case("10,000 headers", headers(10_000), &[431]),
        case("15 KiB of headers", get(&format!("GET /health/live HTTP/1.1\r\nx: {}", "a".repeat(15 << 10))), &[200]),
        case("17 KiB of headers", get(&format!("GET /health/live HTTP/1.1\r\nx: {}", "a".repeat(17 << 10))), &[431]),
        case("an upgrade", get("GET /health/live HTTP/1.1\r\nupgrade: h2c"), &[200]),
        case("a continuation that is too long", with("content-length: 99999\r\nexpect: 100-continue", ""), &[413]),
        ended("nothing at all", "", &[]),
        ended("half a line", "GET /hea", &[]),
        ended("half the headers", "GET /health/live HTTP/1.1\r\nhost: x\r\n", &[]),
        case("noise", (0..=255u8).collect::<Vec<u8>>(), &[400]),
        case("only line ends", "\r\n".repeat(40_000), &[431]),
    ]
}

fn pipelines() -> Vec<Case> {
    let many: Vec<u8> = (0..500).flat_map(|_| question()).collect();
    let mixed = [question(), post("/v1/recommend", "{"), post("/nowhere", "{}"), question()].concat();
    vec![
        case("500 requests at once", many, &[200; 500]),
        case("good and bad ones in their order", mixed, &[200, 400, 404, 200]),
        case(
            "nothing after a closing one",
            [with("connection: close\r\ncontent-length: 8", BODY).into_bytes(), question()].concat(),
            &[200],
        ),
        case(
            "nothing after a body that is too long",
            [with("content-length: 70000", BODY).into_bytes(), question()].concat(),
            &[413],
        ),
        case("a continuation", with("content-length: 8\r\nexpect: 100-continue", BODY), &[100, 200]),
    ]
}

#[test]
fn every_case_gets_its_answers_and_the_server_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    Shop::default().publish(&folder.path().join("shop"));
    let mut settings = settings(folder.path());
    settings.limits.header_time = Duration::from_millis(700);
    settings.limits.idle_time = Duration::from_millis(700);
    settings.limits.body_time = Duration::from_millis(1_500);
    let server = Running::start(settings);
    let cases: Vec<Case> =
        [lengths(), chunks(), smuggling(), lines_and_headers(), pipelines()].into_iter().flatten().collect();
    assert!(cases.len() >= 60, "{}", cases.len());
    let path = folder.path().to_str().unwrap();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = cases
            .iter()
            .map(|case| {
                scope.spawn(|| {
                    let mut client = Client::connect(server.address);
                    let mut writer = client.stream.try_clone().unwrap();
                    // The server may answer and close before it has read everything.
                    let sending = std::thread::spawn({
                        let (bytes, finishes) = (case.bytes.clone(), case.finishes);
                        move || {
                            let sent = std::io::Write::write_all(&mut writer, &bytes);
                            if finishes && sent.is_ok() {
                                let _ = writer.shutdown(std::net::Shutdown::Write);
                            }
                        }
                    });
                    let answers = client.answers();
                    drop(client);
                    sending.join().unwrap();
                    for answer in &answers {
                        assert!(!answer.body.contains(path) && !answer.body.contains("src/"), "{answer:?}");
                    }
                    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
                    (statuses != case.statuses)
                        .then(|| format!("{}: {statuses:?}, expected {:?}", case.name, case.statuses))
                })
            })
            .collect();
        clients.into_iter().filter_map(|client| client.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(get(server.address, "/health/ready").0, 200);
    assert_eq!(server.stop().cut_off, 0);
}
