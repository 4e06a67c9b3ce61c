//! Users as a file: CSV for spreadsheets, JSON lines for programs.

use std::borrow::Cow;
use std::io::IsTerminal as _;

use workos_directory_sync::types::DirectoryUser;

use crate::failure::Failure;
use crate::listing;
use crate::listing::Source;
use crate::output;
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
    /// Where a person looks at it, and codes would be obeyed.
    is_terminal: bool,
}

impl File {
    pub(crate) fn new(format: FileFormat, keep_formulas: bool) -> Self {
        Self {
            format,
            keep_formulas,
            is_terminal: std::io::stdout().is_terminal(),
        }
    }

    /// Writes all users to stdout as they come.
    pub(crate) async fn write(
        &self,
        source: impl Source<DirectoryUser>,
        limit: Option<u64>,
        wanted: impl Fn(&DirectoryUser) -> bool,
    ) -> Result<(), Failure> {
        let mut rows = Rows::new();
        // The header comes with the first user, or with the end of a list that has none.
        let mut header = match self.format {
            FileFormat::Csv => Some(line(COLUMNS.map(Cow::Borrowed))?),
            FileFormat::Ndjson => None,
        };
        let result = listing::each(source, limit, wanted, |user| {
            if let Some(header) = header.take() {
                let _ = rows.push(&header)?;
            }
            rows.push(&match self.format {
                FileFormat::Csv => line(self.cells(&user))?,
                FileFormat::Ndjson => output::json(&user)?,
            })
        })
        .await;
        if let (Some(header), Ok(_)) = (header, &result) {
            let _ = rows.push(&header)?;
        }
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
            Cow::Borrowed(listing::email(user).unwrap_or_default()),
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
        .map(|cell| {
            if self.is_terminal {
                Cow::Owned(output::plain(&cell))
            } else {
                cell
            }
        })
    }
}

/// A cell that no spreadsheet takes for a formula: whoever names a user decides what stands in it.
///
/// An apostrophe stands before a sign that begins a formula where a cell may begin: at its start, and behind what another
/// reader of the file takes for the end of a cell or a line, such as `;`.
fn harmless(cell: Cow<'_, str>) -> Cow<'_, str> {
    let mut safe: Option<String> = None;
    let mut written = 0;
    let mut begins = true;
    let mut rest = cell.as_ref();
    while let Some(character) = rest.chars().next() {
        let at = cell.len() - rest.len();
        if begins && is_formula(character) {
            let safe = safe.get_or_insert_default();
            safe.push_str(&cell[written..at]);
            safe.push('\'');
            written = at;
        }
        let skipped = if begins { colour_code(rest) } else { None };
        begins = match skipped {
            Some(_) => true,
            None => ends_cell(character) || (begins && is_passed_over(character)),
        };
        rest = &rest[skipped.unwrap_or(character.len_utf8())..];
    }
    match safe {
        Some(mut safe) => {
            safe.push_str(&cell[written..]);
            Cow::Owned(safe)
        }
        None => cell,
    }
}

/// What begins a formula, full width included. A tab or a line break at the start of a cell hides one.
fn is_formula(character: char) -> bool {
    matches!(
        character,
        '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '﹦' | '﹢' | '﹣' | '﹫' | '−' | '⁺' | '⁻'
    )
}

/// What a reader with other settings takes for the end of a cell or of a line.
fn ends_cell(character: char) -> bool {
    matches!(
        character,
        ';' | '；' | '|' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// What may stand before a formula that is one all the same.
fn is_passed_over(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '“' | '”') || output::is_unsafe(character)
}

/// How long the colour code is that a text begins with, which some programs take away.
fn colour_code(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("\u{1b}[").or_else(|| text.strip_prefix('\u{9b}'))?;
    let end = rest.find(|character| ('@'..='~').contains(&character))?;
    let is_code = rest[..end].chars().all(|character| (' '..='?').contains(&character));
    is_code.then_some(text.len() - rest.len() + end + 1)
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
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "﹣1"] {
            assert_eq!(harmless(Cow::Borrowed(cell)), format!("'{cell}"));
        }
        for (cell, safe) in [
            ("\t=1", "\t'=1"),
            ("\u{1b}[0m=HYPERLINK(1)", "\u{1b}[0m'=HYPERLINK(1)"),
            ("\u{9b}0m\u{200b} =1", "\u{9b}0m\u{200b} '=1"),
            ("a;=1;b", "a;'=1;b"),
            ("a\";\"=1", "a\";\"'=1"),
            ("a\n+1\n@b", "a\n'+1\n'@b"),
            ("\u{feff}@x", "\u{feff}'@x"),
        ] {
            assert_eq!(harmless(Cow::Borrowed(cell)), safe);
        }
        for cell in [
            "",
            "jane@acme.example",
            "O'Neill",
            "{\"a\":1}",
            "a=1",
            "Ann-Marie; Bob",
            "\u{1b}[0mAnn",
        ] {
            assert_eq!(harmless(Cow::Borrowed(cell)), cell);
        }
    }
}
