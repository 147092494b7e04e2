//! What an object may hold. Checks of requests and the documents read the same tables, so that
//! they cannot differ.

use serde_json::{Map, Value as Json, json};

use crate::limits::MAX_ID_BYTES;

/// What a field holds.
pub(crate) enum Shape {
    /// A text or whole number that names something of the shop.
    Id,
    /// A text of at most so many bytes.
    Text(usize),
    /// A whole number in a range.
    Integer { min: i64, max: i64 },
    /// A number of at least 0.
    Amount,
    /// Any number.
    Number,
    /// True or false.
    Flag,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A point in time in the form of the model's own times.
    Time,
    /// A list of at most so many.
    List(&'static Shape, usize),
    /// An object.
    Object(&'static Object),
    /// An object that is checked later, by itself.
    Later(&'static Object),
    /// Something or null, in answers.
    OrNull(&'static Shape),
    /// An object of numbers under names of its own.
    Numbers,
    /// An object whose fields are checked elsewhere.
    Free,
}

/// A field of an object.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    pub(crate) about: &'static str,
}

impl Field {
    pub(crate) const fn required(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, shape, required: true, about }
    }

    pub(crate) const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, shape, required: false, about }
    }
}

/// What an object may hold.
pub(crate) struct Object {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
}

impl Object {
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// A reference to this object's schema, which is put among `schemas` with all it holds.
    pub(crate) fn document(&self, schemas: &mut Map<String, Json>) -> Json {
        if !schemas.contains_key(self.name) {
            schemas.insert(self.name.to_owned(), Json::Null);
            let mut properties = Map::new();
            for field in self.fields {
                let mut schema = field.shape.document(schemas);
                schema["description"] = json!(field.about);
                properties.insert(field.name.to_owned(), schema);
            }
            let required: Vec<&str> = self.fields.iter().filter(|f| f.required).map(|f| f.name).collect();
            let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
            if !required.is_empty() {
                schema["required"] = json!(required);
            }
            schemas.insert(self.name.to_owned(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{}", self.name) })
    }
}

impl Shape {
    pub(crate) fn document(&self, schemas: &mut Map<String, Json>) -> Json {
        match self {
            Self::Id => json!({ "type": ["string", "integer"], "maxLength": MAX_ID_BYTES }),
            Self::Text(max) => json!({ "type": "string", "maxLength": max }),
            Self::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Self::Amount => json!({ "type": "number", "minimum": 0 }),
            Self::Number => json!({ "type": "number" }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Choice(words) => json!({ "type": "string", "enum": words }),
            Self::Time => json!({ "type": ["string", "integer"] }),
            Self::List(of, max) => json!({ "type": "array", "maxItems": max, "items": of.document(schemas) }),
            Self::Object(object) | Self::Later(object) => object.document(schemas),
            Self::OrNull(shape) => json!({ "anyOf": [shape.document(schemas), { "type": "null" }] }),
            Self::Free => json!({ "type": "object" }),
            Self::Numbers => json!({ "type": "object", "additionalProperties": { "type": "number" } }),
        }
    }
}
