//! What events make of rows, without a database: the rows that they are about are loaded first, changed here event by event,
//! and written afterwards, all of them at once.

use std::collections::HashMap;

use super::Fate;
use super::Mark;
use crate::Kind;
use crate::incoming::Meaning;
use crate::record::DIRECTORIES;
use crate::record::GROUPS;
use crate::record::Record;
use crate::record::Table;
use crate::record::USERS;
use crate::store::outbox;
use crate::store::outbox::Before;
use crate::store::outbox::Told;

/// A row of directories, users or groups.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) record: Record,
    pub(super) is_deleted: bool,
    /// The event that changed it last.
    pub(super) mark: Option<Mark>,
    /// Whether the record is to be written.
    pub(super) is_changed: bool,
    /// Whether the mark is to be written.
    pub(super) is_marked: bool,
}

/// What a membership needs to know of its user or group, and a user or group of its directory.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// The directory that it is in.
    pub(super) directory: String,
    pub(super) is_deleted: bool,
}

/// The rows of a table.
#[derive(Debug)]
pub(super) struct Objects {
    pub(super) table: &'static Table,
    /// Those that events put.
    pub(super) rows: HashMap<String, Object>,
    /// Those that others refer to.
    pub(super) ends: HashMap<String, End>,
    /// Whether one of those that are put and not there yet has memberships already.
    pub(super) is_awaited: bool,
}

impl Objects {
    fn of(table: &'static Table) -> Self {
        Self {
            table,
            rows: HashMap::new(),
            ends: HashMap::new(),
            is_awaited: false,
        }
    }

    /// The directory of a row and whether it is marked as deleted; `None` when nothing is known of it.
    fn end(&self, id: &str) -> Option<(&str, bool)> {
        match self.rows.get(id) {
            Some(object) => Some((object.record.directory_id(self.table), object.is_deleted)),
            None => self.ends.get(id).map(|end| (end.directory.as_str(), end.is_deleted)),
        }
    }
}

/// A row of memberships.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) changed_at: String,
    pub(super) deleted_at: Option<String>,
    /// Whether the last change that was told of it is that it began.
    pub(super) told: bool,
    /// The newest full sync when an event changed it last: older pages of that do not overwrite it.
    pub(super) event_run: i64,
    /// The event that told of it last.
    pub(super) mark: Option<Mark>,
    /// Whether it is to be written.
    pub(super) is_changed: bool,
}

/// Rows under change.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) now: String,
    pub(super) directories: Objects,
    pub(super) users: Objects,
    pub(super) groups: Objects,
    /// By user and group.
    pub(super) pairs: HashMap<(String, String), Pair>,
    /// What changed, in the order of the events.
    pub(super) told: Vec<Told>,
    /// The ids of users and groups that came.
    pub(super) came: Vec<String>,
    /// The last one that came, if it has memberships already: what is told of them comes next, before any other event.
    pub(super) awaited: Option<(Kind, String)>,
}

impl Draft {
    pub(super) fn new(now: &str) -> Self {
        Self {
            now: now.to_owned(),
            directories: Objects::of(&DIRECTORIES),
            users: Objects::of(&USERS),
            groups: Objects::of(&GROUPS),
            pairs: HashMap::new(),
            told: Vec::new(),
            came: Vec::new(),
            awaited: None,
        }
    }

    pub(super) fn objects(&mut self, kind: Kind) -> &mut Objects {
        match kind {
            Kind::Directories => &mut self.directories,
            Kind::Users => &mut self.users,
            Kind::Groups | Kind::Memberships => &mut self.groups,
        }
    }

    /// The directory that a row is in which an event put; for a directory its own id.
    pub(super) fn directory_of<'a>(&'a self, kind: Kind, id: &'a str) -> &'a str {
        let objects = match kind {
            Kind::Directories => return id,
            Kind::Users => &self.users,
            Kind::Groups | Kind::Memberships => &self.groups,
        };
        objects.end(id).map_or("", |(directory, _)| directory)
    }

    /// Does what an event means that puts a row or is about a membership, and says what became of it.
    pub(super) fn take(&mut self, meaning: &Meaning, mark: Mark) -> Fate {
        match meaning {
            Meaning::Put(table, record) => self.put(table, record.clone(), mark),
            Meaning::Membership { user, group, joined } => self.membership(user, group, *joined, mark),
            Meaning::Gone(..) | Meaning::Nothing | Meaning::Unreadable(_) => Fate::Stale,
        }
    }

    fn put(&mut self, table: &'static Table, mut record: Record, mark: Mark) -> Fate {
        let is_incomplete = ["directory_id", "state"]
            .iter()
            .any(|column| record.keeps(table, column));
        let is_undated = record.keeps(table, "updated_at");
        // A directory that is gone took everything with it.
        let is_homeless = table.kind != Kind::Directories
            && matches!(self.directories.end(record.directory_id(table)), Some((_, true)));
        let objects = self.objects(table.kind);
        let known = objects.rows.get(&record.id);
        match known {
            Some(known) => {
                record.complete_from(table, |place| known.record.values.get(place).and_then(Option::as_deref));
                let is_behind = mark.is_behind(known.mark.as_ref());
                let is_stale = if is_undated {
                    // The object changed when the event happened: after what is known, unless that is later.
                    is_behind || known.record.is_newer_than(table, &mark.at)
                } else {
                    let (new, old) = (record.updated_at(table), known.record.updated_at(table));
                    new < old || (new == old && is_behind)
                };
                if known.is_deleted || is_stale {
                    return Fate::Stale;
                }
            }
            None if is_homeless => return Fate::Stale,
            None if is_incomplete => return Fate::Dead,
            None => record.say_all(),
        }
        let is_news = known.is_none_or(|known| known.record != record);
        let told = is_news.then(|| {
            let before = known.map(|known| Before {
                is_deleted: known.is_deleted,
                values: known.record.values.iter().map(Option::as_deref).collect(),
            });
            outbox::of_change(table, &record, before.as_ref())
        });
        let awaited = (known.is_none() && objects.is_awaited).then(|| (table.kind, record.id.clone()));
        let came = (known.is_none() && table.kind != Kind::Directories).then(|| record.id.clone());
        let is_changed = is_news || known.is_some_and(|known| known.is_changed);
        objects.rows.insert(
            record.id.clone(),
            Object {
                record,
                is_deleted: false,
                mark: Some(mark),
                is_changed,
                is_marked: true,
            },
        );
        self.told.extend(told.flatten());
        self.came.extend(came);
        self.awaited = awaited;
        Fate::Applied
    }

    fn membership(&mut self, user: &str, group: &str, joined: bool, mark: Mark) -> Fate {
        let ends = [self.users.end(user), self.groups.end(group)];
        // Its place among the events of the pair is remembered all the same: should a full sync bring the user and group back,
        // an event that happened before this one can still come.
        let is_gone = ends.iter().flatten().any(|(_, is_deleted)| *is_deleted);
        if joined && !is_gone && ends.contains(&None) {
            return Fate::Parked;
        }
        let begins = joined && !is_gone;
        let directory = ends[0].map(|(directory, _)| directory.to_owned());
        let now = &self.now;
        let pair = self.pairs.entry((user.to_owned(), group.to_owned()));
        let pair = pair.or_insert_with(|| Pair {
            changed_at: now.clone(),
            deleted_at: (!begins).then(|| now.clone()),
            told: false,
            event_run: 0,
            mark: None,
            is_changed: false,
        });
        if mark.is_behind(pair.mark.as_ref()) {
            return Fate::Stale;
        }
        if pair.deleted_at.is_some() == begins {
            pair.changed_at.clone_from(now);
            pair.deleted_at = (!begins).then(|| now.clone());
        }
        // What began is not kept from a page that has it.
        if begins || !joined {
            pair.event_run = mark.run;
        }
        pair.mark = Some(mark);
        pair.is_changed = true;
        // Whoever began in a group has both ends, and rows stay: every change has a directory.
        if let Some(directory) = directory
            && pair.told != begins
        {
            pair.told = begins;
            let tell = if begins { Told::joined } else { Told::left };
            self.told.push(tell(&directory, user, group));
        }
        if is_gone { Fate::Stale } else { Fate::Applied }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChangeKind;
    use crate::ChangeKind::GroupCreated;
    use crate::ChangeKind::JoinedGroup;
    use crate::ChangeKind::LeftGroup;
    use crate::ChangeKind::UserCreated;
    use crate::ChangeKind::UserSuspended;
    use crate::record::Columns;

    fn mark(number: u32) -> Mark {
        Mark {
            run: 1,
            at: "2026-01-01T00:00:00.000Z".to_owned(),
            id: format!("event_{number}"),
        }
    }

    fn record(table: &Table, values: &[(&str, &str)]) -> Record {
        let value = |column: &&str| values.iter().find(|(name, _)| name == column);
        let values = table
            .columns
            .iter()
            .map(|column| value(column).map(|(_, value)| (*value).to_owned()));
        Record {
            id: "1".to_owned(),
            values: values.collect(),
            unchanged: Columns::NONE,
            cleared_attributes: Vec::new(),
        }
    }

    fn user(state: &str, updated_at: &str) -> Meaning {
        let values = [("directory_id", "d"), ("state", state), ("updated_at", updated_at)];
        Meaning::Put(&USERS, record(&USERS, &values))
    }

    fn group() -> Meaning {
        Meaning::Put(&GROUPS, record(&GROUPS, &[("directory_id", "d"), ("name", "g")]))
    }

    fn membership(joined: bool) -> Meaning {
        Meaning::Membership {
            user: "1".to_owned(),
            group: "1".to_owned(),
            joined,
        }
    }

    /// What becomes of events in their order, and what is told of them.
    fn taken(events: &[Meaning]) -> (Draft, Vec<Fate>, Vec<ChangeKind>) {
        let mut draft = Draft::new("2026-01-02T00:00:00.000Z");
        let fates = (1..)
            .zip(events)
            .map(|(number, event)| draft.take(event, mark(number)))
            .collect();
        let told = draft.told.iter().map(Told::kind).collect();
        (draft, fates, told)
    }

    #[test]
    fn what_is_told_has_the_order_of_the_events() {
        let events = [user("active", "1"), group(), membership(true), user("suspended", "2")];
        let (_, fates, told) = taken(&events);
        assert_eq!(fates, [Fate::Applied; 4]);
        assert_eq!(told, [UserCreated, GroupCreated, JoinedGroup, UserSuspended]);
    }

    #[test]
    fn of_two_states_the_newer_stays_and_of_the_same_time_the_later_event() {
        let events = [user("active", "2"), user("suspended", "1"), user("suspended", "2")];
        let (mut draft, fates, told) = taken(&events);
        assert_eq!(fates, [Fate::Applied, Fate::Stale, Fate::Applied]);
        assert_eq!(told, [UserCreated, UserSuspended]);
        assert_eq!(
            draft.take(&user("active", "2"), mark(2)),
            Fate::Stale,
            "it is an older event"
        );
        assert_eq!(draft.users.rows["1"].record.state(&USERS), Some("suspended"));
    }

    #[test]
    fn a_membership_waits_for_its_user_and_group() {
        let (draft, fates, told) = taken(&[user("active", "1"), membership(true), group()]);
        assert_eq!(fates, [Fate::Applied, Fate::Parked, Fate::Applied]);
        assert_eq!(told, [UserCreated, GroupCreated]);
        assert!(draft.pairs.is_empty());
    }

    #[test]
    fn an_end_is_remembered_where_no_beginning_is_known_and_nobody_is_told() {
        let (mut draft, fates, told) = taken(&[user("active", "1"), membership(false), group()]);
        assert_eq!(fates, [Fate::Applied; 3]);
        assert_eq!(told, [UserCreated, GroupCreated]);
        assert_eq!(
            draft.take(&membership(true), mark(1)),
            Fate::Stale,
            "it is an older event"
        );
        assert!(draft.pairs.values().all(|pair| pair.deleted_at.is_some()));
    }

    #[test]
    fn a_membership_that_ends_and_begins_again_is_told_each_time() {
        let events = [
            user("active", "1"),
            group(),
            membership(true),
            membership(false),
            membership(true),
        ];
        let (draft, _, told) = taken(&events);
        assert_eq!(told[2..], [JoinedGroup, LeftGroup, JoinedGroup]);
        assert!(draft.pairs.values().all(|pair| pair.deleted_at.is_none() && pair.told));
    }
}
