//! `dsync changes`: what changed, for applications that start and end access.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Subcommand;
use futures_util::StreamExt as _;
use workos_directory_mirror::Change;
use workos_directory_mirror::Consumer;
use workos_directory_mirror::Mirror;

use crate::connection::Place;
use crate::failure::Failure;
use crate::interrupt;
use crate::interrupt::Asked;
use crate::notice;
use crate::output;
use crate::output::Format;
use crate::status;

/// See what changed in the mirror, in order and once each
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List changes, the oldest first
    #[command(after_help = "\
Examples:
  dsync changes list --database sqlite:mirror.sqlite
  dsync changes list --database sqlite:mirror.sqlite --after 1200 | jq -r 'select(.kind == \"user_deprovisioned\").user_id'
  dsync changes list --database sqlite:mirror.sqlite --consumer access

With `--consumer` it lists those that this application has not seen yet, and notes that it has now.")]
    List {
        #[command(flatten)]
        place: Place,

        /// Only changes after this one
        #[arg(long, value_name = "ID", default_value_t = 0, conflicts_with = "consumer")]
        after: i64,

        /// Go on where this application was, and note how far it has come
        #[arg(long, value_name = "NAME")]
        consumer: Option<String>,

        /// How many at most
        #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Write changes as they come, until Ctrl-C or SIGTERM
    #[command(after_help = "\
Examples:
  dsync changes follow --database sqlite:mirror.sqlite --consumer access
  dsync changes follow --database sqlite:mirror.sqlite --consumer access --output json | ./apply

What was written counts as seen: after a crash of its reader the last changes can be lost to it. A program that must not \
lose any reads the table `changes` itself, or uses the library.")]
    Follow {
        #[command(flatten)]
        place: Place,

        /// Go on where this application was, and note how far it has come
        #[arg(long, value_name = "NAME")]
        consumer: String,

        /// How long to wait when there is nothing new
        #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        interval: u64,

        #[command(flatten)]
        status: status::Address,
    },
    /// Show the applications that read changes, and how far each has come
    #[command(after_help = "\
Examples:
  dsync changes consumers --database sqlite:mirror.sqlite
  dsync changes consumers --database sqlite:mirror.sqlite --forget access")]
    Consumers {
        #[command(flatten)]
        place: Place,

        /// Forget this one: it will not read any more
        #[arg(long, value_name = "NAME")]
        forget: Option<String>,
    },
}

impl Arguments {
    /// Whether it goes on until it is asked to end.
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self.verb, Verb::Follow { .. })
    }
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    let format = Format::of_lists(asked).general()?;
    match &arguments.verb {
        Verb::List {
            place,
            after,
            consumer,
            limit,
        } => {
            let mirror = match consumer {
                Some(_) => place.existing().await?,
                None => place.read().await?,
            };
            let listed = list(&mirror, *after, consumer.as_deref(), *limit, format).await;
            mirror.close().await;
            listed
        }
        Verb::Follow {
            place,
            consumer,
            interval,
            status,
        } => {
            let status = status.open(status::HOLDS_FOR).await?;
            let mirror = place.existing().await?;
            let asked = interrupt::listen();
            let look = async || {
                let consumers = mirror.consumers().await?;
                let waiting = consumers
                    .iter()
                    .find(|one| one.name == *consumer)
                    .map(|one| one.waiting);
                metrics::gauge!("dsync_changes_waiting").set(waiting.unwrap_or_default() as f64);
                Ok::<_, workos_directory_mirror::Error>(())
            };
            let interval = Duration::from_secs(*interval);
            let followed = tokio::select! {
                followed = follow(&mirror, consumer, interval, format, asked) => followed,
                failed = status.serve_while(look) => failed,
            };
            mirror.close().await;
            followed
        }
        Verb::Consumers { place, forget } => {
            let mirror = match forget {
                Some(_) => place.existing().await?,
                None => place.read().await?,
            };
            let shown = consumers(&mirror, forget.as_deref(), format).await;
            mirror.close().await;
            shown
        }
    }
}

async fn list(mirror: &Mirror, after: i64, consumer: Option<&str>, limit: u32, format: Format) -> Result<(), Failure> {
    let Some(consumer) = consumer else {
        show(&mirror.changes_after(after, limit).await?, format)?;
        return Ok(());
    };
    let changes = mirror.changes(consumer);
    if let Some(last) = show(&changes.page(limit).await?, format)? {
        changes.acknowledge(last).await?;
    }
    Ok(())
}

/// Writes changes as they come until it is asked to end. What was written is noted before it ends.
async fn follow(
    mirror: &Mirror,
    consumer: &str,
    interval: Duration,
    format: Format,
    mut asked: Asked,
) -> Result<(), Failure> {
    let changes = mirror.changes(consumer).interval(interval);
    let mut stream = changes.stream();
    loop {
        let change = tokio::select! {
            biased;
            () = &mut asked => {
                notice::say("stopped; the same command goes on from here");
                return Ok(());
            }
            change = stream.next() => change,
        };
        let Some(change) = change.transpose()? else {
            return Ok(());
        };
        // What nobody reads any more does not count as seen.
        if output::line(format, &change, || text(&change))?.is_break() {
            return Ok(());
        }
        changes.acknowledge(&change).await?;
    }
}

async fn consumers(mirror: &Mirror, forget: Option<&str>, format: Format) -> Result<(), Failure> {
    if let Some(name) = forget
        && !mirror.forget_consumer(name).await?
    {
        return Err(Failure::other(format!(
            "there is no consumer `{name}`: `dsync changes consumers` shows those that there are"
        )));
    }
    for consumer in mirror.consumers().await? {
        output::result(format, &consumer, || consumer_text(&consumer))?;
    }
    Ok(())
}

/// Writes changes until the last, or until nobody reads any more; gives the last that somebody may have read.
fn show(changes: &[Change], format: Format) -> Result<Option<&Change>, Failure> {
    let mut last = None;
    for change in changes {
        if output::line(format, change, || text(change))?.is_break() {
            break;
        }
        last = Some(change);
    }
    Ok(last)
}

fn text(change: &Change) -> String {
    let mut text = format!("{}  {}  {}", change.id, output::plain(&change.changed_at), change.kind);
    let ids = [&change.user_id, &change.group_id];
    for id in ids.into_iter().flatten() {
        let _ = write!(text, "  {}", output::plain(id));
    }
    if change.user_id.is_none() && change.group_id.is_none() {
        let _ = write!(text, "  {}", output::plain(&change.directory_id));
    }
    if let Some(state) = &change.state {
        let _ = write!(text, "  {}", output::plain(state));
    }
    text
}

fn consumer_text(consumer: &Consumer) -> String {
    format!(
        "{}  at change {}, {} behind, last seen {}",
        output::plain(&consumer.name),
        consumer.position,
        consumer.waiting,
        output::plain(consumer.acknowledged_at.as_deref().unwrap_or("never"))
    )
}
