//! What a command says beside its result: on stderr, unless `-q` wants silence. And what its libraries log with `-v`.

use std::io::IsTerminal as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tracing_subscriber::filter::LevelFilter;

static QUIET: AtomicBool = AtomicBool::new(false);

/// Flags of every command.
#[derive(Debug, clap::Args)]
pub(crate) struct Verbosity {
    /// Say nothing on stderr but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// Log each call of the API to stderr; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// How logs are written
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

impl Verbosity {
    /// Takes effect, once for the process.
    pub(crate) fn install(&self) {
        QUIET.store(self.quiet, Ordering::Relaxed);
        let level = match self.verbose {
            0 => return,
            1 => LevelFilter::INFO,
            _ => LevelFilter::DEBUG,
        };
        let spans = tracing_subscriber::fmt::format::FmtSpan::CLOSE;
        let builder = tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .with_max_level(level)
            .with_span_events(spans);
        match self.log_format {
            LogFormat::Text => {
                let colours =
                    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
                builder.with_ansi(colours).init();
            }
            LogFormat::Json => builder.json().init(),
        }
    }
}

/// Whether only errors are wanted.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// A line on stderr.
pub(crate) fn say(text: &str) {
    if !is_quiet() {
        anstream::eprintln!("{}", crate::output::plain(text));
    }
}

/// An error that does not end the command.
pub(crate) fn error(text: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    anstream::eprintln!("{style}error:{style:#} {}", crate::output::plain(text));
}
