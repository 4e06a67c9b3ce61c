//! Organizations, directories, users, groups and memberships: each change is told by the right event.

use serde_json::Value;
use serde_json::json;
use workos_directory_emulator::InactivePolicy;
use workos_directory_emulator_client::types;
use workos_directory_sync::types::DirectoryState;
use workos_directory_sync::types::DirectoryUserState;

use crate::A_MINUTE;
use crate::World;
use crate::refused;

const ORGANIZATION: &str = "org_01EHZNVPK3SFK441A1RGBFSHRT";

impl World {
    /// A directory of [`ORGANIZATION`].
    pub(crate) async fn directory(&self) -> types::Directory {
        let mut new = types::NewDirectory::new("okta scim v2.0", "Acme");
        new.organization_id = Some(ORGANIZATION.to_owned());
        self.admin
            .create_directory()
            .body(new)
            .send()
            .await
            .unwrap()
            .into_inner()
    }

    pub(crate) async fn user(&self, directory: &str) -> types::DirectoryUser {
        let mut new = types::NewUser::default();
        new.email = Some("jane@acme.example".to_owned());
        new.first_name = Some("Jane".to_owned());
        new.last_name = Some("Doe".to_owned());
        let request = self.admin.create_user().directory(directory).body(new);
        request.send().await.unwrap().into_inner()
    }

    async fn group(&self, directory: &str) -> types::DirectoryGroup {
        let new = types::NewGroup::new("Engineering");
        let request = self.admin.create_group().directory(directory).body(new);
        request.send().await.unwrap().into_inner()
    }

    async fn last_data(&self) -> Value {
        let events = self.events().await;
        serde_json::to_value(&events.last().unwrap().data).unwrap()
    }
}

#[tokio::test]
async fn each_change_of_an_object_is_told_by_its_event() {
    let world = World::empty().await;
    let admin = &world.admin;
    let directory = world.directory().await;
    assert_eq!(directory.state, DirectoryState::Linked);
    assert_eq!(directory.organization_id.as_deref(), Some(ORGANIZATION));
    let user = world.user(&directory.id).await;
    let group = world.group(&directory.id).await;
    let member = |request: bool| {
        let (directory, user, group) = (directory.id.clone(), user.id.clone(), group.id.clone());
        async move {
            if request {
                admin
                    .add_member()
                    .directory(directory)
                    .group(group)
                    .user(user)
                    .send()
                    .await
            } else {
                admin
                    .remove_member()
                    .directory(directory)
                    .group(group)
                    .user(user)
                    .send()
                    .await
            }
        }
    };
    member(true).await.unwrap();
    // What is so already is not told again.
    member(true).await.unwrap();
    let names = [
        "dsync.activated",
        "dsync.user.created",
        "dsync.group.created",
        "dsync.group.user_added",
    ];
    assert_eq!(world.event_names().await, names);

    world.clock.advance(A_MINUTE);
    let mut change = types::UserChange::default();
    change.last_name = Some("Roe".to_owned());
    let update = admin
        .update_user()
        .directory(&*directory.id)
        .user(&*user.id)
        .body(change.clone());
    let updated = update.send().await.unwrap().into_inner();
    assert_eq!(
        (updated.name.as_deref(), updated.email),
        (Some("Jane Roe"), user.email.clone())
    );
    let told = world.last_data().await;
    assert_eq!(
        told["previous_attributes"],
        json!({ "last_name": "Doe", "name": "Jane Doe" })
    );
    assert_eq!(told["updated_at"], "2026-11-24T12:01:00.000Z");
    // The same once more is no change.
    let update = admin
        .update_user()
        .directory(&*directory.id)
        .user(&*user.id)
        .body(change);
    update.send().await.unwrap();

    let mut change = types::GroupChange::default();
    change.name = Some("Product".to_owned());
    let update = admin
        .update_group()
        .directory(&*directory.id)
        .group(&*group.id)
        .body(change);
    assert_eq!(update.send().await.unwrap().into_inner().name, "Product");
    assert_eq!(
        world.last_data().await["previous_attributes"],
        json!({ "name": "Engineering" })
    );

    member(false).await.unwrap();
    admin
        .delete_user()
        .directory(&*directory.id)
        .user(&*user.id)
        .send()
        .await
        .unwrap();
    admin
        .delete_group()
        .directory(&*directory.id)
        .group(&*group.id)
        .send()
        .await
        .unwrap();
    let later = [
        "dsync.user.updated",
        "dsync.group.updated",
        "dsync.group.user_removed",
        "dsync.user.deleted",
        "dsync.group.deleted",
    ];
    assert_eq!(world.event_names().await[4..], later);
    let gone = admin
        .delete_user()
        .directory(&*directory.id)
        .user(&*user.id)
        .send()
        .await;
    assert_eq!(refused(gone).0, 404);
}

#[tokio::test]
async fn a_directory_changes_its_state_and_is_deleted_with_what_is_in_it() {
    let world = World::empty().await;
    let mut new = types::NewDirectory::new("gsuite directory", "Acme");
    new.state = Some(DirectoryState::Unlinked);
    new.domain = Some("acme.example".to_owned());
    let directory = world
        .admin
        .create_directory()
        .body(new)
        .send()
        .await
        .unwrap()
        .into_inner();
    assert!(world.event_names().await.is_empty());
    world.clock.advance(A_MINUTE);
    let mut change = types::DirectoryChange::default();
    change.state = Some(DirectoryState::Linked);
    let update = world.admin.update_directory().directory(&*directory.id).body(change);
    let linked = update.send().await.unwrap().into_inner();
    assert_eq!(
        (linked.state, linked.domain),
        (DirectoryState::Linked, directory.domain)
    );
    assert!(linked.updated_at > directory.updated_at);
    world.user(&directory.id).await;
    world
        .admin
        .delete_directory()
        .directory(&*directory.id)
        .send()
        .await
        .unwrap();
    let names = ["dsync.activated", "dsync.user.created", "dsync.deleted"];
    assert_eq!(world.event_names().await, names);
    assert_eq!(world.emulator.seed_file().unwrap().users, []);
}

#[tokio::test]
async fn an_organization_is_deleted_with_its_directories_and_nobody_elses() {
    let world = World::empty().await;
    let admin = &world.admin;
    let mut named = types::Organization::default();
    named.name = Some("Acme".to_owned());
    let put = admin.put_organization().organization(ORGANIZATION).body(named);
    let put = put.send().await.unwrap().into_inner();
    assert_eq!(
        (put.id.as_deref(), put.name.as_deref()),
        (Some(ORGANIZATION), Some("Acme"))
    );
    world.directory().await;
    let other = types::NewDirectory::new("okta scim v2.0", "Other");
    let other = admin.create_directory().body(other).send().await.unwrap().into_inner();
    admin
        .delete_organization()
        .organization(ORGANIZATION)
        .send()
        .await
        .unwrap();
    let names = ["dsync.activated", "dsync.activated", "dsync.deleted"];
    assert_eq!(world.event_names().await, names);
    let left = world.emulator.seed_file().unwrap().directories;
    assert_eq!(left.iter().map(|left| &left.id).collect::<Vec<_>>(), [&other.id]);
    let again = admin.delete_organization().organization(ORGANIZATION).send().await;
    assert_eq!(refused(again).0, 404);
    // One that comes back does not get what belonged to another.
    world.directory().await;
    let list = admin.client().list_directories().organization_id(ORGANIZATION).send();
    assert_eq!(list.await.unwrap().into_inner().data.len(), 1);
}

#[tokio::test]
async fn an_organization_without_directories_survives_in_the_state_file() {
    let world = World::empty().await;
    world
        .admin
        .put_organization()
        .organization(ORGANIZATION)
        .send()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("emulator.state");
    world.emulator.save(&path).unwrap();
    let again = World::of(workos_directory_emulator::Emulator::builder().state_file(&path)).await;
    again
        .admin
        .delete_organization()
        .organization(ORGANIZATION)
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn an_inactive_user_is_deleted_or_kept_by_the_policy() {
    for policy in [InactivePolicy::Delete, InactivePolicy::Keep] {
        let world = World::empty().await;
        let settings = |policy: types::InactivePolicy| world.admin.put_settings().body(types::Settings::new(policy));
        let named = match policy {
            InactivePolicy::Delete => types::InactivePolicy::Delete,
            InactivePolicy::Keep => types::InactivePolicy::Keep,
        };
        settings(named.clone()).send().await.unwrap();
        assert_eq!(refused(settings("burn".into()).send().await).0, 422);
        let told = world.admin.get_settings().send().await.unwrap();
        assert_eq!(told.inactive_policy, named);
        let directory = world.directory().await.id;
        let user = world.user(&directory).await.id;
        let mut change = types::UserChange::default();
        change.state = Some(DirectoryUserState::Inactive);
        let update = world
            .admin
            .update_user()
            .directory(&*directory)
            .user(&*user)
            .body(change);
        assert_eq!(
            update.send().await.unwrap().into_inner().state,
            DirectoryUserState::Inactive
        );
        let (last, left) = match policy {
            InactivePolicy::Delete => ("dsync.user.deleted", 0),
            InactivePolicy::Keep => ("dsync.user.updated", 1),
        };
        assert_eq!(world.event_names().await.last().unwrap(), last);
        assert_eq!(world.emulator.seed_file().unwrap().users.len(), left);
    }
}
