//! How a command that runs for long is doing, over HTTP: `/healthz`, `/readyz` and `/metrics`.
//!
//! `/healthz` answers as long as the process does. `/readyz` says 200 when the database is up to date, else 503 and why, and
//! in both cases what an operator should know.
//! `/metrics` is what Prometheus reads. Nothing here shows people or settings, and nothing is served unless asked for.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::notice;

/// How often measurements are put together while nobody reads them, and how often a command looks whether it is well.
const UPKEEP: Duration = Duration::from_secs(5);

/// How long such a look may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long it counts that such a look was good.
pub(crate) const HOLDS_FOR: Duration = Duration::from_secs(15);

/// The flag of every command that runs for long.
#[derive(Debug, clap::Args)]
pub(crate) struct Address {
    /// Serve /healthz, /readyz and /metrics at this address, without a key: 127.0.0.1:9464, say
    #[arg(long = "status", value_name = "ADDRESS")]
    address: Option<SocketAddr>,
}

/// How the command is doing, and where that is served.
pub(crate) struct Status {
    state: Arc<State>,
    is_served: bool,
    server: Mutex<Option<(TcpListener, PrometheusHandle)>>,
}

struct State {
    /// For how long it counts that everything was well.
    holds_for: Duration,
    readiness: Mutex<Readiness>,
    /// What an operator should know though everything is well.
    warnings: Mutex<Vec<String>>,
    /// Metrics that a command writes itself.
    written: Mutex<String>,
}

enum Readiness {
    Not(&'static str),
    Since(Instant),
}

impl Address {
    /// Whether anything is to be served.
    pub(crate) fn is_given(&self) -> bool {
        self.address.is_some()
    }

    /// Takes the address, if one is given. What is well holds for a while, then it has to be said again.
    pub(crate) async fn open(&self, holds_for: Duration) -> Result<Status, Failure> {
        let state = Arc::new(State {
            holds_for,
            readiness: Mutex::new(Readiness::Not("starting")),
            warnings: Mutex::default(),
            written: Mutex::default(),
        });
        let Some(address) = self.address else {
            return Ok(Status {
                state,
                is_served: false,
                server: Mutex::new(None),
            });
        };
        let failed =
            |error: &dyn std::error::Error| Failure::usage(format!("cannot serve the status at {address}: {error}"));
        let listener = TcpListener::bind(address).await.map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let handle = PrometheusBuilder::new()
            .install_recorder()
            .map_err(|error| failed(&error))?;
        notice::say(&format!("status at http://{address}/readyz"));
        Ok(Status {
            state,
            is_served: true,
            server: Mutex::new(Some((listener, handle))),
        })
    }
}

impl Status {
    /// Notes that everything is well.
    pub(crate) fn is_well(&self) {
        self.state.set(Readiness::Since(Instant::now()));
    }

    /// Notes that it is not ready, and why.
    pub(crate) fn is_not_ready(&self, reason: &'static str) {
        self.state.set(Readiness::Not(reason));
    }

    /// Whether anybody can ask for it.
    pub(crate) fn is_served(&self) -> bool {
        self.is_served
    }

    /// Puts these warnings below what `/readyz` says, in place of those before. They change no status: what is odd at the
    /// source must not keep webhooks away.
    pub(crate) fn warn(&self, warnings: Vec<String>) {
        *self.state.warnings.lock().unwrap_or_else(PoisonError::into_inner) = warnings;
    }

    /// Puts these metrics beside those that were counted, in place of what was put there before.
    pub(crate) fn show(&self, metrics: String) {
        *self.state.written.lock().unwrap_or_else(PoisonError::into_inner) = metrics;
    }

    /// Serves like [`serve`](Self::serve), and looks again and again whether the database can be used.
    pub(crate) async fn serve_while<E>(&self, look: impl AsyncFn() -> Result<(), E>) -> Result<(), Failure> {
        if !self.is_served {
            return std::future::pending().await;
        }
        let looks = async {
            loop {
                match tokio::time::timeout(PATIENCE, look()).await {
                    Ok(Ok(())) => self.is_well(),
                    Ok(Err(_)) | Err(_) => self.is_not_ready("the database cannot be used"),
                }
                tokio::time::sleep(UPKEEP).await;
            }
        };
        tokio::select! {
            ended = self.serve() => ended,
            () = looks => Ok(()),
        }
    }

    /// Serves until it is dropped, once; never ends when there is nothing to serve.
    pub(crate) async fn serve(&self) -> Result<(), Failure> {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((listener, handle)) = server else {
            return std::future::pending().await;
        };
        let (state, shown, metrics) = (Arc::clone(&self.state), Arc::clone(&self.state), handle.clone());
        let metrics = move || {
            let written = shown.written.lock().unwrap_or_else(PoisonError::into_inner);
            std::future::ready(metrics.render() + &written)
        };
        let router = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(move || async move { state.answer(Instant::now()) }))
            .route("/metrics", get(metrics));
        let upkeep = async {
            loop {
                tokio::time::sleep(UPKEEP).await;
                handle.run_upkeep();
            }
        };
        tokio::select! {
            ended = axum::serve(listener, router) => ended.map_err(|error| Failure::chained(&error)),
            () = upkeep => Ok(()),
        }
    }
}

impl State {
    fn set(&self, readiness: Readiness) {
        *self.readiness.lock().unwrap_or_else(PoisonError::into_inner) = readiness;
    }

    fn answer(&self, now: Instant) -> (StatusCode, String) {
        let (status, mut text) = match *self.readiness.lock().unwrap_or_else(PoisonError::into_inner) {
            Readiness::Since(then) if now.duration_since(then) <= self.holds_for => {
                (StatusCode::OK, "ready\n".to_owned())
            }
            Readiness::Since(then) => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not up to date for {} s\n", now.duration_since(then).as_secs()),
            ),
            Readiness::Not(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        };
        for warning in self.warnings.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(text, "warning: {warning}");
        }
        (status, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_well_once_does_not_stay_so() {
        let state = State {
            holds_for: Duration::from_secs(60),
            readiness: Mutex::new(Readiness::Not("starting")),
            warnings: Mutex::default(),
            written: Mutex::default(),
        };
        let start = Instant::now();
        assert_eq!(
            state.answer(start),
            (StatusCode::SERVICE_UNAVAILABLE, "starting\n".to_owned())
        );
        state.set(Readiness::Since(start));
        assert_eq!(state.answer(start + Duration::from_secs(60)).0, StatusCode::OK);
        let late = state.answer(start + Duration::from_secs(61));
        assert_eq!(
            late,
            (StatusCode::SERVICE_UNAVAILABLE, "not up to date for 61 s\n".to_owned())
        );
        *state.warnings.lock().unwrap_or_else(PoisonError::into_inner) = vec!["quarantined: 1".to_owned()];
        let warned = state.answer(start);
        assert_eq!(warned, (StatusCode::OK, "ready\nwarning: quarantined: 1\n".to_owned()));
    }
}
