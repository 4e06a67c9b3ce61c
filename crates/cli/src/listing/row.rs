//! An object as a line of a table, and as a list of its fields.

use serde::Serialize;
use serde_json::Value;
use workos_directory_sync::types::Directory;
use workos_directory_sync::types::DirectoryGroup;
use workos_directory_sync::types::DirectoryUser;

use crate::failure::Failure;
use crate::output::plain;

/// What a list can have. The columns are as wide as ids are, so that rows can be written before all are known.
pub(crate) trait Row: Serialize {
    /// The names of the columns, aligned like the lines.
    fn header() -> String;

    /// The object as one line.
    fn line(&self) -> String;
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
            email: user.email.clone(),
            group_name: Some(group.name.clone()).filter(|name| !name.is_empty()),
        }
    }
}

impl Row for Directory {
    fn header() -> String {
        format!("{:<36}  {:<19}  {:<22}  NAME", "ID", "STATE", "TYPE")
    }

    fn line(&self) -> String {
        let Self {
            id, state, type_, name, ..
        } = self;
        let (id, state, kind) = (plain(id), plain(state.as_str()), plain(type_.as_str()));
        format!("{id:<36}  {state:<19}  {kind:<22}  {}", plain(name))
    }
}

impl Row for DirectoryUser {
    fn header() -> String {
        format!("{:<41}  {:<9}  {:<32}  NAME", "ID", "STATE", "EMAIL")
    }

    fn line(&self) -> String {
        let (id, state) = (plain(&self.id), plain(self.state.as_str()));
        let email = plain(self.email.as_deref().unwrap_or_default());
        let names = [self.first_name.as_deref(), self.last_name.as_deref()];
        let name = self
            .name
            .clone()
            .unwrap_or_else(|| names.into_iter().flatten().collect::<Vec<_>>().join(" "));
        format!("{id:<41}  {state:<9}  {email:<32}  {}", plain(&name))
            .trim_end()
            .to_owned()
    }
}

impl Row for DirectoryGroup {
    fn header() -> String {
        format!("{:<42}  {:<36}  NAME", "ID", "DIRECTORY")
    }

    fn line(&self) -> String {
        format!(
            "{:<42}  {:<36}  {}",
            plain(&self.id),
            plain(&self.directory_id),
            plain(&self.name)
        )
    }
}

impl Row for Membership {
    fn header() -> String {
        format!("{:<41}  {:<42}  {:<32}  GROUP NAME", "USER", "GROUP", "EMAIL")
    }

    fn line(&self) -> String {
        let email = plain(self.email.as_deref().unwrap_or_default());
        let name = plain(self.group_name.as_deref().unwrap_or_default());
        format!(
            "{:<41}  {:<42}  {email:<32}  {name}",
            plain(&self.user_id),
            plain(&self.group_id)
        )
        .trim_end()
        .to_owned()
    }
}

/// One object, a field on a line, as JSON where it is no text.
pub(crate) fn details<T: Serialize>(object: &T) -> Result<String, Failure> {
    let value = serde_json::to_value(object).map_err(|error| Failure::other(error.to_string()))?;
    let Value::Object(fields) = value else {
        return Ok(value.to_string());
    };
    let width = fields.keys().map(String::len).max().unwrap_or_default();
    let lines = fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name:<width$}  {}\n", plain(&text))
        });
    Ok(lines.collect())
}
