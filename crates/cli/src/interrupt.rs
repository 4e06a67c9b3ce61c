//! When a person or a supervisor asks a long command to end: Ctrl-C or SIGTERM.

use crate::failure::Failure;

/// Waits until the process is asked to end. From then on a second time ends it at once.
pub(crate) async fn requested() -> Result<(), Failure> {
    once().await?;
    tokio::spawn(async {
        // Somebody who asks twice does not want to wait for what is under way. The database takes that: each page is one
        // transaction.
        if once().await.is_ok() {
            std::process::exit(130);
        }
    });
    Ok(())
}

async fn once() -> Result<(), Failure> {
    let failed = |error| Failure::other(format!("cannot listen for Ctrl-C: {error}"));
    #[cfg(unix)]
    {
        use tokio::signal::unix::SignalKind;
        use tokio::signal::unix::signal;

        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(failed),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(failed)
}
