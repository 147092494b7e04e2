use super::{Figures, FrontierPoint, FrontierReport, FrontierStep};
use crate::intervals::Estimate;
use crate::report::numbers::{count, share};
use crate::report::table::TextPage;

/// Questions that figures are given for.
pub(super) const PER: f64 = 1_000.0;

impl FrontierReport {
    /// The report as aligned text for a terminal, with a legend; figures for 1,000 baskets.
    #[must_use]
    pub fn to_table(&self) -> String {
        let mut text = TextPage::new(self.fact_lines());
        for section in self.sections() {
            text.block(section.title, &section.notes, &section.grid);
        }
        text.finish(&self.legend(), &self.warnings)
    }

    /// Where the questions come from, a sentence a line.
    pub(super) fn fact_lines(&self) -> Vec<String> {
        let facts = &self.facts;
        let since = facts.split_time.as_ref().map_or_else(String::new, |time| format!(" from {time} on"));
        vec![
            format!(
                "frontier of relevance and {}: slates of up to {} things to add (upsells and add-ons are not part of \
                 it: `evaluate --kind upsell` measures upgrades)",
                facts.objective, facts.k
            ),
            format!(
                "{} test baskets{since}, cut in two at random: one half asks, the other is what comes (seed {})",
                count(facts.n_test_baskets),
                facts.seed
            ),
            format!(
                "{} questions of {} customers and {} anonymous baskets, {} items in the other halves; {} baskets of a \
                 single item, {} left out of the sample",
                count(facts.n_questions),
                count(facts.n_customers),
                count(facts.n_anonymous),
                count(facts.n_hidden),
                count(facts.n_single_baskets),
                count(facts.n_unsampled_baskets)
            ),
        ]
    }

    /// Tables with their titles.
    pub(super) fn sections(&self) -> Vec<Section> {
        let money = &self.facts.objective;
        let mut sections = vec![Section {
            title: format!("Realised: hits and their {money} for 1,000 baskets"),
            notes: Vec::new(),
            grid: self.realised_grid(),
        }];
        sections.push(self.steps("The price of relevance, realised", &self.realised_steps));
        if self.points.iter().any(|point| point.expected.is_some()) {
            sections.push(Section {
                title: format!("Expected by the model: hits and their {money} for 1,000 baskets"),
                notes: Vec::new(),
                grid: self.expected_grid(),
            });
            sections.push(self.steps("The price of relevance, expected", &self.expected_steps));
        }
        sections
    }

    fn realised_grid(&self) -> Vec<Vec<String>> {
        let money = self.facts.objective.as_str();
        let hit_rate = format!("HR@{}", self.facts.k);
        let digits = digits(self.points.iter().map(|point| &point.realised.value));
        let header =
            ["slates", "offers", &hit_rate, "hits", "vs relevance", money, "vs relevance", "estimated", "frontier"];
        let mut grid = vec![header.map(str::to_owned).to_vec()];
        grid.extend(self.points.iter().map(|point| {
            let rate = format!("{} ±{}", share(point.hit_rate.value), share(point.hit_rate.margin()));
            let mut cells = vec![label(point), format!("{:.2}", point.n_offers), rate];
            cells.extend(figures(&point.realised, digits));
            cells.push(point.estimated_share.map_or_else(|| "-".into(), |share| format!("{:.0} %", 100.0 * share)));
            cells.push(standing(point, &point.realised).into());
            cells
        }));
        grid
    }

    fn expected_grid(&self) -> Vec<Vec<String>> {
        let money = self.facts.objective.as_str();
        let expected = self.points.iter().filter_map(|point| point.expected.as_ref());
        let digits = digits(expected.map(|expected| &expected.value));
        let header = ["slates", "hits", "vs relevance", money, "vs relevance", "frontier"];
        let mut grid = vec![header.map(str::to_owned).to_vec()];
        grid.extend(self.points.iter().map(|point| {
            let mut cells = vec![label(point)];
            match &point.expected {
                Some(expected) => {
                    cells.extend(figures(expected, digits));
                    cells.push(standing(point, expected).into());
                }
                None => cells.resize(header.len(), "-".into()),
            }
            cells
        }));
        grid
    }

    fn steps(&self, title: &str, steps: &[FrontierStep]) -> Section {
        let money = self.facts.objective.as_str();
        let digits = digits(steps.iter().map(|step| &step.value));
        let per_hit = format!("{money} per lost hit");
        let header = ["exponent", "hits", money, per_hit.as_str()];
        let mut grid = vec![header.map(str::to_owned).to_vec()];
        grid.extend(steps.iter().map(|step| {
            let price = match &step.price {
                Some(price) => format!("{:.2} ({:.2} to {:.2})", price.value, price.low, price.high),
                None => "not distinguishable".into(),
            };
            let span = format!("{} -> {}", step.from, step.to);
            vec![span, signed(&step.hits, 1), signed(&step.value, digits), price]
        }));
        let notes = if steps.is_empty() {
            vec!["no exponent has more of one for less of the other: there is nothing to trade".into()]
        } else {
            Vec::new()
        };
        Section { title: title.into(), notes, grid }
    }

    /// Each term of the report with its meaning.
    pub(super) fn legend(&self) -> Vec<(&'static str, String)> {
        let facts = &self.intervals;
        let money = &self.facts.objective;
        vec![
            (
                "exponent",
                "of the gain in the value p x gain^exponent (policy.gain_exponent): 0 is pure relevance, 1 pure money"
                    .into(),
            ),
            ("offers", "offers of a slate".into()),
            ("HR", "share of questions with at least one hit".into()),
            ("hits", "offers that the other half of the basket holds; expected: the sum of their probabilities".into()),
            (
                "money",
                format!(
                    "{money} of the hits, one piece each, as the item table or the training part has it; expected: the sum of p x gain"
                ),
            ),
            ("estimated", format!("share of the hits whose {money} is an estimate, because the shop does not say it")),
            ("frontier", "yes: no exponent has more of one and no less of the other; dominated: one has".into()),
            (
                "per lost hit",
                format!("{money} gained for each hit given up between two neighbours of the frontier (95 % interval)"),
            ),
            (
                "not distinguishable",
                "the difference of hits or of money is within its noise, so that a ratio would say nothing".into(),
            ),
            (
                "±",
                format!(
                    "longer arm of the {:.0} % interval ({}, {} resamples)",
                    facts.level * 100.0,
                    facts.method,
                    count(facts.resamples)
                ),
            ),
            ("a (b to c)", "a difference on the same questions with its interval".into()),
        ]
    }
}

/// A table with what is said of it.
pub(super) struct Section {
    pub(super) title: String,
    pub(super) notes: Vec<String>,
    pub(super) grid: Vec<Vec<String>>,
}

/// The name of a point; that of the policy says so.
pub(super) fn label(point: &FrontierPoint) -> String {
    let mark = match point.exponent {
        None => " (baseline)",
        Some(_) if point.is_policy => " (policy)",
        Some(_) => "",
    };
    format!("{}{mark}", point.name)
}

fn standing(point: &FrontierPoint, figures: &Figures) -> &'static str {
    match (figures.is_on_frontier, point.exponent) {
        (true, Some(_)) => "yes",
        (true, None) => "not dominated",
        (false, _) => "dominated",
    }
}

/// Decimals of amounts: small ones in cents.
fn digits<'a>(amounts: impl Iterator<Item = &'a Estimate>) -> usize {
    if amounts.map(|amount| PER * amount.value.abs()).fold(0.0, f64::max) < 1_000.0 { 2 } else { 0 }
}

fn figures(figures: &Figures, digits: usize) -> [String; 4] {
    let plain = |estimate: &Estimate, digits: usize| {
        format!("{:.digits$} ±{:.digits$}", PER * estimate.value, PER * estimate.margin())
    };
    let difference = |estimate: &Option<Estimate>, digits: usize| {
        estimate.as_ref().map_or_else(|| "-".into(), |estimate| signed(estimate, digits))
    };
    [
        plain(&figures.hits, 1),
        difference(&figures.hits_difference, 1),
        plain(&figures.value, digits),
        difference(&figures.value_difference, digits),
    ]
}

/// A difference with its sign and its interval, which need not be symmetric.
fn signed(estimate: &Estimate, digits: usize) -> String {
    let [value, low, high] = [estimate.value, estimate.low, estimate.high].map(|x| PER * x);
    format!("{value:+.digits$} ({low:+.digits$} to {high:+.digits$})")
}
