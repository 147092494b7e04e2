//! Small tables read whole: one value of each column per row, by our names.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow_array::ArrayRef;
use sidecart_core::{ExternalId, ExternalIdRef, IdKind};

use super::columns::{self, BadValue, Numbers, Times};
use super::faults::Fault;
use super::files::{ParquetInput, open_all};
use super::ids::{for_each_id, id_kind};
use super::summary::IngestSummary;
use crate::config::{ColumnSpec, OnBadRow, SideTableConfig, TimeUnit, check_names};
use crate::error::{Error, Result, RowPosition};

/// What a column of a side table holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    Number,
    Label,
    Time,
}

/// A column this table knows.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) needed: bool,
    /// Whether a list of columns may be mapped to it.
    pub(crate) many: bool,
}

pub(crate) const fn known(name: &'static str, kind: Kind) -> Known {
    Known { name, kind, needed: false, many: false }
}

pub(crate) const fn needed(name: &'static str, kind: Kind) -> Known {
    Known { name, kind, needed: true, many: false }
}

pub(crate) const fn list(name: &'static str, kind: Kind) -> Known {
    Known { name, kind, needed: false, many: true }
}

/// One column, all rows of all files.
pub(crate) enum Values {
    Ids(Vec<Option<ExternalId>>),
    Numbers(Vec<Option<f64>>),
    Labels(Vec<Option<String>>),
    Times(Vec<Option<i64>>),
}

/// A column as it was found.
pub(crate) struct Column {
    /// The caller's name.
    pub(crate) source: String,
    pub(crate) values: Values,
}

/// A table read whole. Bad rows are kept aside until [`settle`](SideTable::settle), so that the
/// first one in file order is the one reported, whichever column was looked at first.
pub(crate) struct SideTable {
    table: &'static str,
    columns: BTreeMap<&'static str, Vec<Column>>,
    blocks: Vec<Block>,
    n_rows: usize,
    on_bad_row: OnBadRow,
    time_unit: TimeUnit,
    pub(crate) summary: IngestSummary,
    faults: BTreeMap<usize, (String, BadValue)>,
}

/// Rows that were read together.
struct Block {
    file: PathBuf,
    row_group: usize,
    /// Number of the first row in the table.
    first: usize,
    /// Number of the first row in the file, from 1.
    first_in_file: u64,
}

/// Row numbers are kept for messages; a side table beyond this is no side table.
const MAX_ROWS: u64 = 200_000_000;

impl SideTable {
    /// Reads every known column that is there. With `extra` also all other columns that have
    /// labels, under the name `attributes`.
    pub(crate) fn read(table: &'static str, config: &SideTableConfig, known: &[Known], extra: bool) -> Result<Self> {
        let names: Vec<&str> = known.iter().map(|k| k.name).collect();
        check_names(table, &config.columns, &names)?;
        let inputs = open_all(&config.path, table)?;
        let n_rows: u64 = inputs.iter().map(ParquetInput::n_rows).sum();
        if n_rows > MAX_ROWS {
            return Err(Error::Setting {
                key: "path",
                got: format!("{n_rows} rows of {table}"),
                expected: "at most 200000000 rows",
            });
        }
        let mut out = Self {
            table,
            columns: BTreeMap::new(),
            blocks: Vec::new(),
            n_rows: 0,
            on_bad_row: config.on_bad_row,
            time_unit: config.time_unit,
            summary: IngestSummary { n_files: inputs.len(), n_rows, ..IngestSummary::default() },
            faults: BTreeMap::new(),
        };
        let mut plan = plan(&inputs, config, known)?;
        if extra {
            plan.extend(other_columns(&inputs, &plan)?);
        }
        check_types(&inputs, &plan, config.time_unit)?;
        for input in &inputs {
            out.read_file(input, &plan)?;
        }
        Ok(out)
    }

    fn read_file(&mut self, input: &ParquetInput, plan: &[Planned]) -> Result<()> {
        let mut wanted: Vec<usize> =
            plan.iter().map(|(name, _, source)| input.column(name, source)).collect::<Result<_>>()?;
        wanted.sort_unstable();
        wanted.dedup();
        for row_group in 0..input.n_row_groups() {
            let mut first_in_file = input.rows_before(row_group) + 1;
            for batch in input.read(row_group, &wanted)? {
                let batch = batch?;
                self.blocks.push(Block { file: input.path.clone(), row_group, first: self.n_rows, first_in_file });
                for (position, (name, kind, source)) in plan.iter().enumerate() {
                    let index = input.column(name, source)?;
                    let array = batch.column(wanted.binary_search(&index).expect("every planned column was projected"));
                    let values = self.values(input, *kind, name, source, array)?;
                    self.extend(plan, position, name, source, values);
                }
                self.n_rows += batch.num_rows();
                first_in_file += batch.num_rows() as u64;
            }
        }
        Ok(())
    }

    fn values(
        &mut self,
        input: &ParquetInput,
        kind: Kind,
        name: &str,
        source: &str,
        array: &ArrayRef,
    ) -> Result<Values> {
        let mut bad = Vec::new();
        let values = match kind {
            Kind::Id => {
                let mut ids = Vec::with_capacity(array.len());
                for_each_id(array, |row, id| match id {
                    Ok(id) => ids.push(id.map(ExternalIdRef::to_owned)),
                    Err(value) => {
                        ids.push(None);
                        bad.push((row, value));
                    }
                });
                Values::Ids(ids)
            }
            Kind::Number => {
                let numbers: Vec<Option<f64>> = Numbers::new(array).iter().collect();
                for (row, value) in numbers.iter().enumerate() {
                    if let Some(value) = value.filter(|v| !v.is_finite()) {
                        bad.push((row, BadValue::new(value, "not a number", "use null where the value is unknown")));
                    }
                }
                Values::Numbers(numbers)
            }
            Kind::Time => {
                let mut times = Times::new(array, self.time_unit);
                bad = std::mem::take(&mut times.bad);
                Values::Times(times.iter().collect())
            }
            Kind::Label => Values::Labels(columns::labels(array).ok_or_else(|| Error::ColumnType {
                file: input.path.clone(),
                column: source.into(),
                name: name.into(),
                expected: "strings, numbers, booleans or dates",
                got: array.data_type().to_string().into(),
                remedy: "",
            })?),
        };
        for (row, value) in bad {
            self.bad_row(self.n_rows + row, source, value);
        }
        Ok(values)
    }

    fn extend(&mut self, plan: &[Planned], position: usize, name: &'static str, source: &str, values: Values) {
        let place = plan[..position].iter().filter(|(n, ..)| *n == name).count();
        let columns = self.columns.entry(name).or_default();
        match columns.get_mut(place) {
            None => columns.push(Column { source: source.to_owned(), values }),
            Some(column) => match (&mut column.values, values) {
                (Values::Ids(a), Values::Ids(b)) => a.extend(b),
                (Values::Numbers(a), Values::Numbers(b)) => a.extend(b),
                (Values::Labels(a), Values::Labels(b)) => a.extend(b),
                (Values::Times(a), Values::Times(b)) => a.extend(b),
                _ => unreachable!("a plan gives a column one kind"),
            },
        }
    }

    /// Sets a row aside; the first fault of a row is the one that counts.
    pub(crate) fn bad_row(&mut self, row: usize, column: &str, bad: BadValue) {
        self.faults.entry(row).or_insert_with(|| (column.to_owned(), bad));
    }

    /// Fails with the first bad row in file order, or counts all of them.
    pub(crate) fn settle(mut self) -> Result<IngestSummary> {
        let faults = std::mem::take(&mut self.faults);
        for (row, (column, bad)) in faults {
            let position = self.position(row);
            Fault { row, column, bad }.settle(self.on_bad_row, &mut self.summary, position)?;
        }
        Ok(self.summary)
    }

    fn position(&self, row: usize) -> RowPosition {
        let block = &self.blocks[self.blocks.partition_point(|block| block.first <= row) - 1];
        let row = block.first_in_file + (row - block.first) as u64;
        RowPosition { file: block.file.clone(), row_group: block.row_group, row }
    }

    /// Whether a row was set aside.
    pub(crate) fn is_bad(&self, row: usize) -> bool {
        self.faults.contains_key(&row)
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The first file, for messages about the whole table.
    pub(crate) fn path(&self) -> PathBuf {
        self.blocks.first().map_or_else(PathBuf::new, |block| block.file.clone())
    }

    /// Takes the columns mapped to a name, in mapping order.
    pub(crate) fn take(&mut self, name: &str) -> Vec<Column> {
        self.columns.remove(name).unwrap_or_default()
    }

    /// Takes the ids of a needed column; a null id is a bad row.
    pub(crate) fn take_ids(&mut self, name: &'static str) -> Result<(String, Vec<Option<ExternalId>>)> {
        let Some(column) = self.take(name).pop() else { return Ok((name.to_owned(), Vec::new())) };
        let Column { source, values: Values::Ids(ids) } = column else {
            return Err(Error::Bug { what: format!("{name} of {} was not read as ids", self.table) });
        };
        for (row, _) in ids.iter().enumerate().filter(|(_, id)| id.is_none()) {
            let remedy = "fill the column or set on_bad_row = \"skip\"";
            self.bad_row(row, &source, BadValue::new("null", "a row has no id", remedy));
        }
        Ok((source, ids))
    }

    /// Takes a number column; a value outside `range` is a bad row.
    pub(crate) fn take_numbers(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<f64>,
        problem: &'static str,
    ) -> Option<Vec<Option<f64>>> {
        let Some(Column { source, values: Values::Numbers(numbers) }) = self.take(name).pop() else { return None };
        for (row, value) in numbers.iter().enumerate() {
            if let Some(value) = value.filter(|v| !range.contains(v)) {
                self.bad_row(row, &source, BadValue::new(value, problem, "correct the row or use null"));
            }
        }
        Some(numbers)
    }

    /// Takes one column of labels.
    pub(crate) fn take_labels(&mut self, name: &str) -> Option<Vec<Option<String>>> {
        match self.take(name).pop() {
            Some(Column { values: Values::Labels(labels), .. }) => Some(labels),
            _ => None,
        }
    }
}

/// Our name, kind and the caller's name of a column to read.
pub(crate) type Planned = (&'static str, Kind, String);

/// Decides which column of the caller each known name is read from.
pub(crate) fn plan(inputs: &[ParquetInput], config: &SideTableConfig, known: &[Known]) -> Result<Vec<Planned>> {
    let mut plan = Vec::new();
    for column in known {
        match config.columns.get(column.name) {
            Some(ColumnSpec::Many(sources)) if !column.many && sources.len() != 1 => {
                return Err(Error::Setting {
                    key: column.name,
                    got: format!("{} columns", sources.len()),
                    expected: "one column; only category and attributes take a list",
                });
            }
            Some(spec) => {
                for source in spec.as_slice() {
                    for input in inputs {
                        input.column(column.name, source)?;
                    }
                    plan.push((column.name, column.kind, source.clone()));
                }
            }
            None if column.needed => {
                for input in inputs {
                    input.column(column.name, column.name)?;
                }
                plan.push((column.name, column.kind, column.name.to_owned()));
            }
            None => {
                if in_all_files(inputs, column.name, column.name)? {
                    plan.push((column.name, column.kind, column.name.to_owned()));
                }
            }
        }
    }
    Ok(plan)
}

/// Whether a column is there; an error where only some of the files have it.
fn in_all_files(inputs: &[ParquetInput], name: &'static str, column: &str) -> Result<bool> {
    let Some(with) = inputs.iter().find(|input| input.find(column).is_some()) else { return Ok(false) };
    match inputs.iter().find(|input| input.find(column).is_none()) {
        None => Ok(true),
        Some(without) => Err(Error::ColumnInSome {
            file: without.path.clone(),
            name,
            column: column.to_owned(),
            first: with.path.clone(),
        }),
    }
}

/// All columns that can be labels and are not planned yet.
fn other_columns(inputs: &[ParquetInput], plan: &[Planned]) -> Result<Vec<Planned>> {
    let mut others: Vec<Planned> = Vec::new();
    for field in inputs.iter().flat_map(|input| input.schema().fields()) {
        let name = field.name();
        let taken = |planned: &[Planned]| planned.iter().any(|(_, _, source)| source == name);
        if columns::is_label(field.data_type())
            && !taken(plan)
            && !taken(&others)
            && in_all_files(inputs, "attributes", name)?
        {
            others.push(("attributes", Kind::Label, name.clone()));
        }
    }
    Ok(others)
}

/// Checks that every planned column has a type that fits, the same form in all files.
pub(crate) fn check_types(inputs: &[ParquetInput], plan: &[Planned], unit: TimeUnit) -> Result<()> {
    for (name, kind, source) in plan {
        let mut first: Option<(String, &ParquetInput)> = None;
        for input in inputs {
            let data_type = input.data_type(input.column(name, source)?);
            let form = match kind {
                Kind::Id if *name != "item_id" && *name != "customer_id" && data_type.is_null() => None,
                Kind::Id => Some(format!("{} ids", id_kind(&input.path, name, source, data_type)?)),
                Kind::Time => Some(columns::time_form(&input.path, name, source, data_type, unit)?.to_string()),
                Kind::Number => {
                    columns::check_number(&input.path, name, source, data_type)?;
                    None
                }
                Kind::Label => None,
            };
            match (form, &first) {
                (Some(got), Some((expected, at))) if &got != expected => {
                    return Err(Error::MixedTypes {
                        file: input.path.clone(),
                        column: source.as_str().into(),
                        expected: expected.as_str().into(),
                        got: got.into(),
                        first: at.path.clone(),
                    });
                }
                (Some(got), None) => first = Some((got, input)),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The form of the ids of a column read whole; none where it holds none.
pub(crate) fn form_of(ids: &[Option<ExternalId>]) -> Option<IdKind> {
    ids.iter().flatten().next().map(|id| id.as_ref().kind())
}
