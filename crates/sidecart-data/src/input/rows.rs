//! The rules for one purchase row, applied to a decoded batch.

use arrow_array::{ArrayRef, RecordBatch};
use sidecart_core::{ExternalIdRef, Money, Quantity, mix64};

use super::columns::{BadValue, Numbers, Times};
use super::faults::Fault;
use super::ids::for_each_id;
use super::interner::{BasketKeys, Interner, LocalInterner};
use super::partitions::{N_PARTITIONS, NO_PRICE, NONE, RowLine, RunHead, Runs};
use super::purchase_columns::{FileColumns, Source};
use super::summary::{IngestSummary, Rule};
use crate::config::TimeUnit;

/// Ids of a whole reading.
#[derive(Default)]
pub(crate) struct Interners {
    pub(crate) items: Interner,
    pub(crate) customers: Interner,
    pub(crate) stores: Interner,
}

/// Rows that a rule was applied to.
#[derive(Default)]
struct Counts {
    returns: u64,
    zero_quantities: u64,
    null_quantities: u64,
    anonymous: u64,
    no_price: u64,
}

/// One worker's memory between batches, and the rows it has validated.
pub(crate) struct RowReader<'a> {
    interners: &'a Interners,
    items: LocalInterner,
    customers: LocalInterner,
    stores: LocalInterner,
    basket_keys: BasketKeys,
    time_unit: TimeUnit,
    /// Whether any file of the table has a price column.
    priced: bool,
    counts: Counts,
    pub(crate) out: Vec<Runs>,
    pub(crate) n_out: usize,
    baskets: Vec<u128>,
    item_numbers: Vec<u32>,
    customer_numbers: Vec<u32>,
    store_numbers: Vec<u32>,
}

const FILL_OR_SKIP: &str = "fill the column or set on_bad_row = \"skip\"";
const CORRECT_OR_SKIP: &str = "correct the row or set on_bad_row = \"skip\"";
const TIME_REMEDY: &str = "fill the column, set on_bad_row = \"skip\", or leave the column out of all files";

impl<'a> RowReader<'a> {
    pub(crate) fn new(interners: &'a Interners, time_unit: TimeUnit, priced: bool) -> Self {
        Self {
            interners,
            items: LocalInterner::default(),
            customers: LocalInterner::default(),
            stores: LocalInterner::default(),
            basket_keys: BasketKeys::default(),
            time_unit,
            priced,
            counts: Counts::default(),
            out: (0..N_PARTITIONS).map(|_| Runs::default()).collect(),
            n_out: 0,
            baskets: Vec::new(),
            item_numbers: Vec::new(),
            customer_numbers: Vec::new(),
            store_numbers: Vec::new(),
        }
    }

    /// Validates the rows of a batch whose columns are those at `indexes`. Returns the rows that
    /// break a rule, rising; all others are in `out` or counted.
    pub(crate) fn read(&mut self, batch: &RecordBatch, indexes: &[usize], columns: &FileColumns) -> Vec<Fault> {
        let n = batch.num_rows();
        let array = |source: &Source| {
            batch.column(indexes.binary_search(&source.index).expect("every column of the file was projected"))
        };
        let mut faults = Vec::new();
        let (keys, items, customers, stores) =
            (&mut self.basket_keys, &mut self.items, &mut self.customers, &mut self.stores);
        fill_ids(array(&columns.basket), n, &columns.basket, 0, &mut self.baskets, &mut faults, |id| keys.key(id));
        required(array(&columns.basket), &columns.basket, "a row has no basket", &mut faults);
        let shared = self.interners;
        fill_ids(array(&columns.item), n, &columns.item, NONE, &mut self.item_numbers, &mut faults, |id| {
            items.number(id, &shared.items)
        });
        required(array(&columns.item), &columns.item, "a row has no item", &mut faults);
        if let Some(source) = &columns.customer {
            fill_ids(array(source), n, source, NONE, &mut self.customer_numbers, &mut faults, |id| {
                customers.number(id, &shared.customers)
            });
        }
        if let Some(source) = &columns.store {
            fill_ids(array(source), n, source, NONE, &mut self.store_numbers, &mut faults, |id| {
                stores.number(id, &shared.stores)
            });
        }
        let times = columns.time.as_ref().map(|source| {
            let mut times = Times::new(array(source), self.time_unit);
            let bad = std::mem::take(&mut times.bad);
            faults.extend(bad.into_iter().map(|(row, bad)| Fault { row, column: source.column.clone(), bad }));
            required(array(source), source, "a row has no time", &mut faults);
            times
        });
        let numbers = |source: &Option<Source>| source.as_ref().map(|source| Numbers::new(array(source)));
        let quantities = numbers(&columns.quantity);
        let prices = Prices {
            unit: numbers(&columns.unit_price),
            paid: numbers(&columns.paid_total),
            discounts: columns.discounts.iter().map(|source| Numbers::new(array(source))).collect(),
            columns,
        };
        // The first column wins where a row has several faults; the sort is stable.
        faults.sort_by_key(|fault| fault.row);
        faults.dedup_by_key(|fault| fault.row);

        let mut out = Vec::new();
        let mut known = faults.into_iter().peekable();
        for row in 0..n {
            if let Some(fault) = known.next_if(|fault| fault.row == row) {
                out.push(fault);
                continue;
            }
            let given = quantities.as_ref().map_or(Some(1.0), |quantities| quantities.get(row));
            let quantity = match Quantity::from_f64(given.unwrap_or(1.0)) {
                Some(quantity) if quantity.0 > 0 => quantity,
                Some(quantity) if quantity.0 < 0 => {
                    self.counts.returns += 1;
                    continue;
                }
                Some(_) => {
                    self.counts.zero_quantities += 1;
                    continue;
                }
                None => {
                    let problem = "a quantity is no number or beyond one million";
                    let bad = BadValue::new(given.unwrap_or(f64::NAN), problem, CORRECT_OR_SKIP);
                    out.push(Fault { row, column: column_name(&columns.quantity), bad });
                    continue;
                }
            };
            let (paid, shelf) = match prices.totals(row, quantity) {
                Ok(totals) => totals,
                Err((column, bad)) => {
                    out.push(Fault { row, column, bad });
                    continue;
                }
            };
            let customer = if columns.customer.is_some() { self.customer_numbers[row] } else { NONE };
            self.counts.null_quantities += u64::from(given.is_none());
            self.counts.no_price += u64::from(self.priced && shelf == NO_PRICE);
            self.counts.anonymous += u64::from(customer == NONE);
            let head = RunHead {
                basket: self.baskets[row],
                time: times.as_ref().and_then(|times| times.get(row)).unwrap_or(0),
                customer,
                store: if columns.store.is_some() { self.store_numbers[row] } else { NONE },
            };
            let home = if customer == NONE { mix64(head.basket as u64) } else { mix64(u64::from(customer)) };
            let line = RowLine { paid, shelf, item: self.item_numbers[row], quantity: quantity.0 as u32 };
            self.out[(home % N_PARTITIONS as u64) as usize].push(head, line);
            self.n_out += 1;
        }
        out
    }

    /// Moves the counts of the rules into a summary.
    pub(crate) fn flush_counts(&mut self, summary: &mut IngestSummary) {
        let counts = std::mem::take(&mut self.counts);
        summary.count(Rule::Return, counts.returns);
        summary.count(Rule::ZeroQuantity, counts.zero_quantities);
        summary.count(Rule::NullQuantity, counts.null_quantities);
        summary.count(Rule::Anonymous, counts.anonymous);
        summary.count(Rule::NoPrice, counts.no_price);
    }
}

fn column_name(source: &Option<Source>) -> String {
    source.as_ref().map_or_else(String::new, |source| source.column.clone())
}

fn fill_ids<T: Copy>(
    array: &ArrayRef,
    n: usize,
    source: &Source,
    none: T,
    out: &mut Vec<T>,
    faults: &mut Vec<Fault>,
    mut number: impl FnMut(ExternalIdRef<'_>) -> T,
) {
    out.clear();
    out.resize(n, none);
    for_each_id(array, |row, id| match id {
        Ok(Some(id)) => out[row] = number(id),
        Ok(None) => {}
        Err(bad) => faults.push(Fault { row, column: source.column.clone(), bad }),
    });
}

/// Rows in which a needed column is null.
fn required(array: &ArrayRef, source: &Source, problem: &'static str, faults: &mut Vec<Fault>) {
    use arrow_array::Array;
    let Some(nulls) = array.logical_nulls().filter(|nulls| nulls.null_count() > 0) else { return };
    let remedy = if problem == "a row has no time" { TIME_REMEDY } else { FILL_OR_SKIP };
    let null = |row| Fault { row, column: source.column.clone(), bad: BadValue::new("null", problem, remedy) };
    faults.extend((0..array.len()).filter(|&row| nulls.is_null(row)).map(null));
}

/// Price columns of a batch.
struct Prices<'a> {
    unit: Option<Numbers>,
    paid: Option<Numbers>,
    discounts: Vec<Numbers>,
    columns: &'a FileColumns,
}

type PriceFault = (String, BadValue);

impl Prices<'_> {
    /// Paid and shelf total of a line. A shelf price of zero counts as unknown.
    fn totals(&self, row: usize, quantity: Quantity) -> Result<(i64, i64), PriceFault> {
        let get = |numbers: &Option<Numbers>| numbers.as_ref().and_then(|numbers| numbers.get(row));
        let unit = get(&self.unit).map(|value| amount(value, &self.columns.unit_price)).transpose()?;
        let paid = get(&self.paid).map(|value| amount(value, &self.columns.paid_total)).transpose()?;
        let mut discount = 0.0;
        for (numbers, source) in self.discounts.iter().zip(&self.columns.discounts) {
            if let Some(value) = numbers.get(row) {
                discount += amount(value, &Some(source.clone()))?;
            }
        }
        let shelf = match (unit.filter(|&unit| unit > 0.0), paid) {
            (Some(unit), _) => total(unit * quantity.to_f64(), &self.columns.unit_price)?,
            (None, Some(paid)) => total(paid + discount, &self.columns.paid_total)?,
            (None, None) => 0,
        };
        let shelf = if shelf > 0 { shelf } else { NO_PRICE };
        let paid = paid.map_or(Ok(shelf), |paid| total(paid, &self.columns.paid_total))?;
        Ok((paid, shelf))
    }
}

fn amount(value: f64, source: &Option<Source>) -> Result<f64, PriceFault> {
    if (0.0..=Money::MAX_ROW).contains(&value) {
        return Ok(value);
    }
    let bad = if value < 0.0 && value.is_finite() {
        let remedy = "give discounts as positive amounts; a return has a negative quantity";
        BadValue::new(value, "an amount is negative on a row with a purchase", remedy)
    } else {
        BadValue::new(value, "an amount is no number or beyond a thousand million", CORRECT_OR_SKIP)
    };
    Err((column_name(source), bad))
}

fn total(value: f64, source: &Option<Source>) -> Result<i64, PriceFault> {
    Money::from_f64(value).map(|money| money.0).ok_or_else(|| {
        let problem = "a line total is beyond a thousand million";
        (column_name(source), BadValue::new(value, problem, CORRECT_OR_SKIP))
    })
}
