//! What the body of an error answer says, whatever its shape.
//!
//! The API itself has several: `{message}`, `{message, code, errors}`, `{error, error_description}`, a bare JSON string. The
//! framework behind it has `message` as a list, and lists of JSON-schema details. Gateways and proxies in front have problem
//! details (RFC 9457), `{error: {message}}`, faults by field, HTML, text, or nothing.

use serde_json::Map;
use serde_json::Value;

use crate::api_error::excerpt;
use crate::repair;
use crate::types::ErrorDetail;
use crate::types::FieldError;

/// How many single faults are kept: what an answer has room for, and a person cannot read.
const MAX_ERRORS: usize = 100;

/// How deep a sentence may be wrapped into objects and lists.
const MAX_DEPTH: usize = 4;

/// How much of a body that is no JSON is looked at, in bytes.
const TEXT: usize = 3_200;

/// Where the sentence for people stands, best first.
const SENTENCES: [&str; 11] = [
    "message",
    "error_description",
    "detail",
    "details",
    "title",
    "error_message",
    "errorMessage",
    "msg",
    "Message",
    "reason",
    "description",
];

/// Where the single faults stand, best first.
const FAULTS: [&str; 6] = [
    "errors",
    "invalid-params",
    "invalid_params",
    "violations",
    "details",
    "detail",
];

/// Where a fault has the name of the field.
const FIELDS: [&str; 12] = [
    "field",
    "instancePath",
    "dataPath",
    "path",
    "loc",
    "param",
    "parameter",
    "property",
    "pointer",
    "name",
    "key",
    "location",
];

/// What an error answer says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ErrorBody {
    /// What went wrong, for people.
    pub(crate) message: Option<String>,
    /// What went wrong, for programs.
    pub(crate) code: Option<String>,
    /// `error`, where it is a text: a code by OAuth's rules, the status' name by the framework's.
    pub(crate) error: Option<String>,
    pub(crate) errors: Vec<ErrorDetail>,
    /// The object that was not found.
    pub(crate) entity_id: Option<String>,
    pub(crate) retry_after_seconds: Option<f64>,
    /// Whether it is JSON of the API's own form.
    pub(crate) has_api_form: bool,
}

impl ErrorBody {
    /// Reads a body.
    pub(crate) fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}');
        let json = serde_json::from_str(text).or_else(|_| serde_json::from_str(&repair::json_text(text)));
        match json {
            Ok(Value::Object(fields)) => Self::of_object(&fields),
            Ok(Value::String(message)) => Self::of_message(Some(message)),
            Ok(Value::Array(faults)) => {
                let errors = single_faults(&Value::Array(faults));
                let message = errors.is_empty().then(|| text.trim().to_owned());
                Self {
                    errors,
                    ..Self::of_message(message)
                }
            }
            Ok(other) => Self::of_message(Some(other.to_string())),
            Err(_) => Self::of_message(text_message(text)),
        }
    }

    fn of_message(message: Option<String>) -> Self {
        Self {
            message,
            ..Self::default()
        }
    }

    fn of_object(fields: &Map<String, Value>) -> Self {
        // An object in `error` has the rest of what there is to say.
        let inner = fields.get("error").and_then(Value::as_object);
        let of_either = |key: &str| fields.get(key).or_else(|| inner?.get(key));
        let text = |key: &str| of_either(key).and_then(scalar);
        let error = fields.get("error").and_then(Value::as_str).map(str::to_owned);
        // `detail` and `details` can be either: a text is the sentence, anything else has the faults.
        let is_faults = |key: &str, value: &Value| !(key.starts_with("detail") && value.is_string());
        let faults = FAULTS
            .iter()
            .filter_map(|key| of_either(key).filter(|value| is_faults(key, value)))
            .map(single_faults);
        let errors = faults.into_iter().find(|errors| !errors.is_empty()).unwrap_or_default();
        let sentence = |fields: &Map<String, Value>| {
            let is_sentence = |key: &str, value: &Value| !key.starts_with("detail") || value.is_string();
            let values = SENTENCES
                .iter()
                .filter_map(|key| fields.get(*key).filter(|value| is_sentence(key, value)));
            values.into_iter().find_map(|value| self::sentence(value, MAX_DEPTH))
        };
        let code = text("code").or_else(|| inner.and_then(|inner| inner.get("type")).and_then(scalar));
        let message = sentence(fields).or_else(|| inner.and_then(sentence));
        let says_nothing = message.is_none() && error.is_none() && code.is_none() && errors.is_empty();
        Self {
            // Better what cannot be understood than nothing.
            message: message.or_else(|| (says_nothing && !fields.is_empty()).then(|| to_text(fields))),
            entity_id: text("entity_id"),
            retry_after_seconds: of_either("retry_after_seconds").and_then(seconds),
            has_api_form: has_api_form(fields),
            code,
            error,
            errors,
        }
    }
}

/// Whether an object is what the API itself writes, and not something in front of it.
fn has_api_form(fields: &Map<String, Value>) -> bool {
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    let message = fields.get("message").is_some_and(|message| match message {
        Value::Array(texts) => !texts.is_empty() && texts.iter().all(is_text),
        message => is_text(message),
    });
    message
        || ["error", "error_description"]
            .iter()
            .any(|key| fields.get(*key).is_some_and(is_text))
}

/// A text, or a number or truth value as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The sentence of a value: its text, or those of a list or an object in it.
fn sentence(value: &Value, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
        Value::Array(values) => {
            let sentences = values
                .iter()
                .take(MAX_ERRORS)
                .filter_map(|value| sentence(value, depth));
            let sentences: Vec<_> = sentences.collect();
            (!sentences.is_empty()).then(|| sentences.join("; "))
        }
        Value::Object(fields) => SENTENCES.iter().find_map(|key| sentence(fields.get(*key)?, depth)),
        _ => None,
    }
}

/// The single faults of a list, of an object with the faults of each field, or of a text.
fn single_faults(value: &Value) -> Vec<ErrorDetail> {
    match value {
        Value::Array(faults) => faults.iter().take(MAX_ERRORS).filter_map(fault).collect(),
        Value::Object(fields) if sentence_of(fields).is_some() => fault(value).into_iter().collect(),
        Value::Object(fields) => {
            let faults = fields.iter().take(MAX_ERRORS);
            let faults = faults.map(|(field, value)| {
                let text = sentence(value, MAX_DEPTH).unwrap_or_else(|| value.to_string());
                field_error(None, Some(field.clone()), Some(text))
            });
            faults.collect()
        }
        Value::String(text) if !text.trim().is_empty() => vec![ErrorDetail::Text(text.clone())],
        _ => Vec::new(),
    }
}

/// One fault of a list.
fn fault(value: &Value) -> Option<ErrorDetail> {
    let fields = match value {
        Value::Null => return None,
        Value::Object(fields) => fields,
        Value::String(text) => return (!text.trim().is_empty()).then(|| ErrorDetail::Text(text.clone())),
        other => return Some(ErrorDetail::Text(other.to_string())),
    };
    let code = ["code", "keyword", "type", "rule", "error"];
    let code = code.iter().find_map(|key| fields.get(*key).and_then(scalar));
    let message = sentence_of(fields);
    if code.is_none() && message.is_none() {
        return (!fields.is_empty()).then(|| ErrorDetail::Text(to_text(fields)));
    }
    Some(field_error(code, field(fields), message))
}

/// What a fault says; class-validator has it as the values of `constraints`.
fn sentence_of(fields: &Map<String, Value>) -> Option<String> {
    let own = SENTENCES.iter().find_map(|key| sentence(fields.get(*key)?, MAX_DEPTH));
    own.or_else(|| {
        let constraints = fields.get("constraints")?.as_object()?.values();
        let sentences: Vec<_> = constraints.filter_map(Value::as_str).collect();
        (!sentences.is_empty()).then(|| sentences.join("; "))
    })
}

/// The field that a fault names, such as `limit` for `/limit`, `["query", "limit"]` or `{"parameter": "limit"}`.
fn field(fields: &Map<String, Value>) -> Option<String> {
    let of = |fields: &Map<String, Value>| FIELDS.iter().find_map(|key| field_name(fields.get(*key)?));
    of(fields)
        .or_else(|| of(fields.get("source")?.as_object()?))
        .or_else(|| fields.get("params")?.get("missingProperty").and_then(scalar))
}

fn field_name(value: &Value) -> Option<String> {
    let name = match value {
        Value::String(path) => path.trim_start_matches(['#', '/', '.']).replace('/', "."),
        Value::Array(path) => {
            let path: Vec<_> = path.iter().filter_map(scalar).collect();
            path.join(".")
        }
        _ => return None,
    };
    (!name.is_empty()).then_some(name)
}

fn field_error(code: Option<String>, field: Option<String>, message: Option<String>) -> ErrorDetail {
    let mut error = FieldError::new(code.unwrap_or_else(|| "unknown".to_owned()));
    error.field = field;
    error.message = message;
    ErrorDetail::FieldError(error)
}

fn to_text(fields: &Map<String, Value>) -> String {
    Value::Object(fields.clone()).to_string()
}

/// A number of seconds, also as text.
fn seconds(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// What a body that is no JSON says: its title when it is HTML, its beginning else.
fn text_message(text: &str) -> Option<String> {
    let text = text.get(..text.floor_char_boundary(TEXT)).unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").map(|start| start + "<title>".len());
    let title = title.and_then(|start| Some(start..start + lower.get(start..)?.find("</title>")?));
    let text = match title.and_then(|title| text.get(title)) {
        Some(title) => title,
        None if lower.trim_start().starts_with('<') => return None,
        None => text,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| excerpt(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Message, code, and the faults as `field: text`.
    fn says(body: &str) -> (Option<String>, Option<String>, Vec<String>) {
        let body = ErrorBody::read(body.as_bytes());
        let errors = body.errors.into_iter().map(|error| match error {
            ErrorDetail::Text(text) => text,
            ErrorDetail::FieldError(error) => {
                let text = error.message.unwrap_or(error.code);
                error.field.map_or(text.clone(), |field| format!("{field}: {text}"))
            }
            // All details are read as errors of fields, whatever names they have for the field.
            ErrorDetail::SchemaError(error) => error.message,
        });
        (body.message, body.code, errors.collect())
    }

    #[test]
    fn read_finds_the_sentence_of_every_shape() {
        for (body, message, code, errors) in [
            (
                r#"{"errors":{"limit":["too large"]}}"#,
                None,
                None,
                &["limit: too large"][..],
            ),
            (
                r#"{"errors":{"limit":"too large","order":{"message":"m"}}}"#,
                None,
                None,
                &["limit: too large", "order: m"],
            ),
            (
                r#"{"errors":"limit is too large"}"#,
                None,
                None,
                &["limit is too large"],
            ),
            (r#"{"errors":{"message":"m","code":"c"}}"#, None, None, &["m"]),
            (r#"{"error":{"message":"m"}}"#, Some("m"), None, &[]),
            (
                r#"{"error":{"message":"m","code":"c","errors":["e"]}}"#,
                Some("m"),
                Some("c"),
                &["e"],
            ),
            (
                r#"{"error":{"type":"t","message":["m","n"]}}"#,
                Some("m; n"),
                Some("t"),
                &[],
            ),
            (
                r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"limit is too large"}"#,
                Some("limit is too large"),
                None,
                &[],
            ),
            (
                r#"{"title":"Bad Request","invalid-params":[{"name":"limit","reason":"too large"}]}"#,
                Some("Bad Request"),
                None,
                &["limit: too large"],
            ),
            (
                r#"{"message":"Validation failed","errors":[{"field":"directory","code":"A directory or group is required."}]}"#,
                Some("Validation failed"),
                None,
                &["directory: A directory or group is required."],
            ),
            (
                r#"{"errors":[{"code":"required","field":"events"}]}"#,
                None,
                None,
                &["events: required"],
            ),
            (
                r#"{"statusCode":400,"message":["limit must be a number","order is odd"],"error":"Bad Request"}"#,
                Some("limit must be a number; order is odd"),
                None,
                &[],
            ),
            (
                r##"{"message":"Invalid","errors":[
                    {"instancePath":"/limit","schemaPath":"#/properties/limit/maximum","keyword":"maximum","params":{"limit":100},"message":"must be <= 100"},
                    {"instancePath":"","keyword":"required","params":{"missingProperty":"events"},"message":"must have required property 'events'"}]}"##,
                Some("Invalid"),
                None,
                &["limit: must be <= 100", "events: must have required property 'events'"],
            ),
            (
                r#"{"detail":[{"loc":["query","limit"],"msg":"too large","type":"value_error"}]}"#,
                None,
                None,
                &["query.limit: too large"],
            ),
            (
                r#"{"errors":[{"status":"400","title":"t","detail":"d","source":{"parameter":"limit"}}]}"#,
                None,
                None,
                &["limit: d"],
            ),
            (
                r#"{"message":[{"property":"limit","constraints":{"isInt":"limit must be an integer"}}],"errors":[{"property":"limit","constraints":{"isInt":"limit must be an integer"}}]}"#,
                None,
                None,
                &["limit: limit must be an integer"],
            ),
            (r#"{"code":5,"message":"m","details":[]}"#, Some("m"), Some("5"), &[]),
            (r#"{"code":"c","details":"d"}"#, Some("d"), Some("c"), &[]),
            (r#"["a",{"message":"b"}]"#, None, None, &["a", "b"]),
            (r#"[]"#, Some("[]"), None, &[]),
            (r#"{"info":"i"}"#, Some(r#"{"info":"i"}"#), None, &[]),
            (r#"{}"#, None, None, &[]),
            (r#"{"message":"Ann \ud83d"}"#, Some("Ann \u{fffd}"), None, &[]),
            (r#"{"errors":[null,{},"",7]}"#, None, None, &["7"]),
            ("\u{feff}\"Ratelimited\"", Some("Ratelimited"), None, &[]),
            ("", None, None, &[]),
        ] {
            let (found, found_code, found_errors) = says(body);
            assert_eq!((found.as_deref(), found_code.as_deref()), (message, code), "{body}");
            assert_eq!(found_errors, errors, "{body}");
        }
    }

    #[test]
    fn read_knows_the_form_of_the_api_from_that_of_what_stands_in_front() {
        for (body, has_api_form, entity_id) in [
            (r#"{"message":"Not Found"}"#, true, None),
            (
                r#"{"message":"m","code":"entity_not_found","entity_id":"directory_1"}"#,
                true,
                Some("directory_1"),
            ),
            (r#"{"message":["m"]}"#, true, None),
            (r#"{"error":"not_found"}"#, true, None),
            (r#"{"error_description":"d"}"#, true, None),
            (r#"{"message":[]}"#, false, None),
            (r#"{"message":""}"#, false, None),
            (r#"{"message":["m",7]}"#, false, None),
            (r#"{"error":{"code":404,"message":"m"}}"#, false, None),
            (r#"{"detail":"d"}"#, false, None),
            (r#"{}"#, false, None),
            (r#""Not Found""#, false, None),
            (r#"[{"message":"m"}]"#, false, None),
            ("<html><title>404 Not Found</title></html>", false, None),
            ("404 page not found", false, None),
            ("", false, None),
        ] {
            let body_read = ErrorBody::read(body.as_bytes());
            assert_eq!(body_read.has_api_form, has_api_form, "{body}");
            assert_eq!(body_read.entity_id.as_deref(), entity_id, "{body}");
        }
    }

    #[test]
    fn read_of_wide_and_deep_bodies_is_bounded() {
        let wide = format!(r#"{{"errors":[{}7]}}"#, "7,".repeat(10_000));
        assert_eq!(ErrorBody::read(wide.as_bytes()).errors.len(), MAX_ERRORS);
        let deep = format!("{}7{}", r#"{"message":"#.repeat(100), "}".repeat(100));
        assert!(!ErrorBody::read(deep.as_bytes()).has_api_form);
        let deeper = "[".repeat(100_000);
        assert_eq!(ErrorBody::read(deeper.as_bytes()).errors, []);
    }
}
