//! Traces for an OpenTelemetry collector (feature `otel`): a span for each command that ends, below it one for each call of
//! the API with its tries.
//!
//! Nothing is sent unless `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` names the collector. The
//! other variables of the specification hold: headers, timeout, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
//! `OTEL_TRACES_SAMPLER`, `OTEL_SDK_DISABLED`. The protocol is `http/protobuf`. A collector that is not there holds nothing
//! up, and changes no exit code.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::ArgMatches;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::trace::SpanData;
use tracing::Span;
use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::Targets;

use crate::failure::Failure;
use crate::notice;
use crate::settings;

/// What filters call the spans of commands.
pub(crate) const COMMAND: &str = "dsync::command";

/// What filters call the spans of calls.
const CALLS: &str = "workos_directory_sync";

/// How long the end of the process waits for the collector.
const GRACE: Duration = Duration::from_secs(5);

/// Those that run until they are told to stop: their calls are traces of their own.
const ENDLESS: [&str; 4] = [
    "dsync follow",
    "dsync webhooks serve",
    "dsync changes follow",
    "dsync emulator",
];

/// Where spans go.
#[derive(Debug)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// What the environment asks for; `None` when it names no collector.
    pub(crate) fn from_env() -> Result<Option<Self>, Failure> {
        let named = settings::variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")?
            .or(settings::variable("OTEL_EXPORTER_OTLP_ENDPOINT")?);
        let is_off = settings::variable("OTEL_SDK_DISABLED")?.is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || settings::variable("OTEL_TRACES_EXPORTER")?.is_some_and(|exporter| exporter != "otlp");
        if named.is_none() || is_off {
            return Ok(None);
        }
        let protocol = settings::variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")?
            .or(settings::variable("OTEL_EXPORTER_OTLP_PROTOCOL")?);
        if let Some(protocol) = protocol.filter(|protocol| protocol != "http/protobuf") {
            return Err(Failure::usage(format!(
                "OTEL_EXPORTER_OTLP_PROTOCOL is `{protocol}`; dsync has http/protobuf, at port 4318 of most collectors"
            )));
        }
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .build()
            // Its message quotes the address, which can have a password in it.
            .map_err(|_| {
                Failure::usage(
                    "traces cannot be sent with these settings: check OTEL_EXPORTER_OTLP_ENDPOINT, such as \
                     http://127.0.0.1:4318, and the other variables that begin with OTEL_EXPORTER_OTLP",
                )
            })?;
        let name = settings::variable("OTEL_SERVICE_NAME")?.unwrap_or_else(|| "dsync".to_owned());
        let resource = Resource::builder()
            .with_service_name(name)
            .with_attribute(opentelemetry::KeyValue::new(
                "service.version",
                env!("CARGO_PKG_VERSION"),
            ))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(Exporter {
                inner: exporter,
                has_failed: AtomicBool::new(false),
            })
            .build();
        Ok(Some(Self { provider }))
    }

    /// What takes the spans of commands and calls, and nothing that other libraries log.
    pub(crate) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let filter = Targets::new()
            .with_target("dsync", LevelFilter::INFO)
            .with_target(CALLS, LevelFilter::DEBUG);
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("dsync"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter)
            .boxed()
    }

    /// Sends what is left.
    pub(crate) fn finish(&self) {
        // What failed was told by the exporter.
        let _ = self.provider.shutdown_with_timeout(GRACE);
    }
}

/// The span of a whole command: its name without its arguments.
pub(crate) fn command(matches: &ArgMatches) -> Span {
    let mut name = "dsync".to_owned();
    let mut matches = matches;
    while let Some((word, below)) = matches.subcommand() {
        name = format!("{name} {word}");
        matches = below;
    }
    let watches = name == "dsync health" && matches.get_flag("watch");
    if watches || ENDLESS.contains(&name.as_str()) {
        return Span::none();
    }
    tracing::info_span!(
        target: COMMAND,
        parent: None,
        "command",
        otel.name = name,
        otel.status_code = tracing::field::Empty,
        process.exit.code = tracing::field::Empty,
    )
}

/// Sends spans, and tells once that it cannot.
#[derive(Debug)]
struct Exporter {
    inner: opentelemetry_otlp::SpanExporter,
    has_failed: AtomicBool,
}

impl opentelemetry_sdk::trace::SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.inner.export(batch).await;
        if let Err(error) = &result
            && !self.has_failed.swap(true, Ordering::Relaxed)
        {
            notice::say(&format!("traces are lost: {error}"));
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
