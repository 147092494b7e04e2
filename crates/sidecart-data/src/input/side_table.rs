//! Small tables read whole: one value of each column per row, by our names.

use std::collections::BTreeMap;

use arrow_array::ArrayRef;
use sidecart_core::{ExternalId, IdKind};

use super::columns::{self, BadValue};
use super::files::{ParquetInput, open_all};
use super::summary::{IngestSummary, Rule};
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

/// A table read whole. Rows that break a rule are already gone.
pub(crate) struct SideTable {
    pub(crate) table: &'static str,
    columns: BTreeMap<&'static str, Vec<Column>>,
    pub(crate) positions: Vec<RowPosition>,
    pub(crate) on_bad_row: OnBadRow,
    pub(crate) summary: IngestSummary,
    dropped: Vec<bool>,
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
            return Err(Error::Setting { key: "path", got: format!("{n_rows} rows of {table}"), expected: "at most 200000000 rows" });
        }
        let mut out = Self {
            table,
            columns: BTreeMap::new(),
            positions: Vec::new(),
            on_bad_row: config.on_bad_row,
            summary: IngestSummary { n_files: inputs.len(), n_rows, ..IngestSummary::default() },
            dropped: Vec::new(),
        };
        let mut plan = plan(&inputs, config, known)?;
        if extra {
            plan.extend(other_columns(&inputs, &plan));
        }
        out.check_types(&inputs, &plan)?;
        for input in &inputs {
            out.read_file(input, &plan)?;
        }
        Ok(out)
    }

    fn check_types(&self, inputs: &[ParquetInput], plan: &[(&'static str, Kind, String)]) -> Result<()> {
        for (name, kind, source) in plan {
            let mut first: Option<(IdKind, &ParquetInput)> = None;
            for input in inputs {
                let data_type = input.schema().field(input.column(name, source)?).data_type().clone();
                match kind {
                    Kind::Id => {
                        let got = columns::id_kind(&input.path, name, source, &data_type)?;
                        match first {
                            Some((expected, at)) if expected != got => {
                                return Err(Error::MixedTypes {
                                    file: input.path.clone(),
                                    column: source.clone(),
                                    expected: format!("{expected} ids"),
                                    got: format!("{got} ids"),
                                    first: at.path.clone(),
                                });
                            }
                            _ => first = Some((got, input)),
                        }
                    }
                    Kind::Number => columns::check_number(&input.path, name, source, &data_type)?,
                    Kind::Time => {
                        columns::time_form(&input.path, source, &data_type, TimeUnit::Order)?;
                    }
                    Kind::Label => {}
                }
            }
        }
        Ok(())
    }

    fn read_file(&mut self, input: &ParquetInput, plan: &[(&'static str, Kind, String)]) -> Result<()> {
        let mut wanted: Vec<usize> =
            plan.iter().map(|(name, _, source)| input.column(name, source)).collect::<Result<_>>()?;
        wanted.sort_unstable();
        wanted.dedup();
        for row_group in 0..input.n_row_groups() {
            let mut row = input.rows_before(row_group);
            for batch in input.read(row_group, &wanted)? {
                let batch = batch.map_err(|e| Error::Parquet { path: input.path.clone(), problem: e.to_string() })?;
                let base = self.positions.len();
                for _ in 0..batch.num_rows() {
                    row += 1;
                    self.positions.push(RowPosition { file: input.path.clone(), row_group, row });
                    self.dropped.push(false);
                }
                for (position, (name, kind, source)) in plan.iter().enumerate() {
                    let index = input.column(name, source)?;
                    let array = batch.column(wanted.binary_search(&index).expect("every planned column was projected"));
                    let values = self.values(input, *kind, name, source, array, base)?;
                    self.extend(plan, position, name, source, values);
                }
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
        base: usize,
    ) -> Result<Values> {
        let mut bad = Vec::new();
        let values = match kind {
            Kind::Id => {
                let mut ids = Vec::with_capacity(array.len());
                columns::for_each_id(array, &mut |row, id| match id {
                    Ok(id) => ids.push(id.map(|id| id.to_owned())),
                    Err(value) => {
                        ids.push(None);
                        bad.push((row, value));
                    }
                });
                Values::Ids(ids)
            }
            Kind::Number => {
                let numbers = columns::numbers(array);
                for (row, value) in numbers.iter().enumerate() {
                    if let Some(value) = value.filter(|v| !v.is_finite()) {
                        bad.push((row, BadValue::new(value, "not a number", "use null where the value is unknown")));
                    }
                }
                Values::Numbers(numbers)
            }
            Kind::Time => Values::Times(
                columns::times(array, TimeUnit::Order)
                    .into_iter()
                    .enumerate()
                    .map(|(row, time)| {
                        time.unwrap_or_else(|value| {
                            bad.push((row, value));
                            None
                        })
                    })
                    .collect(),
            ),
            Kind::Label => Values::Labels(columns::labels(array).ok_or_else(|| Error::ColumnType {
                file: input.path.clone(),
                column: source.to_owned(),
                name: name.to_owned(),
                expected: "strings, numbers or booleans",
                got: array.data_type().to_string(),
                remedy: String::new(),
            })?),
        };
        for (row, value) in bad {
            self.bad_row(base + row, source, value)?;
        }
        Ok(values)
    }

    fn extend(
        &mut self,
        plan: &[(&'static str, Kind, String)],
        position: usize,
        name: &'static str,
        source: &str,
        values: Values,
    ) {
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

    /// Fails, or counts the row and marks it as gone.
    pub(crate) fn bad_row(&mut self, row: usize, column: &str, bad: BadValue) -> Result<()> {
        let BadValue { value, problem, remedy } = bad;
        let position = self.positions[row].clone();
        match self.on_bad_row {
            OnBadRow::Fail => Err(Error::BadRow {
                position: Box::new(position),
                column: column.to_owned(),
                value,
                problem,
                remedy,
            }),
            OnBadRow::Skip => {
                self.summary.count_at(Rule::BadRow, || (position, format!("column `{column}`, value {value}: {problem}")));
                self.dropped[row] = true;
                Ok(())
            }
        }
    }

    pub(crate) fn is_dropped(&self, row: usize) -> bool {
        self.dropped[row]
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.positions.len()
    }

    /// Takes the columns mapped to a name, in mapping order.
    pub(crate) fn take(&mut self, name: &str) -> Vec<Column> {
        self.columns.remove(name).unwrap_or_default()
    }

    /// Takes the ids of a needed column; a null id is a bad row.
    pub(crate) fn take_ids(&mut self, name: &'static str) -> Result<(String, Vec<Option<ExternalId>>)> {
        let Some(Column { source, values: Values::Ids(ids) }) = self.take(name).pop() else {
            return Err(Error::Bug { what: format!("{} was read without {name}", self.table) });
        };
        for (row, id) in ids.iter().enumerate() {
            if id.is_none() && !self.dropped[row] {
                self.bad_row(row, &source, BadValue::new("null", "a row has no id", "fill the column or set on_bad_row = \"skip\""))?;
            }
        }
        Ok((source, ids))
    }

    /// Takes a number column; a value outside `range` is a bad row.
    pub(crate) fn take_numbers(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<f64>,
        problem: &'static str,
    ) -> Result<Option<Vec<Option<f64>>>> {
        let Some(Column { source, values: Values::Numbers(numbers) }) = self.take(name).pop() else { return Ok(None) };
        for (row, value) in numbers.iter().enumerate() {
            if let Some(value) = value.filter(|v| !range.contains(v))
                && !self.dropped[row]
            {
                self.bad_row(row, &source, BadValue::new(value, problem, "correct the row or use null"))?;
            }
        }
        Ok(Some(numbers))
    }

    /// Takes one column of labels.
    pub(crate) fn take_labels(&mut self, name: &str) -> Option<Vec<Option<String>>> {
        match self.take(name).pop() {
            Some(Column { values: Values::Labels(labels), .. }) => Some(labels),
            _ => None,
        }
    }
}

type Planned = (&'static str, Kind, String);

fn plan(inputs: &[ParquetInput], config: &SideTableConfig, known: &[Known]) -> Result<Vec<Planned>> {
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
                if inputs.iter().all(|input| input.find(column.name).is_some()) {
                    plan.push((column.name, column.kind, column.name.to_owned()));
                }
            }
        }
    }
    Ok(plan)
}

fn other_columns(inputs: &[ParquetInput], plan: &[Planned]) -> Vec<Planned> {
    let Some(first) = inputs.first() else { return Vec::new() };
    let taken = |name: &str| plan.iter().any(|(_, _, source)| source == name);
    first
        .schema()
        .fields()
        .iter()
        .filter(|f| !taken(f.name()) && inputs.iter().all(|i| i.find(f.name()).is_some()))
        .map(|f| ("attributes", Kind::Label, f.name().clone()))
        .collect()
}
