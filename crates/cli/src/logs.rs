//! What the libraries log of each call: on stderr with `-v`, and as traces for a collector with the feature `otel`.
//!
//! Neither has the key, or the ids and names of people: the client says none of them.

use std::io::IsTerminal as _;

use clap::ArgMatches;
use tracing::Span;
use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::Failure;
use crate::notice;
use crate::retries;
#[cfg(feature = "otel")]
use crate::traces::Traces;

/// Flags of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Verbosity {
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// Log each call of the API and each webhook to stderr; twice for each try, three times for what libraries say
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// How everything on stderr is written
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document per line
    Json,
}

/// What is logged to while the command runs.
#[derive(Default)]
pub(crate) struct Logs {
    #[cfg(feature = "otel")]
    traces: Option<Traces>,
}

impl Verbosity {
    /// Whether more is asked for than usual.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Takes effect, once for the process.
    pub(crate) fn install(&self) -> Result<Logs, Failure> {
        notice::set(self.quiet, self.log_format == LogFormat::Json);
        let logs = Logs {
            #[cfg(feature = "otel")]
            traces: Traces::from_env()?,
        };
        // Who sees each call logged sees the tries, too.
        let retries = (self.verbose == 0 && !self.quiet).then(retries::layer);
        let layers: Vec<_> = (self.stderr().into_iter()).chain(retries).chain(logs.layer()).collect();
        if !layers.is_empty() {
            tracing_subscriber::registry().with(layers).init();
        }
        Ok(logs)
    }

    /// What `-v` writes.
    fn stderr(&self) -> Option<Box<dyn Layer<Registry> + Send + Sync>> {
        // Ours, and what the libraries below say.
        let (level, others) = match self.verbose {
            0 => return None,
            1 => (LevelFilter::INFO, LevelFilter::WARN),
            2 => (LevelFilter::DEBUG, LevelFilter::WARN),
            _ => (LevelFilter::DEBUG, LevelFilter::DEBUG),
        };
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_span_events(FmtSpan::CLOSE);
        let no_colours = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let layer = match self.log_format {
            LogFormat::Text => layer.with_ansi(std::io::stderr().is_terminal() && !no_colours).boxed(),
            LogFormat::Json => layer.json().with_span_list(false).boxed(),
        };
        let filter = tracing_subscriber::filter::Targets::new()
            .with_default(others)
            .with_targets([("dsync", level), ("workos_directory", level)]);
        // The spans of whole commands are there for traces alone.
        #[cfg(feature = "otel")]
        let filter = filter.with_target(crate::traces::COMMAND, LevelFilter::OFF);
        Some(layer.with_filter(filter).boxed())
    }
}

impl Logs {
    /// What a command runs in.
    #[cfg_attr(
        not(feature = "otel"),
        expect(unused_variables, reason = "only traces have spans of commands")
    )]
    pub(crate) fn command(&self, matches: &ArgMatches) -> Span {
        #[cfg(feature = "otel")]
        if self.traces.is_some() {
            return crate::traces::command(matches);
        }
        Span::none()
    }

    /// Sends what is still to be sent, before the process ends.
    pub(crate) fn finish(&self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = &self.traces {
            traces.finish();
        }
    }

    fn layer(&self) -> Option<Box<dyn Layer<Registry> + Send + Sync>> {
        #[cfg(feature = "otel")]
        return self.traces.as_ref().map(Traces::layer);
        #[cfg(not(feature = "otel"))]
        None
    }
}
