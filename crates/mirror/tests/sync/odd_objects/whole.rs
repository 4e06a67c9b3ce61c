//! Something else in place of one object among 300: it costs that object, and only for as long as the API says nothing of it by id.

use rstest::rstest;

use super::fixtures::DIRECTORY;
use super::fixtures::content;
use super::fixtures::directory;
use super::fixtures::group;
use super::fixtures::group_id;
use super::fixtures::text;
use super::fixtures::user;
use super::fixtures::user_id;
use crate::raw_source::Content;
use crate::raw_source::RawObject;
use crate::raw_source::RawSource;
use crate::world::Database;
use crate::world::Database::Postgres;
use crate::world::Database::Sqlite;
use crate::world::World;

/// What comes in place of an object.
fn replacements(object: &RawObject) -> Vec<(&'static str, RawObject)> {
    let nested = format!("{}{}", r#"{"a":["#.repeat(50_000), "]}".repeat(50_000));
    let with_id = |id: String| object.with("id", id);
    vec![
        ("null", RawObject::instead("null")),
        ("number", RawObject::instead("1e999")),
        ("text", RawObject::instead(r#""directory_user_01""#)),
        ("list", RawObject::instead(r#"[{"id":"directory_user_01"}]"#)),
        ("empty object", RawObject::instead("{}")),
        ("100,000 levels", RawObject::instead(nested.clone())),
        ("field of 100,000 levels", object.with("id", &nested)),
        ("3 MB", RawObject::instead(text(&"x".repeat(3_000_000)))),
        (
            "key that is half of a surrogate pair",
            RawObject::instead(r#"{"\ud83d":{"\u0000":1},"id":"\ud83d"}"#),
        ),
        (
            "bytes that are no UTF-8",
            RawObject::instead(b"{\"\xff\":\"\xff\",\"id\":\"\xff\"}"),
        ),
        ("empty id", with_id(text(""))),
        (
            "id with a null character",
            with_id(r#""directory_user_\u0000""#.to_owned()),
        ),
        ("id of 300 bytes", with_id(text(&"x".repeat(300)))),
        ("no id", object.without("id")),
        ("null for id", with_id("null".to_owned())),
    ]
}

/// A kind of object, and where it is in what the source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    Users,
    Groups,
    Directories,
}

impl Listed {
    fn object_mut(self, content: &mut Content, place: usize) -> (String, &mut RawObject) {
        match self {
            Self::Users => {
                let (_, id, object) = &mut content.users[place];
                (id.clone(), object)
            }
            Self::Groups => {
                let (_, id, object) = &mut content.groups[place];
                (id.clone(), object)
            }
            Self::Directories => {
                let (id, object) = &mut content.directories[place];
                (id.clone(), object)
            }
        }
    }

    fn remove_last(self, content: &mut Content) {
        match self {
            Self::Users => drop(content.users.pop()),
            Self::Groups => drop(content.groups.pop()),
            Self::Directories => drop(content.directories.pop()),
        }
    }
}

#[rstest]
#[tokio::test]
async fn full_sync_decides_about_299_of_300_objects_when_one_is_something_else(
    #[values(Sqlite, Postgres)] database: Database,
    #[values(Listed::Users, Listed::Groups, Listed::Directories)] listed: Listed,
) {
    let world = World::on(database).await;
    let (mut well, last) = match listed {
        Listed::Users => (content(300, 1), user_id(299)),
        Listed::Groups => (content(1, 300), group_id(299)),
        Listed::Directories => (content(1, 1), "directory_30".to_owned()),
    };
    well.members.clear();
    if listed == Listed::Directories {
        let more = (2..=30).map(|number| format!("directory_{number}"));
        well.directories.extend(more.map(|id| (id.clone(), directory(&id))));
    }
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let mut copy = well.clone();
    let (id, object) = listed.object_mut(&mut copy, 7);
    for (what, replacement) in replacements(object) {
        let mut odd = well.clone();
        *listed.object_mut(&mut odd, 7).1 = replacement;
        listed.remove_last(&mut odd);
        // By id it is what it is in the list; then it reads well.
        for undecided in [1, 0] {
            source.set(odd.clone());
            let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
            assert_eq!(world.deleted().await, [last.as_str()], "{what}");
            assert_eq!(summary.quarantined, 1, "{what}");
            assert_eq!(summary.absences.undecided, undecided, "{what}: {summary:?}");
            odd.by_id.insert(id.clone(), object.clone());
        }
    }
    source.set(well);
    let summary = world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(world.deleted().await, [""; 0]);
    assert_eq!((summary.quarantined, summary.absences.undecided), (0, 0));
}

/// An object that has the id of another one, and nothing else of it.
#[rstest]
#[tokio::test]
async fn full_sync_keeps_user_when_list_has_its_id_twice(#[values(Sqlite, Postgres)] database: Database) {
    let world = World::on(database).await;
    let well = content(30, 0);
    let source = RawSource::start(well.clone()).await;
    world.mirror.full_sync(&source.client).run().await.unwrap();
    let mut odd = well;
    let twin = RawObject::new([("id", text(&user_id(3)))]);
    odd.users.insert(4, (DIRECTORY.to_owned(), user_id(3), twin));
    odd.users.insert(
        0,
        (
            DIRECTORY.to_owned(),
            "g".to_owned(),
            group(&user_id(5)).with("state", text("active")),
        ),
    );
    odd.by_id.insert(user_id(3), user(&user_id(3)));
    source.set(odd);
    world.mirror.full_sync(&source.client).run().await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM active_users").await, 30);
    assert_eq!(world.deleted().await, [""; 0]);
    assert_eq!(
        world.text("users", "email", &user_id(5)).await.as_deref(),
        Some("a@b.example")
    );
}
