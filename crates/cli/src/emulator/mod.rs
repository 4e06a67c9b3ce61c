//! `dsync emulator`: the API on this machine until Ctrl-C, and changes of one that runs already.

mod churn;
mod clock;
mod control;
mod deliveries;
mod directories;
mod faults;
mod files;
mod groups;
mod members;
mod organizations;
mod requests;
mod settings;
mod state;
mod users;
mod webhooks;

use std::env::VarError;
use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;

use serde_json::json;
use workos_directory_emulator::Behaviour;
use workos_directory_emulator::Chaos;
use workos_directory_emulator::Emulator;
use workos_directory_emulator::Endpoint;
use workos_directory_emulator::InactivePolicy;
use workos_directory_emulator::Population;
use workos_directory_emulator::RateLimits;
use workos_directory_emulator::ReferenceParameters;
use workos_directory_emulator::new_webhook_secret;

use self::files::Files;
use crate::failure::Failure;
use crate::interrupt;
use crate::notice;
use crate::output;
use crate::output::Format;

/// Run a local stand-in for the Directory Sync API, or change the one that runs
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  dsync emulator
  dsync emulator --port 4010 --users 100000 --groups 500 --memberships 300000 --no-rate-limits
  dsync emulator --data company.json --behaviour reference
  dsync emulator --save-on-exit company.state
  dsync emulator --load company.state --faults faults.json
  dsync emulator --churn 5/s --webhook http://127.0.0.1:8080/webhooks --webhook-chaos mild

Then, in another terminal:
  export WORKOS_BASE_URL=http://127.0.0.1:4010 WORKOS_API_KEY=sk_test_emulator
  dsync sync --database sqlite:mirror.sqlite --rate-limit off
  dsync emulator churn start 5/s"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<control::Command>,

    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 4010)]
    port: u16,

    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,

    /// Let `--bind` name an address that other machines can reach, and `--webhook` one on another machine
    #[arg(long)]
    allow_remote: bool,

    /// Let other machines use the admin API under `/_emulator` too, not only this one
    #[arg(long, requires = "allow_remote")]
    allow_remote_admin: bool,

    /// Answer requests for this host name too, not only for addresses and `localhost`; can be given several times
    #[arg(long = "allow-host", value_name = "NAME")]
    hosts: Vec<String>,

    /// Whose behaviour to show where the live API and the reference differ
    #[arg(long, value_enum, default_value_t = BehaviourName::Live)]
    behaviour: BehaviourName,

    /// Answer lists of users and groups that name no directory, group or user, which the live API refuses
    #[arg(long)]
    unscoped_lists: bool,

    /// What becomes of `organization`, `state`, `groups` and `members`, which only the reference knows: by default, `ignore` in
    /// the live behaviour and `honour` in that of the reference
    #[arg(long, value_enum, value_name = "WHAT")]
    reference_parameters: Option<ParametersName>,

    /// Send the `X-RateLimit-*` headers, which the live API was never seen to send
    #[arg(long)]
    rate_limit_headers: bool,

    /// Let `dsync emulator NOUN VERB` and the admin API set states, types and names of events that the API does not know
    #[arg(long)]
    lenient: bool,

    /// Answer every request, instead of 429 beyond the behaviour's rate limits
    #[arg(long)]
    no_rate_limits: bool,

    #[command(flatten)]
    files: Files,

    /// What becomes of users who turn inactive: by default, `delete` in the live behaviour and `keep` in that of the reference
    #[arg(long, value_enum, value_name = "POLICY")]
    inactive: Option<InactiveName>,

    /// The seed of the objects that are made up: the same seed gives the same objects
    #[arg(long, value_name = "NUMBER", default_value_t = Population::default().seed)]
    seed: u64,

    /// How many directories to make up
    #[arg(long, value_name = "COUNT", default_value_t = Population::default().directories)]
    directories: u32,

    /// How many users to make up in all directories together
    #[arg(long, value_name = "COUNT", default_value_t = Population::default().users)]
    users: u32,

    /// How many groups to make up in all directories together
    #[arg(long, value_name = "COUNT", default_value_t = Population::default().groups)]
    groups: u32,

    /// How many memberships to make up in all directories together
    #[arg(long, value_name = "COUNT", default_value_t = Population::default().memberships)]
    memberships: u64,

    /// Post every event to this address, signed with `WORKOS_WEBHOOK_SECRET` or else with a secret that is told once
    #[arg(long = "webhook", value_name = "URL")]
    webhooks: Vec<String>,

    /// What goes wrong with webhooks on their way
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = ChaosName::None, requires = "webhooks")]
    webhook_chaos: ChaosName,

    /// Let people come, go, move and change by themselves, so many times in a second
    #[arg(long, value_name = "N/s", value_parser = rate)]
    churn: Option<f64>,
}

/// Reads `5/s` or `0.5/s`; the unit can be left away.
fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number
        .parse()
        .map_err(|_| "a number of changes per second is needed, such as 5/s".to_owned())
}

/// Where the secret of `--webhook` is read from.
const WEBHOOK_SECRET: &str = "WORKOS_WEBHOOK_SECRET";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ChaosName {
    /// Nothing
    None,
    /// Some duplicates, some disorder, hardly anything lost
    Mild,
    /// Hardly anything comes as it should
    Wild,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum InactiveName {
    /// The user is deleted and comes back with a new id
    Delete,
    /// The user stays, in state `inactive`
    Keep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum BehaviourName {
    /// The live API
    Live,
    /// The reference that this project started from
    Reference,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ParametersName {
    /// They have an effect
    Honour,
    /// They have none
    Ignore,
    /// A request with one of them is refused
    Refuse,
}

impl Arguments {
    /// Whether it goes on until it is asked to end.
    pub(crate) fn is_endless(&self) -> bool {
        self.command.is_none()
    }
}

/// `is_verbose` is whether each request is told of where stderr is no terminal, too.
pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>, is_verbose: bool) -> Result<(), Failure> {
    match &arguments.command {
        Some(command) => control::run(command, asked).await,
        None => {
            let is_told = is_verbose || std::io::stderr().is_terminal();
            start(arguments, asked.unwrap_or_default(), is_told).await
        }
    }
}

async fn start(arguments: &Arguments, format: Format, is_told: bool) -> Result<(), Failure> {
    let behaviour = match arguments.behaviour {
        BehaviourName::Live => Behaviour::Live,
        BehaviourName::Reference => Behaviour::Reference,
    };
    let mut builder = Emulator::builder()
        .bind(SocketAddr::new(arguments.bind, arguments.port))
        .allow_remote(arguments.allow_remote)
        .allow_remote_admin(arguments.allow_remote_admin)
        .behaviour(behaviour)
        .unscoped_lists(arguments.unscoped_lists)
        .lenient(arguments.lenient);
    for name in &arguments.hosts {
        builder = builder.allow_host(name);
    }
    if let Some(parameters) = arguments.reference_parameters {
        builder = builder.reference_parameters(match parameters {
            ParametersName::Honour => ReferenceParameters::Honour,
            ParametersName::Ignore => ReferenceParameters::Ignore,
            ParametersName::Refuse => ReferenceParameters::Refuse,
        });
    }
    if arguments.rate_limit_headers {
        builder = builder.rate_limit_headers(true);
    }
    if is_told {
        builder = builder.on_request(|request| {
            let operation = request.operation.unwrap_or("-");
            let (method, target, status) = (&request.method, &request.target, request.status);
            notice::say(&format!("{status} {method} {target} {operation}"));
        });
    }
    if !arguments.no_rate_limits {
        builder = builder.rate_limits(RateLimits::of(behaviour));
    }
    if let Some(inactive) = arguments.inactive {
        builder = builder.inactive_policy(match inactive {
            InactiveName::Delete => InactivePolicy::Delete,
            InactiveName::Keep => InactivePolicy::Keep,
        });
    }
    builder = arguments.files.apply(builder)?;
    if !arguments.files.has_objects() {
        let Arguments {
            seed,
            directories,
            users,
            groups,
            memberships,
            ..
        } = *arguments;
        builder = builder.population(Population {
            seed,
            directories,
            users,
            groups,
            memberships,
        });
    }
    let emulator = builder.start().await?;
    if let Some(per_second) = arguments.churn {
        let started = emulator.start_churn(arguments.seed, per_second);
        started.map_err(|error| Failure::usage(error.to_string()))?;
    }
    let secret = register_webhooks(&emulator, arguments)?;
    let ended = interrupt::listen();
    let (url, key) = (emulator.base_url().to_owned(), emulator.api_key().to_owned());
    let mut told = json!({ "base_url": url, "api_key": key });
    let mut line = format!("export WORKOS_BASE_URL={url} WORKOS_API_KEY={key}");
    if let Some(secret) = secret {
        line.push_str(&format!(" {WEBHOOK_SECRET}={secret}"));
        told["webhook_secret"] = secret.into();
    }
    let lines = emulator.sdk_lines();
    let by_language = lines
        .iter()
        .map(|line| (line.language.to_owned(), line.code.as_str().into()));
    told["clients"] = serde_json::Value::Object(by_language.collect());
    output::result(format, &told, || format!("{line}\n"))?;
    for line in &lines {
        notice::say(&format!("{:<7} {}", line.language, line.code));
    }
    notice::say(&format!("listening on {url}, Ctrl-C ends it"));
    ended.await;
    let requests = emulator.total_requests();
    arguments.files.leave(&emulator)?;
    emulator.shutdown().await;
    notice::say(&format!("answered {requests} requests"));
    Ok(())
}

/// Registers the endpoints that were named. The secret comes back if it was made up for them.
fn register_webhooks(emulator: &Emulator, arguments: &Arguments) -> Result<Option<String>, Failure> {
    if arguments.webhooks.is_empty() {
        return Ok(None);
    }
    let (secret, made_up) = match std::env::var(WEBHOOK_SECRET) {
        Ok(secret) => (secret, None),
        Err(VarError::NotPresent) => {
            let secret = new_webhook_secret().map_err(|error| Failure::other(error.to_string()))?;
            (secret.clone(), Some(secret))
        }
        // What is no text is not shown either: it may be the secret all the same.
        Err(VarError::NotUnicode(_)) => return Err(Failure::usage(format!("{WEBHOOK_SECRET} is not UTF-8"))),
    };
    let chaos = match arguments.webhook_chaos {
        ChaosName::None => Chaos::default(),
        ChaosName::Mild => Chaos::mild(arguments.seed),
        ChaosName::Wild => Chaos::wild(arguments.seed),
    };
    for url in &arguments.webhooks {
        let endpoint = Endpoint::new(url.as_str(), secret.as_str()).chaos(chaos);
        let registered = emulator.webhooks().register(endpoint);
        registered.map_err(|error| Failure::usage(error.to_string()))?;
    }
    Ok(made_up)
}
