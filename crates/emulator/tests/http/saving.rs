//! The state in a file, and as a seed file.

use std::time::Duration;

use serde_json::Value;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::ManualClock;
use workos_directory_emulator::ObjectError;
use workos_directory_emulator::Population;
use workos_directory_emulator::SeedFile;
use workos_directory_emulator::StartError;
use workos_directory_emulator::StateFileError;
use workos_directory_sync::types::DirectoryUser;

use crate::asking::Asking;
use crate::asking::population;

const LISTS: [&str; 3] = ["/directories", "/directory_users", "/directory_groups"];

const EVENTS: &str = "/events?events=dsync.user.created,dsync.user.deleted,dsync.group.user_added,dsync.group.deleted";

fn clock() -> ManualClock {
    ManualClock::at("2026-11-24T12:00:00Z".parse().unwrap())
}

/// An emulator in which something has happened: the newest user and a group are gone, a sync was asked for.
async fn lived() -> Asking {
    let asking = Asking::of(Emulator::builder().population(population()).clock(clock())).await;
    let users = asking.all("/directory_users").await;
    let groups = asking.all_ids("/directory_groups").await;
    let mut user: DirectoryUser = serde_json::from_value(users[0].clone()).unwrap();
    asking.emulator.delete_user(users[89]["id"].as_str().unwrap()).unwrap();
    asking.emulator.delete_group(&groups[3]).unwrap();
    user.id = asking.emulator.new_user_id();
    user.first_name = Some("Ünïcödé \"\n\u{2028}".to_owned());
    asking.emulator.put_user(user.clone()).unwrap();
    asking.emulator.add_member(&user.id, &groups[0]).unwrap();
    asking.emulator.delete_user(&user.id).unwrap();
    for directory in asking.all_ids("/directories").await {
        let path = format!("/directories/{directory}/sync");
        asking.send(asking.request("POST", &path)).await;
    }
    asking
}

/// Everything that can be read, as text.
async fn everything(asking: &Asking) -> Vec<String> {
    let mut seen = Vec::new();
    for list in LISTS {
        seen.push(serde_json::to_string(&asking.all(list).await).unwrap());
        seen.push(asking.get(&format!("{list}?limit=7")).await.text);
    }
    for group in asking.all_ids("/directory_groups").await {
        seen.push(
            asking
                .all_ids(&format!("/directory_users?group={group}"))
                .await
                .join(" "),
        );
    }
    for user in asking.all_ids("/directory_users").await.iter().take(20) {
        seen.push(
            asking
                .all_ids(&format!("/directory_groups?user={user}"))
                .await
                .join(" "),
        );
    }
    seen.push(asking.get(EVENTS).await.text);
    seen
}

#[tokio::test]
async fn a_saved_state_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("emulator.state");
    std::fs::write(&path, "what was there before").unwrap();
    let asking = lived().await;
    asking.emulator.save(&path).unwrap();
    let clock = clock();
    let again = Asking::of(Emulator::builder().state_file(&path).clock(clock.clone())).await;
    let (before, after) = (everything(&asking).await, everything(&again).await);
    assert_eq!(before, after);
    assert_eq!(
        before
            .last()
            .unwrap()
            .matches("\"event\":\"dsync.user.deleted\"")
            .count(),
        2
    );

    // The id of the user who was there last is not given again.
    assert_eq!(asking.emulator.new_user_id(), again.emulator.new_user_id());
    // The sync that was asked for still counts.
    clock.advance(Duration::from_secs(60));
    let mut statuses = Vec::new();
    for directory in again.all_ids("/directories").await {
        let path = format!("/directories/{directory}/sync");
        statuses.push(again.send(again.request("POST", &path)).await.status);
    }
    assert_eq!(statuses, [422, 429, 422]);
    // Written again, it is the same file, and nothing is left beside it.
    let second = folder.path().join("second.state");
    let fresh = Asking::of(Emulator::builder().state_file(&path)).await;
    fresh.emulator.save(&second).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&second).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn a_state_file_that_is_cut_or_wrong_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("emulator.state");
    lived().await.emulator.save(&path).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let refused = async |text: String| {
        std::fs::write(&path, text).unwrap();
        match Emulator::builder().state_file(&path).start().await.unwrap_err() {
            StartError::StateFile(error) => error,
            other => panic!("{other}"),
        }
    };
    let last = lines.len() as u64;
    let cut = lines[..lines.len() - 1].join("\n");
    assert!(matches!(refused(cut).await, StateFileError::Cut { line } if line == last - 1));
    let longer = format!("{whole}{}\n", lines[1]);
    assert!(matches!(refused(longer).await, StateFileError::Cut { line } if line == last + 1));
    let missing = whole.replacen(&format!("{}\n", lines[20]), "", 1);
    assert!(matches!(
        refused(missing).await,
        StateFileError::Cut { .. } | StateFileError::Object { .. }
    ));
    let twice = whole.replacen(lines[2], lines[1], 1);
    let error = refused(twice).await;
    assert!(
        matches!(
            &error,
            StateFileError::Object {
                line: 3,
                error: ObjectError::DuplicateId { .. }
            }
        ),
        "{error}"
    );
    let broken = whole.replacen(lines[5], &lines[5][..30], 1);
    assert!(matches!(refused(broken).await, StateFileError::Line { line: 6, .. }));
    let newer = whole.replacen("\"version\":1", "\"version\":2", 1);
    for text in [newer, String::from("{\"directories\":[]}\n")] {
        assert!(matches!(refused(text).await, StateFileError::Format { .. }));
    }
    assert!(matches!(refused(String::new()).await, StateFileError::Cut { line: 0 }));
    std::fs::remove_file(&path).unwrap();
    let error = Emulator::builder().state_file(&path).start().await.unwrap_err();
    assert!(error.to_string().starts_with("cannot read the state file `"), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let asking = Asking::new().await;
    let error = asking
        .emulator
        .save(folder.path().join("missing").join("state"))
        .unwrap_err();
    assert!(matches!(error, StateFileError::Write { .. }));
    let error = asking.emulator.save(folder.path()).unwrap_err();
    assert!(matches!(error, StateFileError::Write { .. }));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_exported_seed_file_makes_the_same_objects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed.json");
    let asking = lived().await;
    let file = asking.emulator.seed_file().unwrap();
    asking.emulator.export(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let objects = file.directories.len() + file.groups.len() + file.users.len() + file.memberships.len();
    // One object in a line, and the lines that divide them.
    assert_eq!(text.lines().count(), objects + 5);
    let read = SeedFile::read(&path).unwrap();
    assert_eq!(read, file);
    let again = Asking::of(Emulator::builder().seed_file(read).clock(clock())).await;
    let (before, after) = (everything(&asking).await, everything(&again).await);
    let events = before.len() - 1;
    assert_eq!(before[..events], after[..events]);
    assert_eq!(again.emulator.seed_file().unwrap(), file);
}

#[tokio::test]
async fn an_empty_emulator_can_be_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let empty = Asking::of(Emulator::builder().population(Population::empty())).await;
    empty.emulator.save(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    let again = Asking::of(Emulator::builder().state_file(&path)).await;
    assert_eq!(again.all("/directories").await, Vec::<Value>::new());
    empty.emulator.export(&path).unwrap();
    assert_eq!(SeedFile::read(&path).unwrap(), SeedFile::default());
}
