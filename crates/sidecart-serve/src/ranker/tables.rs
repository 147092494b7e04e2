use sidecart_artifact::{Container, ContainerWriter, read_id_table, write_id_table};
use sidecart_core::IdTable;

use crate::error::{Error, Result};
use crate::model::vector;
use crate::sections as names;

/// "No such group": the item table says nothing.
pub const NO_GROUP: u32 = u32::MAX;

/// What the ranker knows of an item, in one cache line of 64 bytes. Logarithms are natural.
#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(align(64))]
pub struct ItemFacts {
    /// Finest category, or [`NO_GROUP`].
    pub kind: u32,
    /// The category above it, or [`NO_GROUP`].
    pub family: u32,
    /// Manufacturer or brand, or [`NO_GROUP`].
    pub maker: u32,
    /// Product line: maker within the kind, or [`NO_GROUP`].
    pub line: u32,
    /// ln of the usual price of a piece; the mean of the kind where unknown.
    pub log_price: f32,
    /// 1 for the shop's own brand, 0 for others, 0.5 where unknown.
    pub private_label: f32,
    /// ln(1 + training baskets).
    pub log_baskets: f32,
    /// ln(1 + baskets of the newest four weeks).
    pub log_recent: f32,
    /// ln(1 + baskets of the newest week).
    pub log_week: f32,
    /// ln(1 + first purchases of customers in the newest four weeks).
    pub log_first_recent: f32,
    /// Share of the item's purchases that are a customer's first one, shrunk to its kind's, 0..=1.
    pub first_rate: f32,
    /// Share of the kind's newest sales, 0..=1.
    pub share: f32,
    /// Share of the kind's newest first purchases, 0..=1.
    pub first_share: f32,
    /// ln of that.
    pub log_first_share: f32,
}

const N_GROUPS: usize = 4;
const N_NUMBERS: usize = 10;

impl ItemFacts {
    fn groups(&self) -> [u32; N_GROUPS] {
        [self.kind, self.family, self.maker, self.line]
    }

    fn numbers(&self) -> [f32; N_NUMBERS] {
        [
            self.log_price,
            self.private_label,
            self.log_baskets,
            self.log_recent,
            self.log_week,
            self.log_first_recent,
            self.first_rate,
            self.share,
            self.first_share,
            self.log_first_share,
        ]
    }

    fn new(groups: &[u32], numbers: &[f32]) -> Self {
        Self {
            kind: groups[0],
            family: groups[1],
            maker: groups[2],
            line: groups[3],
            log_price: numbers[0],
            private_label: numbers[1],
            log_baskets: numbers[2],
            log_recent: numbers[3],
            log_week: numbers[4],
            log_first_recent: numbers[5],
            first_rate: numbers[6],
            share: numbers[7],
            first_share: numbers[8],
            log_first_share: numbers[9],
        }
    }
}

/// What the ranker knows of a kind.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct KindFacts {
    /// ln of the kind's share of all first purchases.
    pub log_share: f32,
    /// Share of its purchases that are a customer's first of the item, 0..=1.
    pub first_rate: f32,
    /// Mean ln price of its items.
    pub log_price: f32,
}

/// How strongly baskets with one kind hold another.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct KindPair {
    /// The other kind.
    pub kind: u32,
    /// ln of (baskets with both over those that chance explains), smoothed.
    pub lift: f32,
    /// The same counting only first purchases of the other kind's items.
    pub first_lift: f32,
}

/// Rows of lists: `offsets[row]..offsets[row + 1]`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rows<T> {
    offsets: Vec<u32>,
    values: Vec<T>,
}

impl<T> Rows<T> {
    /// Joins lists.
    ///
    /// # Panics
    /// Beyond 2^32 values.
    pub fn new(lists: impl IntoIterator<Item = Vec<T>>) -> Self {
        let (mut offsets, mut values) = (vec![0], Vec::new());
        for list in lists {
            values.extend(list);
            offsets.push(u32::try_from(values.len()).expect("lists are cut short"));
        }
        Self { offsets, values }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the values of a row stand among all.
    #[inline]
    #[must_use]
    pub(crate) fn range(&self, row: u32) -> std::ops::Range<usize> {
        self.offsets[row as usize] as usize..self.offsets[row as usize + 1] as usize
    }

    /// A row.
    #[inline]
    #[must_use]
    pub fn row(&self, row: u32) -> &[T] {
        &self.values[self.range(row)]
    }
}

/// Items, kinds and lines as the ranker reads them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RankerTables {
    /// By item.
    pub items: Vec<ItemFacts>,
    /// By kind.
    pub kinds: Vec<KindFacts>,
    /// By kind: kinds that go with it.
    pub pairs: Rows<KindPair>,
    /// By kind: its items by falling share of first purchases.
    pub kind_items: Rows<u32>,
    /// By line: its items by falling share.
    pub line_items: Rows<u32>,
    /// Items that sold most lately, best first.
    pub recent: Vec<u32>,
    /// Ids of the stores; empty where the shop does not say.
    pub stores: IdTable,
    /// By store: what sold most in it lately, best first.
    pub store_items: Rows<u32>,
    /// ln(1 + baskets of the newest four weeks) of each of these in its store.
    pub store_counts: Vec<f32>,
    /// Number of families.
    pub n_families: u32,
    /// Number of makers.
    pub n_makers: u32,
}

fn broken(section: &'static str, problem: &'static str, expected: String, got: String) -> Error {
    Error::Model { section, problem, expected, got }
}

impl RankerTables {
    /// Adds the tensors.
    ///
    /// # Errors
    /// [`Error::Artifact`] when a tensor cannot be written.
    pub fn write<'a>(&'a self, writer: &mut ContainerWriter<'a>) -> Result<()> {
        let n = self.items.len();
        write_id_table(writer, names::RANKER_STORES, &self.stores)?;
        writer.add_owned(names::RANKER_STORE_COUNTS, self.store_counts.clone(), &[self.store_counts.len()])?;
        let groups: Vec<u32> = self.items.iter().flat_map(ItemFacts::groups).collect();
        writer.add_owned(names::RANKER_ITEM_GROUPS, groups, &[n, N_GROUPS])?;
        let numbers: Vec<f32> = self.items.iter().flat_map(ItemFacts::numbers).collect();
        writer.add_owned(names::RANKER_ITEM_NUMBERS, numbers, &[n, N_NUMBERS])?;
        let kinds: Vec<f32> = self.kinds.iter().flat_map(|k| [k.log_share, k.first_rate, k.log_price]).collect();
        writer.add_owned(names::RANKER_KINDS, kinds, &[self.kinds.len(), 3])?;
        let lists = [
            (names::RANKER_PAIR_OFFSETS, &self.pairs.offsets),
            (names::RANKER_KIND_OFFSETS, &self.kind_items.offsets),
            (names::RANKER_LINE_OFFSETS, &self.line_items.offsets),
            (names::RANKER_KIND_ITEMS, &self.kind_items.values),
            (names::RANKER_LINE_ITEMS, &self.line_items.values),
            (names::RANKER_RECENT, &self.recent),
            (names::RANKER_STORE_OFFSETS, &self.store_items.offsets),
            (names::RANKER_STORE_ITEMS, &self.store_items.values),
        ];
        for (name, list) in lists {
            writer.add_owned(name, list.clone(), &[list.len()])?;
        }
        let others: Vec<u32> = self.pairs.values.iter().map(|p| p.kind).collect();
        let lifts: Vec<f32> = self.pairs.values.iter().flat_map(|p| [p.lift, p.first_lift]).collect();
        let n_pairs = others.len();
        writer.add_owned(names::RANKER_PAIR_KINDS, others, &[n_pairs])?;
        writer.add_owned(names::RANKER_PAIR_LIFTS, lifts, &[n_pairs, 2])?;
        writer.add_owned(names::RANKER_SIZES, vec![self.n_families, self.n_makers], &[2])?;
        Ok(())
    }

    /// Reads and checks the tensors: every number that is used as a position is in range.
    ///
    /// # Errors
    /// [`Error::Artifact`], [`Error::Model`].
    pub fn read(container: &Container, n_items: usize) -> Result<Self> {
        let groups = container.matrix::<u32>(names::RANKER_ITEM_GROUPS, n_items, N_GROUPS)?;
        let numbers = container.matrix::<f32>(names::RANKER_ITEM_NUMBERS, n_items, N_NUMBERS)?;
        let rows = container.get(&groups).chunks_exact(N_GROUPS).zip(container.get(&numbers).chunks_exact(N_NUMBERS));
        let items: Vec<ItemFacts> = rows.map(|(groups, numbers)| ItemFacts::new(groups, numbers)).collect();
        let n_kinds = container.section::<f32>(names::RANKER_KINDS)?.rows();
        let kinds = container.matrix::<f32>(names::RANKER_KINDS, n_kinds, 3)?;
        let kinds: Vec<KindFacts> = container
            .get(&kinds)
            .chunks_exact(3)
            .map(|k| KindFacts { log_share: k[0], first_rate: k[1], log_price: k[2] })
            .collect();
        let lists = |offsets_name: &'static str, n_rows: usize, n_values: usize| -> Result<Vec<u32>> {
            let offsets = vector::<u32>(container, offsets_name)?;
            let spans = offsets.len() == n_rows + 1
                && offsets.first() == Some(&0)
                && offsets.last().map(|&o| o as usize) == Some(n_values)
                && offsets.is_sorted();
            if spans {
                Ok(offsets)
            } else {
                let got = format!("{} offsets", offsets.len());
                Err(broken(offsets_name, "offsets do not span the values", format!("{n_rows} rows of {n_values}"), got))
            }
        };
        let below =
            |name: &'static str, values: &[u32], limit: usize| match values.iter().find(|&&v| v as usize >= limit) {
                Some(got) => Err(broken(name, "a number is out of range", format!("< {limit}"), got.to_string())),
                None => Ok(()),
            };
        let pair_kinds = vector::<u32>(container, names::RANKER_PAIR_KINDS)?;
        below(names::RANKER_PAIR_KINDS, &pair_kinds, kinds.len())?;
        let lifts = container.matrix::<f32>(names::RANKER_PAIR_LIFTS, pair_kinds.len(), 2)?;
        let pairs = pair_kinds.iter().zip(container.get(&lifts).chunks_exact(2));
        let pairs: Vec<KindPair> =
            pairs.map(|(&kind, lifts)| KindPair { kind, lift: lifts[0], first_lift: lifts[1] }).collect();
        let item_lists = |offsets: &'static str, values: &'static str, n_rows: usize| -> Result<Rows<u32>> {
            let items = vector::<u32>(container, values)?;
            below(values, &items, n_items)?;
            Ok(Rows { offsets: lists(offsets, n_rows, items.len())?, values: items })
        };
        let n_lines = vector::<u32>(container, names::RANKER_LINE_OFFSETS)?.len().saturating_sub(1);
        let recent = vector::<u32>(container, names::RANKER_RECENT)?;
        below(names::RANKER_RECENT, &recent, n_items)?;
        let stores = read_id_table(container, names::RANKER_STORES)?;
        let store_items = item_lists(names::RANKER_STORE_OFFSETS, names::RANKER_STORE_ITEMS, stores.len())?;
        let store_counts = container.vector::<f32>(names::RANKER_STORE_COUNTS, store_items.values.len())?;
        let sizes = vector::<u32>(container, names::RANKER_SIZES)?;
        let [n_families, n_makers] = sizes[..] else {
            return Err(broken(names::RANKER_SIZES, "wrong length", "2".into(), sizes.len().to_string()));
        };
        // Sizes are memory of every thread, so they must not be made up.
        below(names::RANKER_SIZES, &sizes, n_items + 2)?;
        let limits = [kinds.len(), n_families as usize, n_makers as usize, n_lines];
        for (group, limit) in limits.into_iter().enumerate() {
            let bad = items.iter().map(|i| i.groups()[group]).find(|&g| g != NO_GROUP && g as usize >= limit);
            if let Some(got) = bad {
                let expected = format!("< {limit}");
                return Err(broken(names::RANKER_ITEM_GROUPS, "a group is out of range", expected, got.to_string()));
            }
        }
        Ok(Self {
            pairs: Rows { offsets: lists(names::RANKER_PAIR_OFFSETS, kinds.len(), pairs.len())?, values: pairs },
            kind_items: item_lists(names::RANKER_KIND_OFFSETS, names::RANKER_KIND_ITEMS, kinds.len())?,
            line_items: item_lists(names::RANKER_LINE_OFFSETS, names::RANKER_LINE_ITEMS, n_lines)?,
            items,
            kinds,
            recent,
            stores,
            store_items,
            store_counts: container.get(&store_counts).to_vec(),
            n_families,
            n_makers,
        })
    }
}
