//! How often the server allocates for a request, from the first byte read to the last one written, on
//! a connection that stays open.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and tells its figures")]
#![allow(unsafe_code, reason = "a counting allocator has to implement an unsafe trait")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::BodyExt;
use sidecart_http::Server;
use support::running::post;
use support::{Shop, settings};

/// More allocations than a bare handler's, at most: names and values of the body, the answer, its
/// headers.
const MOST_OF_RECOMMEND: f64 = 3.0;
const MOST_OF_OFFERS: f64 = 6.0;

struct Counting;

thread_local! {
    /// Whether this thread answers requests.
    static IS_SERVER: Cell<bool> = const { Cell::new(false) };
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

fn count(bytes: usize) {
    // While a thread ends there is nothing to count.
    if IS_SERVER.try_with(Cell::get).unwrap_or(false) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

// SAFETY: every call is passed on unchanged to the system allocator, which keeps the contract; what is
// counted lies in statics and in a thread-local cell whose initialiser does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` by way of this allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the pointer came from `System` by way of this allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Asks once and waits for the whole answer.
fn ask(stream: &mut TcpStream, request: &[u8], received: &mut [u8]) -> usize {
    stream.write_all(request).unwrap();
    let mut filled = 0;
    loop {
        let n = stream.read(&mut received[filled..]).unwrap();
        assert!(n > 0, "the server closed the connection");
        filled += n;
        let text = std::str::from_utf8(&received[..filled]).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        assert!(head.starts_with("HTTP/1.1 200"), "{text}");
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        if body.len() == length {
            return length;
        }
    }
}

const N: u64 = 2_000;

/// Allocations and bytes of one request, once everything is warm.
fn measure(address: SocketAddr, request: &[u8]) -> (f64, f64) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut received = vec![0; 64 << 10];
    for _ in 0..200 {
        ask(&mut stream, request, &mut received);
    }
    let before = (ALLOCATIONS.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
    for _ in 0..N {
        ask(&mut stream, request, &mut received);
    }
    let n = (ALLOCATIONS.load(Ordering::Relaxed) - before.0) as f64 / N as f64;
    (n, (BYTES.load(Ordering::Relaxed) - before.1) as f64 / N as f64)
}

/// A runtime whose only worker is counted.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(|| IS_SERVER.set(true))
        .enable_all()
        .build()
        .unwrap()
}

/// A handler on the same HTTP code that reads the body and gives back a fixed answer.
async fn bare(listener: tokio::net::TcpListener) {
    let handler = |request: axum::extract::Request| async move {
        let read = request.into_body().collect().await.unwrap().to_bytes();
        std::hint::black_box(read);
        let answer = axum::http::Response::builder().header("content-type", "application/json");
        answer.body(axum::body::Body::from("x".repeat(1_000))).unwrap()
    };
    let router = axum::Router::new().route("/v1/recommend", axum::routing::post(handler));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let mut router = router.clone();
            async move { tower_service::Service::call(&mut router, request).await }
        });
        tokio::spawn(async move {
            let stream = hyper_util::rt::TokioIo::new(stream);
            // A client that leaves ends the connection.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
        });
    }
}

#[test]
fn a_request_allocates_a_bounded_number_of_times() {
    let folder = tempfile::tempdir().unwrap();
    Shop::default().publish(&folder.path().join("shop"));
    let mut settings = settings(folder.path());
    settings.watch_interval = std::time::Duration::from_secs(3_600);
    let runtime = runtime();
    let (address, bare_address) = runtime.block_on(async {
        let server = Server::bind(settings).await.unwrap();
        let address = server.address();
        tokio::spawn(server.run(std::future::pending()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bare_address = listener.local_addr().unwrap();
        tokio::spawn(bare(listener));
        (address, bare_address)
    });
    while support::running::get(address, "/health/ready").0 != 200 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let items: Vec<String> = (0..20).map(|item| format!("\"item-{item:02}\"")).collect();
    let three = r#"{"items": ["item-03", "item-11", "item-29"], "k": 3}"#;
    let twenty = format!(r#"{{"items": [{}], "k": 20}}"#, items.join(", "));
    let known = r#"{"items": ["item-03"], "customer_id": "anna"}"#;
    let (n_bare, bytes) = measure(bare_address, &post("/v1/recommend", three));
    eprintln!("a bare handler: {n_bare:.2} allocations, {bytes:.0} bytes a request");
    for (name, request, most) in [
        ("/v1/recommend, 3 items, k 3", post("/v1/recommend", three), MOST_OF_RECOMMEND),
        ("/v1/recommend, 20 items, k 20", post("/v1/recommend", &twenty), MOST_OF_RECOMMEND + 4.0),
        ("/v1/recommend, known customer", post("/v1/recommend", known), MOST_OF_RECOMMEND),
        ("/v1/offers, 3 items, k 3", post("/v1/offers", three), MOST_OF_OFFERS),
    ] {
        let (n, bytes) = measure(address, &request);
        eprintln!("{name}: {n:.2} allocations ({:+.2}), {bytes:.0} bytes a request", n - n_bare);
        assert!(n > 0.0 && n - n_bare <= most, "{name}: {:.2} more than a bare handler, at most {most}", n - n_bare);
    }
    runtime.shutdown_background();
}
