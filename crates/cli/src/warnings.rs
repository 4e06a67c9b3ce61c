//! What an operator should know of a mirror that works all the same: what cannot be read, what is not decided, and whose
//! connection does not work.

use std::time::Duration;

use workos_directory_mirror::Freshness;
use workos_directory_mirror::Mirror;

use crate::status::Status;

/// What is undecided for longer is worth a warning, in seconds: a day.
const UNDECIDED_FOR: u64 = 24 * 60 * 60;

/// How often a command that runs for long looks.
const INTERVAL: Duration = Duration::from_secs(15);

/// The warnings of a mirror, one line each, that name nobody.
pub(crate) fn of(freshness: &Freshness) -> Vec<String> {
    let mut warnings = Vec::new();
    if freshness.quarantined > 0 {
        warnings.push(format!(
            "quarantined: {}; `dsync quarantine list` shows what cannot be read",
            freshness.quarantined
        ));
    }
    if let Some(oldest) = freshness
        .undecided_oldest_seconds
        .filter(|oldest| *oldest >= UNDECIDED_FOR)
    {
        warnings.push(format!(
            "undecided: {}, the oldest for {} h; `dsync deletions list` shows what is absent and has not ended",
            freshness.undecided,
            oldest / 3_600
        ));
    }
    if !freshness.unlinked_directories.is_empty() {
        warnings.push(format!(
            "not linked for a day: {}; what their identity provider changes does not arrive, `dsync health` shows why",
            freshness.unlinked_directories.len()
        ));
    }
    warnings
}

/// The measurements of a mirror: name, help and value.
pub(crate) fn gauges(freshness: &Freshness) -> [(&'static str, &'static str, f64); 4] {
    [
        (
            "dsync_quarantined",
            "Objects and fields that cannot be read.",
            freshness.quarantined as f64,
        ),
        (
            "dsync_undecided",
            "Absent objects whose end is not decided.",
            freshness.undecided as f64,
        ),
        (
            "dsync_undecided_oldest_seconds",
            "For how long the oldest of them has been undecided; 0 when there is none.",
            freshness.undecided_oldest_seconds.unwrap_or_default() as f64,
        ),
        (
            "dsync_unlinked_directories",
            "Directories whose connection has not worked for a day.",
            freshness.unlinked_directories.len() as f64,
        ),
    ]
}

/// Shows warnings and measurements of a mirror at the status of a command, again and again, if that is served. It never ends.
pub(crate) async fn watch(mirror: &Mirror, status: &Status) {
    if !status.is_served() {
        return std::future::pending().await;
    }
    loop {
        // A database that cannot be used is for the command to tell.
        if let Ok(freshness) = mirror.freshness().await {
            for (name, help, value) in gauges(&freshness) {
                metrics::describe_gauge!(name, help);
                metrics::gauge!(name).set(value);
            }
            status.warn(of(&freshness));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_of_mirror_without_odd_and_absent_objects_are_none() {
        assert!(of(&Freshness::default()).is_empty());
    }

    #[test]
    fn undecided_objects_are_warned_of_after_a_day() {
        let mut freshness = Freshness::default();
        freshness.undecided = 3;
        freshness.undecided_oldest_seconds = Some(UNDECIDED_FOR - 1);
        assert!(of(&freshness).is_empty());
        freshness.undecided_oldest_seconds = Some(UNDECIDED_FOR + 3_600);
        let warnings = of(&freshness);
        assert!(
            warnings.len() == 1 && warnings[0].starts_with("undecided: 3, the oldest for 25 h"),
            "{warnings:?}"
        );
    }
}
