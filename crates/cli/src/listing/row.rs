//! An object as a row of a table, and as a list of its fields.

use serde::Serialize;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;
use workos_directory_sync::types::Directory;
use workos_directory_sync::types::DirectoryGroup;
use workos_directory_sync::types::DirectoryUser;

use super::table::Cell;
use super::table::Column;
use crate::failure::Failure;
use crate::output::plain;

/// What a list can have.
pub(crate) trait Row: Serialize {
    /// The columns of its table.
    const COLUMNS: &'static [Column];

    /// The object as one row of it.
    fn cells(&self) -> Vec<Cell>;
}

/// A user in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Membership {
    pub(crate) user_id: String,
    pub(crate) group_id: String,
    pub(crate) email: Option<String>,
    pub(crate) group_name: Option<String>,
}

impl Membership {
    pub(crate) fn new(user: &DirectoryUser, group: &DirectoryGroup) -> Self {
        Self {
            user_id: user.id.clone(),
            group_id: group.id.clone(),
            email: email(user).map(str::to_owned),
            group_name: Some(group.name.clone()).filter(|name| !name.is_empty()),
        }
    }
}

impl Row for Directory {
    const COLUMNS: &'static [Column] = &[
        Column::key("ID", 36),
        Column::new("STATE", 19),
        Column::new("TYPE", 22),
        Column::new("NAME", 4),
    ];

    fn cells(&self) -> Vec<Cell> {
        let (state, kind) = (self.state.as_str(), self.type_.as_str());
        vec![(&self.id).into(), state.into(), kind.into(), (&self.name).into()]
    }
}

impl Row for DirectoryUser {
    const COLUMNS: &'static [Column] = &[
        Column::key("ID", 41),
        Column::new("STATE", 9),
        Column::new("EMAIL", 32),
        Column::new("NAME", 4),
    ];

    fn cells(&self) -> Vec<Cell> {
        let names = [self.first_name.as_deref(), self.last_name.as_deref()];
        let name = self
            .name
            .clone()
            .unwrap_or_else(|| names.into_iter().flatten().collect::<Vec<_>>().join(" "));
        vec![
            (&self.id).into(),
            self.state.as_str().into(),
            email(self).unwrap_or_default().into(),
            name.into(),
        ]
    }
}

/// The address of a user: where `email` is null, the primary one of `emails`, else the first.
pub(crate) fn email(user: &DirectoryUser) -> Option<&str> {
    let others = || {
        let emails = user.emails.as_deref().unwrap_or_default();
        let primary = emails.iter().filter(|email| email.primary == Some(true));
        primary.chain(emails).find_map(|email| email.value.as_deref())
    };
    user.email.as_deref().or_else(others)
}

impl Row for DirectoryGroup {
    const COLUMNS: &'static [Column] = &[
        Column::key("ID", 42),
        Column::new("DIRECTORY", 36),
        Column::new("NAME", 4),
    ];

    fn cells(&self) -> Vec<Cell> {
        vec![(&self.id).into(), (&self.directory_id).into(), (&self.name).into()]
    }
}

impl Row for Membership {
    const COLUMNS: &'static [Column] = &[
        Column::key("USER", 41),
        Column::key("GROUP", 42),
        Column::new("EMAIL", 32),
        Column::new("GROUP NAME", 10),
    ];

    fn cells(&self) -> Vec<Cell> {
        let email = self.email.as_deref().unwrap_or_default();
        let name = self.group_name.as_deref().unwrap_or_default();
        vec![
            (&self.user_id).into(),
            (&self.group_id).into(),
            email.into(),
            name.into(),
        ]
    }
}

/// One object, a field on a line, as JSON where it is no text.
pub(crate) fn details<T: Serialize>(object: &T) -> Result<String, Failure> {
    let value = serde_json::to_value(object).map_err(|error| Failure::other(error.to_string()))?;
    let Value::Object(fields) = value else {
        return Ok(plain(&value.to_string()));
    };
    let fields: Vec<_> = (fields.iter())
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (plain(name), value))
        .collect();
    let width = fields.iter().map(|(name, _)| name.width()).max().unwrap_or_default();
    let lines = fields.into_iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let blanks = " ".repeat(width - name.width());
        format!("{name}{blanks}  {}\n", plain(&text))
    });
    Ok(lines.collect())
}
