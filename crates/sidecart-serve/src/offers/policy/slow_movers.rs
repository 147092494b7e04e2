use serde::{Deserialize, Serialize};

use super::settings::number;

/// Which stock counts as slow, and how much more an offer of it is worth. A factor on the value
/// alone: an offer below `min_relevance` stays out.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlowMovers {
    /// Share by which the value grows. Default 0 (off), range 0 to 10.
    pub boost: f64,
    /// Stock that lasts longer at the newest rate of sales is slow. Default 90 days, range 1 to
    /// 36500.
    pub days_of_cover: f64,
    /// An item first sold later than this many days before the question is new, not slow; one
    /// whose first sale is unknown is not new. Default 60 days, range 0 to 36500.
    pub min_age_days: f64,
}

impl Default for SlowMovers {
    fn default() -> Self {
        Self { boost: 0.0, days_of_cover: 90.0, min_age_days: 60.0 }
    }
}

impl SlowMovers {
    pub(super) fn check(&self) -> Result<(), String> {
        number("slow_movers.boost", self.boost, 0.0, 10.0)?;
        number("slow_movers.days_of_cover", self.days_of_cover, 1.0, 36_500.0)?;
        number("slow_movers.min_age_days", self.min_age_days, 0.0, 36_500.0)
    }
}
