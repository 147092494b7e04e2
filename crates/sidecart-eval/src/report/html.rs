use super::numbers::{count, share};
use super::plots::{forest_plot, segment_bars};
use super::{RankerRow, Report, SliceFacts, SliceKind};

pub(crate) const STYLE: &str = include_str!("page.css");

impl Report {
    /// The report as one self-contained page: no script, nothing loaded from elsewhere, plots as
    /// inline SVG with a text for readers who cannot see them.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut body = opening("Offline evaluation", &self.summary(), &self.fact_lines(), &self.warnings);
        if let Some(plot) = forest_plot(self) {
            body.push_str("<h2>HR@10 with 95&nbsp;% intervals</h2>\n");
            body.push_str(&plot);
        }
        for (slice_idx, slice) in self.slices.iter().enumerate().filter(|(_, s)| s.kind != SliceKind::Segment) {
            body.push_str(&self.slice_section(slice_idx, slice));
        }
        if self.slices.iter().any(|slice| slice.kind == SliceKind::Segment) {
            body.push_str("<h2>HR@10 by segment</h2>\n");
            body.push_str(&segment_bars(self));
            body.push_str(&table(&self.segment_grid(), None));
        }
        if let Some(customers) = &self.customers {
            body.push_str("<h2>Customers of the whole history</h2>\n");
            body.push_str(&table(&customers.grid(), None));
        }
        page("offline evaluation", &[STYLE], body, &self.legend())
    }

    /// The result in one or two sentences.
    fn summary(&self) -> String {
        let hit_rate = |row: &RankerRow| row.slices.first().and_then(|slice| slice.hr_10);
        let Some((best, hr)) = self.best_model().and_then(|row| Some((row, hit_rate(row)?))) else {
            return "No model was measured.".into();
        };
        let mut text = format!(
            "The best model, {}, finds the hidden item among its first ten offers in {} of cases (95 % interval {} to {}).",
            best.name,
            percent(hr.value),
            percent(hr.low),
            percent(hr.high)
        );
        if let (Some(reference), Some(difference)) = (&self.reference, hr.difference) {
            let judgement = match (difference.excludes_zero(), difference.value > 0.0) {
                (true, true) => "more than",
                (true, false) => "less than",
                (false, _) => "not clearly different from",
            };
            let points = |value: f64| format!("{:+.1}", value * 100.0);
            text.push_str(&format!(
                " That is {judgement} {reference}: {} points ({} to {}).",
                points(difference.value),
                points(difference.low),
                points(difference.high)
            ));
        }
        text
    }

    fn slice_section(&self, slice_idx: usize, slice: &SliceFacts) -> String {
        let best = self.best_model().map(|row| row.name.as_str());
        format!(
            "<h2>{}</h2>\n<p class=\"faint\">{} cases, {} customers and anonymous baskets</p>\n{}",
            escape(&slice.title()),
            count(slice.n_cases),
            count(slice.n_clusters),
            table(&self.slice_grid(slice_idx, slice), best)
        )
    }
}

/// The top of a page: what it is about, its result, where the cases come from, and the warnings.
pub(crate) fn opening(title: &str, summary: &str, facts: &[String], warnings: &[String]) -> String {
    let mut body = format!("<h1>{}</h1>\n<p class=\"lead\">{}</p>\n", escape(title), escape(summary));
    for line in facts {
        body.push_str(&format!("<p class=\"faint\">{}.</p>\n", escape(&capitalised(line))));
    }
    if !warnings.is_empty() {
        let items: String =
            warnings.iter().map(|warning| format!("<li>{}</li>\n", escape(&capitalised(warning)))).collect();
        body.push_str(&format!("<ul class=\"warn\" aria-label=\"Warnings\">\n{items}</ul>\n"));
    }
    body
}

/// A whole page: the body, then what its terms mean.
pub(crate) fn page(title: &str, styles: &[&str], mut body: String, legend: &[(&'static str, String)]) -> String {
    body.push_str("<h2>What the columns mean</h2>\n<dl>\n");
    for (term, words) in legend {
        body.push_str(&format!("<dt>{}</dt><dd>{}</dd>\n", escape(term), escape(words)));
    }
    body.push_str("</dl>\n");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>Sidecart: {}</title>\n<style>\n{}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(title),
        styles.concat()
    )
}

/// A table with the first row as header and the first column as names; the row of the name
/// `best` stands out.
pub(crate) fn table(grid: &[Vec<String>], best: Option<&str>) -> String {
    let header: String = grid[0].iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
    let rows: String = grid[1..]
        .iter()
        .map(|row| {
            let class = if best == Some(row[0].as_str()) { " class=\"best\"" } else { "" };
            let cells: String = row[1..].iter().map(|text| cell(text)).collect();
            format!("<tr{class}><th scope=\"row\">{}</th>{cells}</tr>\n", escape(&row[0]))
        })
        .collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table by {}\"><table>\n<thead><tr>\
         {header}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n",
        escape(&grid[0][0])
    )
}

/// A table cell that sets the interval apart from the value.
fn cell(text: &str) -> String {
    match text.trim().split_once(' ') {
        Some((value, rest)) => format!("<td>{} <span class=\"ci\">{}</span></td>", escape(value), escape(rest)),
        None => format!("<td>{}</td>", escape(text.trim())),
    }
}

pub(crate) fn percent(value: f64) -> String {
    format!("{:.1} %", value * 100.0)
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Makes any text safe between tags and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(letter),
        }
    }
    safe
}

/// A value with its interval in one phrase, for readers of the plots' texts.
pub(crate) fn spoken(name: &str, value: f64, low: f64, high: f64) -> String {
    format!("{name} {} ({} to {})", share(value), share(low), share(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        assert_eq!(escape("<b a=\"1\">&'"), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;");
        assert_eq!(cell("- (7)"), "<td>- <span class=\"ci\">(7)</span></td>");
        assert_eq!(cell(" .1 "), "<td>.1</td>");
    }
}
