//! What helps with an error: the command of `dsync` and the method of this crate, for people of either.

use crate::Error;
use crate::operation::Operation;
use crate::transport;

/// What helps.
#[derive(Clone, Copy, Default)]
pub(crate) struct Remedy {
    pub(crate) command: Option<&'static str>,
    pub(crate) method: Option<&'static str>,
}

/// Where the ids of directories are found.
const DIRECTORIES: Remedy = Remedy::of("dsync directories list", "Client::list_directories");

impl Remedy {
    const fn of(command: &'static str, method: &'static str) -> Self {
        Self {
            command: Some(command),
            method: Some(method),
        }
    }

    const fn of_method(method: &'static str) -> Self {
        Self {
            command: None,
            method: Some(method),
        }
    }
}

impl Error {
    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            Self::Timeout(_) => Remedy::of_method("ClientBuilder::timeout"),
            Self::Network(error) if transport::is_untrusted(&error.source) => {
                Remedy::of_method("ClientBuilder::add_root_certificates")
            }
            Self::TooLarge(_) => Remedy::of_method("ClientBuilder::max_body"),
            // What follows is of the operations of `spec/openapi.yaml`, not of those that another document has.
            _ if self.operation().is_none_or(is_foreign) => Remedy::default(),
            Self::Unauthorized(_) => Remedy::of("dsync verify", "ClientBuilder::api_key"),
            Self::Forbidden(_) => DIRECTORIES,
            Self::NotFound(_) => self.operation().map(ids_of).unwrap_or_default(),
            Self::Unprocessable(error) if is_list_without_scope(error.operation) => DIRECTORIES,
            Self::RateLimited(_) => Remedy::of("dsync --rate-limit", "ClientBuilder::rate_limits"),
            Self::Decode(error) if error.operation.pagination.is_some() => {
                Remedy::of("dsync verify", "Items::tolerant")
            }
            Self::Decode(error) if error.operation.answer.is_some() => Remedy::of_method("send_raw"),
            _ => Remedy::default(),
        }
    }
}

fn is_foreign(operation: &'static Operation) -> bool {
    !crate::operations::ALL.contains(&operation)
}

/// Where the ids are found that an operation takes.
fn ids_of(operation: &'static Operation) -> Remedy {
    match operation.path {
        "/directory_users/{id}" => Remedy::of("dsync users list --directory ID", "Client::list_directory_users"),
        "/directory_groups/{id}" => Remedy::of("dsync groups list --directory ID", "Client::list_directory_groups"),
        _ => DIRECTORIES,
    }
}

/// Whether the list wants to know of which directory it is to be.
fn is_list_without_scope(operation: &'static Operation) -> bool {
    operation.pagination.is_some()
        && operation
            .parameters
            .iter()
            .any(|parameter| parameter.name == "directory")
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::error::ApiError;
    use crate::operations;

    fn error(operation: &'static Operation, status: u16) -> Error {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        Error::status_error(ApiError::read(operation, status, &HeaderMap::new(), b"", 1))
    }

    #[test]
    fn help_names_the_command_and_the_method_that_find_the_id() {
        for (operation, command, method) in [
            (
                &operations::GET_DIRECTORY,
                "dsync directories list",
                "Client::list_directories",
            ),
            (
                &operations::GET_DIRECTORY_USER,
                "dsync users list --directory ID",
                "Client::list_directory_users",
            ),
            (
                &operations::GET_DIRECTORY_GROUP,
                "dsync groups list --directory ID",
                "Client::list_directory_groups",
            ),
        ] {
            let error = error(operation, 404);
            assert_eq!((error.command(), error.method()), (Some(command), Some(method)));
            let see = format!(" (see `{command}`, `{method}` in Rust)");
            assert!(error.help().ends_with(&see), "{}", error.help());
        }
        let unscoped = error(&operations::LIST_DIRECTORY_USERS, 422);
        assert_eq!(unscoped.command(), Some("dsync directories list"));
    }

    #[test]
    fn help_names_nothing_where_nothing_helps() {
        assert_eq!(error(&operations::LIST_DIRECTORIES, 500).command(), None);
        assert_eq!(error(&operations::LIST_EVENTS, 422).command(), None);
    }
}
