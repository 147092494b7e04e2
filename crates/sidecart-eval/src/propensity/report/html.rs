use super::UpsellReport;
use super::plots::{gain_plot, reliability_plot, segment_plot, sensitivity_plot};
use super::table::SectionKind;
use crate::report::html::{STYLE, capitalised, escape, table};

const CURVE_STYLE: &str = include_str!("page.css");

impl UpsellReport {
    /// The report as one self-contained page: no script, nothing loaded from elsewhere, plots as
    /// inline SVG with a text for readers who cannot see them.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut body = format!(
            "<h1>Upgrade probabilities</h1>\n<p class=\"lead\">{}</p>\n",
            escape(&capitalised(&self.summary()))
        );
        for line in self.fact_lines() {
            body.push_str(&format!("<p class=\"faint\">{}.</p>\n", escape(&capitalised(&line))));
        }
        if !self.warnings.is_empty() {
            let items: String =
                self.warnings.iter().map(|warning| format!("<li>{}</li>\n", escape(&capitalised(warning)))).collect();
            body.push_str(&format!("<ul class=\"warn\" aria-label=\"Warnings\">\n{items}</ul>\n"));
        }
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
        body.push_str("<h2>What the columns mean</h2>\n<dl>\n");
        for (term, words) in self.legend() {
            body.push_str(&format!("<dt>{}</dt><dd>{}</dd>\n", escape(term), escape(&words)));
        }
        body.push_str("</dl>\n");
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<title>Sidecart: upgrade probabilities</title>\n\
             <style>\n{STYLE}{CURVE_STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
        )
    }
}
