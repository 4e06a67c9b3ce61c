//! Lists: filters, order and paging, against a model that looks at every object.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::SeedFile;

use crate::asking::Asking;
use crate::asking::population;

/// Everything that the emulator holds, read once.
struct Model {
    directories: Vec<Value>,
    users: Vec<Value>,
    groups: Vec<Value>,
    /// Pairs of user and group.
    memberships: BTreeSet<(String, String)>,
}

fn text<'a>(item: &'a Value, field: &str) -> &'a str {
    item[field].as_str().unwrap()
}

impl Model {
    async fn of(asking: &Asking) -> Self {
        let mut memberships = BTreeSet::new();
        for user in asking.all("/directory_users?groups=true").await {
            for group in user["groups"].as_array().unwrap() {
                memberships.insert((text(&user, "id").to_owned(), text(group, "id").to_owned()));
            }
        }
        Self {
            directories: asking.all("/directories").await,
            users: asking.all("/directory_users").await,
            groups: asking.all("/directory_groups").await,
            memberships,
        }
    }

    fn is_member(&self, user: &str, group: &str) -> bool {
        self.memberships.contains(&(user.to_owned(), group.to_owned()))
    }

    /// The ids that a filter lets through, oldest first.
    fn list(&self, list: &str, filters: &[(&str, String)]) -> Vec<String> {
        let items = match list {
            "/directories" => &self.directories,
            "/directory_users" => &self.users,
            _ => &self.groups,
        };
        let passes = |item: &&Value| {
            filters.iter().all(|(name, value)| match *name {
                "directory" => text(item, "directory_id") == value,
                "organization" | "organization_id" => text(item, "organization_id") == value,
                "state" => text(item, "state") == value,
                "group" => self.is_member(text(item, "id"), value),
                "user" => self.is_member(value, text(item, "id")),
                "idp_id" => text(item, "idp_id") == value,
                "email" => item["email"]
                    .as_str()
                    .is_some_and(|own| own.eq_ignore_ascii_case(value)),
                "search" => text(item, "name").to_lowercase().contains(&value.to_lowercase()),
                "domain" => text(item, "domain").eq_ignore_ascii_case(value),
                _ => panic!("no such filter: {name}"),
            })
        };
        items
            .iter()
            .filter(passes)
            .map(|item| text(item, "id").to_owned())
            .collect()
    }
}

/// What a page of a list of these ids (oldest first) looks like: ids, before, after.
fn expected(
    mut ids: Vec<String>,
    descending: bool,
    limit: usize,
    cursor: Option<(&str, &str)>,
) -> (Vec<String>, Option<String>, Option<String>) {
    if descending {
        ids.reverse();
    }
    let comes_after = |id: &String, cursor: &str| {
        if descending {
            id.as_str() < cursor
        } else {
            id.as_str() > cursor
        }
    };
    let page: Vec<String> = match cursor {
        None => ids.iter().take(limit).cloned().collect(),
        Some(("after", cursor)) => ids
            .iter()
            .filter(|id| comes_after(id, cursor))
            .take(limit)
            .cloned()
            .collect(),
        Some((_, cursor)) => {
            let earlier = ids.iter().filter(|id| *id != cursor && !comes_after(id, cursor));
            let earlier: Vec<String> = earlier.cloned().collect();
            earlier[earlier.len().saturating_sub(limit)..].to_vec()
        }
    };
    let before = page.first().filter(|first| ids.first() != Some(first)).cloned();
    let after = page.last().filter(|last| ids.last() != Some(last)).cloned();
    (page, before, after)
}

/// A list, and which of its filters are set, to which of the objects' values.
fn filters() -> impl Strategy<Value = (&'static str, Vec<(&'static str, prop::sample::Index)>)> {
    let some = |list: &'static str, names: &'static [&'static str]| {
        let chosen = prop::sample::subsequence(names, 0..=names.len().min(3));
        chosen.prop_flat_map(move |names| {
            let values = prop::collection::vec(any::<prop::sample::Index>(), names.len());
            values.prop_map(move |values| (list, names.iter().copied().zip(values).collect()))
        })
    };
    prop_oneof![
        some("/directories", &["organization", "organization_id", "search", "domain"]),
        some("/directory_users", &["directory", "organization", "group", "state"]),
        some("/directory_users", &["directory", "organization", "group", "state"]),
        some("/directory_groups", &["directory", "organization", "user"]),
        Just(("/directory_users", vec![])),
    ]
}

fn value(model: &Model, list: &str, name: &str, index: prop::sample::Index) -> String {
    let pick = |items: &[Value], field: &str| text(&items[index.index(items.len())], field).to_owned();
    match name {
        "directory" => pick(&model.directories, "id"),
        "organization" | "organization_id" => pick(&model.directories, "organization_id"),
        "group" => pick(&model.groups, "id"),
        "user" => pick(&model.users, "id"),
        "state" => ["active", "inactive", "suspended"][index.index(3)].to_owned(),
        "search" => ["", "corp", "DIRECTORY", "bäckerei", "x"][index.index(5)].to_owned(),
        "domain" => pick(&model.directories, "domain").to_uppercase(),
        _ => panic!("no such filter of {list}: {name}"),
    }
}

#[test]
fn every_page_is_what_a_look_at_all_objects_gives() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // The seed's behaviour embeds the memberships that the model reads.
    let builder = Emulator::builder()
        .population(population())
        .behaviour(Behaviour::Reference);
    let asking = runtime.block_on(Asking::of(builder));
    let model = runtime.block_on(Model::of(&asking));
    assert_eq!(model.memberships.len(), 200);

    let parameters = (
        filters(),
        prop_oneof![Just(None), Just(Some("asc")), Just(Some("desc")), Just(Some("normal"))],
        prop::option::of(1..=100_usize),
        prop::option::of((prop_oneof![Just("after"), Just("before")], any::<prop::sample::Index>())),
    );
    proptest!(ProptestConfig::with_cases(500), |((set, order, limit, cursor) in parameters)| {
        let (list, filters) = set;
        let filters: Vec<(&str, String)> =
            filters.into_iter().map(|(name, index)| (name, value(&model, list, name, index))).collect();
        // The cursor may be any object of the kind, whether or not the filters let it through.
        let all = model.list(list, &[]);
        let cursor = cursor.map(|(name, index)| (name, all[index.index(all.len())].clone()));

        let mut query = filters.clone();
        query.extend(order.map(|order| ("order", order.to_owned())));
        query.extend(limit.map(|limit| ("limit", limit.to_string())));
        query.extend(cursor.clone());
        let request = asking.request("GET", list).query(&query);
        let answer = runtime.block_on(asking.send(request));

        let is_normal = order == Some("normal");
        // In the order `normal` the cursors mean the opposite.
        let named = |name| if is_normal == (name == "after") { "before" } else { "after" };
        let cursor = cursor.as_ref().map(|(name, id)| (named(*name), id.as_str()));
        let (ids, before, after) =
            expected(model.list(list, &filters), order != Some("asc"), limit.unwrap_or(10), cursor);
        prop_assert_eq!(answer.ids(), ids, "{:?}", &query);
        let (before, after) = if is_normal { (after, before) } else { (before, after) };
        let metadata = &answer.json()["list_metadata"];
        prop_assert_eq!(metadata["before"].as_str(), before.as_deref(), "{:?}", &query);
        prop_assert_eq!(metadata["after"].as_str(), after.as_deref(), "{:?}", &query);
    });
}

#[tokio::test]
async fn a_user_is_found_by_id_of_the_provider_and_by_address_within_a_directory() {
    let asking = Asking::new().await;
    for user in asking.all("/directory_users").await.iter().take(20) {
        let (id, directory) = (text(user, "id"), text(user, "directory_id"));
        let by_id = format!("/directory_users?directory={directory}&idp_id={}", text(user, "idp_id"));
        assert_eq!(asking.get(&by_id).await.ids(), [id]);
        let Some(email) = user["email"].as_str() else { continue };
        let query = [("directory", directory), ("email", &email.to_uppercase())];
        let by_email = asking
            .send(asking.request("GET", "/directory_users").query(&query))
            .await;
        assert_eq!(by_email.ids(), [id]);
        let both = format!("{by_id}&email=somebody@else.example");
        assert_eq!(asking.get(&both).await.ids(), [""; 0]);
        let others = format!("{by_id}&state=inactive");
        assert_eq!(
            asking.get(&others).await.ids().len(),
            usize::from(text(user, "state") == "inactive")
        );
    }
}

#[tokio::test]
async fn walking_back_by_before_meets_every_page_of_the_way_there() {
    let asking = Asking::new().await;
    for order in ["asc", "desc"] {
        let mut there = Vec::new();
        let mut target = format!("/directory_users?limit=7&order={order}");
        let last = loop {
            let page = asking.get(&target).await;
            there.push(page.ids());
            let json = page.json();
            match json["list_metadata"]["after"].as_str() {
                Some(after) => target = format!("/directory_users?limit=7&order={order}&after={after}"),
                None => break json,
            }
        };
        assert_eq!(there.concat().len(), 90);

        let mut back = vec![there.last().unwrap().clone()];
        let mut before = last["list_metadata"]["before"].as_str().map(str::to_owned);
        while let Some(cursor) = before {
            let page = asking
                .get(&format!("/directory_users?limit=7&order={order}&before={cursor}"))
                .await;
            back.push(page.ids());
            before = page.json()["list_metadata"]["before"].as_str().map(str::to_owned);
        }
        back.reverse();
        assert_eq!(back, there);
    }
}

#[tokio::test]
async fn the_first_page_has_no_before_and_the_last_no_after_but_both_keys_are_there() {
    let asking = Asking::new().await;
    let page = asking.get("/directories").await.json();
    assert_eq!(page["object"], "list");
    assert_eq!(
        page["list_metadata"],
        serde_json::json!({ "before": null, "after": null })
    );
    let first = asking.get("/directories?limit=2").await.json();
    assert_eq!(first["list_metadata"]["before"], Value::Null);
    assert_eq!(first["list_metadata"]["after"], first["data"][1]["id"]);
}

#[tokio::test]
async fn the_newest_ten_come_first_unless_asked_otherwise() {
    let asking = Asking::new().await;
    let mut all = asking.all_ids("/directory_users").await;
    all.reverse();
    assert_eq!(asking.get("/directory_users").await.ids(), all[..10]);
}

#[tokio::test]
async fn an_organization_is_read_across_its_directories() {
    let asking = Asking::new().await;
    let directories = asking.all("/directories").await;
    // The population gives its second organization two directories.
    let organization = text(&directories[1], "organization_id");
    assert_eq!(text(&directories[2], "organization_id"), organization);
    let users = asking
        .all(&format!("/directory_users?organization={organization}"))
        .await;
    let homes: BTreeSet<&str> = users.iter().map(|user| text(user, "directory_id")).collect();
    assert_eq!(users.len(), 60);
    assert_eq!(homes, [text(&directories[1], "id"), text(&directories[2], "id")].into());
}

#[tokio::test]
async fn an_organization_that_nothing_belongs_to_has_empty_lists() {
    let asking = Asking::new().await;
    let organization = "org_01EHZNVPK3SFK441A1RGBFSHRT";
    for target in [
        format!("/directories?organization={organization}"),
        format!("/directories?organization_id={organization}"),
        format!("/directory_users?organization={organization}"),
        format!("/directory_groups?organization={organization}"),
    ] {
        assert_eq!(asking.get(&target).await.ids(), [""; 0], "{target}");
    }
}

#[tokio::test]
async fn live_behaviour_ignores_the_parameters_of_the_reference() {
    let builder = Emulator::builder().population(population());
    let asking = Asking::exactly(builder.unscoped_lists(true)).await;
    let organization = "org_01EHZNVPK3SFK441A1RGBFSHRT";
    let users = asking
        .all(&format!("/directory_users?organization={organization}&state=nonsense"))
        .await;
    assert_eq!(users.len(), 90);
    let known_to_the_live_api = format!("/directories?organization_id={organization}");
    assert_eq!(asking.get(&known_to_the_live_api).await.ids(), [""; 0]);
}

#[tokio::test]
async fn a_cursor_keeps_its_place_when_its_object_is_gone() {
    let asking = Asking::new().await;
    let directories = asking.all_ids("/directories").await;
    let deleted = asking
        .send(asking.request("DELETE", &format!("/directories/{}", directories[1])))
        .await;
    assert_eq!(deleted.status, 202);
    let after = asking
        .get(&format!("/directories?order=asc&after={}", directories[1]))
        .await;
    assert_eq!(after.ids(), directories[2..]);
    let before = asking
        .get(&format!("/directories?order=asc&before={}", directories[1]))
        .await;
    assert_eq!(before.ids(), directories[..1]);
}

#[tokio::test]
async fn an_emulator_without_objects_has_empty_lists() {
    let asking = Asking::of(Emulator::builder().seed_file(SeedFile::default())).await;
    for list in ["/directories", "/directory_users", "/directory_groups"] {
        let expected = r#"{"object":"list","data":[],"list_metadata":{"before":null,"after":null}}"#;
        assert_eq!(asking.get(list).await.text, expected);
    }
}

#[tokio::test]
async fn two_emulators_of_the_same_population_answer_with_the_same_bytes() {
    let (one, other) = (Asking::new().await, Asking::new().await);
    for target in [
        "/directories",
        "/directory_users?limit=100",
        "/directory_groups?order=asc",
    ] {
        assert_eq!(one.get(target).await.text, other.get(target).await.text);
    }
}
