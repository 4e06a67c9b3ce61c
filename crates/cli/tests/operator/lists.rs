//! `directories`, `users`, `groups` and `memberships`.

use std::collections::HashSet;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Fault;
use workos_directory_emulator::FaultRule;
use workos_directory_emulator::ReferenceParameters;
use workos_directory_sync::operations;

use crate::process::World;

fn ids(objects: &[Value]) -> HashSet<String> {
    objects
        .iter()
        .map(|object| object["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_json_lines_in_a_pipe_and_a_table_when_asked() {
    let world = World::start(Emulator::builder()).await;
    let directories = world.lines(&["directories", "list"]);
    assert_eq!(directories.len(), 2);
    let table = world.run(&["directories", "list", "--output", "text"]).stdout;
    assert_eq!(table.lines().count(), 3);
    assert!(table.starts_with("ID ") && table.contains("linked"), "{table}");
    assert_eq!(world.lines(&["users", "list"]).len(), 1_000);
    assert_eq!(world.lines(&["users", "list", "--limit", "7"]).len(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_users_of_an_organization_are_right_whether_or_not_the_server_filters() {
    for parameters in [ReferenceParameters::Honour, ReferenceParameters::Ignore] {
        for behaviour in [Behaviour::Live, Behaviour::Reference] {
            let builder = Emulator::builder()
                .behaviour(behaviour)
                .reference_parameters(parameters);
            let world = World::start(builder).await;
            let directories = world.lines(&["directories", "list"]);
            let organization = directories[0]["organization_id"].as_str().unwrap();
            let all = world.lines(&["users", "list"]);
            let expected: Vec<_> = all
                .iter()
                .filter(|user| user["organization_id"] == organization)
                .cloned()
                .collect();
            let found = world.lines(&["users", "list", "--organization", organization]);
            assert_eq!(ids(&found), ids(&expected));
            assert!(!found.is_empty() && found.len() < all.len());
            let active = world.lines(&["users", "list", "--organization", organization, "--state", "active"]);
            assert!(active.iter().all(|user| user["state"] == "active"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memberships_are_the_same_from_the_group_and_from_the_user() {
    let world = World::start(Emulator::builder()).await;
    let group = world.lines(&["groups", "list", "--limit", "1"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let members = world.lines(&["memberships", "list", "--group", &group]);
    let user = members[0]["user_id"].as_str().unwrap();
    let of_user = world.lines(&["memberships", "list", "--user", user]);
    assert!(
        of_user
            .iter()
            .any(|membership| membership["group_id"] == group.as_str())
    );
    assert_eq!(world.run(&["memberships", "get", user, &group]).code, 0);
    let other = world.run(&["memberships", "get", user, "directory_group_01E64QTDNS0EGJ0FMCVY9BWGZT"]);
    assert_eq!((other.code, other.stdout.as_str()), (1, ""));
    let directory = world.lines(&["groups", "get", &group, "--output", "json"])[0]["directory_id"].clone();
    let of_directory = world.lines(&["memberships", "list", "--directory", directory.as_str().unwrap()]);
    assert!(of_directory.len() > members.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_show_primary_address_of_emails_where_email_is_null() {
    let world = World::small().await;
    let emails = r#"[{"value":"home@a.example"},{"primary":true,"value":"a@b.example"}]"#;
    for (path, json) in [("/email", "null"), ("/emails", emails)] {
        let rule = FaultRule::new(Fault::replaced_field(path, json)).on(&operations::LIST_DIRECTORY_USERS);
        world.emulator.faults().inject(rule).unwrap();
    }
    let table = world.run(&["users", "list", "--output", "text"]).stdout;
    assert_eq!(table.matches("  a@b.example  ").count(), 4, "{table}");
    let csv = world.run(&["users", "export", "--format", "csv"]).stdout;
    assert_eq!(csv.matches(",a@b.example,").count(), 4, "{csv}");
    let group = world.lines(&["groups", "list"])[0]["id"].as_str().unwrap().to_owned();
    let members = world.lines(&["memberships", "list", "--group", &group]);
    assert!(
        members.len() == 4 && members.iter().all(|member| member["email"] == "a@b.example"),
        "{members:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_deleted_only_after_somebody_said_so() {
    let world = World::start(Emulator::builder()).await;
    let id = world.lines(&["directories", "list", "--limit", "1"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let refused = world.run(&["directories", "delete", &id]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("`--yes`"), "{}", refused.stderr);
    assert_eq!(world.lines(&["directories", "list"]).len(), 2);
    let deleted = world.run(&["directories", "delete", &id, "--yes"]);
    assert_eq!(deleted.code, 0, "{}", deleted.stderr);
    let gone = world.run(&["directories", "get", &id]);
    let state = if gone.code == 0 { gone.stdout } else { gone.stderr };
    assert!(state.contains("deleting") || state.contains("404"), "{state}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_can_be_read_back_and_runs_no_formula() {
    let world = World::start(Emulator::builder()).await;
    let mut user = serde_json::to_value(&world.lines(&["users", "list", "--limit", "1"])[0]).unwrap();
    user["first_name"] = "=HYPERLINK(\"http://evil\",\"a\nb\")".into();
    world.emulator.put_user(serde_json::from_value(user).unwrap()).unwrap();
    let csv = world.run(&["users", "export", "--format", "csv"]);
    assert_eq!(csv.code, 0, "{}", csv.stderr);
    assert!(csv.stderr.contains("exported 1000 users"), "{}", csv.stderr);
    let mut reader = csv::Reader::from_reader(csv.stdout.as_bytes());
    let column = reader
        .headers()
        .unwrap()
        .iter()
        .position(|name| name == "first_name")
        .unwrap();
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 1_000);
    assert!(records.iter().any(|record| record[column].starts_with("'=HYPERLINK")));
    assert!(records.iter().all(|record| !record[column].starts_with('=')));
    let json = world.run(&["-q", "users", "export", "--format", "ndjson", "--limit", "5"]);
    assert_eq!((json.stdout.lines().count(), json.stderr.as_str()), (5, ""));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_list_ends_with_its_page_and_says_how_to_go_on() {
    let world = World::start(Emulator::builder()).await;
    // A pipe that nobody reads holds less than the list, so that the list is under way when it is interrupted.
    let mut list = world.command(&["users", "list"]);
    let mut list = list.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::with_capacity(64, list.stdout.take().unwrap());
    // The first page, which needs no cursor, is over then.
    let read = stdout.by_ref().lines().take(150).count();
    let kill = std::process::Command::new("kill")
        .args(["-INT", &list.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let rest = stdout.lines().count();
    let output = list.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let came = read + rest;
    assert!(came < 1_000, "{came}");
    // The page in hand came whole, so that nothing comes twice.
    assert_eq!(came % 100, 0, "{came}");
    assert!(stderr.contains(&format!("interrupted after {came};")), "{stderr}");
    let (_, after) = stderr.split_once("`--after ").unwrap();
    let (cursor, _) = after.split_once('`').unwrap();
    let others = world.lines(&["users", "list", "--after", cursor]);
    assert_eq!(came + others.len(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_from_outside_cannot_move_the_cursor() {
    let world = World::start(Emulator::builder()).await;
    let mut directory = world.lines(&["directories", "list", "--limit", "1"])[0].clone();
    directory["name"] = "evil \u{1b}[2J\u{202e}".into();
    world
        .emulator
        .put_directory(serde_json::from_value(directory).unwrap())
        .unwrap();
    for arguments in [
        &["directories", "list", "--output", "text"][..],
        &["health"],
        &["verify"],
    ] {
        let ended = world.run(arguments);
        assert!(ended.stdout.contains("evil \\u{1b}[2J\\u{202e}"), "{}", ended.stdout);
        assert!(!ended.stdout.contains('\u{1b}'));
    }
}
