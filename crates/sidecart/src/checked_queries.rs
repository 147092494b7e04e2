//! Files of queries that a model can answer.

use std::path::Path;

use sidecart_core::{Clock, ItemId, Progress};
use sidecart_data::config::TimeUnit;
use sidecart_data::{Query as FileQuery, QueryBatch, read_queries};
use sidecart_serve::Scorer;
use sidecart_serve::offers::Touchpoint;

use crate::error::{Error, Result};

/// Reads a file of queries whose ids and times have the model's form.
///
/// # Errors
/// Any error about the file; [`Error::Setting`] where nothing could match.
pub(crate) fn read_checked_queries(scorer: &Scorer, path: &Path, time_unit: TimeUnit) -> Result<QueryBatch> {
    let batch = read_queries(path, time_unit)?;
    if let Some(id) = batch.queries.iter().find_map(|query| query.items.first()) {
        same_form(path, "item ids", &id.as_ref().kind(), &scorer.model().items().kind())?;
    }
    let customer = batch.queries.iter().find_map(|query| query.customer.as_ref());
    if let (Some(id), Some(expected)) = (customer, scorer.customer_kind()) {
        same_form(path, "customer ids", &id.as_ref().kind(), &expected)?;
    }
    for query in &batch.queries {
        touchpoint_of(query, None)?;
    }
    // Without times on one side there is nothing to compare.
    let (got, expected) = (batch.clock, scorer.model().clock());
    if got != Clock::None && expected != Clock::None {
        same_form(path, "times", &got.name(), &expected.name())?;
    }
    Ok(batch)
}

/// The touchpoint of a query, else the given one.
///
/// # Errors
/// [`Error::Setting`] with the names there are.
pub(crate) fn touchpoint_of(query: &FileQuery, given: Option<Touchpoint>) -> Result<Option<Touchpoint>> {
    let Some(name) = &query.touchpoint else { return Ok(given) };
    let names: Vec<&str> = Touchpoint::ALL.iter().map(|touchpoint| touchpoint.name()).collect();
    Touchpoint::from_name(name).map(Some).ok_or_else(|| Error::Setting {
        key: format!("touchpoint of query {}", query.query_id),
        got: name.clone(),
        expected: format!("one of {}", names.join(", ")),
    })
}

/// Refuses a file whose times or ids have another form than the model's: nothing would match.
pub(crate) fn same_form<T: PartialEq + std::fmt::Display>(
    path: &Path,
    what: &str,
    got: &T,
    expected: &T,
) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::Setting {
        key: path.display().to_string(),
        got: format!("{what} of the form `{got}`"),
        expected: format!("`{expected}` as in training"),
    })
}

/// Finds typed item ids; unknown ones come back as they were typed.
#[must_use]
pub fn find_items(scorer: &Scorer, typed: &[String]) -> (Vec<ItemId>, Vec<String>) {
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    for id in typed {
        match scorer.model().items().find_typed(id) {
            Some(item) => known.push(ItemId(item)),
            None => unknown.push(id.clone()),
        }
    }
    (known, unknown)
}

/// Finds the items that a batch may not offer; unknown ones are noted.
pub(crate) fn excluded_items(scorer: &Scorer, typed: &[String], progress: &dyn Progress) -> Vec<ItemId> {
    let (known, unknown) = find_items(scorer, typed);
    if !unknown.is_empty() {
        progress.note(&format!("--exclude names items the model does not know: {}", unknown.join(", ")));
    }
    known
}
