//! Batch queries in, batch answers out.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int32Builder, Int64Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use sidecart_core::{Clock, ExternalId, ExternalIdRef, IdKind, Time};

use super::columns::{self, TimeForm, Times};
use super::files::open_all;
use super::ids::{for_each_id, id_kind};
use crate::config::{Paths, TimeUnit};
use crate::error::{Error, Result, RowPosition};

/// One batch query.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    /// The caller's number, unique in the file.
    pub query_id: i64,
    /// Who asks; none = anonymous.
    pub customer: Option<ExternalId>,
    /// The basket so far.
    pub items: Vec<ExternalId>,
    /// When; none = at the end of training.
    pub time: Option<Time>,
    /// Where.
    pub store: Option<ExternalId>,
    /// The customer's segment where the query brings it.
    pub segment: Option<String>,
    /// Where on the way to a purchase the question is asked, as the file writes it.
    pub touchpoint: Option<String>,
}

/// All queries of a file, in file order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct QueryBatch {
    /// The queries.
    pub queries: Vec<Query>,
    /// What their times count; [`Clock::None`] where there is no `timestamp` column.
    pub clock: Clock,
}

/// Reads batch queries: `query_id`, `items` and optionally `customer_id`, `timestamp`, `store_id`,
/// `segment`, `touchpoint`.
///
/// # Errors
/// Any [`Error`] about files and columns; a null or repeated `query_id` and a null item are bad
/// rows.
pub fn read_queries(path: &Path, time_unit: TimeUnit) -> Result<QueryBatch> {
    let mut batch_out = QueryBatch::default();
    let mut seen = HashSet::new();
    let mut first_time: Option<(TimeForm, PathBuf)> = None;
    for input in open_all(&Paths::One(path.to_path_buf()), "queries")? {
        let query_id = input.column("query_id", "query_id")?;
        let items = input.column("items", "items")?;
        let customer = input.find("customer_id");
        let time = input.find("timestamp");
        let store = input.find("store_id");
        let segment = input.find("segment");
        let touchpoint = input.find("touchpoint");
        let schema = input.schema().clone();
        let type_of = |i: usize| schema.field(i).data_type();
        let wrong = |column: &str, expected: &'static str, got: &DataType| Error::ColumnType {
            file: input.path.clone(),
            column: column.into(),
            name: column.into(),
            expected,
            got: got.to_string().into(),
            remedy: "",
        };
        if !type_of(query_id).is_integer() {
            return Err(wrong("query_id", "integers", type_of(query_id)));
        }
        match type_of(items) {
            DataType::List(field) | DataType::LargeList(field) if field.data_type().is_null() => {}
            DataType::List(field) | DataType::LargeList(field) => {
                id_kind(&input.path, "items", "items", field.data_type())?;
            }
            other => return Err(wrong("items", "lists of integers or strings", other)),
        }
        for (name, index) in [("customer_id", customer), ("store_id", store)] {
            if let Some(index) = index.filter(|&i| type_of(i) != &DataType::Null) {
                id_kind(&input.path, name, name, type_of(index))?;
            }
        }
        if let Some(index) = time {
            let form = columns::time_form(&input.path, "timestamp", "timestamp", type_of(index), time_unit)?;
            match &first_time {
                Some((expected, first)) if *expected != form => {
                    return Err(Error::MixedTypes {
                        file: input.path.clone(),
                        column: "timestamp".into(),
                        expected: expected.to_string().into(),
                        got: form.to_string().into(),
                        first: first.clone(),
                    });
                }
                Some(_) => {}
                None => first_time = Some((form, input.path.clone())),
            }
        }
        if let Some(index) = segment.filter(|&i| !columns::is_label(type_of(i))) {
            return Err(wrong("segment", "strings, numbers or booleans", type_of(index)));
        }
        if let Some(index) = touchpoint.filter(|&i| !columns::is_label(type_of(i))) {
            return Err(wrong("touchpoint", "strings", type_of(index)));
        }
        let mut wanted: Vec<usize> =
            [Some(query_id), Some(items), customer, time, store, segment, touchpoint].into_iter().flatten().collect();
        wanted.sort_unstable();
        for row_group in 0..input.n_row_groups() {
            let mut row_number = input.rows_before(row_group);
            for batch in input.read(row_group, &wanted)? {
                let batch = batch?;
                let array = |index: usize| batch.column(wanted.binary_search(&index).expect("a projected column"));
                let bad = |row: usize, column: &str, value: String, problem: &'static str, remedy: &'static str| {
                    let position =
                        RowPosition { file: input.path.clone(), row_group, row: row_number + row as u64 + 1 };
                    Error::BadRow { position: Box::new(position), column: column.to_owned(), value, problem, remedy }
                };
                let n = batch.num_rows();
                let ids = |index: Option<usize>, name: &str| -> Result<Vec<Option<ExternalId>>> {
                    let Some(index) = index.filter(|&i| type_of(i) != &DataType::Null) else {
                        return Ok(vec![None; n]);
                    };
                    collect_ids(array(index))
                        .map_err(|(row, value, problem, remedy)| bad(row, name, value, problem, remedy))
                };
                let query_ids = ids(Some(query_id), "query_id")?;
                let customers = ids(customer, "customer_id")?;
                let stores = ids(store, "store_id")?;
                let times = match time {
                    None => vec![None; n],
                    Some(index) => {
                        let mut times = Times::new(array(index), time_unit);
                        if let Some((row, b)) = std::mem::take(&mut times.bad).into_iter().next() {
                            return Err(bad(row, "timestamp", b.value, b.problem, b.remedy));
                        }
                        times.iter().collect()
                    }
                };
                let labels = |column: Option<usize>| {
                    column.and_then(|i| columns::labels(array(i))).unwrap_or_else(|| vec![None; n])
                };
                let (segments, touchpoints) = (labels(segment), labels(touchpoint));
                let lists = array(items);
                for row in 0..n {
                    let query_id = match &query_ids[row] {
                        Some(ExternalId::Int(id)) if seen.insert(*id) => *id,
                        Some(id) => {
                            return Err(bad(
                                row,
                                "query_id",
                                id.to_string(),
                                "a query id stands twice",
                                "number the queries",
                            ));
                        }
                        None => {
                            return Err(bad(row, "query_id", "null".into(), "a query has no id", "number the queries"));
                        }
                    };
                    let values: Option<ArrayRef> = if lists.is_null(row) {
                        None
                    } else if matches!(lists.data_type(), DataType::LargeList(_)) {
                        Some(lists.as_list::<i64>().value(row))
                    } else {
                        Some(lists.as_list::<i32>().value(row))
                    };
                    let basket = match &values {
                        None => Vec::new(),
                        Some(values) => collect_ids(values)
                            .map_err(|(_, value, problem, remedy)| bad(row, "items", value, problem, remedy))?
                            .into_iter()
                            .map(|id| {
                                id.ok_or_else(|| {
                                    bad(row, "items", "null".into(), "a basket holds a null item", "leave it out")
                                })
                            })
                            .collect::<Result<_>>()?,
                    };
                    batch_out.queries.push(Query {
                        query_id,
                        customer: customers[row].clone(),
                        items: basket,
                        time: times[row].map(Time),
                        store: stores[row].clone(),
                        segment: segments[row].clone(),
                        touchpoint: touchpoints[row].clone(),
                    });
                }
                row_number += n as u64;
            }
        }
    }
    batch_out.clock = first_time.map_or(Clock::None, |(form, _)| form.clock);
    Ok(batch_out)
}

type IdFault = (usize, String, &'static str, &'static str);

fn collect_ids(array: &ArrayRef) -> std::result::Result<Vec<Option<ExternalId>>, IdFault> {
    let mut ids = Vec::with_capacity(array.len());
    let mut fault = None;
    for_each_id(array, |row, id| match id {
        Ok(id) => ids.push(id.map(ExternalIdRef::to_owned)),
        Err(bad) => {
            fault.get_or_insert((row, bad.value, bad.problem, bad.remedy));
        }
    });
    fault.map_or(Ok(ids), Err)
}

/// One row of a batch answer; rank 0 = no offer, with its reason.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer<'a> {
    /// The query's number.
    pub query_id: i64,
    /// 1 = best; 0 = no offer.
    pub rank: i32,
    /// What is offered.
    pub item: Option<ExternalIdRef<'a>>,
    /// Greater is better.
    pub score: Option<f64>,
    /// Kind of offer.
    pub kind: &'a str,
    /// The basket item that speaks for it.
    pub anchor: Option<ExternalIdRef<'a>>,
    /// Probability of the upgrade, for upsell.
    pub propensity: Option<f64>,
    /// Shelf price difference per piece to the anchor, for upsell.
    pub price_delta: Option<f64>,
    /// What stood in where the model had no answer of its own.
    pub fallback: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
}

/// Writes batch answers as Parquet, row by row.
pub struct AnswerWriter {
    path: PathBuf,
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
    ids: IdKind,
    columns: Columns,
}

enum IdBuilder {
    Int(Int64Builder),
    Text(StringBuilder),
}

impl IdBuilder {
    fn new(kind: IdKind) -> Self {
        match kind {
            IdKind::Int => Self::Int(Int64Builder::new()),
            IdKind::Text => Self::Text(StringBuilder::new()),
        }
    }

    fn push(&mut self, id: Option<ExternalIdRef<'_>>) {
        match (self, id) {
            (Self::Int(b), Some(ExternalIdRef::Int(id))) => b.append_value(id),
            (Self::Text(b), Some(id)) => b.append_value(id.to_string()),
            (Self::Int(b), _) => b.append_null(),
            (Self::Text(b), None) => b.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Int(b) => Arc::new(b.finish()),
            Self::Text(b) => Arc::new(b.finish()),
        }
    }
}

struct Columns {
    query_id: Int64Builder,
    rank: Int32Builder,
    item: IdBuilder,
    score: Float64Builder,
    kind: StringBuilder,
    anchor: IdBuilder,
    propensity: Float64Builder,
    price_delta: Float64Builder,
    fallback: StringBuilder,
    reason: StringBuilder,
    n_rows: usize,
}

impl Columns {
    fn new(ids: IdKind) -> Self {
        Self {
            query_id: Int64Builder::new(),
            rank: Int32Builder::new(),
            item: IdBuilder::new(ids),
            score: Float64Builder::new(),
            kind: StringBuilder::new(),
            anchor: IdBuilder::new(ids),
            propensity: Float64Builder::new(),
            price_delta: Float64Builder::new(),
            fallback: StringBuilder::new(),
            reason: StringBuilder::new(),
            n_rows: 0,
        }
    }
}

/// Rows of one row group of the answer file.
const ANSWER_ROWS: usize = 1 << 18;

impl AnswerWriter {
    /// Creates the file; item ids are written in the form `ids`.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Parquet`].
    pub fn create(path: &Path, ids: IdKind) -> Result<Self> {
        let id_type = match ids {
            IdKind::Int => DataType::Int64,
            IdKind::Text => DataType::Utf8,
        };
        let schema = Arc::new(Schema::new(vec![
            Field::new("query_id", DataType::Int64, false),
            Field::new("rank", DataType::Int32, false),
            Field::new("item_id", id_type.clone(), true),
            Field::new("score", DataType::Float64, true),
            Field::new("kind", DataType::Utf8, true),
            Field::new("anchor_id", id_type, true),
            Field::new("propensity", DataType::Float64, true),
            Field::new("price_delta", DataType::Float64, true),
            Field::new("fallback", DataType::Utf8, true),
            Field::new("reason", DataType::Utf8, true),
        ]));
        let file = File::create(path).map_err(Error::io(path, "creating"))?;
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(Error::parquet(path))?;
        Ok(Self { path: path.to_path_buf(), writer, schema, ids, columns: Columns::new(ids) })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// [`Error::Parquet`] when a row group cannot be written.
    pub fn push(&mut self, answer: &Answer<'_>) -> Result<()> {
        let c = &mut self.columns;
        c.query_id.append_value(answer.query_id);
        c.rank.append_value(answer.rank);
        c.item.push(answer.item);
        c.score.append_option(answer.score);
        c.kind.append_value(answer.kind);
        c.anchor.push(answer.anchor);
        c.propensity.append_option(answer.propensity);
        c.price_delta.append_option(answer.price_delta);
        c.fallback.append_option(answer.fallback);
        c.reason.append_option(answer.reason);
        c.n_rows += 1;
        if c.n_rows == ANSWER_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let mut c = std::mem::replace(&mut self.columns, Columns::new(self.ids));
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(c.query_id.finish()),
            Arc::new(c.rank.finish()),
            c.item.finish(),
            Arc::new(c.score.finish()),
            Arc::new(c.kind.finish()),
            c.anchor.finish(),
            Arc::new(c.propensity.finish()),
            Arc::new(c.price_delta.finish()),
            Arc::new(c.fallback.finish()),
            Arc::new(c.reason.finish()),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|e| Error::Bug { what: format!("answer columns disagree: {e}") })?;
        self.writer.write(&batch).map_err(Error::parquet(&self.path))
    }

    /// Writes what is left and closes the file.
    ///
    /// # Errors
    /// [`Error::Parquet`].
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.writer.close().map_err(Error::parquet(&self.path))?;
        Ok(())
    }
}
