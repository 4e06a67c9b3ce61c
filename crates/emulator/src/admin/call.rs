//! A call of the admin API: what its path and body say, and what answers it.

use std::fmt;

use axum::body::Bytes;
use axum::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use workos_directory_sync::operation::Operation;

use crate::answer;
use crate::answer::Reply;
use crate::loader::ObjectError;
use crate::refusal::Refusal;
use crate::strict;
use crate::strict::Null;

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: &'static Operation,
    /// The parameters in the path, decoded.
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: String,
    pub(crate) body: Bytes,
    pub(crate) now: jiff::Timestamp,
    /// Whether enums may have values that the document does not know.
    pub(crate) is_lenient: bool,
}

impl Call {
    /// A parameter in the path; empty when the path has none of that name.
    pub(crate) fn id(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body. One that is no JSON is answered with 400, one of another shape with 422 and the field that is wrong.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        self.read(Null::IsWrong)
    }

    /// The body, with objects as the API writes them.
    pub(crate) fn objects<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        self.read(Null::IsAbsent)
    }

    fn read<T: DeserializeOwned>(&self, null: Null) -> Result<T, Refusal> {
        let json: &RawValue = serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::bad_request(&format!("The body is no JSON: {error}.")))?;
        strict::read(json, null).map_err(|wrong| Refusal::invalid_field(&wrong.at, wrong.message))
    }

    /// Refuses a value of an enum that the document does not know, unless the emulator is lenient. `at` is where it stands.
    pub(crate) fn known<T: fmt::Display + PartialEq>(
        &self,
        at: impl fmt::Display,
        value: Option<&T>,
        known: &[T],
    ) -> Result<(), Refusal> {
        let Some(value) = value.filter(|value| !self.is_lenient && !known.contains(value)) else {
            return Ok(());
        };
        let known: Vec<String> = known.iter().map(T::to_string).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let message = strict::unknown_value(&value.to_string(), &known);
        Err(Refusal::invalid_field(&at.to_string(), message))
    }

    /// The answer of a success that carries a value.
    pub(crate) fn reply(&self, value: &impl Serialize) -> Result<Reply, Refusal> {
        let mut json = Vec::new();
        answer::encode(&mut json, value)?;
        self.json(json)
    }

    /// The answer of a success that carries JSON.
    pub(crate) fn json(&self, json: Vec<u8>) -> Result<Reply, Refusal> {
        Ok(Reply::json(self.status()?, json))
    }

    /// The answer of a success that carries nothing.
    pub(crate) fn done(&self) -> Result<Reply, Refusal> {
        Ok(Reply::empty(self.status()?))
    }

    /// The status of a success, by the document.
    fn status(&self) -> Result<StatusCode, Refusal> {
        let status = self.operation.success.first();
        status
            .and_then(|status| StatusCode::from_u16(*status).ok())
            .ok_or_else(Refusal::internal)
    }
}

/// What a change is refused with, after its path was found to name what is there.
pub(crate) fn refused(error: ObjectError) -> Refusal {
    match error {
        ObjectError::Encoding { .. } => Refusal::internal(),
        error => Refusal::unprocessable(&error),
    }
}
