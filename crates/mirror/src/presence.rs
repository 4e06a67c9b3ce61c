//! Being there: a worker that shares the work of a database with others.
//!
//! ```text
//! file    lock.rs: one process at a time for each kind of work
//! server  this: each worker has a session that beats; whoever does not is gone, and others take over what it had
//! ```
//!
//! The heart beats in the same task that does the work, so that a worker whose task nobody polls does not keep leases.

use std::time::Duration;

use sqlx::AnyConnection;
use sqlx::Connection as _;
use tokio::sync::Mutex;
use workos_directory_sync::Client;

use crate::Error;
use crate::Mirror;
use crate::address::Address;
use crate::budget;
use crate::store::connect::CONNECT_TIMEOUT;
use crate::store::connect::connect;
use crate::store::connect::no_answer;
use crate::store::workers;
use crate::store::workers::LEASE;

/// A server notices within half a minute that the process is gone with its machine or network.
const KEEP_ALIVE: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";

/// How often the heart beats: a third of [`LEASE`].
const BEAT: Duration = Duration::from_secs(5);

/// A worker that is there until this is dropped.
#[derive(Debug)]
pub(crate) struct Presence {
    worker: i64,
    /// A session of a server; a file has none.
    session: Option<Mutex<AnyConnection>>,
}

impl Presence {
    /// Enters as a new worker.
    pub(crate) async fn enter(mirror: &Mirror) -> Result<Self, Error> {
        let address = mirror.lock.database();
        let Address::Postgres(_) = address else {
            return Ok(Self {
                worker: mirror.store.enter().await?,
                session: None,
            });
        };
        let mut session = connect(address).await?;
        let entering = async {
            sqlx::raw_sql(KEEP_ALIVE).execute(&mut session).await?;
            workers::enter(&mut session).await
        };
        let entered = tokio::time::timeout(CONNECT_TIMEOUT, entering).await;
        let worker = entered.map_err(|_| no_answer(CONNECT_TIMEOUT))??;
        Ok(Self {
            worker,
            session: Some(Mutex::new(session)),
        })
    }

    /// The same client, which shares its limits with the other workers.
    pub(crate) fn share(&self, client: &Client, mirror: &Mirror) -> Client {
        match &self.session {
            None => client.clone(),
            Some(_) => budget::share(client, &mirror.store, self.worker),
        }
    }

    /// Its number.
    pub(crate) fn worker(&self) -> i64 {
        self.worker
    }

    /// Beats until that fails, and returns why.
    pub(crate) async fn beat(&self) -> Error {
        let Some(session) = &self.session else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(BEAT).await;
            let mut session = session.lock().await;
            let beaten = tokio::time::timeout(LEASE, workers::beat(&mut session, self.worker)).await;
            match beaten {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Error::Forgotten,
                Ok(Err(error)) => return error.into(),
                Err(_) => return no_answer(LEASE).into(),
            }
        }
    }

    /// Does some work while the heart beats.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            ended = work => ended,
            error = self.beat() => Err(error),
        }
    }

    /// Goes, so that others need not find out. It does no harm if it cannot say so.
    pub(crate) async fn leave(self, mirror: &Mirror) {
        match self.session {
            None => drop(mirror.store.leave(self.worker).await),
            Some(session) => {
                let mut session = session.into_inner();
                drop(tokio::time::timeout(BEAT, workers::leave(&mut session, self.worker)).await);
                drop(tokio::time::timeout(BEAT, session.close()).await);
            }
        }
    }
}
