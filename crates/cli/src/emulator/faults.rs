//! `dsync emulator faults`: add, list, clear.

use workos_directory_emulator_client::types::Fault;
use workos_directory_emulator_client::types::FaultBody;
use workos_directory_emulator_client::types::FaultKind;
use workos_directory_emulator_client::types::FaultRule;
use workos_directory_emulator_client::types::InjectedFault;

use crate::emulator::control::Place;
use crate::emulator::control::show;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Cell;
use crate::listing::Column;
use crate::listing::Row;
use crate::listing::Several;
use crate::output;
use crate::output::Format;

/// What goes wrong with the answers of a running emulator: add, list, clear
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Let one more thing go wrong
    #[command(after_help = "\
Examples:
  dsync emulator faults add status --status 503 --operation listDirectoryUsers --times 2
  dsync emulator faults add status --status 429 --retry-after 5 --rate-limit-headers --probability 0.1
  dsync emulator faults add latency --milliseconds 2000
  dsync emulator faults add movement --change deleted --operation listDirectoryUsers
  dsync emulator faults add omitted_objects --share 0.1 --operation listDirectoryUsers
  dsync emulator faults add status --status 404 --object directory_user_01E1JG7J09H96KYP8HM9B0G5SJ
  dsync emulator faults add replaced_field --path /role --json '{}' --operation listDirectoryUsers
  dsync emulator faults add omitted_fields --field /data/role --event dsync.user.updated --operation webhook")]
    Add(Box<Add>),
    /// List what goes wrong, and how often it did
    #[command(after_help = "Example:\n  dsync emulator faults list")]
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Let everything go right again
    #[command(after_help = "Example:\n  dsync emulator faults clear")]
    Clear {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// What goes wrong: latency, status, reset, truncated_body, slow_body, unknown_enum_values, unknown_fields,
    /// missing_optional_fields, repeated_cursor, movement, omitted_objects, empty_list, early_end, repeated_object,
    /// shifted_page, wrong_counts, replaced_field or omitted_fields
    kind: FaultKind,
    /// Only with this operation, such as listDirectoryUsers; `webhook` stands for the bodies of webhooks
    #[arg(long, value_name = "ID")]
    operation: Option<String>,
    /// Only what this directory is about
    #[arg(long, value_name = "ID")]
    directory: Option<String>,
    /// Only lists of this directory, group or user
    #[arg(long, value_name = "ID")]
    scope: Option<String>,
    /// Only this object; can be given several times
    #[arg(long = "object", value_name = "ID")]
    objects: Vec<String>,
    /// Only events of this name; can be given several times
    #[arg(long = "event", value_name = "NAME")]
    events: Vec<String>,
    /// Only this share of the objects, from 0 to 1, the same ones in every answer
    #[arg(long, value_name = "NUMBER")]
    share: Option<f64>,
    /// Only after so many requests
    #[arg(long, value_name = "COUNT")]
    skip: Option<u64>,
    /// Only so often
    #[arg(long, value_name = "COUNT")]
    times: Option<u64>,
    /// How likely, from 0 to 1
    #[arg(long, value_name = "NUMBER")]
    probability: Option<f64>,
    /// latency: how late at least
    #[arg(long, value_name = "COUNT")]
    milliseconds: Option<u64>,
    /// latency: how much later than that at most
    #[arg(long, value_name = "COUNT")]
    jitter_milliseconds: Option<u64>,
    /// status: from 400 to 599
    #[arg(long)]
    status: Option<u32>,
    /// status: json, json_string, text, html or empty
    #[arg(long, value_name = "FORM")]
    body: Option<FaultBody>,
    /// status: the header `Retry-After` as it is sent
    #[arg(long, value_name = "TEXT")]
    retry_after: Option<String>,
    /// status: let the headers say that nothing is left
    #[arg(long)]
    rate_limit_headers: bool,
    /// reset: carry the operation out before
    #[arg(long)]
    processed: bool,
    /// truncated_body: let the answer be complete by its length
    #[arg(long)]
    claims_to_be_whole: bool,
    /// slow_body: how long a piece is
    #[arg(long, value_name = "COUNT")]
    chunk_bytes: Option<u64>,
    /// slow_body: how long each pause is
    #[arg(long, value_name = "COUNT")]
    pause_milliseconds: Option<u64>,
    /// movement: deleted, added, changed or repeated
    #[arg(long, value_name = "WHAT")]
    change: Option<String>,
    /// early_end: leave the page without objects too
    #[arg(long)]
    empty: bool,
    /// wrong_counts: how many active users `metadata` says there are
    #[arg(long, value_name = "COUNT")]
    active_users: Option<u64>,
    /// wrong_counts: how many inactive users
    #[arg(long, value_name = "COUNT")]
    inactive_users: Option<u64>,
    /// wrong_counts: how many groups
    #[arg(long, value_name = "COUNT")]
    groups: Option<u64>,
    /// replaced_field: the JSON pointer to the field, such as /emails/0/value; an event's object is at /data
    #[arg(long, value_name = "POINTER")]
    path: Option<String>,
    /// replaced_field: the value as JSON text, sent as it is
    #[arg(long, value_name = "TEXT")]
    json: Option<String>,
    /// replaced_field: the value as bytes in hexadecimal digits, for what is no UTF-8
    #[arg(long, value_name = "DIGITS")]
    hex: Option<String>,
    /// omitted_fields: the JSON pointer to a field; can be given several times
    #[arg(long = "field", value_name = "POINTER")]
    fields: Vec<String>,
    #[command(flatten)]
    place: Place,
}

impl Add {
    fn rule(&self) -> FaultRule {
        let mut fault = Fault::new(self.kind.clone());
        fault.milliseconds = self.milliseconds;
        fault.jitter_milliseconds = self.jitter_milliseconds;
        fault.status = self.status;
        fault.body.clone_from(&self.body);
        fault.retry_after.clone_from(&self.retry_after);
        // What is not asked for is not sent: a field that is none of the kind is refused.
        fault.rate_limit_headers = self.rate_limit_headers.then_some(true);
        fault.processed = self.processed.then_some(true);
        fault.claims_to_be_whole = self.claims_to_be_whole.then_some(true);
        fault.chunk_bytes = self.chunk_bytes;
        fault.pause_milliseconds = self.pause_milliseconds;
        fault.change.clone_from(&self.change);
        fault.empty = self.empty.then_some(true);
        fault.active_users = self.active_users;
        fault.inactive_users = self.inactive_users;
        fault.groups = self.groups;
        fault.path.clone_from(&self.path);
        fault.json.clone_from(&self.json);
        fault.hex.clone_from(&self.hex);
        fault.paths = several(&self.fields);
        let mut rule = FaultRule::new(fault);
        rule.operation.clone_from(&self.operation);
        rule.directory.clone_from(&self.directory);
        rule.scope.clone_from(&self.scope);
        rule.objects = several(&self.objects);
        rule.events = several(&self.events);
        rule.share = self.share;
        rule.skip = self.skip;
        rule.times = self.times;
        rule.probability = self.probability;
        rule
    }
}

/// What was given several times; `None` when it was not given.
fn several(given: &[String]) -> Option<Vec<String>> {
    (!given.is_empty()).then(|| given.to_vec())
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Add(add) => {
            let added = add.place.client()?.add_fault().body(add.rule()).send().await?;
            show(asked, &added.into_inner())
        }
        Verb::List { place } => {
            let faults = place.client()?.get_faults().send().await?.into_inner();
            let all = futures_util::stream::iter(faults.data.into_iter().map(Ok));
            listing::write(Several::new(all), None, |_| true, asked).await
        }
        Verb::Clear { place } => {
            place.client()?.delete_faults().send().await?;
            let told = serde_json::json!({ "cleared": true });
            output::result(asked.unwrap_or_default(), &told, || {
                "everything goes right again\n".to_owned()
            })
        }
    }
}

impl Row for InjectedFault {
    const COLUMNS: &'static [Column] = &[
        Column::number("ID", 5),
        Column::number("APPLIED", 7),
        Column::new("OPERATION", 22),
        Column::new("RULE", 4),
    ];

    fn cells(&self) -> Vec<Cell> {
        let operation = self.rule.operation.as_deref().unwrap_or("all");
        let mut rule = self.rule.clone();
        rule.operation = None;
        let rule = serde_json::to_string(&rule).unwrap_or_default();
        vec![
            self.id.to_string().into(),
            self.applied.to_string().into(),
            operation.into(),
            rule.into(),
        ]
    }
}
