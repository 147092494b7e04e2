use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use sidecart_core::{ItemId, MICROS_PER_DAY};

use super::DemoShop;
use crate::error::{Error, Result};

const ROWS_PER_GROUP: usize = 1 << 17;

impl DemoShop {
    /// Writes `purchases`, `items`, `customers` and `promotions` as Parquet files and `sidecart.toml` beside them.
    ///
    /// Creates the folder, replaces files of these names and returns their paths. Equal shops give
    /// equal bytes. Promotion discounts are shares of the shelf price in `[0, 0.3]`.
    ///
    /// # Errors
    /// [`Error::Io`] with the path that cannot be written.
    pub fn write_to(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        fs::create_dir_all(folder).map_err(Error::io(folder, "creating the folder"))?;
        let tables = [
            ("purchases.parquet", self.purchases()),
            ("items.parquet", self.items_table()),
            ("customers.parquet", self.customers_table()),
            ("promotions.parquet", self.promotions_table()),
        ];
        let mut written = Vec::new();
        for (name, table) in tables {
            let path = folder.join(name);
            write_parquet(&path, &table)?;
            written.push(path);
        }
        let path = folder.join("sidecart.toml");
        fs::write(&path, self.config()).map_err(Error::io(&path, "writing"))?;
        written.push(path);
        Ok(written)
    }

    /// The text of `sidecart.toml`.
    fn config(&self) -> String {
        format!(
            r#"# The demo shop: {} baskets, {} customers, {} items, {} weeks. Train with `sidecart train sidecart.toml`.
seed = {}

[purchases]
path = "purchases.parquet"

[items]
path = "items.parquet"
columns = {{ category = ["department", "category", "type"] }}

[customers]
path = "customers.parquet"

[promotions]
path = "promotions.parquet"

[segments]
by = "segment"

# A shop this small shows its habits in few baskets; so the demo takes seconds.
[models.ranker]
max_baskets = 1500
"#,
            self.baskets.len(),
            self.customers.len(),
            self.items.len(),
            self.params.n_weeks,
            self.params.seed,
        )
    }

    fn id(&self, item: ItemId) -> &str {
        &self.items[item.index()].id
    }

    fn purchases(&self) -> RecordBatch {
        let rows = || {
            self.baskets
                .iter()
                .enumerate()
                .flat_map(|(idx, basket)| self.lines(idx).iter().map(move |line| (basket, line)))
        };
        let customer = |id: sidecart_core::CustomerId| self.customers[id.index()].id.as_str();
        table([
            ("basket_id", Arc::new(rows().map(|(b, _)| b.basket_id).collect::<Int64Array>())),
            ("customer_id", Arc::new(rows().map(|(b, _)| b.customer.map(customer)).collect::<StringArray>())),
            ("item_id", texts(rows().map(|(_, l)| self.id(l.item)))),
            ("timestamp", times(rows().map(|(b, _)| b.time.0))),
            ("quantity", Arc::new(rows().map(|(_, l)| l.quantity as i32).collect::<Int32Array>())),
            ("unit_price", floats(rows().map(|(_, l)| l.unit_price.to_f64()))),
            ("paid_total", floats(rows().map(|(_, l)| l.paid_total.to_f64()))),
            ("store_id", texts(rows().map(|(b, _)| b.store))),
            ("channel", texts(rows().map(|(b, _)| b.channel()))),
        ])
    }

    fn items_table(&self) -> RecordBatch {
        let items = || self.items.iter();
        let day = |micros: i64| micros.div_euclid(MICROS_PER_DAY) as i32;
        table([
            ("item_id", texts(items().map(|i| i.id.as_str()))),
            ("name", texts(items().map(|i| i.name.as_str()))),
            ("department", texts(items().map(|i| i.department))),
            ("category", texts(items().map(|i| i.category))),
            ("type", texts(items().map(|i| i.kind))),
            ("brand", texts(items().map(|i| i.brand))),
            ("manufacturer", texts(items().map(|i| i.manufacturer.as_str()))),
            ("private_label", Arc::new(items().map(|i| Some(i.private_label)).collect::<BooleanArray>())),
            ("size", Arc::new(items().map(|i| i.size).collect::<StringArray>())),
            ("price", floats(items().map(|i| i.price.to_f64()))),
            ("cost", floats(items().map(|i| i.cost.to_f64()))),
            ("stock", Arc::new(items().map(|i| i.stock.map(|n| n as i32)).collect::<Int32Array>())),
            ("first_sold", Arc::new(Date32Array::from_iter_values(items().map(|i| day(i.first_sold.0))))),
            ("ladder", Arc::new(items().map(|i| i.ladder.as_deref()).collect::<StringArray>())),
            ("tier", Arc::new(items().map(|i| i.tier.map(|t| t as i32)).collect::<Int32Array>())),
            ("add_on_for", Arc::new(items().map(|i| i.add_on_for.as_deref()).collect::<StringArray>())),
        ])
    }

    fn customers_table(&self) -> RecordBatch {
        let customers = || self.customers.iter();
        table([
            ("customer_id", texts(customers().map(|c| c.id.as_str()))),
            ("segment", texts(customers().map(|c| c.segment.name()))),
            ("age_band", texts(customers().map(|c| c.age_band))),
            ("region", texts(customers().map(|c| c.region))),
        ])
    }

    fn promotions_table(&self) -> RecordBatch {
        let promotions = || self.promotions.iter();
        table([
            ("item_id", texts(promotions().map(|p| self.id(p.item)))),
            ("starts_at", times(promotions().map(|p| p.starts_at.0))),
            ("ends_at", times(promotions().map(|p| p.ends_at.0))),
            ("store_id", Arc::new(promotions().map(|p| p.store).collect::<StringArray>())),
            ("kind", texts(promotions().map(|p| p.kind.name()))),
            ("discount", floats(promotions().map(|p| f64::from(p.discount_percent) / 100.0))),
        ])
    }
}

fn table<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("the columns of a demo table have one length")
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<StringArray>())
}

fn floats(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

fn times(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values))
}

fn write_parquet(path: &Path, table: &RecordBatch) -> Result<()> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
        .build();
    let file = File::create(path).map_err(Error::io(path, "creating"))?;
    let written = ArrowWriter::try_new(file, table.schema(), Some(properties)).and_then(|mut writer| {
        writer.write(table)?;
        writer.close()
    });
    written.map(drop).map_err(std::io::Error::other).map_err(Error::io(path, "writing"))
}
