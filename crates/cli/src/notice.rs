//! What a command says beside its result: on stderr, unless `-q` wants silence; for people, or for a machine with
//! `--log-format json`.

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use indicatif::ProgressBar;
use serde_json::json;

static QUIET: AtomicBool = AtomicBool::new(false);
static JSON: AtomicBool = AtomicBool::new(false);

/// How everything is said from now on.
pub(crate) fn set(quiet: bool, json: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
    JSON.store(json, Ordering::Relaxed);
}

/// Whether a line that changes may be shown: it would be noise to a machine.
pub(crate) fn may_show_progress() -> bool {
    !QUIET.load(Ordering::Relaxed) && !JSON.load(Ordering::Relaxed)
}

/// A line on stderr.
pub(crate) fn say(text: &str) {
    if QUIET.load(Ordering::Relaxed) {
        return;
    }
    if JSON.load(Ordering::Relaxed) {
        return log("INFO", text);
    }
    beside_bar(|| anstream::eprintln!("{}", crate::output::plain(text)));
}

/// The bar that is shown now, which leaves its line to what is said.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Says which bar is shown.
pub(crate) fn set_bar(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

fn beside_bar(write: impl FnOnce()) {
    match &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// An error, whether or not it ends the command.
pub(crate) fn error(text: &str) {
    if JSON.load(Ordering::Relaxed) {
        return log("ERROR", text);
    }
    let style = anstyle::AnsiColor::Red.on_default().bold();
    beside_bar(|| anstream::eprintln!("{style}error:{style:#} {}", crate::output::plain(text)));
}

/// A line of the form that the logs of calls have.
fn log(level: &str, text: &str) {
    let timestamp = jiff::Timestamp::now();
    let line = json!({
        "timestamp": format!("{timestamp:.6}"),
        "level": level,
        "fields": { "message": text },
        "target": "dsync",
    });
    // Nothing to do when nobody reads it.
    let mut line = crate::output::json(&line).unwrap_or_default();
    line.push(b'\n');
    let _ = std::io::stderr().write_all(&line);
}
