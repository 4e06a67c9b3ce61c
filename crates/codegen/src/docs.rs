//! Doc comments from the document's prose.

use proc_macro2::TokenStream;
use quote::quote;

/// One `///` line for each line of the text.
pub(crate) fn comment(text: &str) -> TokenStream {
    let lines = text.trim_end().lines().map(|line| {
        let line = if line.is_empty() {
            String::new()
        } else {
            format!(" {line}")
        };
        quote! { #[doc = #line] }
    });
    quote! { #(#lines)* }
}
