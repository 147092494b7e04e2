use super::schema::{Object, Shape};
use super::value::Value;
use crate::limits::{MAX_ID_BYTES, MAX_OBJECT_FIELDS};
use crate::problem::{Code, Problem};

/// Where a value stands in a body; written out only for an error.
#[derive(Clone, Copy)]
pub(crate) enum Location<'a> {
    Body,
    Field(&'a Location<'a>, &'a str),
    Entry(&'a Location<'a>, usize),
}

impl Location<'_> {
    /// As in `queries[3].items`; nothing for the body itself.
    pub(crate) fn show(&self) -> Option<String> {
        match self {
            Self::Body => None,
            Self::Field(parent, name) => Some(match parent.show() {
                Some(parent) => format!("{parent}.{name}"),
                None => (*name).to_owned(),
            }),
            Self::Entry(parent, at) => Some(format!("{}[{at}]", parent.show().unwrap_or_default())),
        }
    }

    pub(crate) fn problem(&self, code: Code, message: impl Into<String>) -> Problem {
        Problem { code, message: message.into(), field: self.show() }
    }
}

/// Longest name of a field that an error repeats.
const MAX_SHOWN_NAME_BYTES: usize = 40;

/// Checks an object against its table: no unknown or doubled field, every needed one there, every
/// value of its type and within its range. O(bytes).
///
/// # Errors
/// A [`Problem`] that names the first field at fault.
pub(crate) fn check(value: &Value<'_>, object: &Object, at: &Location<'_>) -> Result<(), Problem> {
    let Value::Object(fields) = value else { return Err(at.problem(Code::WRONG_TYPE, "expected an object")) };
    if fields.len() > MAX_OBJECT_FIELDS {
        let message = format!("the object has {} fields, at most {MAX_OBJECT_FIELDS} are read", fields.len());
        return Err(at.problem(Code::TOO_LONG, message));
    }
    for (position, (name, value)) in fields.iter().enumerate() {
        let Some(field) = object.field(name) else { return Err(unknown_field(name, object, at)) };
        let at = Location::Field(at, field.name);
        if fields[..position].iter().any(|(earlier, _)| earlier == name) {
            return Err(at.problem(Code::DUPLICATE_FIELD, "the field appears twice"));
        }
        if *value == Value::Null {
            continue;
        }
        check_shape(value, &field.shape, &at)?;
    }
    for field in object.fields.iter().filter(|field| field.required) {
        if value.get(field.name).is_none() {
            return Err(Location::Field(at, field.name).problem(Code::MISSING_FIELD, "the field is needed"));
        }
    }
    Ok(())
}

fn unknown_field(name: &str, object: &Object, at: &Location<'_>) -> Problem {
    let is_plain = name.len() <= MAX_SHOWN_NAME_BYTES
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let known: Vec<&str> = object.fields.iter().map(|field| field.name).collect();
    let message = format!("unknown field; there are: {}", known.join(", "));
    if is_plain {
        Location::Field(at, name).problem(Code::UNKNOWN_FIELD, message)
    } else {
        at.problem(Code::UNKNOWN_FIELD, message)
    }
}

fn check_shape(value: &Value<'_>, shape: &Shape, at: &Location<'_>) -> Result<(), Problem> {
    let wrong = |expected: &str| Err(at.problem(Code::WRONG_TYPE, format!("expected {expected}")));
    let long = |what: &str, got: usize, max: usize| {
        Err(at.problem(Code::TOO_LONG, format!("{got} {what}, at most {max} are taken")))
    };
    match (shape, value) {
        (Shape::Id | Shape::Time, Value::Text(text)) if text.len() > MAX_ID_BYTES => {
            long("bytes", text.len(), MAX_ID_BYTES)
        }
        (Shape::Id | Shape::Time, Value::Text(_) | Value::Integer(_)) => Ok(()),
        (Shape::Id | Shape::Time, _) => wrong("a text or a whole number of 64 bits"),
        (Shape::Text(max), Value::Text(text)) if text.len() > *max => long("bytes", text.len(), *max),
        (Shape::Text(_), Value::Text(_)) => Ok(()),
        (Shape::Text(_), _) => wrong("a text"),
        (Shape::Integer { min, max }, Value::Integer(number)) if (*min..=*max).contains(number) => Ok(()),
        (Shape::Integer { min, max }, Value::Integer(_)) => {
            Err(at.problem(Code::OUT_OF_RANGE, format!("expected {min} to {max}")))
        }
        // Whole numbers beyond 64 bits come as floats.
        (Shape::Integer { min, max }, Value::Number(number)) if number.abs() >= i64::MAX as f64 => {
            Err(at.problem(Code::OUT_OF_RANGE, format!("expected {min} to {max}")))
        }
        (Shape::Integer { .. }, _) => wrong("a whole number"),
        (Shape::Amount, Value::Integer(number)) if *number >= 0 => Ok(()),
        (Shape::Amount, Value::Number(number)) if *number >= 0.0 => Ok(()),
        (Shape::Amount, Value::Integer(_) | Value::Number(_)) => {
            Err(at.problem(Code::OUT_OF_RANGE, "expected a number of at least 0"))
        }
        (Shape::Number, Value::Integer(_) | Value::Number(_)) => Ok(()),
        (Shape::Amount | Shape::Number, _) => wrong("a number"),
        (Shape::Flag, Value::Flag(_)) => Ok(()),
        (Shape::Flag, _) => wrong("true or false"),
        (Shape::Choice(words), Value::Text(text)) if words.contains(&text.as_ref()) => Ok(()),
        (Shape::Choice(words), Value::Text(_)) => {
            Err(at.problem(Code::OUT_OF_RANGE, format!("expected one of: {}", words.join(", "))))
        }
        (Shape::Choice(_), _) => wrong("a text"),
        (Shape::List(_, max), Value::List(values)) if values.len() > *max => long("entries", values.len(), *max),
        (Shape::List(of, _), Value::List(values)) => {
            values.iter().enumerate().try_for_each(|(i, value)| check_shape(value, of, &Location::Entry(at, i)))
        }
        (Shape::List(..), _) => wrong("a list"),
        (Shape::Object(object), value) => check(value, object, at),
        (Shape::OrNull(_), Value::Null) => Ok(()),
        (Shape::OrNull(shape), value) => check_shape(value, shape, at),
        (Shape::Later(_) | Shape::Numbers | Shape::Free, Value::Object(_)) => Ok(()),
        (Shape::Later(_) | Shape::Numbers | Shape::Free, _) => wrong("an object"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::Field;
    use super::*;

    static INNER: Object = Object {
        name: "Inner",
        fields: &[Field::required("at", Shape::Time, ""), Field::optional("paid", Shape::Amount, "")],
    };
    static OUTER: Object = Object {
        name: "Outer",
        fields: &[
            Field::required("k", Shape::Integer { min: 1, max: 9 }, ""),
            Field::optional("ids", Shape::List(&Shape::Id, 3), ""),
            Field::optional("mode", Shape::Choice(&["on", "off"]), ""),
            Field::optional("why", Shape::Flag, ""),
            Field::optional("past", Shape::List(&Shape::Object(&INNER), 2), ""),
        ],
    };

    fn verdict(body: &str) -> (&'static str, String) {
        let value = Value::parse(body.as_bytes()).unwrap();
        match check(&value, &OUTER, &Location::Body) {
            Ok(()) => ("ok", String::new()),
            Err(problem) => (problem.code.name, problem.field.unwrap_or_default()),
        }
    }

    #[test]
    fn every_fault_has_its_code_and_its_field() {
        for (body, code, field) in [
            (r#"{"k": 1}"#, "ok", ""),
            (r#"{"k": 9, "ids": ["a", 7], "mode": "on", "why": false, "past": [{"at": 3, "paid": 0.5}]}"#, "ok", ""),
            (r#"{"k": 1, "mode": null}"#, "ok", ""),
            (r#"[]"#, "wrong_type", ""),
            (r#"{}"#, "missing_field", "k"),
            (r#"{"k": null}"#, "missing_field", "k"),
            (r#"{"k": 0}"#, "out_of_range", "k"),
            (r#"{"k": 18446744073709551616}"#, "out_of_range", "k"),
            (r#"{"k": 1.5}"#, "wrong_type", "k"),
            (r#"{"k": "1"}"#, "wrong_type", "k"),
            (r#"{"k": 1, "k": 1}"#, "duplicate_field", "k"),
            (r#"{"k": 1, "n": 1}"#, "unknown_field", "n"),
            (r#"{"k": 1, "../etc": 1}"#, "unknown_field", ""),
            (r#"{"k": 1, "ids": "a"}"#, "wrong_type", "ids"),
            (r#"{"k": 1, "ids": [1, [2]]}"#, "wrong_type", "ids[1]"),
            (r#"{"k": 1, "ids": [1, 2, 3, 4]}"#, "too_long", "ids"),
            (r#"{"k": 1, "mode": "up"}"#, "out_of_range", "mode"),
            (r#"{"k": 1, "why": 1}"#, "wrong_type", "why"),
            (r#"{"k": 1, "past": [{"at": "x"}, {"paid": 1}]}"#, "missing_field", "past[1].at"),
            (r#"{"k": 1, "past": [{"at": 1, "paid": -1}]}"#, "out_of_range", "past[0].paid"),
        ] {
            assert_eq!(verdict(body), (code, field.to_owned()), "{body}");
        }
        let many: Vec<String> = (0..40).map(|i| format!("\"f{i}\": 1")).collect();
        assert_eq!(verdict(&format!("{{{}}}", many.join(", "))), ("too_long", String::new()));
    }
}
