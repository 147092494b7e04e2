//! Phase one: validate every row and partition it by customer. Phase two is in `ledger::build`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use rayon::prelude::*;
use sidecart_core::{Clock, IdKind, Money, Progress, Quantity, mix64};

use super::columns::{self, BadValue, TimeForm};
use super::files::{ParquetInput, open_all};
use super::interner::{Interner, LocalInterner, basket_key};
use super::partitions::{N_PARTITIONS, NO_PRICE, NONE, Partitions, Row};
use super::summary::{IngestSummary, Rule};
use crate::config::{OnBadRow, PurchasesConfig, check_names};
use crate::error::{Error, Result, RowPosition};
use crate::ledger::{Ledger, build};

const NAMES: [&str; 10] = [
    "basket_id",
    "item_id",
    "customer_id",
    "timestamp",
    "quantity",
    "unit_price",
    "paid_total",
    "store_id",
    "channel",
    "discount_totals",
];

/// How to read, apart from what.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Cap for the rows held in memory, in bytes; beyond a third of it rows go to temporary
    /// files. Default 4 GiB. Changes speed only.
    pub memory_bytes: u64,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { memory_bytes: 4 << 30 }
    }
}

/// Bytes of the finished ledger per row, for the check against the memory cap.
const LEDGER_BYTES_PER_ROW: u64 = 48;

/// Columns of one file by our names.
struct FileColumns {
    basket: usize,
    item: usize,
    customer: Option<usize>,
    time: Option<usize>,
    quantity: Option<usize>,
    unit_price: Option<usize>,
    paid_total: Option<usize>,
    store: Option<usize>,
    discounts: Vec<usize>,
    names: Vec<String>,
}

/// Forms that all files of the table must share.
#[derive(Clone, PartialEq, Eq)]
struct TableForms {
    ids: Vec<(&'static str, String, IdKind)>,
    time: Option<(String, TimeForm)>,
}

fn column_of(config: &PurchasesConfig, name: &str) -> String {
    config.columns.get(name).and_then(|c| c.as_slice().first()).map_or_else(|| name.to_owned(), Clone::clone)
}

fn resolve(input: &ParquetInput, config: &PurchasesConfig) -> Result<(FileColumns, TableForms)> {
    let mut forms = TableForms { ids: Vec::new(), time: None };
    let mut names = Vec::new();
    let mut find = |name: &'static str, needed: bool| -> Result<Option<usize>> {
        let column = column_of(config, name);
        let mapped = config.columns.contains_key(name);
        let index = if needed || mapped { Some(input.column(name, &column)?) } else { input.find(&column) };
        if index.is_some() {
            names.push(column);
        }
        Ok(index)
    };
    let basket = find("basket_id", true)?.expect("a needed column");
    let item = find("item_id", true)?.expect("a needed column");
    let customer = find("customer_id", false)?;
    let time = find("timestamp", false)?;
    let quantity = find("quantity", false)?;
    let unit_price = find("unit_price", false)?;
    let paid_total = find("paid_total", false)?;
    let store = find("store_id", false)?;
    find("channel", false)?;
    let discount_names: &[String] = match config.columns.get("discount_totals") {
        Some(columns) => columns.as_slice(),
        None => &config.discount_totals,
    };
    let discounts =
        discount_names.iter().map(|column| input.column("discount_totals", column)).collect::<Result<Vec<_>>>()?;
    if !discounts.is_empty() && paid_total.is_none() {
        return Err(Error::MissingColumn {
            file: input.path.clone(),
            name: "paid_total".into(),
            column: column_of(config, "paid_total"),
            available: "discount_totals needs paid_total to be added to".into(),
        });
    }
    let type_of = |index: usize| input.schema().field(index).data_type();
    for (name, index) in
        [("basket_id", Some(basket)), ("item_id", Some(item)), ("customer_id", customer), ("store_id", store)]
    {
        if let Some(index) = index {
            let column = column_of(config, name);
            let kind = columns::id_kind(&input.path, name, &column, type_of(index))?;
            forms.ids.push((name, column, kind));
        }
    }
    for (name, index) in [("quantity", quantity), ("unit_price", unit_price), ("paid_total", paid_total)] {
        if let Some(index) = index {
            columns::check_number(&input.path, name, &column_of(config, name), type_of(index))?;
        }
    }
    for (column, &index) in discount_names.iter().zip(&discounts) {
        columns::check_number(&input.path, "discount_totals", column, type_of(index))?;
    }
    if let Some(index) = time {
        let column = column_of(config, "timestamp");
        forms.time = Some((column.clone(), columns::time_form(&input.path, &column, type_of(index), config.time_unit)?));
    }
    Ok((FileColumns { basket, item, customer, time, quantity, unit_price, paid_total, store, discounts, names }, forms))
}

fn check_same_forms(inputs: &[ParquetInput], forms: &[TableForms]) -> Result<()> {
    let Some(first) = forms.first() else { return Ok(()) };
    for (input, form) in inputs.iter().zip(forms).skip(1) {
        let mixed = |column: &str, expected: String, got: String| Error::MixedTypes {
            file: input.path.clone(),
            column: column.to_owned(),
            expected,
            got,
            first: inputs[0].path.clone(),
        };
        for (name, column, kind) in &form.ids {
            if let Some((_, _, expected)) = first.ids.iter().find(|(n, _, _)| n == name)
                && expected != kind
            {
                return Err(mixed(column, format!("{expected} ids"), format!("{kind} ids")));
            }
        }
        match (&first.time, &form.time) {
            (Some((_, expected)), Some((column, got))) if expected != got => {
                return Err(mixed(column, expected.to_string(), got.to_string()));
            }
            (Some((column, expected)), None) => return Err(mixed(column, expected.to_string(), "nothing".into())),
            (None, Some((column, got))) => return Err(mixed(column, "nothing".into(), got.to_string())),
            _ => {}
        }
        if first.ids.len() != form.ids.len() {
            let has = |form: &TableForms, name: &str| form.ids.iter().any(|(n, _, _)| *n == name);
            let name = NAMES.iter().find(|name| has(first, name) != has(form, name)).copied().unwrap_or("customer_id");
            let (expected, got) = if has(first, name) { ("such a column", "none") } else { ("none", "such a column") };
            return Err(mixed(name, expected.into(), got.into()));
        }
    }
    Ok(())
}

/// The shared state of one reading.
struct Reading<'a> {
    config: &'a PurchasesConfig,
    items: Interner,
    customers: Interner,
    stores: Interner,
    partitions: Partitions,
}

/// A row's position with the bad value; the caller decides between failing and skipping.
struct Fault {
    column: String,
    bad: BadValue,
}

impl Reading<'_> {
    fn read_row_group(
        &self,
        input: &ParquetInput,
        columns: &FileColumns,
        row_group: usize,
        progress: &dyn Progress,
    ) -> Result<IngestSummary> {
        let mut summary = IngestSummary::default();
        let mut wanted: Vec<usize> = [columns.basket, columns.item].to_vec();
        let optional = [columns.customer, columns.time, columns.quantity, columns.unit_price, columns.paid_total, columns.store];
        wanted.extend(optional.into_iter().flatten());
        wanted.extend(&columns.discounts);
        wanted.sort_unstable();
        wanted.dedup();
        let mut locals = [LocalInterner::default(), LocalInterner::default(), LocalInterner::default()];
        let mut out: Vec<Vec<Row>> = (0..N_PARTITIONS).map(|_| Vec::new()).collect();
        let mut first_row = input.rows_before(row_group) + 1;
        for batch in input.read(row_group, &wanted)? {
            let batch = batch.map_err(|e| Error::Parquet { path: input.path.clone(), problem: e.to_string() })?;
            let at = |row: usize| RowPosition { file: input.path.clone(), row_group, row: first_row + row as u64 };
            self.read_batch(&batch, &wanted, columns, &mut locals, &mut summary, &at, &mut out)?;
            first_row += batch.num_rows() as u64;
            summary.n_rows += batch.num_rows() as u64;
            progress.advance(batch.num_rows() as u64);
            for (partition, rows) in out.iter_mut().enumerate() {
                self.partitions.append(partition, rows)?;
            }
        }
        Ok(summary)
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; the parts are borrowed apart")]
    fn read_batch(
        &self,
        batch: &RecordBatch,
        wanted: &[usize],
        columns: &FileColumns,
        locals: &mut [LocalInterner; 3],
        summary: &mut IngestSummary,
        at: &dyn Fn(usize) -> RowPosition,
        out: &mut [Vec<Row>],
    ) -> Result<()> {
        let n = batch.num_rows();
        let array = |index: usize| {
            batch.column(wanted.binary_search(&index).expect("every wanted column was projected"))
        };
        let name = |ours: &str| column_of(self.config, ours);
        let mut faults: Vec<Option<Fault>> = (0..n).map(|_| None).collect();
        let fault = |faults: &mut Vec<Option<Fault>>, row: usize, column: &str, bad: BadValue| {
            if faults[row].is_none() {
                faults[row] = Some(Fault { column: column.to_owned(), bad });
            }
        };

        let mut baskets = vec![0u128; n];
        let basket_column = name("basket_id");
        columns::for_each_id(array(columns.basket), &mut |row, id| match id {
            Ok(Some(id)) => baskets[row] = basket_key(id),
            Ok(None) => fault(&mut faults, row, &basket_column, BadValue::new("null", "a row has no basket", "give every row a basket id or set on_bad_row = \"skip\"")),
            Err(bad) => fault(&mut faults, row, &basket_column, bad),
        });
        let mut items = vec![NONE; n];
        let item_column = name("item_id");
        let [local_items, local_customers, local_stores] = locals;
        columns::for_each_id(array(columns.item), &mut |row, id| match id {
            Ok(Some(id)) => items[row] = local_items.number(id, &self.items),
            Ok(None) => fault(&mut faults, row, &item_column, BadValue::new("null", "a row has no item", "give every row an item id or set on_bad_row = \"skip\"")),
            Err(bad) => fault(&mut faults, row, &item_column, bad),
        });
        let mut customers = vec![NONE; n];
        if let Some(index) = columns.customer {
            let column = name("customer_id");
            columns::for_each_id(array(index), &mut |row, id| match id {
                Ok(Some(id)) => customers[row] = local_customers.number(id, &self.customers),
                Ok(None) => summary.count(Rule::Anonymous, 1),
                Err(bad) => fault(&mut faults, row, &column, bad),
            });
        }
        let mut stores = vec![NONE; n];
        if let Some(index) = columns.store {
            let column = name("store_id");
            columns::for_each_id(array(index), &mut |row, id| match id {
                Ok(Some(id)) => stores[row] = local_stores.number(id, &self.stores),
                Ok(None) => {}
                Err(bad) => fault(&mut faults, row, &column, bad),
            });
        }
        let mut times = vec![0i64; n];
        if let Some(index) = columns.time {
            let column = name("timestamp");
            for (row, time) in columns::times(array(index), self.config.time_unit).into_iter().enumerate() {
                match time {
                    Ok(Some(time)) => times[row] = time,
                    Ok(None) => fault(&mut faults, row, &column, BadValue::new("null", "a row has no time", "fill the column, set on_bad_row = \"skip\", or leave the column out for all rows")),
                    Err(bad) => fault(&mut faults, row, &column, bad),
                }
            }
        }
        let quantities = columns.quantity.map(|index| columns::numbers(array(index)));
        let prices = self.read_prices(columns, &array, n, &mut |row, column, bad| fault(&mut faults, row, column, bad));

        for row in 0..n {
            if let Some(Fault { column, bad }) = faults[row].take() {
                self.bad_row(summary, at, row, column, bad)?;
                continue;
            }
            let quantity = match quantities.as_ref().map(|q| q[row]) {
                None => Quantity::ONE,
                Some(None) => {
                    summary.count(Rule::NullQuantity, 1);
                    Quantity::ONE
                }
                Some(Some(value)) => match Quantity::from_f64(value) {
                    Some(q) if q.0 > 0 => q,
                    Some(q) if q.0 < 0 => {
                        summary.count(Rule::Return, 1);
                        continue;
                    }
                    Some(_) => {
                        summary.count(Rule::ZeroQuantity, 1);
                        continue;
                    }
                    None => {
                        let bad = BadValue::new(value, "a quantity is no number or above one million", "correct the row or set on_bad_row = \"skip\"");
                        self.bad_row(summary, at, row, name("quantity"), bad)?;
                        continue;
                    }
                },
            };
            let (paid, shelf) = match line_price(prices[row], quantity) {
                Ok(price) => price,
                Err((column, bad)) => {
                    self.bad_row(summary, at, row, name(column), bad)?;
                    continue;
                }
            };
            if columns.has_price() && shelf == NO_PRICE {
                summary.count(Rule::NoPrice, 1);
            }
            let customer = customers[row];
            let partition = if customer == NONE { mix64(baskets[row] as u64) } else { mix64(u64::from(customer)) };
            out[(partition % N_PARTITIONS as u64) as usize].push(Row {
                basket: baskets[row],
                time: times[row],
                paid,
                shelf,
                item: items[row],
                customer,
                store: stores[row],
                quantity: quantity.0 as u32,
            });
        }
        Ok(())
    }

    fn read_prices<'b>(
        &self,
        columns: &FileColumns,
        array: &dyn Fn(usize) -> &'b arrow_array::ArrayRef,
        n: usize,
        fault: &mut dyn FnMut(usize, &str, BadValue),
    ) -> Vec<RawPrice> {
        let mut prices = vec![RawPrice::default(); n];
        let mut money = |index: usize, column: &str, set: &mut dyn FnMut(&mut RawPrice, f64)| {
            for (row, value) in columns::numbers(array(index)).into_iter().enumerate() {
                let Some(value) = value else { continue };
                if Money::from_f64(value).is_none() {
                    fault(row, column, BadValue::new(value, "an amount is no number or beyond a thousand million", "correct the row or set on_bad_row = \"skip\""));
                } else if value < 0.0 {
                    fault(row, column, BadValue::new(value, "an amount is negative on a row with a purchase", "give discounts as positive amounts; a return has a negative quantity"));
                } else {
                    set(&mut prices[row], value);
                }
            }
        };
        if let Some(index) = columns.unit_price {
            money(index, &column_of(self.config, "unit_price"), &mut |p, v| p.unit = Some(v));
        }
        if let Some(index) = columns.paid_total {
            money(index, &column_of(self.config, "paid_total"), &mut |p, v| p.paid = Some(v));
        }
        for (position, &index) in columns.discounts.iter().enumerate() {
            let column = self.config.discount_totals.get(position).cloned().unwrap_or_else(|| "discount_totals".into());
            money(index, &column, &mut |p, v| p.discount += v);
        }
        prices
    }

    fn bad_row(
        &self,
        summary: &mut IngestSummary,
        at: &dyn Fn(usize) -> RowPosition,
        row: usize,
        column: String,
        bad: BadValue,
    ) -> Result<()> {
        let BadValue { value, problem, remedy } = bad;
        match self.config.on_bad_row {
            OnBadRow::Fail => Err(Error::BadRow { position: Box::new(at(row)), column, value, problem, remedy }),
            OnBadRow::Skip => {
                summary.count_at(Rule::BadRow, || (at(row), format!("column `{column}`, value {value}: {problem}")));
                Ok(())
            }
        }
    }
}

impl FileColumns {
    fn has_price(&self) -> bool {
        self.unit_price.is_some() || self.paid_total.is_some()
    }
}

/// Prices of a row as the file gives them.
#[derive(Clone, Copy, Default)]
struct RawPrice {
    unit: Option<f64>,
    paid: Option<f64>,
    discount: f64,
}

/// Paid and shelf total of the line; zero shelf prices count as unknown.
fn line_price(raw: RawPrice, quantity: Quantity) -> Result<(i64, i64), (&'static str, BadValue)> {
    let total = |value: f64, column: &'static str| {
        Money::from_f64(value).map(|m| m.0).ok_or_else(|| {
            (column, BadValue::new(value, "a line total is beyond a thousand million", "correct price or quantity"))
        })
    };
    let shelf = match (raw.unit, raw.paid) {
        (Some(unit), _) => Some(total(unit * quantity.to_f64(), "unit_price")?),
        (None, Some(paid)) => Some(total(paid + raw.discount, "paid_total")?),
        (None, None) => None,
    };
    let paid = match raw.paid {
        Some(paid) => Some(total(paid, "paid_total")?),
        None => shelf,
    };
    Ok((paid.unwrap_or(NO_PRICE), shelf.filter(|&s| s > 0).unwrap_or(NO_PRICE)))
}

/// Reads the purchase history into a ledger: validates every row, partitions rows by customer
/// under the memory cap, groups each partition.
///
/// The result does not depend on the order of rows, their spread over files, or threads.
///
/// # Errors
/// Any [`Error`] about files, columns and rows; with `on_bad_row = "skip"` row errors are counted
/// in the summary instead.
pub fn read_purchases(
    config: &PurchasesConfig,
    options: ReadOptions,
    progress: &dyn Progress,
) -> Result<(Ledger, IngestSummary)> {
    check_names("purchases", &config.columns, &NAMES)?;
    let inputs = open_all(&config.path, "purchases")?;
    let (columns, forms): (Vec<_>, Vec<_>) =
        inputs.iter().map(|input| resolve(input, config)).collect::<Result<Vec<_>>>()?.into_iter().unzip();
    check_same_forms(&inputs, &forms)?;
    let n_rows: u64 = inputs.iter().map(ParquetInput::n_rows).sum();
    let needed = n_rows * LEDGER_BYTES_PER_ROW;
    if needed > options.memory_bytes {
        return Err(Error::Memory { rows: n_rows, needed_mib: needed >> 20, cap_mib: options.memory_bytes >> 20 });
    }

    let reading = Reading {
        config,
        items: Interner::new(),
        customers: Interner::new(),
        stores: Interner::new(),
        partitions: Partitions::new(options.memory_bytes / 3),
    };
    progress.begin("reading purchases", n_rows, "rows");
    let tasks: Vec<(usize, usize)> =
        inputs.iter().enumerate().flat_map(|(f, input)| (0..input.n_row_groups()).map(move |g| (f, g))).collect();
    let done = AtomicU64::new(0);
    let results: Vec<Result<IngestSummary>> = tasks
        .par_iter()
        .map(|&(f, g)| {
            let result = reading.read_row_group(&inputs[f], &columns[f], g, progress);
            done.fetch_add(1, Ordering::Relaxed);
            result
        })
        .collect();
    progress.end();
    let mut summary = IngestSummary { n_files: inputs.len(), ..IngestSummary::default() };
    // In task order, so that the first bad row of the input is the one reported.
    for result in results {
        summary.merge(result?);
    }
    if reading.partitions.n_spilled() > 0 {
        progress.note(&format!("{} rows went through temporary files to stay under the memory cap", reading.partitions.n_spilled()));
    }
    let clock = forms.first().and_then(|f| f.time.as_ref()).map_or(Clock::None, |(_, form)| form.clock);
    let has_price = columns.first().is_some_and(FileColumns::has_price);
    let parts = build::Parts {
        items: reading.items,
        customers: reading.customers,
        stores: reading.stores,
        partitions: reading.partitions,
        clock,
        has_price,
    };
    let outcome = build::group(parts, &mut summary, progress)?;
    match (outcome, config.on_bad_row) {
        (build::Outcome::Done(ledger), _) => finish(*ledger, summary, &inputs),
        (build::Outcome::Shared { ledger, .. }, OnBadRow::Skip) => finish(*ledger, summary, &inputs),
        (build::Outcome::Shared { key, .. }, OnBadRow::Fail) => Err(locate_shared_basket(&inputs, &columns, key)?),
    }
}

fn finish(ledger: Ledger, summary: IngestSummary, inputs: &[ParquetInput]) -> Result<(Ledger, IngestSummary)> {
    if ledger.n_lines() == 0 {
        let commonest = summary.rules.iter().max_by_key(|(_, c)| c.count);
        return Err(Error::Empty {
            what: inputs.iter().map(|i| i.path.display().to_string()).collect::<Vec<_>>().join(", "),
            rows: summary.n_rows,
            hint: commonest.map_or_else(|| "the files hold no rows".into(), |(rule, c)| format!("{} {rule}", c.count)),
        });
    }
    Ok((ledger, summary))
}

/// Reads basket and customer columns again to name two rows that disagree.
fn locate_shared_basket(inputs: &[ParquetInput], columns: &[FileColumns], key: u128) -> Result<Error> {
    let mut first: Option<(RowPosition, String, String)> = None;
    for (input, columns) in inputs.iter().zip(columns) {
        let Some(customer) = columns.customer else { continue };
        let mut wanted = vec![columns.basket, customer];
        wanted.sort_unstable();
        let place = |index: usize| wanted.iter().position(|&w| w == index).expect("both are wanted");
        for row_group in 0..input.n_row_groups() {
            let mut row_number = input.rows_before(row_group);
            for batch in input.read(row_group, &wanted)? {
                let batch = batch.map_err(|e| Error::Parquet { path: input.path.clone(), problem: e.to_string() })?;
                let mut hits = Vec::new();
                columns::for_each_id(batch.column(place(columns.basket)), &mut |row, id| {
                    if let Ok(Some(id)) = id
                        && basket_key(id) == key
                    {
                        hits.push((row, id.to_string()));
                    }
                });
                let mut who = Vec::with_capacity(batch.num_rows());
                if !hits.is_empty() {
                    columns::for_each_id(batch.column(place(customer)), &mut |_, id| {
                        who.push(match id {
                            Ok(Some(id)) => format!("customer {id}"),
                            _ => "no customer".to_owned(),
                        });
                    });
                }
                for (row, basket) in hits {
                    let position =
                        RowPosition { file: input.path.clone(), row_group, row: row_number + row as u64 + 1 };
                    match &first {
                        None => first = Some((position, basket, who[row].clone())),
                        Some((at, basket, owner)) if *owner != who[row] => {
                            return Ok(Error::BasketOfTwo {
                                first: Box::new(at.clone()),
                                second: Box::new(position),
                                column: columns.names.first().cloned().unwrap_or_default(),
                                basket: basket.clone(),
                                first_customer: owner.clone(),
                                second_customer: who[row].clone(),
                            });
                        }
                        Some(_) => {}
                    }
                }
                row_number += batch.num_rows() as u64;
            }
        }
    }
    let files: Vec<PathBuf> = inputs.iter().map(|i| i.path.clone()).collect();
    Err(Error::Bug { what: format!("basket {key:032x} was grouped under two customers but not found again in {files:?}") })
}
