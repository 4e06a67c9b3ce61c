//! Keeping events that come at the same time: one transaction for all of those, so that a burst waits for the disk once.
//!
//! Who comes first writes what is there; what comes meanwhile is written together by one of those who brought it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::sync::Mutex as Turns;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use workos_directory_sync::Timestamp;

use crate::Error;
use crate::incoming::Incoming;
use crate::store::Store;

/// How many events are written in one transaction at most.
const AT_ONCE: usize = 256;

/// Events that wait to be kept.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    waiting: Mutex<Vec<Brought>>,
    /// Whose turn it is to write.
    turn: Turns<()>,
}

/// An event, and whom to tell that it is kept.
#[derive(Debug)]
struct Brought {
    event: Arc<Incoming>,
    kept: oneshot::Sender<()>,
}

impl Keeping {
    /// Returns when the event is in the database for good.
    pub(crate) async fn keep(&self, store: &Store, event: Incoming, now: &Timestamp) -> Result<(), Error> {
        let event = Arc::new(event);
        let (kept, mut is_kept) = oneshot::channel();
        self.waiting().push(Brought {
            event: Arc::clone(&event),
            kept,
        });
        let _turn = self.turn.lock().await;
        match is_kept.try_recv() {
            Ok(()) => return Ok(()),
            // Somebody took it along and failed, or was given up on the way.
            Err(TryRecvError::Closed) => return store.keep(&[&event], &now.canonical()).await,
            Err(TryRecvError::Empty) => {}
        }
        loop {
            let brought = self.take();
            let events: Vec<&Incoming> = brought.iter().map(|brought| brought.event.as_ref()).collect();
            let is_among_them = events.iter().any(|other| std::ptr::eq(*other, event.as_ref()));
            if store.keep(&events, &now.canonical()).await.is_err() {
                // Perhaps it was another one that the database refused.
                return store.keep(&[&event], &now.canonical()).await;
            }
            for brought in brought {
                // Who is not there any more need not be told.
                let _ = brought.kept.send(());
            }
            if is_among_them {
                return Ok(());
            }
        }
    }

    fn take(&self) -> Vec<Brought> {
        let mut waiting = self.waiting();
        let count = waiting.len().min(AT_ONCE);
        waiting.drain(..count).collect()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Brought>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
