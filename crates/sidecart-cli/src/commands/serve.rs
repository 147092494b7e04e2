use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use sidecart::core::Progress;
use sidecart_http::{Limits, Server, SessionKeys, Settings, Token, run_until_signal};

use crate::args::ServeArgs;
use crate::progress::Reporter;

pub(crate) fn run(args: &ServeArgs, progress: Reporter) -> Result<()> {
    let token = token(args)?;
    let watch_interval = Duration::try_from_secs_f64(args.watch).context("--watch")?;
    let session_time = Duration::try_from_secs_f64(args.session_hours * 3_600.0).context("--session-hours")?;
    let progress = Arc::new(progress);
    let settings = Settings {
        listen: args.listen,
        admin_listen: (!args.no_admin).then_some(args.admin_listen),
        default_model: args.default_model.clone(),
        token,
        watch_interval,
        exposures: args.exposures.clone(),
        hold_out: args.hold_out,
        session_keys: session_keys(args)?,
        session_time,
        limits: limits(args),
        progress: Arc::clone(&progress) as Arc<dyn Progress + Send + Sync>,
        ..Settings::new(&args.models)
    };
    let has_token = settings.token.is_some();
    let stopped = run_until_signal(settings, |server| started(server, has_token, &*progress))?;
    match stopped.cut_off {
        0 => progress.note("stopped; every request was answered"),
        n => progress.note(&format!("stopped; {n} connections were cut off in the middle of a request")),
    }
    Ok(())
}

fn limits(args: &ServeArgs) -> Limits {
    let default = Limits::default();
    let in_flight = args.in_flight.unwrap_or(default.in_flight);
    Limits { in_flight, event_lines: args.event_lines, ..default }
}

fn started(server: &Server, has_token: bool, progress: &dyn Progress) {
    let address = server.address();
    progress.note(&format!("answers at http://{address}/"));
    if let Some(admin) = server.admin_address() {
        progress.note(&format!("metrics at http://{admin}/metrics"));
        if !admin.ip().is_loopback() {
            progress.note("the admin address is open to the network; it asks for no token");
        }
    }
    if !has_token && !address.ip().is_loopback() {
        progress.note("open to the network without a token; see --token-env");
    }
}

/// The keys of sessions that were asked for.
fn session_keys(args: &ServeArgs) -> Result<Option<SessionKeys>> {
    let Some(path) = &args.session_key_file else { return Ok(None) };
    let place = || format!("--session-key-file {}", path.display());
    let text = std::fs::read_to_string(path).with_context(place)?;
    Ok(Some(SessionKeys::parse(&text).with_context(place)?))
}

/// The token that was asked for, wherever it lies.
fn token(args: &ServeArgs) -> Result<Option<Token>> {
    let text = match (&args.token_env, &args.token_file) {
        (Some(variable), _) => {
            std::env::var(variable).with_context(|| format!("--token-env {variable}: no such environment variable"))?
        }
        (None, Some(path)) => {
            std::fs::read_to_string(path).with_context(|| format!("--token-file {}", path.display()))?
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(Token::new(&text)?))
}
