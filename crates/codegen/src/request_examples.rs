//! The doc example of each request: a call that compiles, with the document's own example values.

use quote::quote;
use serde_json::Value;

use crate::Error;
use crate::error::unsupported;
use crate::names;
use crate::operation::Operation;
use crate::operation::Parameter;
use crate::requests::Requests;
use crate::schema::Field;
use crate::schema::Kind;
use crate::schema::Model;

impl Requests<'_> {
    /// A doc example that compiles, with the document's own example values.
    pub(crate) fn example(&self, operation: &Operation) -> Result<String, Error> {
        let mut calls = String::new();
        for parameter in operation.parameters.iter().filter(|parameter| parameter.required) {
            let at = format!("{}.{}", operation.id, parameter.name);
            let example = self
                .parameter_example(operation, parameter)
                .ok_or_else(|| unsupported(&at, "no example"))?;
            let literal = |value: &Value| value.as_str().map(|text| format!("{text:?}"));
            let value = match example {
                Value::Array(values) => values
                    .iter()
                    .map(|value| literal(value).map(|text| format!("{text}.into()")))
                    .collect::<Option<Vec<_>>>()
                    .map(|values| format!("vec![{}]", values.join(", "))),
                value => literal(value).or_else(|| Some(value.to_string())),
            };
            let value = value.ok_or_else(|| unsupported(&at, "the example is not of the parameter's type"))?;
            calls.push_str(&format!("\n    .{}({value})", names::field_ident(&parameter.name)));
        }
        let mut before = String::new();
        if let Some(body) = &operation.body {
            before = self.body_example(&body.model)?;
            calls.push_str("\n    .body(body)");
        }
        let method = names::field_ident(&operation.id);
        let call = format!("client\n    .{method}(){calls}\n    .send()\n    .await?;");
        let call = if operation.answer.is_some() {
            format!("let answer = {call}")
        } else {
            call
        };
        let print = if operation.answer.is_some() {
            "\nprintln!(\"{:?}\", *answer);"
        } else {
            ""
        };
        Ok(format!(
            "# Example\n\n```no_run\n# async fn example(client: {library}::{facade}) -> Result<(), {error}> \
             {{\n{before}{call}{print}\n# Ok(())\n# }}\n```",
            library = self.target.library,
            facade = self.target.facade,
            error = if before.contains("?;") || before.contains("?)") {
                "Box<dyn std::error::Error>".to_owned()
            } else {
                format!("{}::Error", self.target.library)
            },
        ))
    }

    /// The document's example of a model, as Rust makes one: what is required goes into the constructor, and then of the
    /// rest what is plain.
    fn body_example(&self, model: &str) -> Result<String, Error> {
        let at = format!("schemas.{model}");
        let example = self
            .document
            .value()
            .pointer(&format!("/components/schemas/{model}/example"))
            .ok_or_else(|| unsupported(&at, "no example, which the docs of a request with this body need"))?;
        let library = match self.models.iter().find(|known| known.name == model) {
            Some(Model { import: Some(_), .. }) => self.target.runtime_library(),
            _ => self.target.library,
        };
        let path = format!("{library}::types::{}", names::type_ident(model));
        let fields = self.models.iter().find(|known| known.name == model);
        let fields = match fields.map(|known| &known.kind) {
            Some(Kind::Struct(fields)) => fields,
            _ => return Err(unsupported(at, "a request body is an object")),
        };
        let is_plain = |field: &Field| field.reference.is_none() || self.is_enum(field);
        let value = |field: &Field| {
            let value = example.get(&field.name).filter(|_| is_plain(field))?;
            match value {
                Value::String(text) if self.is_timestamp(model, field) => Some(format!(
                    "{text:?}.parse::<{}::Timestamp>()?",
                    self.target.runtime_library()
                )),
                Value::String(text) => Some(format!("{text:?}.into()")),
                Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
                _ => None,
            }
        };
        let arguments: Option<Vec<_>> = fields
            .iter()
            .filter(|field| field.is_always_there())
            .map(value)
            .collect();
        let Some(arguments) = arguments else {
            return Ok(format!("let body: {path} = serde_json::from_str(r#\"{example}\"#)?;\n"));
        };
        let arguments: Vec<_> = arguments
            .iter()
            .map(|argument| argument.strip_suffix(".into()").unwrap_or(argument).to_owned())
            .collect();
        let rest: String = fields
            .iter()
            .filter(|field| !field.is_always_there())
            .filter_map(|field| Some((names::field_ident(&field.name), value(field)?)))
            .map(|(name, value)| format!("body.{name} = Some({value});\n"))
            .collect();
        let constructor = if arguments.is_empty() {
            "default()".to_owned()
        } else {
            format!("new({})", arguments.join(", "))
        };
        let mutable = if rest.is_empty() { "" } else { "mut " };
        Ok(format!("let {mutable}body = {path}::{constructor};\n{rest}"))
    }

    fn is_timestamp(&self, model: &str, field: &Field) -> bool {
        let ty = self.output.field_type(model, &field.name);
        ty.is_ok_and(|ty| quote! { #ty }.to_string().contains("Timestamp"))
    }

    fn is_enum(&self, field: &Field) -> bool {
        self.models
            .iter()
            .any(|model| Some(&model.name) == field.reference.as_ref() && matches!(model.kind, Kind::OpenEnum(_)))
    }

    /// `example` of a parameter as the document writes it.
    fn parameter_example(&self, operation: &Operation, parameter: &Parameter) -> Option<&Value> {
        let root = self.document.value();
        let item = root.get("paths")?.get(&operation.path)?;
        let own = item.get(&operation.method)?.get("parameters").and_then(Value::as_array);
        let shared = item.get("parameters").and_then(Value::as_array);
        own.into_iter().chain(shared).flatten().find_map(|entry| {
            let entry = match entry.get("$ref").and_then(Value::as_str) {
                Some(reference) => root.pointer(reference.strip_prefix('#')?)?,
                None => entry,
            };
            (entry.get("name")?.as_str()? == parameter.name).then(|| entry.get("example"))?
        })
    }
}
