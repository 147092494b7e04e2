use sidecart_core::TextTable;

use super::NO_GROUP;

/// The shop's categories as a forest: every node has a label and, below the top, a parent.
///
/// ```
/// use sidecart_serve::offers::{CategoryTree, NO_GROUP};
///
/// let labels = ["Food", "Tea", "Home", "Tea"].into_iter().collect();
/// let tree = CategoryTree::new(labels, vec![NO_GROUP, 0, NO_GROUP, 2]).unwrap();
/// assert_eq!(tree.find("Tea"), [1, 3]);
/// assert_eq!(tree.find("Home > Tea"), [3]);
/// assert_eq!((tree.path(1), tree.top(3)), ("Food > Tea".to_owned(), 2));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CategoryTree {
    labels: TextTable,
    parents: Vec<u32>,
    tops: Vec<u32>,
}

/// What stands between the labels of a path.
const SEPARATOR: &str = " > ";

impl CategoryTree {
    /// Checks and takes the nodes; a parent stands before its children, [`NO_GROUP`] for the top.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn new(labels: TextTable, parents: Vec<u32>) -> Result<Self, String> {
        if labels.len() != parents.len() {
            return Err(format!("{} labels and {} parents", labels.len(), parents.len()));
        }
        let mut tops: Vec<u32> = Vec::with_capacity(parents.len());
        for (node, &parent) in (0u32..).zip(&parents) {
            match parent {
                NO_GROUP => tops.push(node),
                parent if parent < node => tops.push(tops[parent as usize]),
                parent => return Err(format!("parent {parent} of category {node} does not stand before it")),
            }
        }
        Ok(Self { labels, parents, tops })
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parents.len()
    }

    /// Whether the shop has no categories.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// Labels, and the parent of each.
    #[must_use]
    pub fn parts(&self) -> (&TextTable, &[u32]) {
        (&self.labels, &self.parents)
    }

    /// The coarsest category above a node; [`NO_GROUP`] leads to itself.
    #[inline]
    #[must_use]
    pub fn top(&self, node: u32) -> u32 {
        self.tops.get(node as usize).copied().unwrap_or(NO_GROUP)
    }

    /// Labels from the top to a node, joined by ` > `; empty for [`NO_GROUP`].
    #[must_use]
    pub fn path(&self, node: u32) -> String {
        let labels: Vec<&str> = self.upwards(node).map(|node| self.labels.get(node as usize)).collect();
        labels.into_iter().rev().collect::<Vec<_>>().join(SEPARATOR)
    }

    /// A node and everything above it, finest first.
    pub fn upwards(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let known = (node as usize) < self.len();
        std::iter::successors(known.then_some(node), |&node| {
            Some(self.parents[node as usize]).filter(|&parent| parent != NO_GROUP)
        })
    }

    /// Whether a node is another one or below it.
    #[must_use]
    pub fn is_within(&self, node: u32, category: u32) -> bool {
        self.upwards(node).any(|above| above == category)
    }

    /// The nodes that a text names: by label, or by the labels from the top joined by ` > `. O(nodes).
    #[must_use]
    pub fn find(&self, name: &str) -> Vec<u32> {
        let named = |&node: &u32| self.labels.get(node as usize) == name || self.path(node) == name;
        (0..self.len() as u32).filter(named).collect()
    }
}
