//! The metadata pass: what the document says of each operation, as constants.

use proc_macro2::Literal;
use proc_macro2::TokenStream;
use quote::quote;

use crate::Document;
use crate::Error;
use crate::Target;
use crate::docs::comment;
use crate::error::unsupported;
use crate::names;
use crate::operation;
use crate::operation::Operation;
use crate::operation::Origin;
use crate::operation::Pagination;
use crate::operation::Parameter;
use crate::operation::RateLimit;

/// The file of all operations.
pub(crate) fn file(document: &Document, operations: &[Operation], target: &Target) -> Result<TokenStream, Error> {
    let runtime = target.runtime_path();
    let server = document
        .openapi()
        .servers
        .first()
        .map(|server| server.url.as_str())
        .ok_or_else(|| unsupported("the document", "it has no server"))?;
    let constants = operations.iter().map(constant).collect::<Result<Vec<_>, _>>()?;
    let names = operations.iter().map(|operation| names::const_ident(&operation.id));
    let general = operation::general_rate_limits(document)?;
    let has_rate_limits = !general.is_empty() || operations.iter().any(|operation| !operation.rate_limits.is_empty());
    let scope = has_rate_limits.then(|| quote! { use #runtime::operation::Scope; });
    let has_lists = operations.iter().any(|operation| operation.pagination.is_some());
    let pagination = has_lists.then(|| quote! { use #runtime::operation::Pagination; });
    let has_bodies = operations.iter().any(|operation| operation.body.is_some());
    let body = has_bodies.then(|| quote! { use #runtime::operation::RequestBody; });
    let general = general.iter().map(rate_limit);
    let help = operation::status_help(document)?.into_iter().map(|help| {
        let operation::StatusHelp { status, cause, fix } = help;
        let status = Literal::u16_unsuffixed(status);
        quote! { StatusHelp { status: #status, cause: #cause, fix: #fix } }
    });
    Ok(quote! {
        use #runtime::operation::Location;
        use #runtime::operation::Method;
        use #runtime::operation::Operation;
        use #runtime::operation::Origin;
        #pagination
        use #runtime::operation::Parameter;
        use #runtime::operation::RateLimit;
        #body
        #scope
        use #runtime::operation::StatusHelp;

        /// The address that the document names.
        pub const SERVER: &str = #server;

        /// All operations, in the document's order.
        pub const ALL: &[&Operation] = &[#(&#names),*];

        /// The limits that hold for all operations together.
        pub const RATE_LIMITS: &[RateLimit] = &[#(#general),*];

        /// Causes and fixes of error statuses; 500 stands for every 5xx.
        pub const STATUS_HELP: &[StatusHelp] = &[#(#help),*];

        #(#constants)*
    })
}

fn constant(operation: &Operation) -> Result<TokenStream, Error> {
    let name = names::const_ident(&operation.id);
    let docs = comment(&format!(
        "{}: `{} {}`.",
        operation.summary.trim_end_matches('.'),
        operation.method.to_uppercase(),
        operation.path
    ));
    let Operation {
        id, path, tag, summary, ..
    } = operation;
    let answer = match &operation.answer {
        None => quote! { None },
        Some(model) => quote! { Some(#model) },
    };
    let body = match &operation.body {
        None => quote! { None },
        Some(body) => {
            let (model, required) = (&body.model, body.required);
            quote! { Some(RequestBody { model: #model, required: #required }) }
        }
    };
    let success = operation.success.iter().map(|status| Literal::u16_unsuffixed(*status));
    let method = match operation.method.as_str() {
        "get" => quote! { Method::Get },
        "post" => quote! { Method::Post },
        "put" => quote! { Method::Put },
        "patch" => quote! { Method::Patch },
        "delete" => quote! { Method::Delete },
        other => return Err(unsupported(id, format!("the method `{other}` is not supported"))),
    };
    let origin = origin(operation.origin);
    let parameters = operation.parameters.iter().map(parameter);
    let pagination = match &operation.pagination {
        None => quote! { None },
        Some(pagination) => self::pagination(operation, pagination)?,
    };
    let rate_limits = operation.rate_limits.iter().map(rate_limit);
    Ok(quote! {
        #docs
        pub const #name: Operation = Operation {
            id: #id,
            method: #method,
            path: #path,
            tag: #tag,
            summary: #summary,
            origin: #origin,
            parameters: &[#(#parameters),*],
            body: #body,
            success: &[#(#success),*],
            answer: #answer,
            pagination: #pagination,
            rate_limits: &[#(#rate_limits),*],
            status_help: STATUS_HELP,
        };
    })
}

fn parameter(parameter: &Parameter) -> TokenStream {
    let Parameter {
        name,
        required,
        repeated,
        deprecated,
        description,
        ..
    } = parameter;
    let description = description.trim_end().replace('\n', " ");
    let location = if parameter.path {
        quote! { Location::Path }
    } else {
        quote! { Location::Query }
    };
    let origin = origin(parameter.origin);
    quote! {
        Parameter {
            name: #name,
            location: #location,
            required: #required,
            repeated: #repeated,
            description: #description,
            origin: #origin,
            deprecated: #deprecated,
        }
    }
}

fn pagination(operation: &Operation, pagination: &Pagination) -> Result<TokenStream, Error> {
    let Pagination {
        cursor,
        limit,
        items,
        next,
        back: _,
        defaults: _,
    } = pagination;
    let bounds = operation
        .parameters
        .iter()
        .find(|parameter| parameter.name == *limit)
        .and_then(|parameter| {
            Some((
                u32::try_from(parameter.default?).ok()?,
                u32::try_from(parameter.maximum?).ok()?,
            ))
        });
    let (default_limit, max_limit) = bounds.ok_or_else(|| {
        unsupported(
            format!("{}.{limit}", operation.id),
            "a page's limit needs a `default` and a `maximum`",
        )
    })?;
    let default_limit = Literal::u32_unsuffixed(default_limit);
    let max_limit = Literal::u32_unsuffixed(max_limit);
    Ok(quote! {
        Some(Pagination {
            cursor: #cursor,
            limit: #limit,
            items: #items,
            next: #next,
            default_limit: #default_limit,
            max_limit: #max_limit,
        })
    })
}

fn rate_limit(limit: &RateLimit) -> TokenStream {
    let requests = Literal::u32_unsuffixed(limit.requests);
    let seconds = Literal::u32_unsuffixed(limit.seconds);
    let per = if limit.per_directory {
        quote! { Scope::Directory }
    } else {
        quote! { Scope::Address }
    };
    let origin = origin(limit.origin);
    quote! { RateLimit { requests: #requests, seconds: #seconds, per: #per, origin: #origin } }
}

fn origin(origin: Origin) -> TokenStream {
    match origin {
        Origin::Seed => quote! { Origin::Seed },
        Origin::Live => quote! { Origin::Live },
        Origin::Both => quote! { Origin::Both },
    }
}
