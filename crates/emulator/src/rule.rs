//! The rule that says when a fault happens, and to what.

use serde::Deserialize;
use serde::Serialize;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;

use crate::fault::Fault;
use crate::strict::suggestion;

/// What stands for the bodies of webhooks in place of an operation.
pub(crate) const WEBHOOK: &str = "webhook";

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
    /// The `operationId`, such as `listDirectoryUsers`; all operations without it. `webhook` stands for the bodies of webhooks,
    /// which no other rule is about: each delivery counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only what this directory is about: requests that name it, one of its users or one of its groups. Of lists that name no
    /// directory, only its objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Only lists that were asked for with this id as `directory`, `group` or `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Only requests for these ids, and of lists only these objects. An event is also known by the ids of its object, user and
    /// group. Faults of whole answers (an error, an early end) happen to no list then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
    /// Only events of these names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Only this share of the objects, from 0 to 1. The fault seed and an object's id decide, so they are the same ones in every
    /// answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
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
    #[error("there is no operation `{operation}`, there are {}", known_operations(.operation))]
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
    /// The share is no share.
    #[error("the share `{share}` is not between 0 and 1")]
    Share {
        /// The number.
        share: f64,
    },
    /// The path is no JSON pointer.
    #[error("`{path}` is no path such as `/first_name` or `/emails/0/value`, or longer than 1,000 bytes")]
    Path {
        /// The path.
        path: String,
    },
    /// A field is replaced by one value.
    #[error("`replaced_field` needs either `json` or `hex`")]
    Replacement,
    /// The digits stand for no bytes.
    #[error("`hex` is not an even number of hexadecimal digits")]
    Hex,
    /// Some count has to be wrong.
    #[error("`wrong_counts` needs one of `active_users`, `inactive_users`, `groups`")]
    NoCounts,
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

impl FaultRuleError {
    /// The field of the rule that is wrong; empty when several are.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::UnknownOperation { .. } | Self::Unfit { .. } => "operation",
            Self::Probability { .. } => "probability",
            Self::Share { .. } => "share",
            Self::Path { .. } | Self::Replacement | Self::NoCounts | Self::TooLong { .. } => "fault",
            Self::Hex => "fault.hex",
            Self::Status { .. } => "fault.status",
            Self::RetryAfter { .. } => "fault.retry_after",
            Self::EmptyChunk => "fault.chunk_bytes",
            Self::TooMany { .. } => "",
        }
    }
}

/// What could have been meant by a name, the most probable last.
fn known_operations(meant: &str) -> String {
    let names = operations::ALL.iter().map(|operation| operation.id);
    let names: Vec<&str> = names.chain([WEBHOOK]).collect();
    names.join(", ") + &suggestion(meant, &names)
}

impl FaultRule {
    /// The fault happens with every request for every operation that it fits.
    pub fn new(fault: Fault) -> Self {
        Self {
            operation: None,
            directory: None,
            scope: None,
            objects: Vec::new(),
            events: Vec::new(),
            share: None,
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

    /// Only with the bodies of webhooks.
    #[must_use]
    pub fn on_webhooks(mut self) -> Self {
        self.operation = Some(WEBHOOK.to_owned());
        self
    }

    /// Only what this directory is about.
    #[must_use]
    pub fn directory(mut self, id: impl Into<String>) -> Self {
        self.directory = Some(id.into());
        self
    }

    /// Only lists that were asked for with this id as `directory`, `group` or `user`.
    #[must_use]
    pub fn scope(mut self, id: impl Into<String>) -> Self {
        self.scope = Some(id.into());
        self
    }

    /// Only these objects.
    #[must_use]
    pub fn objects<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.objects = ids.into_iter().map(Into::into).collect();
        self
    }

    /// Only events of these names.
    #[must_use]
    pub fn events<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.events = names.into_iter().map(Into::into).collect();
        self
    }

    /// Only this share of the objects, the same ones in every answer.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = Some(share);
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
        if let Some(share) = self.share.filter(|share| !(0.0..=1.0).contains(share)) {
            return Err(FaultRuleError::Share { share });
        }
        if let Some(name) = &self.operation
            && let Some(reason) = self.unfit(name)?
        {
            return Err(FaultRuleError::Unfit {
                operation: name.clone(),
                reason,
            });
        }
        self.fault.check()
    }

    /// Why the fault cannot happen to what its operation names, if it cannot.
    fn unfit(&self, name: &str) -> Result<Option<&'static str>, FaultRuleError> {
        if name == WEBHOOK {
            return Ok(self.fault.lacks_on_webhooks());
        }
        let mut known = operations::ALL.iter();
        let Some(operation) = known.find(|operation| operation.id == name) else {
            return Err(FaultRuleError::UnknownOperation {
                operation: name.to_owned(),
            });
        };
        Ok(self.fault.lacks(operation))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;
    use crate::fault::FaultBody;
    use crate::fault::Movement;

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
        assert!(refused(unknown).starts_with("there is no operation `listUsers`, there are listDirectories, "));
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
    fn a_rule_with_an_unknown_field_is_refused() {
        assert!(serde_json::from_str::<FaultRule>(r#"{"fault":{"kind":"reset"},"time":2}"#).is_err());
    }

    #[test]
    fn a_rule_about_fields_or_objects_that_makes_no_sense_is_refused() {
        let refused = |rule: FaultRule| rule.check().unwrap_err();
        let omitted = || FaultRule::new(Fault::OmittedObjects);
        assert_eq!(refused(omitted().share(1.5)), FaultRuleError::Share { share: 1.5 });
        assert!(matches!(
            refused(omitted().on(&operations::GET_DIRECTORY_USER)),
            FaultRuleError::Unfit { .. }
        ));
        assert!(matches!(refused(omitted().on_webhooks()), FaultRuleError::Unfit { .. }));
        let field = |path: &str, json: Option<&str>, hex: Option<&str>| {
            FaultRule::new(Fault::ReplacedField {
                path: path.to_owned(),
                json: json.map(str::to_owned),
                hex: hex.map(str::to_owned),
            })
        };
        assert!(matches!(
            refused(field("name", Some("1"), None)),
            FaultRuleError::Path { .. }
        ));
        assert_eq!(refused(field("/name", None, None)), FaultRuleError::Replacement);
        assert_eq!(
            refused(field("/name", Some("1"), Some("31"))),
            FaultRuleError::Replacement
        );
        assert_eq!(refused(field("/name", None, Some("2"))), FaultRuleError::Hex);
        assert!(matches!(
            refused(field("/name", None, Some("22ff22")).on_webhooks()),
            FaultRuleError::Unfit { .. }
        ));
        let counts = Fault::WrongCounts {
            active_users: Some(1),
            inactive_users: None,
            groups: None,
        };
        let on_users = FaultRule::new(counts).on(&operations::LIST_DIRECTORY_USERS);
        assert!(matches!(refused(on_users), FaultRuleError::Unfit { .. }));
        field("/name", Some("\"\\ud83d\""), None).on_webhooks().check().unwrap();
    }
}
