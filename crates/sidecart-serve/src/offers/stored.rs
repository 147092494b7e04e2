//! The tensors of the facts of items.

use sidecart_artifact::{Container, ContainerWriter, read_texts};
use sidecart_core::{Money, Quantity, TextTable, Time};

use super::{Attributes, CategoryTree, HostTable, OfferItem, OfferItems};
use crate::error::{Error, Result};
use crate::model::vector;
use crate::sections as names;
use crate::upsell::LadderTable;

/// "Unknown" among margins and times.
const UNKNOWN: i64 = i64::MIN;
/// "Unknown" among stocks and rates of sales.
const NOT_COUNTED: i64 = -1;

fn broken(section: &'static str) -> impl Fn(String) -> Error {
    move |problem| Error::Model {
        section,
        problem: "the facts of items contradict each other",
        expected: "facts of one training".into(),
        got: problem,
    }
}

impl OfferItems {
    /// Adds the tensors.
    ///
    /// # Errors
    /// [`Error::Artifact`] when a tensor cannot be written.
    pub fn write(&self, writer: &mut ContainerWriter<'_>) -> Result<()> {
        let items = self.all();
        let n = items.len();
        let unknown = |money: Option<Money>, none: i64| money.map_or(none, |money| money.0);
        let money = items.iter().flat_map(|item| [unknown(item.price, 0), unknown(item.margin, UNKNOWN)]).collect();
        writer.add_owned::<i64>(names::OFFER_MONEY, money, &[n, 2])?;
        let stock = items.iter().map(|item| item.stock.map_or(NOT_COUNTED, |stock| stock.0)).collect();
        writer.add_owned::<i64>(names::OFFER_STOCK, stock, &[n])?;
        let first_sold = items.iter().map(|item| item.first_sold.map_or(UNKNOWN, |time| time.0)).collect();
        writer.add_owned::<i64>(names::OFFER_FIRST_SOLD, first_sold, &[n])?;
        let sold = items.iter().map(|item| item.sold_per_day.unwrap_or(NOT_COUNTED as f32)).collect();
        writer.add_owned::<f32>(names::OFFER_SOLD_PER_DAY, sold, &[n])?;
        let groups = items.iter().flat_map(|item| [item.category, item.brand]).collect();
        writer.add_owned::<u32>(names::OFFER_GROUPS, groups, &[n, 2])?;

        let (labels, parents) = self.categories().parts();
        write_texts_owned(writer, names::OFFER_CATEGORIES, labels)?;
        writer.add_owned(names::OFFER_CATEGORY_PARENTS, parents.to_vec(), &[parents.len()])?;
        write_texts_owned(writer, names::OFFER_BRANDS, self.brands())?;
        let rows = self.hosts().to_rows();
        writer.add_owned(names::OFFER_HOSTS, rows, &[self.hosts().len(), 3])?;

        let (attribute_names, forms, values, texts) = self.attributes().parts();
        let n_attributes = forms.len();
        write_texts_owned(writer, names::OFFER_ATTRIBUTES, &attribute_names.iter().collect())?;
        writer.add_owned(names::OFFER_ATTRIBUTE_FORMS, forms, &[n_attributes])?;
        writer.add_owned(names::OFFER_ATTRIBUTE_VALUES, values.to_vec(), &[n_attributes, n])?;
        write_texts_owned(writer, names::OFFER_ATTRIBUTE_TEXTS, texts)
    }

    /// Reads the facts of a checked container; where it has none, what its ladders know. Every
    /// number is checked before it is used.
    ///
    /// # Errors
    /// [`Error::Artifact`] for a missing or misshapen tensor, [`Error::Model`] where tensors
    /// contradict each other.
    pub fn read(container: &Container, ladders: Option<&LadderTable>, n_items: usize) -> Result<Self> {
        if !container.contains(names::OFFER_MONEY) {
            return Ok(Self::without(n_items, ladders));
        }
        let categories = CategoryTree::new(
            read_texts(container, names::OFFER_CATEGORIES)?,
            vector(container, names::OFFER_CATEGORY_PARENTS)?,
        )
        .map_err(broken(names::OFFER_CATEGORY_PARENTS))?;
        let brands = read_texts(container, names::OFFER_BRANDS)?;
        let hosts = container.section::<u32>(names::OFFER_HOSTS)?;
        let hosts = container.matrix::<u32>(names::OFFER_HOSTS, hosts.rows(), 3)?;
        let hosts = HostTable::from_rows(container.get(&hosts).as_chunks::<3>().0, n_items, categories.len())
            .map_err(broken(names::OFFER_HOSTS))?;
        let attributes = Attributes::from_parts(
            &read_texts(container, names::OFFER_ATTRIBUTES)?,
            &vector::<u32>(container, names::OFFER_ATTRIBUTE_FORMS)?,
            vector(container, names::OFFER_ATTRIBUTE_VALUES)?,
            read_texts(container, names::OFFER_ATTRIBUTE_TEXTS)?,
            n_items,
        )
        .map_err(broken(names::OFFER_ATTRIBUTE_VALUES))?;

        let money = container.matrix::<i64>(names::OFFER_MONEY, n_items, 2)?;
        let stock = container.vector::<i64>(names::OFFER_STOCK, n_items)?;
        let first_sold = container.vector::<i64>(names::OFFER_FIRST_SOLD, n_items)?;
        let sold = container.vector::<f32>(names::OFFER_SOLD_PER_DAY, n_items)?;
        let groups = container.matrix::<u32>(names::OFFER_GROUPS, n_items, 2)?;
        let (money, groups) = (container.get(&money).as_chunks::<2>().0, container.get(&groups).as_chunks::<2>().0);
        let (stock, first_sold, sold) = (container.get(&stock), container.get(&first_sold), container.get(&sold));
        let items = (0..n_items)
            .map(|at| {
                let ([price, margin], [category, brand]) = (money[at], groups[at]);
                OfferItem {
                    price: (price != 0).then_some(Money(price)),
                    margin: (margin != UNKNOWN).then_some(Money(margin)),
                    stock: (stock[at] != NOT_COUNTED).then_some(Quantity(stock[at])),
                    first_sold: (first_sold[at] != UNKNOWN).then_some(Time(first_sold[at])),
                    sold_per_day: (sold[at] != NOT_COUNTED as f32).then_some(sold[at]),
                    category,
                    brand,
                }
            })
            .collect();
        Self::new(items, categories, brands, hosts, attributes).map_err(broken(names::OFFER_MONEY))
    }
}

fn write_texts_owned(writer: &mut ContainerWriter<'_>, prefix: &str, texts: &TextTable) -> Result<()> {
    let (offsets, bytes) = texts.parts();
    writer.add_owned(&format!("{prefix}.offsets"), offsets.to_vec(), &[offsets.len()])?;
    writer.add_owned(&format!("{prefix}.bytes"), bytes.to_vec(), &[bytes.len()])?;
    Ok(())
}
