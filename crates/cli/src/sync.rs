//! `dsync sync`: makes a database equal to the directories.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::sync::Notify;
use workos_directory_mirror::Counts;
use workos_directory_mirror::Forecast;
use workos_directory_mirror::FullSync;
use workos_directory_mirror::Kind;
use workos_directory_mirror::Mirror;
use workos_directory_mirror::Progress;
use workos_directory_mirror::Summary;

use crate::absences;
use crate::connection;
use crate::connection::Connection;
use crate::connection::Database;
use crate::failure::Failure;
use crate::interrupt;
use crate::output;
use crate::output::Format;
use crate::progress::Display;

/// Make a database equal to the directories
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  export WORKOS_API_KEY=sk_live_...
  dsync sync --database sqlite:mirror.sqlite
  dsync sync --database sqlite:mirror.sqlite --organization org_01EHZNVPK3SFK441A1RGBFSHRT
  dsync sync --database sqlite:mirror.sqlite --dry-run
  dsync sync --database sqlite:mirror.sqlite --output json | jq .users
  dsync sync --database sqlite:mirror.sqlite --max-lookups 100

A sync that was interrupted goes on where it was when it is started again within an hour.

With PostgreSQL several may run at once: they share the directories and the rate limit.

Exit code 6: done, but something was quarantined (`dsync quarantine list`), is undecided (`dsync deletions list`), or is still to \
ask for.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    database: Database,

    /// Only the directories of this organization
    #[arg(long, value_name = "ID", conflicts_with = "directory")]
    organization: Option<String>,

    /// Only this directory; may be repeated
    #[arg(long, value_name = "ID")]
    directory: Vec<String>,

    /// Only say how many calls it would take; write nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    absences: absences::Options,

    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let chosen = arguments.connection.chosen()?;
    let address = arguments.database.required(&chosen)?;
    let client = arguments.connection.client_of(&chosen)?;
    let mirror = match arguments.dry_run {
        true => connection::read_or_empty(&address).await?,
        false => Mirror::connect(&address).await?,
    };
    let mut sync = mirror
        .full_sync(&client)
        .allow_other_environment(arguments.absences.allow_other_environment)
        .max_lookups(arguments.absences.max_lookups)
        .repeated_absence(arguments.absences.repeated_absence());
    if let Some(percent) = arguments.absences.deleted_at_once_percent {
        sync = sync.deleted_at_once_percent(percent);
    }
    if let Some(id) = &arguments.organization {
        sync = sync.organization(id);
    }
    for id in &arguments.directory {
        sync = sync.directory(id);
    }
    if arguments.dry_run {
        let forecast = sync.forecast().await?;
        return output::result(format, &forecast, || forecast_text(&forecast));
    }
    let watched = watched(sync).await;
    mirror.close().await;
    let summary = watched?;
    output::result(format, &summary, || summary_text(&summary))?;
    absences::complete(&summary)
}

/// How long the page in hand may take at the end.
const GRACE: Duration = Duration::from_secs(10);

/// Runs a sync and shows how it goes. Ctrl-C ends it when the page in hand is written, and the next run goes on from there.
pub(crate) async fn watched(sync: FullSync<'_>) -> Result<Summary, Failure> {
    let display = Display::new();
    let asked = interrupt::listen();
    let page = Notify::new();
    let result = {
        let run = sync.on_progress(|progress| {
            display.tell(progress);
            if matches!(progress, Progress::Page { .. }) {
                page.notify_waiters();
            }
        });
        tokio::pin! {
            let run = run.run();
        }
        tokio::select! {
            result = &mut run => result.map_err(Failure::from),
            () = asked => {
                display.note("ending with the page in hand; Ctrl-C again ends at once");
                tokio::select! {
                    // First, so that it listens before the run goes on.
                    biased;
                    () = page.notified() => Err(interrupted(&display)),
                    result = &mut run => result.map_err(Failure::from),
                    () = tokio::time::sleep(GRACE) => Err(interrupted(&display)),
                }
            }
        }
    };
    display.finish();
    result
}

fn interrupted(display: &Display) -> Failure {
    let kept = match display.counts() {
        counts if counts.is_empty() => "nothing was written yet".to_owned(),
        counts => format!("{counts} are kept"),
    };
    Failure::interrupted(format!(
        "interrupted; {kept}, and the same command goes on from there within an hour"
    ))
}

/// The summary as a table.
pub(crate) fn summary_text(summary: &Summary) -> String {
    let mut text = format!(
        "{:<12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
        "", "seen", "inserted", "updated", "restored", "unchanged", "deleted"
    );
    for kind in [Kind::Directories, Kind::Users, Kind::Groups, Kind::Memberships] {
        let Counts {
            seen,
            inserted,
            updated,
            restored,
            unchanged,
            deleted,
            ..
        } = summary.counts(kind);
        let _ = writeln!(
            text,
            "{:<12} {seen:>9} {inserted:>9} {updated:>9} {restored:>9} {unchanged:>9} {deleted:>9}",
            kind.as_str()
        );
    }
    let duration = summary
        .finished_at
        .as_jiff()
        .duration_since(summary.started_at.as_jiff());
    let _ = writeln!(text, "{} calls in {:.1} s", summary.calls, duration.as_secs_f64());
    text.push_str(&absences::text(summary));
    text
}

fn forecast_text(forecast: &Forecast) -> String {
    let mut text = format!(
        "{:<40} {:>9} {:>9} {:>9}  {}\n",
        "directory", "users", "groups", "calls", "memberships by"
    );
    for directory in &forecast.directories {
        let _ = writeln!(
            text,
            "{:<40} {:>9} {:>9} {:>9}  {}",
            output::plain(&directory.id),
            directory.users,
            directory.groups,
            directory.calls,
            directory.plan.as_str()
        );
    }
    let _ = writeln!(text, "{} calls in all", forecast.calls);
    text
}
