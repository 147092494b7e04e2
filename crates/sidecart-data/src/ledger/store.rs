//! The Statistics file: a ledger in one sealed file.

use std::path::Path;

use sidecart_artifact::{ContainerWriter, open_sealed, read_id_table, write_id_table, write_sealed};
use sidecart_core::{Baskets, Clock, IdTable, ItemId, Time};

use super::{Ledger, NONE};
use crate::error::{Error, Result};

const KIND: &str = "sidecart-statistics";
const FORMAT: u32 = 1;
const CLOCK: &str = "clock";
const NO_PRICE: i64 = i64::MIN;

impl Ledger {
    /// Writes the Statistics file by way of a temporary sibling: a reader sees the old file or the
    /// new one. Counts are not written, because counting them again is faster than reading them
    /// and does not freeze their parameters.
    ///
    /// # Errors
    /// [`Error::Artifact`] when the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut writer = ContainerWriter::new();
        let n = self.n_baskets();
        writer.metadata(CLOCK, self.clock.name())?;
        write_id_table(&mut writer, "items", &self.items)?;
        write_id_table(&mut writer, "customers", &self.customers)?;
        write_id_table(&mut writer, "stores", &self.stores)?;
        let offsets: Vec<u64> = self.baskets.offsets().iter().map(|&offset| offset as u64).collect();
        let (high, low): (Vec<u64>, Vec<u64>) = self.basket_keys.iter().map(|&k| ((k >> 64) as u64, k as u64)).unzip();
        writer.add_owned("baskets.offsets", offsets, &[n + 1])?;
        writer.add_owned("baskets.keys.high", high, &[n])?;
        writer.add_owned("baskets.keys.low", low, &[n])?;
        writer.add("baskets.customers", &self.basket_customers, &[n])?;
        writer.add_owned("baskets.times", self.basket_times.iter().map(|t| t.0).collect::<Vec<i64>>(), &[n])?;
        writer.add("baskets.stores", &self.basket_stores, &[n])?;
        let lines: Vec<u32> = self.baskets.items().iter().map(|i| i.0).collect();
        writer.add_owned("lines.items", lines, &[self.n_lines()])?;
        writer.add("lines.quantities", &self.quantities, &[self.n_lines()])?;
        if self.has_prices() {
            writer.add("lines.paid", &self.paid, &[self.n_lines()])?;
            writer.add("lines.shelf", &self.shelf, &[self.n_lines()])?;
        }
        write_sealed(path, KIND, FORMAT, &writer)?;
        Ok(())
    }

    /// Reads a Statistics file and checks everything a ledger promises: lengths, ids in range,
    /// rising items within a basket, the order of the baskets, distinct basket ids. O(lines).
    ///
    /// # Errors
    /// [`Error::Artifact`] for a damaged file, [`Error::Merge`] for one that breaks a promise.
    pub fn load(path: &Path) -> Result<Self> {
        let file = open_sealed(path, KIND, FORMAT)?;
        let broken = |problem: &str| Error::Merge {
            problem: format!("{}: {problem}", path.display()),
            remedy: "count the purchases again",
        };
        let clock =
            file.metadata().get(CLOCK).and_then(|name| Clock::from_name(name)).ok_or_else(|| broken("no clock"))?;
        let items = read_id_table(&file, "items")?;
        let customers = read_id_table(&file, "customers")?;
        let stores = read_id_table(&file, "stores")?;
        let offsets = file.get(&file.section::<u64>("baskets.offsets")?);
        let n = offsets.len().checked_sub(1).ok_or_else(|| broken("no basket offsets"))?;
        let longs = |name: &str| -> Result<&[u64]> { Ok(file.get(&file.vector::<u64>(name, n)?)) };
        let shorts =
            |name: &str, len: usize| -> Result<Vec<u32>> { Ok(file.get(&file.vector::<u32>(name, len)?).to_vec()) };
        let (high, low) = (longs("baskets.keys.high")?, longs("baskets.keys.low")?);
        let basket_keys: Vec<u128> = high.iter().zip(low).map(|(&h, &l)| u128::from(h) << 64 | u128::from(l)).collect();
        let basket_times: Vec<Time> =
            file.get(&file.vector::<i64>("baskets.times", n)?).iter().map(|&t| Time(t)).collect();
        let lines = file.get(&file.section::<u32>("lines.items")?);
        let n_lines = lines.len();
        let rises = offsets.windows(2).all(|w| w[0] <= w[1]);
        if !rises || offsets[0] != 0 || offsets[n] != n_lines as u64 {
            return Err(broken("basket offsets do not span the lines"));
        }
        let mut baskets = Baskets::with_capacity(n, n_lines);
        for w in offsets.windows(2) {
            let basket = &lines[w[0] as usize..w[1] as usize];
            if basket.is_empty() {
                return Err(broken("a basket is empty"));
            }
            if basket.windows(2).any(|w| w[0] >= w[1]) || basket.last().is_some_and(|&i| i as usize >= items.len()) {
                return Err(broken("a basket's items are not rising ids of the file"));
            }
            baskets.push(basket.iter().map(|&i| ItemId(i)));
        }
        let prices = |name: &str, least: i64| -> Result<Vec<i64>> {
            if !file.contains(name) {
                return Ok(Vec::new());
            }
            let values = file.get(&file.vector::<i64>(name, n_lines)?).to_vec();
            if values.iter().any(|&v| v < least && v != NO_PRICE) {
                return Err(broken("a paid total is negative or a shelf total not above zero"));
            }
            Ok(values)
        };
        let ledger = Self {
            clock,
            baskets,
            basket_keys,
            basket_customers: shorts("baskets.customers", n)?,
            basket_times,
            basket_stores: shorts("baskets.stores", n)?,
            quantities: shorts("lines.quantities", n_lines)?,
            paid: prices("lines.paid", 0)?,
            shelf: prices("lines.shelf", 1)?,
            items,
            customers,
            stores,
        };
        let in_range = |ids: &[u32], table: &IdTable| ids.iter().all(|&id| id == NONE || (id as usize) < table.len());
        if !in_range(&ledger.basket_customers, &ledger.customers) || !in_range(&ledger.basket_stores, &ledger.stores) {
            return Err(broken("a customer or store is out of range"));
        }
        if ledger.paid.len() != ledger.shelf.len() {
            return Err(broken("only one of paid and shelf totals is there"));
        }
        if ledger.quantities.contains(&0) {
            return Err(broken("a quantity is zero"));
        }
        let order = |b: usize| (ledger.basket_customers[b], ledger.basket_times[b], ledger.basket_keys[b]);
        if (1..n).any(|b| order(b - 1) >= order(b)) {
            return Err(broken("baskets are out of order"));
        }
        let mut keys = ledger.basket_keys.clone();
        keys.sort_unstable();
        if keys.windows(2).any(|w| w[0] == w[1]) {
            return Err(broken("a basket id stands twice"));
        }
        Ok(ledger)
    }
}
