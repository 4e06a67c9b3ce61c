//! Lists: objects that come from the API one by one and go out as they come.
//!
//! ```text
//! Source (a list of the API, or a pattern of the client) ──▶ write: --limit, Ctrl-C ──▶ Row: table line or JSON line
//! ```

mod row;

use std::ops::ControlFlow;
use std::pin::Pin;

use futures_util::FutureExt as _;
use futures_util::Stream;
use futures_util::StreamExt as _;
use workos_directory_sync::Error;
use workos_directory_sync::pages::Items;
use workos_directory_sync::pages::ListRequest;
use workos_directory_sync::types::Order;

pub(crate) use self::row::Membership;
pub(crate) use self::row::Row;
pub(crate) use self::row::details;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Format;
use crate::output::Rows;

/// Flags of every list.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "List")]
pub(crate) struct Paging {
    /// At most so many; all of them unless set
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
}

/// Flags of the lists that the API itself has, which can be walked in an order and from a place.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "List")]
pub(crate) struct Walk {
    /// The order by creation
    #[arg(long, value_enum)]
    order: Option<OrderName>,

    /// Go on from this cursor, which an interrupted list tells
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OrderName {
    /// The oldest first
    Asc,
    /// The newest first
    Desc,
}

impl Walk {
    pub(crate) fn order(&self) -> Option<Order> {
        self.order.map(|order| match order {
            OrderName::Asc => Order::Asc,
            OrderName::Desc => Order::Desc,
        })
    }

    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Refuses an order and a cursor for what is put together from several lists.
    pub(crate) fn refuse(&self, filter: &str) -> Result<(), Failure> {
        if self.order.is_some() || self.after.is_some() {
            return Err(Failure::usage(format!(
                "`--order` and `--after` do not go with `{filter}`, whose result comes from several lists"
            )));
        }
        Ok(())
    }
}

/// Where objects come from.
pub(crate) trait Source<T> {
    /// The next one.
    fn next(&mut self) -> impl Future<Output = Option<Result<T, Error>>>;

    /// The cursor to go on from, if the source is one list.
    fn cursor(&self) -> Option<String>;

    /// The next one if the source is one list and it need not be waited for; `Some(None)` is the end.
    fn ready(&mut self) -> Option<Option<Result<T, Error>>>;
}

impl<R: ListRequest> Source<R::Item> for Items<R> {
    async fn next(&mut self) -> Option<Result<R::Item, Error>> {
        Items::next(self).await
    }

    fn cursor(&self) -> Option<String> {
        Items::cursor(self).map(ToString::to_string)
    }

    fn ready(&mut self) -> Option<Option<Result<R::Item, Error>>> {
        Items::next(self).now_or_never()
    }
}

/// Objects from several lists.
pub(crate) struct Several<T>(Pin<Box<dyn Stream<Item = Result<T, Error>> + Send>>);

impl<T> Several<T> {
    pub(crate) fn new(stream: impl Stream<Item = Result<T, Error>> + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }

    /// The objects as a stream.
    pub(crate) fn into_stream(self) -> Pin<Box<dyn Stream<Item = Result<T, Error>> + Send>> {
        self.0
    }
}

impl<T> Source<T> for Several<T> {
    async fn next(&mut self) -> Option<Result<T, Error>> {
        self.0.next().await
    }

    fn cursor(&self) -> Option<String> {
        None
    }

    fn ready(&mut self) -> Option<Option<Result<T, Error>>> {
        None
    }
}

/// Takes all objects of a source until the limit, the end, or Ctrl-C, which leaves nothing of the page in hand. `take` says
/// whether it wants more.
pub(crate) async fn each<T>(
    mut source: impl Source<T>,
    limit: Option<u64>,
    wanted: impl Fn(&T) -> bool,
    mut take: impl FnMut(T) -> Result<ControlFlow<()>, Failure>,
) -> Result<u64, Failure> {
    let mut count = 0;
    let mut asked = interrupt::listen();
    // Where the page in hand began when it was asked to end.
    let mut ending: Option<Option<String>> = None;
    while limit.is_none_or(|limit| count < limit) {
        let item = if let Some(page) = &ending {
            let left = if source.cursor() == *page { source.ready() } else { None };
            left.ok_or_else(|| interrupted(count, source.cursor()))?
        } else {
            tokio::select! {
                biased;
                () = &mut asked => {
                    ending = Some(source.cursor());
                    continue;
                }
                item = source.next() => item,
            }
        };
        let Some(item) = item.transpose()? else { break };
        if wanted(&item) {
            count += 1;
            if take(item)?.is_break() {
                break;
            }
        }
    }
    Ok(count)
}

fn interrupted(count: u64, cursor: Option<String>) -> Failure {
    let place = cursor.map(|cursor| format!("; `--after {cursor}` goes on from here"));
    Failure::interrupted(format!("interrupted after {count}{}", place.unwrap_or_default()))
}

/// Writes a list: a table for people, a JSON line for each object otherwise.
pub(crate) async fn write<T: Row>(
    source: impl Source<T>,
    limit: Option<u64>,
    wanted: impl Fn(&T) -> bool,
    asked: Option<Format>,
) -> Result<(), Failure> {
    let format = Format::of_lists(asked).general()?;
    let mut rows = Rows::new();
    if format == Format::Text {
        let bold = anstyle::Style::new().bold();
        let _ = rows.push(format!("{bold}{}{bold:#}", T::header()).as_bytes())?;
    }
    let result = each(source, limit, wanted, |item| {
        rows.push(&match format {
            Format::Text => item.line().into_bytes(),
            _ => serde_json::to_vec(&item).map_err(|error| Failure::other(error.to_string()))?,
        })
    })
    .await;
    // What came before a failure is written, too.
    rows.finish()?;
    result.map(drop)
}
