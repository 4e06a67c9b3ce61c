//! JSON objects whose fields keep their order and their bytes, and changes of single fields.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::value::RawValue;
use serde_json::value::to_raw_value;

/// The fields of an object in their order, unparsed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// The fields of a JSON text; `None` when it is no object.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&RawValue> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value)
    }

    /// A field that is a string.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// Gives a field a value; a new field comes last.
    pub(crate) fn set(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, place)) => *place = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Gives a field that is missing or null a text.
    pub(crate) fn fill(&mut self, name: &str, text: impl FnOnce() -> String) {
        if self.get(name).is_none_or(|value| value.get() == "null")
            && let Ok(value) = to_raw_value(&text())
        {
            self.set(name, value);
        }
    }

    /// Removes a field; its value comes back.
    pub(crate) fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// What becomes of the value that a path leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Edit<'a> {
    Replace(&'a RawValue),
    Remove,
}

/// A value with another one at the end of a JSON pointer. `None` when the path leads to nothing, or the result is no JSON.
pub(crate) fn edited(value: &RawValue, path: &str, edit: Edit<'_>) -> Option<Box<RawValue>> {
    let names: Vec<Cow<'_, str>> = path.strip_prefix('/')?.split('/').map(unescaped).collect();
    walk(value, &names, edit)
}

fn walk(value: &RawValue, names: &[Cow<'_, str>], edit: Edit<'_>) -> Option<Box<RawValue>> {
    let Some((name, rest)) = names.split_first() else {
        return match edit {
            Edit::Replace(new) => Some(new.to_owned()),
            Edit::Remove => None,
        };
    };
    let removes = rest.is_empty() && matches!(edit, Edit::Remove);
    if let Ok(mut items) = serde_json::from_str::<Vec<Box<RawValue>>>(value.get()) {
        let place: usize = name.parse().ok()?;
        let item = items.get_mut(place)?;
        if removes {
            items.remove(place);
        } else {
            *item = walk(item, rest, edit)?;
        }
        return to_raw_value(&items).ok();
    }
    let mut fields = Fields::parse(value.get())?;
    if removes {
        fields.remove(name);
    } else {
        // A new field may come into being, its parents do not.
        let before = match fields.get(name) {
            Some(before) => before,
            None if rest.is_empty() => RawValue::NULL,
            None => return None,
        };
        let after = walk(before, rest, edit)?;
        fields.set(name, after);
    }
    to_raw_value(&fields).ok()
}

/// A name in a JSON pointer: `~1` stands for a slash and `~0` for a tilde.
fn unescaped(name: &str) -> Cow<'_, str> {
    if name.contains('~') {
        Cow::Owned(name.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const OBJECT: &str = r#"{"z":1e5,"a":{"b/c":[1, 2,{"~":"x"}]},"2":"\ud83d","1":12345678901234567890.0}"#;

    fn edit(path: &str, json: Option<&str>) -> Option<String> {
        let object: Box<RawValue> = serde_json::from_str(OBJECT).unwrap();
        let new: Option<Box<RawValue>> = json.map(|json| serde_json::from_str(json).unwrap());
        let edit = new.as_deref().map_or(Edit::Remove, Edit::Replace);
        edited(&object, path, edit).map(|edited| edited.get().to_owned())
    }

    #[test]
    fn an_edit_leaves_the_order_and_the_bytes_of_all_other_fields() {
        assert_eq!(edit("/z", Some("7")).unwrap(), OBJECT.replace("1e5", "7"));
        assert_eq!(
            edit("/a/b~1c/2/~0", Some("null")).unwrap(),
            OBJECT.replace("[1, 2,", "[1,2,").replace(r#""x""#, "null")
        );
        assert_eq!(edit("/2", None).unwrap(), OBJECT.replace(r#""2":"\ud83d","#, ""));
        assert_eq!(
            edit("/new", Some("[ ]")).unwrap(),
            OBJECT.replace("0.0}", r#"0.0,"new":[ ]}"#)
        );
    }

    #[test]
    fn a_path_that_leads_to_nothing_changes_nothing() {
        for path in ["/q/b", "/a/b~1c/7", "/a/b~1c/x", "/z/y", "z", ""] {
            assert_eq!(edit(path, Some("1")), None, "{path}");
        }
    }
}
