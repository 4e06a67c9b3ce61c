//! Every example of the document decodes into its model and encodes back to the same JSON.
//!
//! A field that may be null and is missing means the same as `null`, and is written as `null`, which is what the live API
//! writes: that is the one difference that these tests allow.

use serde_json::Value;

use crate::models::model;
use crate::spec;

/// An example with the model that it is of and the place where it stands.
struct Example {
    place: String,
    schema: &'static Value,
    model: &'static str,
    value: &'static Value,
}

fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    let components = &spec::document()["components"];
    for (name, schema) in components["schemas"].as_object().expect("it has schemas") {
        let value = schema
            .get("example")
            .unwrap_or_else(|| panic!("schemas.{name} has no example"));
        examples.push(Example {
            place: format!("schemas.{name}"),
            schema,
            model: name,
            value,
        });
    }
    for (path, item) in spec::document()["paths"].as_object().expect("it has paths") {
        for (method, operation) in item.as_object().expect("a path is an object") {
            let Some(responses) = operation.get("responses").and_then(Value::as_object) else {
                continue;
            };
            for (status, response) in responses {
                let place = format!("{method} {path} {status}");
                let Some(media) = spec::resolve(response).pointer("/content/application~1json") else {
                    continue;
                };
                let schema = &media["schema"];
                let Some(model) = spec::schema_name(schema) else {
                    continue;
                };
                let named = media.get("examples").and_then(Value::as_object).into_iter().flatten();
                let named = named.map(|(name, example)| {
                    let value = spec::resolve(example).get("value").expect("an example has a value");
                    (format!("{place} {name}"), value)
                });
                let single = media.get("example").map(|value| (place.clone(), value));
                let before = examples.len();
                examples.extend(named.chain(single).map(|(place, value)| Example {
                    place,
                    schema,
                    model,
                    value,
                }));
                assert!(examples.len() > before, "{place} has no example");
            }
        }
    }
    examples
}

/// The value with `null` for every missing field that may be null.
fn with_nulls(value: &Value, schema: &'static Value) -> Value {
    let schema = spec::resolve(schema);
    match value {
        Value::Object(fields) if schema.get("x-raw-json").is_none() => {
            let mut fields = fields.clone();
            for (name, property) in schema
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                if let Some(field) = fields.get_mut(name) {
                    *field = with_nulls(field, property);
                } else if property.get("nullable") == Some(&Value::Bool(true)) {
                    fields.insert(name.clone(), Value::Null);
                }
            }
            Value::Object(fields)
        }
        Value::Array(items) => match schema.get("items") {
            Some(schema) => items.iter().map(|item| with_nulls(item, schema)).collect(),
            None => value.clone(),
        },
        _ => value.clone(),
    }
}

#[test]
fn every_example_decodes_into_its_model_and_encodes_back_to_the_same_json() {
    let examples = examples();
    assert!(examples.len() > 80, "only {} examples were found", examples.len());
    for Example {
        place,
        schema,
        model: name,
        value,
    } in examples
    {
        let back = (model(name).round_trip)(&value.to_string()).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(back, with_nulls(value, schema), "{place}");
    }
}

#[test]
fn every_response_is_there_for_every_status_that_an_operation_names() {
    for (path, item) in spec::document()["paths"].as_object().expect("it has paths") {
        for (method, operation) in item.as_object().expect("a path is an object") {
            let Some(responses) = operation.get("responses").and_then(Value::as_object) else {
                continue;
            };
            for status in ["401", "429", "4XX", "5XX"] {
                assert!(
                    responses.contains_key(status),
                    "{method} {path} says nothing of {status}"
                );
            }
        }
    }
}
