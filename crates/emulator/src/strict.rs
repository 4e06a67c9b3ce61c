//! Strict reading of JSON: a field or a value that a type does not have is an error that names it and the nearest right one.
//!
//! serde tells a deserializer the fields of a struct, and nothing here has a list of its own. What is kept as raw JSON, such as
//! attributes, is not looked into.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de;
use serde::de::IntoDeserializer;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::de::value::MapDeserializer;
use serde::de::value::SeqDeserializer;
use serde_json::value::RawValue;

/// How deep arrays and objects may be nested, apart from raw JSON: deeper ones would be a call for each level.
const MAX_DEPTH: u8 = 32;

/// From which likeness on, of 0 to 1, a name is suggested in place of another.
const ALIKE: f64 = 0.75;

/// How much of a name or value that is wrong is repeated, in characters.
const SHOWN: usize = 100;

/// What is wrong with a JSON text that is no value of a type, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The place, such as `rules[1].fault.kind`; empty for the whole.
    pub(crate) at: String,
    pub(crate) message: String,
}

/// What becomes of `null` in place of an optional field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Null {
    /// It is the same as no field at all.
    IsAbsent,
    /// It is refused: who sends it may expect that it empties the field.
    IsWrong,
}

/// Reads a value.
pub(crate) fn read<'de, T: Deserialize<'de>>(json: &'de RawValue, null: Null) -> Result<T, Wrong> {
    let reader = Reader { json, null, depth: 0 };
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let at = error.path().to_string();
        let at = if at == "." { String::new() } else { at };
        let Failure { field, message } = error.into_inner();
        Wrong {
            at: join(&at, field.as_deref().unwrap_or_default()),
            message,
        }
    })
}

/// The place of a field in another place.
pub(crate) fn join(at: &str, field: &str) -> String {
    match (at, field) {
        ("", place) | (place, "") => place.to_owned(),
        (at, field) => format!("{at}.{field}"),
    }
}

/// Why a value is none of those that are known.
pub(crate) fn unknown_value(value: &str, known: &[&str]) -> String {
    let message = format!("`{}` is none of {}", shortened(value), known.join(", "));
    message + &suggestion(value, known)
}

/// `; did you mean …?` where one of the known names is like this one.
pub(crate) fn suggestion(name: &str, known: &[&str]) -> String {
    nearest(name, known)
        .map(|known| format!("; did you mean `{known}`?"))
        .unwrap_or_default()
}

/// The known name that is most like another one, unless none is.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = shortened(name).to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&name, &known.to_lowercase());
    known
        .iter()
        .map(|known| (likeness(known), *known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// What a reader fails with.
#[derive(Debug)]
struct Failure {
    /// The field of the current place that is wrong, unless the place itself is.
    field: Option<String>,
    message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            field: None,
            message: message.to_string(),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(unknown_value(variant, expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let known = match expected {
            [] => "there are none here".to_owned(),
            expected => format!("there are {}", expected.join(", ")),
        };
        let suggestion = suggestion(field, expected);
        let field = shortened(field);
        Self {
            message: format!("there is no field `{field}` here, {known}{suggestion}"),
            field: Some(field),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            field: Some(field.to_owned()),
            message: format!("`{field}` is missing"),
        }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self {
            field: Some(field.to_owned()),
            message: format!("`{field}` is there twice"),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        // Lines and columns would be those of a part.
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        de::Error::custom(text.strip_suffix(&place).unwrap_or(&text))
    }
}

/// A JSON text that is read strictly.
#[derive(Clone, Copy)]
struct Reader<'de> {
    json: &'de RawValue,
    null: Null,
    depth: u8,
}

impl<'de> Reader<'de> {
    fn lenient(self) -> serde_json::Deserializer<serde_json::de::StrRead<'de>> {
        serde_json::Deserializer::from_str(self.json.get())
    }

    fn begins_with(self, character: char) -> bool {
        self.json.get().starts_with(character)
    }

    /// What is in this array or object.
    fn inner(self, json: &'de RawValue) -> Result<Self, Failure> {
        if self.depth == MAX_DEPTH {
            return Err(de::Error::custom("it is nested too deep"));
        }
        Ok(Self {
            json,
            depth: self.depth + 1,
            ..self
        })
    }

    fn fields(self) -> Result<Vec<(String, Self)>, Failure> {
        let Fields(fields) = serde_json::from_str(self.json.get())?;
        let fields = fields.into_iter();
        fields.map(|(name, value)| Ok((name, self.inner(value)?))).collect()
    }
}

impl<'de> IntoDeserializer<'de, Failure> for Reader<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.begins_with('{') {
            return visitor.visit_map(MapDeserializer::new(self.fields()?.into_iter()));
        }
        if self.begins_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(self.json.get())?;
            let items: Result<Vec<Self>, Failure> = items.into_iter().map(|item| self.inner(item)).collect();
            return visitor.visit_seq(SeqDeserializer::new(items?.into_iter()));
        }
        if self.begins_with('"') {
            // What is wrong with a text, such as the name of a variant, is said by an error of ours.
            return match serde_json::from_str::<&str>(self.json.get()) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => visitor.visit_string(serde_json::from_str(self.json.get())?),
            };
        }
        Ok(self.lenient().deserialize_any(visitor)?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if self.begins_with('[') {
            // serde would take the items for the fields in their order.
            return Err(de::Error::custom("it is an array, not an object"));
        }
        if !self.begins_with('{') {
            return self.deserialize_any(visitor);
        }
        let fields = self.fields()?;
        if let Some((name, _)) = fields.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            return Err(de::Error::unknown_field(name, known));
        }
        visitor.visit_map(MapDeserializer::new(fields.into_iter()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.null {
            _ if self.json.get() != "null" => visitor.visit_some(self),
            Null::IsAbsent => visitor.visit_none(),
            Null::IsWrong => Err(de::Error::custom("it is null; leave it out")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Failure> {
        // Raw JSON has a name of its own, which is a secret of serde_json's.
        if name.starts_with("$serde_json::") {
            return Ok(self.lenient().deserialize_newtype_struct(name, visitor)?);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if self.begins_with('"') {
            let variant: String = serde_json::from_str(self.json.get())?;
            return visitor.visit_enum(variant.into_deserializer());
        }
        Ok(self.lenient().deserialize_enum(name, variants, visitor)?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        // The document's integers have 64 bits, one of them for the sign.
        let number: Option<u64> = self.json.get().parse().ok();
        if number.is_some_and(|number| i64::try_from(number).is_err()) {
            return Err(de::Error::custom(format!("it is more than {}", i64::MAX)));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}

/// The fields of an object in their order, repeated ones too.
struct Fields<'de>(Vec<(String, &'de RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields<'de>, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use workos_directory_emulator_client::types;

    use super::*;
    use crate::rule::FaultRule;

    fn parse<T: for<'a> Deserialize<'a>>(json: &str) -> Result<T, Wrong> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        read(raw, Null::IsAbsent)
    }

    fn wrong<T: for<'a> Deserialize<'a> + fmt::Debug>(json: &str) -> (String, String) {
        let Wrong { at, message } = parse::<T>(json).unwrap_err();
        (at, message)
    }

    #[test]
    fn read_names_unknown_field_and_suggests_nearest() {
        let (at, message) = wrong::<types::NewGroup>(r#"{"naem":"x"}"#);
        assert_eq!(at, "naem");
        assert_eq!(
            message,
            "there is no field `naem` here, there are id, idp_id, name, raw_attributes; did you mean `name`?"
        );
        let (at, message) = wrong::<types::NewUser>(r#"{"role":{"slgu":"x"}}"#);
        assert_eq!(at, "role.slgu");
        assert!(message.ends_with("there are slug; did you mean `slug`?"), "{message}");
        let (_, message) = wrong::<types::NewGroup>(r#"{"zzz":1,"name":"x"}"#);
        assert!(!message.contains("did you mean"), "{message}");
    }

    #[test]
    fn read_names_missing_field_and_wrong_type() {
        assert_eq!(
            wrong::<types::NewGroup>("{}"),
            ("name".to_owned(), "`name` is missing".to_owned())
        );
        let (at, message) = wrong::<types::NewUser>(r#"{"role":{"slug":7}}"#);
        assert_eq!(at, "role.slug");
        assert_eq!(message, "invalid type: integer `7`, expected a string");
        assert_eq!(wrong::<types::NewGroup>("[7]").0, "");
        assert_eq!(wrong::<types::NewGroup>(r#"{"name":"x","name":"y"}"#).0, "name");
    }

    #[test]
    fn read_refuses_null_where_it_is_wrong_and_numbers_beyond_the_documents() {
        let raw: &RawValue = serde_json::from_str(r#"{"role":null}"#).unwrap();
        let error = read::<types::NewUser>(raw, Null::IsWrong).unwrap_err();
        assert_eq!(
            (error.at.as_str(), error.message.as_str()),
            ("role", "it is null; leave it out")
        );
        assert_eq!(parse::<types::NewUser>(raw.get()).unwrap(), types::NewUser::default());
        let (at, message) = wrong::<types::ClockAdvance>(r#"{"milliseconds":9223372036854775808}"#);
        assert_eq!(
            (at.as_str(), message.as_str()),
            ("milliseconds", "it is more than 9223372036854775807")
        );
    }

    #[test]
    fn read_looks_into_tagged_enums() {
        let (at, message) = wrong::<FaultRule>(r#"{"fault":{"kind":"statsu","status":503}}"#);
        assert_eq!(at, "fault.kind");
        assert!(message.ends_with("; did you mean `status`?"), "{message}");
        let (at, message) = wrong::<FaultRule>(r#"{"fault":{"kind":"status","stauts":503}}"#);
        assert_eq!(at, "fault.stauts");
        assert!(message.ends_with("; did you mean `status`?"), "{message}");
        let (at, message) = wrong::<FaultRule>(r#"{"fault":{"kind":"status","status":503,"body":"htlm"}}"#);
        assert_eq!(at, "fault");
        assert!(message.ends_with("; did you mean `html`?"), "{message}");
        assert_eq!(
            wrong::<FaultRule>(r#"{"opration":"x","fault":{"kind":"reset"}}"#).0,
            "opration"
        );
    }

    #[test]
    fn read_keeps_raw_json_of_any_depth_and_refuses_other_depth() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        let user: types::NewUser = parse(&format!(r#"{{"raw_attributes":{deep}}}"#)).unwrap();
        assert_eq!(user.raw_attributes.unwrap().as_str(), deep);
        let rule = format!(r#"{{"fault":{{"kind":"reset","x":{deep}}}}}"#);
        assert_eq!(wrong::<FaultRule>(&rule).1, "it is nested too deep");
    }

    #[test]
    fn read_gives_what_serde_json_gives() {
        for json in [
            r#"{"url":"http://127.0.0.1:1","events":["dsync.user.created","other"],"chaos":{"drop":1,"seed":7}}"#,
            r#"{"url":"x","secret":null,"chaos":{"delay":0.5,"max_delay_milliseconds":9223372036854775807}}"#,
        ] {
            let expected: types::NewWebhookEndpoint = serde_json::from_str(json).unwrap();
            assert_eq!(parse::<types::NewWebhookEndpoint>(json).unwrap(), expected);
        }
        let rule = r#"{"operation":"listDirectories","times":2,"fault":{"kind":"wrong_counts","groups":3}}"#;
        let expected: FaultRule = serde_json::from_str(rule).unwrap();
        assert_eq!(parse::<FaultRule>(rule).unwrap(), expected);
    }

    #[test]
    fn suggestion_is_the_nearest_known_name_or_none() {
        let types = ["azure scim v2.0", "gsuite directory", "okta scim v2.0", "sftp"];
        assert_eq!(suggestion("okta", &types), "; did you mean `okta scim v2.0`?");
        assert_eq!(suggestion("Azure SCIM", &types), "; did you mean `azure scim v2.0`?");
        assert_eq!(suggestion("keycloak", &types), "");
        assert_eq!(
            unknown_value("actve", &["active", "inactive", "suspended"]),
            "`actve` is none of active, inactive, suspended; did you mean `active`?"
        );
    }
}
