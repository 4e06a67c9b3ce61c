//! A list from a checkpoint on, that falls back when the API refuses how it is asked.

use std::collections::VecDeque;

use serde_json::value::RawValue;
use workos_directory_sync::pages::Page;
use workos_directory_sync::pages::Pages;
use workos_directory_sync::pages::Raw;
use workos_directory_sync::pages::RawListRequest;
use workos_directory_sync::pages::RawPages;

use crate::Error;

/// The pages of a list. There may be several ways to ask for the first page; after it there is no way back.
///
/// A cursor that was kept can be refused later, since the object that it names is gone: then the list starts anew. A
/// parameter that only some servers know can be refused: then it is left out.
#[derive(Debug)]
pub(super) struct Traversal<R: RawListRequest> {
    pages: RawPages<R>,
    /// Other ways to ask, if the first page is refused.
    fallbacks: VecDeque<R>,
    calls: u64,
    /// It began at a cursor, and that was refused.
    begun_anew: bool,
    /// The next fallback is the list from its beginning.
    has_cursor: bool,
}

impl<R: RawListRequest> Traversal<R> {
    /// A list that goes on from `cursor`, if there is one. `request` is tried first, then `fallback`.
    pub(super) fn new(cursor: Option<String>, request: R, fallback: Option<R>) -> Self {
        let has_cursor = cursor.is_some();
        let mut ways = VecDeque::with_capacity(3);
        if let Some(cursor) = cursor {
            ways.push_back(request.clone().with_cursor(cursor));
        }
        ways.push_back(request.clone());
        ways.extend(fallback);
        let first = ways.pop_front().unwrap_or(request);
        Self {
            pages: Pages::new(Raw::new(first)),
            fallbacks: ways,
            calls: 0,
            begun_anew: false,
            has_cursor,
        }
    }

    /// Whether it could not go on where it should, so that objects come again.
    pub(super) fn begun_anew(&self) -> bool {
        self.begun_anew
    }

    /// The next page; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Page<Box<RawValue>>>, Error> {
        loop {
            let Some(page) = self.pages.next().await else {
                return Ok(None);
            };
            self.calls += 1;
            match page {
                Err(error) if matches!(error.status(), Some(400 | 404 | 422)) => match self.fallbacks.pop_front() {
                    Some(request) => {
                        self.begun_anew = self.has_cursor;
                        self.pages = Pages::new(Raw::new(request));
                    }
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
