use sidecart_core::{ItemId, TextTable};

/// "The shop says nothing."
const MISSING: u64 = u64::MAX;

/// The value of one attribute of one item.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AttributeValue<'a> {
    /// A finite number.
    Number(f64),
    /// A text.
    Text(&'a str),
}

/// Typed columns of the item table for filters. A column is one of numbers when all its values read
/// as finite numbers; texts are interned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attributes {
    names: Vec<String>,
    numeric: Vec<bool>,
    /// By attribute, then item: the bits of a number, or the position of a text; `MISSING`.
    values: Vec<u64>,
    texts: TextTable,
    n_items: usize,
}

impl Attributes {
    /// Types columns: for each a name and a value for every item, where known.
    #[must_use]
    pub fn from_columns(n_items: usize, columns: &[(String, Vec<Option<&str>>)]) -> Self {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        let is_numeric = |column: &[Option<&str>]| {
            column.iter().flatten().all(|text| number(text).is_some()) && column.iter().flatten().next().is_some()
        };
        let numeric: Vec<bool> = columns.iter().map(|(_, column)| is_numeric(column)).collect();
        let textual = columns.iter().zip(&numeric).filter(|(_, numeric)| !**numeric);
        let mut texts: Vec<&str> = textual.flat_map(|((_, column), _)| column.iter().flatten().copied()).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut values = Vec::with_capacity(columns.len() * n_items);
        for ((_, column), &numeric) in columns.iter().zip(&numeric) {
            values.extend((0..n_items).map(|item| {
                let Some(text) = column.get(item).copied().flatten() else { return MISSING };
                if numeric {
                    // Adding zero turns -0.0 into 0.0.
                    number(text).map_or(MISSING, |n| (n + 0.0).to_bits())
                } else {
                    texts.binary_search(&text).map_or(MISSING, |at| at as u64)
                }
            }));
        }
        let names = columns.iter().map(|(name, _)| name.clone()).collect();
        Self { names, numeric, values, texts: texts.into_iter().collect(), n_items }
    }

    /// Checks and takes stored parts.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn from_parts(
        names: &TextTable,
        forms: &[u32],
        values: Vec<u64>,
        texts: TextTable,
        n_items: usize,
    ) -> Result<Self, String> {
        if names.len() != forms.len() || names.len().checked_mul(n_items) != Some(values.len()) {
            return Err(format!("{} names, {} forms and {} values", names.len(), forms.len(), values.len()));
        }
        if (1..texts.len()).any(|at| texts.get(at - 1) >= texts.get(at)) {
            return Err("texts of attributes do not rise".into());
        }
        if let Some(form) = forms.iter().find(|form| **form > 1) {
            return Err(format!("form {form} of an attribute"));
        }
        for (&form, column) in forms.iter().zip(values.chunks(n_items.max(1))) {
            let is_good = |&value: &u64| match form {
                _ if value == MISSING => true,
                0 => f64::from_bits(value).is_finite(),
                _ => value < texts.len() as u64,
            };
            if let Some(value) = column.iter().find(|value| !is_good(value)) {
                return Err(format!("value {value} of an attribute of form {form}"));
            }
        }
        let numeric = forms.iter().map(|form| *form == 0).collect();
        Ok(Self { names: names.iter().map(str::to_owned).collect(), numeric, values, texts, n_items })
    }

    /// Names, forms (0 = numbers, 1 = texts), values and interned texts.
    #[must_use]
    pub fn parts(&self) -> (&[String], Vec<u32>, &[u64], &TextTable) {
        (&self.names, self.numeric.iter().map(|numeric| u32::from(!numeric)).collect(), &self.values, &self.texts)
    }

    /// The names in the order of the item table.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether an attribute holds numbers.
    #[must_use]
    pub fn is_numeric(&self, attribute: usize) -> bool {
        self.numeric[attribute]
    }

    /// The number of a text among the interned ones.
    #[must_use]
    pub fn code(&self, text: &str) -> Option<u32> {
        let (mut low, mut high) = (0, self.texts.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.texts.get(middle).cmp(text) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle as u32),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The number, or the code of the text, of an item; `None` where the shop says nothing.
    #[inline]
    pub(crate) fn raw(&self, attribute: usize, item: ItemId) -> Option<u64> {
        Some(self.values[attribute * self.n_items + item.index()]).filter(|&value| value != MISSING)
    }

    /// The value of an item; `None` where the shop says nothing.
    #[must_use]
    pub fn get(&self, attribute: usize, item: ItemId) -> Option<AttributeValue<'_>> {
        let raw = self.raw(attribute, item)?;
        Some(if self.numeric[attribute] {
            AttributeValue::Number(f64::from_bits(raw))
        } else {
            AttributeValue::Text(self.texts.get(raw as usize))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_typed() {
        let columns = [
            ("gb".to_owned(), vec![Some("128"), None, Some("64.5")]),
            ("colour".to_owned(), vec![Some("red"), Some("7"), None]),
            ("empty".to_owned(), vec![None, None, None]),
        ];
        let attributes = Attributes::from_columns(3, &columns);
        assert!(attributes.is_numeric(0) && !attributes.is_numeric(1) && !attributes.is_numeric(2));
        assert_eq!(attributes.get(0, ItemId(2)), Some(AttributeValue::Number(64.5)));
        assert_eq!(attributes.get(0, ItemId(1)), None);
        assert_eq!(attributes.get(1, ItemId(1)), Some(AttributeValue::Text("7")));
        assert_eq!((attributes.code("red"), attributes.code("blue")), (Some(1), None));
        let (names, forms, values, texts) = attributes.parts();
        let names: TextTable = names.iter().collect();
        let read = |forms: &[u32], values: Vec<u64>| Attributes::from_parts(&names, forms, values, texts.clone(), 3);
        assert_eq!(read(&forms, values.to_vec()), Ok(attributes.clone()));
        let with = |at: usize, value: u64| {
            let mut values = values.to_vec();
            values[at] = value;
            values
        };
        assert!(read(&forms, with(0, f64::NAN.to_bits())).is_err());
        assert!(read(&forms, with(3, 2)).is_err());
        assert!(read(&forms, values[1..].to_vec()).is_err());
        assert!(read(&[0, 2, 1], values.to_vec()).is_err());
        assert!(read(&forms[1..], values.to_vec()).is_err());
    }
}
