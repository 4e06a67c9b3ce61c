//! The requests pass: one builder per operation, the client's methods that make them, and cursor streams.

use proc_macro2::TokenStream;
use quote::quote;

use crate::Document;
use crate::Error;
use crate::Target;
use crate::docs::comment;
use crate::error::unsupported;
use crate::names;
use crate::operation::Operation;
use crate::operation::Origin;
use crate::operation::Pagination;
use crate::operation::Parameter;
use crate::operation::RequestBody;
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
    pub(crate) target: &'a Target,
}

impl Requests<'_> {
    /// The file of a tag's operations.
    pub(crate) fn file(&self, operations: &[&Operation]) -> Result<TokenStream, Error> {
        let has_lists = operations.iter().any(|operation| operation.pagination.is_some());
        let runtime = self.target.runtime_path();
        let facade = names::type_ident(self.target.facade);
        let list_uses = has_lists.then(|| {
            quote! {
                use #runtime::pages::Items;
                use #runtime::pages::ListRequest;
                use #runtime::pages::Page;
                use #runtime::pages::Pages;
                use #runtime::pages::RawListRequest;
                use #runtime::pages::RawPages;
                use #runtime::pages::Raw;
                use #runtime::pages::UnreadableObject;
            }
        });
        let takes_values = operations
            .iter()
            .any(|operation| !operation.parameters.is_empty() || operation.body.is_some());
        let (display_use, parameter_use) = takes_values
            .then(|| {
                (
                    quote! { use std::fmt::Display; },
                    quote! { use #runtime::builder_parts::Parameter; },
                )
            })
            .unzip();
        let has_models = operations
            .iter()
            .any(|operation| operation.answer.is_some() || operation.body.is_some());
        let types_use = (has_models || takes_values).then(|| quote! { use super::super::types; });
        let raw_use = operations.iter().any(|operation| operation.answer.is_some()).then(|| {
            quote! { use #runtime::RawValue; }
        });
        let facade_use = (!self.target.is_runtime()).then(|| quote! { use crate::#facade; });
        let methods = operations.iter().map(|operation| self.client_method(operation));
        let methods = methods.collect::<Result<Vec<_>, _>>()?;
        let builders = operations.iter().map(|operation| self.builder(operation));
        let builders = builders.collect::<Result<Vec<_>, _>>()?;
        Ok(quote! {
            #display_use

            use super::super::operations;
            #types_use
            #facade_use
            use #runtime::Client;
            use #runtime::Error;
            #raw_use
            use #runtime::ResponseValue;
            use #runtime::operation::Operation;
            #list_uses
            #parameter_use
            use #runtime::builder_parts::RequestBuilder;

            impl #facade {
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
        let client = if self.target.is_runtime() {
            quote! { self.clone() }
        } else {
            quote! { self.client().clone() }
        };
        Ok(quote! {
            #docs
            pub fn #method(&self) -> #builder {
                #builder::new(#client)
            }
        })
    }

    fn builder(&self, operation: &Operation) -> Result<TokenStream, Error> {
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
        if let Some(body) = &operation.body {
            if operation.parameters.iter().any(|parameter| parameter.name == "body") {
                let reason = "a parameter is called `body`, as is the setter of the request's body";
                return Err(unsupported(&operation.id, reason));
            }
            let model = names::type_ident(&body.model);
            let ty: syn::Type = syn::parse_quote! { types::#model };
            fields.push(quote! { body: Parameter<#ty> });
            values.push(if body.required {
                quote! { body: Parameter::required("body") }
            } else {
                quote! { body: Parameter::optional("body") }
            });
            setters.push(body_setter(body, &ty));
            query.push(quote! { let request = body.json(Self::OPERATION, request)?; });
            idents.push(names::field_ident("body"));
        }
        let (answer, send) = match &operation.answer {
            None => (quote! { () }, quote! { send_empty }),
            Some(model) => {
                let model = names::type_ident(model);
                (quote! { types::#model }, quote! { send_json })
            }
        };
        let send_raw = operation.answer.is_some().then(|| {
            quote! {
                /// Sends the request; the answer stays raw JSON, as it came.
                ///
                /// # Errors
                ///
                /// As [`send`](Self::send), but for an answer that is JSON of another shape than the document says.
                pub async fn send_raw(self) -> Result<ResponseValue<Box<RawValue>>, Error> {
                    let (client, request) = self.into_request()?;
                    client.send_raw(Self::OPERATION, request).await
                }
            }
        });
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
                    let (client, request) = self.into_request()?;
                    client.#send(Self::OPERATION, request).await
                }

                #send_raw

                /// The client and what it has to send.
                fn into_request(self) -> Result<(Client, RequestBuilder), Error> {
                    let Self { client, #(#idents,)* } = self;
                    let request = client.request(Self::OPERATION, &[#(#path),*])?;
                    #(#query)*
                    Ok((client, request))
                }
            }

            #list
        })
    }

    /// What `x-cursor-pagination` adds to a builder.
    fn list(&self, operation: &Operation, pagination: &Pagination) -> Result<TokenStream, Error> {
        let wrong = |reason: String| unsupported(format!("{}.x-cursor-pagination", operation.id), reason);
        let defaults = pagination.defaults.iter();
        for name in [&pagination.cursor, &pagination.limit]
            .into_iter()
            .chain(&pagination.back)
            .chain(defaults.clone().map(|(name, _)| name))
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
        let answer = names::type_ident(answer);
        let items = names::field_ident(&pagination.items);
        let cursor = names::field_ident(&pagination.cursor);
        let limit = names::field_ident(&pagination.limit);
        let defaults = defaults
            .map(|(name, value)| self.default(operation, name, value))
            .collect::<Result<Vec<_>, _>>()?;
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

                /// All pages from here on, with their objects as raw JSON.
                pub fn raw_pages(self) -> RawPages<Self> {
                    Pages::new(Raw::new(self))
                }

                fn page_of(list: types::#answer) -> Page<types::#item> {
                    Page::new(list.#items, list.#next)
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

                fn with_defaults(self, limit: u32) -> Self {
                    let mut request = self;
                    if !request.#limit.is_set() {
                        request = request.#limit(limit);
                    }
                    #(#defaults)*
                    request
                }

                fn is_backward(&self) -> bool {
                    #is_backward
                }

                async fn fetch(self) -> Result<Page<Self::Item>, Error> {
                    Ok(Self::page_of(self.send().await?.into_inner()))
                }
            }

            impl RawListRequest for #builder {
                async fn fetch_raw(self) -> Result<Page<Box<RawValue>>, Error> {
                    let (client, request) = self.into_request()?;
                    client.send_raw_page(Self::OPERATION, request).await
                }

                async fn fetch_tolerant(self) -> Result<Page<Result<Self::Item, UnreadableObject>>, Error> {
                    let (client, request) = self.into_request()?;
                    client.send_tolerant_page(Self::OPERATION, request, Self::page_of).await
                }
            }
        })
    }

    /// Sets a parameter that the caller left out.
    fn default(&self, operation: &Operation, name: &str, value: &str) -> Result<TokenStream, Error> {
        let ty = self.output.parameter_type(&operation.id, name)?;
        let ty = quote! { #ty }.to_string();
        let model = ty.rsplit("::").next().unwrap_or_default().trim();
        let is_wrong = self.models.iter().any(|known| {
            let Kind::ClosedEnum(variants) = &known.kind else {
                return false;
            };
            known.name == model && !variants.iter().any(|variant| variant.value == value)
        });
        if is_wrong {
            let at = format!("{}.x-cursor-pagination", operation.id);
            return Err(unsupported(at, format!("`{name}` is never `{value}`")));
        }
        let ident = names::field_ident(name);
        Ok(quote! {
            if !request.#ident.is_set() {
                request = request.#ident(#value);
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

fn body_setter(body: &RequestBody, ty: &syn::Type) -> TokenStream {
    let mut docs = body.description.clone();
    if docs.is_empty() {
        docs.push_str("What is sent.");
    }
    if body.required {
        add_paragraph(&mut docs, "Required.");
    }
    let docs = comment(&docs);
    quote! {
        #docs
        pub fn body<V>(mut self, body: V) -> Self
        where
            V: TryInto<#ty>,
            V::Error: Display,
        {
            self.body.set(body);
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
