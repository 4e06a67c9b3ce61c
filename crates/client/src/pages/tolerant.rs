//! Lists that go on behind an object that cannot be read.

use std::future::Future;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Items;
use super::ListRequest;
use super::Next;
use super::Page;
use super::Pages;
use super::RawListRequest;
use super::raw;
use crate::Error;
use crate::api_error::excerpt;
use crate::client::Answer;
use crate::decode;
use crate::operation::Operation;
use crate::repair;
use crate::runtime::MaybeSend;

/// An object of a list that cannot be read as what the document says.
#[derive(Debug, thiserror::Error)]
#[error("object {index} of the page cannot be read at `{}`: {}", excerpt(path), excerpt(&error.to_string()))]
#[non_exhaustive]
pub struct UnreadableObject {
    /// Which object of its page, from 0.
    pub index: usize,
    /// Where in the object, such as `role.slug`; `.` for the object itself.
    pub path: String,
    /// What is wrong there; line and column are those of `raw`.
    pub error: serde_json::Error,
    /// The object as it came.
    pub raw: Box<RawValue>,
}

/// A request of a list whose unreadable objects are items of their own: what [`Pages::tolerant`] walks.
#[derive(Clone, Debug)]
pub struct Tolerant<R>(R);

impl<R: RawListRequest> ListRequest for Tolerant<R> {
    type Item = Result<R::Item, UnreadableObject>;

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
        self.0.fetch_tolerant()
    }
}

impl<R: RawListRequest> Pages<R> {
    /// The same pages from here on, with objects that cannot be read as items of their own instead of as the end of the
    /// list.
    ///
    /// A page that reads well costs what it cost before; only one that does not is read object by object. Half of a
    /// surrogate pair is read as U+FFFD. What holds for the page as a whole stays an error that ends the list.
    pub fn tolerant(self) -> Pages<Tolerant<R>> {
        let request = match &self.cursor {
            Some(cursor) => self.request.with_cursor(cursor.as_str().to_owned()),
            None => self.request,
        };
        Pages {
            request: Tolerant(request),
            // A page that was asked for already may end in the error that this is to avoid.
            next: match self.next {
                Next::Unasked | Next::Page(_) => Next::Unasked,
                Next::Fault(error) => Next::Fault(error),
                Next::End => Next::End,
            },
            seen: self.seen,
            cursor: self.cursor,
        }
    }
}

impl<R: RawListRequest> Items<R> {
    /// The same items from here on, with objects that cannot be read as items of their own instead of as the end of the
    /// list; see [`Pages::tolerant`].
    ///
    /// ```no_run
    /// # async fn example(client: workos_directory_sync::Client) -> Result<(), workos_directory_sync::Error> {
    /// let users = client.list_directory_users().directory("directory_01ECAZ4NV9QMV47GW873HDCX74");
    /// let mut users = users.stream().tolerant();
    /// while let Some(user) = users.next().await {
    ///     match user? {
    ///         Ok(user) => println!("{}", user.id),
    ///         Err(odd) => eprintln!("{odd}: {}", odd.raw),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn tolerant(self) -> Items<Tolerant<R>> {
        Items {
            pages: self.pages.tolerant(),
            items: self.items.into_iter().map(Ok).collect(),
            page_cursor: self.page_cursor,
        }
    }
}

/// Reads the body of a list: all at once, or object by object where that fails.
pub(crate) fn read<L: DeserializeOwned, T: DeserializeOwned>(
    operation: &'static Operation,
    answer: &Answer,
    page: impl FnOnce(L) -> Page<T>,
) -> Result<Page<Result<T, UnreadableObject>>, Error> {
    match serde_json::from_slice(&answer.body) {
        Ok(list) => {
            let Page { items, next } = page(list);
            let items = items.into_iter().map(Ok).collect();
            Ok(Page { items, next })
        }
        Err(_) => raw::read(operation, answer, object),
    }
}

/// Reads an object, as it came or else repaired.
fn object<T: DeserializeOwned>(index: usize, raw: &RawValue) -> Result<T, UnreadableObject> {
    if let Ok(object) = serde_json::from_str(raw.get()) {
        return Ok(object);
    }
    decode::with_path(&repair::json_text(raw.get())).map_err(|(path, error)| UnreadableObject {
        index,
        path,
        error,
        raw: raw.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::operations::LIST_DIRECTORY_GROUPS;
    use crate::types::DirectoryGroup;
    use crate::types::DirectoryGroupList;

    fn tolerant(body: &str) -> Result<Page<Result<DirectoryGroup, UnreadableObject>>, Error> {
        let page = |list: DirectoryGroupList| Page::new(list.data, list.list_metadata.after);
        read(&LIST_DIRECTORY_GROUPS, &Answer::of(body), page)
    }

    #[test]
    fn read_gives_an_odd_object_with_index_path_and_text_among_the_others() {
        let body = r#"{"data":[
            {"id":"g1","directory_id":"directory_1","name":"Ann \ud83d"},
            {"id":"g2","directory_id":"directory_1","name":7},
            {"id":"g3","directory_id":"directory_1","name":"C"},
            null
        ],"list_metadata":{"after":"g3"}}"#;
        let page = tolerant(body).unwrap();
        assert_eq!(page.next.as_ref().map(crate::pages::Cursor::as_str), Some("g3"));
        let [first, second, third, fourth] = page.items.try_into().unwrap();
        assert_eq!(first.unwrap().name, "Ann \u{fffd}");
        let odd = second.unwrap_err();
        assert_eq!((odd.index, odd.path.as_str()), (1, "name"));
        assert_eq!(odd.raw.get(), r#"{"id":"g2","directory_id":"directory_1","name":7}"#);
        assert!(odd.to_string().contains("`name`: invalid type: integer `7`"), "{odd}");
        assert_eq!(third.unwrap().name, "C");
        let odd = fourth.unwrap_err();
        assert_eq!((odd.index, odd.path.as_str(), odd.raw.get()), (3, ".", "null"));
    }

    #[test]
    fn read_keeps_what_is_wrong_with_the_page_as_its_error() {
        let error = tolerant(r#"{"data":7,"list_metadata":{}}"#).unwrap_err();
        assert!(
            matches!(&error, Error::Decode(error) if error.path == "data"),
            "{error:?}"
        );
    }
}
