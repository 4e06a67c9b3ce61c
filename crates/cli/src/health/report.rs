//! What is known of each directory, as a table, as JSON and as metrics.

use std::fmt::Write as _;

use serde::Serialize;
use workos_directory_sync::patterns::Unhealthy;
use workos_directory_sync::types::Directory;

use super::lag::Lag;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Cell;
use crate::listing::Column;
use crate::listing::Table;

/// All directories that were looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Health {
    pub(crate) directories: Vec<Status>,
    /// The database, if one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mirror: Option<Lag>,
}

/// A directory as it is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Status {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) state: String,
    pub(crate) healthy: bool,
    /// Why it does not sync, and what to do.
    pub(crate) reason: Option<&'static str>,
    /// Counts of the API, where it counts.
    pub(crate) active_users: Option<u64>,
    pub(crate) inactive_users: Option<u64>,
    pub(crate) groups: Option<u64>,
    /// When the directory itself was last changed.
    pub(crate) changed_at: workos_directory_sync::Timestamp,
}

impl Status {
    pub(crate) fn of(directory: Directory) -> Self {
        let reason = Unhealthy::of(directory.clone()).map(|unhealthy| unhealthy.reason);
        let counts = directory.metadata;
        Self {
            kind: directory.type_.as_str().to_owned(),
            state: directory.state.as_str().to_owned(),
            healthy: reason.is_none(),
            reason,
            active_users: counts.as_ref().map(|counts| counts.users.active),
            inactive_users: counts.as_ref().map(|counts| counts.users.inactive),
            groups: counts.as_ref().map(|counts| counts.groups),
            changed_at: directory.updated_at,
            id: directory.id,
            name: directory.name,
        }
    }
}

const COLUMNS: [Column; 7] = [
    Column::key("ID", 36),
    Column::new("STATE", 19),
    Column::number("ACTIVE", 8),
    Column::number("INACTIVE", 8),
    Column::number("GROUPS", 7),
    Column::new("CHANGED", 24),
    Column::new("NAME", 4),
];

impl Status {
    fn cells(&self) -> Vec<Cell> {
        let colour = match self.healthy {
            true => anstyle::AnsiColor::Green,
            false => anstyle::AnsiColor::Red,
        };
        let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        vec![
            (&self.id).into(),
            Cell::painted(&self.state, colour.on_default()),
            count(self.active_users).into(),
            count(self.inactive_users).into(),
            count(self.groups).into(),
            self.changed_at.to_string().into(),
            (&self.name).into(),
        ]
    }
}

impl Health {
    /// How the command ends.
    pub(crate) fn verdict(&self, organization: Option<&str>) -> Result<(), Failure> {
        if let (Some(organization), true) = (organization, self.directories.is_empty()) {
            return Err(Failure::unhealthy(format!("`{organization}` has no directory")));
        }
        match self.unhealthy().count() {
            0 => self.mirror.as_ref().map_or(Ok(()), Lag::verdict),
            count => Err(Failure::unhealthy(format!(
                "{count} of {} directories do not sync",
                self.directories.len()
            ))),
        }
    }

    pub(crate) fn unhealthy(&self) -> impl Iterator<Item = &Status> {
        self.directories.iter().filter(|status| !status.healthy)
    }

    /// Those that synced the last time, or were not there.
    pub(crate) fn newly_unhealthy<'a>(&'a self, before: Option<&'a Self>) -> impl Iterator<Item = &'a Status> {
        self.unhealthy().filter(move |status| {
            !before.is_some_and(|before| before.unhealthy().any(|earlier| earlier.id == status.id))
        })
    }

    /// What a watch tells of when it changes.
    pub(crate) fn states(&self) -> (Vec<(&str, &str)>, Option<[bool; 6]>) {
        let states = self.directories.iter();
        let states = states.map(|status| (status.id.as_str(), status.state.as_str()));
        (states.collect(), self.mirror.as_ref().map(Lag::conditions))
    }

    pub(crate) fn text(&self) -> String {
        let mut table = Table::new(&COLUMNS);
        let mut lines: Vec<_> = (self.directories.iter())
            .flat_map(|status| table.push(status.cells()))
            .collect();
        lines.extend(table.finish());
        listing::say_if_cut(&table);
        let reasons = self.directories.iter().map(|status| status.reason);
        let mut text = String::new();
        // The header has none.
        for (line, reason) in lines.iter().zip(std::iter::once(None).chain(reasons)) {
            let _ = writeln!(text, "{line}");
            if let Some(reason) = reason {
                let _ = writeln!(text, "  {reason}");
            }
        }
        if let Some(mirror) = &self.mirror {
            text.push_str(&mirror.text());
        }
        text
    }

    /// The text format of Prometheus.
    pub(crate) fn prometheus(&self) -> String {
        let mut text = String::new();
        let mut family = |name: &str, help: &str, values: &dyn Fn(&Status) -> Vec<(String, f64)>| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
            for status in &self.directories {
                for (labels, value) in values(status) {
                    let _ = writeln!(text, "{name}{{directory=\"{}\"{labels}}} {value}", label(&status.id));
                }
            }
        };
        family("dsync_directory_healthy", "Whether the directory syncs.", &|status| {
            let labels = format!(
                ",name=\"{}\",type=\"{}\",state=\"{}\"",
                label(&status.name),
                label(&status.kind),
                label(&status.state)
            );
            vec![(labels, f64::from(u8::from(status.healthy)))]
        });
        family(
            "dsync_directory_users",
            "Users by state, as the API counts them.",
            &|status| {
                let counts = [("active", status.active_users), ("inactive", status.inactive_users)];
                let known = counts
                    .into_iter()
                    .filter_map(|(state, count)| Some((format!(",state=\"{state}\""), count?)));
                known.map(|(labels, count)| (labels, count as f64)).collect()
            },
        );
        family("dsync_directory_groups", "Groups, as the API counts them.", &|status| {
            status
                .groups
                .iter()
                .map(|count| (String::new(), *count as f64))
                .collect()
        });
        family(
            "dsync_directory_changed_timestamp_seconds",
            "When the directory was last changed.",
            &|status| vec![(String::new(), status.changed_at.as_jiff().as_second() as f64)],
        );
        if let Some(mirror) = &self.mirror {
            text.push_str(&mirror.prometheus());
        }
        text
    }
}

/// A label's value as the format wants it.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
