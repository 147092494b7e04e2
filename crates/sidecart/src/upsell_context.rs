//! What is known beyond an artifact when upgrades are asked for.

use std::path::Path;

use sidecart_core::{EventLog, ExternalId, Progress};
use sidecart_data::config::{Paths, SideTableConfig, TimeUnit};
use sidecart_data::{Promotions, Query as FileQuery, read_promotions};
use sidecart_serve::Scorer;
use sidecart_serve::upsell::{Market, PromotionKinds, PromotionPlan, UpsellModel};
use sidecart_train::upsell::{PLANNED_PERIODS, plan};

use crate::error::{Error, Result};

/// Segments named in an error.
const SHOWN_SEGMENTS: usize = 20;

/// What a scorer may know beyond its artifact when it is asked for upgrades.
#[derive(Default)]
pub struct UpsellContext {
    log: Option<EventLog>,
    market: Option<Market>,
    promotions: Option<(PromotionPlan, Promotions)>,
}

impl UpsellContext {
    /// Takes purchases made after training (see [`read_event_log`](crate::read_event_log)) and a
    /// file of promotions, in place of the plan that the model has.
    ///
    /// # Errors
    /// Any error about the file; [`Error::Serve`] for a model without upsell.
    pub fn new(
        scorer: &Scorer,
        log: Option<EventLog>,
        promotions: Option<(&Path, TimeUnit)>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let model = scorer.upsell()?;
        let market =
            log.as_ref().map(|log| model.market.extended(&model.ladders, model.periods, log, scorer.trained_through()));
        let promotions = promotions.map(|(path, unit)| read_plan(scorer, model, path, unit, progress)).transpose()?;
        Ok(Self { log, market, promotions })
    }

    /// Takes purchases made after training alone, for a model without upsell.
    #[must_use]
    pub fn from_log(log: Option<EventLog>) -> Self {
        Self { log, ..Self::default() }
    }

    /// Purchases made after training.
    #[must_use]
    pub fn log(&self) -> Option<&EventLog> {
        self.log.as_ref()
    }

    /// What sells, with the purchases after training.
    #[must_use]
    pub fn market(&self) -> Option<&Market> {
        self.market.as_ref()
    }

    /// The plan of promotions that was read.
    #[must_use]
    pub fn promotions(&self) -> Option<&PromotionPlan> {
        self.promotions.as_ref().map(|(plan, _)| plan)
    }

    /// The number of a store in the plan that counts; `None` where the plan does not name it.
    #[must_use]
    pub fn store(&self, model: &UpsellModel, id: &ExternalId) -> Option<u32> {
        match &self.promotions {
            Some((_, promotions)) => promotions.stores().find(id.as_ref()),
            None => model.stores.find(id.as_ref()),
        }
    }
}

fn read_plan(
    scorer: &Scorer,
    model: &UpsellModel,
    path: &Path,
    time_unit: TimeUnit,
    progress: &dyn Progress,
) -> Result<(PromotionPlan, Promotions)> {
    let config = SideTableConfig { path: Paths::One(path.to_path_buf()), time_unit, ..SideTableConfig::default() };
    let (promotions, summary) = read_promotions(&config, scorer.model().items(), progress)?;
    progress.note(&format!("promotions file: {summary}"));
    let kinds = PromotionKinds::from_names(model.settings.promotion_kinds.iter().map(String::as_str).collect())?;
    let first = promotions.windows().iter().map(|w| model.periods.of(w.0)).min().unwrap_or(0);
    let planned = first..=first.saturating_add(PLANNED_PERIODS);
    let plan = plan(&promotions, kinds, &model.ladders, model.periods, planned)?;
    Ok((plan, promotions))
}

/// The number of a segment by its name.
///
/// # Errors
/// [`Error::Setting`] with the names there are.
pub fn find_segment(model: &UpsellModel, name: &str) -> Result<u16> {
    segment_of(model, name).ok_or_else(|| Error::Setting {
        key: "segment".into(),
        got: name.to_owned(),
        expected: expected_segments(&model.settings.segments),
    })
}

/// The number of a segment by its name; `None` where there is none of that name.
pub(crate) fn segment_of(model: &UpsellModel, name: &str) -> Option<u16> {
    (0u16..).zip(&model.settings.segments).find(|(_, known)| *known == name).map(|(number, _)| number)
}

/// Refuses queries that name a segment the model does not have, before any is answered.
pub(crate) fn check_segments(model: &UpsellModel, path: &Path, queries: &[FileQuery]) -> Result<()> {
    for query in queries {
        if let Some(name) = query.segment.as_deref().filter(|name| segment_of(model, name).is_none()) {
            return Err(Error::QuerySegment {
                path: path.to_path_buf(),
                query_id: query.query_id,
                got: name.to_owned(),
                expected: expected_segments(&model.settings.segments),
            });
        }
    }
    Ok(())
}

fn expected_segments(names: &[String]) -> String {
    let shown = names.len().min(SHOWN_SEGMENTS);
    match names.len() - shown {
        _ if names.is_empty() => "nothing: the model was trained without [segments]".into(),
        0 => format!("one of {}", names.join(", ")),
        more => format!("one of {} and {more} more", names[..shown].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_segments_are_listed_but_not_without_end() {
        let names: Vec<String> = (0..23).map(|n| format!("s{n}")).collect();
        assert_eq!(expected_segments(&names[..2]), "one of s0, s1");
        let text = expected_segments(&names);
        assert!(text.ends_with("s18, s19 and 3 more"), "{text}");
        assert!(expected_segments(&[]).contains("without [segments]"));
    }
}
