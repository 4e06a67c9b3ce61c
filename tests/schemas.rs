//! The shape of every model: one snapshot each, so that a change of a shape is a change of one small file.

use schemars::generate::SchemaSettings;

use crate::models::MODELS;
use crate::spec;

#[test]
fn every_model_has_the_shape_that_was_reviewed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("snapshots/models");
    settings.set_omit_expression(true);
    for model in MODELS {
        let mut schema = (model.schema)(SchemaSettings::draft2020_12().into_generator());
        // The models that this one refers to have snapshots of their own.
        schema.remove("$defs");
        schema.remove("$schema");
        settings.bind(|| insta::assert_json_snapshot!(model.name, schema));
    }
}

#[test]
fn the_models_are_the_schemas_of_the_document() {
    let schemas = spec::document()["components"]["schemas"]
        .as_object()
        .expect("it has schemas");
    let described: Vec<_> = schemas.keys().map(String::as_str).collect();
    let generated: Vec<_> = MODELS.iter().map(|model| model.name).collect();
    assert_eq!(generated, described);
}

#[test]
fn no_snapshot_is_left_of_a_model_that_is_gone() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/models");
    for entry in std::fs::read_dir(folder).expect("the snapshots are there") {
        let name = entry
            .expect("it can be listed")
            .file_name()
            .into_string()
            .expect("names are UTF-8");
        let model = name
            .strip_suffix(".snap")
            .unwrap_or_else(|| panic!("{name} is no accepted snapshot"));
        assert!(
            MODELS.iter().any(|known| known.name == model),
            "{folder}/{name} is of no model: delete it"
        );
    }
}
