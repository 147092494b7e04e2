//! Phase one: validate every row and partition it by customer. Phase two is in `ledger::build`.

use sidecart_core::Progress;

use super::files::{ParquetInput, open_all};
use super::partitions::Partitions;
use super::purchase_columns::{FileColumns, check_mapping, resolve_all};
use super::row_tasks::{RowTask, RowTasks};
use super::rows::{Interners, RowReader};
use super::shared_baskets::first_conflict;
use super::summary::{IngestSummary, Rule};
use crate::config::{OnBadRow, PurchasesConfig};
use crate::error::{Error, Result};
use crate::ledger::{Ledger, build};

/// How to read, apart from what.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Memory cap in bytes. Rows beyond a third of it wait in temporary files until their
    /// customers are grouped; a history whose ledger alone is larger is an error. Default 4 GiB.
    /// Never changes results.
    pub memory_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { memory_bytes: 4 << 30 }
    }
}

/// Bytes of the finished ledger per row, for the check against the memory cap.
const LEDGER_BYTES_PER_ROW: u64 = 48;

/// Validated rows after which a worker hands them over.
const FLUSH_ROWS: usize = 1 << 16;

/// The shared state of one reading.
struct Reading<'a> {
    config: &'a PurchasesConfig,
    tasks: RowTasks<'a>,
    columns: &'a [FileColumns],
    interners: Interners,
    partitions: Partitions,
}

impl Reading<'_> {
    fn read_task(&self, task: RowTask, reader: &mut RowReader<'_>) -> Result<IngestSummary> {
        let columns = &self.columns[task.file];
        let indexes = columns.indexes();
        let mut summary = self.tasks.read_batches(task, &indexes, |batch| {
            let faults = reader.read(batch, &indexes, columns);
            if reader.n_out >= FLUSH_ROWS {
                self.hand_over(reader)?;
            }
            Ok(faults)
        })?;
        self.hand_over(reader)?;
        reader.flush_counts(&mut summary);
        Ok(summary)
    }

    fn hand_over(&self, reader: &mut RowReader<'_>) -> Result<()> {
        reader.n_out = 0;
        reader.out.iter_mut().enumerate().try_for_each(|(partition, rows)| self.partitions.append(partition, rows))
    }

    fn read_all(&self, priced: bool) -> Result<IngestSummary> {
        let reader = || RowReader::new(&self.interners, self.config.time_unit, priced);
        let results = self.tasks.read_all(reader, |task, reader| self.read_task(task, reader))?;
        let mut summary = IngestSummary { n_files: self.tasks.inputs.len(), ..IngestSummary::default() };
        results.into_iter().for_each(|of_task| summary.merge(of_task));
        Ok(summary)
    }
}

/// Reads the purchase history into a ledger: validates every row, partitions rows by customer
/// under the memory cap, groups each partition.
///
/// The result does not depend on the order of rows, their spread over files, the memory cap or
/// the number of threads (those of the current rayon pool). What happens to odd rows is said by
/// [`Rule`]; the summary counts them.
///
/// # Errors
/// Any [`Error`] about files, columns and rows. With `on_bad_row = "fail"` the error names the
/// first bad row in file order (files in order of their paths); a basket of two customers is
/// reported when no row is bad by itself. With `"skip"` such rows are counted in the summary.
pub fn read_purchases(
    config: &PurchasesConfig,
    options: ReadOptions,
    progress: &dyn Progress,
) -> Result<(Ledger, IngestSummary)> {
    check_mapping(config)?;
    let inputs = open_all(&config.path, "purchases")?;
    let (columns, clock) = resolve_all(&inputs, config)?;
    let n_rows = inputs.iter().map(ParquetInput::n_rows).fold(0, u64::saturating_add);
    let needed = n_rows.saturating_mul(LEDGER_BYTES_PER_ROW);
    if needed > options.memory_bytes {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        return Err(Error::Memory { rows: n_rows, needed_mib: mib(needed), cap_mib: options.memory_bytes >> 20 });
    }
    let reading = Reading {
        config,
        tasks: RowTasks { inputs: &inputs, on_bad_row: config.on_bad_row, progress },
        columns: &columns,
        interners: Interners::default(),
        partitions: Partitions::new(options.memory_bytes / 3),
    };
    let has_price = columns.iter().any(FileColumns::has_price);
    progress.begin("reading purchases", n_rows, "rows");
    let read = reading.read_all(has_price);
    progress.end();
    let mut summary = read?;
    let n_spilled = reading.partitions.n_spilled();
    if n_spilled > 0 {
        progress.note(&format!("{n_spilled} rows went through temporary files to stay under the memory cap"));
    }
    let Reading { interners, partitions, .. } = reading;
    let parts = build::Parts { interners, partitions, clock, has_price };
    let build::Grouped { ledger, shared } = build::group(parts, &mut summary, progress)?;
    if !shared.is_empty() {
        let conflict = first_conflict(&inputs, &columns, &shared)?;
        match (config.on_bad_row, &conflict) {
            (OnBadRow::Skip, Error::BasketOfTwo { second, .. }) => {
                summary.count(Rule::BasketOfTwo, shared.len() as u64 - 1);
                summary.count_at(Rule::BasketOfTwo, || ((**second).clone(), conflict.to_string()));
            }
            _ => return Err(conflict),
        }
    }
    if ledger.n_lines() == 0 {
        let commonest = summary.rules.iter().max_by_key(|(_, applied)| applied.count);
        return Err(Error::Empty {
            what: name_files(&inputs),
            rows: summary.n_rows,
            hint: commonest.map_or_else(|| "the files hold no rows".into(), |(rule, c)| format!("{} {rule}", c.count)),
        });
    }
    Ok((ledger, summary))
}

fn name_files(inputs: &[ParquetInput]) -> String {
    let first = inputs.first().map_or_else(String::new, |input| input.path.display().to_string());
    if inputs.len() > 1 { format!("{first} and {} more files", inputs.len() - 1) } else { first }
}
