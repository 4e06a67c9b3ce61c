//! The shapes pass: which fields and values the document knows, so that a client can notice others.

use heck::ToLowerCamelCase as _;
use proc_macro2::TokenStream;
use quote::quote;

use crate::Error;
use crate::models::is_alias;
use crate::schema::Field;
use crate::schema::Kind;
use crate::schema::Model;
use crate::schema::Variant;

/// The file of all shapes; `aliases` as for the models.
pub(crate) fn file(models: &[Model], aliases: &[(&str, &str)]) -> Result<TokenStream, Error> {
    let shapes = models.iter().filter_map(|model| match &model.kind {
        Kind::Struct(fields) => {
            let name = &model.name;
            let fields = fields.iter().flat_map(|field| {
                let camel_case = is_alias(aliases, model, field).then(|| field.name.to_lower_camel_case());
                let names = std::iter::once(field.name.clone()).chain(camel_case);
                names.map(move |name| self::field(&name, model, field, models))
            });
            Some(quote! { Shape { model: #name, fields: &[#(#fields),*] } })
        }
        _ => None,
    });
    Ok(quote! {
        use crate::drift::Content;
        use crate::drift::Field;
        use crate::drift::Shape;

        /// The shapes of all models that are objects.
        pub(crate) const SHAPES: &[Shape] = &[#(#shapes),*];
    })
}

fn field(name: &str, model: &Model, field: &Field, models: &[Model]) -> TokenStream {
    let target = field
        .reference
        .as_ref()
        .and_then(|name| models.iter().find(|model| model.name == *name));
    let content = match target.map(|target| (&target.name, &target.kind)) {
        Some((name, Kind::Struct(_))) => quote! { Content::Model(#name) },
        Some((_, Kind::OpenEnum(variants) | Kind::ClosedEnum(variants))) => {
            let values = variants.iter().map(|Variant { value, .. }| value);
            quote! { Content::Values(&[#(#values),*]) }
        }
        // The payload of an event is of the model that its name says.
        Some((_, Kind::RawJson)) if name == "data" && !model.payloads.is_empty() => {
            let payloads = model.payloads.iter().map(|(event, model)| quote! { (#event, #model) });
            quote! { Content::Payload(&[#(#payloads),*]) }
        }
        _ => quote! { Content::Anything },
    };
    quote! { Field { name: #name, content: #content } }
}
