//! Whose behaviour the program shows, and what chance does.

use serde_json::Value;

use crate::running::Running;
use crate::running::ask;
use crate::running::get;

/// The body of an answer.
fn json(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// How many requests are allowed, as an answer says it.
fn limit(answer: &str) -> Option<&str> {
    let mut lines = answer.lines();
    lines.find_map(|line| line.strip_prefix("x-ratelimit-limit: "))
}

#[test]
fn the_live_api_is_shown_with_its_limits_unless_the_reference_is_asked_for() {
    let first = |list: &str| json(list)["data"][0]["id"].as_str().unwrap().to_owned();
    for (arguments, allowed, deleted, embeds) in [
        (&[][..], None, "202", false),
        (
            &["--behaviour", "live", "--rate-limit-headers"],
            Some("6000"),
            "202",
            false,
        ),
        (&["--behaviour", "reference"], Some("10"), "204", true),
        (
            &["--behaviour", "reference", "--no-rate-limits"],
            Some("1000000"),
            "204",
            true,
        ),
    ] {
        let running = Running::start(arguments);
        let directories = get(&running, "/directories");
        assert_eq!(limit(&directories), allowed, "{arguments:?}");
        let scope = format!("directory={}", first(&directories));
        let users = json(&get(
            &running,
            &format!("/directory_users?limit=100&groups=true&{scope}"),
        ));
        let users = users["data"].as_array().unwrap();
        let is_embedded = users.iter().any(|user| user["groups"][0].is_object());
        assert_eq!(is_embedded, embeds, "{arguments:?}");
        let answer = ask(&running, "DELETE", &format!("/directories/{}", first(&directories)));
        assert!(answer.starts_with(&format!("HTTP/1.1 {deleted} ")), "{answer}");
    }
}

#[test]
fn the_same_fault_seed_hits_the_same_requests() {
    let hits = |seed: &str| -> String {
        let running = Running::start(&["--fault-seed", seed, "--no-rate-limits"]);
        running.text(&["faults", "add", "status", "--status", "503", "--probability", "0.5"]);
        let answers = (0..64).map(|_| get(&running, "/directories?limit=1"));
        answers.map(|answer| answer[9..12].to_owned() + " ").collect()
    };
    let seven = hits("7");
    assert_eq!(seven, hits("7"));
    assert_ne!(seven, hits("8"));
    assert!(seven.contains("503") && seven.contains("200"), "{seven}");
}
