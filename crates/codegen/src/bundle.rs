//! References from one document to another: what they name is taken over, so that a document is whole by itself.
//!
//! `$ref: openapi.yaml#/components/schemas/Role` becomes `$ref: '#/components/schemas/Role'`, and the component comes
//! with it, together with everything that it refers to. Which schemas came from where is kept: they are types already.

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::Value;

use crate::Error;
use crate::error::unsupported;

/// The schemas that came from other documents: the file by the schema's name.
pub(crate) type Imports = BTreeMap<String, String>;

/// Gives a document by the name that references call it by, with what is wrong when it cannot.
type Read<'a> = &'a dyn Fn(&str) -> Result<Value, Error>;

/// Makes a document whole: what it refers to in other files of its folder becomes part of it. `read` gives those files.
/// Returns the schemas that came with them, each with the name of its file.
///
/// # Errors
///
/// [`Error::Unsupported`] when a reference leads to nothing, out of the folder, or to two things of one name; those of
/// `read`.
pub fn bundle(document: &mut Value, read: Read<'_>) -> Result<BTreeMap<String, String>, Error> {
    let mut bundle = Bundle {
        read,
        files: BTreeMap::new(),
        components: BTreeMap::new(),
    };
    bundle.rewrite(document, None)?;
    let mut imports = Imports::new();
    for ((kind, name), (file, component)) in bundle.components {
        let components = object(document, "components")?;
        let same_kind = components
            .entry(kind.clone())
            .or_insert_with(|| Value::Object(Map::new()));
        let same_kind = same_kind
            .as_object_mut()
            .ok_or_else(|| unsupported(format!("components.{kind}"), "it is no object"))?;
        if same_kind.insert(name.clone(), component).is_some() {
            let reason = format!("`{file}` has one of the same name, which is referred to: rename this one");
            return Err(unsupported(format!("{kind}.{name}"), reason));
        }
        if kind == "schemas" {
            imports.insert(name, file);
        }
    }
    Ok(imports)
}

struct Bundle<'a> {
    read: Read<'a>,
    /// The documents that were read, by the name that references give them.
    files: BTreeMap<String, Value>,
    /// What is taken over, by kind and name, with its file.
    components: BTreeMap<(String, String), (String, Value)>,
}

impl Bundle<'_> {
    /// Makes references local. `home` is the file that the value stands in; `None` is the document itself.
    fn rewrite(&mut self, value: &mut Value, home: Option<&str>) -> Result<(), Error> {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) if name == "$ref" => *text = self.local(text, home)?,
                        value => self.rewrite(value, home)?,
                    }
                }
                Ok(())
            }
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.rewrite(item, home)),
            _ => Ok(()),
        }
    }

    /// The reference as one within the document; what it names is taken over if it is not there yet.
    fn local(&mut self, reference: &str, home: Option<&str>) -> Result<String, Error> {
        let (file, pointer) = match (reference.split_once('#'), home) {
            (Some(("", _)), None) => return Ok(reference.to_owned()),
            (Some(("", pointer)), Some(home)) => (home, pointer),
            (Some((file, pointer)), None) => (file, pointer),
            _ => {
                let reason = "a reference is `#/components/…`, or a file of the same folder and that";
                return Err(unsupported(reference, reason));
            }
        };
        let component = pointer
            .strip_prefix("/components/")
            .and_then(|rest| rest.split_once('/'))
            .filter(|(_, name)| !name.contains('/'));
        let (kind, name) = component.ok_or_else(|| unsupported(reference, "it names no component"))?;
        let local = format!("#{pointer}");
        let key = (kind.to_owned(), name.to_owned());
        if let Some((known, _)) = self.components.get(&key) {
            if known == file {
                return Ok(local);
            }
            return Err(unsupported(reference, format!("`{known}` has one of the same name")));
        }
        let mut component = self
            .file(file)?
            .pointer(pointer)
            .cloned()
            .ok_or_else(|| unsupported(reference, format!("`{file}` has no such component")))?;
        // Before what it refers to, which may be itself.
        self.components.insert(key.clone(), (file.to_owned(), Value::Null));
        self.rewrite(&mut component, Some(file))?;
        self.components.insert(key, (file.to_owned(), component));
        Ok(local)
    }

    fn file(&mut self, name: &str) -> Result<&Value, Error> {
        if !self.files.contains_key(name) {
            if name.contains(['/', '\\']) {
                return Err(unsupported(name, "references lead to files of the same folder only"));
            }
            let value = (self.read)(name)?;
            self.files.insert(name.to_owned(), value);
        }
        self.files
            .get(name)
            .ok_or_else(|| unsupported(name, "it could not be read"))
    }
}

fn object<'a>(document: &'a mut Value, key: &str) -> Result<&'a mut Map<String, Value>, Error> {
    let object = document
        .as_object_mut()
        .map(|document| document.entry(key).or_insert_with(|| Value::Object(Map::new())));
    object
        .and_then(Value::as_object_mut)
        .ok_or_else(|| unsupported(key, "it is no object"))
}
