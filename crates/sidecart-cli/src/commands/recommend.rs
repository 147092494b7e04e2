mod asked;
mod cross_sell;
mod slate;
mod upsell;

use std::path::Path;

use anyhow::Result;
use asked::Asked;
use cross_sell::CrossSell;
use serde_json::{Value, json};
use sidecart::core::{EventLog, Progress};
use sidecart::data::config::TimeUnit;
use sidecart::serve::offers::{OfferKind, OfferKinds, Touchpoint};
use sidecart::serve::upsell::PropensityModel;
use sidecart::serve::{Scorer, Source};
use sidecart::{
    ADD_ON, BatchOptions, BatchSummary, CROSS_SELL, LogSummary, UPSELL, UpsellContext, UpsellOptions, read_event_log,
};
use slate::TypedSlate;
use upsell::Upsell;

use super::{Session, print, propensity_model, source, wrong_using};
use crate::args::{KindArg, RecommendArgs, TimeUnitArg, TouchpointArg, UsingArg};

/// What is offered, and what answers.
enum Kinds {
    CrossSell { using: Source, log: Option<EventLog> },
    Upsell { using: PropensityModel, context: UpsellContext },
    Any { context: UpsellContext },
    Slate { kinds: OfferKinds, context: UpsellContext },
}

impl From<TouchpointArg> for Touchpoint {
    fn from(touchpoint: TouchpointArg) -> Self {
        match touchpoint {
            TouchpointArg::Home => Self::Home,
            TouchpointArg::Category => Self::Category,
            TouchpointArg::Product => Self::Product,
            TouchpointArg::Cart => Self::Cart,
            TouchpointArg::Checkout => Self::Checkout,
            TouchpointArg::PostPurchase => Self::PostPurchase,
            TouchpointArg::Email => Self::Email,
        }
    }
}

impl Kinds {
    fn log(&self) -> Option<&EventLog> {
        match self {
            Self::CrossSell { log, .. } => log.as_ref(),
            Self::Upsell { context, .. } | Self::Any { context } | Self::Slate { context, .. } => context.log(),
        }
    }
}

pub(crate) fn run(session: &Session<'_>, args: &RecommendArgs) -> Result<()> {
    check_using(args)?;
    let scorer = Scorer::open(&args.model).map_err(sidecart::Error::from)?;
    let time_unit = match args.time_unit {
        TimeUnitArg::Order => TimeUnit::Order,
        TimeUnitArg::Days => TimeUnit::Days,
    };
    let log = match &args.history {
        None => None,
        Some(path) => {
            let (log, summary) = read_event_log(&scorer, path, time_unit, session.read, &session.progress)?;
            session.progress.note(&history_text(&summary));
            Some(log)
        }
    };
    let mut notes = Vec::new();
    let context = |log| -> Result<UpsellContext> {
        let plan = args.promotions.as_deref().map(|path| (path, time_unit));
        if scorer.model().upsell().is_none() && plan.is_none() {
            return Ok(UpsellContext::from_log(log));
        }
        Ok(UpsellContext::new(&scorer, log, plan, &session.progress)?)
    };
    let kinds = match args.kind {
        KindArg::CrossSell => Kinds::CrossSell { using: source(args.using)?, log },
        KindArg::AddOn => Kinds::Slate { kinds: OfferKind::AddOn.into(), context: context(log)? },
        KindArg::Any if args.touchpoint.is_some() && args.queries.is_none() => {
            Kinds::Slate { kinds: OfferKinds::ALL, context: context(log)? }
        }
        KindArg::Upsell => Kinds::Upsell { using: propensity_model(args.using)?, context: context(log)? },
        KindArg::Any if scorer.model().upsell().is_none() => {
            notes.push("the model has no upsell: cross-sell alone answers".to_owned());
            Kinds::CrossSell { using: Source::Default, log }
        }
        KindArg::Any => Kinds::Any { context: context(log)? },
    };
    if let Kinds::CrossSell { .. } = kinds {
        notes.extend(unused_options(args));
    }
    match (&args.queries, &args.output) {
        (Some(queries), Some(output)) => {
            notes.iter().for_each(|note| session.progress.note(note));
            batch(session, args, &scorer, &kinds, (queries, output), time_unit)
        }
        _ => one(session, args, &scorer, &kinds, notes),
    }
}

/// Refuses, before anything is read, a part of the model that does not answer for the kind.
fn check_using(args: &RecommendArgs) -> Result<()> {
    match args.kind {
        KindArg::CrossSell => source(args.using).map(drop),
        KindArg::Upsell => propensity_model(args.using).map(drop),
        KindArg::Any | KindArg::AddOn if args.using == UsingArg::Default => Ok(()),
        KindArg::Any | KindArg::AddOn => Err(wrong_using(args.using, &["default"])),
    }
}

/// What was typed in vain where no upgrade is asked for.
fn unused_options(args: &RecommendArgs) -> Option<String> {
    let given = [("--segment", args.segment.is_some()), ("--promotions", args.promotions.is_some())];
    let unused: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
    let verb = if unused.len() == 1 { "acts" } else { "act" };
    (!unused.is_empty()).then(|| format!("{} {verb} on upsell only: nothing here depends on it", unused.join(", ")))
}

/// What became of a history file, in one line.
fn history_text(summary: &LogSummary) -> String {
    format!(
        "history: {} baskets since training, {} of them anonymous (they count for what sells, which upsell asks for, \
         and belong to no customer's past); left out {} at or before its end and {} lines of unknown items",
        summary.n_baskets, summary.n_anonymous, summary.n_known_baskets, summary.n_unknown_lines
    )
}

/// Why a list of one kind stays empty: the policy does not allow the kind at the touchpoint.
fn refused(args: &RecommendArgs, scorer: &Scorer, kinds: &Kinds) -> Option<(OfferKind, Touchpoint)> {
    let touchpoint = args.touchpoint.map(Touchpoint::from)?;
    let kind = match kinds {
        Kinds::CrossSell { .. } => OfferKind::CrossSell,
        Kinds::Upsell { .. } => OfferKind::Upsell,
        Kinds::Any { .. } | Kinds::Slate { .. } => return None,
    };
    let allowed = scorer.model().policy().policy().touchpoints.allowed(touchpoint);
    (!allowed.contains(kind)).then_some((kind, touchpoint))
}

fn one(session: &Session<'_>, args: &RecommendArgs, scorer: &Scorer, kinds: &Kinds, notes: Vec<String>) -> Result<()> {
    let mut asked = Asked::new(args, scorer, kinds.log())?;
    asked.notes.extend(notes);
    if let Some((kind, touchpoint)) = refused(args, scorer, kinds) {
        if args.json {
            let answer = json!({
                "version": scorer.manifest().map(|m| m.version.to_string()),
                "mode": sidecart::serve::Mode::from(args.mode),
                "touchpoint": touchpoint,
                "offers": [],
                "reason": "touchpoint",
                "notes": asked.notes,
            });
            return print(&answer.to_string());
        }
        asked.notes.iter().for_each(|note| session.progress.note(note));
        return print(&format!("no offer: touchpoint (the policy makes no {kind} offers at {touchpoint})"));
    }
    if let Kinds::Slate { kinds, context } = kinds {
        let slate = TypedSlate::ask(args, scorer, context, &mut asked, *kinds)?;
        if args.json {
            let mut answer = json!({
                "version": scorer.manifest().map(|m| m.version.to_string()),
                "mode": sidecart::serve::Mode::from(args.mode),
            });
            let mut offers = Vec::new();
            slate.add_json(scorer, &mut answer, &mut offers);
            answer["offers"] = json!(offers);
            answer["notes"] = json!(asked.notes);
            return print(&answer.to_string());
        }
        asked.notes.iter().for_each(|note| session.progress.note(note));
        return print(&slate.to_text(scorer, args)?);
    }
    let add = |asked: &mut Asked, using| CrossSell::ask(args, scorer, asked, using);
    let upgrade = |asked: &mut Asked, context, using| Upsell::ask(args, scorer, context, asked, using);
    let (add, upgrade) = match kinds {
        Kinds::CrossSell { using, .. } => (Some(add(&mut asked, *using)?), None),
        Kinds::Upsell { using, context } => (None, Some(upgrade(&mut asked, context, *using)?)),
        Kinds::Any { context } => {
            (Some(add(&mut asked, Source::Default)?), Some(upgrade(&mut asked, context, PropensityModel::Default)?))
        }
        Kinds::Slate { .. } => (None, None),
    };
    if args.json {
        let mut answer = json!({
            "version": scorer.manifest().map(|m| m.version.to_string()),
            "mode": sidecart::serve::Mode::from(args.mode),
        });
        let mut offers = Vec::new();
        if let Some(add) = &add {
            add.add_json(scorer, args, &mut answer, &mut offers);
        }
        if let Some(upgrade) = &upgrade {
            upgrade.add_json(scorer, &mut answer, &mut offers);
        }
        answer["offers"] = json!(offers);
        answer["notes"] = json!(asked.notes);
        return print(&answer.to_string());
    }
    for note in &asked.notes {
        session.progress.note(note);
    }
    let add = add.map(|add| add.to_text(scorer, args)).transpose()?;
    let upgrade = upgrade.map(|upgrade| upgrade.to_text(scorer, args)).transpose()?;
    match (add, upgrade) {
        (Some(add), Some(upgrade)) => print(&format!("{CROSS_SELL}\n{add}\n{UPSELL}\n{upgrade}")),
        (add, upgrade) => print(&add.or(upgrade).unwrap_or_default()),
    }
}

fn batch(
    session: &Session<'_>,
    args: &RecommendArgs,
    scorer: &Scorer,
    kinds: &Kinds,
    (queries, output): (&Path, &Path),
    time_unit: TimeUnit,
) -> Result<()> {
    let progress = &session.progress;
    let (k, mode, exclude) = (args.k, args.mode.into(), args.exclude.clone());
    let touchpoint = args.touchpoint.map(Touchpoint::from);
    let done: Vec<(&str, BatchSummary)> = match kinds {
        Kinds::CrossSell { using, log } => {
            let options = BatchOptions { k, mode, using: *using, exclude, time_unit, touchpoint };
            let done = sidecart::recommend_batch(scorer, queries, log.as_ref(), output, &options, progress)?;
            vec![(CROSS_SELL, done)]
        }
        Kinds::Upsell { using, context } => {
            let options = UpsellOptions { k, mode, using: *using, exclude, time_unit, touchpoint };
            vec![(UPSELL, sidecart::upsell_batch(scorer, queries, context, output, &options, progress)?)]
        }
        Kinds::Any { context } => {
            let options = BatchOptions { k, mode, using: Source::Default, exclude, time_unit, touchpoint };
            let using = PropensityModel::Default;
            let done = sidecart::any_batch(scorer, queries, context, output, &options, using, progress)?;
            let asked = |(_, done): &(&str, BatchSummary)| done.n_queries > 0;
            [CROSS_SELL, UPSELL, ADD_ON].into_iter().zip(done).filter(asked).collect()
        }
        Kinds::Slate { context, .. } => {
            let options = BatchOptions { k, mode, using: Source::Default, exclude, time_unit, touchpoint };
            vec![(ADD_ON, sidecart::add_on_batch(scorer, queries, context, output, &options, progress)?)]
        }
    };
    if args.json {
        return print(&batch_json(&done, output).to_string());
    }
    let lines: Vec<String> = done.iter().map(|(kind, summary)| batch_text(kind, summary, k)).collect();
    print(&format!("{}\nin {}", lines.join("\n"), output.display()))
}

fn batch_text(kind: &str, done: &BatchSummary, k: usize) -> String {
    let stores = match done.n_unknown_stores {
        0 => String::new(),
        n => format!(", {n} with a store that no plan of promotions names"),
    };
    format!(
        "{} offers of {kind} for {} queries ({} queries without one, {} with fewer than {k}, {} basket items unknown to \
         the model{stores})",
        done.n_offers, done.n_queries, done.n_empty, done.n_short, done.n_unknown_items
    )
}

/// The figures of one kind, or of each kind under its name.
fn batch_json(done: &[(&str, BatchSummary)], output: &Path) -> Value {
    let facts = |summary: &BatchSummary| {
        json!({
            "queries": summary.n_queries, "offers": summary.n_offers, "queries_without_offer": summary.n_empty,
            "queries_with_fewer_than_k": summary.n_short, "unknown_basket_items": summary.n_unknown_items,
            "queries_with_unknown_store": summary.n_unknown_stores,
        })
    };
    let mut answer = match done {
        [(_, summary)] => facts(summary),
        several => several.iter().map(|(kind, summary)| (kind.replace('-', "_"), facts(summary))).collect(),
    };
    answer["output"] = json!(output);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_line_says_that_anonymous_baskets_count() {
        let summary = LogSummary { n_baskets: 9, n_known_baskets: 4, n_anonymous: 2, n_unknown_lines: 7 };
        let text = history_text(&summary);
        assert!(text.contains("9 baskets since training, 2 of them anonymous (they count for what sells"), "{text}");
        let (_, left_out) = text.split_once("left out").unwrap();
        assert!(left_out.contains("4 at or before") && left_out.contains("7 lines"), "{text}");
        assert!(!left_out.contains("anonymous"), "{text}");
    }

    #[test]
    fn a_batch_of_two_kinds_has_figures_of_both() {
        let add = BatchSummary { n_queries: 2, n_offers: 5, ..BatchSummary::default() };
        let upgrade = BatchSummary { n_queries: 2, n_offers: 1, n_unknown_stores: 1, ..BatchSummary::default() };
        let one = batch_json(&[(UPSELL, upgrade)], Path::new("a"));
        assert_eq!((&one["offers"], &one["queries_with_unknown_store"]), (&json!(1), &json!(1)));
        let both = batch_json(&[(CROSS_SELL, add), (UPSELL, upgrade)], Path::new("a"));
        assert_eq!((&both["cross_sell"]["offers"], &both["upsell"]["offers"]), (&json!(5), &json!(1)));
        assert_eq!(both["output"], json!("a"));
        assert!(batch_text(UPSELL, &upgrade, 3).contains("1 with a store that no plan"));
        assert!(!batch_text(CROSS_SELL, &add, 3).contains("store"));
    }
}
