//! One change at the source, whatever there is to be changed.

use fastrand::Rng;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::SeedFile;
use workos_directory_sync::types::Directory;
use workos_directory_sync::types::DirectoryGroup;
use workos_directory_sync::types::DirectoryUser;

/// Changes something at the source, and says what.
pub(super) fn move_something(random: &mut Rng, emulator: &Emulator) -> String {
    let all = emulator.seed_file().unwrap();
    let now = emulator.now();
    let user = choose(random, &all.users);
    let group = choose(random, &all.groups);
    let directory = random.choice(&all.directories).map(|directory| directory.id.clone());
    match (random.u8(0..28), directory, user, group) {
        (0..=2, Some(directory), ..) => {
            let mut user = DirectoryUser::new(emulator.new_user_id(), directory, "active", now, now);
            user.first_name = Some(format!("Nr {}", random.u16(..)));
            emulator.put_user(user.clone()).unwrap();
            format!("{} comes", user.id)
        }
        (3..=4, Some(directory), ..) => {
            let name = format!("Group {}", random.u16(..));
            let group = DirectoryGroup::new(emulator.new_group_id(), directory, name);
            emulator.put_group(group.clone()).unwrap();
            format!("{} comes", group.id)
        }
        (5..=6, _, Some(user), _) => {
            let state = *random.choice(&["active", "suspended", "inactive"]).unwrap();
            emulator.set_user_state(&user.id, state).unwrap();
            format!("{} becomes {state}", user.id)
        }
        (7, _, Some(user), _) => {
            emulator.delete_user(&user.id).unwrap();
            format!("{} goes", user.id)
        }
        (8, _, _, Some(group)) => {
            emulator.delete_group(&group.id).unwrap();
            format!("{} goes", group.id)
        }
        (9, Some(directory), ..) if random.bool() => {
            emulator.delete_directory(&directory).unwrap();
            format!("{directory} goes")
        }
        (10, Some(directory), ..) => {
            let state = *random.choice(&["linked", "unlinked"]).unwrap();
            emulator.set_directory_state(&directory, state).unwrap();
            format!("{directory} becomes {state}")
        }
        (11, ..) => found(random, emulator),
        (12..=13, _, Some(user), _) => {
            let mut user = user.clone();
            user.first_name = Some(format!("Nr {}", random.u16(..)));
            user.updated_at = now.into();
            emulator.put_user(user.clone()).unwrap();
            format!("{} has another name", user.id)
        }
        (14, _, _, Some(group)) => {
            let mut group = group.clone();
            group.name = format!("Group {}", random.u16(..));
            group.updated_at = Some(now.into());
            emulator.put_group(group.clone()).unwrap();
            format!("{} has another name", group.id)
        }
        (15..=21, ..) => join(random, emulator, &all),
        (22..=25, ..) => {
            let Some(membership) = choose(random, &all.memberships) else {
                return "nobody can leave".to_owned();
            };
            emulator.remove_member(&membership.user, &membership.group).unwrap();
            format!("{} leaves {}", membership.user, membership.group)
        }
        (26..=27, _, Some(user), _) => come_back(random, emulator, &all, user),
        _ => "nothing happens".to_owned(),
    }
}

/// One of them, mostly of the newest: so that several things happen to it.
fn choose<'a, T>(random: &mut Rng, all: &'a [T]) -> Option<&'a T> {
    let newest = &all[all.len().saturating_sub(3)..];
    let from = if random.bool() { newest } else { all };
    random.choice(from)
}

/// A user goes and is there again at once, with another id and mostly in the same groups.
fn come_back(random: &mut Rng, emulator: &Emulator, all: &SeedFile, user: &DirectoryUser) -> String {
    emulator.delete_user(&user.id).unwrap();
    let mut next = user.clone();
    next.id = emulator.new_user_id();
    // One who is inactive would not come.
    next.state = "active".into();
    emulator.put_user(next.clone()).unwrap();
    for membership in all.memberships.iter().filter(|membership| membership.user == user.id) {
        if random.u8(0..4) > 0 {
            emulator.add_member(&next.id, &membership.group).unwrap();
        }
    }
    format!("{} comes back as {}", user.id, next.id)
}

/// A new directory of an organization that may have one.
fn found(random: &mut Rng, emulator: &Emulator) -> String {
    let state = *random.choice(&["linked", "validating"]).unwrap();
    let (id, now) = (emulator.new_directory_id(), emulator.now());
    let mut directory = Directory::new(id, "okta scim v2.0", state, "New", now, now);
    directory.organization_id = Some(crate::source::organization_id(random.u32(1..4)));
    directory.domain = random.bool().then(|| "new.example".to_owned());
    emulator.put_directory(directory.clone()).unwrap();
    format!("{} comes, {state}", directory.id)
}

/// Somebody joins a group of their directory.
fn join(random: &mut Rng, emulator: &Emulator, all: &SeedFile) -> String {
    let Some(user) = choose(random, &all.users) else {
        return "nobody can join".to_owned();
    };
    let groups = all.groups.iter();
    let groups: Vec<_> = groups.filter(|group| group.directory_id == user.directory_id).collect();
    let Some(group) = random.choice(&groups) else {
        return "there is nothing to join".to_owned();
    };
    emulator.add_member(&user.id, &group.id).unwrap();
    format!("{} joins {}", user.id, group.id)
}
