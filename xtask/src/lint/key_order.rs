//! In which order keys stand: what a thing is called first, then what it means, then its parts.
//!
//! Components are sorted by name. The fields of a model, the parameters of an operation and the paths stand as their author
//! put them: fields are the arguments of constructors, and paths tell a story.

use std::ops::Range;

use serde_json::Value;

use super::Finding;
use super::places::Places;
use super::places::escaped;

/// `x-` stands for all extensions; keys that are not in the list come last, in any order.
const DOCUMENT: &[&str] = &[
    "openapi",
    "info",
    "servers",
    "security",
    "tags",
    "x-",
    "paths",
    "components",
];
const COMPONENTS: &[&str] = &[
    "securitySchemes",
    "examples",
    "headers",
    "parameters",
    "requestBodies",
    "responses",
    "schemas",
];
const OPERATION: &[&str] = &[
    "operationId",
    "summary",
    "description",
    "tags",
    "deprecated",
    "security",
    "x-",
    "parameters",
    "requestBody",
    "responses",
];
const PARAMETER: &[&str] = &[
    "name",
    "in",
    "required",
    "x-",
    "deprecated",
    "description",
    "style",
    "explode",
    "schema",
    "example",
];
const RESPONSE: &[&str] = &["description", "x-", "headers", "content"];
const SCHEMA: &[&str] = &["description", "type", "required", "properties"];

/// How a mapping's keys are to be ordered.
#[derive(Clone, Copy)]
enum Order {
    Listed(&'static [&'static str]),
    Sorted,
}

impl Order {
    /// The order of the mapping at a pointer; most have none.
    fn of(pointer: &str) -> Option<Self> {
        let parts: Vec<&str> = pointer.split('/').skip(1).collect();
        let listed = match parts.as_slice() {
            [] => DOCUMENT,
            ["components"] => COMPONENTS,
            ["components", _] => return Some(Self::Sorted),
            ["paths", _, method] if crate::openapi::METHODS.contains(method) => OPERATION,
            ["paths", _, "parameters", _] | ["paths", _, _, "parameters", _] | ["components", "parameters", _] => {
                PARAMETER
            }
            ["paths", _, _, "responses"] => return Some(Self::Sorted),
            ["paths", _, _, "responses", _] | ["components", "responses", _] => RESPONSE,
            ["components", "schemas", _] => SCHEMA,
            _ => return None,
        };
        Some(Self::Listed(listed))
    }

    fn rank(self, key: &str) -> (usize, &str) {
        match self {
            Self::Sorted => (0, key),
            Self::Listed(keys) => {
                let key = if key.starts_with("x-") { "x-" } else { key };
                (keys.iter().position(|known| *known == key).unwrap_or(keys.len()), "")
            }
        }
    }
}

/// Checks all mappings of a document.
pub(super) fn check(document: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    walk(document, "", &mut findings);
    findings
}

fn walk(value: &Value, pointer: &str, findings: &mut Vec<Finding>) {
    match value {
        Value::Object(fields) => {
            let keys: Vec<&String> = fields.keys().collect();
            if let Some(order) = Order::of(pointer)
                && let Some(pair) = keys.windows(2).find(|pair| order.rank(pair[0]) > order.rank(pair[1]))
            {
                let fix = match order {
                    Order::Sorted => "sort by name: `cargo xtask lint --fix`".to_owned(),
                    Order::Listed(keys) => format!("the order is {}: `cargo xtask lint --fix`", keys.join(", ")),
                };
                let message = format!("`{}` stands behind `{}`", pair[1], pair[0]);
                findings.push(super::rules::finding(
                    "order",
                    format!("{pointer}/{}", escaped(pair[1])),
                    message,
                    fix,
                ));
            }
            for (key, value) in fields {
                walk(value, &format!("{pointer}/{}", escaped(key)), findings);
            }
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| walk(item, &format!("{pointer}/{index}"), findings));
        }
        _ => {}
    }
}

/// The text with the entries of the mapping around `pointer` in order; comments and blank lines go with what they stand
/// above. `None` when the mapping is written in one line, which people have to do.
pub(super) fn fixed(text: &str, document: &Value, places: &Places, pointer: &str) -> Option<String> {
    let mapping = &pointer[..pointer.rfind('/')?];
    let order = Order::of(mapping)?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let keys: Vec<&String> = document.pointer(mapping)?.as_object()?.keys().collect();
    let mut starts = Vec::new();
    let mut column = 0;
    for key in &keys {
        let place = places.exact(&format!("{mapping}/{}", escaped(key)))?;
        column = place.column - 1;
        starts.push(place.line - 1);
    }
    if starts.windows(2).any(|pair| pair[0] >= pair[1]) {
        return None;
    }
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let is_blank = |line: &str| line.trim().is_empty();
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    // The first key of an item of a list stands behind the list's dash.
    let dash = lines[starts[0]]
        .get(..column)
        .filter(|before| !before.trim().is_empty());
    // Comments right above a key belong to it.
    let head: Vec<usize> = starts
        .iter()
        .enumerate()
        .map(|(index, start)| {
            let above = match index {
                0 if dash.is_some() => *start,
                0 => 0,
                _ => starts[index - 1] + 1,
            };
            let mut head = *start;
            while head > above && is_comment(lines[head - 1]) && indent(lines[head - 1]) == column {
                head -= 1;
            }
            head
        })
        .collect();
    let last = *starts.last()?;
    let end = (last + 1..lines.len())
        .find(|line| !is_blank(lines[*line]) && !is_comment(lines[*line]) && indent(lines[*line]) < column)
        .unwrap_or(lines.len());
    let segments: Vec<Range<usize>> = head
        .iter()
        .enumerate()
        .map(|(index, start)| *start..head.get(index + 1).copied().unwrap_or(end))
        .collect();
    // Blank lines stay where they are; what stands between is moved.
    let bodies: Vec<Vec<&str>> = segments
        .iter()
        .map(|segment| {
            let mut body = lines[segment.clone()].to_vec();
            while body.last().is_some_and(|line| is_blank(line)) {
                body.pop();
            }
            body
        })
        .collect();
    let mut sorted: Vec<usize> = (0..keys.len()).collect();
    sorted.sort_by(|a, b| order.rank(keys[*a]).cmp(&order.rank(keys[*b])));
    let mut out: String = lines[..segments[0].start].concat();
    for (position, index) in sorted.iter().enumerate() {
        let mut body = bodies[*index].concat();
        if let Some(dash) = dash {
            if *index == 0 {
                body.replace_range(..column, &" ".repeat(column));
            }
            if position == 0 {
                // A comment above the key that comes first now would lose its place to the dash.
                if is_comment(&body) {
                    return None;
                }
                body.replace_range(..column, dash);
            }
        }
        out.push_str(&body);
        if !body.ends_with('\n') {
            out.push('\n');
        }
        let segment = &segments[position];
        out.push_str(&lines[segment.start + bodies[position].len()..segment.end].concat());
    }
    out.push_str(&lines[end..].concat());
    Some(out)
}
