use serde::{Deserialize, Serialize};
use sidecart_core::ItemId;

use super::super::{NO_GROUP, OfferItems, OfferKind, OfferKinds};

/// How a filter compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Operator {
    /// Equal.
    #[serde(rename = "=")]
    Equal,
    /// Not equal.
    #[serde(rename = "!=")]
    NotEqual,
    /// Less.
    #[serde(rename = "<")]
    Less,
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// Greater.
    #[serde(rename = ">")]
    Greater,
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
    /// One of a list.
    #[serde(rename = "in")]
    In,
}

impl Operator {
    fn holds(self, value: f64, than: f64) -> bool {
        match self {
            Self::Equal | Self::In => value == than,
            Self::NotEqual => value != than,
            Self::Less => value < than,
            Self::AtMost => value <= than,
            Self::Greater => value > than,
            Self::AtLeast => value >= than,
        }
    }

    fn needs_numbers(self) -> bool {
        matches!(self, Self::Less | Self::AtMost | Self::Greater | Self::AtLeast)
    }
}

/// A number, a text or a truth value (which is the text `true` or `false`).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FilterScalar {
    /// A truth value.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// What a filter compares with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FilterValue {
    /// One value.
    One(FilterScalar),
    /// Several, for `in`.
    Many(Vec<FilterScalar>),
}

/// A condition on an attribute of the offered item: `{ attribute = "storage_gb", op = ">=", value =
/// 128 }`, or relative to the anchor `{ attribute = "storage_gb", op = ">=", of_anchor = true }`.
///
/// `price`, `margin`, `stock`, `brand` and `category` are attributes too; a category is equal to
/// those above it. An offer passes when the condition holds; one whose attribute, or whose anchor's,
/// is unknown does not pass. The anchor is the basket item that is replaced, hosts the add-on, or
/// speaks most for what to add.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The attribute: a column of `items.columns.attributes`, or one of those above.
    pub attribute: String,
    /// The comparison.
    pub op: Operator,
    /// What with; left out with `of_anchor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<FilterValue>,
    /// Whether to compare with the anchor's attribute. Default false.
    #[serde(default)]
    pub of_anchor: bool,
    /// The kinds of offers it is for. Default all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<OfferKind>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Field {
    Price,
    Margin,
    Stock,
    Brand,
    Category,
    Attribute(usize),
}

#[derive(Clone, PartialEq, Debug)]
enum Operand {
    Anchor,
    Numbers(Vec<f64>),
    /// Codes of texts or brands; what the model has never seen is left out.
    Codes(Vec<u32>),
    /// Nodes of the tree.
    Categories(Vec<u32>),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Value {
    Number(f64),
    Code(u32),
    Category(u32),
}

/// A filter whose names are numbers of a model.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CompiledFilter {
    field: Field,
    op: Operator,
    operand: Operand,
    kinds: OfferKinds,
}

impl Filter {
    /// Checks the form.
    pub(super) fn check(&self) -> Result<(), String> {
        let said = format!("filters: {} {:?}", self.attribute, self.op);
        match (&self.value, self.of_anchor) {
            (Some(_), true) => Err(format!("{said}: expected a value or of_anchor, got both")),
            (None, false) => Err(format!("{said}: expected a value or of_anchor = true, got neither")),
            (None, true) if self.op == Operator::In => Err(format!("{said}: expected a list of values")),
            (Some(FilterValue::Many(_)), _) if self.op != Operator::In => {
                Err(format!("{said}: expected one value, got a list"))
            }
            (Some(FilterValue::One(_)), _) if self.op == Operator::In => {
                Err(format!("{said}: expected a list of values, got one"))
            }
            _ if self.scalars().any(|s| matches!(s, FilterScalar::Number(n) if !n.is_finite())) => {
                Err(format!("{said}: expected finite numbers"))
            }
            _ => Ok(()),
        }
    }

    fn scalars(&self) -> impl Iterator<Item = &FilterScalar> {
        match &self.value {
            Some(FilterValue::One(one)) => std::slice::from_ref(one),
            Some(FilterValue::Many(many)) => many.as_slice(),
            None => &[],
        }
        .iter()
    }

    /// Looks the names up; texts that the model does not know go to `unknown`.
    pub(super) fn compile(&self, items: &OfferItems, unknown: &mut Vec<String>) -> Result<CompiledFilter, String> {
        let attributes = items.attributes();
        let named = |name: &str| attributes.names().iter().position(|known| known == name);
        let field = match self.attribute.as_str() {
            "price" => Field::Price,
            "margin" => Field::Margin,
            "stock" => Field::Stock,
            "brand" => Field::Brand,
            "category" => Field::Category,
            name => Field::Attribute(named(name).ok_or_else(|| {
                let known = ["price", "margin", "stock", "brand", "category"].into_iter();
                let known: Vec<&str> = known.chain(attributes.names().iter().map(String::as_str)).collect();
                format!("filters: no attribute {name}; there are {}", known.join(", "))
            })?),
        };
        let is_numeric = match field {
            Field::Price | Field::Margin | Field::Stock => true,
            Field::Brand | Field::Category => false,
            Field::Attribute(at) => attributes.is_numeric(at),
        };
        if self.op.needs_numbers() && !is_numeric {
            return Err(format!("filters: {} holds texts, which have no order: expected =, != or in", self.attribute));
        }
        let operand = if self.of_anchor {
            Operand::Anchor
        } else if is_numeric {
            let number = |scalar: &FilterScalar| match scalar {
                FilterScalar::Number(number) => Ok(*number),
                other => Err(format!("filters: {} holds numbers, got {other:?}", self.attribute)),
            };
            Operand::Numbers(self.scalars().map(number).collect::<Result<_, _>>()?)
        } else {
            let text = |scalar: &FilterScalar| match scalar {
                FilterScalar::Text(text) => text.clone(),
                FilterScalar::Flag(flag) => flag.to_string(),
                FilterScalar::Number(number) => number.to_string(),
            };
            let (mut codes, mut nodes) = (Vec::new(), Vec::new());
            for text in self.scalars().map(text) {
                let found = match field {
                    Field::Category => {
                        let found = items.categories().find(&text);
                        nodes.extend_from_slice(&found);
                        !found.is_empty()
                    }
                    Field::Brand => {
                        let code = items.brands().iter().position(|brand| brand == text);
                        codes.extend(code.map(|code| code as u32));
                        code.is_some()
                    }
                    _ => {
                        let code = attributes.code(&text);
                        codes.extend(code);
                        code.is_some()
                    }
                };
                if !found {
                    unknown.push(format!("{} {text} of a filter", self.attribute));
                }
            }
            if field == Field::Category { Operand::Categories(nodes) } else { Operand::Codes(codes) }
        };
        let kinds = if self.kinds.is_empty() { OfferKinds::ALL } else { OfferKinds::of(&self.kinds) };
        Ok(CompiledFilter { field, op: self.op, operand, kinds })
    }
}

impl CompiledFilter {
    fn value(&self, items: &OfferItems, item: ItemId) -> Option<Value> {
        let facts = items.get(item);
        let number = |number: Option<f64>| number.map(Value::Number);
        match self.field {
            Field::Price => number(facts.price.map(sidecart_core::Money::to_f64)),
            Field::Margin => number(facts.margin.map(sidecart_core::Money::to_f64)),
            Field::Stock => number(facts.stock.map(sidecart_core::Quantity::to_f64)),
            Field::Brand => (facts.brand != NO_GROUP).then_some(Value::Code(facts.brand)),
            Field::Category => (facts.category != NO_GROUP).then_some(Value::Category(facts.category)),
            Field::Attribute(at) if items.attributes().is_numeric(at) => {
                number(items.attributes().raw(at, item).map(f64::from_bits))
            }
            Field::Attribute(at) => items.attributes().raw(at, item).map(|code| Value::Code(code as u32)),
        }
    }

    /// Whether an offer passes.
    pub(crate) fn passes(&self, items: &OfferItems, item: ItemId, anchor: Option<ItemId>, kind: OfferKind) -> bool {
        if !self.kinds.contains(kind) {
            return true;
        }
        let Some(value) = self.value(items, item) else { return false };
        let is_not = self.op == Operator::NotEqual;
        match (value, &self.operand) {
            (_, Operand::Anchor) => match (value, anchor.and_then(|anchor| self.value(items, anchor))) {
                (Value::Number(value), Some(Value::Number(than))) => self.op.holds(value, than),
                (value, Some(than)) => (value == than) != is_not,
                (_, None) => false,
            },
            (Value::Number(value), Operand::Numbers(numbers)) if is_not => !numbers.contains(&value),
            (Value::Number(value), Operand::Numbers(numbers)) => numbers.iter().any(|&n| self.op.holds(value, n)),
            (Value::Code(code), Operand::Codes(codes)) => codes.contains(&code) != is_not,
            (Value::Category(node), Operand::Categories(nodes)) => {
                nodes.iter().any(|&above| items.categories().is_within(node, above)) != is_not
            }
            _ => false,
        }
    }
}
