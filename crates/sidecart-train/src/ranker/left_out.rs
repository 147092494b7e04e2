use sidecart_serve::Scorer;
use sidecart_serve::ranker::{FeatureGroup, GROUPS, Quotas};

/// What a ranker does without, to see what it is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LeftOut {
    /// Nothing.
    #[default]
    Nothing,
    /// A source of candidates, with the features that only it fills.
    Source(&'static str),
    /// A group of features; its sources still give candidates.
    Features(&'static str),
}

/// What a source is asked, and the features that only it fills.
struct Source {
    name: &'static str,
    leave_out: fn(&mut Quotas),
    features: &'static [&'static str],
}

/// The features of the own past: its source fills them all.
const OWN: FeatureGroup = GROUPS[1];

const SOURCES: [Source; 11] = [
    Source {
        name: "neighbours",
        leave_out: |quotas| quotas.neighbours = 0,
        features: &["neighbours", "neighbours_max", "pair_best", "pair_second", "pair_hits"],
    },
    Source { name: "baskets", leave_out: |quotas| quotas.baskets = 0, features: &["baskets"] },
    Source { name: "ease", leave_out: |quotas| quotas.ease = 0, features: &["ease"] },
    Source { name: "embeddings", leave_out: |quotas| quotas.embeddings = 0, features: &["embeddings"] },
    Source { name: "own", leave_out: |quotas| quotas.own = 0, features: OWN.features },
    Source { name: "popular", leave_out: |quotas| quotas.popular = 0, features: &[] },
    Source { name: "recent", leave_out: |quotas| quotas.recent = 0, features: &[] },
    Source { name: "kinds", leave_out: |quotas| quotas.kinds = 0, features: &[] },
    Source { name: "lines", leave_out: |quotas| quotas.items_per_line = 0, features: &[] },
    Source {
        name: "substitutes",
        leave_out: |quotas| quotas.substitutes = 0,
        features: &["instead_of_basket", "instead_of_own"],
    },
    Source { name: "store", leave_out: |quotas| quotas.store = 0, features: &["store_recent"] },
];

impl LeftOut {
    /// Everything that can be left out of a model's ranker, one at a time; nothing first.
    #[must_use]
    pub fn all(scorer: &Scorer, has_stores: bool) -> Vec<Self> {
        let parts = scorer.parts();
        let is_there = |source: &&Source| match source.name {
            name @ ("neighbours" | "baskets" | "ease" | "embeddings") => parts.contains(&name),
            "store" => has_stores,
            _ => true,
        };
        let sources = SOURCES.iter().filter(is_there).map(|source| Self::Source(source.name));
        let groups = GROUPS.iter().map(|group| Self::Features(group.name));
        [Self::Nothing].into_iter().chain(sources).chain(groups).collect()
    }

    /// What reports call it.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Nothing => "everything".into(),
            Self::Source(name) => format!("without {name}"),
            Self::Features(name) => format!("without {name} features"),
        }
    }

    fn source(self) -> Option<&'static Source> {
        match self {
            Self::Source(name) => SOURCES.iter().find(|source| source.name == name),
            _ => None,
        }
    }

    /// The quotas with those of a source that is left out at 0.
    #[must_use]
    pub fn quotas(self, mut quotas: Quotas) -> Quotas {
        if let Some(source) = self.source() {
            (source.leave_out)(&mut quotas);
        }
        quotas
    }

    /// Features that say nothing.
    #[must_use]
    pub fn hidden(self) -> &'static [&'static str] {
        match self {
            Self::Nothing => &[],
            Self::Source(_) => self.source().map_or(&[], |source| source.features),
            Self::Features(name) => GROUPS.iter().find(|group| group.name == name).map_or(&[], |group| group.features),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidecart_serve::ranker::FEATURES;

    #[test]
    fn sources_name_features_and_quotas_that_exist() {
        for source in &SOURCES {
            let left_out = LeftOut::Source(source.name);
            assert_ne!(left_out.quotas(Quotas::default()), Quotas::default(), "{}", source.name);
            assert!(left_out.hidden().iter().all(|name| FEATURES.contains(name)), "{}", source.name);
        }
        assert_eq!(OWN.name, "own");
        let features: usize = GROUPS.iter().map(|group| LeftOut::Features(group.name).hidden().len()).sum();
        assert_eq!(features, FEATURES.len());
        assert_eq!(LeftOut::Nothing.quotas(Quotas::default()), Quotas::default());
    }
}
