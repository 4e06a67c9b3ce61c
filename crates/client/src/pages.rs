//! Lists: a cursor from page to page, fetched one page ahead, as a stream of pages or of items.
//!
//! A stream does nothing until it is polled. From then on a task of its own asks for the next page while the caller works
//! on this one; dropping the stream ends the task and its request. At most two pages are in memory. A cursor that comes
//! a second time ends the stream with [`Error::RepeatedCursor`]; any error ends it, and [`Items::cursor`] says from where
//! to go on. Lists are walked forwards: with `before` a stream is refused with [`Error::InvalidRequest`].

use std::collections::HashSet;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use futures_core::Stream;

pub use self::raw::Raw;
pub use self::raw::RawListRequest;
pub use self::raw::RawPages;
pub use self::tolerant::Tolerant;
pub use self::tolerant::UnreadableObject;
use crate::Error;
use crate::operation::Operation;
use crate::runtime::MaybeSend;
use crate::runtime::Task;
use crate::trace;

pub(crate) mod raw;
pub(crate) mod tolerant;

/// Where a list goes on. Only the API makes cursors; a program keeps them and gives them back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// The cursor as the API writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Where the list goes on; `None` on the last page.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page as the API answered it; an empty cursor is none.
    pub fn new(items: Vec<T>, next: Option<String>) -> Self {
        Self {
            items,
            next: next.filter(|cursor| !cursor.is_empty()).map(Cursor),
        }
    }
}

/// A request of a list, implemented by the generated builders.
pub trait ListRequest: Clone + Send + Sync + 'static {
    /// What the list has.
    type Item: Send + 'static;

    /// The operation.
    const OPERATION: &'static Operation;

    /// The cursor that the list starts from, if the caller gave one.
    fn cursor(&self) -> Option<&str>;

    /// The same request from another cursor.
    #[must_use]
    fn with_cursor(self, cursor: String) -> Self;

    /// The same request with a limit, and whatever else a list is to be walked with, where the caller gave none.
    #[must_use]
    fn with_defaults(self, limit: u32) -> Self;

    /// Whether the caller asked for what precedes a cursor.
    fn is_backward(&self) -> bool;

    /// Asks for the page.
    fn fetch(self) -> impl Future<Output = Result<Page<Self::Item>, Error>> + MaybeSend;
}

/// Asks for a page in a task of its own, in the span of whoever asks.
fn fetch<R: ListRequest>(request: R) -> Task<Result<Page<R::Item>, Error>> {
    Task::start(trace::in_current_span(request.fetch()))
}

/// The pages of a list, each as large as the API allows unless the caller set a limit.
#[must_use = "streams do nothing unless polled"]
pub struct Pages<R: ListRequest> {
    request: R,
    next: Next<R::Item>,
    /// Every cursor so far, to notice a list that goes round.
    seen: HashSet<Cursor>,
    cursor: Option<Cursor>,
}

/// What comes after the pages so far.
enum Next<T> {
    /// A page that nobody has asked for yet: the first one.
    Unasked,
    /// A page on its way.
    Page(Task<Result<Page<T>, Error>>),
    /// The fault that ends the list.
    Fault(Error),
    /// Nothing.
    End,
}

impl<R: ListRequest> Pages<R> {
    /// All pages from the request's own on.
    pub fn new(request: R) -> Self {
        let cursor = request.cursor().map(|cursor| Cursor(cursor.to_owned()));
        let max_limit = R::OPERATION.pagination.map_or(1, |pagination| pagination.max_limit);
        let request = request.with_defaults(max_limit);
        // The page before a cursor names the cursor after itself: going on from there would leave the range that was
        // asked for.
        let next = if request.is_backward() {
            let reason = "`before` asks for one page: use `send`, or walk a list with `after` and `order`";
            Next::Fault(Error::invalid_request(R::OPERATION, reason.to_owned()))
        } else {
            Next::Unasked
        };
        Self {
            request,
            next,
            seen: cursor.iter().cloned().collect(),
            cursor,
        }
    }

    /// The cursor that the next page starts from: give it to `after` to go on from here later. `None` before the first
    /// page, unless the list was started from a cursor, and after the last.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    ///
    /// Those of the request, and [`Error::RepeatedCursor`]. After an error the list has ended.
    pub async fn next(&mut self) -> Option<Result<Page<R::Item>, Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// What follows a page: the request for the next one, which starts at once.
    fn after(&mut self, page: &Page<R::Item>) -> Next<R::Item> {
        self.cursor.clone_from(&page.next);
        let Some(next) = &page.next else { return Next::End };
        if !self.seen.insert(next.clone()) {
            return Next::Fault(Error::RepeatedCursor {
                operation: R::OPERATION,
                cursor: next.0.clone(),
            });
        }
        Next::Page(fetch(self.request.clone().with_cursor(next.0.clone())))
    }
}

impl<R: ListRequest> Stream for Pages<R> {
    type Item = Result<Page<R::Item>, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if matches!(this.next, Next::Unasked) {
            this.next = Next::Page(fetch(this.request.clone()));
        }
        let page = match &mut this.next {
            Next::Page(task) => ready!(Pin::new(task).poll(context)),
            Next::Unasked | Next::Fault(_) | Next::End => {
                return Poll::Ready(match std::mem::replace(&mut this.next, Next::End) {
                    Next::Fault(error) => Some(Err(error)),
                    _ => None,
                });
            }
        };
        this.next = match &page {
            Ok(page) => this.after(page),
            Err(_) => Next::End,
        };
        Poll::Ready(Some(page))
    }
}

// Nothing in it minds being moved.
impl<R: ListRequest> Unpin for Pages<R> {}

impl<R: ListRequest> fmt::Debug for Pages<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pages")
            .field("operation", &R::OPERATION.id)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

/// The items of a list, over all of its pages.
#[must_use = "streams do nothing unless polled"]
pub struct Items<R: ListRequest> {
    pages: Pages<R>,
    items: VecDeque<R::Item>,
    /// The cursor of the page that the items in hand came with.
    page_cursor: Option<Cursor>,
}

impl<R: ListRequest> Items<R> {
    /// All items from the request's own page on.
    pub fn new(request: R) -> Self {
        let pages = Pages::new(request);
        let page_cursor = pages.cursor().cloned();
        Self {
            pages,
            items: VecDeque::new(),
            page_cursor,
        }
    }

    /// Where to go on later without missing an item: give it to `after`. It is the cursor of the page in hand, whose items
    /// that were already seen come again, or that of the next page when all of them were seen.
    pub fn cursor(&self) -> Option<&Cursor> {
        if self.items.is_empty() {
            return self.pages.cursor();
        }
        self.page_cursor.as_ref()
    }

    /// The next item; `None` after the last.
    ///
    /// # Errors
    ///
    /// Those of the request, and [`Error::RepeatedCursor`]. After an error the list has ended.
    pub async fn next(&mut self) -> Option<Result<R::Item, Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// All items at once. For lists that fit into memory.
    ///
    /// # Errors
    ///
    /// The first error of the list.
    pub async fn try_collect(mut self) -> Result<Vec<R::Item>, Error> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await {
            items.push(item?);
        }
        Ok(items)
    }
}

impl<R: ListRequest> Stream for Items<R> {
    type Item = Result<R::Item, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(item) = this.items.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            let cursor = this.pages.cursor().cloned();
            match ready!(Pin::new(&mut this.pages).poll_next(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                // An empty page in the middle of a list is no end of it.
                Some(Ok(page)) => {
                    this.items = page.items.into();
                    this.page_cursor = cursor;
                }
            }
        }
    }
}

impl<R: ListRequest> Unpin for Items<R> {}

impl<R: ListRequest> fmt::Debug for Items<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Items")
            .field("operation", &R::OPERATION.id)
            .field("cursor", &self.page_cursor)
            .finish_non_exhaustive()
    }
}
