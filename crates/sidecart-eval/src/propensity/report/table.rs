use super::grids::{Grid, target_grid};
use super::{UpsellReport, numbers::measured};
use crate::Role;
use crate::report::numbers::{count, share};
use crate::report::table::TextPage;

/// What no number of this report can say.
pub(super) const CAVEAT: &str = "the cases are natural purchases, not reactions to offers: what an offer adds, only a \
                                 random group without offers can show";

impl UpsellReport {
    /// The report as aligned text for a terminal, with a legend.
    #[must_use]
    pub fn to_table(&self) -> String {
        let mut text = TextPage::new(self.fact_lines());
        for Section { title, notes, grid, .. } in self.sections() {
            text.block(title, &notes, &grid);
        }
        text.finish(&self.legend(), &self.warnings)
    }

    /// Where the cases come from, a sentence a line.
    pub(super) fn fact_lines(&self) -> Vec<String> {
        let facts = &self.facts;
        vec![
            format!(
                "upgrade evaluation: {} cases of {} customers in periods {} to {}",
                count(facts.n_cases),
                count(facts.n_customers),
                facts.first_period,
                facts.last_period
            ),
            format!(
                "{} upgrades, {} of the cases, {} of them at full price",
                count(facts.n_upgrades),
                measured(&facts.upgrade_rate),
                count(facts.n_full_price_upgrades)
            ),
            format!(
                "groups and offers are measured with {}, differences against {}",
                self.default_model, self.reference
            ),
            CAVEAT.to_owned(),
        ]
    }

    /// All tables in reading order.
    pub(super) fn sections(&self) -> Vec<Section> {
        let mut sections = vec![
            Section::new(SectionKind::Models, "Models and baselines", self.model_grid()),
            Section::new(
                SectionKind::Differences,
                format!("Differences to {}", self.reference),
                self.difference_grid(),
            ),
        ];
        for (kind, title, name, groups) in [
            (SectionKind::Segments, "By customer segment", "segment", &self.segments),
            (SectionKind::Groups, "By what counts as an upgrade", "label", &self.labels),
            (SectionKind::Groups, "By earlier purchases in the ladder", "purchases", &self.histories),
        ] {
            if !groups.is_empty() {
                sections.push(Section::new(kind, title, self.group_grid(name, groups)));
            }
        }
        for (proxy_idx, table) in self.sensitivities.iter().enumerate() {
            let title = format!("Price sensitivity by {}", table.name);
            sections.push(Section::new(SectionKind::Sensitivity(proxy_idx), title, self.sensitivity_grid(table)));
        }
        if !self.sensitivities.is_empty() {
            let mut section = Section::new(
                SectionKind::Suppression,
                "No offers for a fifth of the customers",
                self.suppression_grid(),
            );
            section.notes.extend(self.suppression_conclusion.clone());
            sections.push(section);
        }
        for (title, table) in [
            ("Item offered", &self.targets),
            ("Item offered, without items bought before (discovery)", &self.discovery),
        ] {
            if let Some(table) = table {
                let mut section = Section::new(SectionKind::Targets, title, target_grid(table));
                section.notes.push(format!(
                    "{} upgrades of {} customers, {} of them to an item new to the customer",
                    count(table.n_upgrades),
                    count(table.n_customers),
                    share(table.share_new)
                ));
                if let Some(reference) = &table.reference {
                    section.notes.push(format!("vs baseline: HR@1 minus that of {reference}"));
                }
                sections.push(section);
            }
        }
        sections
    }

    /// The result in one or two sentences.
    pub(super) fn summary(&self) -> String {
        let Some(default) = self.model(&self.default_model) else { return "No model was measured.".into() };
        let percent = |value: f64| format!("{:.0}\u{a0}%", value * 100.0);
        let mut text = format!(
            "{} ranks an upgrade above a case without one in {} of the pairs (AUC {}, {} to {}). With offers for 20 % \
             of the cases it captures {} of the price gain ({} to {})",
            default.name,
            percent(default.auc.value),
            share(default.auc.value),
            share(default.auc.low),
            share(default.auc.high),
            percent(default.gain_at_20.value),
            percent(default.gain_at_20.low),
            percent(default.gain_at_20.high)
        );
        match self.best_baseline().filter(|_| default.role == Role::Model) {
            Some(best) => text.push_str(&format!(
                ", the best baseline, {}, {}, a random order 20 %.",
                best.name,
                percent(best.gain_at_20.value)
            )),
            None => text.push_str(", a random order 20 %."),
        }
        text
    }
}

/// A table with its title.
pub(super) struct Section {
    pub(super) kind: SectionKind,
    pub(super) title: String,
    pub(super) notes: Vec<String>,
    pub(super) grid: Grid,
}

/// What a section shows; the page adds plots to some.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SectionKind {
    Models,
    Differences,
    Segments,
    Groups,
    /// Index of the proxy.
    Sensitivity(usize),
    Suppression,
    Targets,
}

impl Section {
    fn new(kind: SectionKind, title: impl Into<String>, grid: Grid) -> Self {
        Self { kind, title: title.into(), notes: Vec::new(), grid }
    }
}
