//! The documents, read once.

use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;
use workos_directory_codegen::Document;

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| read("openapi.yaml"));

static EMULATOR: LazyLock<Document> = LazyLock::new(|| read("emulator.yaml"));

fn read(name: &str) -> Document {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec");
    Document::read(&folder.join(name)).expect("the document is good")
}

/// The whole document as JSON.
pub(crate) fn document() -> &'static Value {
    DOCUMENT.value()
}

/// The whole document of the emulator's admin API as JSON.
pub(crate) fn emulator() -> &'static Value {
    EMULATOR.value()
}

/// What a value refers to, or the value itself.
pub(crate) fn resolve(value: &'static Value) -> &'static Value {
    resolve_in(document(), value)
}

/// What a value of a document refers to there, or the value itself.
pub(crate) fn resolve_in(document: &'static Value, value: &'static Value) -> &'static Value {
    match reference(value) {
        None => value,
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("references stay in the document");
            resolve_in(
                document,
                document
                    .pointer(pointer)
                    .unwrap_or_else(|| panic!("nothing is at {reference}")),
            )
        }
    }
}

/// The reference that a value is, be it alone or in `allOf`.
pub(crate) fn reference(value: &Value) -> Option<&str> {
    let direct = value.get("$ref").or_else(|| value.get("allOf")?.get(0)?.get("$ref"));
    direct?.as_str()
}

/// The name of the schema that a value refers to.
pub(crate) fn schema_name(value: &Value) -> Option<&str> {
    reference(value)?.strip_prefix("#/components/schemas/")
}
