//! How a command reaches the API and the database.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Deserialize;
use workos_directory_mirror::Mirror;
use workos_directory_sync::Client;
use workos_directory_sync::operations::SERVER;
use workos_directory_sync::rate_limit::RateLimits;

use crate::failure;
use crate::failure::Failure;
use crate::notice;
use crate::settings;
use crate::settings::Chosen;
use crate::settings::Origin;

/// Flags of every command that calls the API.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// The profile of the settings file; DSYNC_PROFILE names it too
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// The address of the API; that of the live API unless this, WORKOS_BASE_URL or the profile says otherwise
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,

    /// The rate limit to keep to, also DSYNC_RATE_LIMIT: `seed` is 10 requests per second, `live` is 6,000 per minute
    #[arg(long, value_enum, value_name = "LIMIT")]
    rate_limit: Option<RateLimit>,
}

/// The flag of every command that has a database.
#[derive(Debug, clap::Args)]
pub(crate) struct Database {
    /// The database, FILE, sqlite:FILE or postgres://USER@HOST/DATABASE (password: PGPASSWORD or ~/.pgpass); DSYNC_DATABASE and the
    /// profile name it too
    #[arg(long, value_name = "ADDRESS")]
    database: Option<String>,
}

/// The flags of every command that has a database and no API.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    #[command(flatten)]
    database: Database,

    /// The profile of the settings file; DSYNC_PROFILE names it too
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

impl Place {
    /// The database, which is made where it is missing.
    pub(crate) async fn mirror(&self) -> Result<Mirror, Failure> {
        Ok(Mirror::connect(&self.address()?).await?)
    }

    /// The database, which has to be there.
    pub(crate) async fn existing(&self) -> Result<Mirror, Failure> {
        self.database
            .existing(&settings::choose(self.profile.as_deref())?)
            .await
    }

    /// The database, which has to be there, only to be read.
    pub(crate) async fn read(&self) -> Result<Mirror, Failure> {
        read(&self.address()?).await
    }

    pub(crate) fn address(&self) -> Result<String, Failure> {
        self.database.required(&settings::choose(self.profile.as_deref())?)
    }
}

/// Which of the documented limits to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RateLimit {
    /// 10 requests per second
    Seed,
    /// 6,000 requests per minute
    Live,
    /// None, for a server that has no limit
    Off,
}

impl RateLimit {
    fn parse(text: String) -> Result<Self, Failure> {
        <Self as clap::ValueEnum>::from_str(&text, false)
            .map_err(|_| Failure::usage(format!("DSYNC_RATE_LIMIT is `{text}`; write seed, live or off")))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Live => "live",
            Self::Off => "off",
        }
    }
}

impl Database {
    /// The address and where it comes from, if anybody names one.
    pub(crate) fn address(&self, chosen: &Chosen) -> Result<Option<(String, Origin)>, Failure> {
        settings::first(
            self.database.as_ref(),
            ("DSYNC_DATABASE", Ok),
            chosen.profile.database.as_ref(),
        )
    }

    /// The database, which has to be there.
    pub(crate) async fn existing(&self, chosen: &Chosen) -> Result<Mirror, Failure> {
        Ok(Mirror::connect(&existing(self.required(chosen)?)?).await?)
    }

    /// The address of a command that cannot do without.
    pub(crate) fn required(&self, chosen: &Chosen) -> Result<String, Failure> {
        self.address(chosen)?.map(|(address, _)| address).ok_or_else(|| {
            Failure::usage("no database: add `--database FILE`, or set DSYNC_DATABASE or `database` in the profile")
        })
    }
}

/// The file that an address names, if it names one.
fn file(address: &str) -> Option<&str> {
    let rest = match address.strip_prefix("sqlite:") {
        Some(rest) => rest,
        None if !address.contains(':') => address,
        None => return None,
    };
    let file = rest.strip_prefix("//").unwrap_or(rest);
    let file = file.split_once('?').map_or(file, |(file, _)| file);
    (file != ":memory:").then_some(file)
}

/// Refuses a file that is not there: who only looks at a mirror, or cleans one up, means one that exists.
pub(crate) fn existing(address: String) -> Result<String, Failure> {
    match file(&address) {
        Some(file) if !Path::new(file).exists() => Err(Failure::usage(format!(
            "there is no database `{file}` yet: `dsync sync --database {address}` makes it"
        ))),
        _ => Ok(address),
    }
}

/// Opens a database that is there without changing anything in it, not even the form of its tables.
pub(crate) async fn read(address: &str) -> Result<Mirror, Failure> {
    let mirror = Mirror::open_read_only(&existing(address.to_owned())?).await?;
    let schema = mirror.schema();
    if schema.is_outdated() {
        failure::tables_are_outdated();
        notice::say(&format!(
            "the tables of the database are those of version {}, and this dsync knows {}: they are read as they are; \
             `dsync migrate` or the next `dsync sync` brings them up to date",
            schema.found, schema.expected
        ));
    }
    Ok(mirror)
}

/// Opens a database to compare it: with the limits that its workers share, unless that would change the form of its tables.
pub(crate) async fn read_beside_workers(address: &str) -> Result<Mirror, Failure> {
    let mirror = read_or_empty(address).await?;
    if mirror.schema().is_outdated() || is_missing(address) {
        return Ok(mirror);
    }
    mirror.close().await;
    Ok(Mirror::connect(address).await?)
}

/// Opens a database to compare with it; one that is not there yet counts as empty and is not made.
pub(crate) async fn read_or_empty(address: &str) -> Result<Mirror, Failure> {
    if is_missing(address) {
        return Ok(Mirror::connect("sqlite::memory:").await?);
    }
    read(address).await
}

fn is_missing(address: &str) -> bool {
    file(address).is_some_and(|file| !Path::new(file).exists())
}

/// Which server the client talks to, for messages.
static SERVER_TRIED: OnceLock<(String, Origin)> = OnceLock::new();

/// The server that was tried and where its address comes from, if there was one.
pub(crate) fn server_tried() -> Option<&'static (String, Origin)> {
    SERVER_TRIED.get()
}

impl Connection {
    /// The profile that this command uses.
    pub(crate) fn chosen(&self) -> Result<Chosen, Failure> {
        settings::choose(self.profile.as_deref())
    }

    /// A client with these settings.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        self.client_of(&self.chosen()?)
    }

    /// A client with the settings of a profile that was read already.
    pub(crate) fn client_of(&self, chosen: &Chosen) -> Result<Client, Failure> {
        let mut builder = Client::builder();
        // A profile's time limit holds unless the environment has one.
        if let Some(seconds) = chosen.profile.timeout_seconds {
            let timeout = Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|timeout| !timeout.is_zero());
            builder = builder
                .timeout(timeout.ok_or_else(|| {
                    Failure::usage(format!("`timeout_seconds` is {seconds}; write a number above 0"))
                })?);
        }
        let (url, origin) = self.base_url(chosen)?;
        if !url.contains("://") && !url.contains('@') {
            let name = origin.name("--base-url");
            return Err(Failure::usage(format!(
                "the address of the API, {name}, is `{url}`: it begins with https://, or with http:// on this machine"
            )));
        }
        builder = builder.from_env()?.base_url(url);
        if let Some((key, _)) = settings::api_key(chosen)? {
            builder = builder.api_key(key);
        }
        let limits = match self.rate_limit(chosen)?.0 {
            RateLimit::Seed => RateLimits::seed(),
            RateLimit::Live => RateLimits::live(),
            RateLimit::Off => RateLimits::off(),
        };
        let client = builder
            .user_agent(concat!("dsync/", env!("CARGO_PKG_VERSION")))
            .rate_limits(limits)
            .build()?;
        // As the client checked it, without user and password; a process has one server.
        let _ = SERVER_TRIED.set((client.base_url().to_owned(), origin));
        Ok(client)
    }

    /// What `dsync config show` tells of it.
    pub(crate) fn shown(&self, chosen: &Chosen) -> Result<Vec<(&'static str, String, Origin)>, Failure> {
        let (url, url_from) = self.base_url(chosen)?;
        let (limit, limit_from) = self.rate_limit(chosen)?;
        let timeout = match (
            settings::variable("WORKOS_REQUEST_TIMEOUT")?,
            chosen.profile.timeout_seconds,
        ) {
            (Some(seconds), _) => (seconds, Origin::Environment("WORKOS_REQUEST_TIMEOUT")),
            (None, Some(seconds)) => (seconds.to_string(), Origin::Profile),
            (None, None) => ("60".to_owned(), Origin::Default),
        };
        Ok(vec![
            ("base_url", url, url_from),
            ("rate_limit", limit.as_str().to_owned(), limit_from),
            ("timeout", format!("{} s", timeout.0), timeout.1),
        ])
    }

    fn base_url(&self, chosen: &Chosen) -> Result<(String, Origin), Failure> {
        let found = settings::first(
            self.base_url.as_ref(),
            ("WORKOS_BASE_URL", Ok),
            chosen.profile.base_url.as_ref(),
        )?;
        Ok(found.unwrap_or_else(|| (SERVER.to_owned(), Origin::Default)))
    }

    fn rate_limit(&self, chosen: &Chosen) -> Result<(RateLimit, Origin), Failure> {
        let environment = ("DSYNC_RATE_LIMIT", RateLimit::parse);
        let found = settings::first(
            self.rate_limit.as_ref(),
            environment,
            chosen.profile.rate_limit.as_ref(),
        )?;
        Ok(found.unwrap_or((RateLimit::Seed, Origin::Default)))
    }
}
