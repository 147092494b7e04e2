use sidecart_core::ItemId;

use super::CategoryTree;

/// What an add-on needs in the basket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Host {
    /// One item.
    Item(ItemId),
    /// Any item of a category, or of one below it.
    Category(u32),
}

impl Host {
    fn parts(self) -> [u32; 2] {
        match self {
            Self::Item(item) => [0, item.0],
            Self::Category(category) => [1, category],
        }
    }
}

/// Which items are add-ons, and of what.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostTable {
    /// Rising by item, then host.
    rows: Vec<(ItemId, Host)>,
    /// The same the other way round, rising.
    add_ons: Vec<(Host, ItemId)>,
}

impl HostTable {
    /// Takes pairs of an add-on and a host, in any order; repeats count once.
    #[must_use]
    pub fn new(mut rows: Vec<(ItemId, Host)>) -> Self {
        rows.sort_unstable();
        rows.dedup();
        let mut add_ons: Vec<(Host, ItemId)> = rows.iter().map(|&(item, host)| (host, item)).collect();
        add_ons.sort_unstable();
        Self { rows, add_ons }
    }

    /// Reads stored rows: item, 0 = host is an item or 1 = a category, and its number.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn from_rows(rows: &[[u32; 3]], n_items: usize, n_categories: usize) -> Result<Self, String> {
        let mut read = Vec::with_capacity(rows.len());
        for &[item, form, host] in rows {
            let host = match form {
                0 if (host as usize) < n_items => Host::Item(ItemId(host)),
                1 if (host as usize) < n_categories => Host::Category(host),
                _ => return Err(format!("host {host} of form {form}")),
            };
            if item as usize >= n_items || host == Host::Item(ItemId(item)) {
                return Err(format!("add-on {item} of {n_items} items"));
            }
            read.push((ItemId(item), host));
        }
        if read.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err("add-ons do not rise".into());
        }
        Ok(Self::new(read))
    }

    /// The rows as they are stored.
    #[must_use]
    pub fn to_rows(&self) -> Vec<u32> {
        let row = |&(item, host): &(ItemId, Host)| {
            let [form, number] = host.parts();
            [item.0, form, number]
        };
        self.rows.iter().flat_map(row).collect()
    }

    /// Number of pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the shop has no add-ons.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What an item needs; empty where it stands alone. O(log pairs).
    pub fn hosts(&self, item: ItemId) -> impl Iterator<Item = Host> + '_ {
        let start = self.rows.partition_point(|row| row.0 < item);
        self.rows[start..].iter().take_while(move |row| row.0 == item).map(|row| row.1)
    }

    /// Whether an item is of use only with another one. O(log pairs).
    #[must_use]
    pub fn is_add_on(&self, item: ItemId) -> bool {
        self.hosts(item).next().is_some()
    }

    /// Whether an item of a category may host an add-on.
    #[must_use]
    pub fn fits(&self, add_on: ItemId, host: ItemId, category: u32, categories: &CategoryTree) -> bool {
        self.hosts(add_on).any(|needed| match needed {
            Host::Item(item) => item == host,
            Host::Category(above) => categories.is_within(category, above),
        })
    }

    /// The add-ons of a host, rising. O(log pairs).
    pub fn add_ons(&self, host: Host) -> impl Iterator<Item = ItemId> + '_ {
        let start = self.add_ons.partition_point(|row| row.0 < host);
        self.add_ons[start..].iter().take_while(move |row| row.0 == host).map(|row| row.1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::NO_GROUP;
    use super::*;

    #[test]
    fn add_ons_are_found_from_both_sides() {
        let categories = CategoryTree::new(["Cars", "Small cars"].into_iter().collect(), vec![NO_GROUP, 0]).unwrap();
        let host = |n| Host::Item(ItemId(n));
        let table = HostTable::new(vec![(ItemId(7), host(1)), (ItemId(5), Host::Category(0)), (ItemId(7), host(1))]);
        assert_eq!(table.len(), 2);
        assert_eq!(table.hosts(ItemId(7)).collect::<Vec<_>>(), [host(1)]);
        assert!(table.is_add_on(ItemId(5)) && !table.is_add_on(ItemId(1)));
        assert_eq!(table.add_ons(host(1)).collect::<Vec<_>>(), [ItemId(7)]);
        assert!(table.fits(ItemId(5), ItemId(0), 1, &categories), "a category below the named one");
        assert!(!table.fits(ItemId(5), ItemId(0), NO_GROUP, &categories));
        let rows = table.to_rows();
        assert_eq!(HostTable::from_rows(rows.as_chunks::<3>().0, 8, 2).unwrap(), table);
    }

    #[test]
    fn broken_rows_are_refused() {
        for rows in [&[[9, 0, 1]][..], &[[1, 0, 9]], &[[1, 1, 2]], &[[1, 2, 0]], &[[1, 0, 1]], &[[2, 0, 1], [1, 0, 0]]]
        {
            assert!(HostTable::from_rows(rows, 8, 2).is_err(), "{rows:?}");
        }
    }
}
