//! Which document is generated from: read once, kept whole, identified by a fingerprint.

use std::path::Path;

use openapiv3::OpenAPI;
use serde_json::Value;

use crate::Error;
use crate::bundle;
use crate::bundle::Imports;
use crate::compose;

/// An OpenAPI 3.0.x document as it was written, before any simplification; what it refers to in other documents has been
/// taken over.
#[derive(Clone, Debug)]
pub struct Document {
    pub(crate) value: Value,
    pub(crate) openapi: OpenAPI,
    pub(crate) imports: Imports,
    fingerprint: u64,
}

impl Document {
    /// Reads a document from a YAML or JSON file. References may lead to other files of its folder.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] when a file cannot be read, [`Error::Unsupported`] when a reference to another file leads to
    /// nothing, else those of [`Document::parse`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse_in(path.parent().unwrap_or(Path::new("")), &text)
    }

    /// Reads a document from its text, YAML or JSON. References to other files are looked up in the working directory.
    ///
    /// # Errors
    ///
    /// [`Error::Yaml`] with line and column when the text is not well-formed; [`Error::OpenApi`] when it is no OpenAPI
    /// document.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_in(Path::new(""), text)
    }

    fn parse_in(folder: &Path, text: &str) -> Result<Self, Error> {
        let mut value: Value = serde_saphyr::from_str(text).map_err(|error| Error::Yaml(error.to_string()))?;
        let version = value.get("openapi").and_then(Value::as_str).unwrap_or_default();
        if !version.starts_with("3.0.") {
            return Err(Error::OpenApi(format!("`openapi` is `{version}`, not 3.0.x")));
        }
        let imports = bundle::bundle(&mut value, &|name| {
            let path = folder.join(name);
            let text = std::fs::read_to_string(&path).map_err(|source| Error::Read { path, source })?;
            serde_saphyr::from_str(&text).map_err(|error| Error::Yaml(error.to_string()))
        })?;
        compose::compose(&mut value)?;
        let openapi = serde_json::from_value(value.clone()).map_err(|error| Error::OpenApi(error.to_string()))?;
        Ok(Self {
            value,
            openapi,
            imports,
            fingerprint: fnv1a64(text),
        })
    }

    /// The 64-bit FNV-1a hash of the document's text with Unix line ends.
    ///
    /// It stands in the generated code's header, so that a build script without dependencies can tell that the
    /// document is newer than the code. It is no protection against forgery.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The parsed document.
    pub fn openapi(&self) -> &OpenAPI {
        &self.openapi
    }

    /// The document as plain JSON, in the order in which it was written, with what was taken over at the end of each kind
    /// of component, and schemas that `allOf` composes in one piece.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

/// FNV-1a over the text without carriage returns, so that a checkout on Windows has the same fingerprint.
fn fnv1a64(text: &str) -> u64 {
    text.bytes()
        .filter(|byte| *byte != b'\r')
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_fingerprint_is_fnv_1a_and_ignores_carriage_returns() {
        assert_eq!(fnv1a64(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a64("foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(fnv1a64("a\r\nb\r\n"), fnv1a64("a\nb\n"));
    }

    #[test]
    fn malformed_yaml_is_refused_with_its_line() {
        let error = Document::parse("openapi: 3.0.3\ninfo: {title: [}")
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 2") || error.contains("2:"), "{error}");
    }

    #[test]
    fn another_version_of_openapi_is_refused() {
        let error = Document::parse("openapi: 3.1.0").unwrap_err().to_string();
        assert_eq!(
            error,
            "the document is not OpenAPI 3.0.x: `openapi` is `3.1.0`, not 3.0.x"
        );
    }
}
