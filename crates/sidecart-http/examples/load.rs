//! Requests a second of `POST /v1/recommend` beside a bare handler, and the time of scoring alone:
//! `cargo run --release -p sidecart-http --example load -- MODELS_DIR [SECONDS] [CONNECTIONS] [USING]`
//!
//! Three items in the basket, 20 offers. The bare handler reads the body and gives back an answer of
//! the same size, on the same HTTP code and with as many threads. All is measured in one run on one
//! machine, clients included, so the ratio is what counts.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example prints, and fails by panicking")]

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sidecart_core::{ItemId, Rng, Time};
use sidecart_http::{Retry, Server, Settings};
use sidecart_serve::{Query, Scorer, Source};

const K: usize = 20;
const N_BASKETS: usize = 512;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let models = args.first().ok_or("give a folder of models")?;
    let time = Duration::from_secs_f64(args.get(1).map_or(Ok(3.0), |text| text.parse())?);
    let n_connections: usize = args.get(2).map_or(Ok(4), |text| text.parse())?;
    let using = args.get(3).map_or("default", String::as_str);
    let source = Source::NAMES.iter().find(|(name, _)| *name == using).ok_or("no such part")?.1;

    let folder = std::fs::read_dir(models)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.join("CURRENT").exists())
        .ok_or("no model in the folder")?;
    let scorer = Scorer::open(&folder)?;
    let baskets = baskets(&scorer);
    let t_score = score(&scorer, &baskets, source, time / 3);
    let requests: Vec<Vec<u8>> = baskets.iter().map(|basket| request(&scorer, basket, using)).collect();
    drop(scorer);

    let server = start(Path::new(models));
    let sample = Client::connect(server).ask(&requests[0]).len();
    let bare = start_bare("x".repeat(sample));
    let warm = time / 6;
    closed_loop(bare, &requests, n_connections, warm);
    closed_loop(server, &requests, n_connections, warm);
    let (bare_rate, bare_cpu) = with_cpu(BARE, || closed_loop(bare, &requests, n_connections, time));
    let (rate, cpu) = with_cpu(SERVER, || closed_loop(server, &requests, n_connections, time));
    let (bare_again, bare_cpu_again) = with_cpu(BARE, || closed_loop(bare, &requests, n_connections, time));
    let t_bare = 2.0 / (bare_rate + bare_again);
    let threads = std::thread::available_parallelism()?.get() as f64;
    // Scoring runs on every core at once, so its share of a request's time is divided among them.
    let expected = 0.85 * t_bare / (t_bare + t_score / threads);
    let ratio = rate * t_bare;
    println!(
        "using {using}, {n_connections} connections, answers of {sample} bytes, {threads} cores for server and clients"
    );
    println!("t_score           {:8.1} us in process, one thread", 1e6 * t_score);
    println!("bare handler      {:8.0} requests/s ({bare_rate:.0} before, {bare_again:.0} after)", 1.0 / t_bare);
    println!("/v1/recommend     {rate:8.0} requests/s");
    println!(
        "ratio             {ratio:8.3}; .85 x t_bare / (t_bare + t_score / cores) = {expected:.3}: {}",
        verdict(ratio >= expected)
    );
    if let (Some(bare), Some(again), Some(ours)) = (bare_cpu, bare_cpu_again, cpu) {
        // On a machine with other work the time on the core says more than the time on the wall.
        let bare = (bare + again) / (time.as_secs_f64() * (bare_rate + bare_again));
        let ours = ours / (time.as_secs_f64() * rate);
        let expected = 0.85 * bare / (bare + t_score);
        println!("on the core       {:8.1} us a request, bare {:.1} us", 1e6 * ours, 1e6 * bare);
        println!(
            "ratio             {:8.3}; .85 x bare / (bare + t_score) = {expected:.3}: {}",
            bare / ours,
            verdict(bare / ours >= expected)
        );
    }
    let mut times = open_loop(server, &requests, n_connections, rate / 2.0, time);
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("at half that load p50 {:?}, p99 {:?}, {} requests", at(0.5), at(0.99), times.len());
    Ok(())
}

fn verdict(holds: bool) -> &'static str {
    if holds { "held" } else { "missed" }
}

/// Baskets of three items, popular ones more often.
fn baskets(scorer: &Scorer) -> Vec<[ItemId; 3]> {
    let popular = scorer.model().popular();
    let mut rng = Rng::new(1, 1);
    let mut draw = || {
        let at = (popular.len() as f64 * rng.unit().powi(3)) as usize;
        ItemId(popular[at.min(popular.len() - 1)])
    };
    (0..N_BASKETS).map(|_| [draw(), draw(), draw()]).collect()
}

/// Seconds of one query, after one round to warm up.
fn score(scorer: &Scorer, baskets: &[[ItemId; 3]], using: Source, time: Duration) -> f64 {
    let mut scratch = scorer.scratch();
    let asked = Time(scorer.trained_through().0 + 1);
    let mut round = || {
        for basket in baskets {
            let query = Query { basket, k: K, time: asked, using, ..Query::default() };
            std::hint::black_box(scorer.recommend(&query, &mut scratch).unwrap());
        }
    };
    round();
    let (began, mut n) = (Instant::now(), 0);
    while began.elapsed() < time {
        round();
        n += baskets.len();
    }
    began.elapsed().as_secs_f64() / n as f64
}

fn request(scorer: &Scorer, basket: &[ItemId; 3], using: &str) -> Vec<u8> {
    let ids = basket.map(|item| format!("\"{}\"", scorer.model().items().get(item.0)));
    let body = format!("{{\"items\": [{}], \"k\": {K}, \"using\": \"{using}\"}}", ids.join(", "));
    let head = "POST /v1/recommend HTTP/1.1\r\nhost: load\r\ncontent-type: application/json";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Names of the threads that answer.
const SERVER: &str = "load-server";
const BARE: &str = "load-bare";

fn runtime(name: &str) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().thread_name(name).enable_all().build().unwrap()
}

/// Seconds that the threads of a name have run, where the system tells.
fn cpu_seconds(name: &str) -> Option<f64> {
    let mut nanos = 0u64;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let path = task.ok()?.path();
        if std::fs::read_to_string(path.join("comm")).ok()?.trim() == name {
            nanos += std::fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok()?;
        }
    }
    Some(nanos as f64 / 1e9)
}

/// What `work` gives, and the seconds that the threads of a name ran meanwhile.
fn with_cpu(name: &str, work: impl FnOnce() -> f64) -> (f64, Option<f64>) {
    let before = cpu_seconds(name);
    let result = work();
    (result, before.zip(cpu_seconds(name)).map(|(before, after)| after - before))
}

/// Starts the server on threads that live as long as the process.
fn start(models: &Path) -> SocketAddr {
    let mut settings = Settings::new(models);
    settings.listen.set_port(0);
    settings.admin_listen = None;
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime(SERVER).block_on(async {
            let server = Server::bind(settings).await.unwrap();
            server.app().load_models(Retry::Now).unwrap();
            tell.send(server.address()).unwrap();
            // The thread that blocks here has another name and answers nothing.
            server.run(std::future::pending()).await;
        });
    });
    told.recv().unwrap()
}

/// Starts a server of one handler that reads the body and answers with `body`.
fn start_bare(body: String) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime(BARE).block_on(async {
            let body = Bytes::from(body);
            let handler = move |request: axum::extract::Request| {
                let body = body.clone();
                async move {
                    let read = request.into_body().collect().await.unwrap().to_bytes();
                    std::hint::black_box(read);
                    axum::http::Response::builder()
                        .header("content-type", "application/json")
                        .body(Body::from(body))
                        .unwrap()
                }
            };
            let router = axum::Router::new().route("/v1/recommend", axum::routing::post(handler));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let router = router.clone();
                let service = service_fn(move |request: hyper::Request<Incoming>| {
                    let mut router = router.clone();
                    async move {
                        let answer: Result<_, Infallible> = tower_service::Service::call(&mut router, request).await;
                        answer
                    }
                });
                tokio::spawn(async move {
                    // A client that leaves ends the connection.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    });
    told.recv().unwrap()
}

/// A connection that sends ready requests.
struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, received: vec![0; 64 << 10] }
    }

    /// The body of the answer, which has to be a good one.
    fn ask(&mut self, request: &[u8]) -> &[u8] {
        self.stream.write_all(request).unwrap();
        let mut filled = 0;
        loop {
            let n = self.stream.read(&mut self.received[filled..]).unwrap();
            assert!(n > 0, "the server closed the connection");
            filled += n;
            let bytes = &self.received[..filled];
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&bytes[..end]).unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            let length: usize =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
            if filled == end + 4 + length {
                return &self.received[end + 4..filled];
            }
        }
    }
}

/// Every connection asks without pause; requests a second.
fn closed_loop(address: SocketAddr, requests: &[Vec<u8>], n_connections: usize, time: Duration) -> f64 {
    let began = Instant::now();
    let n: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..n_connections)
            .map(|at| {
                scope.spawn(move || {
                    let mut client = Client::connect(address);
                    let mut n = 0;
                    for request in requests.iter().cycle().skip(at * 37) {
                        if began.elapsed() >= time {
                            break;
                        }
                        client.ask(request);
                        n += 1;
                    }
                    n
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    n as f64 / began.elapsed().as_secs_f64()
}

/// Requests at fixed times, whatever the answers take; each time from when it was due.
fn open_loop(
    address: SocketAddr,
    requests: &[Vec<u8>],
    n_connections: usize,
    rate: f64,
    time: Duration,
) -> Vec<Duration> {
    let gap = Duration::from_secs_f64(n_connections as f64 / rate);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..n_connections)
            .map(|at| {
                scope.spawn(move || {
                    let mut client = Client::connect(address);
                    let mut times = Vec::new();
                    let mut due = Instant::now() + gap.mul_f64(at as f64 / n_connections as f64);
                    let end = due + time;
                    for request in requests.iter().cycle().skip(at * 37) {
                        if due >= end {
                            break;
                        }
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        client.ask(request);
                        times.push(due.elapsed());
                        due += gap;
                    }
                    times
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}
