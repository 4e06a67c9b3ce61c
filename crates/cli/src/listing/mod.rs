//! Lists: objects that come from the API one by one and go out as they come.
//!
//! ```text
//! Source (a list of the API, or a pattern of the client) ──▶ write: --limit, Ctrl-C ──▶ Row: Table line or JSON line
//! ```

mod everywhere;
mod row;
mod table;

use std::ops::ControlFlow;
use std::pin::Pin;

use futures_util::FutureExt as _;
use futures_util::Stream;
use futures_util::StreamExt as _;
use workos_directory_sync::Error;
use workos_directory_sync::pages::Items;
use workos_directory_sync::pages::ListRequest;
use workos_directory_sync::types::Order;

pub(crate) use self::everywhere::Everywhere;
pub(crate) use self::row::Membership;
pub(crate) use self::row::Row;
pub(crate) use self::row::details;
pub(crate) use self::row::email;
pub(crate) use self::table::Cell;
pub(crate) use self::table::Column;
pub(crate) use self::table::Table;
use crate::failure::Failure;
use crate::interrupt;
use crate::notice;
use crate::output::Format;
use crate::output::Rows;
use crate::output::json;

/// Flags of every list.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "List")]
pub(crate) struct Paging {
    /// At most so many; all of them unless set
    #[arg(long, value_name = "COUNT", value_parser = count)]
    pub(crate) limit: Option<u64>,
}

/// Reads how many objects are wanted.
fn count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "write a number of 1 or more; without `--limit` the list is complete".to_owned())
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

    /// Whether the list that ended was the one that was asked for.
    fn verdict(&self) -> Result<(), Failure> {
        Ok(())
    }
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

/// One list, several, or those of all directories.
pub(crate) enum Selected<R: ListRequest> {
    /// One list of the API.
    One(Items<R>),
    /// What a pattern of the client finds.
    Several(Several<R::Item>),
    /// Every directory's list.
    Everywhere(Box<Everywhere<R>>),
}

impl<R: ListRequest> Source<R::Item> for Selected<R> {
    async fn next(&mut self) -> Option<Result<R::Item, Error>> {
        match self {
            Self::One(source) => Source::next(source).await,
            Self::Several(source) => source.next().await,
            Self::Everywhere(source) => source.next().await,
        }
    }

    fn cursor(&self) -> Option<String> {
        match self {
            Self::One(source) => Source::cursor(source),
            Self::Several(source) => source.cursor(),
            Self::Everywhere(source) => source.cursor(),
        }
    }

    fn ready(&mut self) -> Option<Option<Result<R::Item, Error>>> {
        match self {
            Self::One(source) => source.ready(),
            Self::Several(source) => source.ready(),
            Self::Everywhere(source) => source.ready(),
        }
    }

    fn verdict(&self) -> Result<(), Failure> {
        match self {
            Self::One(source) => source.verdict(),
            Self::Several(source) => source.verdict(),
            Self::Everywhere(source) => source.verdict(),
        }
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
        let Some(item) = item.transpose()? else {
            source.verdict()?;
            break;
        };
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
    if format != Format::Text {
        let result = each(source, limit, wanted, |item| rows.push(&json(&item)?)).await;
        // What came before a failure is written, too.
        rows.finish()?;
        return result.map(drop);
    }
    let mut table = Table::new(T::COLUMNS);
    let result = each(source, limit, wanted, |item| rows.all(&table.push(item.cells()))).await;
    if result.is_ok() || table.has_rows() {
        let _ = rows.all(&table.finish())?;
    }
    rows.finish()?;
    say_if_cut(&table);
    result.map(drop)
}

/// Says on stderr that a table was cut.
pub(crate) fn say_if_cut(table: &Table) {
    if table.was_cut() {
        notice::say("… stands for what does not fit the terminal: `--wide` leaves nothing out");
    }
}
