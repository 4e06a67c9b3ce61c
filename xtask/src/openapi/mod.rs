//! An OpenAPI document of any 3.x version, read loosely: what a comparison needs, and nothing refused that it does not need.
//!
//! ```text
//! Document    the parsed text; follows `$ref`
//! Operation   one method of one path with its parameters and answers
//! schema      what a schema admits, whichever way it is written
//! ```

mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::ensure;
use serde_json::Value;
use workos_directory_codegen::Error;
use workos_directory_codegen::bundle;

pub(crate) use self::schema::Field;
pub(crate) use self::schema::Schema;
pub(crate) use self::schema::shown;

/// The methods that a path may have, in the order in which they are shown.
pub(crate) const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];

/// How many references are followed from one place before it counts as a circle.
const DEPTH: usize = 32;

/// A document as it was written.
#[derive(Debug)]
pub(crate) struct Document(Value);

/// A method of a path.
pub(crate) struct Operation<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: &'static str,
    pub(crate) value: &'a Value,
    /// Those of the path and its own, which win; by place and name.
    pub(crate) parameters: BTreeMap<(&'a str, &'a str), &'a Value>,
}

impl Document {
    /// Reads a file, YAML or JSON.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Self::parse(&text).with_context(|| format!("{}", path.display()))
    }

    /// Reads a file together with what it refers to in other files of its folder.
    pub(crate) fn read_whole(path: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = path.with_file_name(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
        };
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("`{}` names no file", path.display()))?;
        Self::whole(name, read)
    }

    /// A document together with what it refers to in others; `read` gives the text of each by its name.
    pub(crate) fn whole(name: &str, read: impl Fn(&str) -> Result<String>) -> Result<Self> {
        let mut document = Self::parse(&read(name)?).with_context(|| name.to_owned())?;
        let read = |name: &str| {
            let parsed = read(name).and_then(|text| Self::parse(&text));
            // The generator has errors of its own, which hold the place and a reason.
            parsed.map(|document| document.0).map_err(|error| Error::Unsupported {
                at: name.to_owned(),
                reason: format!("{error:#}"),
            })
        };
        bundle(&mut document.0, &read).with_context(|| name.to_owned())?;
        Ok(document)
    }

    /// Reads a text, YAML or JSON.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let value: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text)?
        } else {
            // The official document has about as many nodes as the parser takes by default, and one that shares an example
            // everywhere is no attack: what aliases replay has a limit of its own.
            let budget = serde_saphyr::budget! {
                max_events: 10_000_000,
                max_nodes: 5_000_000,
                enforce_alias_anchor_ratio: false,
            };
            let options = serde_saphyr::options! { budget: budget };
            serde_saphyr::from_str_with_options(text, options)?
        };
        let version = value.get("openapi").and_then(Value::as_str).unwrap_or_default();
        ensure!(
            version.starts_with("3."),
            "`openapi` is `{version}`, not 3.x: it is no OpenAPI document that can be compared"
        );
        Ok(Self(value))
    }

    /// What a value refers to, or the value itself; `null` where a reference leads nowhere.
    pub(crate) fn resolve<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        for _ in 0..DEPTH {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return value;
            };
            let target = reference.strip_prefix('#').and_then(|pointer| self.0.pointer(pointer));
            value = target.unwrap_or(&Value::Null);
        }
        &Value::Null
    }

    /// Whether a value is a reference with something beside it that counts: OpenAPI 3.0 ignores it, and descriptions change
    /// nothing.
    pub(crate) fn says_more_than_reference(&self, value: &Value) -> bool {
        let is_ignored = self
            .0
            .get("openapi")
            .and_then(Value::as_str)
            .is_some_and(|version| version.starts_with("3.0"));
        let mut others = members(Some(value)).map(|(key, _)| key.as_str());
        !is_ignored
            && value.get("$ref").is_some()
            && others.any(|key| {
                ![
                    "$ref",
                    "title",
                    "summary",
                    "description",
                    "deprecated",
                    "example",
                    "examples",
                ]
                .contains(&key)
            })
    }

    /// All operations in the document's order.
    pub(crate) fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations = Vec::new();
        for (path, item) in members(self.0.get("paths")) {
            let item = self.resolve(item);
            for method in METHODS {
                let Some(value) = item.get(method) else { continue };
                let parameters = items(item, "parameters").iter().chain(items(value, "parameters"));
                let parameters = parameters
                    .map(|parameter| self.resolve(parameter))
                    .map(|parameter| ((text(parameter, "in"), text(parameter, "name")), parameter))
                    .collect();
                operations.push(Operation {
                    path,
                    method,
                    value,
                    parameters,
                });
            }
        }
        operations
    }

    /// The named schemas.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = (&String, &Value)> {
        members(
            self.0
                .get("components")
                .and_then(|components| components.get("schemas")),
        )
    }

    /// The whole document.
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }
}

impl<'a> Operation<'a> {
    /// As people write it: `GET /directories/{id}`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    /// The answers by status.
    pub(crate) fn responses(&self, document: &'a Document) -> BTreeMap<&'a str, &'a Value> {
        members(self.value.get("responses"))
            .map(|(status, response)| (status.as_str(), document.resolve(response)))
            .collect()
    }

    /// The schema of the JSON that a request carries.
    pub(crate) fn request(&self, document: &'a Document) -> Option<&'a Value> {
        json_schema(document.resolve(self.value.get("requestBody")?))
    }
}

/// The name of the model that a schema refers to, be it alone or in an `allOf` of one.
pub(crate) fn model(schema: &Value) -> Option<&str> {
    let reference = schema.get("$ref").or_else(|| match items(schema, "allOf") {
        [only] => only.get("$ref"),
        _ => None,
    });
    reference?.as_str()?.strip_prefix("#/components/schemas/")
}

/// The schema of the JSON content of a request or answer.
pub(crate) fn json_schema(body: &Value) -> Option<&Value> {
    let is_json = |media: &str| {
        let media = media.split(';').next().unwrap_or_default().trim();
        media == "application/json" || media.ends_with("+json") || media == "*/*"
    };
    let (_, media) = members(body.get("content")).find(|(media, _)| is_json(media))?;
    media.get("schema")
}

/// The fields of an object; none for anything else.
pub(crate) fn members(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

/// The items of an array; none for anything else.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text; the empty one for anything else.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
