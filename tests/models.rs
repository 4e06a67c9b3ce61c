//! Every generated model, by the name that the document gives it.

use schemars::Schema;
use schemars::SchemaGenerator;
use serde_json::Value;
use workos_directory_sync::types;

/// What the tests do with a model.
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) schema: fn(SchemaGenerator) -> Schema,
    /// Decodes a JSON text and encodes it again.
    pub(crate) round_trip: fn(&str) -> Result<Value, serde_json::Error>,
}

macro_rules! table {
    ($($name:ident),*) => {
        &[$(Model {
            name: stringify!($name),
            schema: |generator| generator.into_root_schema_for::<types::$name>(),
            round_trip: |json| {
                let model: types::$name = serde_json::from_str(json)?;
                // By way of text, since raw JSON does not go into a `Value` directly.
                serde_json::from_str(&serde_json::to_string(&model)?)
            },
        }),*]
    };
}

/// All models; the list is generated.
pub(crate) const MODELS: &[Model] = workos_directory_sync::for_each_model!(table);

/// A model by its name.
pub(crate) fn model(name: &str) -> &'static Model {
    MODELS
        .iter()
        .find(|model| model.name == name)
        .unwrap_or_else(|| panic!("no model is called {name}"))
}
