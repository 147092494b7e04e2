//! What a typed question names of a model, and what it names in vain.

use anyhow::Result;
use sidecart::core::{Customer, EventLog, ExternalId, ExternalIdRef, ItemId, Time};
use sidecart::serve::{CustomerReader, Scorer};
use sidecart::{default_time, expected_time, find_items, parse_time};

use crate::args::RecommendArgs;

/// A typed question in the model's own ids.
pub(super) struct Asked {
    pub(super) basket: Vec<ItemId>,
    pub(super) exclude: Vec<ItemId>,
    pub(super) time: Time,
    customer: Option<Customer>,
    /// What was left out, for people.
    pub(super) notes: Vec<String>,
}

impl Asked {
    pub(super) fn new(args: &RecommendArgs, scorer: &Scorer, log: Option<&EventLog>) -> Result<Self> {
        let (basket, unknown) = find_items(scorer, &args.basket);
        let (exclude, unknown_excluded) = find_items(scorer, &args.exclude);
        let mut notes = Vec::new();
        if !unknown.is_empty() {
            notes.push(format!("not in the model, left out of the basket: {}", unknown.join(", ")));
        }
        if !unknown_excluded.is_empty() {
            notes.push(format!("not in the model, nothing to exclude: {}", unknown_excluded.join(", ")));
        }
        let time = asked_at(args, scorer)?;
        let customer = load(args, scorer, log)?;
        if let (Some(typed), None) = (&args.customer, &customer) {
            notes.push(format!("nothing is known of customer {typed}: answered as for anyone"));
        }
        Ok(Self { basket, exclude, time, customer, notes })
    }

    /// The customer who was named, where something is known of them.
    pub(super) fn customer(&self) -> Option<&Customer> {
        self.customer.as_ref()
    }
}

/// When the question is asked.
fn asked_at(args: &RecommendArgs, scorer: &Scorer) -> Result<Time> {
    let Some(text) = &args.at else { return Ok(default_time(scorer)) };
    let clock = scorer.model().clock();
    let time = parse_time(text, clock).ok_or_else(|| sidecart::Error::Setting {
        key: "--at".into(),
        got: text.clone(),
        expected: expected_time(clock).into(),
    })?;
    Ok(time)
}

fn load(args: &RecommendArgs, scorer: &Scorer, log: Option<&EventLog>) -> Result<Option<Customer>> {
    let Some(typed) = &args.customer else { return Ok(None) };
    let (mut reader, mut customer) = (CustomerReader::default(), Customer::default());
    // A model's customer ids have one form; a typed number can be meant as either.
    let as_text = ExternalIdRef::Text(typed);
    let mut known = scorer.load_customer(as_text, log, &mut reader, &mut customer).map_err(sidecart::Error::from)?;
    if let (false, Ok(number)) = (known, typed.trim().parse()) {
        let as_number = ExternalId::Int(number);
        known =
            scorer.load_customer(as_number.as_ref(), log, &mut reader, &mut customer).map_err(sidecart::Error::from)?;
    }
    Ok(known.then_some(customer))
}
