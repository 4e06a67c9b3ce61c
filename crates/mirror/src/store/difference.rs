//! What a row is going to have that it did not have before: its columns, and what was in them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::record::Table;
use crate::record::json;

/// The columns of a row that changed, and their previous values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// A JSON array of their names.
    pub(super) columns: String,
    /// A JSON object of their values before. Of attributes it has the names of the keys that changed.
    pub(super) previous: String,
}

/// Compares a row with what it is going to be, both in the order of the table's columns. `None` when nothing differs that
/// comes from the source: the form in which it wrote a time, or the order and spacing of attributes, is no change.
pub(super) fn between(table: &Table, before: &[Option<&str>], after: &[Option<String>]) -> Option<Difference> {
    let mut columns = Vec::new();
    let mut previous = Vec::new();
    for ((column, before), after) in table.columns.iter().copied().zip(before).zip(after) {
        let (before, after) = (*before, after.as_deref());
        if before == after || column == "repaired" || column.ends_with("_source") {
            continue;
        }
        let value = if Table::has_attributes(column) {
            let keys = changed_keys(before, after);
            if keys.is_empty() && before.is_some() && after.is_some() {
                continue;
            }
            Value::from(keys).to_string()
        } else {
            match before {
                // A row can be older than the rule that JSON can be read.
                Some(before) if Table::has_json(column) => json::readable(before).into_owned(),
                before => Value::from(before).to_string(),
            }
        };
        columns.push(column);
        previous.push(format!("\"{column}\":{value}"));
    }
    (!columns.is_empty()).then(|| Difference {
        columns: Value::from(columns).to_string(),
        previous: format!("{{{}}}", previous.join(",")),
    })
}

/// The keys whose values differ between two JSON objects. What is no object has none.
fn changed_keys(before: Option<&str>, after: Option<&str>) -> Vec<String> {
    let [before, after] = [before, after].map(|json| json::readable(json.unwrap_or("{}")));
    let [before, after] = [&before, &after].map(|json| entries(json));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = |key: &&String| before.get(*key).map(|value| value.get()) != after.get(*key).map(|value| value.get());
    keys.into_iter().filter(differs).cloned().collect()
}

fn entries(json: &str) -> BTreeMap<String, &RawValue> {
    serde_json::from_str(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::record::USERS;

    fn compared(before: &[(&str, &str)], after: &[(&str, &str)]) -> Option<Difference> {
        let value = |values: &[(&str, &str)], column: &str| {
            let found = values.iter().find(|(name, _)| *name == column);
            found.map(|(_, value)| (*value).to_owned())
        };
        let before: Vec<_> = USERS.columns.iter().map(|column| value(before, column)).collect();
        let before: Vec<_> = before.iter().map(Option::as_deref).collect();
        let after: Vec<_> = USERS.columns.iter().map(|column| value(after, column)).collect();
        between(&USERS, &before, &after)
    }

    #[test]
    fn difference_has_each_changed_column_with_its_previous_value() {
        let before = [
            ("email", "a@b.example"),
            ("roles", r#"["a"]"#),
            ("name", "Ann"),
            ("state", "active"),
        ];
        let after = [
            ("email", "c@b.example"),
            ("roles", r#"["b"]"#),
            ("role", "b"),
            ("name", "Ann"),
            ("state", "active"),
        ];
        let difference = compared(&before, &after).unwrap();
        assert_eq!(difference.columns, r#"["email","role","roles"]"#);
        assert_eq!(
            difference.previous,
            r#"{"email":"a@b.example","role":null,"roles":["a"]}"#
        );
    }

    #[test]
    fn difference_names_only_the_keys_of_attributes() {
        let before = [("custom_attributes", r#"{"secret":"s","same":1,"gone":null}"#)];
        let after = [
            ("custom_attributes", r#"{"secret":"t","same":1,"new":[]}"#),
            ("raw_attributes", r#"{"a":1}"#),
        ];
        let difference = compared(&before, &after).unwrap();
        assert_eq!(difference.columns, r#"["custom_attributes","raw_attributes"]"#);
        assert_eq!(
            difference.previous,
            r#"{"custom_attributes":["gone","new","secret"],"raw_attributes":["a"]}"#
        );
    }

    #[test]
    fn order_of_attributes_form_of_times_and_repairs_are_no_difference() {
        let before = [("raw_attributes", r#"{"a":1, "b":2}"#), ("updated_at_source", "2024")];
        let after = [("raw_attributes", r#"{"b":2,"a":1}"#), ("repaired", r#"["name"]"#)];
        assert_eq!(compared(&before, &after), None);
    }

    #[test]
    fn previous_values_of_rows_from_before_the_repair_can_be_read() {
        let difference = compared(&[("emails", r#"[{"value":"\u0000"}]"#)], &[]).unwrap();
        assert_eq!(difference.previous, r#"{"emails":[{"value":"\ufffd"}]}"#);
        let difference = compared(&[("raw_attributes", r#"{"\ud83d":1}"#)], &[]).unwrap();
        assert_eq!(difference.previous, "{\"raw_attributes\":[\"\u{FFFD}\"]}");
    }
}
