//! One directory: its groups, its users, then who is in which group.
//!
//! Groups come first, so that the memberships that come with users find theirs.

use serde_json::value::RawValue;
use workos_directory_sync::Error as ApiError;
use workos_directory_sync::pages::RawListRequest;
use workos_directory_sync::types::Order;

use super::MembershipPlan;
use super::Progress;
use super::lookup::Lookup;
use super::lookup::look_up;
use super::page;
use super::part::Part;
use super::planner;
use super::planner::Shape;
use super::traversal::Traversal;
use crate::Counts;
use crate::Error;
use crate::Kind;
use crate::record::DIRECTORIES;
use crate::record::GROUPS;
use crate::record::USERS;
use crate::store::Batch;
use crate::store::Checkpoint;
use crate::store::Findings;
use crate::store::KnownCounts;
use crate::store::Step;
use crate::store::StepKey;

/// How many groups or users are looked up in the database at a time when each of them is listed.
const OWNERS_AT_A_TIME: u32 = 500;

impl Part<'_> {
    /// Brings a directory up to date.
    pub(super) async fn mirror_directory(&self, directory: &str) -> Result<(), Error> {
        match self.steps(directory).await {
            Err(Error::Api(error @ ApiError::NotFound(_))) => self.vanished(directory, error).await,
            ended => ended,
        }
    }

    async fn steps(&self, directory: &str) -> Result<(), Error> {
        self.groups(directory).await?;
        self.users(directory).await?;
        // Before the memberships: whoever is there after all has some.
        self.lookups().settle(directory).await?;
        self.memberships(directory).await?;
        let now = self.now();
        if self.store().has_absences(directory).await? {
            self.store().drop_refreshed(self.held(&now), directory).await?;
        }
        Ok(())
    }

    /// The API does not know something that it listed a moment ago: is it the directory?
    async fn vanished(&self, directory: &str, error: ApiError) -> Result<(), Error> {
        let lookup = look_up(self.client(), &DIRECTORIES, directory).await?;
        if !matches!(lookup, Lookup::NotFound(_)) {
            return Err(error.into());
        }
        let now = self.now();
        let absence = self
            .store()
            .note_vanished(self.held(&now), Kind::Directories, directory, directory)
            .await?;
        self.lookups().note(&absence, lookup).await?;
        for directory in self.lookups().settle_directories(Some(directory)).await? {
            self.tell(Progress::Vanished { directory });
        }
        Ok(())
    }

    async fn groups(&self, directory: &str) -> Result<(), Error> {
        let key = self.key(directory, Kind::Groups);
        let step = self.store().step(key).await?;
        if step.finished {
            return Ok(());
        }
        if !step.traversed {
            let request = self
                .client()
                .list_directory_groups()
                .directory(directory)
                .order(Order::Asc);
            let traversal = Traversal::new(step.cursor, request, None);
            let read = |groups: Vec<Box<RawValue>>| {
                let (objects, findings) = page::read(&GROUPS, Some(directory), &groups);
                let records = objects.into_iter().map(|object| object.record);
                (Batch::Objects(&GROUPS, records.collect()), findings)
            };
            let mut counts = step.counts;
            self.traverse(key, traversal, None, &mut counts, read).await?;
        }
        self.ask_for_unreadable(key, &GROUPS).await?;
        self.finish(key).await
    }

    async fn users(&self, directory: &str) -> Result<(), Error> {
        let key = self.key(directory, Kind::Users);
        let step = self.store().step(key).await?;
        if step.finished {
            return Ok(());
        }
        if !step.traversed {
            let request = self
                .client()
                .list_directory_users()
                .directory(directory)
                .order(Order::Asc);
            // Only some servers know the parameter.
            let traversal = Traversal::new(step.cursor, request.clone().groups(true), Some(request));
            let read = |users: Vec<Box<RawValue>>| {
                let (objects, findings) = page::read(&USERS, Some(directory), &users);
                let users = objects.into_iter().map(|object| (object.record, object.groups));
                (Batch::Users(users.collect()), findings)
            };
            let mut counts = step.counts;
            self.traverse(key, traversal, None, &mut counts, read).await?;
        }
        self.ask_for_unreadable(key, &USERS).await?;
        self.finish(key).await
    }

    async fn memberships(&self, directory: &str) -> Result<(), Error> {
        let key = self.key(directory, Kind::Memberships);
        let step = self.store().step(key).await?;
        let plan = match step.plan {
            Some(plan) => plan,
            None if step.finished => MembershipPlan::Embedded,
            None => self.plan(key, &step).await?,
        };
        if !step.finished {
            if !step.traversed && plan != MembershipPlan::Embedded {
                self.list_each(key, plan, step).await?;
            }
            let now = self.now();
            self.store().finish_memberships(key, self.held(&now), plan).await?;
            self.finished(key).await?;
        }
        self.lookups().settle_pairs(directory, plan).await
    }

    /// Decides how the memberships are found out, and notes it.
    async fn plan(&self, key: StepKey<'_>, step: &Step) -> Result<MembershipPlan, Error> {
        // Empty lists alone prove nothing: teams that get no embedded groups get empty lists.
        let now = self.now();
        let had_embedded = self.store().last_plan(key.directory).await? == Some(MembershipPlan::Embedded);
        let turned_empty = step.untold == 0
            && (step.counts.seen > 0 || had_embedded)
            && self.store().embedded_groups_turned_empty(key, self.held(&now)).await?;
        let embedded = step.untold == 0 && step.counts.seen > 0 && !turned_empty;
        let known = if embedded {
            KnownCounts::default()
        } else {
            self.store().known_counts(key.directory).await?
        };
        let shape = Shape {
            users: known.users,
            groups: known.groups,
            known,
            embedded,
        };
        let (plan, calls) = planner::choose(&shape);
        let now = self.now();
        self.store().choose_plan(key, self.held(&now), plan).await?;
        self.tell(Progress::Planned {
            directory: key.directory.to_owned(),
            plan,
            calls,
        });
        Ok(plan)
    }

    /// Lists the users of each group, or the groups of each user.
    async fn list_each(&self, key: StepKey<'_>, plan: MembershipPlan, step: Step) -> Result<(), Error> {
        let owners = match plan {
            MembershipPlan::GroupsPerUser => Kind::Users,
            _ => Kind::Groups,
        };
        let mut counts = step.counts;
        let mut last = step.position.unwrap_or_default();
        let mut has_vanished = false;
        if let Some(cursor) = step.cursor {
            has_vanished |= !self.list_one(key, owners, &last, Some(cursor), &mut counts).await?;
        }
        loop {
            let ids = self
                .store()
                .ids_after(owners, key.directory, self.run(), &last, OWNERS_AT_A_TIME)
                .await?;
            for id in &ids {
                has_vanished |= !self.list_one(key, owners, id, None, &mut counts).await?;
            }
            match ids.into_iter().next_back() {
                Some(id) => last = id,
                None => break,
            }
        }
        let now = self.now();
        let end = Checkpoint {
            traversed: true,
            ..Checkpoint::default()
        };
        let batch = Batch::Memberships(Vec::new());
        let nothing = Findings::default();
        self.store().write(key, self.held(&now), batch, &nothing, end).await?;
        if has_vanished {
            self.lookups().settle(key.directory).await?;
        }
        Ok(())
    }

    /// Lists one of them. Returns false when the API does not know it any more.
    async fn list_one(
        &self,
        key: StepKey<'_>,
        owners: Kind,
        owner: &str,
        cursor: Option<String>,
        counts: &mut Counts,
    ) -> Result<bool, Error> {
        let listed = if owners == Kind::Users {
            let request = self.client().list_directory_groups().user(owner).order(Order::Asc);
            let to_pair = |group| (owner.to_owned(), group);
            let traversal = Traversal::new(cursor, request, None);
            self.list_pairs(key, traversal, owner, counts, Kind::Groups, to_pair)
                .await
        } else {
            let request = self.client().list_directory_users().group(owner).order(Order::Asc);
            let to_pair = |user| (user, owner.to_owned());
            let traversal = Traversal::new(cursor, request, None);
            self.list_pairs(key, traversal, owner, counts, Kind::Users, to_pair)
                .await
        };
        match listed {
            // Was it deleted since it was listed, and its memberships with it?
            Err(Error::Api(error @ ApiError::NotFound(_))) => {
                let table = if owners == Kind::Users { &USERS } else { &GROUPS };
                let lookup = look_up(self.client(), table, owner).await?;
                if !matches!(lookup, Lookup::NotFound(_)) {
                    return Err(error.into());
                }
                let now = self.now();
                let absence = self
                    .store()
                    .note_vanished(self.held(&now), owners, owner, key.directory)
                    .await?;
                self.lookups().note(&absence, lookup).await?;
                Ok(false)
            }
            ended => ended.map(|()| true),
        }
    }

    async fn list_pairs<R: RawListRequest>(
        &self,
        key: StepKey<'_>,
        traversal: Traversal<R>,
        owner: &str,
        counts: &mut Counts,
        listed: Kind,
        to_pair: impl Fn(String) -> (String, String) + Send + Sync,
    ) -> Result<(), Error> {
        let read = |items: Vec<Box<RawValue>>| {
            let (ids, findings) = page::read_ids(listed, key.directory, &items);
            (Batch::Memberships(ids.into_iter().map(&to_pair).collect()), findings)
        };
        self.traverse(key, traversal, Some(owner), counts, read).await
    }

    /// Ends a step whose traversal is complete.
    async fn finish(&self, key: StepKey<'_>) -> Result<(), Error> {
        let now = self.now();
        self.store().finish_step(key, self.held(&now)).await?;
        self.finished(key).await
    }

    fn key<'k>(&self, directory: &'k str, kind: Kind) -> StepKey<'k> {
        StepKey {
            run: self.run(),
            directory,
            kind,
        }
    }
}
