//! `dsync webhooks`: takes webhooks and applies what they bring to the database.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::PoisonError;

use axum::extract::Request;
use axum::middleware;
use axum::middleware::Next;
use axum::response::Response;
use clap::Subcommand;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tracing::Instrument as _;
use workos_directory_mirror::FollowProgress;
use workos_directory_mirror::webhooks;
use workos_directory_sync::events::WebhookVerifier;

use crate::connection::Place;
use crate::failure::Failure;
use crate::follow;
use crate::interrupt;
use crate::notice;
use crate::output;
use crate::output::Format;
use crate::settings;
use crate::status;
use crate::warnings;

/// Where webhooks are posted to.
const PATH: &str = "/webhooks";

/// The variable with the secrets.
const SECRETS: &str = "WORKOS_WEBHOOK_SECRET";

/// Take webhooks and apply them to a database
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Listen for webhooks: each is verified, kept in the database, answered, and applied afterwards
    #[command(after_help = "\
Examples:
  export WORKOS_WEBHOOK_SECRET=...
  dsync webhooks serve --database postgres://dsync@localhost/mirror
  WORKOS_WEBHOOK_SECRET=new,old dsync webhooks serve --database sqlite:mirror.sqlite --listen 127.0.0.1:9000

  dsync webhooks serve --database postgres://dsync@localhost/mirror --status 127.0.0.1:9465

POST /webhooks is the endpoint; GET /healthz answers while the process is there, GET /readyz while its database is. Metrics are \
at the address of `--status` alone, which is not for strangers. It speaks plain HTTP: put TLS before it. Webhooks get lost, so \
let `dsync follow` or `dsync sync` run as well. Ctrl-C or SIGTERM ends it when what was kept is applied.")]
    Serve(Serve),
}

#[derive(Debug, clap::Args)]
struct Serve {
    #[command(flatten)]
    place: Place,

    /// Where to listen; port 0 takes a free one. WORKOS_WEBHOOK_SECRET has the endpoint's secret, or several with commas
    /// between them while it is being changed
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    #[command(flatten)]
    status: status::Address,
}

/// The first line: where webhooks go.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "listening")]
struct Listening {
    url: String,
}

pub(crate) async fn run(arguments: &Arguments, format: Format) -> Result<(), Failure> {
    let Verb::Serve(arguments) = &arguments.verb;
    serve(arguments, format.general()?).await
}

async fn serve(arguments: &Serve, format: Format) -> Result<(), Failure> {
    let verifier = verifier()?;
    let status = arguments.status.open(status::HOLDS_FOR).await?;
    let mirror = arguments.place.mirror().await?;
    let asked = interrupt::listen();
    let cannot_listen = |error| Failure::usage(format!("cannot listen on {}: {error}", arguments.listen));
    let listener = TcpListener::bind(arguments.listen).await.map_err(cannot_listen)?;
    let listening = Listening {
        url: format!("http://{}{PATH}", listener.local_addr().map_err(cannot_listen)?),
    };
    output::result(format, &listening, || format!("listening on {}", listening.url))?;

    let (unwritten, ending) = (Mutex::new(None), Notify::new());
    let worker = mirror.worker().on_progress(|progress| {
        follow::count(progress);
        if let Err(failure) = tell(progress, format) {
            *unwritten.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            ending.notify_one();
        }
    });
    let (stop_taking, stopped_taking) = tokio::sync::oneshot::channel::<()>();
    let router = webhooks::router(mirror.clone(), verifier).layer(middleware::from_fn(noted));
    let look = async || {
        let waiting = mirror.waiting_events().await?;
        metrics::gauge!("dsync_events_waiting").set(waiting as f64);
        Ok::<_, workos_directory_mirror::Error>(())
    };
    let taking = tokio::spawn(
        axum::serve(listener, router)
            .with_graceful_shutdown(async { drop(stopped_taking.await) })
            .into_future(),
    );
    let mut listened = Ok(());
    // What was answered with 200 while it stopped is applied too: the worker looks once more at its end.
    let ended = worker
        .run(async {
            listened = tokio::select! {
                () = asked => Ok(()),
                failed = status.serve_while(look) => failed,
                () = warnings::watch(&mirror, &status) => Ok(()),
                () = ending.notified() => Ok(()),
            };
            notice::say("ending with what is under way; Ctrl-C again ends at once");
            drop(stop_taking);
            // Somebody who holds a connection open does not hold up the end.
            drop(tokio::time::timeout(GRACE, taking).await);
        })
        .await;
    mirror.close().await;
    ended?;
    listened?;
    if let Some(failure) = unwritten.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    notice::say("stopped; everything that was taken is applied");
    Ok(())
}

/// Counts what is posted, logs it, and gives it a span of its own. Whose event it is stands in none of them.
async fn noted(request: Request, next: Next) -> Response {
    if request.uri().path() != PATH {
        return next.run(request).await;
    }
    let span = tracing::info_span!(
        target: "dsync",
        "webhook",
        otel.name = "POST /webhooks",
        otel.kind = "server",
        http.request.method = request.method().as_str(),
        http.route = PATH,
        http.response.status_code = tracing::field::Empty,
        otel.status_code = tracing::field::Empty,
    );
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    metrics::counter!("dsync_webhooks_total", "status" => status.as_str().to_owned()).increment(1);
    response
}

/// How long what is under way may take at the end.
const GRACE: std::time::Duration = std::time::Duration::from_secs(10);

/// Accepts what any of the secrets signed.
fn verifier() -> Result<WebhookVerifier, Failure> {
    let missing = || {
        Failure::usage(format!(
            "no webhook secret: set {SECRETS} to the endpoint's secret, or to several with commas between them"
        ))
    };
    let secrets = settings::variable(SECRETS)?.ok_or_else(missing)?;
    let mut secrets = secrets.split(',').map(str::trim);
    let refused = |error: workos_directory_sync::events::WebhookError| Failure::usage(format!("{SECRETS}: {error}"));
    let first = WebhookVerifier::new(secrets.next().unwrap_or_default()).map_err(refused)?;
    secrets.try_fold(first, |verifier, secret| verifier.with_secret(secret).map_err(refused))
}

fn tell(progress: &FollowProgress, format: Format) -> Result<(), Failure> {
    match progress {
        FollowProgress::Failed {
            error,
            again_in_seconds,
        } if format == Format::Text => {
            notice::say(&format!("{error}; trying again in {again_in_seconds} s"));
            Ok(())
        }
        _ => output::result(format, progress, || follow::text(progress)),
    }
}
