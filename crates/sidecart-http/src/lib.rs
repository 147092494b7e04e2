//! Offers over HTTP: a server around the scorer.
//!
//! ```no_run
//! use sidecart_http::{Settings, run_until_signal};
//!
//! # fn main() -> Result<(), sidecart_http::Error> {
//! let mut settings = Settings::new("models"); // every subfolder with a CURRENT file is a model
//! settings.listen = ([0, 0, 0, 0], 8080).into();
//! run_until_signal(settings, |server| println!("http://{}", server.address()))?;
//! # Ok(())
//! # }
//! ```
//!
//! [`router`] and [`admin_router`] make the addresses of an [`App`], for tests and for programs with
//! a server of their own. Every limit has a name in [`limits`]; the crate's README lists them all.

mod answer;
mod app;
mod auth;
mod call;
mod error;
mod exposure;
mod json;
pub mod limits;
mod metrics;
mod models;
mod offers;
mod openapi;
mod page;
mod problem;
mod query;
mod request_id;
mod routes;
mod server;
mod settings;
mod times;
mod turns;

pub use app::{App, Retry};
pub use auth::Token;
pub use error::{Error, Result};
pub use limits::Limits;
pub use routes::{admin_router, router};
pub use server::{Server, Stopped, run_until_signal};
pub use settings::Settings;
pub use sidecart_serve::offers::session::SessionKeys;
