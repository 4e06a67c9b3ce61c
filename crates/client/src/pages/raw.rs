//! Lists as raw JSON: the objects of a page stay text, so that one that is odd does not cost the others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::Error as _;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::value::RawValue;

use super::ListRequest;
use super::Page;
use super::Pages;
use super::UnreadableObject;
use crate::Error;
use crate::client::Answer;
use crate::decode;
use crate::operation::Operation;
use crate::operation::Pagination;
use crate::repair;
use crate::runtime::MaybeSend;

/// The pages of a list, each with its objects as raw JSON.
///
/// Cursors, prefetch and errors are those of [`Pages`]; only a page that is no JSON list at all is an error. Text that is
/// not UTF-8 is read with U+FFFD in its place.
pub type RawPages<R> = Pages<Raw<R>>;

/// A request of a list whose objects can be read one by one, implemented by the generated builders.
pub trait RawListRequest: ListRequest {
    /// Asks for the page, with its objects as raw JSON.
    fn fetch_raw(self) -> impl Future<Output = Result<Page<Box<RawValue>>, Error>> + MaybeSend;

    /// Asks for the page; an object that cannot be read costs only itself.
    fn fetch_tolerant(
        self,
    ) -> impl Future<Output = Result<Page<Result<Self::Item, UnreadableObject>>, Error>> + MaybeSend;
}

/// A request of a list whose objects stay raw JSON: what [`RawPages`] walks.
#[derive(Clone, Debug)]
pub struct Raw<R>(R);

impl<R> Raw<R> {
    /// The same request for raw objects.
    pub fn new(request: R) -> Self {
        Self(request)
    }
}

impl<R: RawListRequest> ListRequest for Raw<R> {
    type Item = Box<RawValue>;

    const OPERATION: &'static Operation = R::OPERATION;

    fn cursor(&self) -> Option<&str> {
        self.0.cursor()
    }

    fn with_cursor(self, cursor: String) -> Self {
        Self(self.0.with_cursor(cursor))
    }

    fn with_defaults(self, limit: u32) -> Self {
        Self(self.0.with_defaults(limit))
    }

    fn is_backward(&self) -> bool {
        self.0.is_backward()
    }

    fn fetch(self) -> impl Future<Output = Result<Page<Self::Item>, Error>> + MaybeSend {
        self.0.fetch_raw()
    }
}

/// Reads the body of a list as a page of raw objects.
pub(crate) fn read<T>(
    operation: &'static Operation,
    answer: &Answer,
    object: impl Fn(usize, &RawValue) -> T,
) -> Result<Page<T>, Error> {
    let pagination = operation
        .pagination
        .ok_or_else(|| Error::invalid_request(operation, "it answers no list".to_owned()))?;
    let page = |page: RawPage<'_>| {
        let objects = page.objects.iter().enumerate();
        Page::new(objects.map(|(index, raw)| object(index, raw)).collect(), page.next)
    };
    let text = decode::text(&answer.body);
    let fault = match parse(pagination, &text) {
        Ok(raw) => return Ok(page(raw)),
        Err(fault) => fault,
    };
    if let Cow::Owned(repaired) = repair::json_text(&text)
        && let Ok(raw) = parse(pagination, &repaired)
    {
        return Ok(page(raw));
    }
    Err(decode::error(operation, answer, fault))
}

/// A page whose objects are parts of its text.
struct RawPage<'a> {
    objects: Vec<&'a RawValue>,
    next: Option<String>,
}

/// Reads the text of a page; a second time, if that fails, to learn the path of the fault.
fn parse(pagination: Pagination, text: &str) -> Result<RawPage<'_>, (String, serde_json::Error)> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let page = pagination_seed(pagination).deserialize(&mut deserializer);
    let first = match page.and_then(|page| deserializer.end().map(|()| page)) {
        Ok(page) => return Ok(page),
        Err(error) => error,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    Err(match pagination_seed(pagination).deserialize(tracked) {
        Err(error) => (track.path().to_string(), error),
        // Only what follows the value can be wrong then.
        Ok(_) => ("the end".to_owned(), first),
    })
}

/// How to find the objects and the next cursor in a page.
struct Seed {
    items: &'static str,
    /// The field that leads to the cursor, the same in camel case as early answers have it, and the way on from there.
    metadata: &'static str,
    camel_metadata: String,
    path: &'static str,
}

fn pagination_seed(pagination: Pagination) -> Seed {
    let (metadata, path) = pagination.next.split_once('.').unwrap_or((pagination.next, ""));
    Seed {
        items: pagination.items,
        metadata,
        camel_metadata: camel_case(metadata),
        path,
    }
}

/// `list_metadata` as `listMetadata`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut characters = word.chars();
        camel.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        camel.extend(characters);
    }
    camel
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = RawPage<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = RawPage<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object with `{}` and `{}`", self.items, self.metadata)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut objects: Option<Vec<&'de RawValue>> = None;
        let mut has_metadata = false;
        let mut next = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.items {
                objects = Some(map.next_value()?);
            } else if key == self.metadata || key == self.camel_metadata {
                has_metadata = true;
                let found = map.next_value_seed(Next(self.path))?;
                next = next.or(found);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if !has_metadata && !self.path.is_empty() {
            return Err(A::Error::missing_field(self.metadata));
        }
        Ok(RawPage {
            objects: objects.ok_or_else(|| A::Error::missing_field(self.items))?,
            next,
        })
    }
}

/// The cursor at the end of a path of field names that dots separate; missing and null are none.
struct Next(&'static str);

impl<'de> DeserializeSeed<'de> for Next {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        use serde::Deserialize as _;

        if self.0.is_empty() {
            return Option::deserialize(deserializer);
        }
        let (name, path) = self.0.split_once('.').unwrap_or((self.0, ""));
        let fields = BTreeMap::<String, &'de RawValue>::deserialize(deserializer)?;
        let Some(value) = fields.get(name).or_else(|| fields.get(&camel_case(name))) else {
            return Ok(None);
        };
        let mut deserializer = serde_json::Deserializer::from_str(value.get());
        Next(path).deserialize(&mut deserializer).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::operations::LIST_DIRECTORY_GROUPS;

    fn raw(body: impl AsRef<[u8]>) -> Result<(Vec<String>, Option<String>), Error> {
        let answer = Answer::of(body);
        let page = read(&LIST_DIRECTORY_GROUPS, &answer, |_, raw| raw.get().to_owned())?;
        Ok((page.items, page.next.map(String::from)))
    }

    #[test]
    fn read_gives_objects_byte_for_byte_and_the_cursor_in_either_case() {
        let objects = [r#"{"id": 1.0}"#, r#"{"name":"\ud83d"}"#, "7"]
            .map(str::to_owned)
            .to_vec();
        for (metadata, next) in [
            (r#""list_metadata":{"before":null,"after":"g2"}"#, Some("g2")),
            (r#""listMetadata":{"before":null,"after":"g2"}"#, Some("g2")),
            (
                r#""listMetadata":{"after":"g2"},"list_metadata":{"after":null}"#,
                Some("g2"),
            ),
            (r#""list_metadata":{"after":null}"#, None),
            (r#""list_metadata":{"after":""}"#, None),
            (r#""list_metadata":{}"#, None),
        ] {
            let body = format!(r#"{{"object":7,"data":[{}],{metadata},"x":[]}}"#, objects.join(" , "));
            let expected = (objects.clone(), next.map(str::to_owned));
            assert_eq!(raw(body).unwrap(), expected, "{metadata}");
        }
    }

    #[test]
    fn read_repairs_bytes_that_are_not_utf_8_and_raw_control_characters() {
        let (objects, _) = raw(b"{\"data\":[{\"name\":\"A\xff\"}],\"list_metadata\":{}}").unwrap();
        assert_eq!(objects, ["{\"name\":\"A\u{fffd}\"}"]);
        let (objects, _) = raw("{\"data\":[{\"name\":\"A\tb\"}],\"list_metadata\":{}}").unwrap();
        assert_eq!(objects, [r#"{"name":"A\u0009b"}"#]);
    }

    #[test]
    fn read_says_where_a_page_is_no_list() {
        for (body, path) in [
            (r#"{"data":{},"list_metadata":{}}"#, "data"),
            (r#"{"list_metadata":{}}"#, "."),
            (r#"{"data":[]}"#, "."),
            (r#"{"data":[],"list_metadata":{"after":7}}"#, "list_metadata"),
            (r#"{"data":[],"list_metadata":null}"#, "list_metadata"),
            (r#"{"data":[{},"#, "data"),
            (r#"{"data":[],"list_metadata":{}} x"#, "the end"),
            ("[]", "."),
            ("", "."),
            ("<html>", "."),
        ] {
            let error = raw(body).unwrap_err();
            assert!(
                matches!(&error, Error::Decode(error) if error.path == path),
                "{body}: {error:?}"
            );
        }
    }
}
