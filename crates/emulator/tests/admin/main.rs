//! The admin API, as its generated client sees it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod objects;
mod refusals;
mod surroundings;

use std::time::Duration;

use workos_directory_emulator::Emulator;
use workos_directory_emulator::EmulatorBuilder;
use workos_directory_emulator::ManualClock;
use workos_directory_emulator::Population;
use workos_directory_emulator_client::EmulatorClient;
use workos_directory_emulator_client::Error;
use workos_directory_sync::types::Event;
use workos_directory_sync::types::EventName;

/// An emulator and the two clients of it.
struct World {
    emulator: Emulator,
    clock: ManualClock,
    admin: EmulatorClient,
}

impl World {
    /// Nothing is there yet, and it is noon.
    async fn empty() -> Self {
        Self::of(Emulator::builder().population(Population::empty())).await
    }

    async fn of(builder: EmulatorBuilder) -> Self {
        let clock = ManualClock::at("2026-11-24T12:00:00Z".parse().unwrap());
        let emulator = builder.clock(clock.clone()).start().await.unwrap();
        let admin = EmulatorClient::new(emulator.base_url(), emulator.api_key()).unwrap();
        Self { emulator, clock, admin }
    }

    /// All events by name, the oldest first.
    async fn events(&self) -> Vec<Event> {
        let list = self.admin.client().list_events().events(EventName::KNOWN.to_vec());
        list.limit(100).send().await.unwrap().into_inner().data
    }

    async fn event_names(&self) -> Vec<String> {
        let events = self.events().await;
        events.iter().map(|event| event.event.as_str().to_owned()).collect()
    }
}

/// What was refused, and with which status.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> (u16, String) {
    let error = result.unwrap_err();
    (error.status().map_or(0, |status| status.as_u16()), error.to_string())
}

const A_MINUTE: Duration = Duration::from_secs(60);
