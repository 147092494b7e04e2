pub(crate) mod build;
mod grid;
pub(crate) mod html;
pub(crate) mod numbers;
pub(crate) mod plots;
pub(crate) mod table;

use serde::{Deserialize, Serialize};

pub(crate) use build::build;

use crate::ProtocolFacts;
use crate::customers::SegmentReport;
use crate::intervals::Estimate;
use crate::metrics::Metric;

/// The result of an evaluation. Field names are stable; [`Report::to_json`] writes them as they
/// are. Values and interval ends are rounded to nine decimals.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Number of this layout.
    pub format: u32,
    /// How the cases came to be.
    pub protocol: ProtocolFacts,
    /// How the intervals came to be.
    pub intervals: IntervalFacts,
    /// Name of the ranker that the others are compared with.
    pub reference: Option<String>,
    /// The groups of cases: all, new, tail, those of a cold start where there are any, then one per
    /// segment.
    pub slices: Vec<SliceFacts>,
    /// One row per ranker in the order given.
    pub rankers: Vec<RankerRow>,
    /// What a reader should know before trusting the numbers.
    pub warnings: Vec<String>,
    /// What customers are worth, where the caller has added it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customers: Option<SegmentReport>,
}

/// How intervals came to be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct IntervalFacts {
    /// Name of the method.
    pub method: String,
    /// Share of intervals that hold the true value.
    pub level: f64,
    /// Number of resamples.
    pub resamples: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Cases below which a slice shows no value.
    pub min_cases: usize,
    /// Cases below which a slice carries a warning.
    pub few_cases: usize,
}

/// What groups the cases of a slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SliceKind {
    /// Every case.
    All,
    /// Cases whose known customer never bought the hidden item before.
    New,
    /// Cases whose hidden item is outside the head of bestsellers.
    Tail,
    /// Cases whose known customer has no earlier basket.
    FirstBasket,
    /// Cases whose hidden item is too rare in training to be asked for otherwise; in no other slice.
    ColdItem,
    /// Cases of one customer segment.
    Segment,
}

/// How far the numbers of a slice carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SliceState {
    /// Enough cases.
    Measured,
    /// Few cases: the values are shown with a warning.
    Few,
    /// Too few cases: no value is shown.
    Refused,
}

/// A group of cases.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SliceFacts {
    /// `all`, `new`, `tail`, `first basket`, `cold items` or the label of the segment.
    pub name: String,
    /// What groups its cases.
    pub kind: SliceKind,
    /// Number of cases.
    pub n_cases: usize,
    /// Number of clusters: different customers plus anonymous baskets.
    pub n_clusters: usize,
    /// How far its numbers carry.
    pub state: SliceState,
}

/// Part of a ranker in a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A simple ranker that the others should beat.
    Baseline,
    /// A ranker to be measured.
    Model,
}

/// What was measured of one ranker.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RankerRow {
    /// Its name.
    pub name: String,
    /// Its part in the comparison.
    pub role: Role,
    /// Share of the vocabulary among the first ten offers of all cases; see
    /// [`coverage`](crate::metrics::coverage).
    pub coverage_10: Option<f64>,
    /// Mean popularity percentile of the first ten offers; see
    /// [`popularity`](crate::metrics::popularity).
    pub popularity_10: Option<f64>,
    /// Share of the first ten offers that are tail; see [`tail_share`](crate::metrics::tail_share).
    #[serde(default)]
    pub tail_share_10: Option<f64>,
    /// How unequally the first ten offers spread over the vocabulary; see
    /// [`gini`](crate::metrics::gini).
    #[serde(default)]
    pub gini_10: Option<f64>,
    /// Cases that got no offer; they count as misses.
    pub n_empty: usize,
    /// One entry per slice of the report, in its order.
    pub slices: Vec<RankerSlice>,
}

/// The metrics of one ranker on one slice; `None` where the slice is refused.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RankerSlice {
    /// Name of the slice.
    pub slice: String,
    /// Hit rate at 10.
    pub hr_10: Option<Measured>,
    /// NDCG at 10.
    pub ndcg_10: Option<Measured>,
    /// Mean reciprocal rank at 20.
    pub mrr_20: Option<Measured>,
    /// Hit rate at 50.
    pub hr_50: Option<Measured>,
}

/// A metric with its 95 % interval and its distance from the reference.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// This ranker minus the reference on the same cases; `None` for the reference itself.
    pub difference: Option<Estimate>,
}

impl Measured {
    /// The value with its interval.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        Estimate { value: self.value, low: self.low, high: self.high }
    }
}

impl RankerSlice {
    /// The value of a metric.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<&Measured> {
        match metric {
            Metric::HitRate10 => self.hr_10.as_ref(),
            Metric::Ndcg10 => self.ndcg_10.as_ref(),
            Metric::Mrr20 => self.mrr_20.as_ref(),
            Metric::HitRate50 => self.hr_50.as_ref(),
        }
    }
}

impl SliceFacts {
    /// The slice in words.
    #[must_use]
    pub fn title(&self) -> String {
        match self.kind {
            SliceKind::All => "All cases".into(),
            SliceKind::New => "New: the customer never bought the hidden item before".into(),
            SliceKind::Tail => "Tail: the hidden item is no bestseller".into(),
            SliceKind::FirstBasket => "First basket: nothing is known of the customer".into(),
            SliceKind::ColdItem => "Cold items: the hidden item was hardly ever sold before".into(),
            SliceKind::Segment => format!("Segment {}", self.name),
        }
    }
}

impl Report {
    /// The ranker of a name.
    #[must_use]
    pub fn ranker(&self, name: &str) -> Option<&RankerRow> {
        self.rankers.iter().find(|row| row.name == name)
    }

    /// The model with the highest HR@10 over all cases; the first one of equals, `None` without a
    /// measured model.
    #[must_use]
    pub fn best_model(&self) -> Option<&RankerRow> {
        let hit_rate = |row: &RankerRow| row.slices.first().and_then(|slice| slice.hr_10).map(|hr| hr.value);
        self.rankers
            .iter()
            .filter(|row| row.role == Role::Model && hit_rate(row).is_some())
            .reduce(|best, row| if hit_rate(row) > hit_rate(best) { row } else { best })
    }

    /// The report as indented JSON; reading it back gives an equal report.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report holds texts and numbers only")
    }
}
