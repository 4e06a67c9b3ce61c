//! A call of the admin API: what its path and body say, and what answers it.

use axum::body::Bytes;
use axum::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use workos_directory_sync::operation::Operation;

use crate::answer;
use crate::answer::Reply;
use crate::loader::ObjectError;
use crate::refusal::Refusal;

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: &'static Operation,
    /// The parameters in the path, decoded.
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: String,
    pub(crate) body: Bytes,
    pub(crate) now: jiff::Timestamp,
}

impl Call {
    /// A parameter in the path; empty when the path has none of that name.
    pub(crate) fn id(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body. One that is no JSON is answered with 400, one of another shape with 422 and the place that is wrong.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let no_json = |error: serde_json::Error| Refusal::bad_request(&format!("The body is no JSON: {error}."));
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        let body = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let place = error.path().to_string();
            let error = error.into_inner();
            if error.is_data() {
                Refusal::invalid_field(&place, error.to_string())
            } else {
                no_json(error)
            }
        })?;
        json.end().map_err(no_json)?;
        Ok(body)
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
