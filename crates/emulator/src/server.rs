//! A running emulator, and how it stops.

use std::collections::BTreeMap;
use std::fmt;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use workos_directory_sync::operation::Operation;

use crate::app::App;
use crate::builder::EmulatorBuilder;
use crate::builder::StartError;
use crate::connection::Connections;
use crate::connection::Peer;
use crate::faults::Faults;
use crate::received::ReceivedRequest;
use crate::routes;
use crate::webhooks;

/// How long a clean shutdown waits for clients that keep their connections busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running emulator. It stops when it is dropped, or cleanly by [`Emulator::shutdown`].
pub struct Emulator {
    address: SocketAddr,
    base_url: String,
    app: Arc<App>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<std::io::Result<()>>>,
    sender: JoinHandle<()>,
}

impl Emulator {
    /// Starts an emulator with all defaults: the live behaviour, the default [`Population`](crate::Population), no rate
    /// limit, a free port on the loopback address.
    ///
    /// # Errors
    ///
    /// When no port is to be had.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Says what is to be emulated, and where.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    pub(crate) fn serve(listener: TcpListener, address: SocketAddr, app: App) -> Self {
        let app = Arc::new(app);
        let (stop, stopped) = oneshot::channel::<()>();
        let service = routes::router(Arc::clone(&app)).into_make_service_with_connect_info::<Peer>();
        let server = axum::serve(Connections(listener), service).with_graceful_shutdown(async move {
            // A sender that was dropped says the same as one that was used.
            drop(stopped.await);
        });
        let sender = tokio::spawn(webhooks::send(Arc::clone(&app)));
        Self {
            address,
            base_url: format!("http://{address}"),
            app,
            sender,
            stop: Some(stop),
            server: Some(tokio::spawn(server.into_future())),
        }
    }

    /// The address to give to a client, such as `http://127.0.0.1:49152`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The socket that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API key that it accepts.
    pub fn api_key(&self) -> &str {
        &self.app.settings.api_key
    }

    /// How many requests for an operation came in, whatever the answer was.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use workos_directory_emulator::Emulator;
    /// use workos_directory_sync::operations;
    ///
    /// let emulator = Emulator::start().await?;
    /// assert_eq!(emulator.requests(&operations::LIST_DIRECTORY_USERS), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn requests(&self, operation: &Operation) -> u64 {
        self.app.received.count(operation)
    }

    /// How many requests came in for each operation that was called, by `operationId`.
    pub fn requests_by_operation(&self) -> BTreeMap<&'static str, u64> {
        self.app.received.counts()
    }

    /// How many requests came in, those for no operation included.
    pub fn total_requests(&self) -> u64 {
        self.app.received.total()
    }

    /// The last thousand requests, the oldest first.
    pub fn received(&self) -> Vec<ReceivedRequest> {
        self.app.received.last()
    }

    /// The faults that are injected: what goes wrong, and when.
    pub fn faults(&self) -> &Faults {
        &self.app.faults
    }

    pub(crate) fn app_arc(&self) -> &Arc<App> {
        &self.app
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Takes no more connections, answers what has been asked, and frees the port. A client that keeps a connection busy
    /// is cut off after five seconds.
    pub async fn shutdown(mut self) {
        self.stop.take();
        if let Some(mut server) = self.server.take()
            && tokio::time::timeout(PATIENCE, &mut server).await.is_err()
        {
            server.abort();
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.sender.abort();
        self.app.churning.stop();
        if let Some(server) = self.server.take() {
            // The listener goes with the task; answers under way are still sent.
            server.abort();
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the API key.
        let mut shown = formatter.debug_struct("Emulator");
        shown
            .field("base_url", &self.base_url)
            .field("behaviour", &self.app.settings.behaviour);
        shown.finish_non_exhaustive()
    }
}
