//! `cargo xtask parity` on small documents: what it finds, what is explained, and how it says so.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/parity");

/// How long a comparison with a document of the official one's size may take.
const LIMIT: Duration = Duration::from_secs(2);

fn parity(ours: &str, upstream: &Path, deviations: &Path, format: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["parity", "--format", format, "--spec", ours, "--deviations"])
        .arg(deviations)
        .arg(upstream)
        .output()
        .expect("xtask starts")
}

fn small(format: &str) -> Output {
    let file = |name: &str| Path::new(FIXTURES).join(name);
    parity(
        &format!("{FIXTURES}/ours.yaml"),
        &file("upstream-3.1.yaml"),
        &file("parity.toml"),
        format,
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn all_differences_are_found_and_the_exit_code_is_1() {
    let output = small("text");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    insta::assert_snapshot!("text", text(&output.stdout));
}

#[test]
fn for_a_pull_request_there_is_a_table() {
    insta::assert_snapshot!("markdown", text(&small("markdown").stdout));
}

#[test]
fn json_has_what_is_unexplained_known_and_stale() {
    let found: Value = serde_json::from_slice(&small("json").stdout).expect("it is JSON");
    let unexplained = found["unexplained"].as_array().expect("an array");
    let nullable = unexplained
        .iter()
        .find(|difference| difference["what"] == "nullable Author.name")
        .expect("it is found");
    assert_eq!(nullable["upstream"], "with null");
    assert_eq!(found["known"][0]["reason"], "The seed counts them.");
    assert_eq!(found["stale"][0]["what"], "field Book.weight");
}

#[test]
fn a_parameter_that_takes_any_name_does_not_hide_the_names_that_an_entry_may_have() {
    let found: Value = serde_json::from_slice(&small("json").stdout).expect("it is JSON");
    let unexplained = found["unexplained"].as_array().expect("an array");
    let names = unexplained.iter().filter_map(|difference| difference["what"].as_str());
    let of_entries: Vec<_> = names.filter(|what| what.starts_with("value EntryName")).collect();
    assert_eq!(of_entries, ["value EntryName book.returned"]);
}

/// What is unexplained in the small documents, such as `lacking field Book.isbn` or `differs type A: number / integer`.
fn unexplained() -> Vec<String> {
    let found: Value = serde_json::from_slice(&small("json").stdout).expect("it is JSON");
    let text = |difference: &Value, key: &str| difference[key].as_str().expect("a text").to_owned();
    let differences = found["unexplained"].as_array().expect("an array").iter();
    let line = |difference: &Value| {
        let (kind, what) = (text(difference, "kind"), text(difference, "what"));
        match kind.as_str() {
            "differs" => format!(
                "{kind} {what}: {} / {}",
                text(difference, "upstream"),
                text(difference, "ours")
            ),
            _ => format!("{kind} {what}"),
        }
    };
    differences.map(line).collect()
}

/// Those that are of one sort.
fn of_sort(sort: &str) -> Vec<String> {
    let is_of_sort = |line: &String| line.split(' ').nth(1) == Some(sort);
    unexplained().into_iter().filter(is_of_sort).collect()
}

#[test]
fn required_is_lacking_where_upstream_alone_requires_and_differs_where_we_alone_do() {
    let lines = of_sort("required");
    let differs = [
        "differs required Book.pages: optional / required",
        "differs required GET /books shelf: optional / required",
    ];
    let lacking = ["lacking required Book.object", "lacking required Book.tags"];
    assert_eq!(lines, [lacking, differs].concat());
}

#[test]
fn values_that_one_side_names_where_the_other_takes_any_are_reported() {
    let lines = of_sort("value");
    // Upstream has a single value and we have none, we have one and upstream has none, and both have lists.
    for line in [
        "lacking value Book.object book",
        "extra value Book.medium paper",
        "lacking value Order around",
        "extra value Genre drama",
    ] {
        assert!(lines.iter().any(|known| known == line), "{line} is not in {lines:#?}");
    }
}

#[test]
fn bounds_that_only_one_side_has_are_reported() {
    let lines = [of_sort("minItems"), of_sort("maximum"), of_sort("minimum")].concat();
    let expected = [
        "differs minItems Book.tags: 1 / –",
        "differs minItems GET /log pens: – / 1",
        "differs maximum GET /log limit: 100 / 50",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn formats_of_parameters_are_reported_and_of_answers_only_where_upstream_has_one() {
    // `Book.printed_at` and `Lent.until` have one as well, and it is ours alone.
    assert_eq!(of_sort("format"), ["differs format GET /log since: – / date-time"]);
}

#[test]
fn defaults_are_of_parameters_whatever_the_model_of_their_values() {
    let expected = [
        "differs default GET /log limit: 10 / –",
        "differs default GET /log order: down / –",
    ];
    assert_eq!(of_sort("default"), expected);
}

#[test]
fn once_every_difference_has_a_reason_the_command_succeeds_and_tells_only_of_those_that_no_longer_hold() {
    let found: Value = serde_json::from_slice(&small("json").stdout).expect("it is JSON");
    let mut deviations = fs::read_to_string(format!("{FIXTURES}/parity.toml")).expect("it is there");
    for difference in found["unexplained"].as_array().expect("an array") {
        write!(
            deviations,
            "\n[[deviation]]\nkind = {}\nwhat = {}\nreason = 'why'\n",
            difference["kind"], difference["what"]
        )
        .expect("written");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("parity.toml");
    fs::write(&file, deviations).expect("written");
    let upstream = Path::new(FIXTURES).join("upstream-3.1.yaml");
    let output = parity(&format!("{FIXTURES}/ours.yaml"), &upstream, &file, "text");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.starts_with("deviations that no longer hold") && shown.contains("  field Book.weight (lacking)\n"),
        "{shown}"
    );
    // What is ours alone is found in our document, without upstream's.
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["parity", "--spec", &format!("{FIXTURES}/ours.yaml"), "--deviations"])
        .arg(&file)
        .output()
        .expect("xtask starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_document_is_equal_to_itself_and_to_its_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let deviations = Path::new(FIXTURES).join("parity.toml");
    let ours = format!("{FIXTURES}/ours.yaml");
    let value: Value = serde_saphyr::from_str(&fs::read_to_string(&ours).expect("it is there")).expect("it is YAML");
    let json = folder.path().join("upstream.json");
    fs::write(&json, value.to_string()).expect("written");
    for upstream in [Path::new(&ours), &json] {
        let output = parity(&ours, upstream, &deviations, "text");
        assert!(
            output.status.success(),
            "{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}

#[test]
fn a_deviation_without_a_reason_and_a_file_that_is_no_openapi_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("parity.toml");
    fs::write(
        &file,
        "[scope]\npaths = ['/books']\n[[deviation]]\nkind = 'extra'\nwhat = 'x'\nreason = ''\n",
    )
    .expect("written");
    let ours = format!("{FIXTURES}/ours.yaml");
    let output = parity(&ours, Path::new(&ours), &file, "text");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("the deviation `x` has no reason"),
        "{}",
        text(&output.stderr)
    );
    fs::write(&file, "swagger: '2.0'\n").expect("written");
    let output = parity(&ours, &file, &Path::new(FIXTURES).join("parity.toml"), "text");
    assert!(text(&output.stderr).contains("not 3.x"), "{}", text(&output.stderr));
}

#[test]
fn the_bookkeeping_knows_what_only_the_seed_has_and_what_nobody_has() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args([
            "parity",
            "--spec",
            &format!("{FIXTURES}/ours.yaml"),
            "--deviations",
            &format!("{FIXTURES}/parity.toml"),
        ])
        .output()
        .expect("xtask starts");
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(
        message.contains("`parameter GET /books genre` is marked `x-origin: seed`"),
        "{message}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("parity.toml");
    let known = fs::read_to_string(format!("{FIXTURES}/parity.toml")).expect("it is there");
    fs::write(&file, known.replace("Book.loans", "Book.loan")).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["parity", "--spec", &format!("{FIXTURES}/ours.yaml"), "--deviations"])
        .arg(&file)
        .output()
        .expect("xtask starts");
    let message = text(&output.stderr);
    assert!(
        message.contains("`field Book.loan` is said to be ours alone, and we do not have it"),
        "{message}"
    );
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("parity")
        .output()
        .expect("xtask starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// As long as the official document and of its manner: everything in place, nothing shared.
fn long_document() -> String {
    let mut document = String::from("openapi: 3.1.1\nx-thing: &thing\n  object: thing\n  name: null\npaths:\n");
    let mut lines = document.lines().count();
    for path in 0.. {
        let start = document.len();
        writeln!(document, "  /things{path}/{{id}}:").expect("written");
        for method in ["get", "patch", "delete"] {
            write!(
                document,
                "    {method}:\n      operationId: Things{path}_{method}\n      tags:\n        - things\n"
            )
            .expect("written");
            document.push_str("      parameters:\n        - name: id\n          required: true\n          in: path\n          description: >-\n            Names the thing that is asked for, as\n            the list shows it.\n          schema:\n            type: string\n      responses:\n");
            for status in ["200", "404"] {
                write!(document, "        '{status}':\n          description: An answer.\n          content:\n            application/json:\n              schema:\n                type: object\n                properties:\n                  object:\n                    type: string\n                    const: thing\n                  name:\n                    type:\n                      - string\n                      - 'null'\n                    description: What it is called.\n                    example: A thing.\n                required:\n                  - object\n                  - name\n                example: *thing\n").expect("written");
            }
        }
        lines += document[start..].lines().count();
        if lines > 40_000 {
            break;
        }
    }
    document
}

/// What the command says of a document, and the least time of up to five runs: another program may have slowed one down.
fn timed(upstream: &Path, deviations: &Path) -> (Value, Duration) {
    let mut least = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        let output = parity(&format!("{FIXTURES}/ours.yaml"), upstream, deviations, "json");
        least = least.min(start.elapsed());
        if least < LIMIT {
            return (serde_json::from_slice(&output.stdout).expect("it is JSON"), least);
        }
    }
    panic!(
        "{} took {} ms at best, and is to take less than {} ms",
        upstream.display(),
        least.as_millis(),
        LIMIT.as_millis()
    );
}

#[test]
fn a_document_of_40_000_lines_is_compared_within_two_seconds_be_it_yaml_or_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let document = long_document();
    assert!(document.lines().count() > 40_000);
    let budget = serde_saphyr::budget! {
        max_events: 10_000_000,
        max_nodes: 5_000_000,
        enforce_alias_anchor_ratio: false,
    };
    let options = serde_saphyr::options! { budget: budget };
    let value: Value = serde_saphyr::from_str_with_options(&document, options).expect("it is YAML");
    let deviations = folder.path().join("parity.toml");
    fs::write(&deviations, "[scope]\ntags = ['things']\n").expect("written");
    let operations = document.matches("operationId").count();
    let json = serde_json::to_string_pretty(&value).expect("it is JSON");
    for (name, text) in [("upstream.yaml", document), ("upstream.json", json)] {
        let upstream = folder.path().join(name);
        fs::write(&upstream, &text).expect("written");
        let (found, time) = timed(&upstream, &deviations);
        println!(
            "{name}: {} lines, {} KB: {} ms",
            text.lines().count(),
            text.len() / 1024,
            time.as_millis()
        );
        assert_eq!(
            found["unexplained"].as_array().map(Vec::len),
            Some(operations),
            "{name}"
        );
    }
}
