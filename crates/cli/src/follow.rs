//! `dsync follow`: keeps a database equal to the directories until it is told to stop.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::Notify;
use workos_directory_mirror::EventCounts;
use workos_directory_mirror::FollowProgress;
use workos_directory_mirror::Mirror;
use workos_directory_mirror::Summary;

use crate::absences;
use crate::connection::Connection;
use crate::connection::Database;
use crate::failure::Failure;
use crate::interrupt;
use crate::notice;
use crate::output;
use crate::output::Format;
use crate::status;
use crate::status::Status;
use crate::warnings;

/// Keep a database equal to the directories, by events and a full sync now and then
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  export WORKOS_API_KEY=sk_live_...
  dsync follow --database sqlite:mirror.sqlite
  dsync follow --database postgres://dsync@localhost/mirror --interval 5 --reconcile-every 3600
  dsync follow --database sqlite:mirror.sqlite --output json | jq -c .
  dsync follow --database sqlite:mirror.sqlite --status 127.0.0.1:9464

Ctrl-C or SIGTERM ends it; the same command goes on where it was. It needs no first `dsync sync`.

With PostgreSQL several may run at once: they share the work and the rate limit, and take over from each other.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    database: Database,

    /// How long to wait after a poll that brought nothing; a poll is one request
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    interval: u64,

    /// How often a full sync compares everything
    #[arg(long, value_name = "SECONDS", default_value_t = 21_600, value_parser = clap::value_parser!(u64).range(60..))]
    reconcile_every: u64,

    #[command(flatten)]
    absences: absences::Options,

    #[command(flatten)]
    status: status::Address,

    #[command(flatten)]
    connection: Connection,
}

pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let format = format.general()?;
    let chosen = arguments.connection.chosen()?;
    let address = arguments.database.required(&chosen)?;
    let client = arguments.connection.client_of(&chosen)?;
    let status = arguments
        .status
        .open(PATIENCE + Duration::from_secs(arguments.interval))
        .await?;
    let mirror = Mirror::connect(&address).await?;
    let asked = interrupt::listen();
    let (unwritten, cannot_write) = (Mutex::new(None), Notify::new());
    let mut follow = mirror
        .follow(&client)
        .interval(Duration::from_secs(arguments.interval))
        .reconcile_every(Duration::from_secs(arguments.reconcile_every))
        .max_lookups(arguments.absences.max_lookups)
        .allow_other_environment(arguments.absences.allow_other_environment)
        .repeated_absence(arguments.absences.repeated_absence())
        .on_progress(|progress| {
            note(progress, &status);
            if let Err(failure) = tell(progress, format) {
                *unwritten.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                cannot_write.notify_one();
            }
        });
    if let Some(percent) = arguments.absences.deleted_at_once_percent {
        follow = follow.deleted_at_once_percent(percent);
    }
    notice::say("following; Ctrl-C ends it");
    let stop = async {
        tokio::select! {
            () = asked => Ok(()),
            failed = status.serve() => failed,
            () = warnings::watch(&mirror, &status) => Ok(()),
            () = cannot_write.notified() => Ok(()),
        }
    };
    let mut listened = Ok(());
    let ended = follow.run(async { listened = stop.await }).await;
    mirror.close().await;
    ended?;
    listened?;
    if let Some(failure) = unwritten.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    notice::say("stopped; the same command goes on from here");
    Ok(())
}

/// How long after a poll was due the database counts as behind.
const PATIENCE: Duration = Duration::from_secs(60);

/// What monitoring gets to know.
fn note(progress: &FollowProgress, status: &Status) {
    count(progress);
    match progress {
        FollowProgress::CaughtUp {
            full_sync_began_at: Some(_),
        }
        | FollowProgress::StandingBy {
            full_sync_began_at: Some(_),
        } => status.is_well(),
        FollowProgress::CaughtUp {
            full_sync_began_at: None,
        }
        | FollowProgress::StandingBy {
            full_sync_began_at: None,
        } => status.is_not_ready("the first full sync is under way"),
        _ => {}
    }
}

/// Counts what happened, for `/metrics`.
pub(crate) fn count(progress: &FollowProgress) {
    match progress {
        FollowProgress::Applied(counts) => {
            for (count, outcome) in outcomes(counts) {
                metrics::counter!("dsync_events_total", "outcome" => outcome).increment(count);
            }
        }
        FollowProgress::CursorLost => metrics::counter!("dsync_cursors_lost_total").increment(1),
        FollowProgress::Reconciled(_) => metrics::counter!("dsync_full_syncs_total").increment(1),
        FollowProgress::Failed { .. } => metrics::counter!("dsync_failures_total").increment(1),
        _ => {}
    }
}

fn outcomes(counts: &EventCounts) -> [(u64, &'static str); 6] {
    [
        (counts.applied, "applied"),
        (counts.stale, "stale"),
        (counts.parked, "parked"),
        (counts.kept, "kept"),
        (counts.dead, "dead"),
        (counts.repeated, "repeated"),
    ]
}

/// What happened is the result of this command; what failed and is tried again is not.
fn tell(progress: &FollowProgress, format: Format) -> Result<(), Failure> {
    match (progress, format) {
        // So often that nobody wants to read it.
        (FollowProgress::CaughtUp { .. } | FollowProgress::StandingBy { .. } | FollowProgress::AskedForAbsent, _) => {
            Ok(())
        }
        (_, Format::Json) => output::result(format, progress, String::new),
        (
            FollowProgress::Failed {
                error,
                again_in_seconds,
            },
            _,
        ) => {
            notice::say(&format!("{error}; trying again in {again_in_seconds} s"));
            Ok(())
        }
        _ => output::result(format, progress, || text(progress)),
    }
}

pub(crate) fn text(progress: &FollowProgress) -> String {
    match progress {
        FollowProgress::Applied(counts) => counts_text(counts),
        FollowProgress::CursorLost => "events were lost; a full sync follows".to_owned(),
        FollowProgress::Reconciled(summary) => summary_text(summary),
        other => format!("{other:?}"),
    }
}

/// The counts that are not zero.
pub(crate) fn counts_text(counts: &EventCounts) -> String {
    let mut text = String::from("events:");
    for (count, what) in outcomes(counts) {
        if count > 0 {
            let _ = write!(text, " {count} {what},");
        }
    }
    text.pop();
    if counts.dead > 0 {
        text.push_str("; `dsync events list` shows what is dead");
    }
    text
}

fn summary_text(summary: &Summary) -> String {
    let mut text = format!("full sync in {} calls:", summary.calls);
    for (counts, what) in [
        (&summary.directories, "directories"),
        (&summary.users, "users"),
        (&summary.groups, "groups"),
        (&summary.memberships, "memberships"),
    ] {
        let changed = counts.inserted + counts.updated + counts.restored + counts.deleted;
        let _ = write!(text, " {changed} of {} {what} changed,", counts.seen + counts.deleted);
    }
    text.pop();
    let notes = absences::text(summary);
    if !notes.is_empty() {
        text.push('\n');
        text.push_str(&notes);
    }
    text
}
