//! When a person or a supervisor asks a long command to end: Ctrl-C or SIGTERM.

use tokio::sync::oneshot;

use crate::failure::Failure;

/// What a shell says of a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Listens from now on, also before anybody waits: a request that comes in between is not missed. A second one ends the
/// process at once, whatever it waits for.
pub(crate) fn listen() -> Result<impl Future<Output = Result<(), Failure>>, Failure> {
    let mut signals = Signals::new()?;
    let (tell, told) = oneshot::channel();
    // In a task of its own: the command may be held up by a reader of its output who does not read.
    tokio::spawn(async move {
        let first = signals.next().await;
        let cannot_listen = first.is_err();
        // A command that does not wait any more is about to end; a stuck one should not need two requests.
        let waits = tell.send(first).is_ok();
        // Somebody who asks twice does not want to wait for what is under way. The database takes that: each page is one
        // transaction.
        if cannot_listen || waits && signals.next().await.is_err() {
            return;
        }
        std::process::exit(INTERRUPTED.into());
    });
    Ok(async { told.await.unwrap_or(Ok(())) })
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::SignalKind;
        use tokio::signal::unix::signal;

        let failed = |error| Failure::other(format!("cannot listen for Ctrl-C: {error}"));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    async fn next(&mut self) -> Result<(), Failure> {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        Ok(())
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Result<Self, Failure> {
        Ok(Self)
    }

    async fn next(&mut self) -> Result<(), Failure> {
        let failed = |error| Failure::other(format!("cannot listen for Ctrl-C: {error}"));
        tokio::signal::ctrl_c().await.map_err(failed)
    }
}
