//! Users as a file: CSV for spreadsheets, JSON lines for programs.

use std::borrow::Cow;

use workos_directory_sync::types::DirectoryUser;

use crate::failure::Failure;
use crate::listing;
use crate::listing::Source;
use crate::output::Rows;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FileFormat {
    /// Comma-separated values with a header, as RFC 4180 has them
    Csv,
    /// One JSON document per line, as the API writes it
    Ndjson,
}

const COLUMNS: [&str; 16] = [
    "id",
    "directory_id",
    "organization_id",
    "idp_id",
    "state",
    "email",
    "first_name",
    "last_name",
    "name",
    "job_title",
    "username",
    "role",
    "roles",
    "custom_attributes",
    "created_at",
    "updated_at",
];

/// A file under way.
pub(crate) struct File {
    format: FileFormat,
    keep_formulas: bool,
}

impl File {
    pub(crate) fn new(format: FileFormat, keep_formulas: bool) -> Self {
        Self { format, keep_formulas }
    }

    /// Writes all users to stdout as they come.
    pub(crate) async fn write(
        &self,
        source: impl Source<DirectoryUser>,
        limit: Option<u64>,
        wanted: impl Fn(&DirectoryUser) -> bool,
    ) -> Result<(), Failure> {
        let mut rows = Rows::new();
        if self.format == FileFormat::Csv {
            let _ = rows.push(&line(COLUMNS.map(Cow::Borrowed))?)?;
        }
        let result = listing::each(source, limit, wanted, |user| {
            rows.push(&match self.format {
                FileFormat::Csv => line(self.cells(&user))?,
                FileFormat::Ndjson => serde_json::to_vec(&user).map_err(|error| Failure::other(error.to_string()))?,
            })
        })
        .await;
        rows.finish()?;
        let count = result?;
        crate::notice::say(&format!("exported {count} users"));
        Ok(())
    }

    fn cells<'a>(&self, user: &'a DirectoryUser) -> [Cow<'a, str>; 16] {
        let text = |text: &'a Option<String>| Cow::Borrowed(text.as_deref().unwrap_or_default());
        let roles = user
            .roles
            .iter()
            .flatten()
            .map(|role| role.slug.as_str())
            .collect::<Vec<_>>()
            .join(" ");
        [
            Cow::Borrowed(user.id.as_str()),
            Cow::Borrowed(user.directory_id.as_str()),
            text(&user.organization_id),
            text(&user.idp_id),
            Cow::Borrowed(user.state.as_str()),
            text(&user.email),
            text(&user.first_name),
            text(&user.last_name),
            text(&user.name),
            text(&user.job_title),
            text(&user.username),
            Cow::Borrowed(user.role.as_ref().map_or("", |role| role.slug.as_str())),
            Cow::Owned(roles),
            Cow::Borrowed(
                user.custom_attributes
                    .as_ref()
                    .map_or("", |attributes| attributes.as_str()),
            ),
            Cow::Owned(user.created_at.to_string()),
            Cow::Owned(user.updated_at.to_string()),
        ]
        .map(|cell| if self.keep_formulas { cell } else { harmless(cell) })
    }
}

/// A cell that no spreadsheet takes for a formula: whoever names a user decides what stands in it.
fn harmless(cell: Cow<'_, str>) -> Cow<'_, str> {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            Cow::Owned(format!("'{cell}"))
        }
        _ => cell,
    }
}

/// A line of CSV without its end.
fn line(cells: [Cow<'_, str>; 16]) -> Result<Vec<u8>, Failure> {
    let failed = |error: csv::Error| Failure::other(format!("cannot write CSV: {error}"));
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer
        .write_record(cells.iter().map(|cell| cell.as_bytes()))
        .map_err(failed)?;
    let mut line = writer.into_inner().map_err(|error| Failure::other(error.to_string()))?;
    // The newline comes with the next one.
    line.pop();
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_takes_for_a_formula_gets_an_apostrophe() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"] {
            assert_eq!(harmless(Cow::Borrowed(cell)), format!("'{cell}"));
        }
        for cell in ["", "jane@acme.example", "O'Neill", "{\"a\":1}"] {
            assert_eq!(harmless(Cow::Borrowed(cell)), cell);
        }
    }
}
