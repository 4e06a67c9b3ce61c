//! When a person or a supervisor asks a long command to end: Ctrl-C or SIGTERM.

use crate::failure::Failure;

/// Waits until the process is asked to end.
pub(crate) async fn requested() -> Result<(), Failure> {
    listen()?.await
}

/// Listens from now on, also before anybody waits: a request that comes in between is not missed.
pub(crate) fn listen() -> Result<impl Future<Output = Result<(), Failure>>, Failure> {
    let failed = |error| Failure::other(format!("cannot listen for Ctrl-C: {error}"));
    #[cfg(unix)]
    {
        use tokio::signal::unix::SignalKind;
        use tokio::signal::unix::signal;

        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            Ok(())
        })
    }
    #[cfg(not(unix))]
    Ok(async move { tokio::signal::ctrl_c().await.map_err(failed) })
}
