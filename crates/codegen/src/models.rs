//! The models pass: structs, open and closed enums, unions, each with the document's own words.

use heck::ToLowerCamelCase as _;
use proc_macro2::TokenStream;
use quote::format_ident;
use quote::quote;
use syn::Ident;
use syn::Type;

use crate::Error;
use crate::Target;
use crate::docs::comment;
use crate::error::unsupported;
use crate::names;
use crate::progenitor_output::Output;
use crate::progenitor_output::generic;
use crate::schema::Field;
use crate::schema::Kind;
use crate::schema::Model;
use crate::schema::Variant;

/// clippy's own limit; a constructor beyond it says so.
const MANY_ARGUMENTS: usize = 7;

/// The file of all models.
///
/// `aliases` are models and their fields that also come in camel case, be it instead or beside.
pub(crate) fn file(
    models: &[Model],
    aliases: &[(&str, &str)],
    output: &Output,
    target: &Target,
) -> Result<TokenStream, Error> {
    let runtime = target.runtime_path();
    let mut items = vec![quote! { use serde::Deserialize; }, quote! { use serde::Serialize; }];
    for model in models.iter().filter(|model| model.import.is_some()) {
        items.push(import(model, target)?);
    }
    let own: Vec<&Model> = models.iter().filter(|model| model.import.is_none()).collect();
    for model in &own {
        items.push(match &model.kind {
            Kind::Struct(fields) => structure(model, fields, aliases, output)?,
            Kind::OpenEnum(variants) => open_enum(model, variants, &runtime),
            Kind::ClosedEnum(variants) => closed_enum(model, variants, &runtime),
            Kind::Union => union(model, output)?,
            Kind::RawJson => raw_json(model, &runtime),
        });
        if !model.payloads.is_empty() {
            items.push(payloads(model, models)?);
        }
    }
    items.push(for_each_model(&own));
    Ok(quote! { #(#items)* })
}

/// A model of another document is the type that its crate has.
fn import(model: &Model, target: &Target) -> Result<TokenStream, Error> {
    let file = model.import.as_deref().unwrap_or_default();
    let library = target.imports.iter().find(|(known, _)| *known == file);
    let (_, library) = library.ok_or_else(|| {
        let reason = format!("it comes from `{file}`, and no crate is known that has the types of that document");
        unsupported(format!("schemas.{}", model.name), reason)
    })?;
    let library = format_ident!("{library}");
    let ident = names::type_ident(&model.name);
    Ok(quote! { pub use #library::types::#ident; })
}

fn structure(model: &Model, fields: &[Field], aliases: &[(&str, &str)], output: &Output) -> Result<TokenStream, Error> {
    let ident = names::type_ident(&model.name);
    let mut definitions = Vec::new();
    let mut arguments = Vec::new();
    let mut values = Vec::new();
    let mut wire = Wire::default();
    for field in fields {
        let name = names::field_ident(&field.name);
        let ty = output.field_type(&model.name, &field.name)?;
        let optional = generic("Option", &ty).is_some();
        if optional == (field.required && !field.nullable) {
            return Err(Error::Shape(format!(
                "`{}.{}` is not optional where it should be",
                model.name, field.name
            )));
        }
        let docs = comment(&field.docs);
        let rename = (name != field.name).then(|| {
            let name = &field.name;
            quote! { #[serde(rename = #name)] }
        });
        // The live API writes `null` for what may be null and leaves out what may be missing.
        let skip = (optional && !field.nullable).then(|| quote! { #[serde(skip_serializing_if = "Option::is_none")] });
        definitions.push(quote! { #docs #rename #skip pub #name: #ty });
        let camel_case = is_alias(aliases, model, field).then(|| field.name.to_lower_camel_case());
        wire.add(&field.name, &ty, camel_case.as_deref());
        if optional {
            values.push(quote! { #name: None });
        } else if converts(&ty) {
            arguments.push(quote! { #name: impl Into<#ty> });
            values.push(quote! { #name: #name.into() });
        } else {
            arguments.push(quote! { #name: #ty });
            values.push(quote! { #name });
        }
    }
    let docs = comment(&model.description);
    let default = arguments.is_empty().then(|| quote! { Default, });
    let constructor = (!arguments.is_empty()).then(|| {
        let docs = comment("A value with its required fields; the optional ones are `None`.");
        let many = (arguments.len() > MANY_ARGUMENTS)
            .then(|| quote! { #[allow(clippy::too_many_arguments, reason = "one for each required field")] });
        quote! {
            impl #ident {
                #docs
                #many
                #[must_use]
                pub fn new(#(#arguments),*) -> Self {
                    Self { #(#values),* }
                }
            }
        }
    });
    let derived = (!wire.has_aliases).then(|| quote! { , Deserialize });
    let deserialize = wire.has_aliases.then(|| wire.deserialize(&ident));
    Ok(quote! {
        #docs
        #[derive(Clone, Debug, #default PartialEq, Serialize #derived)]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub struct #ident { #(#definitions),* }

        #constructor

        #deserialize
    })
}

/// Whether a field also comes in camel case.
pub(crate) fn is_alias(aliases: &[(&str, &str)], model: &Model, field: &Field) -> bool {
    field.name.to_lower_camel_case() != field.name && aliases.contains(&(model.name.as_str(), field.name.as_str()))
}

/// A struct as it comes, where a field has a second name. An alias of serde's would refuse an answer that has both names.
#[derive(Default)]
struct Wire {
    has_aliases: bool,
    definitions: Vec<TokenStream>,
    values: Vec<TokenStream>,
}

impl Wire {
    fn add(&mut self, name: &str, ty: &Type, camel_case: Option<&str>) {
        let ident = names::field_ident(name);
        let rename = (ident != name).then(|| quote! { #[serde(rename = #name)] });
        let Some(camel_case) = camel_case else {
            self.definitions.push(quote! { #rename #ident: #ty });
            self.values.push(quote! { #ident: wire.#ident });
            return;
        };
        self.has_aliases = true;
        let other = format_ident!("camel_case_{}", ident);
        let inner = generic("Option", ty);
        let either = quote! { wire.#ident.or(wire.#other) };
        self.values.push(match inner {
            Some(_) => quote! { #ident: #either },
            None => quote! { #ident: #either.ok_or_else(|| serde::de::Error::missing_field(#name))? },
        });
        let inner = inner.unwrap_or(ty);
        self.definitions.push(quote! { #rename #ident: Option<#inner> });
        self.definitions
            .push(quote! { #[serde(rename = #camel_case)] #other: Option<#inner> });
    }

    fn deserialize(&self, model: &Ident) -> TokenStream {
        let Self {
            definitions, values, ..
        } = self;
        let name = model.to_string();
        quote! {
            impl<'de> Deserialize<'de> for #model {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    #[derive(Deserialize)]
                    #[serde(rename = #name)]
                    struct Wire { #(#definitions),* }

                    let wire = Wire::deserialize(deserializer)?;
                    Ok(Self { #(#values),* })
                }
            }
        }
    }
}

/// Whether a constructor takes whatever turns into the type.
fn converts(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let is_own = path.path.segments.len() == 1 && generic("Vec", ty).is_none();
    let is_number = ["u32", "u64", "i32", "i64", "f64", "bool"]
        .iter()
        .any(|name| path.path.is_ident(name));
    // A model is passed as it is; enums, strings and timestamps come in several guises.
    (is_own && !is_number)
        || path
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "Timestamp")
}

fn open_enum(model: &Model, variants: &[Variant], runtime: &Ident) -> TokenStream {
    let ident = names::type_ident(&model.name);
    let docs = comment(&format!(
        "{}\n\nOther values are kept as they came.",
        model.description.trim_end()
    ));
    let idents: Vec<_> = variants
        .iter()
        .map(|variant| format_ident!("{}", variant.ident))
        .collect();
    let values: Vec<_> = variants.iter().map(|variant| &variant.value).collect();
    let definitions = variants.iter().zip(&idents).map(|(variant, ident)| {
        let docs = comment(&variant.docs);
        quote! { #docs #ident }
    });
    let documented = variants.iter().zip(&idents).filter(|(variant, _)| !variant.is_retired);
    let documented: Vec<_> = documented.map(|(_, ident)| ident).collect();
    let known = comment(match documented.len() == variants.len() {
        true => "The values that this version knows.",
        false => {
            "The values that this version knows, without those that the API no longer documents and may refuse in a request."
        }
    });
    quote! {
        #docs
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum #ident {
            #(#definitions,)*
            /// A value that this version does not know.
            Unknown(String),
        }

        impl #ident {
            #known
            pub const KNOWN: &'static [Self] = &[#(Self::#documented),*];

            /// The value as the API writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    #(Self::#idents => #values,)*
                    Self::Unknown(value) => value,
                }
            }

            /// Whether this version knows the value.
            #[must_use]
            pub fn is_known(&self) -> bool {
                matches!(self.as_str(), #(#values)|*)
            }
        }

        impl From<&str> for #ident {
            fn from(value: &str) -> Self {
                match value {
                    #(#values => Self::#idents,)*
                    _ => Self::Unknown(value.to_owned()),
                }
            }
        }

        #runtime::open_enum_traits!(#ident);
    }
}

fn closed_enum(model: &Model, variants: &[Variant], runtime: &Ident) -> TokenStream {
    let ident = names::type_ident(&model.name);
    let docs = comment(&model.description);
    let idents: Vec<_> = variants
        .iter()
        .map(|variant| format_ident!("{}", variant.ident))
        .collect();
    let values: Vec<_> = variants.iter().map(|variant| &variant.value).collect();
    let definitions = variants.iter().zip(&idents).map(|(variant, ident)| {
        let docs = comment(&variant.docs);
        let value = &variant.value;
        quote! { #docs #[serde(rename = #value)] #ident }
    });
    quote! {
        #docs
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
        pub enum #ident {
            #(#definitions,)*
        }

        impl #ident {
            /// All values.
            pub const ALL: &'static [Self] = &[#(Self::#idents),*];

            /// The value as the API writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    #(Self::#idents => #values,)*
                }
            }
        }

        #runtime::closed_enum_traits!(#ident);
    }
}

fn union(model: &Model, output: &Output) -> Result<TokenStream, Error> {
    let ident = names::type_ident(&model.name);
    let docs = comment(&model.description);
    let item = output.union(&model.name)?;
    let mut definitions = Vec::new();
    let mut conversions = Vec::new();
    for variant in &item.variants {
        let name = &variant.ident;
        let mut types = variant.fields.iter().map(|field| &field.ty);
        let (Some(ty), None) = (types.next(), types.next()) else {
            return Err(Error::Shape(format!(
                "`{}::{name}` does not hold one value",
                model.name
            )));
        };
        // Tokens come with spaces between them.
        let text = quote! { #ty }.to_string().replace(' ', "");
        let docs = comment(&format!("{} `{text}`.", article(&text)));
        definitions.push(quote! { #docs #name(#ty) });
        conversions.push(quote! {
            impl From<#ty> for #ident {
                fn from(value: #ty) -> Self {
                    Self::#name(value)
                }
            }
        });
    }
    Ok(quote! {
        #docs
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum #ident { #(#definitions,)* }

        #(#conversions)*
    })
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['A', 'E', 'I', 'O']) {
        "An"
    } else {
        "A"
    }
}

fn raw_json(model: &Model, runtime: &Ident) -> TokenStream {
    let ident = names::type_ident(&model.name);
    if ident == "Attributes" {
        quote! { pub use #runtime::Attributes; }
    } else {
        let docs = comment(&model.description);
        quote! { #docs pub type #ident = #runtime::Attributes; }
    }
}

/// The typed `data` of an event, from `x-event-payloads`.
fn payloads(event: &Model, models: &[Model]) -> Result<TokenStream, Error> {
    let ident = names::type_ident(&event.name);
    let payload = format_ident!("{}Payload", ident);
    let name_model = format!("{}Name", event.name);
    let wrong = |reason: String| unsupported(format!("schemas.{}.x-event-payloads", event.name), reason);
    let find = |name: &str| models.iter().find(|model| model.name == name);
    let variants = match find(&name_model).map(|model| &model.kind) {
        Some(Kind::OpenEnum(variants)) => variants,
        _ => return Err(wrong(format!("there is no open enum `{name_model}` of the names"))),
    };
    let names = names::type_ident(&name_model);
    let mut definitions = Vec::new();
    let mut arms = Vec::new();
    for (name, model) in &event.payloads {
        let variant = variants.iter().find(|variant| variant.value == *name);
        let variant = variant.ok_or_else(|| wrong(format!("`{name_model}` has no `{name}`")))?;
        find(model).ok_or_else(|| wrong(format!("there is no schema `{model}`")))?;
        let docs = comment(&variant.docs);
        let variant = format_ident!("{}", variant.ident);
        let model = names::type_ident(model);
        definitions.push(quote! { #docs #variant(Box<#model>) });
        arms.push(quote! { #names::#variant => #payload::#variant(Box::new(self.data.decode()?)) });
    }
    if let Some(left_out) = variants
        .iter()
        .find(|variant| !event.payloads.iter().any(|(name, _)| *name == variant.value))
    {
        return Err(wrong(format!("it says nothing of `{}`", left_out.value)));
    }
    Ok(quote! {
        /// What an event tells, typed.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum #payload {
            #(#definitions,)*
            /// Something that this version does not know, as it came.
            Other {
                /// The name of the event.
                name: #names,
                /// The object that changed.
                data: Attributes,
            },
        }

        impl #ident {
            /// Reads `data` as the event's name says.
            ///
            /// # Errors
            ///
            /// When `data` is not what the document promises for the name. Names that this version does not know give
            /// `Other` and no error.
            pub fn payload(&self) -> Result<#payload, serde_json::Error> {
                // By its text, so that a name made by hand is known too.
                Ok(match #names::from(self.event.as_str()) {
                    #(#arms,)*
                    name => #payload::Other { name, data: self.data.clone() },
                })
            }
        }
    })
}

fn for_each_model(models: &[&Model]) -> TokenStream {
    let idents = models.iter().map(|model| names::type_ident(&model.name));
    quote! {
        /// Calls a macro with the names of all models, so that a check covers those that the document will gain.
        #[doc(hidden)]
        #[macro_export]
        macro_rules! for_each_model {
            ($callback:ident) => { $callback! { #(#idents),* } };
        }
    }
}
