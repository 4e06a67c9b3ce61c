//! The commands pass: one subcommand of a command line per operation, with the document's words as its help.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use crate::Error;
use crate::Target;
use crate::docs::comment;
use crate::error::unsupported;
use crate::names;
use crate::operation::Operation;
use crate::operation::Parameter;
use crate::progenitor_output::Output;
use crate::schema::add_paragraph;

/// Names that a subcommand's own flags have.
const OWN_FLAGS: [&str; 2] = ["all", "body"];

/// The file of all subcommands.
pub(crate) fn file(operations: &[Operation], output: &Output, target: &Target) -> Result<TokenStream, Error> {
    let library = names::field_ident(target.library);
    let client = names::type_ident(target.facade);
    let idents: Vec<_> = operations
        .iter()
        .map(|operation| names::type_ident(&operation.id))
        .collect();
    let commands = operations.iter().map(|operation| command(operation, output, target));
    let commands = commands.collect::<Result<Vec<_>, _>>()?;
    Ok(quote! {
        use #library::#client;
        use #library::types;

        use crate::api;
        use crate::failure::Failure;

        /// An operation of the API with its parameters.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Operation { #(#idents(Box<#idents>),)* }

        impl Operation {
            /// Sends the request and writes the answer.
            pub(crate) async fn run(self, client: &#client) -> Result<(), Failure> {
                match self {
                    #(Self::#idents(arguments) => arguments.run(client).await,)*
                }
            }
        }

        #(#commands)*
    })
}

fn command(operation: &Operation, output: &Output, target: &Target) -> Result<TokenStream, Error> {
    let ident = names::type_ident(&operation.id);
    let method = names::field_ident(&operation.id);
    let client = names::type_ident(target.facade);
    let mut fields = Vec::new();
    let mut setters = Vec::new();
    for parameter in &operation.parameters {
        if OWN_FLAGS.contains(&parameter.name.as_str()) {
            let reason = "its flag would have the name of one that every command line has";
            return Err(unsupported(format!("{}.{}", operation.id, parameter.name), reason));
        }
        let name = names::field_ident(&parameter.name);
        let ty = output.parameter_type(&operation.id, &parameter.name)?;
        fields.push(flag(parameter, &ty));
        setters.push(if parameter.required {
            quote! { let request = request.#name(self.#name); }
        } else if parameter.repeated {
            quote! { let request = if self.#name.is_empty() { request } else { request.#name(self.#name) }; }
        } else {
            quote! {
                let request = match self.#name {
                    None => request,
                    Some(#name) => request.#name(#name),
                };
            }
        });
    }
    if let Some(body) = &operation.body {
        let model = names::type_ident(&body.model);
        let docs = comment(&format!(
            "{} JSON, as the document describes `{}`.",
            body.description, body.model
        ));
        let (field, setter) = if body.required {
            (
                quote! { body: String },
                quote! { let request = request.body(api::body::<types::#model>(&self.body)?); },
            )
        } else {
            let setter = quote! {
                let request = match &self.body {
                    None => request,
                    Some(body) => request.body(api::body::<types::#model>(body)?),
                };
            };
            (quote! { body: Option<String> }, setter)
        };
        fields.push(quote! { #docs #[arg(long, value_name = "JSON")] #field });
        setters.push(setter);
    }
    let all = operation.pagination.as_ref().map(|_| {
        fields.push(quote! {
            /// Follow the cursor to the end of the list and write one item per line
            #[arg(long)]
            all: bool
        });
        quote! {
            if self.all {
                return api::items(request.stream()).await;
            }
        }
    });
    let send = if operation.answer.is_some() {
        quote! { api::answer(&request.send().await?.into_inner()) }
    } else {
        quote! { request.send().await?; Ok(()) }
    };
    let docs = comment(&help(operation));
    Ok(quote! {
        #docs
        #[derive(Debug, clap::Args)]
        pub(crate) struct #ident { #(#fields,)* }

        impl #ident {
            async fn run(self, client: &#client) -> Result<(), Failure> {
                let request = client.#method();
                #(#setters)*
                #all
                #send
            }
        }
    })
}

fn help(operation: &Operation) -> String {
    let mut docs = operation.summary.trim_end_matches('.').to_owned();
    add_paragraph(&mut docs, operation.description.trim_end());
    if operation.method != "get" {
        add_paragraph(&mut docs, "It is sent at once: nothing is asked before.");
    }
    if operation.answer.is_none() {
        add_paragraph(&mut docs, "Writes nothing: the exit code says that it was done.");
    }
    add_paragraph(
        &mut docs,
        &format!("{} {}", operation.method.to_uppercase(), operation.path),
    );
    docs
}

fn flag(parameter: &Parameter, ty: &Type) -> TokenStream {
    let name = names::field_ident(&parameter.name);
    let mut docs = parameter.description.trim_end().to_owned();
    if parameter.deprecated {
        add_paragraph(&mut docs, "Deprecated by the API.");
    }
    let docs = comment(&docs);
    let is_boolean = matches!(ty, Type::Path(path) if path.path.is_ident("bool"));
    let attribute = if parameter.repeated && parameter.required {
        quote! { #[arg(long, required = true, value_delimiter = ',')] }
    } else if parameter.repeated {
        quote! { #[arg(long, value_delimiter = ',')] }
    } else if is_boolean {
        quote! { #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")] }
    } else {
        quote! { #[arg(long)] }
    };
    if parameter.required || parameter.repeated {
        quote! { #docs #attribute #name: #ty }
    } else {
        quote! { #docs #attribute #name: Option<#ty> }
    }
}
