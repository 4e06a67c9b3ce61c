//! The checks as a table, as JSON and as JUnit.

use std::fmt::Write as _;

use quick_junit::NonSuccessKind;
use quick_junit::Report;
use quick_junit::TestCase;
use quick_junit::TestCaseStatus;
use quick_junit::TestSuite;
use serde::Serialize;

use super::check::Check;
use super::check::Outcome;
use crate::failure::Failure;
use crate::output;
use crate::output::plain;

/// What `--output json` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    ok: bool,
    checks: &'a [Check],
}

impl<'a> Document<'a> {
    pub(crate) fn of(checks: &'a [Check]) -> Self {
        Self {
            ok: (checks.iter()).all(|check| matches!(check.outcome, Outcome::Ok | Outcome::Skipped)),
            checks,
        }
    }
}

pub(crate) fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let (word, colour) = match check.outcome {
            Outcome::Ok => ("ok", anstyle::AnsiColor::Green),
            Outcome::Failed => ("failed", anstyle::AnsiColor::Red),
            Outcome::Skipped => ("skipped", anstyle::AnsiColor::Yellow),
            Outcome::Odd => ("odd", anstyle::AnsiColor::Yellow),
        };
        let style = output::painted(colour.on_default().bold());
        let place = check
            .directory
            .as_deref()
            .map(|id| format!("{}: ", plain(id)))
            .unwrap_or_default();
        let seen = plain(&check.seen);
        let _ = writeln!(text, "{style}{word:<8}{style:#} {:<18} {place}{seen}", check.check);
        if let Some(fix) = &check.fix {
            let _ = writeln!(text, "{:<27} {}", "", plain(fix));
        }
    }
    text
}

pub(crate) fn junit(checks: &[Check]) -> Result<Vec<u8>, Failure> {
    let mut suite = TestSuite::new("dsync verify");
    for check in checks {
        let mut status = match check.outcome {
            Outcome::Ok => TestCaseStatus::success(),
            Outcome::Failed | Outcome::Odd => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Outcome::Skipped => TestCaseStatus::skipped(),
        };
        if check.outcome != Outcome::Ok {
            status.set_message(plain(&check.seen));
            status.set_description(plain(check.fix.as_deref().unwrap_or(&check.seen)));
        }
        let mut case = TestCase::new(check.check, status);
        case.set_classname(check.directory.clone().unwrap_or_else(|| "dsync".to_owned()));
        if check.outcome == Outcome::Ok {
            case.set_system_out(plain(&check.seen));
        }
        suite.add_test_case(case);
    }
    let mut report = Report::new("dsync");
    report.add_test_suite(suite);
    let text = report
        .to_string()
        .map_err(|error| Failure::other(format!("cannot write JUnit: {error}")))?;
    Ok(text.into_bytes())
}
