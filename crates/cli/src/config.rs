//! `dsync config`: the settings, and where each comes from.

use std::fmt::Write as _;
use std::io::Write as _;

use serde::Serialize;

use crate::connection::Connection;
use crate::connection::Database;
use crate::failure::Failure;
use crate::output;
use crate::output::Format;
use crate::settings;

/// Write, find and show the settings
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a file with examples, unless there is one
    #[command(after_help = "Example:\n  dsync config init")]
    Init,
    /// Show every setting and where it comes from; secrets are not shown
    #[command(after_help = "Examples:\n  dsync config show\n  dsync config show --profile local --output json")]
    Show(Show),
    /// Print where the file is
    #[command(after_help = "Example:\n  $EDITOR \"$(dsync config path)\"")]
    Path,
}

#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    connection: Connection,
}

/// A setting as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    setting: &'static str,
    value: String,
    from: String,
}

pub(crate) fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let path = || settings::path().ok_or_else(|| Failure::usage("there is no home folder; set DSYNC_CONFIG to a file"));
    match &arguments.command {
        Command::Path => {
            let path = path()?.display().to_string();
            output::result(format, &serde_json::json!({ "path": path }), || path.clone())
        }
        Command::Init => {
            let path = path()?;
            let shown = path.display();
            let failed = |error| Failure::other(format!("cannot write `{shown}`: {error}"));
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(failed)?;
            }
            let mut file = std::fs::File::create_new(&path).map_err(failed)?;
            file.write_all(settings::EXAMPLE.as_bytes()).map_err(failed)?;
            output::result(format, &serde_json::json!({ "path": shown.to_string() }), || {
                format!("wrote {shown}")
            })
        }
        Command::Show(show) => show.run(format),
    }
}

impl Show {
    fn run(&self, format: Format) -> Result<(), Failure> {
        let chosen = self.connection.chosen()?;
        let mut rows = vec![Shown {
            setting: "profile",
            value: chosen.name.clone().unwrap_or_else(|| "none".to_owned()),
            from: chosen
                .path
                .as_ref()
                .map_or_else(String::new, |path| path.display().to_string()),
        }];
        rows.push(match settings::api_key(&chosen)? {
            Some((_, origin)) => Shown {
                setting: "api_key",
                value: "set, not shown".to_owned(),
                from: origin.to_string(),
            },
            None => Shown {
                setting: "api_key",
                value: "not set".to_owned(),
                from: String::new(),
            },
        });
        for (setting, value, origin) in self.connection.shown(&chosen)? {
            rows.push(Shown {
                setting,
                value: without_password(&value),
                from: origin.to_string(),
            });
        }
        rows.push(match self.database.address(&chosen)? {
            Some((address, origin)) => Shown {
                setting: "database",
                value: without_password(&address),
                from: origin.to_string(),
            },
            None => Shown {
                setting: "database",
                value: "not set".to_owned(),
                from: String::new(),
            },
        });
        output::result(format, &rows, || {
            rows.iter().fold(String::new(), |mut text, row| {
                let _ = writeln!(
                    text,
                    "{:<12} {:<32} {}",
                    row.setting,
                    output::plain(&row.value),
                    output::plain(&row.from)
                );
                text
            })
        })
    }
}

/// The address without what is between the user's name and the host, and without its query, where a password can stand too.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, _)) => (rest, "?…"),
        None => (rest, ""),
    };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{host}{query}")
        }
        None => format!("{scheme}://{rest}{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for address in [
            "postgres://dsync:hidden@db/x",
            "postgres://dsync:hid@den@db/x",
            "postgres://db/x?password=hidden",
        ] {
            let shown = without_password(address);
            assert!(!shown.contains("hid") && shown.contains("db/x"), "{shown}");
        }
        assert_eq!(without_password("sqlite:mirror.sqlite"), "sqlite:mirror.sqlite");
    }
}
