//! What the document says of its schemas: the part of each that progenitor does not carry over.

use openapiv3::AnySchema;
use openapiv3::ReferenceOr;
use openapiv3::Schema;
use openapiv3::SchemaKind;
use openapiv3::Type;
use serde_json::Value;

use crate::Document;
use crate::Error;
use crate::error::unsupported;

/// A schema of `components.schemas`.
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) kind: Kind,
    /// `x-event-payloads`: the model of `data` by the name of the event.
    pub(crate) payloads: Vec<(String, String)>,
    /// The other document that describes it, whose crate has the type.
    pub(crate) import: Option<String>,
}

/// What becomes of a schema in Rust.
pub(crate) enum Kind {
    /// A struct; its fields in the order of the document.
    Struct(Vec<Field>),
    /// An enum that keeps values it does not know (`x-extensible-enum`).
    OpenEnum(Vec<Variant>),
    /// An enum of exactly these values (`enum`).
    ClosedEnum(Vec<Variant>),
    /// A choice of shapes without a tag (`oneOf`).
    Union,
    /// An object that is kept as JSON text (`x-raw-json`).
    RawJson,
}

/// A property of an object.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) docs: String,
    pub(crate) required: bool,
    pub(crate) nullable: bool,
    /// The schema that the property, or each of its items, refers to.
    pub(crate) reference: Option<String>,
}

impl Field {
    /// Whether a constructor takes it.
    pub(crate) fn is_always_there(&self) -> bool {
        self.required && !self.nullable
    }
}

/// A value of an enum.
pub(crate) struct Variant {
    pub(crate) value: String,
    pub(crate) ident: String,
    pub(crate) docs: String,
    /// Whether the API no longer documents it (`x-enum-retired`): it is read where it comes, and not asked for.
    pub(crate) is_retired: bool,
}

/// All schemas of the document, in its order.
pub(crate) fn models(document: &Document) -> Result<Vec<Model>, Error> {
    let Some(components) = &document.openapi.components else {
        return Ok(Vec::new());
    };
    components
        .schemas
        .iter()
        .map(|(name, schema)| match schema {
            ReferenceOr::Reference { .. } => Err(unsupported(
                format!("schemas.{name}"),
                "a schema that only refers to another: use that one instead",
            )),
            ReferenceOr::Item(schema) => Ok(Model {
                name: name.clone(),
                description: schema.schema_data.description.clone().unwrap_or_default(),
                kind: kind(name, schema)?,
                payloads: payloads(name, schema)?,
                import: document.imports.get(name).cloned(),
            }),
        })
        .collect()
}

fn payloads(name: &str, schema: &Schema) -> Result<Vec<(String, String)>, Error> {
    let Some(value) = schema.schema_data.extensions.get("x-event-payloads") else {
        return Ok(Vec::new());
    };
    let wrong = || {
        unsupported(
            format!("schemas.{name}"),
            "`x-event-payloads` is not an object of schema references",
        )
    };
    let payloads = value.as_object().ok_or_else(wrong)?.iter().map(|(event, reference)| {
        let model = reference
            .as_str()
            .and_then(|reference| reference.strip_prefix("#/components/schemas/"));
        Ok((event.clone(), model.ok_or_else(wrong)?.to_owned()))
    });
    payloads.collect()
}

fn kind(name: &str, schema: &Schema) -> Result<Kind, Error> {
    let extensions = &schema.schema_data.extensions;
    if extensions.get("x-raw-json") == Some(&Value::Bool(true)) {
        return Ok(Kind::RawJson);
    }
    if let Some(values) = extensions.get("x-extensible-enum") {
        return Ok(Kind::OpenEnum(variants(
            name,
            strings(name, "x-extensible-enum", values)?,
            schema,
        )?));
    }
    match &schema.schema_kind {
        SchemaKind::Type(Type::String(string)) if !string.enumeration.is_empty() => {
            let values = string.enumeration.iter().flatten().cloned().collect();
            Ok(Kind::ClosedEnum(variants(name, values, schema)?))
        }
        SchemaKind::Type(Type::Object(object)) => fields(name, &object.properties, &object.required),
        SchemaKind::Any(AnySchema {
            properties, required, ..
        }) if !properties.is_empty() => fields(name, properties, required),
        SchemaKind::OneOf { .. } | SchemaKind::AnyOf { .. } => Ok(Kind::Union),
        _ => Err(unsupported(
            format!("schemas.{name}"),
            "neither an object nor an enum nor a choice: describe a plain type where it is used",
        )),
    }
}

fn fields<'a>(
    model: &str,
    properties: impl IntoIterator<Item = (&'a String, &'a ReferenceOr<Box<Schema>>)>,
    required: &[String],
) -> Result<Kind, Error> {
    let fields = properties.into_iter().map(|(name, property)| {
        let data = match property {
            ReferenceOr::Item(schema) => Some(&schema.schema_data),
            ReferenceOr::Reference { .. } => None,
        };
        let mut docs = data.and_then(|data| data.description.clone()).unwrap_or_default();
        if data.is_some_and(|data| data.deprecated) {
            add_paragraph(&mut docs, "Deprecated by the API.");
        }
        if let Some(sentence) = data.and_then(|data| origin_sentence(data.extensions.get("x-origin"))) {
            add_paragraph(&mut docs, sentence);
        }
        Field {
            name: name.clone(),
            docs,
            required: required.contains(name),
            nullable: data.is_some_and(|data| data.nullable),
            reference: reference(property),
        }
    });
    let fields: Vec<Field> = fields.collect();
    if let Some(stranger) = required
        .iter()
        .find(|name| !fields.iter().any(|field| field.name == **name))
    {
        return Err(unsupported(
            format!("schemas.{model}"),
            format!("`required` names `{stranger}`, which it has not"),
        ));
    }
    Ok(Kind::Struct(fields))
}

/// The schema that a property refers to: itself, by `allOf`, or by its items.
fn reference(property: &ReferenceOr<Box<Schema>>) -> Option<String> {
    match property {
        ReferenceOr::Reference { reference } => reference.strip_prefix("#/components/schemas/").map(str::to_owned),
        ReferenceOr::Item(schema) => match &schema.schema_kind {
            SchemaKind::AllOf { all_of } => match all_of.as_slice() {
                [ReferenceOr::Reference { reference }] => {
                    reference.strip_prefix("#/components/schemas/").map(str::to_owned)
                }
                _ => None,
            },
            SchemaKind::Type(Type::Array(array)) => reference(array.items.as_ref()?),
            _ => None,
        },
    }
}

/// What the docs say of a thing that only one of the two sources knows.
pub(crate) fn origin_sentence(origin: Option<&Value>) -> Option<&'static str> {
    match origin.and_then(Value::as_str) {
        Some("seed") => Some("Only the seed documents it."),
        Some("live") => Some("Only the live API documents it."),
        _ => None,
    }
}

/// Appends a paragraph to a doc text.
pub(crate) fn add_paragraph(docs: &mut String, paragraph: &str) {
    let end = docs.trim_end().len();
    docs.truncate(end);
    if !docs.is_empty() {
        docs.push_str("\n\n");
    }
    docs.push_str(paragraph);
}

fn variants(model: &str, values: Vec<String>, schema: &Schema) -> Result<Vec<Variant>, Error> {
    let extensions = &schema.schema_data.extensions;
    let parallel = |key: &str| -> Result<Option<Vec<String>>, Error> {
        let Some(list) = extensions.get(key) else {
            return Ok(None);
        };
        let list = strings(model, key, list)?;
        if list.len() == values.len() {
            Ok(Some(list))
        } else {
            let reason = format!("`{key}` has {} entries for {} values", list.len(), values.len());
            Err(unsupported(format!("schemas.{model}"), reason))
        }
    };
    let retired = match extensions.get("x-enum-retired") {
        Some(list) => strings(model, "x-enum-retired", list)?,
        None => Vec::new(),
    };
    if let Some(stranger) = retired.iter().find(|value| !values.contains(value)) {
        let reason = format!("`x-enum-retired` names `{stranger}`, which is none of its values");
        return Err(unsupported(format!("schemas.{model}"), reason));
    }
    let names = parallel("x-enum-varnames")?;
    let docs = parallel("x-enum-descriptions")?;
    let mut variants: Vec<Variant> = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let ident = match &names {
            Some(names) => names[index].clone(),
            None => crate::names::pascal(value),
        };
        if syn::parse_str::<syn::Ident>(&ident).is_err() {
            let reason = format!("`{value}` makes no Rust name: give it one with `x-enum-varnames`");
            return Err(unsupported(format!("schemas.{model}"), reason));
        }
        if let Some(twin) = variants
            .iter()
            .find(|variant| variant.ident == ident || variant.value == *value)
        {
            let reason = format!("`{}` and `{value}` are both called `{ident}`", twin.value);
            return Err(unsupported(format!("schemas.{model}"), reason));
        }
        let docs = docs
            .as_ref()
            .map_or_else(|| format!("`{value}`"), |docs| docs[index].clone());
        variants.push(Variant {
            value: value.clone(),
            ident,
            docs,
            is_retired: retired.contains(value),
        });
    }
    Ok(variants)
}

fn strings(model: &str, key: &str, value: &Value) -> Result<Vec<String>, Error> {
    value
        .as_array()
        .and_then(|list| list.iter().map(|item| item.as_str().map(str::to_owned)).collect())
        .ok_or_else(|| unsupported(format!("schemas.{model}"), format!("`{key}` is not a list of strings")))
}
