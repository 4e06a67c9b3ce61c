//! What the API or the way to it did.

use workos_directory_sync::Error;

use super::FailureKind;

/// The errors of the client by name, for the documentation.
#[cfg(test)]
pub(super) const NAMES: [(&[&str], FailureKind); 5] = [
    (&["Unauthorized"], FailureKind::Key),
    (&["Network", "Gate"], FailureKind::Unavailable),
    (&["Server", "RateLimited", "Timeout"], FailureKind::Sick),
    (
        &[
            "Forbidden",
            "NotFound",
            "Unprocessable",
            "Status",
            "Decode",
            "TooLarge",
            "RepeatedCursor",
        ],
        FailureKind::Refused,
    ),
    (&["Config", "InvalidRequest"], FailureKind::Final),
];

pub(super) fn kind(error: &Error) -> FailureKind {
    match error {
        Error::Unauthorized(_) => FailureKind::Key,
        Error::Network(_) | Error::Gate { .. } => FailureKind::Unavailable,
        Error::Server(_) | Error::RateLimited(_) | Error::Timeout(_) => FailureKind::Sick,
        Error::Config(_) | Error::InvalidRequest { .. } => FailureKind::Final,
        _ => FailureKind::Refused,
    }
}
