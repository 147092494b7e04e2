/// Where long work reports how far it is, and learns that it should stop.
///
/// Libraries never print; a program passes its own implementation.
pub trait Progress: Sync {
    /// A stage begins: `total` units of `unit` (0 when unknown).
    fn begin(&self, stage: &str, total: u64, unit: &str);
    /// `units` more are done in the current stage.
    fn advance(&self, units: u64);
    /// The current stage is over.
    fn end(&self);
    /// Something the user should know: a rule that was applied, a fallback that was taken.
    fn note(&self, message: &str);
    /// Whether the work should stop at the next safe point.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Reports nothing and never cancels.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _stage: &str, _total: u64, _unit: &str) {}
    fn advance(&self, _units: u64) {}
    fn end(&self) {}
    fn note(&self, _message: &str) {}
}

/// The work was stopped because [`Progress::is_cancelled`] said so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;
