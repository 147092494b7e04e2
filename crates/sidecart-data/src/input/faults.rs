use super::columns::BadValue;
use super::summary::{IngestSummary, Rule};
use crate::config::OnBadRow;
use crate::error::{Error, Result, RowPosition};

/// A row that breaks a rule.
pub(crate) struct Fault {
    /// Row of the batch.
    pub(crate) row: usize,
    pub(crate) column: String,
    pub(crate) bad: BadValue,
}

impl Fault {
    /// Fails with the row, or counts it.
    pub(crate) fn settle(self, on_bad_row: OnBadRow, summary: &mut IngestSummary, position: RowPosition) -> Result<()> {
        let Self { column, bad: BadValue { value, problem, remedy }, .. } = self;
        match on_bad_row {
            OnBadRow::Fail => Err(Error::BadRow { position: Box::new(position), column, value, problem, remedy }),
            OnBadRow::Skip => {
                summary.count_at(Rule::BadRow, || (position, format!("column `{column}`, value {value}: {problem}")));
                Ok(())
            }
        }
    }
}
