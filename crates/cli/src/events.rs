//! `dsync events`: events that could not be applied to the database.

use std::fmt::Write as _;

use clap::Subcommand;
use workos_directory_mirror::DeadEvent;
use workos_directory_mirror::EventCounts;
use workos_directory_mirror::Mirror;

use crate::connection::Place;
use crate::failure::Failure;
use crate::follow;
use crate::output;
use crate::output::Format;

/// Look at events that could not be applied, and try them again
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the oldest events that could not be applied, with the reason
    #[command(after_help = "\
Examples:
  dsync events list --database sqlite:mirror.sqlite
  dsync events list --database sqlite:mirror.sqlite --output json | jq -r .error")]
    List {
        #[command(flatten)]
        place: Place,

        /// How many at most
        #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Try events again, after an update of dsync, say
    #[command(after_help = "\
Examples:
  dsync events retry --database sqlite:mirror.sqlite event_01E0CJRAH2E0KDW5W1Z5C1D0M9
  dsync events retry --database sqlite:mirror.sqlite --all")]
    Retry {
        #[command(flatten)]
        place: Place,

        /// The ids, as `dsync events list` shows them
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<String>,

        /// All of them, up to 100,000
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

/// How many `--all` means at most.
const ALL: u32 = 100_000;

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::List { place, limit } => {
            let format = Format::of_lists(asked).general()?;
            let mirror = place.read().await?;
            let events = mirror.dead_events(*limit).await;
            mirror.close().await;
            list(&events?, format)
        }
        Verb::Retry { place, ids, all } => {
            let format = asked.unwrap_or_default().general()?;
            let mirror = place.existing().await?;
            let ids = if *all {
                let events = mirror.dead_events(ALL).await?;
                events.into_iter().map(|event| event.id).collect()
            } else {
                ids.clone()
            };
            let counts = retry(&mirror, &ids).await;
            mirror.close().await;
            let counts = counts?;
            output::result(format, &counts, || match ids.is_empty() {
                true => "there is no event that could not be applied".to_owned(),
                false => follow::counts_text(&counts),
            })
        }
    }
}

async fn retry(mirror: &Mirror, ids: &[String]) -> Result<EventCounts, Failure> {
    let mut counts = EventCounts::default();
    for id in ids {
        counts += mirror.retry_event(id).await?.ok_or_else(|| {
            Failure::other(format!(
                "there is no event `{id}` that could not be applied: `dsync events list` shows those that there are"
            ))
        })?;
    }
    Ok(counts)
}

fn list(events: &[DeadEvent], format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return events
            .iter()
            .try_for_each(|event| output::result(format, event, String::new));
    }
    let mut text = String::new();
    for event in events {
        let _ = writeln!(
            text,
            "{}  {}  {}  {}",
            output::plain(&event.id),
            output::plain(&event.created_at),
            output::plain(&event.name),
            output::plain(&event.error)
        );
    }
    if text.is_empty() {
        text.push_str("every event was applied\n");
    }
    output::write(text.as_bytes())
}
