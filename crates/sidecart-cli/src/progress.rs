//! Progress on stderr: a bar with rate and ETA on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use sidecart::core::Progress;

/// Between two plain lines of one stage.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// Shows progress to a person.
pub(crate) struct Reporter {
    quiet: bool,
    terminal: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    stage: String,
    unit: String,
    total: u64,
    done: u64,
    started: Option<Instant>,
    spoken: Option<Instant>,
}

impl Reporter {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, terminal: std::io::stderr().is_terminal(), state: Mutex::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[expect(clippy::print_stderr, reason = "progress belongs on stderr")]
    fn line(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }
}

impl Progress for Reporter {
    fn begin(&self, stage: &str, total: u64, unit: &str) {
        let mut state = self.lock();
        *state = State {
            stage: stage.into(),
            unit: unit.into(),
            total,
            started: Some(Instant::now()),
            spoken: Some(Instant::now()),
            ..State::default()
        };
        if self.terminal && !self.quiet {
            let bar = ProgressBar::new(total);
            let style = ProgressStyle::with_template("{msg:24} {bar:30} {human_pos}/{human_len} {per_sec} ETA {eta}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(stage.to_owned());
            bar.enable_steady_tick(Duration::from_millis(200));
            state.bar = Some(bar);
        }
    }

    fn advance(&self, units: u64) {
        let mut state = self.lock();
        state.done += units;
        if let Some(bar) = &state.bar {
            bar.inc(units);
        } else if state.spoken.is_some_and(|at| at.elapsed() > PLAIN_INTERVAL) {
            state.spoken = Some(Instant::now());
            let seconds = state.started.map_or(0.0, |at| at.elapsed().as_secs_f64());
            let rate = state.done as f64 / seconds.max(1e-9);
            let left = state.total.saturating_sub(state.done) as f64 / rate.max(1e-9);
            self.line(&format!(
                "{}: {} of {} {} ({rate:.0}/s, {left:.0} s left)",
                state.stage, state.done, state.total, state.unit
            ));
        }
    }

    fn end(&self) {
        let mut state = self.lock();
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
        let seconds = state.started.map_or(0.0, |at| at.elapsed().as_secs_f64());
        self.line(&format!("{}: {seconds:.1} s", state.stage));
    }

    fn note(&self, message: &str) {
        self.line(&format!("note: {message}"));
    }
}
