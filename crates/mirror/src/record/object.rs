//! An object of the source as its raw JSON: fields that are read one by one, so that an odd one costs only itself.

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::de::Deserializer as _;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::value::RawValue;
use workos_directory_sync::repair;

/// How much of an odd value is kept to be looked at, in bytes.
const MAX_PAYLOAD: usize = 4 * 1024;

/// How long a text may be, in bytes. Names and addresses have some dozen.
pub(super) const MAX_TEXT: usize = 64 * 1024;

/// How long a value of JSON may be, in bytes. Attributes have some tens of KB.
pub(super) const MAX_JSON: usize = 1024 * 1024;

/// How deep a value of JSON may be nested. SQLite reads as many levels, PostgreSQL some thousand.
pub(super) const MAX_DEPTH: usize = 1_000;

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OddField {
    /// Where it is in the object, as a JSON path such as `role.slug`.
    pub(crate) path: String,
    /// Why it cannot be read.
    pub(crate) error: String,
    /// The value, of bounded length.
    pub(crate) payload: String,
}

impl OddField {
    fn new(path: &str, error: impl fmt::Display, json: &str) -> Self {
        Self {
            path: path.to_owned(),
            error: bounded(&super::storable(&error.to_string()), 500),
            payload: payload(json),
        }
    }
}

/// A value, as far as it is kept to be looked at.
pub(crate) fn payload(json: &str) -> String {
    bounded(&super::storable(json), MAX_PAYLOAD)
}

fn bounded(text: &str, bytes: usize) -> String {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Whatever a field has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'a> {
    /// The object does not have it.
    Absent,
    /// It is `null`.
    Null,
    /// It has this JSON.
    Value(&'a str),
}

/// The fields of an object, unread.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    fields: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Object<'a> {
    /// Takes an object apart. Of a field that comes twice the last one counts, as in JavaScript.
    pub(crate) fn parse(json: &'a str) -> Result<Self, OddField> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let fields = deserializer
            .deserialize_map(Fields)
            .map_err(|error| OddField::new("", error, json))?;
        Ok(Self { fields })
    }

    /// The same of an object whose keys may have half of a surrogate pair: its text is then repaired, and kept for as long as
    /// the object needs it.
    pub(crate) fn parse_repaired(json: &'a str, repaired: &'a mut Option<String>) -> Result<Self, OddField> {
        Self::parse(json).or_else(|fault| match repair::json_text(json) {
            Cow::Borrowed(_) => Err(fault),
            Cow::Owned(text) => Self::parse(repaired.insert(text)),
        })
    }

    /// The names of its fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_ref())
    }

    /// A field by its name.
    pub(crate) fn field(&self, name: &str) -> Field<'a> {
        match self.fields.iter().rev().find(|(known, _)| known == name) {
            None => Field::Absent,
            Some((_, "null")) => Field::Null,
            Some((_, json)) => Field::Value(json),
        }
    }
}

/// JSON whose keys can be read: half of a surrogate pair in one of them is repaired.
pub(crate) fn readable_keys(json: &str) -> Cow<'_, str> {
    match Object::parse(json) {
        Ok(_) => Cow::Borrowed(json),
        Err(_) => repair::json_text(json),
    }
}

struct Fields;

impl<'a> Visitor<'a> for Fields {
    type Value = Vec<(Cow<'a, str>, &'a str)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields = Vec::with_capacity(24);
        while let Some((Key(key), value)) = map.next_entry::<Key<'a>, &'a RawValue>()? {
            fields.push((key, value.get()));
        }
        Ok(fields)
    }
}

/// A key, borrowed where nothing in it is escaped.
struct Key<'a>(Cow<'a, str>);

impl<'a> serde::Deserialize<'a> for Key<'a> {
    fn deserialize<D: serde::Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'a> Visitor<'a> for Text {
            type Value = Key<'a>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'a str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Reads a value. Half of a surrogate pair in a text becomes U+FFFD; whether it did is said, too.
pub(crate) fn decode<T: DeserializeOwned>(path: &str, json: &str) -> Result<(T, bool), OddField> {
    if let Ok(value) = serde_json::from_str(json) {
        return Ok((value, false));
    }
    let repaired = repair::json_text(json);
    let mut deserializer = serde_json::Deserializer::from_str(&repaired);
    serde_path_to_error::deserialize(&mut deserializer)
        .map(|value| (value, true))
        .map_err(|fault| {
            let path = match fault.path().to_string() {
                within if within == "." => path.to_owned(),
                within if within.starts_with('[') => format!("{path}{within}"),
                within => format!("{path}.{within}"),
            };
            OddField::new(&path, fault.inner(), json)
        })
}

/// Reads a text of bounded length.
pub(crate) fn text(path: &str, json: &str) -> Result<(String, bool), OddField> {
    let (text, is_repaired) = decode::<String>(path, json)?;
    if text.len() > MAX_TEXT {
        return Err(OddField::new(
            path,
            format_args!("{} bytes, more than {MAX_TEXT}", text.len()),
            json,
        ));
    }
    Ok((text, is_repaired))
}

/// Checks that a value of JSON is no longer than a text may be.
pub(super) fn within_length(path: &str, json: &str) -> Result<(), OddField> {
    if json.len() > MAX_TEXT {
        let error = format_args!("{} bytes, more than {MAX_TEXT}", json.len());
        return Err(OddField::new(path, error, json));
    }
    Ok(())
}

/// Checks that a value of JSON is neither too long nor nested too deeply.
pub(super) fn within_bounds(path: &str, json: &str) -> Result<(), OddField> {
    if json.len() > MAX_JSON {
        return Err(OddField::new(
            path,
            format_args!("{} bytes, more than {MAX_JSON}", json.len()),
            json,
        ));
    }
    if is_too_deep(json) {
        return Err(OddField::new(
            path,
            format_args!("nested more than {MAX_DEPTH} levels deep"),
            json,
        ));
    }
    Ok(())
}

/// The fault of a field that is there and cannot be used.
pub(crate) fn odd(path: &str, error: impl fmt::Display, json: &str) -> OddField {
    OddField::new(path, error, json)
}

/// Returns an object of JSON without some of its fields; the others stay in their order and byte for byte. What is no object
/// stays.
pub(super) fn without(json: &str, names: &[String]) -> String {
    let Ok(object) = Object::parse(json) else {
        return json.to_owned();
    };
    let fields = object
        .fields
        .iter()
        .filter(|(name, _)| !names.iter().any(|other| other == name));
    let fields = fields.map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name.as_ref())));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// Whether JSON is nested deeper than is kept. The text is known to be JSON.
fn is_too_deep(json: &str) -> bool {
    if json.len() <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn object_fields_are_found_by_name_and_the_last_of_two_counts() {
        let object = Object::parse(r#"{"a":1,"b":null,"a":{"x": 2},"\u0063":3}"#).unwrap();
        assert!(matches!(object.field("a"), Field::Value(r#"{"x": 2}"#)));
        assert!(matches!(object.field("b"), Field::Null));
        assert!(matches!(object.field("c"), Field::Value("3")));
        assert!(matches!(object.field("d"), Field::Absent));
        assert!(Object::parse("[1]").is_err());
    }

    #[test]
    fn object_with_half_a_surrogate_pair_in_a_key_is_repaired() {
        let json = readable_keys(r#"{"\ud83d":1,"id":"x"}"#);
        assert!(matches!(
            Object::parse(&json).unwrap().field("id"),
            Field::Value(r#""x""#)
        ));
    }

    #[test]
    fn object_without_some_fields_keeps_the_others_as_they_came() {
        let json = r#"{"b": 1.10,"a" : [ 1 ],"\u00fc\"":{},"a":2}"#;
        let without = |names: &[&str]| without(json, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(without(&["a", "x"]), "{\"b\":1.10,\"ü\\\"\":{}}");
        assert_eq!(without(&["b", "a", "ü\""]), "{}");
        assert_eq!(super::without("[1]", &["a".to_owned()]), "[1]");
    }

    #[test]
    fn value_that_cannot_be_read_names_its_path() {
        let error = decode::<Vec<Vec<String>>>("roles", r#"[["a"],[1]]"#).unwrap_err();
        assert_eq!(
            (error.path.as_str(), error.payload.as_str()),
            ("roles[1][0]", r#"[["a"],[1]]"#)
        );
        assert_eq!(text("name", "7").unwrap_err().path, "name");
        assert_eq!(text("name", r#""a\ud83d""#).unwrap(), ("a\u{FFFD}".to_owned(), true));
    }

    #[test]
    fn value_that_is_too_long_or_too_deep_is_odd_and_its_payload_is_bounded() {
        let nested = |depth| format!(r#"{{"[\"{{":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(within_bounds("a", &nested(MAX_DEPTH - 1)).is_ok());
        assert!(within_bounds("a", &nested(MAX_DEPTH)).is_err());
        let long = format!("\"{}\"", "ü".repeat(MAX_TEXT));
        assert!(text("a", &long).unwrap_err().payload.len() <= MAX_PAYLOAD);
    }
}
