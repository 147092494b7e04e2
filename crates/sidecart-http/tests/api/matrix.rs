//! Every combination of 12 numbers of answers, 8 baskets, 6 lists of exclusions and 6 encodings, each
//! with its exact status and code.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use hyper::body::Frame;

use crate::support::{Fixture, N_ITEMS};

type Verdict = Option<(u16, &'static str)>;

/// A body that comes in pieces.
struct Pieces(VecDeque<Bytes>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

fn numbers() -> Vec<(Option<&'static str>, Verdict)> {
    let range = Some((422, "out_of_range"));
    vec![
        (None, None),
        (Some("1"), None),
        (Some("10"), None),
        (Some("40"), None),
        (Some("41"), None),
        (Some("1000"), None),
        (Some("0"), range),
        (Some("1001"), range),
        (Some("-1"), range),
        (Some("1000000000"), range),
        (Some("18446744073709551616"), range),
        (Some("1e400"), Some((400, "invalid_json"))),
    ]
}

fn list(ids: impl IntoIterator<Item = u32>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|i| format!("\"item-{i:02}\"")).collect();
    format!("[{}]", ids.join(","))
}

fn baskets() -> Vec<(Option<String>, Vec<u32>, Verdict)> {
    vec![
        (None, vec![], None),
        (Some("[]".into()), vec![], None),
        (Some(list([3])), vec![3], None),
        (Some(list([99])), vec![], None),
        (Some(list([3, 4, 3])), vec![3, 4], None),
        (Some(list((0..1000).map(|i| i % N_ITEMS))), (0..N_ITEMS).collect(), None),
        (Some(list((0..1001).map(|i| i % N_ITEMS))), vec![], Some((422, "too_long"))),
        (Some("\"item-03\"".into()), vec![], Some((422, "wrong_type"))),
    ]
}

fn exclusions() -> Vec<(Option<String>, Vec<u32>, Verdict)> {
    vec![
        (None, vec![], None),
        (Some("[]".into()), vec![], None),
        (Some(list([5, 6])), vec![5, 6], None),
        (Some(list([98])), vec![], None),
        (Some(list((0..1001).map(|_| 1))), vec![], Some((422, "too_long"))),
        (Some("[null]".into()), vec![], Some((422, "wrong_type"))),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Encoding {
    Plain,
    Pieces,
    Charset,
    NoType,
    Gzip,
    NotUtf8,
}

impl Encoding {
    const ALL: [Self; 6] = [Self::Plain, Self::Pieces, Self::Charset, Self::NoType, Self::Gzip, Self::NotUtf8];

    fn verdict(self) -> Verdict {
        match self {
            Self::Plain | Self::Pieces | Self::Charset => None,
            Self::NoType | Self::Gzip => Some((415, "unsupported_media_type")),
            Self::NotUtf8 => Some((400, "invalid_json")),
        }
    }

    fn request(self, text: &str) -> Request<Body> {
        let mut bytes = text.as_bytes().to_vec();
        let request = Request::post("/v1/recommend");
        let request = match self {
            Self::NoType => request,
            Self::Charset => request.header("content-type", "Application/JSON; charset=utf-8"),
            Self::Gzip => request.header("content-type", "application/json").header("content-encoding", "gzip"),
            Self::Plain | Self::Pieces | Self::NotUtf8 => request.header("content-type", "application/json"),
        };
        let body = match self {
            Self::Pieces => Body::new(Pieces(bytes.chunks(7).map(Bytes::copy_from_slice).collect())),
            Self::NotUtf8 => {
                let at = bytes.len() - 1;
                bytes.splice(at..at, *b"\xc3\x28");
                Body::from(bytes)
            }
            _ => Body::from(bytes),
        };
        request.body(body).unwrap()
    }
}

/// Resident memory in MiB, where the system tells.
fn resident_mib() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split(' ').nth(1)?.parse::<f64>().ok()? * 4096.0 / f64::from(1 << 20))
}

#[tokio::test]
async fn all_3456_requests_get_the_exact_status_and_code() {
    let shop = Fixture::new();
    let mut times = Vec::new();
    let mut memory = None;
    let mut n = 0;
    for (k, k_verdict) in numbers() {
        for (basket, basket_items, basket_verdict) in baskets() {
            for (exclude, exclude_items, exclude_verdict) in exclusions() {
                let fields = [("items", basket.as_deref()), ("k", k), ("exclude", exclude.as_deref())];
                let fields: Vec<String> =
                    fields.iter().filter_map(|(name, value)| Some(format!("\"{name}\": {}", (*value)?))).collect();
                let text = format!("{{{}}}", fields.join(", "));
                // JSON is parsed as a whole before its fields are looked at, in their order.
                let unparsable = k_verdict.filter(|(status, _)| *status == 400);
                let fields_verdict = unparsable.or(basket_verdict).or(k_verdict).or(exclude_verdict);
                for encoding in Encoding::ALL {
                    let began = Instant::now();
                    let reply = shop.send(encoding.request(&text)).await;
                    times.push(began.elapsed());
                    n += 1;
                    let shown = &text[..text.len().min(80)];
                    match encoding.verdict().or(fields_verdict) {
                        Some((status, code)) => {
                            assert_eq!((reply.error().0, reply.error().1), (status, code), "{encoding:?} {shown}");
                        }
                        None => {
                            let gone: BTreeSet<u32> = basket_items.iter().chain(&exclude_items).copied().collect();
                            let k: usize = k.map_or(10, |k| k.parse().unwrap());
                            let expected = k.min(N_ITEMS as usize - gone.len());
                            assert_eq!(reply.items().len(), expected, "{encoding:?} {shown}");
                        }
                    }
                }
                if n == 600 {
                    memory = resident_mib();
                }
            }
        }
    }
    assert_eq!(n, 3_456);
    times.sort_unstable();
    let p90 = times[times.len() * 9 / 10];
    assert!(p90 < Duration::from_millis(5), "{p90:?}");
    if let (Some(before), Some(after)) = (memory, resident_mib()) {
        assert!(after - before < 8.0, "memory grew from {before} to {after} MiB");
    }
}
