//! From the bytes of an answer to a model: fast when all is well, exact about the place when it is not.

use serde::de::DeserializeOwned;

use crate::Error;
use crate::api_error;
use crate::client::Answer;
use crate::error::DecodeError;
use crate::operation::Operation;

/// How many bytes on each side of a fault an error shows.
const EXCERPT: usize = 40;

/// Reads a model.
pub(crate) fn model<T: DeserializeOwned>(operation: &'static Operation, answer: &Answer) -> Result<T, Error> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| Error::Decode(Box::new(explain::<T>(operation, answer, error))))
}

/// Reads a second time to learn the path of the fault, which the fast way does not keep.
fn explain<T: DeserializeOwned>(
    operation: &'static Operation,
    answer: &Answer,
    first: serde_json::Error,
) -> DecodeError {
    let mut deserializer = serde_json::Deserializer::from_slice(&answer.body);
    let (path, source) = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => {
            let path = error.path().to_string();
            (path, error.into_inner())
        }
        // Only what follows the value can be wrong then.
        Ok(_) => ("the end".to_owned(), first),
    };
    DecodeError {
        operation,
        status: answer.status.as_u16(),
        request_id: api_error::request_id(&answer.headers),
        attempts: answer.attempts,
        excerpt: excerpt(&answer.body, &source),
        path,
        source,
    }
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

    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::operations::LIST_DIRECTORY_GROUPS;
    use crate::runtime::Instant;
    use crate::types::DirectoryGroupList;

    fn decode(body: &str) -> Result<DirectoryGroupList, Error> {
        let headers = HeaderMap::new();
        let answer = Answer {
            status: StatusCode::OK,
            headers,
            body: body.as_bytes().to_vec(),
            arrived: Instant::now(),
            attempts: 1,
        };
        model(&LIST_DIRECTORY_GROUPS, &answer)
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
