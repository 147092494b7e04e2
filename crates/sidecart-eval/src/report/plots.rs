//! Plots as inline SVG. Colours and strokes come from classes of the page's style sheet.

use super::html::{escape, spoken};
use super::numbers::{count, share};
use super::{Measured, RankerRow, Report, Role, SliceKind, SliceState};

const WIDTH: f64 = 720.0;
/// Where the names end and the axis begins.
const LEFT: f64 = 190.0;
/// Where the axis ends and the printed values begin.
const RIGHT: f64 = 620.0;
const MAX_NAME: usize = 24;

/// A value axis from zero to a round end.
pub(crate) struct Axis {
    pub(crate) step: f64,
    pub(crate) n_steps: u32,
}

impl Axis {
    /// At most six steps of 1, 2 or 5 times a power of ten that reach `highest`, at most 1.
    pub(crate) fn reaching(highest: f64) -> Self {
        let highest = highest.clamp(1e-3, 1.0);
        let step = [0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]
            .into_iter()
            .find(|step| highest <= step * 6.0)
            .unwrap_or(0.2);
        Self { step, n_steps: ((highest / step) - 1e-9).ceil().max(1.0) as u32 }
    }

    pub(crate) fn x(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * value / (self.step * f64::from(self.n_steps))
    }

    pub(crate) fn draw(&self, bottom: f64) -> String {
        (0..=self.n_steps)
            .map(|tick| {
                let value = f64::from(tick) * self.step;
                let (x, label) = (self.x(value), if tick == 0 { "0".to_owned() } else { share(value) });
                format!(
                    "<line class=\"grid\" x1=\"{x:.1}\" y1=\"8\" x2=\"{x:.1}\" y2=\"{bottom:.0}\"/>\
                     <text class=\"tick\" x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>\n",
                    bottom + 16.0
                )
            })
            .collect()
    }
}

/// HR@10 of every ranker over all cases with its interval, and a line at the reference's value.
/// `None` when nothing was measured.
pub(super) fn forest_plot(report: &Report) -> Option<String> {
    const ROW: f64 = 30.0;
    let rows: Vec<(&RankerRow, Measured)> =
        report.rankers.iter().filter_map(|row| Some((row, row.slices.first()?.hr_10?))).collect();
    if rows.is_empty() {
        return None;
    }
    let axis = Axis::reaching(rows.iter().map(|(_, hr)| hr.high).fold(0.0, f64::max));
    let bottom = 12.0 + ROW * rows.len() as f64;
    let mut shapes = axis.draw(bottom);
    if let Some((_, hr)) = rows.iter().find(|(row, _)| report.reference.as_ref() == Some(&row.name)) {
        let x = axis.x(hr.value);
        shapes.push_str(&format!("<line class=\"mark\" x1=\"{x:.1}\" y1=\"8\" x2=\"{x:.1}\" y2=\"{bottom:.0}\"/>\n"));
    }
    for (i, (row, hr)) in rows.iter().enumerate() {
        let y = 12.0 + ROW * (i as f64 + 0.5);
        let (x, low, high) = (axis.x(hr.value), axis.x(hr.low), axis.x(hr.high));
        let point = match row.role {
            Role::Baseline => format!("<rect x=\"{:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\"/>", x - 4.5, y - 4.5),
            Role::Model => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>"),
        };
        shapes.push_str(&format!(
            "{}<g class=\"{}\"><line class=\"arm\" x1=\"{low:.1}\" y1=\"{y:.1}\" x2=\"{high:.1}\" y2=\"{y:.1}\"/>\
             {point}</g>{}\n",
            name_at(&row.name, y),
            class(row),
            value_at(&format!("{} ±{}", share(hr.value), share(hr.estimate().margin())), y)
        ));
    }
    let spoken: Vec<String> = rows.iter().map(|(row, hr)| spoken(&row.name, hr.value, hr.low, hr.high)).collect();
    let note = report.reference.as_ref().map_or_else(String::new, |reference| {
        format!(
            "<p class=\"faint\">Circles are models, squares baselines; the dashed line is {}.</p>\n",
            escape(reference)
        )
    });
    Some(svg("forest", "HR@10 of every ranker with its 95 % interval", &spoken, bottom + 24.0, &shapes) + &note)
}

/// HR@10 by segment: a bar for the best model and one for the reference, each with its interval.
pub(super) fn segment_bars(report: &Report) -> String {
    const BAR: f64 = 16.0;
    let reference = report.reference.as_ref().and_then(|name| report.ranker(name));
    let best = report.best_model().filter(|best| reference.is_none_or(|reference| reference.name != best.name));
    let shown: Vec<&RankerRow> = best.into_iter().chain(reference).collect();
    let segments: Vec<_> =
        report.slices.iter().enumerate().filter(|(_, slice)| slice.kind == SliceKind::Segment).collect();
    if shown.is_empty() {
        return String::new();
    }
    let of = |row: &RankerRow, slice_idx: usize| row.slices[slice_idx].hr_10;
    let highest = segments
        .iter()
        .flat_map(|&(slice_idx, _)| shown.iter().filter_map(move |row| of(row, slice_idx)))
        .map(|hr| hr.high)
        .fold(0.0, f64::max);
    let axis = Axis::reaching(highest);
    let height = BAR * shown.len() as f64 + 14.0;
    let bottom = 12.0 + height * segments.len() as f64;
    let (mut shapes, mut said) = (axis.draw(bottom), Vec::new());
    for (i, &(slice_idx, slice)) in segments.iter().enumerate() {
        let top = 12.0 + height * i as f64 + 7.0;
        let centre = top + BAR * shown.len() as f64 * 0.5;
        shapes.push_str(&name_at(&slice.name, centre));
        if slice.state == SliceState::Refused {
            let n_cases = count(slice.n_cases);
            shapes.push_str(&value_at(&format!("- ({n_cases})"), centre));
            said.push(format!("{} not measured ({n_cases} cases)", slice.name));
        }
        for (j, row) in shown.iter().enumerate() {
            let (y, label) = (top + BAR * j as f64, format!("{}, {}", slice.name, row.name));
            let middle = y + BAR * 0.5 - 0.5;
            let Some(hr) = of(row, slice_idx) else { continue };
            let (start, x, low, high) = (axis.x(0.0), axis.x(hr.value), axis.x(hr.low), axis.x(hr.high));
            shapes.push_str(&format!(
                "<rect class=\"bar {}\" x=\"{start:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.0}\"/>\
                 <line class=\"whisker\" x1=\"{low:.1}\" y1=\"{middle:.1}\" x2=\"{high:.1}\" y2=\"{middle:.1}\"/>{}\n",
                class(row),
                x - start,
                BAR - 1.0,
                value_at(&format!("{} ±{}", share(hr.value), share(hr.estimate().margin())), middle)
            ));
            said.push(spoken(&label, hr.value, hr.low, hr.high));
        }
    }
    let names: Vec<String> = shown.iter().map(|row| escape(&row.name)).collect();
    let note = format!(
        "<p class=\"faint\">From top to bottom within a segment: {}. The line is the 95&nbsp;% interval.</p>\n",
        names.join(", ")
    );
    svg("segments", "HR@10 by segment", &said, bottom + 24.0, &shapes) + &note
}

fn class(row: &RankerRow) -> &'static str {
    match row.role {
        Role::Baseline => "base",
        Role::Model => "model",
    }
}

/// A name before the axis, cut when long; the full name is its tooltip.
pub(crate) fn name_at(name: &str, y: f64) -> String {
    let short: String = if name.chars().count() > MAX_NAME {
        name.chars().take(MAX_NAME - 1).chain(['…']).collect()
    } else {
        name.to_owned()
    };
    format!(
        "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\"><title>{}</title>{}</text>",
        LEFT - 12.0,
        y + 4.5,
        escape(name),
        escape(&short)
    )
}

pub(crate) fn value_at(text: &str, y: f64) -> String {
    format!("<text x=\"{:.0}\" y=\"{:.1}\">{}</text>", RIGHT + 14.0, y + 4.5, escape(text))
}

pub(crate) fn svg(id: &str, title: &str, said: &[String], height: f64, shapes: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"img\" aria-labelledby=\"{id}-title {id}-text\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-text\">{}.</desc>\n{shapes}</svg>\n",
        escape(title),
        escape(&said.join("; "))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_on_a_round_step() {
        let end = |highest| {
            let axis = Axis::reaching(highest);
            (axis.step, axis.n_steps)
        };
        assert_eq!(end(0.0), (0.000_2, 5));
        assert_eq!(end(0.131), (0.05, 3));
        assert_eq!(end(0.3), (0.05, 6));
        assert_eq!(end(1.0), (0.2, 5));
        let axis = Axis::reaching(0.3);
        assert_eq!(axis.x(0.0), LEFT);
        assert!((axis.x(0.3) - RIGHT).abs() < 1e-9);
    }

    #[test]
    fn long_names_are_cut_and_kept_as_tooltip() {
        let text = name_at("a name that goes on and on & on", 0.0);
        assert!(text.contains("<title>a name that goes on and on &amp; on</title>a name that goes on and…<"), "{text}");
    }
}
