//! Plots as inline SVG. Colours and strokes come from classes of the page's style sheet.

use super::UpsellReport;
use super::grids::fifth_name;
use crate::intervals::Estimate;
use crate::propensity::SensitivityTable;
use crate::report::html::{escape, spoken};
use crate::report::numbers::share;
use crate::report::plots::{Axis, name_at, svg, value_at};

const TOP: f64 = 12.0;
const BOTTOM: f64 = 340.0;
const START: f64 = 64.0;
const END: f64 = 700.0;
const HEIGHT: f64 = BOTTOM + 44.0;

/// A plane with two value axes from zero.
struct Plane {
    x: Axis,
    y: Axis,
}

impl Plane {
    fn x(&self, value: f64) -> f64 {
        START + (END - START) * value / end(&self.x)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * value / end(&self.y)
    }

    fn draw(&self, x_title: &str, y_title: &str) -> String {
        let label = |tick: u32, step: f64| if tick == 0 { "0".into() } else { share(f64::from(tick) * step) };
        let mut shapes = String::new();
        for tick in 0..=self.x.n_steps {
            let x = self.x(f64::from(tick) * self.x.step);
            shapes.push_str(&format!(
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{BOTTOM}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>\n",
                BOTTOM + 18.0,
                label(tick, self.x.step)
            ));
        }
        for tick in 0..=self.y.n_steps {
            let y = self.y(f64::from(tick) * self.y.step);
            shapes.push_str(&format!(
                "<line class=\"grid\" x1=\"{START}\" y1=\"{y:.1}\" x2=\"{END}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                START - 8.0,
                y + 4.0,
                label(tick, self.y.step)
            ));
        }
        shapes.push_str(&format!(
            "<text class=\"tick\" x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>\
             <text class=\"tick\" transform=\"translate(16 {:.0}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
            (START + END) * 0.5,
            BOTTOM + 38.0,
            escape(x_title),
            (TOP + BOTTOM) * 0.5,
            escape(y_title)
        ));
        shapes
    }

    /// A dashed line from the origin along equal values.
    fn diagonal(&self) -> String {
        let to = end(&self.x).min(end(&self.y));
        format!(
            "<line class=\"diagonal\" x1=\"{START}\" y1=\"{BOTTOM}\" x2=\"{:.1}\" y2=\"{:.1}\"/>\n",
            self.x(to),
            self.y(to)
        )
    }

    fn line(&self, class: &str, points: impl Iterator<Item = (f64, f64)>) -> String {
        let points: Vec<String> = points.map(|(x, y)| format!("{:.1},{:.1}", self.x(x), self.y(y))).collect();
        format!("<polyline class=\"{class}\" points=\"{}\"/>\n", points.join(" "))
    }
}

fn end(axis: &Axis) -> f64 {
    axis.step * f64::from(axis.n_steps)
}

/// Observed rate by mean prediction of the default model, with intervals and the diagonal.
pub(super) fn reliability_plot(report: &UpsellReport) -> String {
    let Some(model) = report.model(&report.default_model) else { return String::new() };
    let highest = model.reliability.iter().map(|bin| bin.observed.high.max(bin.mean_prediction)).fold(0.0, f64::max);
    let furthest = model.reliability.iter().map(|bin| bin.mean_prediction).fold(0.0, f64::max);
    let plane = Plane { x: Axis::reaching(furthest), y: Axis::reaching(highest) };
    let mut shapes = plane.draw("mean prediction", "observed upgrade rate") + &plane.diagonal();
    shapes.push_str(&plane.line("model thin", model.reliability.iter().map(|b| (b.mean_prediction, b.observed.value))));
    let mut said = Vec::new();
    for bin in &model.reliability {
        let Estimate { value, low, high } = bin.observed;
        let (x, y) = (plane.x(bin.mean_prediction), plane.y(value));
        shapes.push_str(&format!(
            "<g class=\"model\"><title>{} predicted, {} of {} cases upgraded</title>\
             <line class=\"arm\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>\
             <circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/></g>\n",
            share(bin.mean_prediction),
            share(value),
            bin.n_cases,
            plane.y(low),
            plane.y(high)
        ));
        said.push(spoken(&format!("predicted {}, observed", share(bin.mean_prediction)), value, low, high));
    }
    format!(
        "<h2>Do the probabilities come true?</h2>\n<p class=\"faint\">{}: each point holds about as many cases; on the \
         dashed line predictions come true. Lines are 95&nbsp;% intervals that take cases as independent.</p>\n{}",
        escape(&report.default_model),
        svg("reliability", "Observed upgrade rate by mean prediction", &said, HEIGHT, &shapes)
    )
}

/// Captured price gain by share of cases with an offer: default model, best baseline, random order.
pub(super) fn gain_plot(report: &UpsellReport) -> String {
    let Some(model) = report.model(&report.default_model) else { return String::new() };
    let plane = Plane { x: Axis::reaching(1.0), y: Axis::reaching(1.0) };
    let mut shapes = plane.draw("share of cases with an offer", "share of price gain captured") + &plane.diagonal();
    let curves = [("base", report.best_baseline().filter(|row| row.name != model.name)), ("model", Some(model))];
    let (mut said, mut labels) = (Vec::new(), Vec::new());
    for (class, row) in curves.into_iter().filter_map(|(class, row)| Some((class, row?))) {
        let steps = row.gain_curve.len().saturating_sub(1).max(1) as f64;
        shapes.push_str(&plane.line(class, row.gain_curve.iter().enumerate().map(|(i, &y)| (i as f64 / steps, y))));
        let Estimate { value, low, high } = row.gain_at_20;
        let (x, y) = (plane.x(0.2), plane.y(value));
        shapes.push_str(&format!(
            "<g class=\"{class}\"><line class=\"arm\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>\
             <circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/></g>\n",
            plane.y(low),
            plane.y(high)
        ));
        said.push(spoken(&format!("{} at 20 % offers", row.name), value, low, high));
        labels.insert(0, (class, row.name.clone()));
    }
    for (i, (class, name)) in labels.iter().enumerate() {
        let y = plane.y(0.0) - 74.0 + 22.0 * i as f64;
        shapes.push_str(&key(y, &format!("<line class=\"{class} arm\" {}/>", key_line(y)), name));
    }
    let y = plane.y(0.0) - 74.0 + 22.0 * labels.len() as f64;
    shapes.push_str(&key(y, &format!("<line class=\"diagonal\" {}/>", key_line(y)), "random order"));
    format!(
        "<h2>How much of the price gain do the first offers reach?</h2>\n<p class=\"faint\">Cases by p x expected \
         gain, highest first; the points at 20&nbsp;% carry their 95&nbsp;% intervals.</p>\n{}",
        svg("gain", "Captured list price gain by share of cases with an offer", &said, HEIGHT, &shapes)
    )
}

fn key_line(y: f64) -> String {
    format!("x1=\"{:.0}\" y1=\"{y:.1}\" x2=\"{:.0}\" y2=\"{y:.1}\"", END - 230.0, END - 206.0)
}

fn key(y: f64, symbol: &str, text: &str) -> String {
    format!("{symbol}<text x=\"{:.0}\" y=\"{:.1}\">{}</text>\n", END - 198.0, y + 4.5, escape(text))
}

/// A row of a dot plot.
struct DotRow {
    name: String,
    /// Class and value of each dot, drawn below each other.
    dots: Vec<(&'static str, Estimate)>,
    /// A hollow mark without interval, on the first dot's line.
    mark: Option<f64>,
}

/// Dots with intervals on one axis from zero; nothing when no row has a dot.
fn dot_plot(id: &str, title: &str, rows: &[DotRow], said: &[String]) -> String {
    const LINE: f64 = 18.0;
    let dots = || rows.iter().flat_map(|row| &row.dots);
    if dots().next().is_none() {
        return String::new();
    }
    let marks = rows.iter().filter_map(|row| row.mark);
    let axis = Axis::reaching(dots().map(|(_, dot)| dot.high).chain(marks).fold(0.0, f64::max));
    let height = |row: &DotRow| LINE * row.dots.len().max(1) as f64 + 12.0;
    let bottom = 12.0 + rows.iter().map(height).sum::<f64>();
    let mut shapes = axis.draw(bottom);
    let mut top = 12.0;
    for row in rows {
        let centre = top + height(row) * 0.5;
        shapes.push_str(&name_at(&row.name, centre));
        if row.dots.is_empty() {
            shapes.push_str(&value_at("too few", centre));
        }
        for (i, (class, dot)) in row.dots.iter().enumerate() {
            let y = top + 6.0 + LINE * (i as f64 + 0.5);
            let (x, low, high) = (axis.x(dot.value), axis.x(dot.low), axis.x(dot.high));
            let point = match *class {
                "base" => format!("<rect x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\"/>", x - 4.0, y - 4.0),
                _ => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>"),
            };
            shapes.push_str(&format!(
                "<g class=\"{class}\">\
                 <line class=\"arm\" x1=\"{low:.1}\" y1=\"{y:.1}\" x2=\"{high:.1}\" y2=\"{y:.1}\"/>{point}</g>{}\n",
                value_at(&format!("{} ±{}", share(dot.value), share(dot.margin())), y)
            ));
            if let Some(mark) = row.mark.filter(|_| i == 0) {
                let x = axis.x(mark);
                shapes.push_str(&format!(
                    "<path class=\"hollow\" d=\"M{:.1} {y:.1} L{x:.1} {:.1} L{:.1} {y:.1} L{x:.1} {:.1} Z\"/>\n",
                    x - 5.0,
                    y - 5.0,
                    x + 5.0,
                    y + 5.0
                ));
            }
        }
        top += height(row);
    }
    svg(id, title, said, bottom + 24.0, &shapes)
}

/// Upgrade rate per segment with its interval, and the default model's mean prediction.
pub(super) fn segment_plot(report: &UpsellReport) -> String {
    let rows: Vec<DotRow> = report
        .segments
        .iter()
        .map(|group| DotRow {
            name: group.name.clone(),
            dots: group.rate.iter().map(|&rate| ("model", rate)).collect(),
            mark: group.mean_prediction,
        })
        .collect();
    let said: Vec<String> = report
        .segments
        .iter()
        .filter_map(|group| {
            let rate = group.rate?;
            let predicted = group.mean_prediction.map_or_else(String::new, |p| format!(", predicted {}", share(p)));
            Some(spoken(&group.name, rate.value, rate.low, rate.high) + &predicted)
        })
        .collect();
    let plot = dot_plot("segments", "Upgrade rate by segment", &rows, &said);
    if plot.is_empty() {
        return plot;
    }
    plot + "<p class=\"faint\">Dots: observed upgrade rates with 95&nbsp;% intervals; diamonds: mean predictions.</p>\n"
}

/// Upgrade rate and full-price rate by fifth of price sensitivity.
pub(super) fn sensitivity_plot(proxy_idx: usize, table: &SensitivityTable) -> String {
    let rows: Vec<DotRow> = table
        .fifths
        .iter()
        .map(|row| DotRow {
            name: fifth_name(row.fifth),
            dots: [("model", row.upgrade_rate), ("base", row.full_price_rate)]
                .into_iter()
                .filter_map(|(class, rate)| Some((class, rate?)))
                .collect(),
            mark: None,
        })
        .collect();
    let said: Vec<String> = table
        .fifths
        .iter()
        .filter_map(|row| {
            let (all, full) = (row.upgrade_rate?, row.full_price_rate?);
            let name = format!("fifth {}", fifth_name(row.fifth));
            Some(format!(
                "{}, {}",
                spoken(&name, all.value, all.low, all.high),
                spoken("at full price", full.value, full.low, full.high)
            ))
        })
        .collect();
    let title = format!("Upgrade rates by {}", table.name);
    let plot = dot_plot(&format!("sensitivity-{proxy_idx}"), &title, &rows, &said);
    if plot.is_empty() {
        return plot;
    }
    plot + "<p class=\"faint\">Circles are all upgrades, squares those at full price, with 95&nbsp;% intervals.</p>\n"
}
