//! What the README promises, checked while a history goes on.

use std::collections::BTreeSet;
use std::time::Duration;

use workos_directory_mirror::Kind;

use super::History;
use crate::events::all_events;
use crate::histories::task::Task;
use crate::histories::told::Told;
use crate::truth::Truth;

impl History {
    /// Checks what is promised after a task, whether it came to its end well or not.
    pub(super) async fn check(&mut self, task: &Task, is_well: bool, is_undisturbed: bool) {
        if is_well && task.is_sync_of_all() {
            self.assert_all_is_done().await;
            if is_undisturbed {
                self.approve_what_cannot_be_decided().await;
            } else if !self.world.mirror.deletions().await.unwrap().is_empty() {
                self.trust.spoil();
            }
        }
        match task {
            Task::Poll if is_well && self.trust.is_followed() => {
                self.note("polls alone lead to the truth");
                self.assert_members().await;
                // And nothing that comes late changes it.
                if self.random.bool() {
                    let mut late = self.sent_again().await;
                    self.random.shuffle(&mut late);
                    self.application.catch_up(&self.world.mirror).await;
                    self.world.mirror.apply_events(&late).await.unwrap();
                    self.note("late webhooks change and tell nothing");
                    self.assert_members().await;
                    assert_eq!(self.application.catch_up(&self.world.mirror).await, 0);
                }
            }
            task if task.is_sync_of_all() && is_well && is_undisturbed => {
                self.note("a full sync is the truth");
                let truth = Truth::of(&self.emulator, &self.client).await;
                self.world.assert_is(&truth).await;
            }
            Task::Keep(_) | Task::Apply(_) | Task::Work | Task::Poll => self.check_events().await,
            _ => {}
        }
        self.check_always().await;
    }

    /// Nothing is left undecided after an undisturbed full sync but what has no control: the last directory, and the last
    /// objects of a directory that is not linked. A person approves their end.
    pub(super) async fn approve_what_cannot_be_decided(&mut self) {
        // The end of the last directory's users is asked for when they are approved, and so on.
        for _ in 0..3 {
            let pending = self.world.mirror.deletions().await.unwrap();
            if pending.is_empty() {
                return;
            }
            let truth = Truth::of(&self.emulator, &self.client).await;
            for of in pending {
                self.note(format_args!("{} {} of {} wait", of.count, of.kind, of.directory));
                let directory = truth.directories.iter().find(|found| found["id"] == *of.directory);
                let mut objects = truth.users.iter().chain(&truth.groups);
                let has_control = match of.kind {
                    Kind::Directories => !truth.directories.is_empty(),
                    _ => directory.is_some_and(|found| {
                        found["state"] == "linked" || objects.any(|object| object["directory_id"] == *of.directory)
                    }),
                };
                assert!(!has_control, "{of:?}");
                let approved = self
                    .world
                    .mirror
                    .approve_deletions(of.directory, of.kind, of.count)
                    .await;
                approved.unwrap();
            }
            let sync = self.world.mirror.full_sync(&self.client).allow_other_environment(true);
            sync.resume_within(Duration::ZERO).run().await.unwrap();
        }
        assert_eq!(self.world.mirror.deletions().await.unwrap(), []);
    }

    /// A full sync of everything is finished when all of its parts are.
    async fn assert_all_is_done(&self) {
        let last = "SELECT scope || ' ' || state FROM sync_runs ORDER BY id DESC LIMIT 1";
        assert_eq!(self.world.column(last).await, ["all finished"]);
        let open = "SELECT resource FROM leases WHERE run_id = (SELECT MAX(id) FROM sync_runs) AND ended_at IS NULL";
        assert_eq!(self.world.column(open).await, [""; 0]);
    }

    /// What is kept stays until it is applied, and what was applied has the effect that events promise.
    async fn check_events(&self) {
        let there = self
            .world
            .column("SELECT id FROM events UNION SELECT id FROM inbox")
            .await;
        let there = there.into_iter().collect::<BTreeSet<_>>();
        assert!(self.kept.is_subset(&there), "an event that was kept is lost");
        if self.only_hears {
            let applied = self.world.column("SELECT id FROM events").await;
            let applied: BTreeSet<_> = applied.into_iter().collect();
            let events = all_events(&self.client).await;
            let told = Told::by(events.iter().filter(|event| applied.contains(&event.id)));
            told.assert_is(&self.world).await;
        }
    }

    /// No membership waits for a user and group that are there, and the application knows what the tables have.
    pub(super) async fn check_always(&mut self) {
        let waiting = "SELECT e.id FROM events AS e WHERE e.state = 'parked'
                       AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = e.user_id)
                       AND EXISTS (SELECT 1 FROM groups AS g WHERE g.id = e.group_id)";
        assert_eq!(self.world.column(waiting).await, [""; 0]);
        self.application.catch_up(&self.world.mirror).await;
        self.application.assert_is(&self.world).await;
    }

    pub(super) async fn assert_members(&self) {
        let truth = Truth::of(&self.emulator, &self.client).await;
        self.world.assert_members(&truth).await;
    }

    /// What was marked as deleted at a time or later, events that wait, and changes that nobody acknowledged.
    pub(super) async fn kept_since(&self, time: &str) -> Vec<String> {
        let rows = self
            .world
            .column(
                "SELECT deleted_at || ' ' || id FROM directories WHERE deleted_at IS NOT NULL
                 UNION ALL SELECT deleted_at || ' ' || id FROM users WHERE deleted_at IS NOT NULL
                 UNION ALL SELECT deleted_at || ' ' || id FROM groups WHERE deleted_at IS NOT NULL
                 UNION ALL SELECT deleted_at || ' ' || user_id || ' ' || group_id FROM memberships
                     WHERE deleted_at IS NOT NULL
                 UNION ALL SELECT 'waits ' || id FROM events WHERE state = 'parked'
                 UNION ALL SELECT 'untaken ' || CAST(c.id AS TEXT) FROM changes AS c
                     WHERE EXISTS (SELECT 1 FROM change_consumers AS r WHERE r.position < c.id)
                 ORDER BY 1",
            )
            .await;
        rows.into_iter().filter(|row| row.as_str() >= time).collect()
    }
}
