//! `dsync health`: every directory's state, for a person, a probe or a monitoring system.

mod alarm;
mod report;

use std::time::Duration;

use workos_directory_sync::Client;

use self::report::Health;
use crate::connection::Connection;
use crate::directories;
use crate::failure::Failure;
use crate::interrupt;
use crate::listing::Source as _;
use crate::output;
use crate::output::Format;

/// Show every directory's state, and alert when one does not sync
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dsync health
  dsync health --organization org_01EHZNVPK3SFK441A1RGBFSHRT --output json
  dsync health --output prometheus > /var/lib/node_exporter/dsync.prom
  dsync health --watch --on-unhealthy 'mail -s \"$DSYNC_REASON\" ops@acme.example < /dev/null'

The command of `--on-unhealthy` runs in a shell, once for each directory that stops to sync, with DSYNC_DIRECTORY,
DSYNC_NAME, DSYNC_STATE and DSYNC_REASON in its environment.

Exit codes: 0 when all directories are linked, 5 when one is not.")]
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
    connection: Connection,
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    let format = asked.unwrap_or_default();
    if format == Format::Junit {
        return Err(Failure::usage(
            "only `dsync verify` writes junit; use text, json or prometheus",
        ));
    }
    let client = arguments.connection.client()?;
    if arguments.watch {
        return arguments.watch(&client, format).await;
    }
    let health = arguments.look(&client).await?;
    write(&health, format)?;
    if let Some(command) = &arguments.on_unhealthy {
        for directory in health.unhealthy() {
            alarm::run(command, directory).await?;
        }
    }
    match health.unhealthy().count() {
        0 => Ok(()),
        count => Err(Failure::unhealthy(format!(
            "{count} of {} directories do not sync",
            health.directories.len()
        ))),
    }
}

fn write(health: &Health, format: Format) -> Result<(), Failure> {
    match format {
        Format::Prometheus => output::write(health.prometheus().as_bytes()),
        _ => output::result(format, health, || health.text()),
    }
}

impl Arguments {
    async fn look(&self, client: &Client) -> Result<Health, workos_directory_sync::Error> {
        let mut found = directories::chosen(client, self.organization.as_deref(), &self.directory);
        let mut health = Health::default();
        while let Some(directory) = found.next().await.transpose()? {
            health.directories.push(report::Status::of(directory));
        }
        Ok(health)
    }

    /// Looks until it is asked to end. A look that fails is told and does not end it.
    async fn watch(&self, client: &Client, format: Format) -> Result<(), Failure> {
        let asked = interrupt::listen()?;
        tokio::pin!(asked);
        let mut before: Option<Health> = None;
        loop {
            let look = tokio::select! {
                requested = &mut asked => return requested,
                look = self.look(client) => look,
            };
            match look {
                Err(error) => crate::notice::error(&error.to_string()),
                Ok(health) => {
                    if before.as_ref().is_none_or(|before| before.states() != health.states()) {
                        write(&health, format)?;
                    }
                    if let Some(command) = &self.on_unhealthy {
                        for directory in health.newly_unhealthy(before.as_ref()) {
                            if let Err(failure) = alarm::run(command, directory).await {
                                crate::notice::error(failure.message());
                            }
                        }
                    }
                    before = Some(health);
                }
            }
            tokio::select! {
                requested = &mut asked => return requested,
                () = tokio::time::sleep(Duration::from_secs(self.interval)) => {}
            }
        }
    }
}
