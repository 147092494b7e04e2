use std::fmt;

/// A dense item number: the rank of the item's outside id in sorted order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(transparent)]
pub struct ItemId(pub u32);

impl ItemId {
    /// The number as an index into per-item tables.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A dense customer number: the rank of the customer's outside id in sorted order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct CustomerId(pub u32);

impl CustomerId {
    /// The number as an index into per-customer tables.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An id in the caller's own form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ExternalId {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Box<str>),
}

impl ExternalId {
    /// Borrows the id.
    #[must_use]
    pub fn as_ref(&self) -> ExternalIdRef<'_> {
        match self {
            Self::Int(value) => ExternalIdRef::Int(*value),
            Self::Text(value) => ExternalIdRef::Text(value),
        }
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

/// A borrowed [`ExternalId`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ExternalIdRef<'a> {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(&'a str),
}

impl ExternalIdRef<'_> {
    /// Copies the id into an owned one.
    #[must_use]
    pub fn to_owned(self) -> ExternalId {
        match self {
            Self::Int(value) => ExternalId::Int(value),
            Self::Text(value) => ExternalId::Text(value.into()),
        }
    }

    /// Which of the two forms this is.
    #[must_use]
    pub fn kind(self) -> IdKind {
        match self {
            Self::Int(_) => IdKind::Int,
            Self::Text(_) => IdKind::Text,
        }
    }
}

impl fmt::Display for ExternalIdRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// The two forms an outside id can have; one table holds ids of one form only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IdKind {
    /// Whole numbers of any width.
    Int,
    /// Texts.
    Text,
}

impl fmt::Display for IdKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int => "integer",
            Self::Text => "text",
        })
    }
}

/// Why stored ids are not a sorted table.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdTableError {
    /// Ids are not strictly rising.
    #[error("id {position} is not greater than the one before it")]
    NotRising {
        /// Position of the offending id.
        position: usize,
    },
    /// Text offsets do not start at 0, fall, or end elsewhere than the bytes.
    #[error("text offset {position} is {got}, outside 0..={limit} or falling")]
    Offset {
        /// Position of the offending offset.
        position: usize,
        /// The offset.
        got: u64,
        /// Length of the bytes.
        limit: u64,
    },
    /// A text is not UTF-8.
    #[error("text {position} is not UTF-8")]
    NotUtf8 {
        /// Position of the offending text.
        position: usize,
    },
    /// More ids than a `u32` can number.
    #[error("{got} ids are more than {limit}")]
    TooMany {
        /// Number of ids.
        got: usize,
        /// Largest number of ids.
        limit: usize,
    },
}

/// Texts one behind the other with their offsets: `offsets.len() == len + 1`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextTable {
    offsets: Vec<u64>,
    bytes: String,
}

impl Default for TextTable {
    fn default() -> Self {
        Self { offsets: vec![0], bytes: String::new() }
    }
}

impl TextTable {
    /// Takes stored parts, checking every offset and the UTF-8 of every text. O(bytes).
    ///
    /// # Errors
    /// [`IdTableError::Offset`] or [`IdTableError::NotUtf8`].
    pub fn from_parts(offsets: Vec<u64>, bytes: Vec<u8>) -> Result<Self, IdTableError> {
        let limit = bytes.len() as u64;
        if offsets.first() != Some(&0) || offsets.last() != Some(&limit) {
            let got = offsets.last().copied().unwrap_or(0);
            return Err(IdTableError::Offset { position: offsets.len().saturating_sub(1), got, limit });
        }
        if let Some(position) = offsets.windows(2).position(|w| w[0] > w[1]) {
            return Err(IdTableError::Offset { position: position + 1, got: offsets[position + 1], limit });
        }
        let bytes = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to() as u64;
            IdTableError::NotUtf8 { position: offsets.partition_point(|&o| o <= at).saturating_sub(1) }
        })?;
        if let Some(position) = offsets.iter().position(|&o| !bytes.is_char_boundary(o as usize)) {
            return Err(IdTableError::NotUtf8 { position });
        }
        Ok(Self { offsets, bytes })
    }

    /// Appends a text.
    pub fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.offsets.push(self.bytes.len() as u64);
    }

    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text at a position below [`len`](Self::len).
    #[must_use]
    pub fn get(&self, position: usize) -> &str {
        &self.bytes[self.offsets[position] as usize..self.offsets[position + 1] as usize]
    }

    /// All texts in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Offsets (`len + 1` values from 0) and the joined bytes.
    #[must_use]
    pub fn parts(&self) -> (&[u64], &[u8]) {
        (&self.offsets, self.bytes.as_bytes())
    }
}

impl<S: AsRef<str>> FromIterator<S> for TextTable {
    fn from_iter<I: IntoIterator<Item = S>>(texts: I) -> Self {
        let mut table = Self::default();
        for text in texts {
            table.push(text.as_ref());
        }
        table
    }
}

/// Sorted, distinct outside ids; the position of an id is its dense number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IdTable {
    /// Whole numbers, strictly rising.
    Int(Vec<i64>),
    /// Texts in byte order, strictly rising.
    Text(TextTable),
}

impl Default for IdTable {
    fn default() -> Self {
        Self::Int(Vec::new())
    }
}

impl IdTable {
    /// The largest number of ids; the top value of `u32` stands for "none".
    pub const MAX_LEN: usize = u32::MAX as usize - 1;

    /// Sorts and de-duplicates texts.
    pub fn from_texts<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Self {
        let mut texts: Vec<S> = texts.into_iter().collect();
        texts.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
        texts.dedup_by(|a, b| a.as_ref() == b.as_ref());
        Self::Text(texts.into_iter().collect())
    }

    /// Sorts and de-duplicates whole numbers.
    #[must_use]
    pub fn from_ints(mut ids: Vec<i64>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self::Int(ids)
    }

    /// Checks that the ids rise strictly and are not too many. O(bytes of the ids).
    ///
    /// # Errors
    /// [`IdTableError::NotRising`] or [`IdTableError::TooMany`].
    pub fn check(&self) -> Result<(), IdTableError> {
        if self.len() > Self::MAX_LEN {
            return Err(IdTableError::TooMany { got: self.len(), limit: Self::MAX_LEN });
        }
        let falls = match self {
            Self::Int(ids) => ids.windows(2).position(|w| w[0] >= w[1]),
            Self::Text(texts) => (1..texts.len()).position(|i| texts.get(i - 1) >= texts.get(i)),
        };
        falls.map_or(Ok(()), |position| Err(IdTableError::NotRising { position: position + 1 }))
    }

    /// Number of ids.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Int(ids) => ids.len(),
            Self::Text(texts) => texts.len(),
        }
    }

    /// Whether there is no id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The form of the ids.
    #[must_use]
    pub fn kind(&self) -> IdKind {
        match self {
            Self::Int(_) => IdKind::Int,
            Self::Text(_) => IdKind::Text,
        }
    }

    /// The outside id of a dense number below [`len`](Self::len).
    #[must_use]
    pub fn get(&self, position: u32) -> ExternalIdRef<'_> {
        match self {
            Self::Int(ids) => ExternalIdRef::Int(ids[position as usize]),
            Self::Text(texts) => ExternalIdRef::Text(texts.get(position as usize)),
        }
    }

    /// The dense number of an outside id, by binary search; `None` for an unknown id and for one
    /// of the other form.
    #[must_use]
    pub fn find(&self, id: ExternalIdRef<'_>) -> Option<u32> {
        match id {
            ExternalIdRef::Int(id) => self.find_int(id),
            ExternalIdRef::Text(id) => self.find_text(id),
        }
    }

    /// [`find`](Self::find) for a whole number.
    #[must_use]
    pub fn find_int(&self, id: i64) -> Option<u32> {
        match self {
            Self::Int(ids) => ids.binary_search(&id).ok().map(|i| i as u32),
            Self::Text(_) => None,
        }
    }

    /// [`find`](Self::find) for a text.
    #[must_use]
    pub fn find_text(&self, id: &str) -> Option<u32> {
        let Self::Text(texts) = self else { return None };
        let (mut low, mut high) = (0, texts.len());
        while low < high {
            let middle = (low + high) / 2;
            match texts.get(middle).cmp(id) {
                std::cmp::Ordering::Equal => return Some(middle as u32),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Finds an id that a person typed: read as a whole number when the table holds numbers.
    #[must_use]
    pub fn find_typed(&self, typed: &str) -> Option<u32> {
        match self {
            Self::Int(_) => typed.trim().parse().ok().and_then(|id| self.find_int(id)),
            Self::Text(_) => self.find_text(typed).or_else(|| self.find_text(typed.trim())),
        }
    }

    /// All ids in order.
    pub fn iter(&self) -> impl Iterator<Item = ExternalIdRef<'_>> {
        (0..self.len() as u32).map(|i| self.get(i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_id_is_found_at_its_rank(texts in proptest::collection::btree_set("[a-z]{0,6}", 0..40)) {
            let table = IdTable::from_texts(texts.iter().rev());
            prop_assert_eq!(table.len(), texts.len());
            prop_assert!(table.check().is_ok());
            for (rank, text) in texts.iter().enumerate() {
                prop_assert_eq!(table.find_text(text), Some(rank as u32));
                prop_assert_eq!(table.get(rank as u32), ExternalIdRef::Text(text));
            }
            prop_assert_eq!(table.find_text("zzzzzzz"), None);
        }
    }

    #[test]
    fn stored_parts_are_checked() {
        assert!(TextTable::from_parts(vec![0, 1, 2], b"ab".to_vec()).is_ok());
        assert!(TextTable::from_parts(vec![0, 2, 1], b"ab".to_vec()).is_err());
        assert!(TextTable::from_parts(vec![0, 3], b"ab".to_vec()).is_err());
        assert!(TextTable::from_parts(vec![], vec![]).is_err());
        assert!(TextTable::from_parts(vec![0, 1, 2], vec![0xc3, 0xa9]).is_err());
        assert!(IdTable::Int(vec![1, 1]).check().is_err());
        assert_eq!(IdTable::from_ints(vec![3, 1, 3]), IdTable::Int(vec![1, 3]));
    }

    #[test]
    fn typed_ids_take_the_form_of_the_table() {
        assert_eq!(IdTable::from_ints(vec![7, 12]).find_typed(" 12"), Some(1));
        assert_eq!(IdTable::from_texts(["7", "12"]).find_typed("7"), Some(1));
        assert_eq!(IdTable::from_ints(vec![7]).find_typed("seven"), None);
    }
}
