//! Answers that come late: the source has given them and moves on before they reach who asked.

use tokio::sync::mpsc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use workos_directory_emulator::Emulator;
use workos_directory_sync::Client;

use crate::interposer::Fate;
use crate::interposer::Interposer;
use crate::world::client_of;

/// An answer that goes on when this is dropped.
pub(super) type Held = oneshot::Sender<()>;

/// Holds each answer that its client gets.
pub(super) struct Gate {
    pub(super) client: Client,
    held: UnboundedReceiver<Held>,
}

impl Gate {
    pub(super) async fn before(emulator: &Emulator) -> Self {
        let (hold, held) = mpsc::unbounded_channel();
        let interposer = Interposer::start(emulator.base_url(), move |_| {
            let hold = hold.clone();
            Fate::Late(Box::new(move || {
                let (release, released) = oneshot::channel();
                drop(hold.send(release));
                released
            }))
        })
        .await;
        Self {
            client: client_of(&interposer.base_url, emulator),
            held,
        }
    }

    /// Waits for an answer.
    pub(super) async fn next(&mut self) -> Option<Held> {
        self.held.recv().await
    }

    /// Lets go of what nobody waits for any more.
    pub(super) fn forget(&mut self) {
        while self.held.try_recv().is_ok() {}
    }
}
