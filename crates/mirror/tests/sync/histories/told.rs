//! What events alone promise, in any order and any number of times: of each object the newest of its states, unless one of
//! them ended it or its directory, and of each membership the last of its events.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use workos_directory_sync::Timestamp;
use workos_directory_sync::events::Event;

use crate::world::World;

/// What a database without a full sync has when some events were applied.
#[derive(Debug, Default)]
pub(super) struct Told {
    directories: BTreeSet<String>,
    /// Each as `ID STATE NAME`.
    users: BTreeSet<String>,
    /// Each as `ID NAME`.
    groups: BTreeSet<String>,
    /// Each as `USER GROUP`.
    memberships: BTreeSet<String>,
}

impl Told {
    /// What these events tell, whatever their order.
    pub(super) fn by<'a>(events: impl Iterator<Item = &'a Event>) -> Self {
        let (mut newest, mut pairs, mut gone) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for event in events {
            let data: Value = serde_json::from_str(event.data.as_str()).unwrap();
            let place = (event.created_at.canonical(), event.id.clone());
            let what = event.event.as_str().trim_start_matches("dsync.");
            match what {
                "group.user_added" | "group.user_removed" => {
                    let pair = (text(&data["user"], "id"), text(&data["group"], "id"));
                    pairs
                        .entry(pair)
                        .or_insert_with(BTreeMap::new)
                        .insert(place, what == "group.user_added");
                }
                "deleted" | "user.deleted" | "group.deleted" => {
                    gone.insert(text(&data, "id"));
                }
                _ => {
                    let updated_at: Timestamp = text(&data, "updated_at").parse().unwrap();
                    newest
                        .entry((what.split('.').next().unwrap(), text(&data, "id")))
                        .or_insert_with(BTreeMap::new)
                        .insert((updated_at.canonical(), place), data);
                }
            }
        }
        let mut told = Self::default();
        let mut there = BTreeSet::new();
        for ((kind, id), states) in newest {
            let (_, data) = states.last_key_value().unwrap();
            if gone.contains(&id) || gone.contains(&text(data, "directory_id")) {
                continue;
            }
            match kind {
                "user" => told
                    .users
                    .insert(format!("{id} {} {}", text(data, "state"), text(data, "first_name"))),
                "group" => told.groups.insert(format!("{id} {}", text(data, "name"))),
                _ => told.directories.insert(id.clone()),
            };
            there.insert(id);
        }
        for ((user, group), events) in pairs {
            let (_, is_member) = events.last_key_value().unwrap();
            if *is_member && there.contains(&user) && there.contains(&group) {
                told.memberships.insert(format!("{user} {group}"));
            }
        }
        told
    }

    /// Asserts that the database has that and nothing else.
    pub(super) async fn assert_is(&self, world: &World) {
        for (told, sql) in [
            (&self.directories, "SELECT id FROM directories WHERE deleted_at IS NULL"),
            (
                &self.users,
                "SELECT id || ' ' || state || ' ' || COALESCE(first_name, '') FROM users WHERE deleted_at IS NULL",
            ),
            (
                &self.groups,
                "SELECT id || ' ' || name FROM groups WHERE deleted_at IS NULL",
            ),
            (
                &self.memberships,
                "SELECT user_id || ' ' || group_id FROM memberships WHERE deleted_at IS NULL",
            ),
        ] {
            let stored = world.column(sql).await;
            assert_eq!(&stored.into_iter().collect::<BTreeSet<_>>(), told);
        }
    }
}

/// A text in an object, or nothing.
fn text(data: &Value, name: &str) -> String {
    data[name].as_str().unwrap_or_default().to_owned()
}
