//! What several top-level tests need: a small shop on disk and a model of it.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use sidecart::core::{NoProgress, Rng};
use sidecart::data::demo::{DemoParams, DemoShop};
use sidecart::serve::Scorer;
use sidecart::{Config, Dataset};

/// A demo shop that trains in a second or two.
pub(crate) fn small_shop(seed: u64) -> DemoShop {
    DemoShop::generate(&DemoParams { seed, n_customers: 700, n_weeks: 30, ..DemoParams::default() })
}

/// One receipt line as it goes into a file.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) basket: i64,
    pub(crate) item: String,
    pub(crate) customer: Option<String>,
    pub(crate) time: i64,
    pub(crate) quantity: i64,
    pub(crate) price: f64,
    pub(crate) paid: f64,
    pub(crate) store: String,
}

/// The lines of a shop's purchases.
pub(crate) fn rows(shop: &DemoShop) -> Vec<Row> {
    let mut rows = Vec::with_capacity(shop.n_lines());
    for (basket_idx, basket) in shop.baskets.iter().enumerate() {
        for line in shop.lines(basket_idx) {
            rows.push(Row {
                basket: basket.basket_id,
                item: shop.items[line.item.index()].id.clone(),
                customer: basket.customer.map(|c| shop.customers[c.index()].id.clone()),
                time: basket.time.0,
                quantity: i64::from(line.quantity),
                price: line.unit_price.to_f64(),
                paid: line.paid_total.to_f64(),
                store: basket.store.to_string(),
            });
        }
    }
    rows
}

/// Puts rows into another order.
pub(crate) fn shuffle(rows: &mut [Row], seed: u64) {
    Rng::new(seed, 99).shuffle(rows);
}

/// Writes rows as a Parquet file.
pub(crate) fn write_rows(path: &Path, rows: &[Row]) {
    let schema = Arc::new(Schema::new(vec![
        Field::new("basket_id", DataType::Int64, false),
        Field::new("item_id", DataType::Utf8, false),
        Field::new("customer_id", DataType::Utf8, true),
        Field::new("timestamp", DataType::Timestamp(TimeUnit::Microsecond, None), false),
        Field::new("quantity", DataType::Int64, false),
        Field::new("unit_price", DataType::Float64, false),
        Field::new("paid_total", DataType::Float64, false),
        Field::new("store_id", DataType::Utf8, false),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|r| r.basket).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| Some(r.item.as_str())).collect::<StringArray>()),
        Arc::new(rows.iter().map(|r| r.customer.as_deref()).collect::<StringArray>()),
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|r| r.time))),
        Arc::new(rows.iter().map(|r| r.quantity).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.price).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|r| r.paid).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|r| Some(r.store.as_str())).collect::<StringArray>()),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// A configuration over a folder that `DemoShop::write_to` filled; a small shop has enough cases for
/// every ranker.
pub(crate) fn config(folder: &Path) -> Config {
    let mut config = Config::read(&folder.join("sidecart.toml")).unwrap();
    config.models.ranker.min_cases = 100;
    config
}

/// Reads, trains and publishes below `out`; the folder of the new version.
pub(crate) fn train_to(config: &Config, statistics: &[PathBuf], out: &Path) -> PathBuf {
    let dataset = Dataset::read(config, statistics, Default::default(), &NoProgress).unwrap();
    let trained = sidecart::train(&dataset, config, &NoProgress).unwrap();
    let version = sidecart::publish(out, &trained, &dataset, config).unwrap();
    out.join(version.to_string())
}

/// A scorer over a trained small shop, with the shop.
pub(crate) fn small_model(folder: &Path) -> (DemoShop, Scorer) {
    let shop = small_shop(1);
    shop.write_to(folder).unwrap();
    train_to(&config(folder), &[], &folder.join("models"));
    (shop, Scorer::open(folder.join("models")).unwrap())
}
