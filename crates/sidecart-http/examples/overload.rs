//! What a server answers in time when it is offered more than it can answer:
//! `cargo run --release -p sidecart-http --example overload -- MODELS_DIR [CONNECTIONS] [SECONDS] [ROUTE]`
//!
//! The server runs on one thread and the callers on another, so two quiet cores are enough and
//! neither takes time from the other; `a busy second` is one in which the server's thread ran. The callers keep 400 connections (two files each, see
//! `ulimit -n`) and send at fixed rates whatever becomes of it; what is due while all connections are
//! busy is not sent. `in time` counts answers of 200 within 100 ms of when they were due. `ROUTE` is
//! `recommend` (three items, 20 offers) or `offers` (a slate for three items).

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    reason = "an example prints, and fails by panicking; of the callers it uses what it needs"
)]

#[path = "../tests/support/open_loop.rs"]
mod open_loop;

use std::path::Path;
use std::time::Duration;

use open_loop::{Phase, Seen, Target, offer, quantile, recovery, tenths};
use sidecart_core::{ItemId, Rng};
use sidecart_http::{Retry, Server, Settings};
use sidecart_serve::Scorer;

const DEADLINE: Duration = Duration::from_millis(100);
const THREADS: &str = "overload-server";
const N_QUESTIONS: usize = 512;
const LOADS: [f64; 5] = [0.5, 1.0, 2.0, 5.0, 10.0];

/// Recovered is a server whose 99th percentile stays within so many times the slowest tenth of a second before.
const NORMAL: f64 = 1.5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let models = args.first().ok_or("give a folder of models")?;
    let n_connections: usize = args.get(1).map_or(Ok(400), |text| text.parse())?;
    let seconds: f64 = args.get(2).map_or(Ok(3.0), |text| text.parse())?;
    let route = args.get(3).map_or("recommend", String::as_str);
    let questions = questions(Path::new(models), route)?;
    let server = start(Path::new(models));
    let run = |n_connections, phases: &[(f64, f64)]| {
        let phase = |&(per_second, seconds): &(f64, f64)| Phase { per_second, time: Duration::from_secs_f64(seconds) };
        offer(server, &questions, n_connections, &phases.iter().map(phase).collect::<Vec<_>>())
    };
    // Sixteen callers that ask without pause, after a while to warm up.
    let unhindered = run(16, &[(1e9, seconds / 3.0), (1e9, seconds)]).remove(1);
    let capacity = unhindered.goodput(DEADLINE);
    println!("/v1/{route}, {n_connections} connections; capacity {capacity:.0} answers a second on one thread");
    println!(
        "  load   due/s  sent/s  in time/s  of peak  a busy second  of peak  refused/s  failed       p50        p99 \
          refused p99"
    );
    let rows: Vec<(f64, Seen)> = LOADS
        .into_iter()
        .map(|load| {
            (load, run(n_connections, &[(capacity * load, seconds / 6.0), (capacity * load, seconds)]).remove(1))
        })
        .collect();
    let peak = rows.iter().map(|(_, seen)| seen.goodput(DEADLINE)).fold(capacity, f64::max);
    let peak_busy = rows
        .iter()
        .filter(|(load, _)| *load >= 1.0)
        .map(|(_, seen)| seen.efficiency(DEADLINE))
        .fold(unhindered.efficiency(DEADLINE), f64::max);
    for (load, seen) in &rows {
        let per_second = |n: usize| n as f64 / seconds;
        println!(
            "{load:>5}x {:>7.0} {:>7.0} {:>10.0} {:>7.1}% {:>14.0} {:>7.1}% {:>10.0} {:>7} {:>9} {:>10} {:>12}",
            seen.n_due as f64 / seconds,
            (seen.n_due - seen.n_unsent) as f64 / seconds,
            seen.goodput(DEADLINE),
            100.0 * seen.goodput(DEADLINE) / peak,
            seen.efficiency(DEADLINE),
            100.0 * seen.efficiency(DEADLINE) / peak_busy,
            per_second(seen.shed.len()),
            seen.n_failed,
            millis(quantile(&seen.good, 0.5)),
            millis(quantile(&seen.good, 0.99)),
            if seen.shed.is_empty() { "-".to_owned() } else { millis(quantile(&seen.shed, 0.99)) },
        );
    }
    let half = capacity / 2.0;
    let burst = run(n_connections, &[(half, seconds), (capacity * 10.0, seconds / 2.0), (half, seconds)]);
    let usual = tenths(&burst[0]).into_iter().max().unwrap_or_default();
    println!(
        "p99 of a tenth of a second at half the capacity: at most {}; after a burst of ten times the capacity it \
         stays within {NORMAL} times that from {:?} on",
        millis(usual),
        recovery(&burst[2], usual.mul_f64(NORMAL))
    );
    Ok(())
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", 1e3 * time.as_secs_f64())
}

/// Baskets of three items, popular ones more often.
fn questions(models: &Path, route: &str) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
    let model = std::fs::read_dir(models)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.join("CURRENT").exists())
        .ok_or("no model in the folder")?;
    let scorer = Scorer::open(&model)?;
    let popular = scorer.model().popular();
    let mut rng = Rng::new(1, 1);
    let mut draw = || {
        let at = (popular.len() as f64 * rng.unit().powi(3)) as usize;
        let item = ItemId(popular[at.min(popular.len() - 1)]);
        format!("\"{}\"", scorer.model().items().get(item.0))
    };
    let k = if route == "recommend" { 20 } else { 3 };
    let mut question = || {
        let body = format!("{{\"items\": [{}, {}, {}], \"k\": {k}}}", draw(), draw(), draw());
        let head = format!("POST /v1/{route} HTTP/1.1\r\nhost: load\r\ncontent-type: application/json");
        format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    Ok((0..N_QUESTIONS).map(|_| question()).collect())
}

/// Starts the server on one thread that lives as long as the process.
fn start(models: &Path) -> Target {
    let mut settings = Settings::new(models);
    settings.listen.set_port(0);
    settings.admin_listen = None;
    settings.limits.in_flight = sidecart_http::limits::IN_FLIGHT_PER_CORE;
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .event_interval(sidecart_http::limits::STEPS_BETWEEN_LOOKS)
            .worker_threads(1)
            .thread_name(THREADS)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = Server::bind(settings).await.unwrap();
            let app = std::sync::Arc::clone(server.app());
            tokio::task::spawn_blocking(move || app.load_models(Retry::Now)).await.unwrap().unwrap();
            tell.send(server.address()).unwrap();
            server.run(std::future::pending()).await;
        });
    });
    Target { address: told.recv().unwrap(), threads: THREADS }
}
