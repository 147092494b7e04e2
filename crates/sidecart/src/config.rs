//! The configuration file: what the user typed, checked.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use sidecart_core::{Clock, Time};
use sidecart_data::Ledger;
use sidecart_data::config::{Paths, PurchasesConfig, SideTableConfig};
use sidecart_eval::{EvaluateParams, HideOneParams};
use sidecart_serve::offers::Policy;
use sidecart_train::ModelParams;
use sidecart_train::segments::{LearnedParams, SegmentSpec};
use sidecart_train::upsell::UpsellParams;

use crate::error::{Error, Result};

/// A whole configuration. Unknown keys are errors that list the valid ones.
///
/// ```
/// let config: sidecart::Config = sidecart::Config::parse(
///     "seed = 7\n[purchases]\npath = 'purchases.parquet'\n",
///     std::path::Path::new("shop.toml"),
/// )?;
/// assert_eq!(config.seed, 7);
/// assert_eq!(config.models.neighbours.per_item, 200);
/// # Ok::<(), sidecart::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seed of every random choice. Default 1.
    pub seed: u64,
    /// The history.
    pub purchases: PurchasesConfig,
    /// The item table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<SideTableConfig>,
    /// The customer table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customers: Option<SideTableConfig>,
    /// The promotion calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotions: Option<SideTableConfig>,
    /// Which customers belong together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<SegmentsConfig>,
    /// Parameters of the models.
    pub models: ModelParams,
    /// What an upgrade is and how its probability is learned.
    pub upsell: UpsellParams,
    /// How accuracy is measured.
    pub evaluate: EvaluateConfig,
    /// The shop's rules for offers.
    pub policy: Policy,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            purchases: PurchasesConfig::default(),
            items: None,
            customers: None,
            promotions: None,
            segments: None,
            models: ModelParams::default(),
            upsell: UpsellParams::default(),
            evaluate: EvaluateConfig::default(),
            policy: Policy::default(),
        }
    }
}

/// `[segments]`: which customers belong together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentsConfig {
    /// A column of the customer table, several whose values are joined, or how segments are
    /// learned.
    pub by: SegmentColumns,
}

/// Where segments come from: one column, several, or behaviour.
///
/// ```
/// let text = "[segments]\nby = { learned = 'k-means', k = 6 }\n";
/// let config = sidecart::Config::parse(text, "shop.toml".as_ref())?;
/// let sidecart::SegmentColumns::Learned(learned) = config.segments.unwrap().by else { panic!() };
/// assert_eq!((learned.k, learned.min_baskets), (6, 5));
/// # Ok::<(), sidecart::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum SegmentColumns {
    /// One column.
    One(String),
    /// Several; a segment is a combination of their values.
    Many(Vec<String>),
    /// Learned from how customers shop.
    Learned(LearnedParams),
}

impl SegmentColumns {
    /// The column names; none where segments are learned.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
            Self::Learned(_) => &[],
        }
    }

    /// The same in the terms of training.
    #[must_use]
    pub fn spec(&self) -> SegmentSpec {
        match self {
            Self::One(_) | Self::Many(_) => SegmentSpec::Columns(self.as_slice().to_vec()),
            Self::Learned(params) => SegmentSpec::Learned(params.clone()),
        }
    }
}

/// Chooses by the form of the value, so that a mistake inside a table is named as such.
impl<'de> Deserialize<'de> for SegmentColumns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByForm;
        impl<'de> Visitor<'de> for ByForm {
            type Value = SegmentColumns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column, a list of columns or a table such as { learned = \"k-means\" }")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(SegmentColumns::One(name.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<Self::Value, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(names)).map(SegmentColumns::Many)
            }

            fn visit_map<A: MapAccess<'de>>(self, params: A) -> Result<Self::Value, A::Error> {
                Deserialize::deserialize(MapAccessDeserializer::new(params)).map(SegmentColumns::Learned)
            }
        }
        deserializer.deserialize_any(ByForm)
    }
}

/// `[evaluate]`: how accuracy is measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateConfig {
    /// First time of the test baskets (`2017-11-01`, or a number where times are numbers);
    /// without it the newest `test_share`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_from: Option<TimeText>,
    /// Share of the newest baskets that are test baskets. Default 0.1, range 0.001 to 0.9.
    pub test_share: f64,
    /// Most test baskets used, chosen by a hash of their ids. Default 10000, at least 1.
    pub max_cases: usize,
    /// Items in fewer training baskets are never hidden. Default 5, at least 1.
    pub min_item_baskets: u32,
    /// Most further cases that hide an item in fewer training baskets, for the slice of cold items.
    /// Default 2000; 0 leaves them out.
    pub max_cold_cases: usize,
    /// Items outside this many most popular ones are the tail. Default 1000,
    /// at least 1.
    pub head_items: usize,
    /// Bootstrap resamples behind the intervals. Default 1000, at least 100.
    pub resamples: u32,
    /// Days in which a customer has to order again to count as retained. Default 30, at least 1.
    pub retention_days: u32,
}

/// A time as people type it in TOML: a date, a text or a number.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TimeText {
    /// A day or order number.
    Number(i64),
    /// A date or date and time.
    Text(String),
    /// A bare TOML date.
    Date(toml::value::Datetime),
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        let hide = HideOneParams::default();
        Self {
            test_from: None,
            test_share: 0.1,
            max_cases: 10_000,
            min_item_baskets: hide.min_item_baskets,
            max_cold_cases: 2_000,
            head_items: hide.head_items,
            resamples: 1_000,
            retention_days: 30,
        }
    }
}

impl EvaluateConfig {
    pub(crate) fn hide(&self, seed: u64) -> HideOneParams {
        HideOneParams {
            seed,
            min_item_baskets: self.min_item_baskets,
            max_cases: self.max_cases,
            max_cold_cases: self.max_cold_cases,
            head_items: self.head_items,
        }
    }

    pub(crate) fn measure(&self, seed: u64) -> EvaluateParams {
        EvaluateParams { seed, resamples: self.resamples as _, ..EvaluateParams::default() }
    }

    /// The time that was given to split at.
    fn from(&self, clock: Clock) -> Result<Option<Time>> {
        let Some(text) = &self.test_from else { return Ok(None) };
        let text = match text {
            TimeText::Number(n) => n.to_string(),
            TimeText::Text(t) => t.clone(),
            TimeText::Date(d) => d.to_string(),
        };
        parse_time(&text, clock).map(Some).ok_or_else(|| Error::Setting {
            key: "evaluate.test_from".into(),
            got: text,
            expected: expected_time(clock).into(),
        })
    }

    /// The time that was given to split at, where baskets of a history lie on both sides of it.
    pub(crate) fn split_at(&self, ledger: &Ledger) -> Result<Option<Time>> {
        let clock = ledger.clock();
        let span = ledger.first_time().zip(ledger.last_time());
        let (Some(at), Some((first, last))) = (self.from(clock)?, span) else { return Ok(None) };
        let needed = match at {
            at if at <= first => "train on",
            at if at > last => "test on",
            _ => return Ok(Some(at)),
        };
        let [got, first, last] = [at, first, last].map(|time| clock.show(time));
        Err(Error::TestFrom { got, needed, first, last })
    }
}

/// Reads a time in the form a clock shows it.
#[must_use]
pub fn parse_time(text: &str, clock: Clock) -> Option<Time> {
    clock.parse(text)
}

/// What a time of a clock looks like.
#[must_use]
pub fn expected_time(clock: Clock) -> &'static str {
    clock.expected()
}

impl Config {
    /// Reads a configuration file; relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`Error::ConfigFile`], [`Error::Config`] with line and valid names, or [`Error::Setting`].
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::ConfigFile { path: path.to_path_buf(), source })?;
        Self::parse(&text, path)
    }

    /// Reads a configuration from text; `path` names it in messages and anchors relative paths.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut config: Self = toml::from_str(text)
            .map_err(|e| Error::Config { path: path.to_path_buf(), problem: e.to_string().trim_end().to_owned() })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.purchases.path.resolve_against(folder);
        for table in [&mut config.items, &mut config.customers, &mut config.promotions].into_iter().flatten() {
            table.path.resolve_against(folder);
        }
        config.check()?;
        Ok(config)
    }

    /// A configuration of paths alone, everything else at its default.
    #[must_use]
    pub fn from_paths(
        purchases: PathBuf,
        items: Option<PathBuf>,
        customers: Option<PathBuf>,
        promotions: Option<PathBuf>,
    ) -> Self {
        let table = |path: Option<PathBuf>| {
            path.map(|path| SideTableConfig { path: Paths::One(path), ..SideTableConfig::default() })
        };
        Self {
            purchases: PurchasesConfig { path: Paths::One(purchases), ..PurchasesConfig::default() },
            items: table(items),
            customers: table(customers),
            promotions: table(promotions),
            ..Self::default()
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Setting`] or an error of the part concerned.
    pub fn check(&self) -> Result<()> {
        self.models.check()?;
        self.upsell.check().map_err(|source| sidecart_train::Error::Parameter { section: "upsell", source })?;
        let setting = |key: &str, got: String, expected: &str| {
            Err(Error::Setting { key: key.into(), got, expected: expected.into() })
        };
        if let Err(problem) = self.policy.check() {
            // `key = got: expected ..`, or `key: what: expected ..` where there is no one value.
            let (key_and_got, expected) = problem.split_once(": expected ").unwrap_or((&problem, "another value"));
            let (key, got) =
                key_and_got.split_once(" = ").or(key_and_got.split_once(": ")).unwrap_or((key_and_got, ""));
            return setting(&format!("policy.{key}"), got.into(), expected);
        }
        let e = &self.evaluate;
        if !(0.001..=0.9).contains(&e.test_share) {
            return setting("evaluate.test_share", e.test_share.to_string(), "a number from 0.001 to 0.9");
        }
        if e.max_cases == 0 {
            return setting("evaluate.max_cases", "0".into(), "a whole number of at least 1");
        }
        let counts = [
            ("min_item_baskets", e.min_item_baskets as usize),
            ("head_items", e.head_items),
            ("retention_days", e.retention_days as usize),
        ];
        for (key, got) in counts {
            if got == 0 {
                return setting(&format!("evaluate.{key}"), "0".into(), "a whole number of at least 1");
            }
        }
        if e.resamples < 100 {
            return setting("evaluate.resamples", e.resamples.to_string(), "a whole number of at least 100");
        }
        match self.segments.as_ref().map(|segments| &segments.by) {
            Some(SegmentColumns::Learned(params)) => {
                if let Err(error) = params.check() {
                    return setting(&format!("segments.by.{}", error.name), error.got, error.expected);
                }
            }
            Some(_) if self.customers.is_none() => {
                return setting("segments.by", "a column".into(), "a [customers] table to find it in");
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sidecart_serve::offers::{OfferKind, Touchpoint};
    use sidecart_train::segments::LearnMethod;

    use super::*;

    fn problem(text: &str) -> String {
        let error = Config::parse(&format!("{text}\n"), Path::new("shops/shop.toml")).unwrap_err();
        assert_eq!(error.class(), sidecart_core::ErrorClass::Caller, "{error}");
        error.to_string()
    }

    #[test]
    fn a_policy_is_read_and_its_mistakes_are_named() {
        let text = r#"
            [policy]
            objective = "margin"
            min_relevance = 0.01
            exclude = { brands = ["Acme"], items = [7, "case"] }
            filters = [{ attribute = "storage_gb", op = ">=", of_anchor = true, kinds = ["upsell"] }]
            price_sensitivity = { hunters = 0.5 }
            caps = { cross_sell = 2 }
            [policy.touchpoints]
            checkout = ["add-on"]
            [[policy.promotions]]
            item = "case"
            discount = 0.2
            starts_at = 2025-11-24
            ends_at = "2025-12-01T12:00:00"
            requires_item = 12
        "#;
        let policy = Config::parse(text, Path::new("shop.toml")).unwrap().policy;
        assert_eq!((policy.caps.cross_sell, policy.caps.upsell), (2, 1), "what is not said keeps its default");
        assert_eq!(policy.touchpoints.allowed(Touchpoint::Checkout), OfferKind::AddOn.into());
        assert_eq!(policy.promotions[0].starts_at.0, "2025-11-24");
        for (text, said) in [
            ("[policy]\nmin_relevence = 1", &["unknown field", "`min_relevance`", "`touchpoints`"][..]),
            ("[policy]\nmin_relevance = 2", &["policy.min_relevance = 2", "from 0 to 1"]),
            ("[policy.caps]\nper_category = 0", &["policy.caps.per_category = 0", "from 1 to 12"]),
            ("[policy.touchpoints]\ntill = []", &["unknown field `till`", "`checkout`"]),
            ("[policy.touchpoints]\ncart = ['gift']", &["unknown variant `gift`", "`cross-sell`"]),
            ("[policy]\nfilters = [{ attribute = 'a', op = '~', value = 1 }]", &["unknown variant `~`", "`>=`"]),
            ("[policy]\nfilters = [{ attribute = 'a', op = '=' }]", &["policy.filters", "got neither"]),
        ] {
            let problem = problem(text);
            assert!(said.iter().all(|part| problem.contains(part)), "{problem}");
        }
    }

    #[test]
    fn unknown_keys_list_the_valid_ones() {
        for (text, line, valid) in [
            ("sead = 1", "line 1", ["`seed`", "`purchases`", "`models`", "`evaluate`"]),
            ("seed = 1\n[purchases]\nbath = 'p'", "line 3", ["`path`", "`on_bad_row`", "`columns`", "`time_unit`"]),
            ("[models.neighbours]\nper_itm = 3", "line 2", ["`per_item`", "`measure`", "`alpha`", "`beta`"]),
            ("[models.neighbors]", "line 1", ["`neighbours`", "`associations`", "`embeddings`", "`mixture`"]),
            (
                "[models.mixture.weights]\nknown = []",
                "line 2",
                ["`completion_known`", "`completion_anonymous`", "`discovery_known`", "`discovery_anonymous`"],
            ),
            (
                "[segments]\nby = { learned = 'k-means', n = 3 }",
                "line 2",
                ["unknown field `n`", "`learned`", "`k`", "`min_baskets`"],
            ),
            (
                "[segments]\nby = { learned = 'kmeans' }",
                "line 2",
                ["unknown variant `kmeans`", "`k-means`", "`gaussian-mixture`", "by = "],
            ),
            ("[segments]\nby = { k = 3 }", "line 2", ["missing field", "`learned`", "by = ", "{ k = 3 }"]),
            ("[segments]\nby = 3", "line 2", ["a column", "a list of columns", "learned", "by = 3"]),
            ("[segments]\nby = ['age', 3]", "line 2", ["a string", "by = ", "'age'", "3"]),
            ("[evaluate]\nshare = 0.1", "line 2", ["`test_from`", "`test_share`", "`max_cases`", "`resamples`"]),
            ("[items]\npaht = 'i'", "line 2", ["`path`", "`on_bad_row`", "`columns`", "unknown field `paht`"]),
            (
                "[models.neighbours]\nmeasure = 'cosin'",
                "line 2",
                ["`asymmetric-cosine`", "`cosine`", "`jaccard`", "`lift`"],
            ),
        ] {
            let problem = problem(text);
            assert!(problem.contains("shop.toml") && problem.contains(line), "{problem}");
            assert!(valid.iter().all(|name| problem.contains(name)), "{problem}");
        }
    }

    #[test]
    fn ranges_are_checked_with_their_keys() {
        for (text, key) in [
            ("[evaluate]\ntest_share = 0.95", "evaluate.test_share"),
            ("[evaluate]\ntest_share = nan", "evaluate.test_share"),
            ("[evaluate]\nmax_cases = 0", "evaluate.max_cases"),
            ("[evaluate]\nmin_item_baskets = 0", "evaluate.min_item_baskets"),
            ("[evaluate]\nhead_items = 0", "evaluate.head_items"),
            ("[evaluate]\nresamples = 99", "evaluate.resamples"),
            ("[evaluate]\nretention_days = 0", "evaluate.retention_days"),
            ("[segments]\nby = 'age'", "segments.by"),
            (
                "[segments]\nby = { learned = 'k-means', k = 1 }",
                "segments.by.k = 1: expected a whole number from 2 to 64",
            ),
            ("[segments]\nby = { learned = 'gaussian-mixture', k = 65 }", "segments.by.k = 65"),
            ("[segments]\nby = { learned = 'k-means', min_baskets = 0 }", "segments.by.min_baskets = 0"),
            ("[models.own]\nfrequency_tau_days = 0.0", "frequency_tau_days"),
            ("[models.baskets]\nper_item = 0", "per_item"),
            ("[models.mixture]\nmin_cases = 0", "min_cases"),
        ] {
            assert!(problem(text).contains(key), "{}", problem(text));
        }
    }

    #[test]
    fn segments_are_columns_or_learned() {
        let parse = |by: &str| {
            let text = format!("[customers]\npath = 'c.parquet'\n[segments]\nby = {by}\n");
            let config = Config::parse(&text, Path::new("shop.toml")).unwrap();
            let again: SegmentsConfig = toml::from_str(&toml::to_string(&config.segments).unwrap()).unwrap();
            assert_eq!(config.segments, Some(again.clone()), "written and read again");
            again.by
        };
        assert_eq!(parse("'age'"), SegmentColumns::One("age".into()));
        assert_eq!(parse("['age', 'income']").spec(), SegmentSpec::Columns(vec!["age".into(), "income".into()]));
        let learned = LearnedParams { learned: LearnMethod::GaussianMixture, k: 3, min_baskets: 2 };
        let by = parse("{ learned = 'gaussian-mixture', k = 3, min_baskets = 2 }");
        assert_eq!((by.as_slice(), by.spec()), (&[][..], SegmentSpec::Learned(learned)));
        // Learned segments need no customer table.
        assert!(Config::parse("[segments]\nby = { learned = 'k-means' }\n", Path::new("x")).is_ok());
    }

    #[test]
    fn one_weight_row_can_be_given_alone() {
        let text = "[models.mixture.weights]\ncompletion_known = [1, 0, 0, 0, 0, 0, 0, 0]\n";
        let weights = Config::parse(text, Path::new("shop.toml")).unwrap().models.mixture.weights;
        let default = ModelParams::default().mixture.weights;
        assert_eq!(weights.completion_known, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(weights.discovery_known, default.discovery_known);
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let text = "[purchases]\npath = ['a.parquet', '/b.parquet']\n[items]\npath = 'i.parquet'\n";
        let config = Config::parse(text, Path::new("shops/shop.toml")).unwrap();
        assert_eq!(config.purchases.path.as_slice(), [PathBuf::from("shops/a.parquet"), "/b.parquet".into()]);
        assert_eq!(config.items.unwrap().path.as_slice(), [PathBuf::from("shops/i.parquet")]);
    }

    #[test]
    fn a_test_time_is_read_by_the_clock() {
        let from = |text: &str, clock| {
            Config::parse(&format!("[evaluate]\ntest_from = {text}\n"), Path::new("x")).unwrap().evaluate.from(clock)
        };
        let day = Time::parse("2017-11-01").unwrap();
        for text in ["2017-11-01", "'2017-11-01'", "2017-11-01T00:00:00"] {
            assert_eq!(from(text, Clock::Calendar).unwrap(), Some(day), "{text}");
        }
        assert_eq!(from("640", Clock::Days).unwrap(), Some(Time(640 * sidecart_core::MICROS_PER_DAY)));
        assert_eq!(from("640", Clock::Order).unwrap(), Some(Time(640)));
        for (text, clock) in [("640", Clock::Calendar), ("'soon'", Clock::Order), ("1", Clock::None)] {
            assert!(from(text, clock).unwrap_err().to_string().contains("evaluate.test_from"));
        }
    }
}
