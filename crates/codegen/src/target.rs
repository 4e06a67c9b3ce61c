//! What is generated for whom: a document, the crate that gets the code, and what that crate has at hand.

/// A crate that has generated code.
///
/// The generator knows no document by name. What differs between one client and the next stands here; `cargo xtask
/// codegen` goes through [`Target::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The document, from the workspace's root.
    pub document: &'static str,
    /// The folder of the generated code, from the workspace's root.
    pub folder: &'static str,
    /// The folder of the raw command line, from the workspace's root, if there is one.
    pub commands: Option<&'static str>,
    /// How users of the crate call it, such as `workos_directory_sync`.
    pub library: &'static str,
    /// The crate with requests, retry, errors and decoding, seen from the generated code: `crate` in that crate itself.
    pub runtime: &'static str,
    /// The type that gets one method per operation. It is the runtime's `Client`, or a type of the crate that has one
    /// (`fn client(&self) -> &Client`).
    pub facade: &'static str,
    /// Whether the client can tell of fields and values that the document does not know, for which it needs their names.
    pub drift: bool,
    /// Documents whose schemas this one refers to (`$ref: openapi.yaml#/components/schemas/…`), each with the crate that
    /// has them as types.
    pub imports: &'static [(&'static str, &'static str)],
}

impl Target {
    /// The client of the Directory Sync API.
    pub const CLIENT: Self = Self {
        document: "spec/openapi.yaml",
        folder: "crates/client/src/generated",
        commands: Some("crates/cli/src/generated"),
        library: "workos_directory_sync",
        runtime: "crate",
        facade: "Client",
        drift: true,
        imports: &[],
    };

    /// The client of the emulator's own API.
    pub const EMULATOR_CLIENT: Self = Self {
        document: "spec/emulator.yaml",
        folder: "crates/emulator-client/src/generated",
        commands: None,
        library: "workos_directory_emulator_client",
        runtime: "workos_directory_sync",
        facade: "EmulatorClient",
        drift: false,
        imports: &[("openapi.yaml", "workos_directory_sync")],
    };

    /// All targets of this workspace.
    pub const ALL: &[Self] = &[Self::CLIENT, Self::EMULATOR_CLIENT];

    /// Whether the facade is the runtime's own client.
    pub(crate) fn is_runtime(&self) -> bool {
        self.runtime == "crate"
    }

    /// The runtime as users of the crate call it.
    pub(crate) fn runtime_library(&self) -> &'static str {
        if self.is_runtime() { self.library } else { self.runtime }
    }

    /// The runtime's path in generated code.
    pub(crate) fn runtime_path(&self) -> syn::Ident {
        syn::parse_str(self.runtime).unwrap_or_else(|_| quote::format_ident!("crate"))
    }
}
