//! `dsync api` as a program: the operations of the document, from the terminal.

#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::process::Output;

use serde_json::Value;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Population;
use workos_directory_sync::operations;

fn api(emulator: &Emulator, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dsync"))
        .args(["api", "--rate-limit", "off"])
        .args(arguments)
        .env("WORKOS_API_KEY", emulator.api_key())
        .env("WORKOS_BASE_URL", emulator.base_url())
        .output()
        .unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn emulator() -> Emulator {
    let population = Population {
        directories: 1,
        users: 230,
        groups: 3,
        memberships: 230,
        ..Population::default()
    };
    Emulator::builder().population(population).start().await.unwrap()
}

fn kebab(id: &str) -> String {
    id.chars()
        .map(|letter| {
            if letter.is_uppercase() {
                format!("-{}", letter.to_lowercase())
            } else {
                letter.to_string()
            }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_the_document_is_a_subcommand_with_its_parameters_as_flags() {
    let emulator = emulator().await;
    for operation in operations::ALL {
        let output = api(&emulator, &[&kebab(operation.id), "--help"]);
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", operation.id);
        for parameter in operation.parameters {
            assert!(
                help.contains(&format!("--{}", parameter.name.replace('_', "-"))),
                "{help}"
            );
        }
        assert_eq!(
            help.contains("nothing is asked before"),
            operation.method.as_str() != "GET",
            "{help}"
        );
        assert_eq!(help.contains("--all"), operation.pagination.is_some(), "{help}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_gives_its_page_and_with_all_every_item_on_a_line() {
    let emulator = emulator().await;
    let directories = lines(&api(&emulator, &["list-directories"]));
    let directory = directories[0]["data"][0]["id"].as_str().unwrap();
    let list = ["list-directory-users", "--directory", directory];
    let page = lines(&api(
        &emulator,
        &[&list[..], &["--limit", "7", "--order", "asc"]].concat(),
    ));
    assert_eq!(page[0]["data"].as_array().unwrap().len(), 7);
    assert!(page[0]["list_metadata"]["after"].is_string());
    let users = lines(&api(&emulator, &[&list[..], &["--all"]].concat()));
    assert_eq!(users.len(), 230);
    assert_eq!(emulator.requests(&operations::LIST_DIRECTORY_USERS), 1 + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_one_line_and_a_deletion_says_nothing() {
    let emulator = emulator().await;
    let directories = lines(&api(&emulator, &["list-directories", "--all"]));
    let id = directories[0]["id"].as_str().unwrap();
    assert_eq!(lines(&api(&emulator, &["get-directory", "--id", id]))[0]["id"], id);
    assert!(lines(&api(&emulator, &["delete-directory", "--id", id])).is_empty());
    let gone = api(&emulator, &["get-directory", "--id", id]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(gone.stdout.is_empty());
    assert!(String::from_utf8_lossy(&gone.stderr).contains(id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_wrong_usage_and_nothing_is_sent() {
    let emulator = emulator().await;
    for arguments in [
        &["list-directories", "--order", "up"][..],
        &["get-directory"],
        &["list-events"],
    ] {
        assert_eq!(api(&emulator, arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(emulator.total_requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_names_of_events_are_separated_by_commas() {
    let emulator = emulator().await;
    lines(&api(
        &emulator,
        &["list-events", "--events", "dsync.user.created,dsync.user.deleted"],
    ));
    let target = &emulator.received()[0].target;
    assert!(
        target.contains("dsync.user.created") && target.contains("dsync.user.deleted"),
        "{target}"
    );
}
