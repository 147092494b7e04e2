use std::convert::Infallible;
use std::pin::pin;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_service::Service;

use super::Phase;
use super::guarded::{GuardedStream, Progress};
use crate::limits::{Limits, MAX_BODY_BYTES, MAX_HEADER_BYTES};

/// Answers the requests of one connection, one after the other, until the peer leaves, breaks the
/// protocol or is too slow, or the server stops.
pub(super) async fn serve_connection(
    stream: TcpStream,
    router: Router,
    limits: &Limits,
    mut phase: watch::Receiver<Phase>,
) {
    // Answers are small and whole; waiting for more to send would only delay them. A socket that
    // refuses works all the same.
    let _ = stream.set_nodelay(true);
    let progress = Progress::default();
    let stream = GuardedStream::new(stream, progress.clone(), limits);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        progress.begin();
        let (mut router, progress) = (router.clone(), progress.clone());
        async move {
            let response: Result<_, Infallible> = router.call(request).await;
            progress.end();
            response
        }
    });
    let connection = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(MAX_BODY_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            // An error is the peer's: it was answered where that was possible.
            _ = connection.as_mut() => return,
            changed = phase.changed() => match (changed, *phase.borrow_and_update()) {
                (Ok(()), Phase::Open) => {}
                (Ok(()), Phase::Closing) => connection.as_mut().graceful_shutdown(),
                (Ok(()), Phase::Closed) | (Err(_), _) => return,
            },
        }
    }
}
