//! One file per command.

mod associations;
mod config;
mod count;
mod demo;
mod evaluate;
mod inspect;
mod recommend;
mod train;

use anyhow::{Context, Result};
use sidecart::data::ReadOptions;
use sidecart::serve::{Mode, Source};

use crate::args::{Args, Command, ModeArg, UsingArg};
use crate::progress::Reporter;

/// What every command needs.
pub(crate) struct Session {
    pub(crate) progress: Reporter,
    pub(crate) read: ReadOptions,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if let Some(threads) = args.threads {
        rayon_threads(threads)?;
    }
    let session = Session { progress: Reporter::new(args.quiet), read: ReadOptions { memory_bytes: args.memory } };
    match &args.command {
        Command::Demo(args) => demo::run(&session, args),
        Command::Count(args) => count::run(&session, args),
        Command::Train(args) => train::run(&session, args),
        Command::Recommend(args) => recommend::run(&session, args),
        Command::Evaluate(args) => evaluate::run(&session, args),
        Command::Associations(args) => associations::run(&session, args),
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

impl From<UsingArg> for Source {
    fn from(using: UsingArg) -> Self {
        match using {
            UsingArg::Default => Self::Default,
            UsingArg::Mixture => Self::Mixture,
            UsingArg::Neighbours => Self::Neighbours,
            UsingArg::Embeddings => Self::Embeddings,
            UsingArg::Baskets => Self::Baskets,
            UsingArg::Own => Self::Own,
            UsingArg::OwnFrequency => Self::OwnFrequency,
            UsingArg::Popular => Self::Popular,
        }
    }
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
