//! `dsync quarantine`: what the API said and cannot be read.

use clap::Subcommand;
use futures_util::stream;
use serde::Serialize;
use workos_directory_mirror::QuarantinedObject;
use workos_directory_mirror::RetryOutcome;

use crate::connection::Connection;
use crate::connection::Database;
use crate::connection::Place;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Cell;
use crate::listing::Column;
use crate::listing::Row;
use crate::listing::Several;
use crate::output;
use crate::output::Format;
use crate::output::plain;

/// Look at objects and fields that could not be read, and ask for them again
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what could not be read, the oldest first
    #[command(after_help = "\
Examples:
  dsync quarantine list --database sqlite:mirror.sqlite
  dsync quarantine list --database sqlite:mirror.sqlite --output json | jq -r .error

An odd field keeps the value that its column has; an object whose id, directory or state cannot be read stays as it was. An \
entry goes by itself when a full sync, a response by id or an event reads well.")]
    List {
        #[command(flatten)]
        place: Place,

        /// How many at most
        #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show one entry with what the API sent, at most 4 KiB of it
    #[command(after_help = "Example:\n  dsync quarantine show --database sqlite:mirror.sqlite 12")]
    Show {
        #[command(flatten)]
        place: Place,

        /// The number, as `dsync quarantine list` shows it
        #[arg(value_name = "NUMBER")]
        number: i64,
    },
    /// Ask the API for the object again, and mirror what can be read
    #[command(after_help = "\
Example:
  dsync quarantine retry --database sqlite:mirror.sqlite 12

Exit codes: 0 when the entry is gone, because the object reads well or is there no more; 6 when it stays.")]
    Retry(Retry),
}

#[derive(Debug, clap::Args)]
struct Retry {
    #[command(flatten)]
    database: Database,

    /// The number, as `dsync quarantine list` shows it
    #[arg(value_name = "NUMBER")]
    number: i64,

    #[command(flatten)]
    connection: Connection,
}

/// What became of an entry.
#[derive(Debug, Serialize)]
struct Retried {
    number: i64,
    kind: String,
    id: Option<String>,
    #[serde(flatten)]
    outcome: RetryOutcome,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::List { place, limit } => {
            let format = Format::of_lists(asked).general()?;
            let mirror = place.read().await?;
            let entries = mirror.quarantine(*limit).await;
            mirror.close().await;
            list(entries?, format).await
        }
        Verb::Show { place, number } => {
            let format = asked.unwrap_or_default().general()?;
            let mirror = place.existing().await?;
            let entry = mirror.quarantined_object(*number).await;
            mirror.close().await;
            let entry = entry?.ok_or_else(|| unknown(*number))?;
            let text = listing::details(&entry)?;
            output::result(format, &entry, || text)
        }
        Verb::Retry(retry) => retry.run(asked.unwrap_or_default().general()?).await,
    }
}

impl Retry {
    async fn run(&self, format: Format) -> Result<(), Failure> {
        let chosen = self.connection.chosen()?;
        let client = self.connection.client_of(&chosen)?;
        let mirror = self.database.existing(&chosen).await?;
        let retried = async {
            let Some(entry) = mirror.quarantined_object(self.number).await? else {
                return Ok(None);
            };
            let outcome = mirror.retry_quarantined(&client, self.number).await?;
            Ok::<_, workos_directory_mirror::Error>(outcome.map(|outcome| (entry, outcome)))
        }
        .await;
        mirror.close().await;
        let (entry, outcome) = retried?.ok_or_else(|| unknown(self.number))?;
        if outcome == RetryOutcome::CannotBeAsked {
            return Err(Failure::other(format!(
                "entry {} cannot be asked for by id: the next `dsync sync`, or the next full sync of `dsync follow`, reads it again",
                self.number
            )));
        }
        let retried = Retried {
            number: entry.number,
            kind: entry.kind,
            id: entry.id,
            outcome,
        };
        output::result(format, &retried, || text(&retried))?;
        match retried.outcome {
            RetryOutcome::Released | RetryOutcome::NotFound => Ok(()),
            _ => Err(Failure::incomplete(
                "the object is in the quarantine still: `dsync quarantine list` shows why",
            )),
        }
    }
}

async fn list(entries: Vec<QuarantinedObject>, format: Format) -> Result<(), Failure> {
    if entries.is_empty() && format == Format::Text {
        return output::write(b"nothing is in the quarantine\n");
    }
    let entries = Several::new(stream::iter(entries.into_iter().map(Ok)));
    listing::write(entries, None, |_| true, Some(format)).await
}

fn unknown(number: i64) -> Failure {
    Failure::other(format!(
        "there is no entry {number} in the quarantine: `dsync quarantine list` shows those that there are"
    ))
}

fn text(retried: &Retried) -> String {
    let became = match &retried.outcome {
        RetryOutcome::Released => "reads well: it is mirrored, and out of the quarantine".to_owned(),
        RetryOutcome::StillOdd => "cannot be read still: what can be is mirrored".to_owned(),
        RetryOutcome::NotFound => "is not there any more, and out of the quarantine".to_owned(),
        RetryOutcome::Undecided { reason } => format!("is as it was, since the API does not say: {}", plain(reason)),
        other => format!("{other:?}"),
    };
    let id = retried.id.as_deref().unwrap_or_default();
    format!("{} {} {became}\n", plain(&retried.kind), plain(id))
}

impl Row for QuarantinedObject {
    const COLUMNS: &'static [Column] = &[
        Column::number("NUMBER", 6),
        Column::new("KIND", 11),
        Column::key("ID", 36),
        Column::new("PATH", 10),
        Column::number("TIMES", 5),
        Column::new("SINCE", 24),
        Column::new("ERROR", 5),
    ];

    fn cells(&self) -> Vec<Cell> {
        vec![
            self.number.to_string().into(),
            (&self.kind).into(),
            self.id.as_deref().unwrap_or("-").into(),
            (&self.path).into(),
            self.count.to_string().into(),
            (&self.first_seen_at).into(),
            (&self.error).into(),
        ]
    }
}
