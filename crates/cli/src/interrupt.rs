//! When a person or a supervisor asks a long command to end: Ctrl-C or SIGTERM.

use crate::failure::Failure;

/// Listens from now on, also before anybody waits: a request that comes in between is not missed. From the first time on a
/// second one ends the process at once.
pub(crate) fn listen() -> Result<impl Future<Output = Result<(), Failure>>, Failure> {
    let first = next()?;
    Ok(async move {
        first.await?;
        let second = next()?;
        tokio::spawn(async {
            // Somebody who asks twice does not want to wait for what is under way. The database takes that: each page is
            // one transaction.
            if second.await.is_ok() {
                std::process::exit(130);
            }
        });
        Ok(())
    })
}

fn next() -> Result<impl Future<Output = Result<(), Failure>>, Failure> {
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
