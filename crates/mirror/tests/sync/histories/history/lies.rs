//! A full sync to which the API lies: lists leave out, repeat and end early, fields are odd, by-id responses fail. Whatever
//! it says, nobody who is there may end.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultBody;
use workos_directory_emulator::FaultRule;
use workos_directory_sync::operation::Operation;
use workos_directory_sync::operations;

use super::History;
use crate::histories::task::Scope;
use crate::histories::task::Task;

/// The lists that can lie.
const LISTS: [&Operation; 3] = [
    &operations::LIST_DIRECTORIES,
    &operations::LIST_DIRECTORY_USERS,
    &operations::LIST_DIRECTORY_GROUPS,
];

/// What is asked for by id.
const BY_ID: [&Operation; 3] = [
    &operations::GET_DIRECTORY,
    &operations::GET_DIRECTORY_USER,
    &operations::GET_DIRECTORY_GROUP,
];

/// Fields that may be odd, and what they may be instead.
const PATHS: [&str; 9] = [
    "/id",
    "/directory_id",
    "/state",
    "/name",
    "/first_name",
    "/emails",
    "/role",
    "/groups",
    "/created_at",
];
const VALUES: [&str; 8] = [
    "null",
    "5",
    "{}",
    "[]",
    "\"\"",
    "\"odd\"",
    "\"Ann \\ud83d\"",
    "[[[[{\"deep\":[1e999]}]]]]",
];

/// One lie to three.
fn some(random: &mut Rng, directories: &[String]) -> Vec<FaultRule> {
    (0..random.u8(1..4)).map(|_| one(random, directories)).collect()
}

fn one(random: &mut Rng, directories: &[String]) -> FaultRule {
    let list = LISTS[random.usize(0..LISTS.len())];
    let share = *random.choice(&[0.1, 0.5, 0.9]).unwrap();
    match random.u8(0..10) {
        // Only of whole directories: a group's list that leaves out one member is believed.
        0..=2 => match random.choice(directories) {
            Some(directory) if list.id != operations::LIST_DIRECTORIES.id => FaultRule::new(Fault::OmittedObjects)
                .on(list)
                .scope(directory)
                .share(share),
            _ => FaultRule::new(Fault::OmittedObjects)
                .on(&operations::LIST_DIRECTORIES)
                .share(share),
        },
        3 => FaultRule::new(Fault::EmptyList).on(list),
        4 => FaultRule::new(Fault::EarlyEnd { empty: random.bool() }).on(list),
        5 => {
            let fault = if random.bool() {
                Fault::RepeatedObject
            } else {
                Fault::ShiftedPage
            };
            FaultRule::new(fault).on(list)
        }
        6 => {
            let counts = Fault::WrongCounts {
                active_users: Some(random.u64(0..200)),
                inactive_users: None,
                groups: Some(random.u64(0..9)),
            };
            FaultRule::new(counts).on(&operations::LIST_DIRECTORIES)
        }
        7 => {
            let (path, value) = (random.choice(PATHS).unwrap(), random.choice(VALUES).unwrap());
            FaultRule::new(Fault::replaced_field(path, value)).on(list).share(share)
        }
        8 => {
            let path = random.choice(PATHS).unwrap();
            FaultRule::new(Fault::omitted_fields([path])).on(list).share(share)
        }
        // The API itself is sick, or something in front of it is.
        _ => {
            let by_id = BY_ID[random.usize(0..BY_ID.len())];
            match random.u8(0..3) {
                0 => FaultRule::new(Fault::status(403)).on(by_id),
                1 => FaultRule::new(Fault::status(503)).on(by_id).probability(0.5),
                _ => FaultRule::new(Fault::error(404, FaultBody::Html))
                    .on(by_id)
                    .probability(0.5),
            }
        }
    }
}

impl History {
    /// A full sync to which the API lies ends nobody who is there.
    pub(super) async fn be_lied_to(&mut self) {
        let directories: Vec<String> = self
            .emulator
            .seed_file()
            .unwrap()
            .directories
            .iter()
            .map(|of| of.id.clone())
            .collect();
        let mut lies = some(&mut self.random, &directories);
        if self.random.u8(0..8) == 0 {
            // A proxy that says of everything that it does not exist.
            lies.extend(BY_ID.map(|by_id| FaultRule::new(Fault::status(404)).on(by_id)));
        }
        let before = self.there().await;
        let task = Task::Sync {
            scope: Scope::All,
            resumes: false,
            at_a_time: self.random.usize(1..4),
        };
        let told: Vec<_> = lies.iter().map(|rule| (&rule.fault, &rule.operation)).collect();
        self.note(format_args!("{task:?}, lied to: {told:?}"));
        for lie in lies {
            self.emulator.faults().inject(lie).unwrap();
        }
        let sync = self.world.mirror.full_sync(&self.client).allow_other_environment(true);
        if let Err(error) = sync.resume_within(Duration::ZERO).run().await {
            self.note(error);
        }
        self.emulator.faults().clear();
        self.trust.spoil();
        let after = self.there().await;
        let repeatedly_absent = "SELECT COALESCE(user_id, group_id) FROM changes WHERE reason = 'repeated_absence'";
        let exempt: BTreeSet<String> = self.world.column(repeatedly_absent).await.into_iter().collect();
        let ended: Vec<_> = before
            .difference(&after)
            .filter(|row| !row.split(' ').any(|id| exempt.contains(id)))
            .collect();
        assert_eq!(ended, [""; 0], "they are there and were ended");
        self.check_always().await;
    }

    /// What the database has as there and is there at the source; of a membership the user and the group.
    async fn there(&self) -> BTreeSet<String> {
        let rows = self
            .world
            .column(
                "SELECT id FROM directories WHERE deleted_at IS NULL
                 UNION ALL SELECT id FROM users WHERE deleted_at IS NULL
                 UNION ALL SELECT id FROM groups WHERE deleted_at IS NULL
                 UNION ALL SELECT user_id || ' ' || group_id FROM memberships WHERE deleted_at IS NULL",
            )
            .await;
        let source = self.emulator.seed_file().unwrap();
        let ids = source.directories.iter().map(|directory| directory.id.to_string());
        let ids = ids.chain(source.users.iter().map(|user| user.id.to_string()));
        let ids = ids.chain(source.groups.iter().map(|group| group.id.to_string()));
        let pairs = source
            .memberships
            .iter()
            .map(|pair| format!("{} {}", pair.user, pair.group));
        let there: BTreeSet<String> = ids.chain(pairs).collect();
        rows.into_iter().filter(|row| there.contains(row)).collect()
    }
}
