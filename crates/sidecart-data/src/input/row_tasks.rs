//! Reading the rows of several files in parallel, row group by row group.

use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::RecordBatch;
use rayon::prelude::*;
use sidecart_core::{Cancelled, Progress};

use super::faults::Fault;
use super::files::{ParquetInput, RowRange};
use super::summary::IngestSummary;
use crate::config::OnBadRow;
use crate::error::{Result, RowPosition};

/// Rows of one task; a larger row group is read by several threads.
const TASK_ROWS: u64 = 1 << 18;

/// A part of a row group.
#[derive(Clone, Copy)]
pub(crate) struct RowTask {
    /// Position of the file.
    pub(crate) file: usize,
    range: RowRange,
}

/// Files to read, with what all tasks share.
#[derive(Clone, Copy)]
pub(crate) struct RowTasks<'a> {
    pub(crate) inputs: &'a [ParquetInput],
    pub(crate) on_bad_row: OnBadRow,
    pub(crate) progress: &'a dyn Progress,
}

impl RowTasks<'_> {
    /// Reads all rows, in parallel; `worker` makes what a thread keeps between tasks. Results come
    /// in file order. The first bad row in file order is the one reported: a task is left out only
    /// behind one that has failed.
    pub(crate) fn read_all<W, T: Send>(
        &self,
        worker: impl Fn() -> W + Sync + Send,
        read: impl Fn(RowTask, &mut W) -> Result<T> + Sync + Send,
    ) -> Result<Vec<T>> {
        let of_file = |(file, input): (usize, &ParquetInput)| -> Vec<RowTask> {
            input.ranges(TASK_ROWS).map(|range| RowTask { file, range }).collect()
        };
        let tasks: Vec<RowTask> = self.inputs.iter().enumerate().flat_map(of_file).collect();
        let first_failed = AtomicUsize::new(usize::MAX);
        let results: Vec<Option<Result<T>>> = tasks
            .par_iter()
            .enumerate()
            .map_init(worker, |worker, (position, &task)| {
                if first_failed.load(Ordering::Relaxed) < position {
                    return None;
                }
                let result = read(task, worker);
                if result.is_err() {
                    first_failed.fetch_min(position, Ordering::Relaxed);
                }
                Some(result)
            })
            .collect();
        results.into_iter().flatten().collect()
    }

    /// Reads the rows of a task batch by batch, with the columns at `indexes`; `read` gives the
    /// faults of a batch, rising by row. Gives rows and bad rows counted.
    pub(crate) fn read_batches(
        &self,
        task: RowTask,
        indexes: &[usize],
        mut read: impl FnMut(&RecordBatch) -> Result<Vec<Fault>>,
    ) -> Result<IngestSummary> {
        let RowTask { file, range } = task;
        let input = &self.inputs[file];
        let mut summary = IngestSummary::default();
        let mut first_row = input.rows_before(range.row_group) + range.start + 1;
        for batch in input.read_range(range, indexes)? {
            if self.progress.is_cancelled() {
                return Err(Cancelled.into());
            }
            let batch = batch?;
            for fault in read(&batch)? {
                let row = first_row + fault.row as u64;
                let position = RowPosition { file: input.path.clone(), row_group: range.row_group, row };
                fault.settle(self.on_bad_row, &mut summary, position)?;
            }
            let n_rows = batch.num_rows() as u64;
            first_row += n_rows;
            summary.n_rows += n_rows;
            self.progress.advance(n_rows);
        }
        Ok(summary)
    }
}
