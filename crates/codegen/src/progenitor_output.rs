//! progenitor's own part: from the simplified document to Rust types of models and parameters.
//!
//! Of progenitor's output only the types are kept: the structs of `types` with their fields, and the fields of the
//! request builders. The passes that follow write the code around them.

use std::collections::HashMap;

use openapiv3::OpenAPI;
use progenitor::GenerationSettings;
use progenitor::Generator;
use progenitor::InterfaceStyle;
use syn::Fields;
use syn::GenericArgument;
use syn::Ident;
use syn::Item;
use syn::ItemEnum;
use syn::ItemStruct;
use syn::PathArguments;
use syn::Type;
use syn::visit_mut::VisitMut;

use crate::Error;
use crate::Target;
use crate::names;
use crate::schema::Kind;
use crate::schema::Model;

/// The types that progenitor made, by name.
pub(crate) struct Output {
    structs: HashMap<String, ItemStruct>,
    enums: HashMap<String, ItemEnum>,
    builders: HashMap<String, ItemStruct>,
}

impl Output {
    /// Runs progenitor on the simplified document.
    pub(crate) fn generate(openapi: &OpenAPI, models: &[Model], target: &Target) -> Result<Self, Error> {
        let mut settings = GenerationSettings::default();
        settings.with_interface(InterfaceStyle::Builder);
        for model in models {
            let name = &model.name;
            let is_own = matches!(model.kind, Kind::Struct(_) | Kind::Union) && model.import.is_none();
            if !is_own {
                settings.with_replacement(name, format!("types::{name}"), std::iter::empty());
            }
        }
        let timestamp = format!("{}::Timestamp", target.runtime);
        settings.with_conversion(date_time(), timestamp, std::iter::empty());
        let tokens = Generator::new(&settings)
            .generate_tokens(openapi)
            .map_err(|error| Error::Progenitor(error.to_string()))?;
        let file: syn::File = syn::parse2(tokens).map_err(|error| Error::Shape(error.to_string()))?;
        let mut output = Self {
            structs: HashMap::new(),
            enums: HashMap::new(),
            builders: HashMap::new(),
        };
        for item in module(&file.items, "types")? {
            match item.clone() {
                Item::Struct(mut item) => {
                    ShortPaths.visit_item_struct_mut(&mut item);
                    output.structs.insert(item.ident.to_string(), item);
                }
                Item::Enum(mut item) => {
                    ShortPaths.visit_item_enum_mut(&mut item);
                    output.enums.insert(item.ident.to_string(), item);
                }
                _ => {}
            }
        }
        for item in module(&file.items, "builder")? {
            if let Item::Struct(mut item) = item.clone() {
                ShortPaths.visit_item_struct_mut(&mut item);
                output.builders.insert(item.ident.to_string(), item);
            }
        }
        output.refuse_inline_types(models)?;
        Ok(output)
    }

    /// The type of a model's field.
    pub(crate) fn field_type(&self, model: &str, field: &str) -> Result<Type, Error> {
        let item = self
            .structs
            .get(model)
            .ok_or_else(|| Error::Shape(format!("there is no struct `{model}`")))?;
        let mut ty = field_of(item, field)?;
        InsideTypes.visit_type_mut(&mut ty);
        Ok(ty)
    }

    /// The variants of a union.
    pub(crate) fn union(&self, model: &str) -> Result<ItemEnum, Error> {
        let mut item = self
            .enums
            .get(model)
            .cloned()
            .ok_or_else(|| Error::Shape(format!("there is no enum `{model}`")))?;
        InsideTypes.visit_item_enum_mut(&mut item);
        Ok(item)
    }

    /// The type that an operation's parameter takes.
    pub(crate) fn parameter_type(&self, operation: &str, parameter: &str) -> Result<Type, Error> {
        let name = names::pascal(operation);
        let item = self
            .builders
            .get(&name)
            .ok_or_else(|| Error::Shape(format!("there is no builder `{name}`")))?;
        // `Result<T, String>`, and `Result<Option<T>, String>` for an optional parameter.
        let ty = field_of(item, parameter)?;
        let inner =
            generic("Result", &ty).ok_or_else(|| Error::Shape(format!("`{name}.{parameter}` is not a `Result`")))?;
        Ok(generic("Option", inner).unwrap_or(inner).clone())
    }

    /// Types that the document does not name would get a name by chance.
    fn refuse_inline_types(&self, models: &[Model]) -> Result<(), Error> {
        let known = |name: &str| {
            models
                .iter()
                .any(|model| names::pascal(&model.name) == name || model.name == name)
        };
        let mut strangers: Vec<&String> = self
            .structs
            .keys()
            .chain(self.enums.keys())
            .filter(|name| !known(name))
            .collect();
        strangers.sort();
        match strangers.first() {
            None => Ok(()),
            Some(name) => Err(crate::error::unsupported(
                format!("an inline schema (progenitor calls it `{name}`)"),
                "give it a name in `components.schemas` and refer to it",
            )),
        }
    }
}

/// `T` of `wrapper<T, …>`.
pub(crate) fn generic<'a>(wrapper: &str, ty: &'a Type) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == wrapper)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

fn field_of(item: &ItemStruct, name: &str) -> Result<Type, Error> {
    let ident: Ident = names::field_ident(name);
    let Fields::Named(fields) = &item.fields else {
        return Err(Error::Shape(format!("`{}` has no named fields", item.ident)));
    };
    fields
        .named
        .iter()
        .find(|field| field.ident.as_ref() == Some(&ident))
        .map(|field| field.ty.clone())
        .ok_or_else(|| Error::Shape(format!("`{}` has no field `{ident}`", item.ident)))
}

fn module<'a>(items: &'a [Item], name: &str) -> Result<&'a [Item], Error> {
    items
        .iter()
        .find_map(|item| match item {
            Item::Mod(module) if module.ident == name => module.content.as_ref(),
            _ => None,
        })
        .map(|(_, items)| items.as_slice())
        .ok_or_else(|| Error::Shape(format!("there is no module `{name}`")))
}

fn date_time() -> schemars08::schema::SchemaObject {
    schemars08::schema::SchemaObject {
        instance_type: Some(schemars08::schema::InstanceType::String.into()),
        format: Some("date-time".to_owned()),
        ..Default::default()
    }
}

/// Names that every Rust file knows.
const SHORT: [&str; 4] = ["Option", "Result", "String", "Vec"];

/// `::std::option::Option` and its like by their short names.
struct ShortPaths;

impl VisitMut for ShortPaths {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        let is_std = path.segments.first().is_some_and(|segment| segment.ident == "std");
        let last = path
            .segments
            .last()
            .filter(|last| SHORT.iter().any(|name| last.ident == name))
            .cloned();
        if is_std && let Some(last) = last {
            *path = last.into();
        }
        syn::visit_mut::visit_path_mut(self, path);
    }
}

/// `types::Order` as it is called inside of `types`.
struct InsideTypes;

impl VisitMut for InsideTypes {
    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        let in_types =
            path.segments.len() == 2 && path.segments.first().is_some_and(|segment| segment.ident == "types");
        if in_types && let Some(last) = path.segments.last().cloned() {
            *path = last.into();
        }
        syn::visit_mut::visit_path_mut(self, path);
    }
}
