//! `--fix`: mends in the text what can be mended without asking anybody; comments stay.

use anyhow::Result;
use serde_json::Value;

use super::Finding;
use super::key_order;
use super::places::Places;
use crate::openapi::Document;

/// More than any document has faults.
const ROUNDS: usize = 1_000;

/// The text with everything mended that can be; the given function finds what is wrong with a document.
pub(super) fn fixed(text: &str, findings: impl Fn(&Value) -> Vec<Finding>) -> Result<String> {
    let mut text = text.to_owned();
    for _ in 0..ROUNDS {
        let document = Document::parse(&text)?;
        let places = Places::of(&text)?;
        let document = document.value();
        let next = findings(document)
            .iter()
            .find_map(|finding| one(&text, document, &places, finding));
        let Some(next) = next else { break };
        text = next;
    }
    Ok(text)
}

/// Mends one finding, if that is possible and changes nothing else.
fn one(text: &str, document: &Value, places: &Places, finding: &Finding) -> Option<String> {
    match finding.rule {
        "order" => {
            let fixed = key_order::fixed(text, document, places, &finding.pointer)?;
            // Objects are equal whatever their order: only the order may have changed. An anchor that would stand behind
            // its alias is no document any more.
            let same = Document::parse(&fixed).is_ok_and(|new| new.value() == document);
            (same && fixed != text).then_some(fixed)
        }
        "open-enum" => {
            let place = places.exact(&finding.pointer)?;
            let mut fixed = text.to_owned();
            fixed.replace_range(place.range.clone(), "x-extensible-enum");
            Some(fixed)
        }
        "errors" => missing_status(text, document, places, finding),
        "pagination" => missing_pagination(text, document, places, finding),
        _ => None,
    }
}

/// Adds an error status by the component that other operations give for it.
fn missing_status(text: &str, document: &Value, places: &Places, finding: &Finding) -> Option<String> {
    let status = finding
        .message
        .split(' ')
        .find(|word| word.chars().next().is_some_and(|c| c.is_ascii_digit()))?;
    let paths = document.get("paths")?.as_object()?;
    let operations = paths
        .values()
        .filter_map(Value::as_object)
        .flat_map(|item| item.values());
    let reference = operations
        .filter_map(|operation| operation.get("responses")?.get(status)?.get("$ref")?.as_str())
        .next()?;
    let responses = document.pointer(&finding.pointer)?.as_object()?;
    let first = responses.keys().next()?;
    let quote = if status.ends_with("XX") { "" } else { "'" };
    let line = format!("{quote}{status}{quote}: {{ $ref: '{reference}' }}");
    insert_above(text, places, &format!("{}/{first}", finding.pointer), &line)
}

/// Marks a list whose parameters are those of every list.
fn missing_pagination(text: &str, document: &Value, places: &Places, finding: &Finding) -> Option<String> {
    let operation = document.pointer(&finding.pointer)?;
    let named = |parameter: &Value| {
        let target = parameter
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|target| target.strip_prefix('#'));
        let parameter = target.map_or(Some(parameter), |target| document.pointer(target))?;
        parameter.get("name").and_then(Value::as_str).map(str::to_owned)
    };
    let names: Vec<String> = operation
        .get("parameters")?
        .as_array()?
        .iter()
        .filter_map(named)
        .collect();
    if !["after", "before", "limit"]
        .iter()
        .all(|name| names.iter().any(|known| known == name))
    {
        return None;
    }
    insert_above(text, places, &format!("{}/parameters", finding.pointer), &finding.fix)
}

/// Writes a line above a key, as far to the right as the key.
fn insert_above(text: &str, places: &Places, pointer: &str, line: &str) -> Option<String> {
    let place = places.exact(pointer)?;
    let start = text[..place.range.start].rfind('\n')? + 1;
    let indent = &text[start..place.range.start];
    if !indent.chars().all(|c| c == ' ') {
        return None;
    }
    let mut fixed = text.to_owned();
    fixed.insert_str(start, &format!("{indent}{line}\n"));
    Some(fixed)
}
