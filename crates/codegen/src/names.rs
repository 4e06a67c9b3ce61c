//! How things of the document are called in Rust.

use heck::ToPascalCase as _;
use heck::ToShoutySnakeCase as _;
use heck::ToSnakeCase as _;
use proc_macro2::Ident;
use proc_macro2::Span;

/// `list directory users` or `dsync.user.created` as a type or variant name.
pub(crate) fn pascal(name: &str) -> String {
    name.to_pascal_case()
}

/// The identifier of a type, a variant or an operation's builder.
pub(crate) fn type_ident(name: &str) -> Ident {
    ident(&name.to_pascal_case())
}

/// The identifier of a field, a parameter, a method or a module; `type` becomes `type_`.
pub(crate) fn field_ident(name: &str) -> Ident {
    ident(&name.to_snake_case())
}

/// The identifier of a constant.
pub(crate) fn const_ident(name: &str) -> Ident {
    ident(&name.to_shouty_snake_case())
}

fn ident(name: &str) -> Ident {
    if syn::parse_str::<Ident>(name).is_ok() {
        Ident::new(name, Span::call_site())
    } else {
        Ident::new(&format!("{name}_"), Span::call_site())
    }
}
