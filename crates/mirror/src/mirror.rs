//! The mirror: a database, its lock, its clock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use workos_directory_sync::Client;
use workos_directory_sync::Timestamp;
use workos_directory_sync::events::Event;

use crate::Change;
use crate::Changes;
use crate::Consumer;
use crate::DeadEvent;
use crate::Diff;
use crate::Error;
use crate::EventCounts;
use crate::Follow;
use crate::FullSync;
use crate::Purged;
use crate::Schema;
use crate::Worker;
use crate::address::Address;
use crate::diff;
use crate::follow::KEPT;
use crate::incoming::Incoming;
use crate::ingest;
use crate::keeping::Keeping;
use crate::lock::Lock;
use crate::store::Store;

/// A database that is kept equal to the directories behind the API.
///
/// Clones share the connection.
#[derive(Clone)]
pub struct Mirror {
    pub(crate) store: Store,
    pub(crate) lock: Arc<Lock>,
    /// Events on their way into the database.
    keeping: Arc<Keeping>,
    /// An event was kept.
    pub(crate) arrived: Arc<Notify>,
    clock: Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>,
    /// The form of tables that are only read.
    pub(crate) read_only: Option<Schema>,
}

impl Mirror {
    /// Opens the database, makes it where it is missing, and brings its tables to this version's form.
    ///
    /// `sqlite:FILE`, or `FILE` alone, is a file, taken literally, relative to the current directory unless it begins with a slash;
    /// `sqlite::memory:` is a database that ends with the mirror. `postgres://USER@HOST:PORT/DATABASE` is a database of a
    /// server, encoded in UTF-8; what is left out comes from libpq's variables, such as `PGPASSWORD`, and `~/.pgpass`.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for an address that names no known database, [`Error::Open`] for a file that cannot be used,
    /// [`Error::NotADatabase`] and [`Error::ForeignTables`] for what is not a mirror's, [`Error::Connect`] for a server that cannot be reached or does not let the user in,
    /// [`Error::Encoding`] for a database that cannot hold every character, [`Error::Migrate`] and [`Error::TooNew`] when its tables are not those of this program.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let store = Store::open(&address).await?;
        Ok(Self::of(store, address, None))
    }

    /// Opens a database that is there, to read it: makes no file and no table, and changes none. [`schema`](Self::schema)
    /// says whether its tables are those of an older version; what needs newer ones fails then. What writes fails.
    ///
    /// # Errors
    ///
    /// Those of [`connect`](Self::connect) but the last two, [`Error::Missing`] without the file, and [`Error::NoTables`] for
    /// a database without tables.
    pub async fn open_read_only(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let (store, schema) = Store::open_read_only(&address).await?;
        Ok(Self::of(store, address, Some(schema)))
    }

    fn of(store: Store, address: Address, read_only: Option<Schema>) -> Self {
        Self {
            store,
            lock: Arc::new(Lock::new(address)),
            keeping: Arc::default(),
            arrived: Arc::default(),
            clock: Arc::new(jiff::Timestamp::now),
            read_only,
        }
    }

    /// Which form the tables have; this program's own unless they were opened only to be read.
    pub fn schema(&self) -> Schema {
        self.read_only.unwrap_or_else(|| self.store.schema())
    }

    /// The same mirror with another clock, for tests and for replays.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> jiff::Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// A full sync: traverses the source and writes everything that differs. See [`FullSync`] for its settings.
    pub fn full_sync<'a>(&'a self, client: &'a Client) -> FullSync<'a> {
        FullSync::new(self, client)
    }

    /// Reads GET /events from where it was read last, and does a full sync by schedule. See [`Follow`] for its settings.
    pub fn follow<'a>(&'a self, client: &'a Client) -> Follow<'a> {
        Follow::new(self, client)
    }

    /// Applies events, such as those that a webhook brought and
    /// [`WebhookVerifier`](workos_directory_sync::events::WebhookVerifier) verified: all of them or none.
    ///
    /// They may come in any order and any number of times. A field that one leaves out keeps its column, unless
    /// `previous_attributes` names it; so does a field that cannot be read, and [`quarantine`](Self::quarantine) shows it. An event
    /// that cannot be applied stops no other: it is kept, and [`dead_events`](Self::dead_events) shows it.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], and [`Error::Id`] when an event's own id cannot be one. Nothing was applied then.
    pub async fn apply_events(&self, events: &[Event]) -> Result<EventCounts, Error> {
        let now = self.now();
        let incoming = events.iter().map(|event| Incoming::read(event, &now));
        let incoming = incoming.collect::<Result<Vec<_>, _>>()?;
        self.store.take_events(&incoming, &now.canonical()).await
    }

    /// Keeps an event that a webhook brought and
    /// [`WebhookVerifier`](workos_directory_sync::events::WebhookVerifier) verified: answer the webhook once this is done.
    /// A [`worker`](Self::worker) applies it.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], and [`Error::Id`] when the event's own id cannot be one.
    pub async fn ingest(&self, event: &Event) -> Result<(), Error> {
        self.keep(Incoming::read(event, &self.now())?).await
    }

    /// Keeps an event that was read.
    pub(crate) async fn keep(&self, event: Incoming) -> Result<(), Error> {
        self.keeping.keep(&self.store, event, &self.now()).await?;
        self.arrived.notify_one();
        Ok(())
    }

    /// Applies what [`ingest`](Self::ingest) keeps. See [`Worker`].
    pub fn worker(&self) -> Worker<'_> {
        Worker::new(self)
    }

    /// Applies what [`ingest`](Self::ingest) has kept until now.
    ///
    /// # Errors
    ///
    /// [`Error::Database`] when the database cannot be used. What was not applied is kept.
    pub async fn apply_ingested(&self) -> Result<EventCounts, Error> {
        ingest::apply_all(self, ingest::Which::All).await
    }

    /// How many events were kept and wait to be applied.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn waiting_events(&self) -> Result<u64, Error> {
        self.store.count_waiting().await
    }

    /// The oldest events that could not be applied, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn dead_events(&self, limit: u32) -> Result<Vec<DeadEvent>, Error> {
        self.store.dead_events(limit).await
    }

    /// Tries an event again that could not be applied. `None` when there is no such event.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn retry_event(&self, id: &str) -> Result<Option<EventCounts>, Error> {
        let Some(text) = self.store.dead_event(id).await? else {
            return Ok(None);
        };
        let now = self.now();
        let event = Incoming::parse_kept(id, &text, &now);
        self.store.take_events(&[event], &now.canonical()).await.map(Some)
    }

    /// What changed, in order and once each, for an application that names itself: it goes on where it was. A new one
    /// begins with the oldest change.
    pub fn changes(&self, consumer: impl Into<String>) -> Changes<'_> {
        Changes::new(self, consumer.into())
    }

    /// The changes behind the one with this id, the oldest first, at most `limit`; 0 is before all. For those who keep their
    /// place themselves.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn changes_after(&self, id: i64, limit: u32) -> Result<Vec<Change>, Error> {
        self.store.changes_after(id, limit).await
    }

    /// The applications that read the changes, by name.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn consumers(&self) -> Result<Vec<Consumer>, Error> {
        self.store.consumers().await
    }

    /// Forgets an application that will not read changes any more, and says whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn forget_consumer(&self, name: &str) -> Result<bool, Error> {
        self.store.forget_consumer(name).await
    }

    /// What a full sync would change, without changing it. It takes the calls of a full sync, and disk in the temporary
    /// folder for what the source has.
    ///
    /// # Errors
    ///
    /// What the API or either database refuses; [`Error::Scratch`] without a temporary folder.
    pub async fn diff(&self, client: &Client) -> Result<Diff, Error> {
        diff::diff(self, client).await
    }

    /// Deletes for good what has been over for as long: objects that are marked as deleted, events that are done with, and
    /// changes that every consumer acknowledged. Nothing else ever deletes them.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], and [`Error::Setting`] for less than 30 days: events can come that late, and would bring back
    /// what was forgotten.
    pub async fn purge_after(&self, age: Duration) -> Result<Purged, Error> {
        let before = (age >= KEPT)
            .then(|| self.now().as_jiff().checked_sub(age).ok())
            .flatten()
            .ok_or_else(|| Error::Setting {
                name: "the age of what is purged",
                value: format!("{} s", age.as_secs()),
                expected: "30 days or more, and some thousand years or less",
            })?;
        self.store.purge(&Timestamp::from(before).canonical()).await
    }

    /// Ends the connection and leaves the file in one piece, without its write-ahead log.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// The time, to the millisecond that is written.
    pub(crate) fn now(&self) -> Timestamp {
        let now = (self.clock)();
        jiff::Timestamp::from_millisecond(now.as_millisecond())
            .unwrap_or(now)
            .into()
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Mirror")
            .field("lock", &self.lock)
            .finish_non_exhaustive()
    }
}
