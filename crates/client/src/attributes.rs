//! Attributes: JSON objects whose content belongs to the customer, kept as the bytes that came.
//!
//! A user's `raw_attributes` can have tens of KB that most programs never look at. They are not built into maps; who
//! wants a value asks for it by name and type. Numbers, key order and unusual floats survive unchanged.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::Error as _;
use serde_json::value::RawValue;

/// A JSON object, unparsed.
///
/// ```
/// use workos_directory_sync::Attributes;
///
/// let attributes: Attributes = serde_json::from_str(r#"{"department":"Finance","badges":[1,2]}"#)?;
/// assert_eq!(attributes.get::<String>("department")?.as_deref(), Some("Finance"));
/// assert_eq!(attributes.get::<Vec<u8>>("badges")?, Some(vec![1, 2]));
/// assert_eq!(attributes.get::<String>("manager")?, None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Attributes(Box<RawValue>);

impl Attributes {
    /// The JSON text, as it came.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The value of an attribute, `None` when it is missing or null.
    ///
    /// Each call reads the object anew; for many attributes of one object use [`Attributes::decode`] or
    /// [`Attributes::to_map`].
    ///
    /// # Errors
    ///
    /// When the attribute has another type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, serde_json::Error> {
        let fields: BTreeMap<std::borrow::Cow<'_, str>, &RawValue> = serde_json::from_str(self.as_str())?;
        match fields.get(name) {
            None => Ok(None),
            Some(value) => serde_json::from_str(value.get()),
        }
    }

    /// The whole object as a type of the caller's.
    ///
    /// # Errors
    ///
    /// When the object is not of that type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }

    /// The whole object as a map.
    ///
    /// # Errors
    ///
    /// When a number is out of range for [`serde_json::Value`].
    pub fn to_map(&self) -> Result<serde_json::Map<String, serde_json::Value>, serde_json::Error> {
        self.decode()
    }

    /// Makes attributes of anything that serializes to an object.
    ///
    /// # Errors
    ///
    /// When the value does not serialize, or not to an object.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Self::checked(serde_json::value::to_raw_value(value)?)
    }

    fn checked(value: Box<RawValue>) -> Result<Self, serde_json::Error> {
        // A raw value is valid JSON without surrounding space, so its first byte tells its kind.
        if value.get().starts_with('{') {
            Ok(Self(value))
        } else {
            Err(serde_json::Error::custom("attributes are not a JSON object"))
        }
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::checked(Box::<RawValue>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Default for Attributes {
    /// The empty object.
    fn default() -> Self {
        // `{}` is valid JSON; the other arm only keeps this free of a panic.
        RawValue::from_string("{}".to_owned()).map_or_else(|_| Self(RawValue::NULL.to_owned()), Self)
    }
}

impl From<serde_json::Map<String, serde_json::Value>> for Attributes {
    fn from(map: serde_json::Map<String, serde_json::Value>) -> Self {
        // The text of a map is an object.
        RawValue::from_string(serde_json::Value::Object(map).to_string()).map_or_else(|_| Self::default(), Self)
    }
}

impl PartialEq for Attributes {
    /// Whether the texts are the same; the order of keys and the spelling of numbers count.
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Attributes {}

impl fmt::Debug for Attributes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for Attributes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Attributes".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "additionalProperties": true })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_text_survives_a_round_trip_byte_for_byte() {
        let json = r#"{"b": 1.10,"a":{"deep" :[1e400, 12345678901234567890123]}, "b":2}"#;
        let attributes: Attributes = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&attributes).unwrap(), json);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in ["null", "[]", "\"{}\"", "7", "true"] {
            assert!(serde_json::from_str::<Attributes>(json).is_err(), "{json}");
        }
        assert!(Attributes::from_serialize(&[1]).is_err());
    }

    #[test]
    fn a_null_attribute_is_as_good_as_none() {
        let attributes: Attributes = serde_json::from_str(r#"{"manager":null,"\u0061ge":3}"#).unwrap();
        assert_eq!(attributes.get::<String>("manager").unwrap(), None);
        assert_eq!(attributes.get::<u8>("age").unwrap(), Some(3));
        assert!(attributes.get::<String>("age").is_err());
    }

    #[test]
    fn the_default_is_the_empty_object() {
        assert_eq!(Attributes::default().as_str(), "{}");
    }
}
