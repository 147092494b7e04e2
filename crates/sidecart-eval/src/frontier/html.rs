use super::FrontierReport;
use super::plot::frontier_plot;
use super::table::PER;
use crate::report::html::{STYLE, capitalised, escape, opening, page, table};

const FRONTIER_STYLE: &str = include_str!("page.css");

impl FrontierReport {
    /// The report as one self-contained page: no script, nothing loaded from elsewhere, the plot as
    /// inline SVG with a text for readers who cannot see it.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut body = opening("Relevance and value", &self.summary(), &self.fact_lines(), &self.warnings);
        body.push_str(&frontier_plot(self));
        for section in self.sections() {
            body.push_str(&format!("<h2>{}</h2>\n", escape(&section.title)));
            for note in &section.notes {
                body.push_str(&format!("<p>{}</p>\n", escape(&capitalised(note))));
            }
            body.push_str(&table(&section.grid, None));
        }
        page("relevance and value", &[STYLE, FRONTIER_STYLE], body, &self.legend())
    }

    /// The result in one or two sentences.
    fn summary(&self) -> String {
        let on_frontier =
            || self.points.iter().filter(|point| point.exponent.is_some() && point.realised.is_on_frontier);
        let (Some(first), Some(last)) = (on_frontier().next(), on_frontier().next_back()) else {
            return "No exponent was measured.".into();
        };
        let money = &self.facts.objective;
        if first.exponent == last.exponent {
            return format!(
                "Of all exponents {} has both the most hits and the most {money}: nothing is to be traded.",
                first.name
            );
        }
        format!(
            "Along the frontier, from {} to {}, 1,000 baskets give up {:.1} hits for {:+.2} of {money}.",
            first.name,
            last.name,
            PER * (first.realised.hits.value - last.realised.hits.value),
            PER * (last.realised.value.value - first.realised.value.value)
        )
    }
}
