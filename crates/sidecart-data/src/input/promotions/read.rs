use arrow_array::RecordBatch;
use sidecart_core::{IdTable, Progress};

use super::batch::{FileColumns, RowReader, TaskNumbers};
use super::sort::{TaskRows, sort};
use super::table::Promotions;
use crate::config::{SideTableConfig, check_names};
use crate::error::{Error, Result};
use crate::input::columns::is_label;
use crate::input::files::{ParquetInput, open_all};
use crate::input::ids::id_kind;
use crate::input::interner::Interner;
use crate::input::purchase_columns::Source;
use crate::input::row_tasks::{RowTask, RowTasks};
use crate::input::side_table::{Kind, Known, Planned, check_types, known, needed, plan};
use crate::input::summary::{IngestSummary, Rule};

const COLUMNS: [Known; 6] = [
    needed("item_id", Kind::Id),
    needed("starts_at", Kind::Time),
    needed("ends_at", Kind::Time),
    known("store_id", Kind::Id),
    known("kind", Kind::Label),
    known("discount", Kind::Number),
];

/// Rows are numbered by `u32`.
const MAX_ROWS: u64 = u32::MAX as u64;

/// Reads the promotions of known items.
///
/// Rows are read in batches by all threads of the current rayon pool and kept in 16 bytes each
/// until they are sorted; the peak is about 30 bytes a row, and what the distinct starts and ends
/// take. The result does not depend on the order of rows, their spread over files or the number
/// of threads. Rows of the same item, time, store and kind become one with the greatest discount
/// ([`Rule::RepeatedPromotion`]); rows of unknown items are left out ([`Rule::UnknownItem`]). A
/// null store means everywhere; a null or blank kind is none.
///
/// # Errors
/// Any [`Error`] about files, columns and rows; a promotion that ends before it starts or takes
/// off more than everything is a bad row. More than 255 kinds are [`Error::Setting`].
pub fn read_promotions(
    config: &SideTableConfig,
    items: &IdTable,
    progress: &dyn Progress,
) -> Result<(Promotions, IngestSummary)> {
    let names: Vec<&str> = COLUMNS.iter().map(|known| known.name).collect();
    check_names("promotions", &config.columns, &names)?;
    let inputs = open_all(&config.path, "promotions")?;
    let n_rows = inputs.iter().map(ParquetInput::n_rows).fold(0, u64::saturating_add);
    if n_rows > MAX_ROWS {
        return Err(Error::Setting {
            key: "path",
            got: format!("{n_rows} rows of promotions"),
            expected: "at most 4294967295 rows",
        });
    }
    let planned = plan(&inputs, config, &COLUMNS)?;
    check_types(&inputs, &planned, config.time_unit)?;
    let columns = inputs.iter().map(|input| file_columns(input, &planned)).collect::<Result<Vec<_>>>()?;
    check_forms(&inputs, &columns, items)?;

    let stores = Interner::default();
    let reading = RowTasks { inputs: &inputs, on_bad_row: config.on_bad_row, progress };
    progress.begin("reading promotions", n_rows, "rows");
    let read = reading.read_all(
        || RowReader::new(items, &stores, config.time_unit),
        |task, reader| read_task(&reading, task, &columns[task.file], reader),
    );
    progress.end();
    let mut tasks = read?;
    let mut summary = IngestSummary { n_files: inputs.len(), ..IngestSummary::default() };
    for task in &mut tasks {
        summary.merge(std::mem::take(&mut task.summary));
    }
    let (promotions, n_repeated) = sort(tasks, items.len(), stores.finish())?;
    summary.count(Rule::RepeatedPromotion, n_repeated);
    Ok((promotions, summary))
}

/// The promotions of a task, in numbers of its own.
fn read_task(
    tasks: &RowTasks<'_>,
    task: RowTask,
    columns: &FileColumns,
    reader: &mut RowReader<'_>,
) -> Result<TaskRows> {
    let mut out = TaskRows::new();
    let mut numbers = TaskNumbers::new();
    let read = |batch: &RecordBatch| reader.read(batch, columns, (&mut numbers, &mut out));
    let summary = tasks.read_batches(task, &columns.indexes(), read)?;
    out.summary.merge(summary);
    (out.windows, out.kinds) = numbers.into_values();
    out.parts.iter_mut().for_each(Vec::shrink_to_fit);
    Ok(out)
}

/// Where the planned columns stand in one file.
fn file_columns(input: &ParquetInput, planned: &[Planned]) -> Result<FileColumns> {
    let find = |wanted: &str| -> Result<Option<Source>> {
        let Some((name, _, column)) = planned.iter().find(|(name, ..)| *name == wanted) else { return Ok(None) };
        Ok(Some(Source { index: input.column(name, column)?, column: column.clone() }))
    };
    let require = |name: &'static str| {
        find(name)?.ok_or_else(|| Error::Bug { what: format!("{name} of promotions was not planned") })
    };
    let kind = find("kind")?;
    if let Some(source) = &kind {
        let data_type = input.data_type(source.index);
        if !is_label(data_type) {
            return Err(Error::ColumnType {
                file: input.path.clone(),
                column: source.column.as_str().into(),
                name: "kind".into(),
                expected: "strings, numbers, booleans or dates",
                got: data_type.to_string().into(),
                remedy: "",
            });
        }
    }
    Ok(FileColumns {
        item: require("item_id")?,
        starts_at: require("starts_at")?,
        ends_at: require("ends_at")?,
        store: find("store_id")?,
        kind,
        discount: find("discount")?,
    })
}

/// Checks that item ids have the form of the catalogue's, without which none would ever match.
fn check_forms(inputs: &[ParquetInput], columns: &[FileColumns], items: &IdTable) -> Result<()> {
    for (input, columns) in inputs.iter().zip(columns) {
        let source = &columns.item;
        let got = id_kind(&input.path, "item_id", &source.column, input.data_type(source.index))?;
        if got != items.kind() && !items.is_empty() && input.n_rows() > 0 {
            return Err(Error::IdForms {
                what: "item_id",
                expected: items.kind().to_string(),
                got: got.to_string(),
                first: "the catalogue".into(),
                second: input.path.clone(),
            });
        }
    }
    Ok(())
}
