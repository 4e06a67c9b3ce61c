//! A list from a checkpoint on, that falls back when the API refuses how it is asked.

use std::collections::VecDeque;

use workos_directory_sync::pages::ListRequest;
use workos_directory_sync::pages::Page;
use workos_directory_sync::pages::Pages;

use crate::Error;

/// The pages of a list. There may be several ways to ask for the first page; after it there is no way back.
///
/// A cursor that was kept can be refused later, since the object that it names is gone: then the list starts anew. A
/// parameter that only some servers know can be refused: then it is left out.
#[derive(Debug)]
pub(super) struct Traversal<R: ListRequest> {
    pages: Pages<R>,
    /// Other ways to ask, if the first page is refused.
    fallbacks: VecDeque<R>,
    calls: u64,
}

impl<R: ListRequest> Traversal<R> {
    /// A list that goes on from `cursor`, if there is one. `request` is tried first, then `fallback`.
    pub(super) fn new(cursor: Option<String>, request: R, fallback: Option<R>) -> Traversal<R>
    where
        R: WithPages,
    {
        let mut ways = VecDeque::with_capacity(3);
        if let Some(cursor) = cursor {
            ways.push_back(request.clone().with_cursor(cursor));
        }
        ways.push_back(request.clone());
        ways.extend(fallback);
        let first = ways.pop_front().unwrap_or(request);
        Self {
            pages: first.all_pages(),
            fallbacks: ways,
            calls: 0,
        }
    }

    /// The next page; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Page<R::Item>>, Error>
    where
        R: WithPages,
    {
        loop {
            let Some(page) = self.pages.next().await else {
                return Ok(None);
            };
            self.calls += 1;
            match page {
                Err(error) if error.is_invalid() || error.is_not_found() => match self.fallbacks.pop_front() {
                    Some(request) => self.pages = request.all_pages(),
                    None => return Err(error.into()),
                },
                Err(error) => return Err(error.into()),
                Ok(page) => {
                    self.fallbacks.clear();
                    return Ok(Some(page));
                }
            }
        }
    }

    /// The calls since this was asked the last time.
    pub(super) fn take_calls(&mut self) -> u64 {
        std::mem::take(&mut self.calls)
    }
}

/// The generated builders' `pages`, which is no part of [`ListRequest`].
pub(super) trait WithPages: ListRequest {
    fn all_pages(self) -> Pages<Self>;
}

macro_rules! with_pages {
    ($($builder:ident),*) => {$(
        impl WithPages for workos_directory_sync::builder::$builder {
            fn all_pages(self) -> Pages<Self> {
                self.pages()
            }
        }
    )*};
}

with_pages!(ListDirectories, ListDirectoryUsers, ListDirectoryGroups);
