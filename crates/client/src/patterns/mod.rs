//! The integration patterns of the Directory Sync reference, ready to call: an organization's users, memberships, health.
//!
//! Each says what it does when a server does not honour a parameter. Servers differ there: the reference and the live API
//! document different ones.
//!
//! ```no_run
//! use workos_directory_sync::Client;
//! use workos_directory_sync::patterns;
//!
//! # async fn example(client: Client) -> Result<(), workos_directory_sync::Error> {
//! let mut users = patterns::users_of_organization(&client, "org_01EHZNVPK3SFK441A1RGBFSHRT");
//! while let Some(user) = users.next().await {
//!     println!("{}", user?.id);
//! }
//! for directory in patterns::unhealthy_directories(&client).try_collect().await? {
//!     eprintln!("{directory}");
//! }
//! # Ok(())
//! # }
//! ```

mod health;
mod memberships;
mod organization;

use std::fmt;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use futures_core::Stream;
use futures_util::TryStreamExt;
use futures_util::stream;

pub use self::health::Unhealthy;
pub use self::health::unhealthy_directories;
pub use self::memberships::groups_of_user;
pub use self::memberships::users_of_group;
pub use self::organization::directories_of_organization;
pub use self::organization::users_of_organization;
use crate::Error;
use crate::runtime::BoxStream;
use crate::runtime::MaybeSend;

/// A stream of what a pattern finds. The first error ends it.
#[must_use = "streams do nothing unless polled"]
pub struct Found<T> {
    stream: Option<BoxStream<Result<T, Error>>>,
}

impl<T: Send + 'static> Found<T> {
    fn new(stream: impl Stream<Item = Result<T, Error>> + MaybeSend + 'static) -> Self {
        Self {
            stream: Some(Box::pin(stream)),
        }
    }

    /// A stream that has to be looked for first.
    fn later(find: impl Future<Output = Result<Self, Error>> + MaybeSend + 'static) -> Self {
        Self::new(stream::once(find).try_flatten())
    }

    /// The next one; `None` after the last.
    ///
    /// # Errors
    ///
    /// Those of the requests. After an error the stream has ended.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// All at once. For what fits into memory.
    ///
    /// # Errors
    ///
    /// The first error of the requests.
    pub async fn try_collect(self) -> Result<Vec<T>, Error> {
        TryStreamExt::try_collect(self).await
    }
}

impl<T> Stream for Found<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(None);
        };
        let item = ready!(stream.as_mut().poll_next(context));
        if !matches!(item, Some(Ok(_))) {
            self.stream = None;
        }
        Poll::Ready(item)
    }
}

impl<T> fmt::Debug for Found<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Found")
            .field("ended", &self.stream.is_none())
            .finish()
    }
}

/// Whether the server refuses a parameter, or the value of one.
fn is_refusal(error: &Error) -> bool {
    error.is_invalid()
}
