//! What an operation is: the shapes of the constants in [`operations`](crate::operations).
//!
//! The document describes each operation once; the request path, the rate limiter, error texts and the emulator's routes all
//! read it from here.

use std::fmt;

/// An operation of the API. Its `Debug` output is its id alone, so that errors stay short.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The `operationId` of the document, such as `listDirectoryUsers`.
    pub id: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path with its parameters in braces, such as `/directories/{id}`.
    pub path: &'static str,
    /// The tag that the operation stands under.
    pub tag: &'static str,
    /// What the operation does, in a few words.
    pub summary: &'static str,
    /// Who documents the operation.
    pub origin: Origin,
    /// The parameters, those of the path first.
    pub parameters: &'static [Parameter],
    /// The JSON that the operation takes; `None` when it takes none.
    pub body: Option<RequestBody>,
    /// The statuses that mean success.
    pub success: &'static [u16],
    /// The model that a success carries; `None` when its body means nothing.
    pub answer: Option<&'static str>,
    /// How the pages of a list follow each other; `None` when the operation is no list.
    pub pagination: Option<Pagination>,
    /// The limits that hold for this operation besides the general ones.
    pub rate_limits: &'static [RateLimit],
    /// Causes and fixes of error statuses, as the operation's document says.
    pub status_help: &'static [StatusHelp],
}

impl Operation {
    /// What the document says of an error status.
    pub fn help(&self, status: u16) -> Option<&'static StatusHelp> {
        let status = if status >= 500 { 500 } else { status };
        self.status_help.iter().find(|help| help.status == status)
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id)
    }
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    /// The method's name, in capitals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
            Method::Delete => Self::DELETE,
        }
    }
}

/// A parameter of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parameter {
    /// The name on the wire.
    pub name: &'static str,
    /// Where the parameter goes.
    pub location: Location,
    /// Whether the request cannot do without it.
    pub required: bool,
    /// Whether it takes a list, sent as the same name several times.
    pub repeated: bool,
    /// What the parameter means.
    pub description: &'static str,
    /// Who documents the parameter.
    pub origin: Origin,
    /// Whether the API advises against it.
    pub deprecated: bool,
}

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// Into the path.
    Path,
    /// Into the query.
    Query,
}

/// The JSON that an operation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestBody {
    /// The name of its model.
    pub model: &'static str,
    /// Whether the request cannot do without it.
    pub required: bool,
}

/// How the pages of a list follow each other (`x-cursor-pagination`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pagination {
    /// The parameter that takes the cursor.
    pub cursor: &'static str,
    /// The parameter that takes the size of a page.
    pub limit: &'static str,
    /// The field of the answer that has the items.
    pub items: &'static str,
    /// The field of the answer that has the next cursor; dots lead into objects.
    pub next: &'static str,
    /// The size of a page when `limit` is not sent.
    pub default_limit: u32,
    /// The largest size of a page.
    pub max_limit: u32,
}

/// A limit of the API (`x-rate-limit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// How many requests are allowed …
    pub requests: u32,
    /// … in this many seconds.
    pub seconds: u32,
    /// What the requests are counted by.
    pub per: Scope,
    /// Who documents the limit.
    pub origin: Origin,
}

/// What requests are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All requests from one IP address.
    Address,
    /// The requests for one directory.
    Directory,
}

/// Who documents a thing (`x-origin`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Only the reference that this project started from.
    Seed,
    /// Only the live API.
    Live,
    /// Both.
    Both,
}

/// Why an error status comes and what to do about it (`x-cause`, `x-fix`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusHelp {
    /// The status; 500 stands for every 5xx.
    pub status: u16,
    /// Why it comes.
    pub cause: &'static str,
    /// What to do about it.
    pub fix: &'static str,
}
