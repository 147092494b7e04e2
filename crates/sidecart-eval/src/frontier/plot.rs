//! The plane of relevance and value as inline SVG. Colours and strokes come from classes of the
//! page's style sheet.

use super::table::{PER, label};
use super::{Figures, FrontierPoint, FrontierReport};
use crate::report::html::escape;
use crate::report::plots::svg;

const TOP: f64 = 16.0;
const BOTTOM: f64 = 340.0;
const START: f64 = 84.0;
const END: f64 = 690.0;
/// Share of the range that is left free on either side.
const MARGIN: f64 = 0.06;

/// An axis over a range, with round steps.
struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// Around values, at most seven steps of 1, 2 or 5 times a power of ten.
    fn around(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let range = (high - low).max(1e-6 * high.abs()).max(1e-9);
        let (low, high) = (low - MARGIN * range, high + MARGIN * range);
        let steps = (-12..18).flat_map(|power| [1.0, 2.0, 5.0].map(|factor: f64| factor * 10f64.powi(power)));
        let step = steps.into_iter().find(|step| (high - low) / step <= 7.0).unwrap_or(high - low);
        Self { low, high, step }
    }

    /// A value's place, 0..=1.
    fn place(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> + '_ {
        let (first, last) = ((self.low / self.step).ceil() as i64, (self.high / self.step).floor() as i64);
        (first..=last).map(|tick| tick as f64 * self.step)
    }

    fn text(&self, value: f64) -> String {
        let digits = if self.step < 0.1 { 2 } else { usize::from(self.step < 1.0) };
        format!("{value:.digits$}")
    }
}

/// Hits against money of every point: realised with intervals, expected beside it.
pub(super) fn frontier_plot(report: &FrontierReport) -> String {
    let realised = |point: &FrontierPoint| point.realised;
    let all = || {
        let expected = report.points.iter().filter_map(|point| point.expected);
        report.points.iter().map(realised).chain(expected)
    };
    let ends = |of: fn(&Figures) -> [f64; 2]| all().flat_map(move |figures| of(&figures)).map(|value| PER * value);
    let x = Scale::around(ends(|f| [f.hits.low, f.hits.high]));
    let y = Scale::around(ends(|f| [f.value.low, f.value.high]));
    let (at_x, at_y) = (
        |value: f64| START + (END - START) * x.place(PER * value),
        |value: f64| BOTTOM - (BOTTOM - TOP) * y.place(PER * value),
    );
    let mut shapes = String::new();
    for tick in x.ticks() {
        let place = START + (END - START) * x.place(tick);
        shapes.push_str(&format!(
            "<line class=\"grid\" x1=\"{place:.1}\" y1=\"{TOP}\" x2=\"{place:.1}\" y2=\"{BOTTOM}\"/>\
             <text class=\"tick\" x=\"{place:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>\n",
            BOTTOM + 18.0,
            x.text(tick)
        ));
    }
    for tick in y.ticks() {
        let place = BOTTOM - (BOTTOM - TOP) * y.place(tick);
        shapes.push_str(&format!(
            "<line class=\"grid\" x1=\"{START}\" y1=\"{place:.1}\" x2=\"{END}\" y2=\"{place:.1}\"/>\
             <text class=\"tick\" x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            START - 8.0,
            place + 4.0,
            y.text(tick)
        ));
    }
    shapes.push_str(&format!(
        "<text class=\"tick\" x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">hits for 1,000 baskets</text>\
         <text class=\"tick\" transform=\"translate(16 {:.0}) rotate(-90)\" text-anchor=\"middle\">{} for 1,000 \
         baskets</text>\n",
        (START + END) * 0.5,
        BOTTOM + 38.0,
        (TOP + BOTTOM) * 0.5,
        escape(&report.facts.objective)
    ));
    let line = |class: &str, points: Vec<Figures>| {
        let points: Vec<String> = points
            .iter()
            .filter(|figures| figures.is_on_frontier)
            .map(|figures| format!("{:.1},{:.1}", at_x(figures.hits.value), at_y(figures.value.value)))
            .collect();
        format!("<g class=\"{class}\"><polyline points=\"{}\"/></g>\n", points.join(" "))
    };
    let exponents = || report.points.iter().filter(|point| point.exponent.is_some());
    shapes.push_str(&line("expected", exponents().filter_map(|point| point.expected).collect()));
    shapes.push_str(&line("model", exponents().map(realised).collect()));
    let mut said = Vec::new();
    for point in &report.points {
        if let Some(expected) = &point.expected {
            let (cx, cy) = (at_x(expected.hits.value), at_y(expected.value.value));
            shapes.push_str(&format!("<circle class=\"expected\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"4\"/>\n"));
        }
        let figures = point.realised;
        let (cx, cy) = (at_x(figures.hits.value), at_y(figures.value.value));
        let mark = match point.exponent {
            Some(_) => format!("<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"4.5\"/>"),
            None => format!("<rect x=\"{:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\"/>", cx - 4.5, cy - 4.5),
        };
        let anchor = if cx > (START + 3.0 * END) * 0.25 { "end" } else { "start" };
        shapes.push_str(&format!(
            "<g class=\"{}{}\"><title>{}</title>\
             <line class=\"arm\" x1=\"{cx:.1}\" y1=\"{:.1}\" x2=\"{cx:.1}\" y2=\"{:.1}\"/>\
             <line class=\"arm\" x1=\"{:.1}\" y1=\"{cy:.1}\" x2=\"{:.1}\" y2=\"{cy:.1}\"/>{mark}</g>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
            if point.exponent.is_some() { "model" } else { "base" },
            if figures.is_on_frontier { "" } else { " dominated" },
            escape(&label(point)),
            at_y(figures.value.low),
            at_y(figures.value.high),
            at_x(figures.hits.low),
            at_x(figures.hits.high),
            if anchor == "end" { cx - 8.0 } else { cx + 8.0 },
            cy - 7.0,
            escape(&point.exponent.map_or_else(|| point.name.clone(), |exponent| exponent.to_string()))
        ));
        said.push(format!(
            "{}: {:.1} hits, {:.2} {}",
            label(point),
            PER * figures.hits.value,
            PER * figures.value.value,
            report.facts.objective
        ));
    }
    format!(
        "<h2>Relevance against {}</h2>\n{}<p class=\"faint\">Filled: counted in the other halves, with 95&nbsp;% \
         intervals; hollow and dashed: expected by the model. Numbers are exponents, squares baselines; pale points are \
         dominated.</p>\n",
        escape(&report.facts.objective),
        svg("frontier", "Money of the hits against their number", &said, BOTTOM + 48.0, &shapes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_hold_their_values_and_have_few_round_steps() {
        for (low, high) in [(0.0, 0.0), (3.0, 3.0), (-1.0, 250.0), (1e6, 1.000_1e6), (0.001, 0.002)] {
            let scale = Scale::around([high, low].into_iter());
            assert!(scale.place(low) > 0.0 && scale.place(high) < 1.0, "{low} {high}");
            let ticks: Vec<f64> = scale.ticks().collect();
            assert!(ticks.len() <= 8, "{ticks:?}");
        }
        let scale = Scale::around([100.0, 170.0].into_iter());
        assert_eq!((scale.step, scale.ticks().next()), (20.0, Some(100.0)));
    }
}
