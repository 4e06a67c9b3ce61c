//! What a fault is: plain data, which reads the same in Rust, in a JSON file and in the admin API.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;

use crate::rule::FaultRuleError;

/// The longest wait that a fault may cause at once, in milliseconds: ten minutes.
const MAX_MILLISECONDS: u64 = 600_000;

/// Something that goes wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// The answer comes late, by tokio's clock: a paused one is enough to test it.
    Latency {
        /// How late at least.
        milliseconds: u64,
        /// How much later than that at most; the part of it comes from the seed.
        #[serde(default)]
        jitter_milliseconds: u64,
    },
    /// The operation is not carried out, and an error comes back.
    Status {
        /// From 400 to 599.
        status: u16,
        /// What the body looks like.
        #[serde(default)]
        body: FaultBody,
        /// The header `Retry-After` as it is sent, if at all: seconds, an HTTP date, or nonsense.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<String>,
        /// Whether the `X-RateLimit-*` headers are there and say that nothing is left. They end with `retry_after` when
        /// that is a number of seconds, else after a second.
        #[serde(default)]
        rate_limit_headers: bool,
    },
    /// The connection is reset before a byte of the answer.
    Reset {
        /// Whether the operation is carried out before: then a deletion has happened although nobody says so.
        #[serde(default)]
        processed: bool,
    },
    /// The body ends in the middle.
    TruncatedBody {
        /// `true`: the answer is complete by its `Content-Length`, only the JSON is cut. `false`: the connection ends
        /// before the promised length.
        #[serde(default)]
        claims_to_be_whole: bool,
    },
    /// The body comes in pieces, with pauses in between, by tokio's clock.
    SlowBody {
        /// How long a piece is, at least 1.
        chunk_bytes: usize,
        /// How long each pause is.
        pause_milliseconds: u64,
    },
    /// Enums of the answer's objects (`state`, `type`, `event`, `status`) have a value that the document does not know.
    UnknownEnumValues,
    /// All objects of the answer have a field that the document does not know.
    UnknownFields,
    /// All fields are missing that may be, save the cursor of the next page.
    MissingOptionalFields,
    /// A page after the first has the cursor again that it was asked with: who follows it never comes to an end.
    RepeatedCursor,
    /// The list changes between two pages: just before a page after the first is answered.
    Movement {
        /// What happens.
        change: Movement,
    },
    /// A list leaves out the objects that the rule is about, all of them without `objects` and `share`. Pages are full and
    /// cursors lead on as if the objects did not exist; asked for by id, they are there.
    OmittedObjects,
    /// A list is empty.
    EmptyList,
    /// A page says that no other follows it.
    EarlyEnd {
        /// Whether the page has no objects either.
        #[serde(default)]
        empty: bool,
    },
    /// A page after the first begins with the last object of the page before; the others follow, one further on.
    RepeatedObject,
    /// A page after the first has the last object of the page before in place of its own first one, which is on no page then.
    ShiftedPage,
    /// The `metadata` of directories has other counts than the directories have users and groups.
    WrongCounts {
        /// `metadata.users.active`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        active_users: Option<u64>,
        /// `metadata.users.inactive`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inactive_users: Option<u64>,
        /// `metadata.groups`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        groups: Option<u64>,
    },
    /// A field has another value, or is there although it was not.
    ReplacedField {
        /// The JSON pointer from the object on, such as `/emails/0/value`; an event's object is at `/data`. A path whose
        /// parent is missing changes nothing.
        path: String,
        /// The value as JSON text, sent as it is: half of a surrogate pair, or no JSON at all, is possible.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        json: Option<String>,
        /// The value as bytes in hexadecimal digits, for what is no UTF-8.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hex: Option<String>,
    },
    /// Fields are missing.
    OmittedFields {
        /// The JSON pointers from the object on, as for [`Fault::ReplacedField`].
        paths: Vec<String>,
    },
}

/// What the body of an error looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultBody {
    /// An object with a `message` and a `code`.
    #[default]
    Json,
    /// A bare JSON string, as the API was seen to send with 429.
    JsonString,
    /// Plain text, as from a proxy.
    Text,
    /// A web page, as from a proxy.
    Html,
    /// Nothing.
    Empty,
}

/// What happens to a list of directories, users or groups while somebody reads it page by page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Movement {
    /// The last object of the page before, which the cursor names, is deleted.
    Deleted,
    /// A new object is created in the same directory, and in the same group if the list is of its members. It stands in
    /// front of the pages of a list that begins with the newest, and on the last page of one that ends with them.
    Added,
    /// The last object of the page before is changed.
    Changed,
    /// The last object of the page before is changed and stands on this page once more, first.
    Repeated,
}

impl Fault {
    /// An answer that is late.
    pub fn latency(latency: Duration) -> Self {
        Self::Latency {
            milliseconds: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            jitter_milliseconds: 0,
        }
    }

    /// An error with a JSON body and no advice when to come back.
    pub fn status(status: u16) -> Self {
        Self::error(status, FaultBody::Json)
    }

    /// An error with a body of this kind and no advice when to come back.
    pub fn error(status: u16, body: FaultBody) -> Self {
        Self::Status {
            status,
            body,
            retry_after: None,
            rate_limit_headers: false,
        }
    }

    /// 429 with all its headers: come back after so many seconds.
    pub fn rate_limited(seconds: u64) -> Self {
        Self::Status {
            status: 429,
            body: FaultBody::Json,
            retry_after: Some(seconds.to_string()),
            rate_limit_headers: true,
        }
    }

    /// A field has another value, given as JSON text.
    pub fn replaced_field(path: impl Into<String>, json: impl Into<String>) -> Self {
        Self::ReplacedField {
            path: path.into(),
            json: Some(json.into()),
            hex: None,
        }
    }

    /// Fields are missing.
    pub fn omitted_fields<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self::OmittedFields {
            paths: paths.into_iter().map(Into::into).collect(),
        }
    }

    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), FaultRuleError> {
        let wait = match self {
            Self::Latency {
                milliseconds,
                jitter_milliseconds,
            } => milliseconds.saturating_add(*jitter_milliseconds),
            Self::SlowBody { chunk_bytes: 0, .. } => return Err(FaultRuleError::EmptyChunk),
            Self::SlowBody { pause_milliseconds, .. } => *pause_milliseconds,
            Self::Status { status, .. } if !(400..600).contains(status) => {
                return Err(FaultRuleError::Status { status: *status });
            }
            Self::Status {
                retry_after: Some(text),
                ..
            } if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) => {
                return Err(FaultRuleError::RetryAfter { text: text.clone() });
            }
            Self::ReplacedField { path, json, hex } => return check_replacement(path, json.is_some(), hex.as_deref()),
            Self::OmittedFields { paths } => return paths.iter().try_for_each(|path| check_path(path)),
            Self::WrongCounts {
                active_users: None,
                inactive_users: None,
                groups: None,
            } => return Err(FaultRuleError::NoCounts),
            _ => 0,
        };
        if wait > MAX_MILLISECONDS {
            return Err(FaultRuleError::TooLong { milliseconds: wait });
        }
        Ok(())
    }

    /// What an operation lacks for this to happen to its answers.
    pub(crate) fn lacks(&self, operation: &Operation) -> Option<&'static str> {
        match self {
            Self::RepeatedCursor
            | Self::Movement { .. }
            | Self::OmittedObjects
            | Self::EmptyList
            | Self::EarlyEnd { .. }
            | Self::RepeatedObject
            | Self::ShiftedPage
                if operation.pagination.is_none() =>
            {
                Some("it is no list")
            }
            Self::WrongCounts { .. } if !matches!(operation.answer, Some("Directory" | "DirectoryList")) => {
                Some("its answer has no counts")
            }
            Self::Movement { .. } if operation.id == operations::LIST_EVENTS.id => {
                Some("what has happened does not change")
            }
            Self::UnknownEnumValues
            | Self::UnknownFields
            | Self::MissingOptionalFields
            | Self::ReplacedField { .. }
            | Self::OmittedFields { .. }
                if operation.answer.is_none() =>
            {
                Some("its answer has no fields")
            }
            _ => None,
        }
    }

    /// Whether it happens to pages after the first only.
    pub(crate) fn needs_cursor(&self) -> bool {
        matches!(
            self,
            Self::RepeatedCursor | Self::Movement { .. } | Self::RepeatedObject | Self::ShiftedPage
        )
    }

    /// Whether it happens to single objects of an answer, rather than to the answer as a whole.
    pub(crate) fn is_of_objects(&self) -> bool {
        self.is_of_fields() || matches!(self, Self::OmittedObjects)
    }

    /// Whether it happens to the fields of objects.
    pub(crate) fn is_of_fields(&self) -> bool {
        matches!(
            self,
            Self::UnknownEnumValues
                | Self::UnknownFields
                | Self::MissingOptionalFields
                | Self::WrongCounts { .. }
                | Self::ReplacedField { .. }
                | Self::OmittedFields { .. }
        )
    }

    /// Why it cannot happen to the body of a webhook, if it cannot.
    pub(crate) fn lacks_on_webhooks(&self) -> Option<&'static str> {
        match self {
            Self::ReplacedField { hex: Some(_), .. } => Some("the body of a webhook is text"),
            Self::WrongCounts { .. } => Some("an event has no counts"),
            fault if fault.is_of_fields() => None,
            _ => Some("only the fields of a webhook's event can be changed"),
        }
    }
}

/// How long a JSON pointer may be, in bytes.
const MAX_PATH: usize = 1_000;

fn check_path(path: &str) -> Result<(), FaultRuleError> {
    if path.starts_with('/') && path.len() <= MAX_PATH {
        return Ok(());
    }
    Err(FaultRuleError::Path {
        path: path.chars().take(MAX_PATH).collect(),
    })
}

fn check_replacement(path: &str, has_json: bool, hex: Option<&str>) -> Result<(), FaultRuleError> {
    check_path(path)?;
    match hex {
        None if has_json => Ok(()),
        Some(hex) if !has_json && bytes_of_hex(hex).is_some() => Ok(()),
        Some(_) if !has_json => Err(FaultRuleError::Hex),
        _ => Err(FaultRuleError::Replacement),
    }
}

/// The bytes that hexadecimal digits stand for.
pub(crate) fn bytes_of_hex(hex: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let pairs = hex.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_fault_reads_back_as_it_was_written() {
        for json in [
            r#"{"kind":"latency","milliseconds":5,"jitter_milliseconds":0}"#,
            r#"{"kind":"status","status":429,"body":"json_string","retry_after":"5","rate_limit_headers":true}"#,
            r#"{"kind":"reset","processed":true}"#,
            r#"{"kind":"truncated_body","claims_to_be_whole":false}"#,
            r#"{"kind":"slow_body","chunk_bytes":10,"pause_milliseconds":20}"#,
            r#"{"kind":"unknown_enum_values"}"#,
            r#"{"kind":"unknown_fields"}"#,
            r#"{"kind":"missing_optional_fields"}"#,
            r#"{"kind":"repeated_cursor"}"#,
            r#"{"kind":"movement","change":"repeated"}"#,
            r#"{"kind":"omitted_objects"}"#,
            r#"{"kind":"empty_list"}"#,
            r#"{"kind":"early_end","empty":true}"#,
            r#"{"kind":"repeated_object"}"#,
            r#"{"kind":"shifted_page"}"#,
            r#"{"kind":"wrong_counts","active_users":3,"groups":0}"#,
            r#"{"kind":"replaced_field","path":"/first_name","json":"\"Ann \\ud83d\""}"#,
            r#"{"kind":"replaced_field","path":"/first_name","hex":"22ff22"}"#,
            r#"{"kind":"omitted_fields","paths":["/role","/data/groups"]}"#,
        ] {
            let fault: Fault = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&fault).unwrap(), json);
        }
        assert!(serde_json::from_str::<Fault>(r#"{"kind":"status","status":500,"colour":"red"}"#).is_err());
    }
}
