//! The server on its sockets.
//!
//! | file | concept |
//! |---|---|
//! | `accept.rs` | connections, up to a limit |
//! | `connection.rs` | requests on one connection |
//! | `guarded.rs` | a socket that gives up on slow peers |
//! | `signals.rs` | the system's wish that it stop |

mod accept;
mod connection;
mod guarded;
mod signals;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::app::{App, Retry};
use crate::error::{Error, Result};
use crate::limits::MAX_ADMIN_CONNECTIONS;
use crate::routes::{admin_router, router};
use crate::settings::Settings;
use accept::Acceptor;

/// A server that has its addresses and waits to [`run`](Self::run).
///
/// ```no_run
/// use sidecart_http::{Server, Settings};
///
/// # async fn example() -> Result<(), sidecart_http::Error> {
/// let server = Server::bind(Settings::new("models")).await?;
/// println!("http://{}", server.address());
/// let stopped = server.run(std::future::pending()).await;
/// println!("{} connections were cut off", stopped.cut_off);
/// # Ok(())
/// # }
/// ```
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    admin: Option<TcpListener>,
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
}

/// How a server ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// Connections that were still busy when the time to drain was over.
    pub cut_off: usize,
}

/// Whether connections are taken, and go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Yes.
    Open,
    /// What was sent is answered; connections end as soon as nothing is under way on them.
    Closing,
    /// Connections end.
    Closed,
}

impl Server {
    /// Checks the settings and takes the addresses; from then on connections wait for
    /// [`run`](Self::run).
    ///
    /// # Errors
    /// As [`App::new`]; [`Error::Listen`].
    pub async fn bind(settings: Settings) -> Result<Self> {
        let (listen, admin_listen) = (settings.listen, settings.admin_listen);
        let app = App::new(settings)?;
        let (listener, address) = take_address(listen).await?;
        let (admin, admin_address) = match admin_listen {
            Some(listen) => {
                let (listener, address) = take_address(listen).await?;
                (Some(listener), Some(address))
            }
            None => (None, None),
        };
        Ok(Self { app, listener, admin, address, admin_address })
    }

    /// Where requests come in; the port is the system's choice where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics and reloading are.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// What the requests share.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Loads the models and answers until `stop` is over. Then it is no longer ready; requests are
    /// still taken for [`LINGER_TIME`](crate::limits::LINGER_TIME), each with `connection: close`;
    /// then connections end as soon as nothing is under way on them, at the latest after
    /// [`DRAIN_TIME`](crate::limits::DRAIN_TIME).
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Stopped {
        let Self { app, listener, admin, .. } = self;
        let limits = app.settings.limits;
        let (phase, watched) = watch::channel(Phase::Open);
        let watching = tokio::spawn(watch_models(Arc::clone(&app)));
        let places = Arc::new(Semaphore::new(limits.connections));
        let mut acceptors = vec![tokio::spawn(
            Acceptor {
                app: Arc::clone(&app),
                router: router(&app),
                places: Arc::clone(&places),
                phase: watched.clone(),
            }
            .run(listener),
        )];
        let admin_places = Arc::new(Semaphore::new(MAX_ADMIN_CONNECTIONS));
        if let Some(listener) = admin {
            let (router, places) = (admin_router(&app), Arc::clone(&admin_places));
            let acceptor = Acceptor { app: Arc::clone(&app), router, places, phase: watched.clone() };
            acceptors.push(tokio::spawn(acceptor.run(listener)));
        }
        drop(watched);

        stop.await;
        app.drain();
        tokio::time::sleep(limits.linger_time).await;
        // Without a receiver there is no connection left to tell.
        let _ = phase.send(Phase::Closing);
        for acceptor in acceptors {
            let _ = acceptor.await;
        }
        let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        let drained = tokio::time::timeout(limits.drain_time, places.acquire_many(all)).await;
        let cut_off = if drained.is_ok() { 0 } else { limits.connections - places.available_permits() };
        let _ = phase.send(Phase::Closed);
        watching.abort();
        // The last lines of the log are worth waiting for; the task fails only where it panicked.
        let _ = tokio::task::spawn_blocking(move || app.close()).await;
        Stopped { cut_off }
    }
}

async fn take_address(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let failed = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Looks at the model folders again and again, on a thread that answers no requests.
async fn watch_models(app: Arc<App>) {
    loop {
        let looking = Arc::clone(&app);
        // What goes wrong is counted and told by the look itself; the next one follows in any case.
        let _ = tokio::task::spawn_blocking(move || looking.load_models(Retry::WhenDue).is_ok()).await;
        tokio::time::sleep(app.settings.watch_interval).await;
    }
}

/// How long work that blocks, such as loading a model, may hold up the end of the process.
const SHUTDOWN_TIME: Duration = Duration::from_secs(5);

/// Runs a server on threads of its own until the system asks it to stop (`SIGTERM` or `SIGINT`).
/// `ready` is called once the addresses are taken.
///
/// # Errors
/// As [`Server::bind`]; [`Error::Start`] when the runtime cannot be started.
pub fn run_until_signal(settings: Settings, ready: impl FnOnce(&Server)) -> Result<Stopped> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .event_interval(crate::limits::STEPS_BETWEEN_LOOKS)
        .enable_all()
        .build()
        .map_err(|source| Error::Start { what: "the threads that answer", source })?;
    let stopped = runtime.block_on(async {
        let stop = signals::stop().map_err(|source| Error::Start { what: "listening for signals", source })?;
        let server = Server::bind(settings).await?;
        ready(&server);
        Ok(server.run(stop).await)
    });
    runtime.shutdown_timeout(SHUTDOWN_TIME);
    stopped
}
