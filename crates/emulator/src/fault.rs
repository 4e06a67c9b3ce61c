//! What a fault is, and the rule that says when it happens.
//!
//! Both are plain data: a rule reads the same in Rust, in a JSON file and in the admin API.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;

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

/// When a fault happens: by default with every request for every operation that it fits.
///
/// ```
/// use workos_directory_emulator::Fault;
/// use workos_directory_emulator::FaultRule;
/// use workos_directory_sync::operations;
///
/// let rule = FaultRule::new(Fault::status(503)).on(&operations::LIST_DIRECTORY_USERS).skip(1).times(2);
/// let json = r#"{
///     "operation": "listDirectoryUsers", "skip": 1, "times": 2,
///     "fault": { "kind": "status", "status": 503, "body": "json", "rate_limit_headers": false }
/// }"#;
/// assert_eq!(serde_json::from_str::<FaultRule>(json)?, rule);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FaultRule {
    /// The `operationId`, such as `listDirectoryUsers`; all operations without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How many requests that fit pass unharmed before the first is hit.
    #[serde(default)]
    pub skip: u64,
    /// How many requests are hit at most; without it there is no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How likely a request is hit, from 0 to 1. The emulator's fault seed decides, so a test runs the same each time.
    #[serde(default = "always")]
    pub probability: f64,
    /// What happens.
    pub fault: Fault,
}

fn always() -> f64 {
    1.0
}

/// Why a rule is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultRuleError {
    /// The document has no such operation.
    #[error("there is no operation `{operation}`; one of {} is meant", known_operations())]
    UnknownOperation {
        /// The name.
        operation: String,
    },
    /// The fault cannot happen to the operation's answers.
    #[error("the fault cannot happen to `{operation}`: {reason}")]
    Unfit {
        /// The operation.
        operation: String,
        /// What the operation would need.
        reason: &'static str,
    },
    /// The probability is no probability.
    #[error("the probability `{probability}` is not between 0 and 1")]
    Probability {
        /// The number.
        probability: f64,
    },
    /// The status is none of an error.
    #[error("the status `{status}` is not between 400 and 599")]
    Status {
        /// The status.
        status: u16,
    },
    /// The text cannot stand in a header.
    #[error("`{text}` cannot be sent as `Retry-After`: use visible ASCII characters and spaces")]
    RetryAfter {
        /// The text.
        text: String,
    },
    /// The wait is too long.
    #[error("`{milliseconds}` milliseconds are more than ten minutes")]
    TooLong {
        /// The wait.
        milliseconds: u64,
    },
    /// A body in pieces of nothing would never end.
    #[error("`chunk_bytes` is 0; a piece of the body has one byte at least")]
    EmptyChunk,
    /// So many rules wait for their requests already.
    #[error("there are {limit} rules already; remove some first")]
    TooMany {
        /// How many rules there may be.
        limit: usize,
    },
}

fn known_operations() -> String {
    let names: Vec<&str> = operations::ALL.iter().map(|operation| operation.id).collect();
    names.join(", ")
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

    /// What is wrong with it, if anything.
    fn check(&self) -> Result<(), FaultRuleError> {
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
            Self::RepeatedCursor | Self::Movement { .. } if operation.pagination.is_none() => Some("it is no list"),
            Self::Movement { .. } if operation.id == operations::LIST_EVENTS.id => {
                Some("what has happened does not change")
            }
            Self::UnknownEnumValues | Self::UnknownFields | Self::MissingOptionalFields
                if operation.answer.is_none() =>
            {
                Some("its answer has no fields")
            }
            _ => None,
        }
    }

    /// Whether it happens to pages after the first only.
    pub(crate) fn needs_cursor(&self) -> bool {
        matches!(self, Self::RepeatedCursor | Self::Movement { .. })
    }
}

impl FaultRule {
    /// The fault happens with every request for every operation that it fits.
    pub fn new(fault: Fault) -> Self {
        Self {
            operation: None,
            skip: 0,
            times: None,
            probability: always(),
            fault,
        }
    }

    /// Only with requests for this operation.
    #[must_use]
    pub fn on(mut self, operation: &Operation) -> Self {
        self.operation = Some(operation.id.to_owned());
        self
    }

    /// Only after so many requests that fit.
    #[must_use]
    pub fn skip(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Only so often.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only with this part of the requests.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), FaultRuleError> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(FaultRuleError::Probability {
                probability: self.probability,
            });
        }
        if let Some(name) = &self.operation {
            let mut known = operations::ALL.iter();
            let Some(operation) = known.find(|operation| operation.id == name) else {
                return Err(FaultRuleError::UnknownOperation {
                    operation: name.clone(),
                });
            };
            if let Some(reason) = self.fault.lacks(operation) {
                return Err(FaultRuleError::Unfit {
                    operation: name.clone(),
                    reason,
                });
            }
        }
        self.fault.check()
    }

    /// Whether it is about a request for this operation.
    pub(crate) fn fits(&self, operation: &Operation, has_cursor: bool) -> bool {
        self.operation.as_ref().is_none_or(|name| name == operation.id)
            && self.fault.lacks(operation).is_none()
            && (has_cursor || !self.fault.needs_cursor())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_rule_that_makes_no_sense_is_refused_and_says_why() {
        let refused = |rule: FaultRule| rule.check().unwrap_err().to_string();
        let status = || FaultRule::new(Fault::status(500));
        assert_eq!(
            refused(status().probability(1.5)),
            "the probability `1.5` is not between 0 and 1"
        );
        assert!(refused(status().probability(f64::NAN)).contains("`NaN`"));
        assert_eq!(
            refused(FaultRule::new(Fault::status(200))),
            "the status `200` is not between 400 and 599"
        );
        let mut unknown = status();
        unknown.operation = Some("listUsers".to_owned());
        assert!(refused(unknown).starts_with("there is no operation `listUsers`; one of listDirectories, "));
        let cursor = FaultRule::new(Fault::RepeatedCursor).on(&operations::GET_DIRECTORY);
        assert_eq!(
            refused(cursor),
            "the fault cannot happen to `getDirectory`: it is no list"
        );
        let moving = Fault::Movement {
            change: Movement::Added,
        };
        assert!(refused(FaultRule::new(moving).on(&operations::LIST_EVENTS)).contains("`listEvents`"));
        let late = FaultRule::new(Fault::latency(Duration::from_secs(601)));
        assert_eq!(refused(late), "`601000` milliseconds are more than ten minutes");
        let header = Fault::Status {
            status: 429,
            body: FaultBody::Json,
            retry_after: Some("5\r\nx: y".to_owned()),
            rate_limit_headers: false,
        };
        assert!(refused(FaultRule::new(header)).contains("cannot be sent as `Retry-After`"));
        let empty = Fault::SlowBody {
            chunk_bytes: 0,
            pause_milliseconds: 1,
        };
        assert_eq!(refused(FaultRule::new(empty)), FaultRuleError::EmptyChunk.to_string());
    }

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
        ] {
            let fault: Fault = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&fault).unwrap(), json);
        }
        assert!(serde_json::from_str::<Fault>(r#"{"kind":"status","status":500,"colour":"red"}"#).is_err());
        assert!(serde_json::from_str::<FaultRule>(r#"{"fault":{"kind":"reset"},"time":2}"#).is_err());
    }
}
