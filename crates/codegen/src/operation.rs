//! What the document says of its operations: method, path, parameters, answers, pages and limits.

use openapiv3::MediaType;
use openapiv3::ParameterData;
use openapiv3::ParameterSchemaOrContent;
use openapiv3::ReferenceOr;
use openapiv3::Response;
use openapiv3::Schema;
use openapiv3::SchemaKind;
use openapiv3::StatusCode;
use openapiv3::Type;
use serde_json::Value;

use crate::Document;
use crate::Error;
use crate::error::unsupported;

/// An operation of the document.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) tag: String,
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) origin: Origin,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<RequestBody>,
    /// The success statuses, a range counting as its first.
    pub(crate) success: Vec<u16>,
    /// The schema of the success body; `None` when there is none or it means nothing.
    pub(crate) answer: Option<String>,
    pub(crate) pagination: Option<Pagination>,
    pub(crate) rate_limits: Vec<RateLimit>,
}

/// A parameter of an operation.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) path: bool,
    pub(crate) required: bool,
    pub(crate) repeated: bool,
    pub(crate) deprecated: bool,
    pub(crate) description: String,
    pub(crate) origin: Origin,
    /// `default` and `maximum` of an integer.
    pub(crate) default: Option<i64>,
    pub(crate) maximum: Option<i64>,
}

/// The JSON that an operation takes.
pub(crate) struct RequestBody {
    pub(crate) model: String,
    pub(crate) required: bool,
    pub(crate) description: String,
}

/// Who documents a thing (`x-origin`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Seed,
    Live,
    Both,
}

/// `x-cursor-pagination` of a list operation.
pub(crate) struct Pagination {
    pub(crate) cursor: String,
    /// The parameter that takes the cursor to go back from, if there is one.
    pub(crate) back: Option<String>,
    pub(crate) limit: String,
    pub(crate) items: String,
    pub(crate) next: String,
    /// What else is sent for the pages of a list when the caller does not say otherwise: parameters and their values.
    pub(crate) defaults: Vec<(String, String)>,
}

/// An entry of `x-rate-limit`.
pub(crate) struct RateLimit {
    pub(crate) requests: u32,
    pub(crate) seconds: u32,
    pub(crate) per_directory: bool,
    pub(crate) origin: Origin,
}

/// An error status with its `x-cause` and `x-fix`.
pub(crate) struct StatusHelp {
    pub(crate) status: u16,
    pub(crate) cause: String,
    pub(crate) fix: String,
}

/// All operations of the document, in its order.
pub(crate) fn operations(document: &Document) -> Result<Vec<Operation>, Error> {
    let mut operations = Vec::new();
    for (path, item) in &document.openapi.paths.paths {
        let ReferenceOr::Item(item) = item else {
            return Err(unsupported(path, "a path that only refers to another"));
        };
        for (method, operation) in item.iter() {
            let id = operation
                .operation_id
                .clone()
                .ok_or_else(|| unsupported(format!("{method} {path}"), "it has no `operationId`"))?;
            let parameters = item
                .parameters
                .iter()
                .chain(&operation.parameters)
                .map(|parameter| self::parameter(document, &id, parameter))
                .collect::<Result<Vec<_>, _>>()?;
            let (success, answer) = answers(document, &id, &operation.responses)?;
            let tag = operation
                .tags
                .first()
                .cloned()
                .ok_or_else(|| unsupported(&id, "it has no tag"))?;
            let pagination = operation
                .extensions
                .get("x-cursor-pagination")
                .map(|value| pagination(&id, value));
            operations.push(Operation {
                method: method.to_owned(),
                path: path.clone(),
                tag,
                summary: operation.summary.clone().unwrap_or_default(),
                description: operation.description.clone().unwrap_or_default(),
                origin: origin(&id, operation.extensions.get("x-origin"))?,
                parameters,
                body: operation
                    .request_body
                    .as_ref()
                    .map(|body| request_body(&id, method, body))
                    .transpose()?,
                success,
                answer,
                pagination: pagination.transpose()?,
                rate_limits: rate_limits(&id, operation.extensions.get("x-rate-limit"))?,
                id,
            });
        }
    }
    Ok(operations)
}

/// The limits that hold for every operation.
pub(crate) fn general_rate_limits(document: &Document) -> Result<Vec<RateLimit>, Error> {
    rate_limits("the document", document.openapi.extensions.get("x-rate-limit"))
}

/// What the error responses of the document say of causes and fixes, by status; a range counts as its first status.
pub(crate) fn status_help(document: &Document) -> Result<Vec<StatusHelp>, Error> {
    let mut help: Vec<StatusHelp> = Vec::new();
    for (path, item) in &document.openapi.paths.paths {
        let ReferenceOr::Item(item) = item else { continue };
        for (status, response) in item.iter().flat_map(|(_, operation)| &operation.responses.responses) {
            let response = response_of(document, path, response)?;
            let text = |key: &str| response.extensions.get(key).and_then(Value::as_str).map(str::to_owned);
            let (Some(cause), Some(fix)) = (text("x-cause"), text("x-fix")) else {
                continue;
            };
            let status = first_status(status);
            match help.iter().find(|help| help.status == status) {
                None => help.push(StatusHelp { status, cause, fix }),
                Some(known) if known.cause == cause && known.fix == fix => {}
                Some(_) => {
                    let reason = format!("status {status} has another `x-cause` or `x-fix` than elsewhere");
                    return Err(unsupported(path, reason));
                }
            }
        }
    }
    help.sort_by_key(|help| help.status);
    Ok(help)
}

/// The name of the one schema that all error responses share.
pub(crate) fn error_model(document: &Document) -> Result<Option<String>, Error> {
    let mut model: Option<String> = None;
    for (path, item) in &document.openapi.paths.paths {
        let ReferenceOr::Item(item) = item else { continue };
        for (status, response) in item.iter().flat_map(|(_, operation)| &operation.responses.responses) {
            if is_success(status) {
                continue;
            }
            let Some(media) = json_content(response_of(document, path, response)?) else {
                continue;
            };
            let at = format!("{path} {status}");
            let Body::Model(name) = body(&at, media)? else {
                return Err(unsupported(at, "an error body without a named schema"));
            };
            match &model {
                None => model = Some(name),
                Some(known) if *known == name => {}
                Some(known) => {
                    let reason = format!("the error body is `{name}`, elsewhere `{known}`: all errors share one model");
                    return Err(unsupported(at, reason));
                }
            }
        }
    }
    Ok(model)
}

fn parameter(
    document: &Document,
    operation: &str,
    parameter: &ReferenceOr<openapiv3::Parameter>,
) -> Result<Parameter, Error> {
    let parameter = match parameter {
        ReferenceOr::Item(parameter) => parameter,
        ReferenceOr::Reference { reference } => {
            let name = reference.strip_prefix("#/components/parameters/");
            let components = document.openapi.components.as_ref();
            name.and_then(|name| components?.parameters.get(name)?.as_item())
                .ok_or_else(|| unsupported(operation, format!("`{reference}` is no parameter of this document")))?
        }
    };
    let path = match parameter {
        openapiv3::Parameter::Path { .. } => true,
        openapiv3::Parameter::Query { .. } => false,
        openapiv3::Parameter::Header { parameter_data, .. } | openapiv3::Parameter::Cookie { parameter_data, .. } => {
            let at = format!("{operation}.{}", parameter_data.name);
            return Err(unsupported(at, "only path and query parameters are supported"));
        }
    };
    let ParameterData {
        name,
        description,
        required,
        deprecated,
        format,
        extensions,
        ..
    } = parameter.parameter_data_ref();
    let at = format!("{operation}.{name}");
    let schema = match format {
        ParameterSchemaOrContent::Schema(schema) => schema,
        ParameterSchemaOrContent::Content(_) => {
            return Err(unsupported(at, "a parameter with `content` instead of `schema`"));
        }
    };
    let kind = schema.as_item().map(|schema| &schema.schema_kind);
    let integer = match kind {
        Some(SchemaKind::Type(Type::Integer(integer))) => Some(integer),
        _ => None,
    };
    let default = schema
        .as_item()
        .and_then(|schema| schema.schema_data.default.as_ref())
        .and_then(Value::as_i64);
    Ok(Parameter {
        origin: origin(&at, extensions.get("x-origin"))?,
        name: name.clone(),
        path,
        required: *required,
        repeated: matches!(kind, Some(SchemaKind::Type(Type::Array(_)))),
        deprecated: deprecated.unwrap_or_default(),
        description: description.clone().unwrap_or_default(),
        default,
        maximum: integer.and_then(|integer| integer.maximum),
    })
}

fn request_body(
    operation: &str,
    method: &str,
    body: &ReferenceOr<openapiv3::RequestBody>,
) -> Result<RequestBody, Error> {
    let at = format!("{operation}.requestBody");
    if !matches!(method, "post" | "put" | "patch") {
        return Err(unsupported(at, format!("`{method}` takes no body")));
    }
    let ReferenceOr::Item(body) = body else {
        return Err(unsupported(at, "a reference: write the body where it is used"));
    };
    let (Some(media), 1) = (body.content.get("application/json"), body.content.len()) else {
        return Err(unsupported(at, "only `application/json` is supported"));
    };
    let Body::Model(model) = self::body(&at, media)? else {
        return Err(unsupported(at, "a body without a named schema"));
    };
    Ok(RequestBody {
        model,
        required: body.required,
        description: body.description.clone().unwrap_or_default(),
    })
}

/// The success statuses of an operation and the schema that their bodies share.
fn answers(
    document: &Document,
    operation: &str,
    responses: &openapiv3::Responses,
) -> Result<(Vec<u16>, Option<String>), Error> {
    let mut statuses = Vec::new();
    let mut bodies = Vec::new();
    for (status, response) in &responses.responses {
        if !is_success(status) {
            continue;
        }
        statuses.push(first_status(status));
        let at = format!("{operation} {status}");
        bodies.push(match json_content(response_of(document, operation, response)?) {
            None => Body::Nothing,
            Some(media) => body(&at, media)?,
        });
    }
    if statuses.is_empty() {
        return Err(unsupported(operation, "it has no success response"));
    }
    // One of several answers without a body means that the others' bodies cannot matter.
    if bodies.contains(&Body::Nothing) {
        return Ok((statuses, None));
    }
    let mut names = bodies.into_iter().filter_map(|body| match body {
        Body::Model(name) => Some(name),
        Body::Nothing => None,
    });
    let first = names.next();
    match names.find(|name| Some(name) != first.as_ref()) {
        None => Ok((statuses, first)),
        Some(other) => {
            let reason = format!(
                "its success bodies differ: `{}` and `{other}`",
                first.unwrap_or_default()
            );
            Err(unsupported(operation, reason))
        }
    }
}

/// What a response carries.
#[derive(PartialEq)]
enum Body {
    Nothing,
    Model(String),
}

fn body(at: &str, media: &MediaType) -> Result<Body, Error> {
    match &media.schema {
        None => Ok(Body::Nothing),
        Some(ReferenceOr::Item(Schema {
            schema_kind: SchemaKind::Any(_),
            ..
        })) => Ok(Body::Nothing),
        Some(ReferenceOr::Item(_)) => Err(unsupported(
            at,
            "an inline schema: give it a name in `components.schemas`",
        )),
        Some(ReferenceOr::Reference { reference }) => reference
            .strip_prefix("#/components/schemas/")
            .map(|name| Body::Model(name.to_owned()))
            .ok_or_else(|| unsupported(at, format!("`{reference}` is no schema of this document"))),
    }
}

fn response_of<'a>(
    document: &'a Document,
    at: &str,
    response: &'a ReferenceOr<Response>,
) -> Result<&'a Response, Error> {
    match response {
        ReferenceOr::Item(response) => Ok(response),
        ReferenceOr::Reference { reference } => {
            let name = reference.strip_prefix("#/components/responses/");
            let components = document.openapi.components.as_ref();
            name.and_then(|name| components?.responses.get(name)?.as_item())
                .ok_or_else(|| unsupported(at, format!("`{reference}` is no response of this document")))
        }
    }
}

fn json_content(response: &Response) -> Option<&MediaType> {
    response
        .content
        .iter()
        .find(|(kind, _)| kind.starts_with("application/json"))
        .map(|(_, media)| media)
}

fn is_success(status: &StatusCode) -> bool {
    matches!(status, StatusCode::Code(200..=299) | StatusCode::Range(2))
}

fn first_status(status: &StatusCode) -> u16 {
    match status {
        StatusCode::Code(code) => *code,
        StatusCode::Range(range) => range * 100,
    }
}

fn origin(at: &str, value: Option<&Value>) -> Result<Origin, Error> {
    match value.map(Value::as_str) {
        None | Some(Some("both")) => Ok(Origin::Both),
        Some(Some("seed")) => Ok(Origin::Seed),
        Some(Some("live")) => Ok(Origin::Live),
        Some(_) => Err(unsupported(at, "`x-origin` is neither `seed` nor `live` nor `both`")),
    }
}

fn pagination(operation: &str, value: &Value) -> Result<Pagination, Error> {
    let text = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| unsupported(operation, format!("`x-cursor-pagination` has no `{key}`")))
    };
    let back = value.get("back").map(|_| text("back")).transpose()?;
    let defaults = value.get("defaults").and_then(Value::as_object).into_iter().flatten();
    let defaults = defaults
        .map(|(name, value)| {
            let value = value
                .as_str()
                .ok_or_else(|| unsupported(operation, format!("`x-cursor-pagination.defaults.{name}` is no text")))?;
            Ok((name.clone(), value.to_owned()))
        })
        .collect::<Result<_, Error>>()?;
    Ok(Pagination {
        cursor: text("cursor")?,
        back,
        limit: text("limit")?,
        items: text("items")?,
        next: text("next")?,
        defaults,
    })
}

fn rate_limits(at: &str, value: Option<&Value>) -> Result<Vec<RateLimit>, Error> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let entries = value
        .as_array()
        .ok_or_else(|| unsupported(at, "`x-rate-limit` is not a list"))?
        .iter()
        .map(|entry| {
            let number = |key: &str| {
                entry
                    .get(key)
                    .and_then(Value::as_u64)
                    .and_then(|number| u32::try_from(number).ok())
                    .filter(|number| *number > 0)
                    .ok_or_else(|| unsupported(at, format!("`x-rate-limit` has no positive `{key}`")))
            };
            let per_directory = match entry.get("per").and_then(Value::as_str) {
                Some("directory") => true,
                Some("address") => false,
                _ => {
                    return Err(unsupported(
                        at,
                        "`x-rate-limit` is `per` neither `address` nor `directory`",
                    ));
                }
            };
            Ok(RateLimit {
                requests: number("requests")?,
                seconds: number("seconds")?,
                per_directory,
                origin: origin(at, entry.get("x-origin"))?,
            })
        });
    entries.collect()
}
