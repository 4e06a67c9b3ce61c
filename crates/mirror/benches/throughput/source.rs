//! The source: an emulator without limits in a process of its own.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::Child;
use std::process::Stdio;

use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_emulator::RateLimits;

use crate::process;

/// How many groups there are.
const GROUPS: u32 = 100;

/// In how many groups each user is.
const GROUPS_OF_USER: u64 = 3;

/// What a source has, and how it gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Users, and no groups.
    UsersOnly,
    /// Users come with their groups.
    Embedded,
    /// Users are listed once more for each group, as the live API wants it.
    Listed,
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Self::UsersOnly, Self::Embedded, Self::Listed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::UsersOnly => "users only",
            Self::Embedded => "groups embedded",
            Self::Listed => "groups listed",
        }
    }
}

/// An emulator in another process.
pub(crate) struct Source {
    process: Child,
    pub(crate) base_url: String,
    pub(crate) api_key: String,
}

impl Source {
    pub(crate) fn start(shape: Shape, users: u32) -> Self {
        let mut process = process::role(&["emulator", shape.name(), &users.to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .expect("it starts");
        let line = process::first_line(&mut process);
        let (base_url, api_key) = line.trim().split_once(' ').expect("an address and a key");
        Self {
            base_url: base_url.to_owned(),
            api_key: api_key.to_owned(),
            process,
        }
    }

    /// Ends it, and says how many requests came for each operation.
    pub(crate) fn end(mut self) -> BTreeMap<String, u64> {
        drop(self.process.stdin.take());
        let requests = serde_json::from_str(&process::first_line(&mut self.process)).expect("the requests");
        assert!(self.process.wait().expect("it ends").success());
        requests
    }
}

/// The other process: an emulator until its standard input ends.
pub(crate) async fn serve(shape: &str, users: u32) {
    let shape = Shape::ALL.into_iter().find(|known| known.name() == shape);
    let shape = shape.expect("a known shape");
    let has_groups = shape != Shape::UsersOnly;
    let population = Population {
        directories: 1,
        users,
        groups: if has_groups { GROUPS } else { 0 },
        memberships: if has_groups {
            u64::from(users) * GROUPS_OF_USER
        } else {
            0
        },
        ..Population::default()
    };
    let embeds = shape == Shape::Embedded;
    let emulator = Emulator::builder()
        .behaviour(if embeds { Behaviour::Reference } else { Behaviour::Live })
        .rate_limits(RateLimits::unlimited())
        .population(population)
        .start()
        .await
        .expect("an emulator");
    println!("{} {}", emulator.base_url(), emulator.api_key());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let requests = serde_json::to_string(&emulator.requests_by_operation());
    println!("{}", requests.expect("names and numbers"));
    emulator.shutdown().await;
}
