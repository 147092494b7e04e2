use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::Phase;
use super::connection::serve_connection;
use crate::app::App;
use crate::metrics::add;

/// Pause after a connection could not be accepted, mostly for want of file descriptors, so that the
/// loop does not spin until one is free.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the queue of connections has to be empty before the address is given up.
const LAST_LOOK: Duration = Duration::from_millis(20);

/// Takes connections of one address.
pub(super) struct Acceptor {
    pub(super) app: Arc<App>,
    pub(super) router: Router,
    pub(super) places: Arc<Semaphore>,
    pub(super) phase: watch::Receiver<Phase>,
}

impl Acceptor {
    /// Takes connections until the phase changes, and then those that wait already. Above the limit
    /// they wait in the system's queue.
    pub(super) async fn run(self, listener: TcpListener) {
        let mut phase = self.phase.clone();
        loop {
            tokio::select! {
                () = self.take_one(&listener) => {}
                _ = phase.changed() => break,
            }
        }
        // Who has connected before the end was told would lose what was sent.
        while tokio::time::timeout(LAST_LOOK, self.take_one(&listener)).await.is_ok() {}
    }

    async fn take_one(&self, listener: &TcpListener) {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        let stream: TcpStream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // The peer has left already.
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionAborted => return,
            Err(_) => {
                add(&self.app.metrics.failed_accepts, 1);
                tokio::time::sleep(PAUSE).await;
                return;
            }
        };
        let (app, router, phase) = (Arc::clone(&self.app), self.router.clone(), self.phase.clone());
        tokio::spawn(async move {
            add(&app.metrics.connections, 1);
            app.metrics.open_connections.fetch_add(1, Ordering::Relaxed);
            serve_connection(stream, router, &app.settings.limits, phase).await;
            app.metrics.open_connections.fetch_sub(1, Ordering::Relaxed);
            drop(place);
        });
    }
}
