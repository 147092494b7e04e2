//! One file per command.

mod associations;
mod calibrate;
mod config;
mod count;
mod demo;
mod evaluate;
mod inspect;
mod probability;
mod ranker;
mod recommend;
mod serve;
mod train;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::{Value, json};
use sidecart::core::ExternalIdRef;
use sidecart::data::ReadOptions;
use sidecart::models::ranker::RankerLearner;
use sidecart::serve::upsell::PropensityModel;
use sidecart::serve::{Mode, Source};

use crate::args::{Args, Command, ModeArg, UsingArg};
use crate::format::table;
use crate::progress::Reporter;

/// What every command needs.
pub(crate) struct Session<'a> {
    pub(crate) progress: Reporter,
    pub(crate) read: ReadOptions,
    /// What learns rankers beside those of the library.
    pub(crate) learners: &'a [&'a dyn RankerLearner],
}

pub(crate) fn run(args: &Args, learners: &[&dyn RankerLearner]) -> Result<()> {
    if let Some(threads) = args.threads {
        rayon_threads(threads)?;
    }
    let read = ReadOptions { memory_bytes: args.memory };
    let session = Session { progress: Reporter::new(args.quiet), read, learners };
    match &args.command {
        Command::Demo(args) => demo::run(&session, args),
        Command::Count(args) => count::run(&session, args),
        Command::Train(args) => train::run(&session, args),
        Command::Recommend(args) => recommend::run(&session, args),
        Command::Evaluate(args) => evaluate::run(&session, args),
        Command::Calibrate(args) => calibrate::run(args),
        Command::Associations(args) => associations::run(&session, args),
        Command::Serve(args) => serve::run(args, session.progress),
        Command::Inspect(args) => inspect::run(args),
        Command::Config(args) => config::run(args),
    }
}

fn rayon_threads(threads: usize) -> Result<()> {
    sidecart::use_threads(threads).context("--threads")
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Completion => Self::Completion,
            ModeArg::Discovery => Self::Discovery,
        }
    }
}

/// The part of the model that a cross-sell is asked of.
pub(crate) fn source(using: UsingArg) -> Result<Source> {
    Ok(match using {
        UsingArg::Default => Source::Default,
        UsingArg::Mixture => Source::Mixture,
        UsingArg::Neighbours => Source::Neighbours,
        UsingArg::Ease => Source::Ease,
        UsingArg::Embeddings => Source::Embeddings,
        UsingArg::Baskets => Source::Baskets,
        UsingArg::Own => Source::Own,
        UsingArg::OwnFrequency => Source::OwnFrequency,
        UsingArg::Popular => Source::Popular,
        UsingArg::Fast => Source::Fast,
        UsingArg::Linear => Source::Linear,
        UsingArg::Trees => Source::Trees,
        UsingArg::Neural => Source::Neural,
        UsingArg::Rates | UsingArg::Logistic => {
            return Err(wrong_using(using, &Source::NAMES.map(|(name, _)| name)));
        }
    })
}

/// The part of the model that an upgrade's probability is asked of.
pub(crate) fn propensity_model(using: UsingArg) -> Result<PropensityModel> {
    Ok(match using {
        UsingArg::Default => PropensityModel::Default,
        UsingArg::Rates => PropensityModel::Rates,
        UsingArg::Logistic => PropensityModel::Logistic,
        UsingArg::Trees => PropensityModel::Trees,
        _ => return Err(wrong_using(using, &PropensityModel::NAMES.map(|(name, _)| name))),
    })
}

fn wrong_using(using: UsingArg, names: &[&str]) -> anyhow::Error {
    let got = using.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    sidecart::Error::Setting {
        key: "--using".into(),
        got,
        expected: format!("one of {} for this --kind", names.join(", ")),
    }
    .into()
}

/// An external id as JSON, in the caller's own form.
pub(crate) fn id_json(id: ExternalIdRef<'_>) -> Value {
    match id {
        ExternalIdRef::Int(id) => json!(id),
        ExternalIdRef::Text(id) => json!(id),
    }
}

/// Aligned columns as text.
pub(crate) fn table_text(header: &[&str], rows: &[Vec<String>]) -> Result<String> {
    let mut out = Vec::new();
    table(&mut out, header, rows)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Writes to stdout, the only place for results.
pub(crate) fn print(text: &str) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}
