use sidecart_core::Money;

use super::optimum::Choice;
use super::screen::Screen;
use super::slate::{check, screen_all};
use super::threshold::{Filler, Fillings, MAX_THRESHOLD_CANDIDATES, ThresholdFiller, ThresholdGap};
use super::{OfferKind, OfferKinds, OffersQuery, OffersScratch};
use crate::error::Result;
use crate::scorer::Scorer;

/// Part of the best candidate's relevance that an item needs to fill: with two hundred prices some sum
/// always fits, and what fits would win over what is wanted.
const RELEVANT_PART: f64 = 0.1;

/// An amount that a basket is to reach, such as that of free shipping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Threshold {
    /// The amount.
    pub amount: Money,
    /// Nothing is offered that exceeds it by more.
    pub max_overshoot: Money,
    /// Most items of a filling, 1..=[`MAX_FILLERS`](super::threshold::MAX_FILLERS).
    pub max_items: usize,
    /// How many fillings, 1..=[`MAX_FILLINGS`](super::threshold::MAX_FILLINGS).
    pub n_fillings: usize,
}

/// What lifts a basket to an amount.
#[derive(Clone, PartialEq, Debug)]
pub struct BasketFillings {
    /// What is missing; 0 or less where the basket is there already.
    pub gap: Money,
    /// Sets of items, least overshoot first.
    pub fillings: Fillings,
}

impl Scorer {
    /// The few relevant items that lift a basket to an amount and exceed it least.
    ///
    /// Candidates are what a slate could offer as cross-sell under the same policy: relevant, in
    /// stock, not excluded, no substitute of a basket item; at most 200 of them, by the ranking, and
    /// none with less than a tenth of the best one's relevance. Of items that replace each other only
    /// the most relevant one is a candidate: nobody buys both. They count with their price after a
    /// promotion that holds now. The caps on a slate's length have no part in it. `None` where the
    /// basket holds an item without a known price, so that nobody knows what is missing.
    ///
    /// O(the ranking + [`ThresholdFiller::fill`]).
    ///
    /// # Errors
    /// As [`offers`](Self::offers); [`Error::Query`](crate::Error::Query) for a threshold out of range.
    pub fn fillings(
        &self,
        query: &OffersQuery<'_>,
        threshold: &Threshold,
        scratch: &mut OffersScratch,
    ) -> Result<Option<BasketFillings>> {
        let model = self.model();
        check(model, query)?;
        let policy = query.policy.unwrap_or(model.policy());
        let kinds = OfferKinds::of(&[OfferKind::CrossSell]);
        let screen = Screen::new(model, policy, query, kinds);
        let Some(total) = screen.basket_total else { return Ok(None) };
        let gap = Money(threshold.amount.0.saturating_sub(total.0));
        let OffersScratch { ranking, collected, passed, choices, removed, .. } = scratch;
        let mut candidates = Vec::new();
        if gap > Money(0) {
            collected.prepare(query, model);
            collected.cross_sells(self, query, policy, MAX_THRESHOLD_CANDIDATES, ranking)?;
            screen_all(&screen, collected, passed, choices, removed);
            let relevance = |choice: &Choice| collected.candidates[choice.candidate as usize].relevance.weight;
            let best = choices.iter().map(relevance).fold(0.0, f64::max);
            choices.sort_by(|a, b| relevance(b).total_cmp(&relevance(a)).then(a.item.cmp(&b.item)));
            collected.served.clear();
            for choice in choices.iter().take_while(|choice| relevance(choice) >= RELEVANT_PART * best) {
                let price = passed[choice.candidate as usize].and_then(|passed| passed.deltas.value);
                let &Choice { item, value, .. } = choice;
                if let Some(price) =
                    price.filter(|_| !collected.served.serve(model, &collected.known[choice.candidate as usize].need))
                {
                    collected.served.add(model, item);
                    candidates.push(Filler { item, price, relevance: relevance(choice), value });
                }
            }
        }
        let &Threshold { max_overshoot, max_items, n_fillings, .. } = threshold;
        let request = ThresholdGap { gap, max_overshoot, max_items, n_fillings };
        Ok(Some(BasketFillings { gap, fillings: ThresholdFiller::default().fill(&candidates, &request)? }))
    }
}
