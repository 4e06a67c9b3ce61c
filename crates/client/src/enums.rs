//! What every generated enum can do, so that the generator writes only what differs: names and values.

use crate::api_error::excerpt;

/// A value that an enum does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is none of {}", accepted.join(", "))]
pub struct UnknownValue {
    value: String,
    accepted: &'static [&'static str],
}

impl UnknownValue {
    /// For the generated enums.
    #[doc(hidden)]
    pub fn new(value: &str, accepted: &'static [&'static str]) -> Self {
        Self {
            value: excerpt(value),
            accepted,
        }
    }
}

/// The traits of an enum that keeps values it does not know.
///
/// The enum has `as_str` and `From<&str>`. It is compared by what it writes, so that an unknown value that a later
/// version knows equals the known one.
#[doc(hidden)]
#[macro_export]
macro_rules! open_enum_traits {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(value))
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                match Self::from(value.as_str()) {
                    Self::Unknown(_) => Self::Unknown(value),
                    known => known,
                }
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.as_str().cmp(other.as_str())
            }
        }

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        formatter.write_str("a string")
                    }

                    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<$name, E> {
                        Ok($name::from(value))
                    }

                    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<$name, E> {
                        Ok($name::from(value))
                    }
                }

                deserializer.deserialize_str(Visitor)
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let known: Vec<&str> = Self::KNOWN.iter().map(Self::as_str).collect();
                schemars::json_schema!({ "type": "string", "x-extensible-enum": known })
            }
        }
    };
}

/// The traits of an enum that has no other values. The enum has `ALL` and `as_str`.
#[doc(hidden)]
#[macro_export]
macro_rules! closed_enum_traits {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownValue;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                const ACCEPTED: &[&str] = &{
                    let mut accepted = [""; $name::ALL.len()];
                    let mut index = 0;
                    while index < accepted.len() {
                        accepted[index] = $name::ALL[index].as_str();
                        index += 1;
                    }
                    accepted
                };
                let known = Self::ALL.iter().copied().find(|known| known.as_str() == value);
                known.ok_or_else(|| $crate::UnknownValue::new(value, ACCEPTED))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::UnknownValue;

            fn try_from(value: &str) -> Result<Self, Self::Error> {
                value.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::UnknownValue;

            fn try_from(value: String) -> Result<Self, Self::Error> {
                value.parse()
            }
        }
    };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use crate::types::DirectoryUserState;
    use crate::types::Order;

    #[test]
    fn an_unknown_value_survives_a_round_trip() {
        let json = r#""on leave""#;
        let state: DirectoryUserState = serde_json::from_str(json).unwrap();
        assert!(matches!(&state, DirectoryUserState::Unknown(value) if value == "on leave"));
        assert_eq!(serde_json::to_string(&state).unwrap(), json);
    }

    #[test]
    fn a_value_equals_itself_however_it_was_made() {
        let unknown = DirectoryUserState::Unknown("active".to_owned());
        assert_eq!(unknown, DirectoryUserState::Active);
        assert!(unknown.is_known());
        assert_eq!(HashSet::from([unknown, DirectoryUserState::Active]).len(), 1);
    }

    #[test]
    fn a_value_of_another_kind_than_text_is_refused() {
        assert!(serde_json::from_str::<DirectoryUserState>("7").is_err());
    }

    #[test]
    fn a_closed_enum_names_what_it_accepts() {
        let error = "up".parse::<Order>().unwrap_err().to_string();
        assert_eq!(error, "`up` is none of asc, desc, normal");
        assert_eq!("desc".parse(), Ok(Order::Desc));
        let error = "up\n".repeat(100_000).parse::<Order>().unwrap_err().to_string();
        assert!(error.len() < 300 && !error.contains('\n'), "{error}");
    }
}
