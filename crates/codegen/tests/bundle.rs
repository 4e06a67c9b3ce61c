//! References from one document to another.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use workos_directory_codegen::Document;
use workos_directory_codegen::Target;
use workos_directory_codegen::generate;

fn emulator() -> Document {
    Document::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/emulator.yaml")).unwrap()
}

#[test]
fn a_model_of_another_document_is_the_type_of_its_crate() {
    let generated = generate(&emulator(), &Target::EMULATOR_CLIENT).unwrap();
    let (_, types) = generated.files().find(|(path, _)| *path == "types.rs").unwrap();
    assert!(
        types.contains("pub use workos_directory_sync::types::DirectoryUser;"),
        "{types}"
    );
    assert!(!types.contains("pub struct DirectoryUser "), "{types}");
}

#[test]
fn a_model_of_a_document_that_no_crate_has_is_refused() {
    let target = Target {
        imports: &[],
        ..Target::EMULATOR_CLIENT
    };
    let error = generate(&emulator(), &target).unwrap_err().to_string();
    assert!(
        error.contains("it comes from `openapi.yaml`, and no crate is known"),
        "{error}"
    );
}

#[test]
fn a_reference_to_a_file_outside_of_the_folder_is_refused() {
    let text = r##"{"openapi": "3.0.3", "info": {"title": "a", "version": "1"}, "paths": {},
        "components": {"schemas": {"A": {"$ref": "../other.yaml#/components/schemas/B"}}}}"##;
    let error = Document::parse(text).unwrap_err().to_string();
    assert_eq!(error, "../other.yaml: references lead to files of the same folder only");
}
