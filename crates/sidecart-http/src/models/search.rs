use sidecart_core::ItemId;
use sidecart_serve::Model;

/// Items looked at before other requests get a turn: some tens of microseconds.
const STEP: usize = 2_048;

/// Ids and names of all items in lower case, one behind the other, to look for a part of one.
pub(crate) struct ItemSearch {
    text: String,
    /// Where each item's text begins; one more than items.
    offsets: Vec<u32>,
}

/// Between the id and the name of an item; in neither.
const SEPARATOR: char = '\n';

impl ItemSearch {
    /// O(bytes of ids and names), twice their memory while it is built.
    pub(crate) fn new(model: &Model) -> Self {
        let mut text = String::new();
        let mut offsets = vec![0];
        for item in 0..model.n_items() as u32 {
            // Beyond 4 GiB of names the rest is found by nothing.
            if text.len() < (u32::MAX >> 1) as usize {
                text.push_str(&model.items().get(item).to_string().to_lowercase());
                text.push(SEPARATOR);
                text.push_str(&model.name(ItemId(item)).unwrap_or("").to_lowercase());
            }
            offsets.push(text.len() as u32);
        }
        Self { text, offsets }
    }

    /// Begins a search for a part of an id or name; `limit` items at most.
    pub(crate) fn begin(&self, part: &str, limit: usize) -> SearchStep {
        SearchStep { part: part.to_lowercase(), limit, next: 0, found: Vec::new() }
    }

    fn text_of(&self, item: usize) -> &str {
        &self.text[self.offsets[item] as usize..self.offsets[item + 1] as usize]
    }
}

/// A search under way.
pub(crate) struct SearchStep {
    part: String,
    limit: usize,
    next: usize,
    /// Class of the match, customers from most to fewest, item.
    found: Vec<(u8, std::cmp::Reverse<u32>, u32)>,
}

impl SearchStep {
    /// Looks at some more items; false once all were looked at.
    pub(crate) fn advance(&mut self, search: &ItemSearch, model: &Model) -> bool {
        let n_items = search.offsets.len() - 1;
        let end = (self.next + STEP).min(n_items);
        for (item, &customers) in model.item_customers().iter().enumerate().take(end).skip(self.next) {
            let text = search.text_of(item);
            let Some(at) = text.find(&self.part) else { continue };
            let id_end = text.find(SEPARATOR).unwrap_or(text.len());
            let class = match at {
                0 if self.part.len() == id_end => 0,
                0 => 1,
                at if at == id_end + 1 => 2,
                _ => 3,
            };
            self.found.push((class, std::cmp::Reverse(customers), item as u32));
        }
        self.found.sort_unstable();
        self.found.truncate(self.limit);
        self.next = end;
        end < n_items
    }

    /// What was found: the id itself, ids and then names that begin so, then the rest; of equals
    /// what most customers bought.
    pub(crate) fn items(&self) -> impl Iterator<Item = ItemId> + '_ {
        self.found.iter().map(|(.., item)| ItemId(*item))
    }
}
