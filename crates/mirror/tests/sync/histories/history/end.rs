//! The end of a history: one undisturbed full sync, and everything that can still come.

use std::time::Duration;

use workos_directory_mirror::Counts;

use super::History;
use crate::events::all_events;
use crate::histories::task::Scope;
use crate::histories::task::Task;
use crate::truth::Truth;

impl History {
    /// One undisturbed full sync, and then everything that can still come.
    pub(super) async fn end(mut self) {
        self.note("the end");
        if self.only_hears && self.random.bool() {
            self.hear_everything().await;
        }
        self.only_hears = false;
        if self.trust.is_followed() {
            self.receive_the_rest().await;
        }
        let last = Task::Sync {
            scope: Scope::All,
            resumes: false,
            at_a_time: 4,
        };
        if self.random.u8(0..8) == 0 {
            self.sync_as_forecast().await;
        } else {
            self.perform_wholly(last.clone()).await;
        }
        if self.random.u8(0..4) == 0 {
            self.sync_in_vain().await;
        }
        self.receive_the_rest().await;
        // Who does not poll cannot know what undid what a late webhook tells, until the next full sync.
        if !self.trust.is_followed() {
            self.perform_wholly(last).await;
        }
        self.assert_truth().await;
    }

    /// Webhooks bring everything, in any order.
    async fn hear_everything(&mut self) {
        let mut events = all_events(&self.client).await;
        self.random.shuffle(&mut events);
        self.perform_wholly(Task::Apply(events)).await;
        self.perform_wholly(Task::Work).await;
        self.assert_members().await;
    }

    /// A full sync does what the difference said.
    async fn sync_as_forecast(&mut self) {
        self.note("a full sync does what the difference said");
        let waiting = self.world.column("SELECT id FROM events WHERE state = 'parked'").await;
        let diff = self.world.mirror.diff(&self.client).await.unwrap();
        let sync = self.world.mirror.full_sync(&self.client).allow_other_environment(true);
        let summary = sync.resume_within(Duration::ZERO).run().await.unwrap();
        let changes = |counts: Counts| [counts.inserted, counts.updated, counts.restored, counts.deleted];
        let mut counts = vec![
            (diff.directories, summary.directories),
            (diff.users, summary.users),
            (diff.groups, summary.groups),
        ];
        // A membership that waited for a user of these pages is the event's, not the sync's.
        if waiting.is_empty() {
            counts.push((diff.memberships, summary.memberships));
        }
        for (said, done) in counts {
            // The difference cannot know what has no control.
            if summary.absences.undecided == 0 {
                assert_eq!(changes(said), changes(done), "{diff:?}, {summary:?}");
            }
        }
        self.trust.began(true);
        self.trust.synced();
        self.approve_what_cannot_be_decided().await;
        let equal = self.world.mirror.diff(&self.client).await.unwrap();
        assert!(equal.is_empty(), "{equal:?}");
        self.assert_truth().await;
    }

    /// Another full sync changes nothing, and tells nothing.
    async fn sync_in_vain(&mut self) {
        self.note("another full sync changes nothing");
        let sync = self.world.mirror.full_sync(&self.client).allow_other_environment(true);
        let sync = sync.resume_within(Duration::ZERO);
        let summary = sync.run().await.unwrap();
        assert!(summary.is_unchanged(), "{summary:?}");
        assert_eq!(self.application.catch_up(&self.world.mirror).await, 0);
    }

    /// What is still on its way.
    async fn receive_the_rest(&mut self) {
        self.perform_wholly(Task::Work).await;
        let events = self.webhooks().await;
        self.perform_wholly(Task::Apply(events)).await;
        self.perform_wholly(Task::Poll).await;
    }

    /// Asserts that the database is what the source has, and that the application knows it.
    async fn assert_truth(&mut self) {
        let truth = Truth::of(&self.emulator, &self.client).await;
        self.world.assert_is_but_metadata(&truth).await;
        self.check_always().await;
    }
}
