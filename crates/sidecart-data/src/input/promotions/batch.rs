//! The rules for one promotion row, applied to a decoded batch.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use sidecart_core::{ExternalIdRef, IdTable, Time};

use super::sort::{N_PARTITIONS, Packed, TaskRows};
use super::table::{EVERYWHERE, MAX_KINDS, NO_DISCOUNT, NO_KIND};
use crate::config::TimeUnit;
use crate::error::{Error, Result};
use crate::input::columns::{BadValue, Numbers, Times, labels};
use crate::input::faults::Fault;
use crate::input::ids::for_each_id;
use crate::input::interner::{IdHasher, Interner, LocalInterner};
use crate::input::purchase_columns::Source;
use crate::input::summary::Rule;

/// The columns of one file.
pub(super) struct FileColumns {
    pub(super) item: Source,
    pub(super) starts_at: Source,
    pub(super) ends_at: Source,
    pub(super) store: Option<Source>,
    pub(super) kind: Option<Source>,
    pub(super) discount: Option<Source>,
}

impl FileColumns {
    /// Positions of all columns that are read, rising.
    pub(super) fn indexes(&self) -> Vec<usize> {
        let optional = [&self.store, &self.kind, &self.discount].into_iter().flatten();
        let mut all: Vec<usize> =
            [&self.item, &self.starts_at, &self.ends_at].into_iter().chain(optional).map(|s| s.index).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Numbers distinct values in the order they come, remembering the last one.
struct Numbering<K> {
    numbers: HashMap<K, u32, BuildHasherDefault<IdHasher>>,
    values: Vec<K>,
    last: u32,
}

impl<K: Hash + Eq + Clone> Numbering<K> {
    fn new() -> Self {
        Self { numbers: HashMap::default(), values: Vec::new(), last: 0 }
    }

    #[inline]
    fn number<Q: Hash + Eq + ?Sized>(&mut self, value: &Q, own: impl FnOnce() -> K) -> u32
    where
        K: std::borrow::Borrow<Q>,
    {
        if self.values.get(self.last as usize).is_none_or(|last| last.borrow() != value) {
            self.last = match self.numbers.get(value) {
                Some(&number) => number,
                None => {
                    let number = self.values.len() as u32;
                    let own = own();
                    self.values.push(own.clone());
                    self.numbers.insert(own, number);
                    number
                }
            };
        }
        self.last
    }
}

/// An item that the catalogue does not know.
const UNKNOWN: u32 = u32::MAX;

/// One worker's memory between batches.
pub(super) struct RowReader<'a> {
    items: &'a IdTable,
    shared_stores: &'a Interner,
    stores: LocalInterner,
    time_unit: TimeUnit,
    /// The last integer id and its item: calendars are often written item by item.
    last_item: (Option<i64>, u32),
    /// Items of text ids, for which a search in the catalogue takes long.
    known_items: HashMap<Box<str>, u32, BuildHasherDefault<IdHasher>>,
    item_of: Vec<u32>,
    store_of: Vec<u32>,
    kind_of: Vec<u8>,
}

/// What a task has numbered so far.
pub(super) struct TaskNumbers {
    windows: Numbering<(i64, i64)>,
    kinds: Numbering<Box<str>>,
}

impl TaskNumbers {
    pub(super) fn new() -> Self {
        Self { windows: Numbering::new(), kinds: Numbering::new() }
    }

    /// The distinct windows and kinds by their numbers.
    pub(super) fn into_values(self) -> (Vec<(i64, i64)>, Vec<Box<str>>) {
        (self.windows.values, self.kinds.values)
    }
}

impl<'a> RowReader<'a> {
    pub(super) fn new(items: &'a IdTable, shared_stores: &'a Interner, time_unit: TimeUnit) -> Self {
        Self {
            items,
            shared_stores,
            stores: LocalInterner::default(),
            time_unit,
            last_item: (None, UNKNOWN),
            known_items: HashMap::default(),
            item_of: Vec::new(),
            store_of: Vec::new(),
            kind_of: Vec::new(),
        }
    }

    /// Validates the rows of a batch whose columns are those at `indexes`. Good rows go to `task`;
    /// the rows that break a rule are returned, rising.
    pub(super) fn read(
        &mut self,
        batch: &RecordBatch,
        columns: &FileColumns,
        (numbers, task): (&mut TaskNumbers, &mut TaskRows),
    ) -> Result<Vec<Fault>> {
        let indexes = columns.indexes();
        let array = |source: &Source| {
            batch.column(indexes.binary_search(&source.index).expect("every column of the file was projected"))
        };
        let mut faults = Vec::new();
        self.read_items(array(&columns.item), &columns.item, &mut faults);
        let mut times = |source: &Source| {
            let mut times = Times::new(array(source), self.time_unit);
            let bad = std::mem::take(&mut times.bad);
            faults.extend(bad.into_iter().map(|(row, bad)| Fault { row, column: source.column.clone(), bad }));
            times
        };
        let (starts, ends) = (times(&columns.starts_at), times(&columns.ends_at));
        self.store_of.clear();
        self.store_of.resize(batch.num_rows(), EVERYWHERE);
        if let Some(source) = &columns.store {
            for_each_id(array(source), |row, id| match id {
                Ok(Some(id)) => self.store_of[row] = self.stores.number(id, self.shared_stores),
                Ok(None) => {}
                Err(bad) => faults.push(Fault { row, column: source.column.clone(), bad }),
            });
        }
        self.kind_of.clear();
        self.kind_of.resize(batch.num_rows(), NO_KIND);
        if let Some(source) = &columns.kind {
            read_kinds(array(source), &mut numbers.kinds, &mut self.kind_of)?;
        }
        let discounts = columns.discount.as_ref().map(|source| {
            let discounts = Numbers::new(array(source));
            for (row, value) in discounts.iter().enumerate() {
                faults.extend(bad_discount(value).map(|bad| Fault { row, column: source.column.clone(), bad }));
            }
            discounts
        });
        // The first column wins where a row has several faults; the sort is stable.
        faults.sort_by_key(|fault| fault.row);
        faults.dedup_by_key(|fault| fault.row);

        let mut out = Vec::new();
        let mut known = faults.into_iter().peekable();
        let n_items = self.items.len() as u64;
        for row in 0..batch.num_rows() {
            if let Some(fault) = known.next_if(|fault| fault.row == row) {
                out.push(fault);
                continue;
            }
            let (start, end) = match window(starts.get(row), ends.get(row)) {
                Ok(window) => window,
                Err((at_end, bad)) => {
                    let source = if at_end { &columns.ends_at } else { &columns.starts_at };
                    out.push(Fault { row, column: source.column.clone(), bad });
                    continue;
                }
            };
            let item = self.item_of[row];
            if item == UNKNOWN {
                task.summary.count(Rule::UnknownItem, 1);
                continue;
            }
            let window = numbers.windows.number(&(start, end), || (start, end));
            let given = discounts.as_ref().and_then(|discounts| discounts.get(row));
            // Adding zero turns a negative zero into the plain one.
            let discount = given.map_or(NO_DISCOUNT, |given| given as f32 + 0.0);
            let partition = (u64::from(item) * N_PARTITIONS as u64 / n_items) as usize;
            let packed = Packed::new(item, self.store_of[row], (window, self.kind_of[row]), discount);
            task.parts[partition].push(packed);
        }
        Ok(out)
    }

    fn read_items(&mut self, array: &ArrayRef, source: &Source, faults: &mut Vec<Fault>) {
        self.item_of.clear();
        self.item_of.resize(array.len(), UNKNOWN);
        let (items, last, known) = (self.items, &mut self.last_item, &mut self.known_items);
        let item_of = &mut self.item_of;
        for_each_id(array, |row, id| {
            let find = |id| items.find(id).unwrap_or(UNKNOWN);
            let bad = match id {
                Ok(Some(ExternalIdRef::Int(number))) => {
                    if last.0 != Some(number) {
                        *last = (Some(number), find(ExternalIdRef::Int(number)));
                    }
                    item_of[row] = last.1;
                    return;
                }
                Ok(Some(id @ ExternalIdRef::Text(text))) => {
                    item_of[row] = match known.get(text) {
                        Some(&item) => item,
                        None => *known.entry(text.into()).or_insert(find(id)),
                    };
                    return;
                }
                Ok(None) => BadValue::new("null", "a row has no id", "fill the column or set on_bad_row = \"skip\""),
                Err(bad) => bad,
            };
            faults.push(Fault { row, column: source.column.clone(), bad });
        });
    }
}

/// Start and end of a row; else whether the end is at fault, and why.
#[inline]
fn window(start: Option<i64>, end: Option<i64>) -> std::result::Result<(i64, i64), (bool, BadValue)> {
    let null = || BadValue::new("null", "a promotion has no time", "fill the column");
    match (start, end) {
        (Some(start), Some(end)) if start < end => Ok((start, end)),
        (None, _) => Err((false, null())),
        (_, None) => Err((true, null())),
        (_, Some(end)) => {
            let remedy = "ends_at is exclusive and must be after starts_at";
            Err((true, BadValue::new(Time(end), "a promotion ends before it starts", remedy)))
        }
    }
}

#[inline]
fn bad_discount(value: Option<f64>) -> Option<BadValue> {
    match value {
        Some(value) if !value.is_finite() => {
            Some(BadValue::new(value, "not a number", "use null where the value is unknown"))
        }
        Some(value) if !(0.0..=1.0).contains(&value) => {
            let remedy = "correct the row or use null";
            Some(BadValue::new(value, "a discount is not a share between 0 and 1", remedy))
        }
        _ => None,
    }
}

/// Fills in the number of the kind of every row that has one.
fn read_kinds(array: &ArrayRef, kinds: &mut Numbering<Box<str>>, out: &mut [u8]) -> Result<()> {
    let mut number = |text: &str| match kinds.number(text, || text.into()) {
        number if (number as usize) < MAX_KINDS => Ok(number as u8),
        _ => Err(too_many_kinds()),
    };
    let mut fill = |texts: &mut dyn Iterator<Item = Option<&str>>| {
        for (out, text) in out.iter_mut().zip(texts) {
            if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
                *out = number(text)?;
            }
        }
        Ok(())
    };
    match array.data_type() {
        DataType::Utf8 => fill(&mut array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => fill(&mut array.as_string::<i64>().iter()),
        DataType::Utf8View => fill(&mut array.as_string_view().iter()),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let texts = labels(dictionary.values()).unwrap_or_default();
            if texts.is_empty() {
                return Ok(());
            }
            let keys = dictionary.normalized_keys();
            let text = |(row, key): (usize, usize)| texts[key].as_deref().filter(|_| array.is_valid(row));
            fill(&mut keys.into_iter().enumerate().map(text))
        }
        _ => fill(&mut labels(array).unwrap_or_default().iter().map(Option::as_deref)),
    }
}

pub(super) fn too_many_kinds() -> Error {
    Error::Setting {
        key: "kind",
        got: format!("more than {MAX_KINDS} different values"),
        expected: "at most 255 kinds of promotion; map `kind` to a coarser column",
    }
}
