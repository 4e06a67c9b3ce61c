//! `dsync health`: every directory's state, for a person, a probe or a monitoring system.

mod alarm;
mod lag;
mod report;

use std::time::Duration;

use workos_directory_mirror::Mirror;
use workos_directory_sync::Client;

use self::lag::Lag;
use self::lag::Limits;
use self::report::Health;
use crate::connection;
use crate::connection::Connection;
use crate::connection::Database;
use crate::directories;
use crate::failure::Failure;
use crate::interrupt;
use crate::listing::Source as _;
use crate::notice;
use crate::output;
use crate::output::Format;
use crate::status;
use crate::status::Status;

/// Show every directory's state, and alert when one does not sync
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dsync health
  dsync health --organization org_01EHZNVPK3SFK441A1RGBFSHRT --output json
  dsync health --database sqlite:mirror.sqlite --max-lag 900 --max-undecided 86400
  dsync health --output prometheus > /var/lib/node_exporter/dsync.prom
  dsync health --watch --status 127.0.0.1:9466
  dsync health --watch --on-unhealthy 'mail -s \"$DSYNC_REASON\" ops@acme.example < /dev/null'

The command of `--on-unhealthy` runs in a shell, once for each directory that stops to sync, with DSYNC_DIRECTORY, \
DSYNC_NAME, DSYNC_STATE and DSYNC_REASON in its environment.

With a database it shows how far the mirror is behind, too, and warns of what cannot be read, of what has been undecided for 24 \
hours, and of directories that have not been linked for as long.

Exit codes: 0 when all directories are linked, 5 when one is not, when the organization that was named has none, or when the \
mirror is beyond `--max-lag`, `--max-undecided` or `--max-quarantined`. Warnings alone are 0.")]
pub(crate) struct Arguments {
    /// Only the directories of this organization
    #[arg(long, value_name = "ID", conflicts_with = "directory")]
    organization: Option<String>,

    /// Only this directory; may be repeated
    #[arg(long, value_name = "ID")]
    directory: Vec<String>,

    /// Look again and again until Ctrl-C, and tell what has changed
    #[arg(long)]
    watch: bool,

    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,

    /// Run this for each directory that stops to sync
    #[arg(long, value_name = "COMMAND")]
    on_unhealthy: Option<String>,

    #[command(flatten)]
    limits: Limits,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    status: status::Address,

    #[command(flatten)]
    connection: Connection,
}

/// What is looked at.
struct Source {
    client: Client,
    mirror: Option<Mirror>,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    let format = asked.unwrap_or_default();
    if format == Format::Junit {
        return Err(Failure::usage(
            "only `dsync verify` writes junit; use text, json or prometheus",
        ));
    }
    let chosen = arguments.connection.chosen()?;
    let client = arguments.connection.client_of(&chosen)?;
    let address = match arguments.database.address(&chosen)? {
        Some((address, _)) => Some(address),
        None => match arguments.limits.flag() {
            Some(flag) => {
                return Err(Failure::usage(format!(
                    "`{flag}` is about a mirror: name its database with `--database`"
                )));
            }
            None => None,
        },
    };
    let mirror = match address {
        Some(address) => Some(connection::read(&address).await?),
        None => None,
    };
    let source = Source {
        client,
        mirror: mirror.clone(),
    };
    let ended = match arguments.watch {
        true => arguments.watch(&source, format).await,
        false => arguments.once(&source, format).await,
    };
    if let Some(mirror) = mirror {
        mirror.close().await;
    }
    ended
}

fn write(health: &Health, format: Format) -> Result<(), Failure> {
    match format {
        Format::Prometheus => output::write(health.prometheus().as_bytes()),
        _ => output::result(format, health, || health.text()),
    }
}

impl Arguments {
    /// Whether it goes on until it is asked to end.
    pub(crate) fn is_endless(&self) -> bool {
        self.watch
    }

    async fn once(&self, source: &Source, format: Format) -> Result<(), Failure> {
        if self.status.is_given() {
            return Err(Failure::usage(
                "`--status` goes with `--watch`: without it there is nothing to ask",
            ));
        }
        let health = self.look(source).await?;
        write(&health, format)?;
        for directory in health.unhealthy() {
            self.alarm(directory).await;
        }
        health.verdict(self.organization.as_deref())
    }

    async fn look(&self, source: &Source) -> Result<Health, Failure> {
        let mut found = directories::chosen(&source.client, self.organization.as_deref(), &self.directory);
        let mut health = Health::default();
        while let Some(directory) = found.next().await.transpose()? {
            health.directories.push(report::Status::of(directory));
        }
        if let Some(mirror) = &source.mirror {
            let freshness = mirror.freshness().await?;
            health.mirror = Some(Lag::of(freshness, jiff::Timestamp::now(), self.limits));
        }
        Ok(health)
    }

    /// Runs the command of `--on-unhealthy`. One that fails is told: it neither hides the state nor keeps the others quiet.
    async fn alarm(&self, directory: &report::Status) {
        let Some(command) = &self.on_unhealthy else { return };
        if let Err(failure) = alarm::run(command, directory).await {
            notice::error(failure.message());
        }
    }

    /// Looks until it is asked to end.
    async fn watch(&self, source: &Source, format: Format) -> Result<(), Failure> {
        let asked = interrupt::listen();
        let status = self.status.open(PATIENCE + Duration::from_secs(self.interval)).await?;
        tokio::select! {
            () = asked => Ok(()),
            failed = status.serve() => failed,
            failed = self.look_again_and_again(source, format, &status) => failed,
        }
    }

    /// A look that fails is told and does not end it.
    async fn look_again_and_again(&self, source: &Source, format: Format, status: &Status) -> Result<(), Failure> {
        let mut before: Option<Health> = None;
        loop {
            match self.look(source).await {
                Err(failure) => {
                    status.is_not_ready("the last look failed");
                    notice::error(failure.message());
                }
                Ok(health) => {
                    status.is_well();
                    status.show(health.prometheus());
                    let mirror = health.mirror.as_ref();
                    status.warn(mirror.map(|mirror| mirror.warnings().to_vec()).unwrap_or_default());
                    if before.as_ref().is_none_or(|before| before.states() != health.states()) {
                        write(&health, format)?;
                    }
                    for directory in health.newly_unhealthy(before.as_ref()) {
                        self.alarm(directory).await;
                    }
                    before = Some(health);
                }
            }
            tokio::time::sleep(Duration::from_secs(self.interval)).await;
        }
    }
}

/// How long after a look was due the metrics count as old.
const PATIENCE: Duration = Duration::from_secs(60);
