//! `dsync emulator webhooks`: add, list, remove.

use workos_directory_emulator_client::types::Chaos;
use workos_directory_emulator_client::types::EventName;
use workos_directory_emulator_client::types::NewWebhookEndpoint;
use workos_directory_emulator_client::types::WebhookEndpoint;

use crate::emulator::WEBHOOK_SECRET;
use crate::emulator::control::Place;
use crate::emulator::control::json;
use crate::emulator::control::show;
use crate::emulator::control::tell;
use crate::failure::Failure;
use crate::listing;
use crate::listing::Cell;
use crate::listing::Column;
use crate::listing::Row;
use crate::listing::Several;
use crate::output::Format;
use crate::settings;

/// Endpoints that a running emulator posts events to: add, list, remove
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Post events to an address from now on, signed with `WORKOS_WEBHOOK_SECRET` or else with a secret that is told once
    #[command(after_help = "\
Examples:
  dsync emulator webhooks add http://127.0.0.1:8080/webhooks
  dsync emulator webhooks add http://127.0.0.1:8080/webhooks --events dsync.user.created,dsync.user.deleted
  dsync emulator webhooks add http://127.0.0.1:8080/webhooks --chaos '{\"seed\": 7, \"duplicate\": 0.1}'")]
    Add {
        /// The address
        url: String,
        /// Only these events
        #[arg(long, value_delimiter = ',', value_name = "NAMES")]
        events: Vec<EventName>,
        /// What goes wrong on the way, as probabilities
        #[arg(long, value_name = "JSON", value_parser = json::<Chaos>)]
        chaos: Option<Chaos>,
        #[command(flatten)]
        place: Place,
    },
    /// List all endpoints
    #[command(after_help = "Example:\n  dsync emulator webhooks list")]
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Post nothing to an endpoint any more
    #[command(after_help = "Example:\n  dsync emulator webhooks remove webhook_endpoint_01ECAZ4NV9QMV47GW873HDCX74")]
    Remove {
        /// The endpoint's id
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

pub(crate) async fn run(arguments: &Arguments, asked: Option<Format>) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Add {
            url,
            events,
            chaos,
            place,
        } => {
            let mut new = NewWebhookEndpoint::new(url.as_str());
            let secret = settings::variable(WEBHOOK_SECRET)?;
            let is_told = secret.is_none();
            new.secret = secret;
            new.events = Some(events.clone()).filter(|events| !events.is_empty());
            new.chaos.clone_from(chaos);
            let created = place.client()?.create_webhook_endpoint().body(new).send().await?;
            let mut endpoint = created.into_inner();
            // Whoever set it knows it.
            endpoint.secret = endpoint.secret.filter(|_| is_told);
            show(asked, &endpoint)
        }
        Verb::List { place } => {
            let endpoints = place.client()?.get_webhook_endpoints().send().await?.into_inner();
            let all = futures_util::stream::iter(endpoints.data.into_iter().map(Ok));
            listing::write(Several::new(all), None, |_| true, asked).await
        }
        Verb::Remove { id, place } => {
            place
                .client()?
                .delete_webhook_endpoint()
                .endpoint(id.as_str())
                .send()
                .await?;
            tell(asked, "removed", id)
        }
    }
}

impl Row for WebhookEndpoint {
    const COLUMNS: &'static [Column] = &[
        Column::key("ID", 43),
        Column::number("WAITING", 7),
        Column::new("URL", 40),
        Column::new("EVENTS", 6),
    ];

    fn cells(&self) -> Vec<Cell> {
        let events: Vec<&str> = self.events.iter().map(|name| name.as_str()).collect();
        let events = if events.is_empty() {
            "all".to_owned()
        } else {
            events.join(",")
        };
        let url = self.url.as_deref().unwrap_or_default();
        vec![
            (&self.id).into(),
            self.waiting.to_string().into(),
            url.into(),
            events.into(),
        ]
    }
}
