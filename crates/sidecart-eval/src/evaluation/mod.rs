mod answers;
mod params;

use std::collections::BTreeSet;

use sidecart_core::Progress;

pub use answers::Answers;
pub use params::EvaluateParams;

use crate::{CaseSet, EvalError, Ranker, Report, Role, report};

/// What is measured.
enum Entrant<'a> {
    /// Is asked when the evaluation runs.
    Ranker(&'a dyn Ranker),
    /// Has answered already.
    Answered(&'a str, &'a Answers),
}

impl Entrant<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Ranker(ranker) => ranker.name(),
            Self::Answered(name, _) => name,
        }
    }
}

/// Rankers to be measured on the same cases; see the example of the crate.
pub struct Evaluation<'a> {
    case_set: &'a CaseSet,
    segments: &'a [String],
    entrants: Vec<(Entrant<'a>, Role)>,
    reference: Option<String>,
}

impl<'a> Evaluation<'a> {
    /// An evaluation on these cases, without rankers yet.
    #[must_use]
    pub fn new(case_set: &'a CaseSet) -> Self {
        Self { case_set, segments: &[], entrants: Vec::new(), reference: None }
    }

    /// Labels of the segments; case segments are indices into them. One slice of the report each.
    #[must_use]
    pub fn segments(mut self, labels: &'a [String]) -> Self {
        self.segments = labels;
        self
    }

    /// Adds a baseline: a ranker that the others should beat.
    #[must_use]
    pub fn baseline(mut self, ranker: &'a dyn Ranker) -> Self {
        self.entrants.push((Entrant::Ranker(ranker), Role::Baseline));
        self
    }

    /// Adds a ranker to be measured.
    #[must_use]
    pub fn ranker(mut self, ranker: &'a dyn Ranker) -> Self {
        self.entrants.push((Entrant::Ranker(ranker), Role::Model));
        self
    }

    /// Adds what a ranker has answered to these cases: where many are compared that need not be in
    /// memory at the same time.
    #[must_use]
    pub fn answered(mut self, name: &'a str, role: Role, answers: &'a Answers) -> Self {
        self.entrants.push((Entrant::Answered(name, answers), role));
        self
    }

    /// Names the ranker that all others are compared with; the first baseline unless called.
    #[must_use]
    pub fn compare_with(mut self, name: impl Into<String>) -> Self {
        self.reference = Some(name.into());
        self
    }

    /// Asks every ranker for 50 items per case and reports what came back.
    ///
    /// Runs on the current rayon pool; the report is the same for any number of threads. Takes
    /// one call per ranker and case, then O(resamples × customers × rankers) per slice.
    ///
    /// # Errors
    /// [`EvalError::Parameter`], [`EvalError::UnknownSegment`], [`EvalError::DuplicateRanker`],
    /// [`EvalError::UnknownReference`] and [`EvalError::OtherData`] before any ranker is asked;
    /// [`EvalError::InvalidLists`] and [`EvalError::Ranker`] for the first ranker concerned;
    /// [`EvalError::Cancelled`].
    pub fn run(&self, params: &EvaluateParams, progress: &dyn Progress) -> Result<Report, EvalError> {
        params.check()?;
        self.check()?;
        let reference = self.reference()?;
        let mut asked = Vec::new();
        for (entrant, _) in &self.entrants {
            if let Entrant::Ranker(ranker) = entrant {
                asked.push(Answers::collect(*ranker, self.case_set, progress)?);
            }
        }
        let mut asked = asked.iter();
        let mut rows = Vec::with_capacity(self.entrants.len());
        for (entrant, role) in &self.entrants {
            let answers = match entrant {
                Entrant::Answered(_, answers) => Some(*answers),
                Entrant::Ranker(_) => asked.next(),
            };
            rows.extend(answers.map(|answers| (entrant.name(), *role, answers)));
        }
        progress.begin("intervals", 0, "slices");
        let report = report::build(self.case_set, self.segments, &rows, reference, params);
        progress.end();
        report.warnings.iter().for_each(|warning| progress.note(warning));
        Ok(report)
    }

    fn check(&self) -> Result<(), EvalError> {
        for case in &self.case_set.cases {
            if let Some(got) = case.segment.filter(|&segment| usize::from(segment) >= self.segments.len()) {
                let n_segments = self.segments.len();
                return Err(EvalError::UnknownSegment { query_id: case.query_id, got, n_segments });
            }
        }
        let mut names = BTreeSet::new();
        for (entrant, _) in &self.entrants {
            if !names.insert(entrant.name()) {
                return Err(EvalError::DuplicateRanker { name: entrant.name().into() });
            }
            let ranker = match entrant {
                Entrant::Ranker(ranker) => *ranker,
                Entrant::Answered(name, answers) if answers.positions.len() != self.case_set.cases.len() => {
                    return Err(EvalError::OtherCases {
                        ranker: (*name).to_owned(),
                        expected: self.case_set.cases.len(),
                        got: answers.positions.len(),
                    });
                }
                Entrant::Answered(..) => continue,
            };
            if let (Some(expected), Some(got)) = (&self.case_set.facts.data_fingerprint, ranker.data_fingerprint())
                && expected != got
            {
                return Err(EvalError::OtherData {
                    ranker: ranker.name().into(),
                    expected: expected.clone(),
                    got: got.into(),
                });
            }
        }
        Ok(())
    }

    /// Position of the ranker that the others are compared with.
    fn reference(&self) -> Result<Option<usize>, EvalError> {
        let Some(name) = &self.reference else {
            return Ok(self.entrants.iter().position(|&(_, role)| role == Role::Baseline));
        };
        match self.entrants.iter().position(|(entrant, _)| entrant.name() == name) {
            Some(position) => Ok(Some(position)),
            None => Err(EvalError::UnknownReference {
                name: name.clone(),
                known: self.entrants.iter().map(|(entrant, _)| entrant.name().into()).collect(),
            }),
        }
    }
}
