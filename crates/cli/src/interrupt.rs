//! When a person or a supervisor asks a command to end: Ctrl-C or SIGTERM.
//!
//! ```text
//! main begins ── Signals::new ── watch ──────── listen ───────── the first request ── the end of the command
//!                  │               │              │                   │
//!  (a request) is kept ──▶ the process ends    the command is told  the process ends
//!                          at once: nothing    and ends in order    at once
//!                          is under way
//! ```
//!
//! The system would end the process by the signal itself, which is no exit code, until somebody says that it listens. So
//! that is the first thing that the process does.

use std::pin::Pin;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;

use tokio::sync::oneshot;

use crate::failure::Failure;

/// What a shell says of a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Who has to be told. Signals are the process's, so there is one for the process.
static LISTENER: Mutex<Option<oneshot::Sender<()>>> = Mutex::new(None);

/// Acts upon requests from now on, also upon one that came since the signals were made. One that comes before the command
/// [`listen`]s ends the process with this code.
///
/// It is a task of its own: the command may be held up by a server that does not answer or by a reader who does not read.
pub(crate) fn watch(mut signals: Signals, code_of_no_listener: u8) {
    tokio::spawn(async move {
        signals.next().await;
        let listener = LISTENER.lock().unwrap_or_else(PoisonError::into_inner).take();
        let code = match listener.map(|listener| listener.send(())) {
            None => code_of_no_listener,
            Some(Ok(())) => {
                // Somebody who asks twice does not want to wait for what is under way. The database takes that: each page is
                // one transaction.
                signals.next().await;
                INTERRUPTED
            }
            // A command that does not wait any more is about to end; a stuck one should not need two requests.
            Some(Err(())) => INTERRUPTED,
        };
        std::process::exit(code.into());
    });
}

/// Is told of the first request from now on, in place of the process's end. A second one ends the process at once, whatever
/// it waits for.
///
/// A command listens when it has something to end in order, and not before: whoever connects to a server that does not
/// answer need not be told.
pub(crate) fn listen() -> Asked {
    let (tell, told) = oneshot::channel();
    *LISTENER.lock().unwrap_or_else(PoisonError::into_inner) = Some(tell);
    Asked(told)
}

/// Ends when the command is asked to end, also if that was before anybody waited.
#[derive(Debug)]
#[must_use = "who listens has to end when it is told"]
pub(crate) struct Asked(oneshot::Receiver<()>);

impl Future for Asked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(drop)
    }
}

/// The signals that ask a process to end, kept from when this is made.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Has to be within a runtime.
    pub(crate) fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::SignalKind;
        use tokio::signal::unix::signal;

        let failed = |error| Failure::other(format!("cannot listen for Ctrl-C: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // Then the system ends the process.
            std::future::pending().await
        }
    }
}
