//! `dsync emulator NOUN VERB`: changes of an emulator that runs already, over its admin API.
//!
//! ```text
//! flags ─▶ a body of `spec/emulator.yaml` ─▶ EmulatorClient ─▶ /_emulator ─▶ the object, as text or JSON
//! ```

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use workos_directory_emulator::DEFAULT_API_KEY;
use workos_directory_emulator_client::EmulatorClient;
use workos_directory_emulator_client::operations::SERVER;
use workos_directory_sync::Client;
use workos_directory_sync::rate_limit::RateLimits;

use crate::emulator::churn;
use crate::emulator::clock;
use crate::emulator::deliveries;
use crate::emulator::directories;
use crate::emulator::faults;
use crate::emulator::groups;
use crate::emulator::members;
use crate::emulator::organizations;
use crate::emulator::requests;
use crate::emulator::settings as emulator_settings;
use crate::emulator::state;
use crate::emulator::users;
use crate::emulator::webhooks;
use crate::failure::Failure;
use crate::listing;
use crate::output;
use crate::output::Format;
use crate::output::plain;
use crate::settings;

/// How long the emulator may take to answer; a state of a million objects is large.
const TIMEOUT: Duration = Duration::from_secs(300);

/// How large an answer may be, in bytes.
const MAX_ANSWER: usize = 1024 * 1024 * 1024;

/// What keys of the live API begin with.
const LIVE_KEY_PREFIX: &str = "sk_live_";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Organizations(organizations::Arguments),
    Directories(directories::Arguments),
    Users(users::Arguments),
    Groups(groups::Arguments),
    Members(members::Arguments),
    Webhooks(webhooks::Arguments),
    Deliveries(deliveries::Arguments),
    Faults(faults::Arguments),
    Churn(churn::Arguments),
    State(state::Arguments),
    Settings(emulator_settings::Arguments),
    Clock(clock::Arguments),
    Requests(requests::Arguments),
}

/// Which emulator.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Place {
    /// The address of the emulator; WORKOS_BASE_URL or http://127.0.0.1:4010 unless set
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
}

impl Place {
    /// A client of the emulator. Its key is WORKOS_API_KEY, or that of an emulator that was given none.
    pub(crate) fn client(&self) -> Result<EmulatorClient, Failure> {
        let base_url = match &self.base_url {
            Some(url) => Some(url.clone()),
            None => settings::variable("WORKOS_BASE_URL")?,
        };
        let key = settings::variable(settings::KEY_VARIABLE)?;
        let key = key.unwrap_or_else(|| DEFAULT_API_KEY.to_owned());
        if key.starts_with(LIVE_KEY_PREFIX) {
            return Err(Failure::usage(format!(
                "{} has a live key, which no emulator takes; set it to the key that the emulator tells when it starts",
                settings::KEY_VARIABLE
            )));
        }
        let client = Client::builder()
            .base_url(base_url.unwrap_or_else(|| SERVER.to_owned()))
            .api_key(key)
            .timeout(TIMEOUT)
            .max_body(MAX_ANSWER)
            .user_agent(concat!("dsync/", env!("CARGO_PKG_VERSION")))
            .rate_limits(RateLimits::off())
            .build()?;
        Ok(client.into())
    }
}

pub(crate) async fn run(command: &Command, asked: Option<Format>) -> Result<(), Failure> {
    match command {
        Command::Organizations(arguments) => organizations::run(arguments, asked).await,
        Command::Directories(arguments) => directories::run(arguments, asked).await,
        Command::Users(arguments) => users::run(arguments, asked).await,
        Command::Groups(arguments) => groups::run(arguments, asked).await,
        Command::Members(arguments) => members::run(arguments, asked).await,
        Command::Webhooks(arguments) => webhooks::run(arguments, asked).await,
        Command::Deliveries(arguments) => deliveries::run(arguments, asked).await,
        Command::Faults(arguments) => faults::run(arguments, asked).await,
        Command::Churn(arguments) => churn::run(arguments, asked).await,
        Command::Settings(arguments) => emulator_settings::run(arguments, asked).await,
        Command::State(arguments) => state::run(arguments, asked).await,
        Command::Clock(arguments) => clock::run(arguments, asked).await,
        Command::Requests(arguments) => requests::run(arguments, asked).await,
    }
}

/// Shows an object.
pub(crate) fn show<T: Serialize>(asked: Option<Format>, object: &T) -> Result<(), Failure> {
    let text = listing::details(object)?;
    output::result(asked.unwrap_or_default(), object, || text)
}

/// Says what was done to something that is not there to be shown.
pub(crate) fn tell(asked: Option<Format>, done: &str, id: &str) -> Result<(), Failure> {
    let mut told = json!({ "id": id });
    told[done] = true.into();
    output::result(asked.unwrap_or_default(), &told, || format!("{done} {}\n", plain(id)))
}

/// Reads a JSON value out of a flag.
pub(crate) fn json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("this is not the JSON that is needed: {error}"))
}
