//! Lines of a table that line up: wide characters, long cells and narrow terminals included.
//!
//! The first rows say how wide the columns are, so that a list can be written as it comes. On a terminal the table is cut to
//! the terminal's width, `…` stands for what is left out, and `--wide` leaves nothing out.

use std::borrow::Cow;
use std::time::Duration;
use std::time::Instant;

use anstyle::Style;
use unicode_width::UnicodeWidthChar as _;
use unicode_width::UnicodeWidthStr as _;

use crate::output;

/// A column before anything is known of its cells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    name: &'static str,
    /// How wide it is at least, in cells of a terminal.
    width: usize,
    is_number: bool,
    /// Whether other columns are cut before this one.
    is_key: bool,
}

impl Column {
    /// A column that begins with a width.
    pub(crate) const fn new(name: &'static str, width: usize) -> Self {
        Self {
            name,
            width,
            is_number: false,
            is_key: false,
        }
    }

    /// A column that names the object of the line: it is cut last.
    pub(crate) const fn key(name: &'static str, width: usize) -> Self {
        Self {
            is_key: true,
            ..Self::new(name, width)
        }
    }

    /// A column of numbers, which stand at its right.
    pub(crate) const fn number(name: &'static str, width: usize) -> Self {
        Self {
            is_number: true,
            is_key: true,
            ..Self::new(name, width)
        }
    }
}

/// A text in a table, safe for a terminal, and how it is painted.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: output::plain(text),
            style: Style::new(),
        }
    }

    pub(crate) fn painted(text: &str, style: Style) -> Self {
        Self {
            style: output::painted(style),
            ..Self::new(text)
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

/// How many rows say how wide the columns are: a page.
const ROWS: usize = 100;

/// How long rows wait for others.
const PATIENCE: Duration = Duration::from_secs(1);

/// What stands between two columns.
const GAP: &str = "  ";

/// No column is cut to less.
const NARROWEST: usize = 8;

/// A table that is written from top to bottom.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    /// Known once the first rows are.
    widths: Option<Vec<usize>>,
    waiting: Vec<Vec<Cell>>,
    since: Option<Instant>,
    /// How wide a line may be.
    limit: Option<usize>,
    was_cut: bool,
}

impl Table {
    /// A table for stdout.
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self::with_limit(columns, output::width())
    }

    fn with_limit(columns: &[Column], limit: Option<usize>) -> Self {
        Self {
            columns: columns.to_vec(),
            widths: None,
            waiting: Vec::new(),
            since: None,
            limit,
            was_cut: false,
        }
    }

    /// Takes a row and gives the lines that can be written now.
    pub(crate) fn push(&mut self, row: Vec<Cell>) -> Vec<String> {
        if let Some(widths) = self.widths.take() {
            let line = self.line(&row, &widths);
            self.widths = Some(widths);
            return vec![line];
        }
        self.waiting.push(row);
        let since = *self.since.get_or_insert_with(Instant::now);
        if self.waiting.len() >= ROWS || since.elapsed() >= PATIENCE {
            return self.finish();
        }
        Vec::new()
    }

    /// The lines that waited for others, the header before them if it was not given yet.
    pub(crate) fn finish(&mut self) -> Vec<String> {
        if self.widths.is_some() {
            return Vec::new();
        }
        let rows = std::mem::take(&mut self.waiting);
        let widths = self.measure(&rows);
        let bold = Style::new().bold();
        let header: Vec<_> = (self.columns.iter())
            .map(|column| Cell::painted(column.name, bold))
            .collect();
        let mut lines = vec![self.line(&header, &widths)];
        lines.extend(rows.iter().map(|row| self.line(row, &widths)));
        self.widths = Some(widths);
        lines
    }

    /// Whether any row came.
    pub(crate) fn has_rows(&self) -> bool {
        self.since.is_some()
    }

    /// Whether something was left out.
    pub(crate) fn was_cut(&self) -> bool {
        self.was_cut
    }

    fn measure(&self, rows: &[Vec<Cell>]) -> Vec<usize> {
        let mut widths: Vec<_> = (self.columns.iter().enumerate())
            .map(|(number, column)| {
                let cells = rows.iter().filter_map(|row| row.get(number));
                let widest = cells.map(|cell| cell.text.width()).max().unwrap_or_default();
                widest.max(column.width).max(column.name.width())
            })
            .collect();
        if let Some(limit) = self.limit {
            self.fit(&mut widths, limit);
        }
        widths
    }

    /// Takes cells from the widest column until the line fits, from columns that name the object last.
    fn fit(&self, widths: &mut [usize], limit: usize) {
        for keys_too in [false, true] {
            loop {
                let total = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
                let Some(excess) = total.checked_sub(limit).filter(|excess| *excess > 0) else {
                    return;
                };
                let shrinkable = self.columns.iter().enumerate();
                let shrinkable = shrinkable
                    .filter(|(number, column)| (keys_too || !column.is_key) && widths[*number] > NARROWEST)
                    .map(|(number, _)| number);
                let Some(widest) = shrinkable.max_by_key(|number| widths[*number]) else {
                    break;
                };
                // Not all from one: the widest changes on the way.
                widths[widest] -= excess.min(4).min(widths[widest] - NARROWEST);
            }
        }
    }

    fn line(&mut self, row: &[Cell], widths: &[usize]) -> String {
        let mut line = String::new();
        let last = row.len().saturating_sub(1);
        for (number, cell) in row.iter().enumerate() {
            let (width, column) = (
                widths.get(number).copied().unwrap_or_default(),
                self.columns.get(number),
            );
            let text: Cow<'_, str> = match self.limit {
                Some(_) => cut(&cell.text, width),
                None => Cow::Borrowed(&cell.text),
            };
            self.was_cut |= matches!(text, Cow::Owned(_));
            let blanks = " ".repeat(width.saturating_sub(text.width()));
            let style = cell.style;
            if number > 0 {
                line.push_str(GAP);
            }
            if column.is_some_and(|column| column.is_number) {
                line.push_str(&format!("{blanks}{style}{text}{style:#}"));
            } else {
                line.push_str(&format!("{style}{text}{style:#}"));
                if number < last {
                    line.push_str(&blanks);
                }
            }
        }
        line.truncate(line.trim_end_matches(' ').len());
        line
    }
}

/// A text of at most so many cells; what is left out is a `…`.
fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut cut = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or_default();
        if used > width {
            break;
        }
        cut.push(character);
    }
    cut.push('…');
    Cow::Owned(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [Column::key("ID", 10), Column::new("EMAIL", 5), Column::new("NAME", 4)];

    fn row(id: &str, email: &str, name: &str) -> Vec<Cell> {
        vec![id.into(), email.into(), name.into()]
    }

    /// Where the last column begins, in cells of a terminal.
    fn start_of(line: &str, last: &str) -> usize {
        let (before, _) = line.rsplit_once(last).unwrap_or_default();
        before.width()
    }

    #[test]
    fn columns_line_up_with_long_and_wide_cells() {
        let mut table = Table::with_limit(&COLUMNS, None);
        let mut lines = table.push(row("user_1", "a-very-long-address-indeed@a-long-domain.example", "Ann"));
        lines.extend(table.push(row("user_2", "田中@例え.example", "Zoë")));
        lines.extend(table.finish());
        assert_eq!(lines.len(), 3);
        let starts = [("NAME", 0), ("Ann", 1), ("Zoë", 2)].map(|(name, number)| start_of(&lines[number], name));
        assert!(starts.iter().all(|start| *start == starts[0]), "{lines:#?}");
        assert!(!table.was_cut());
    }

    #[test]
    fn a_table_fits_the_terminal_and_says_that_it_was_cut() {
        let mut table = Table::with_limit(&COLUMNS, Some(40));
        let _ = table.push(row(
            "user_0000000001",
            "a-very-long-address@domain.example",
            "田中田中田中田中田中",
        ));
        let mut lines = table.finish();
        lines.extend(table.push(row("user_0000000002", &"x".repeat(100), &"田".repeat(100))));
        for line in &lines {
            assert!(line.width() <= 40, "{line}");
        }
        assert!(
            lines[1].starts_with("user_0000000001  ") && lines[1].contains('…'),
            "{lines:#?}"
        );
        assert!(table.was_cut());
    }

    #[test]
    fn the_header_waits_for_the_first_row() {
        let mut table = Table::with_limit(&COLUMNS, None);
        assert!(table.push(row("user_1", "", "")).is_empty());
        assert!(table.finish()[0].starts_with("ID "));
        assert_eq!(table.push(row("user_2", "", "")), ["user_2"]);
    }

    #[test]
    fn a_narrow_terminal_keeps_a_beginning_of_each_cell() {
        let mut table = Table::with_limit(&COLUMNS, Some(10));
        let _ = table.push(row("directory_user_1", "somebody@acme.example", "Somebody"));
        let lines = table.finish();
        assert_eq!(lines[1], "directo…  somebod…  Somebody");
    }
}
