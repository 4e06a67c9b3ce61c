//! The requests pass: one builder per operation, the client's methods that make them, and cursor streams.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use crate::Document;
use crate::Error;
use crate::docs::comment;
use crate::error::unsupported;
use crate::names;
use crate::operation::Operation;
use crate::operation::Origin;
use crate::operation::Pagination;
use crate::operation::Parameter;
use crate::progenitor_output::Output;
use crate::progenitor_output::generic;
use crate::schema::Field;
use crate::schema::Kind;
use crate::schema::Model;
use crate::schema::add_paragraph;

/// What the requests pass reads.
pub(crate) struct Requests<'a> {
    pub(crate) document: &'a Document,
    pub(crate) models: &'a [Model],
    pub(crate) output: &'a Output,
}

impl Requests<'_> {
    /// The file of a tag's operations.
    pub(crate) fn file(&self, operations: &[&Operation]) -> Result<TokenStream, Error> {
        let has_lists = operations.iter().any(|operation| operation.pagination.is_some());
        let list_uses = has_lists.then(|| {
            quote! {
                use crate::pages::Items;
                use crate::pages::ListRequest;
                use crate::pages::Page;
                use crate::pages::Pages;
            }
        });
        let methods = operations.iter().map(|operation| self.client_method(operation));
        let methods = methods.collect::<Result<Vec<_>, _>>()?;
        let builders = operations.iter().map(|operation| self.builder(operation));
        let builders = builders.collect::<Result<Vec<_>, _>>()?;
        Ok(quote! {
            use std::fmt::Display;

            use super::super::operations;
            use super::super::types;
            use crate::Client;
            use crate::Error;
            use crate::ResponseValue;
            use crate::operation::Operation;
            #list_uses
            use crate::parameter::Parameter;

            impl Client {
                #(#methods)*
            }

            #(#builders)*
        })
    }

    fn client_method(&self, operation: &Operation) -> Result<TokenStream, Error> {
        let method = names::field_ident(&operation.id);
        let builder = names::type_ident(&operation.id);
        let mut docs = format!(
            "{}.\n\n{}",
            operation.summary.trim_end_matches('.'),
            operation.description.trim_end()
        );
        let route = format!("`{} {}`", operation.method.to_uppercase(), operation.path);
        match operation.origin {
            Origin::Both => add_paragraph(&mut docs, &route),
            Origin::Live => add_paragraph(&mut docs, &format!("{route}, which only the live API documents.")),
            Origin::Seed => add_paragraph(&mut docs, &format!("{route}, which only the seed documents.")),
        }
        add_paragraph(&mut docs, &self.example(operation)?);
        let docs = comment(&docs);
        Ok(quote! {
            #docs
            pub fn #method(&self) -> #builder {
                #builder::new(self.clone())
            }
        })
    }

    /// A doc example that compiles, with the document's own example values.
    fn example(&self, operation: &Operation) -> Result<String, Error> {
        let mut calls = String::new();
        for parameter in operation.parameters.iter().filter(|parameter| parameter.required) {
            let at = format!("{}.{}", operation.id, parameter.name);
            let example = self
                .parameter_example(operation, parameter)
                .ok_or_else(|| unsupported(&at, "no example"))?;
            let literal = |value: &Value| value.as_str().map(|text| format!("{text:?}"));
            let value = match example {
                Value::Array(values) => values
                    .iter()
                    .map(|value| literal(value).map(|text| format!("{text}.into()")))
                    .collect::<Option<Vec<_>>>()
                    .map(|values| format!("vec![{}]", values.join(", "))),
                value => literal(value).or_else(|| Some(value.to_string())),
            };
            let value = value.ok_or_else(|| unsupported(&at, "the example is not of the parameter's type"))?;
            calls.push_str(&format!("\n    .{}({value})", names::field_ident(&parameter.name)));
        }
        let method = names::field_ident(&operation.id);
        let call = format!("client\n    .{method}(){calls}\n    .send()\n    .await?;");
        let call = if operation.answer.is_some() {
            format!("let answer = {call}")
        } else {
            call
        };
        let print = if operation.answer.is_some() {
            "\nprintln!(\"{:?}\", *answer);"
        } else {
            ""
        };
        Ok(format!(
            "# Example\n\n```no_run\n# async fn example(client: workos_directory_sync::Client) -> Result<(), \
             workos_directory_sync::Error> {{\n{call}{print}\n# Ok(())\n# }}\n```"
        ))
    }

    /// `example` of a parameter as the document writes it.
    fn parameter_example(&self, operation: &Operation, parameter: &Parameter) -> Option<&Value> {
        let root = self.document.value();
        let item = root.get("paths")?.get(&operation.path)?;
        let own = item.get(&operation.method)?.get("parameters").and_then(Value::as_array);
        let shared = item.get("parameters").and_then(Value::as_array);
        own.into_iter().chain(shared).flatten().find_map(|entry| {
            let entry = match entry.get("$ref").and_then(Value::as_str) {
                Some(reference) => root.pointer(reference.strip_prefix('#')?)?,
                None => entry,
            };
            (entry.get("name")?.as_str()? == parameter.name).then(|| entry.get("example"))?
        })
    }

    fn builder(&self, operation: &Operation) -> Result<TokenStream, Error> {
        if operation.body {
            return Err(unsupported(
                &operation.id,
                "request bodies are not supported: this API has none",
            ));
        }
        let builder = names::type_ident(&operation.id);
        let constant = names::const_ident(&operation.id);
        let mut fields = Vec::new();
        let mut values = Vec::new();
        let mut setters = Vec::new();
        let mut path = Vec::new();
        let mut query = Vec::new();
        let mut idents = Vec::new();
        for parameter in &operation.parameters {
            let ident = names::field_ident(&parameter.name);
            let name = &parameter.name;
            let ty = self.output.parameter_type(&operation.id, name)?;
            fields.push(quote! { #ident: Parameter<#ty> });
            values.push(if parameter.required {
                quote! { #ident: Parameter::required(#name) }
            } else {
                quote! { #ident: Parameter::optional(#name) }
            });
            setters.push(setter(parameter, &ty));
            if parameter.path {
                path.push(quote! { #ident.path(Self::OPERATION)? });
            } else {
                query.push(quote! { let request = #ident.query(Self::OPERATION, request)?; });
            }
            idents.push(ident);
        }
        let (answer, send) = match &operation.answer {
            None => (quote! { () }, quote! { send_empty }),
            Some(model) => {
                let model = names::type_ident(model);
                (quote! { types::#model }, quote! { send_json })
            }
        };
        let list = operation
            .pagination
            .as_ref()
            .map(|pagination| self.list(operation, pagination))
            .transpose()?;
        let docs = comment(&format!(
            "A request to {}: `{} {}`.",
            lower_first(operation.summary.trim_end_matches('.')),
            operation.method.to_uppercase(),
            operation.path
        ));
        Ok(quote! {
            #docs
            #[derive(Clone, Debug)]
            #[must_use = "a request does nothing until it is sent"]
            pub struct #builder {
                client: Client,
                #(#fields,)*
            }

            impl #builder {
                const OPERATION: &'static Operation = &operations::#constant;

                fn new(client: Client) -> Self {
                    Self { client, #(#values,)* }
                }

                #(#setters)*

                /// Sends the request.
                ///
                /// # Errors
                ///
                /// See [`Error`]: the parameters are checked first, then the answer.
                pub async fn send(self) -> Result<ResponseValue<#answer>, Error> {
                    let Self { client, #(#idents,)* } = self;
                    let request = client.request(Self::OPERATION, &[#(#path),*])?;
                    #(#query)*
                    client.#send(Self::OPERATION, request).await
                }
            }

            #list
        })
    }

    /// What `x-cursor-pagination` adds to a builder.
    fn list(&self, operation: &Operation, pagination: &Pagination) -> Result<TokenStream, Error> {
        let wrong = |reason: String| unsupported(format!("{}.x-cursor-pagination", operation.id), reason);
        for name in [&pagination.cursor, &pagination.limit]
            .into_iter()
            .chain(&pagination.back)
        {
            if !operation
                .parameters
                .iter()
                .any(|parameter| parameter.name == *name && !parameter.path)
            {
                return Err(wrong(format!("there is no query parameter `{name}`")));
            }
        }
        let answer = operation
            .answer
            .as_deref()
            .ok_or_else(|| wrong("the operation answers nothing".to_owned()))?;
        self.required_field(answer, &pagination.items).map_err(&wrong)?;
        let items_type = self.output.field_type(answer, &pagination.items)?;
        let item = generic("Vec", &items_type).ok_or_else(|| wrong(format!("`{}` is no list", pagination.items)))?;
        let next = self.next(answer, &pagination.next).map_err(&wrong)?;

        let builder = names::type_ident(&operation.id);
        let items = names::field_ident(&pagination.items);
        let cursor = names::field_ident(&pagination.cursor);
        let limit = names::field_ident(&pagination.limit);
        let is_backward = match &pagination.back {
            None => quote! { false },
            Some(back) => {
                let back = names::field_ident(back);
                quote! { self.#back.is_set() }
            }
        };
        Ok(quote! {
            impl #builder {
                /// All pages from here on, each fetched while the one before it is being used.
                pub fn pages(self) -> Pages<Self> {
                    Pages::new(self)
                }

                /// All items from here on, over all pages.
                pub fn stream(self) -> Items<Self> {
                    Items::new(self)
                }
            }

            impl ListRequest for #builder {
                type Item = types::#item;

                const OPERATION: &'static Operation = Self::OPERATION;

                fn cursor(&self) -> Option<&str> {
                    self.#cursor.get().map(String::as_str)
                }

                fn with_cursor(self, cursor: String) -> Self {
                    self.#cursor(cursor)
                }

                fn with_default_limit(self, limit: u32) -> Self {
                    if self.#limit.is_set() { self } else { self.#limit(limit) }
                }

                fn is_backward(&self) -> bool {
                    #is_backward
                }

                async fn fetch(self) -> Result<Page<Self::Item>, Error> {
                    let list = self.send().await?.into_inner();
                    Ok(Page::new(list.#items, list.#next))
                }
            }
        })
    }

    /// The expression of `next`, such as `list_metadata.after`.
    fn next(&self, answer: &str, path: &str) -> Result<TokenStream, String> {
        let mut model = answer.to_owned();
        let mut expression = TokenStream::new();
        let mut segments = path.split('.').peekable();
        while let Some(segment) = segments.next() {
            let ident = names::field_ident(segment);
            if segments.peek().is_none() {
                let field = self.field(&model, segment)?;
                if field.required && !field.nullable {
                    return Err(format!("`{path}` can never be missing, so a list would never end"));
                }
                expression.extend(quote! { #ident });
            } else {
                self.required_field(&model, segment)?;
                let ty = self
                    .output
                    .field_type(&model, segment)
                    .map_err(|error| error.to_string())?;
                model = quote! { #ty }.to_string();
                expression.extend(quote! { #ident. });
            }
        }
        Ok(expression)
    }

    fn required_field(&self, model: &str, name: &str) -> Result<(), String> {
        let field = self.field(model, name)?;
        if field.required {
            Ok(())
        } else {
            Err(format!("`{model}.{name}` is not required"))
        }
    }

    fn field(&self, model: &str, name: &str) -> Result<&Field, String> {
        let fields = self
            .models
            .iter()
            .find(|known| known.name == model)
            .and_then(|known| match &known.kind {
                Kind::Struct(fields) => Some(fields),
                _ => None,
            });
        fields
            .and_then(|fields| fields.iter().find(|field| field.name == name))
            .ok_or_else(|| format!("`{model}` has no field `{name}`"))
    }
}

fn setter(parameter: &Parameter, ty: &syn::Type) -> TokenStream {
    let ident = names::field_ident(&parameter.name);
    let mut docs = parameter.description.clone();
    if parameter.deprecated {
        add_paragraph(&mut docs, "Deprecated by the API.");
    }
    match parameter.origin {
        Origin::Both => {}
        Origin::Seed => add_paragraph(&mut docs, "Only the seed documents it."),
        Origin::Live => add_paragraph(&mut docs, "Only the live API documents it."),
    }
    if parameter.required {
        add_paragraph(&mut docs, "Required.");
    }
    let docs = comment(&docs);
    quote! {
        #docs
        pub fn #ident<V>(mut self, #ident: V) -> Self
        where
            V: TryInto<#ty>,
            V::Error: Display,
        {
            self.#ident.set(#ident);
            self
        }
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}
