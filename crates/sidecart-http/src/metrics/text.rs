use std::fmt::Write;

use super::histogram::{BUCKETS_MICROS, Histogram};

/// Writes Prometheus' text form.
#[derive(Default)]
pub(crate) struct MetricsText {
    text: String,
}

impl MetricsText {
    pub(crate) fn into_string(self) -> String {
        self.text
    }

    /// Begins a metric; `kind` is `counter`, `gauge` or `histogram`.
    pub(crate) fn metric(&mut self, name: &str, kind: &str, about: &str) {
        self.line(format_args!("# HELP {name} {about}\n# TYPE {name} {kind}"));
    }

    /// One series. Values of labels are names of this program or of models, which hold nothing that
    /// would need escaping.
    pub(crate) fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels = labels_text(labels, None);
        self.line(format_args!("{name}{labels} {value}"));
    }

    /// A metric with one series.
    pub(crate) fn single(&mut self, name: &str, kind: &str, about: &str, value: impl std::fmt::Display) {
        self.metric(name, kind, about);
        self.value(name, &[], value);
    }

    pub(crate) fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let totals = histogram.running_totals();
        let ends = BUCKETS_MICROS.iter().map(|&micros| (micros as f64 / 1e6).to_string()).chain(["+Inf".to_owned()]);
        for (end, total) in ends.zip(totals) {
            let labels = labels_text(labels, Some(&end));
            self.line(format_args!("{name}_bucket{labels} {total}"));
        }
        let labels = labels_text(labels, None);
        self.line(format_args!("{name}_sum{labels} {}", histogram.sum_seconds()));
        self.line(format_args!("{name}_count{labels} {}", totals[BUCKETS_MICROS.len()]));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a string takes everything");
    }
}

fn labels_text(labels: &[(&str, &str)], end: Option<&str>) -> String {
    let all: Vec<String> = labels
        .iter()
        .copied()
        .chain(end.map(|end| ("le", end)))
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) }
}
