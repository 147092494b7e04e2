use super::UpsellReport;
use super::plots::{gain_plot, reliability_plot, segment_plot, sensitivity_plot};
use super::table::SectionKind;
use crate::report::html::{STYLE, capitalised, escape, opening, page, table};

const CURVE_STYLE: &str = include_str!("page.css");

impl UpsellReport {
    /// The report as one self-contained page: no script, nothing loaded from elsewhere, plots as
    /// inline SVG with a text for readers who cannot see them.
    #[must_use]
    pub fn to_html(&self) -> String {
        let summary = capitalised(&self.summary());
        let mut body = opening("Upgrade probabilities", &summary, &self.fact_lines(), &self.warnings);
        for section in self.sections() {
            body.push_str(&format!("<h2>{}</h2>\n", escape(&section.title)));
            for note in &section.notes {
                body.push_str(&format!("<p>{}</p>\n", escape(&capitalised(note))));
            }
            match section.kind {
                SectionKind::Segments => body.push_str(&segment_plot(self)),
                SectionKind::Sensitivity(proxy_idx) => {
                    body.push_str(&sensitivity_plot(proxy_idx, &self.sensitivities[proxy_idx]));
                }
                _ => {}
            }
            let stands_out =
                matches!(section.kind, SectionKind::Models | SectionKind::Differences | SectionKind::Targets);
            body.push_str(&table(&section.grid, stands_out.then_some(self.default_model.as_str())));
            if section.kind == SectionKind::Differences {
                body.push_str(&reliability_plot(self));
                body.push_str(&gain_plot(self));
            }
        }
        page("upgrade probabilities", &[STYLE, CURVE_STYLE], body, &self.legend())
    }
}
