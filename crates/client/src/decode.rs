//! From the bytes of an answer to a model: fast when all is well, exact about the place when it is not.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::Error;
use crate::api_error;
use crate::client::Answer;
use crate::error::DecodeError;
use crate::operation::Operation;
use crate::repair;

/// How many bytes on each side of a fault an error shows.
const EXCERPT: usize = 40;

/// Reads a model; text that is nearly right is repaired where it cannot be read otherwise.
pub(crate) fn model<T: DeserializeOwned>(operation: &'static Operation, answer: &Answer) -> Result<T, Error> {
    serde_json::from_slice(&answer.body).or_else(|first| {
        let text = String::from_utf8_lossy(&answer.body);
        with_path(&repair::json_text(&text)).map_err(|_| explain::<T>(operation, answer, first))
    })
}

/// The text of a body, in which bytes that are not UTF-8 become U+FFFD. A body that has none of them is checked as a whole,
/// which `from_utf8_lossy` does piece by piece.
pub(crate) fn text(body: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(body),
    }
}

/// Reads a body that is to stay raw JSON.
pub(crate) fn raw(operation: &'static Operation, answer: &Answer) -> Result<Box<RawValue>, Error> {
    let text = text(&answer.body);
    serde_json::from_str(&text).or_else(|first| {
        serde_json::from_str(&repair::json_text(&text))
            .map_err(|_| error(operation, answer, ("the text".to_owned(), first)))
    })
}

/// Reads a text, or says where in it the fault is.
pub(crate) fn with_path<T: DeserializeOwned>(text: &str) -> Result<T, (String, serde_json::Error)> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| (error.path().to_string(), error.into_inner()))?;
    match deserializer.end() {
        Ok(()) => Ok(value),
        Err(error) => Err(("the end".to_owned(), error)),
    }
}

/// Reads a second time to learn the path of the fault, which the fast way does not keep.
fn explain<T: DeserializeOwned>(operation: &'static Operation, answer: &Answer, first: serde_json::Error) -> Error {
    let mut deserializer = serde_json::Deserializer::from_slice(&answer.body);
    let fault = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => (error.path().to_string(), error.into_inner()),
        // Only what follows the value can be wrong then.
        Ok(_) => ("the end".to_owned(), first),
    };
    error(operation, answer, fault)
}

/// The error of an answer whose body has a fault at a path.
pub(crate) fn error(
    operation: &'static Operation,
    answer: &Answer,
    (path, source): (String, serde_json::Error),
) -> Error {
    Error::Decode(Box::new(DecodeError {
        operation,
        status: answer.status.as_u16(),
        request_id: api_error::request_id(&answer.headers),
        attempts: answer.attempts,
        excerpt: excerpt(&answer.body, &source),
        path,
        source,
    }))
}

/// The text around the position that the error names.
fn excerpt(body: &[u8], error: &serde_json::Error) -> String {
    let line_start = match error.line() {
        0 | 1 => 0,
        line => body
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .nth(line - 2)
            .map_or(0, |(at, _)| at + 1),
    };
    let at = (line_start + error.column()).min(body.len());
    let around = body
        .get(at.saturating_sub(EXCERPT)..(at + EXCERPT).min(body.len()))
        .unwrap_or_default();
    api_error::excerpt(&String::from_utf8_lossy(around))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::operations::LIST_DIRECTORY_GROUPS;
    use crate::types::DirectoryGroupList;

    fn decode(body: &str) -> Result<DirectoryGroupList, Error> {
        model(&LIST_DIRECTORY_GROUPS, &Answer::of(body))
    }

    #[test]
    fn a_page_with_one_bad_record_says_which() {
        let body = r#"{"data": [
            {"id": "directory_group_1", "directory_id": "directory_1", "name": "A"},
            {"id": "directory_group_2", "directory_id": "directory_1", "name": 7}
        ], "list_metadata": {}}"#;
        let Error::Decode(error) = decode(body).unwrap_err() else {
            panic!("another error")
        };
        assert_eq!(error.path, "data[1].name");
        assert!(error.excerpt.contains(r#""name": 7"#), "{}", error.excerpt);
        assert!(Error::Decode(error).to_string().len() < 400);
    }

    #[test]
    fn model_reads_half_of_a_surrogate_pair_as_replacement_and_camel_case_metadata() {
        let body = r#"{"data": [{"id": "g1", "directory_id": "directory_1", "name": "Ann \ud83d"}],
            "listMetadata": {"after": "g1"}}"#;
        let list = decode(body).unwrap();
        assert_eq!(list.data[0].name, "Ann \u{fffd}");
        assert_eq!(list.list_metadata.after.as_deref(), Some("g1"));
    }

    #[test]
    fn model_reads_a_list_with_both_names_of_its_metadata_and_prefers_the_documented_one() {
        let both = r#"{"data": [], "listMetadata": {"after": "g1"}, "list_metadata": {"after": "g2"}}"#;
        assert_eq!(decode(both).unwrap().list_metadata.after.as_deref(), Some("g2"));
        let Error::Decode(error) = decode(r#"{"data": []}"#).unwrap_err() else {
            panic!("another error")
        };
        assert!(
            error.source.to_string().starts_with("missing field `list_metadata`"),
            "{error}"
        );
    }

    #[test]
    fn a_body_that_is_cut_off_or_no_json_is_no_panic() {
        for body in [
            "",
            "<html>",
            "{\"data\": [",
            "{} trailing",
            "\u{feff}{}",
            "null",
            "{\"data\": [\n\n",
        ] {
            assert!(matches!(decode(body), Err(Error::Decode(_))), "{body}");
        }
    }
}
