//! How a command reaches the API: key and address from the environment, the rest from flags.

use workos_directory_sync::Client;
use workos_directory_sync::rate_limit::RateLimits;

use crate::failure::Failure;

/// Flags of every command that calls the API.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// The address of the API; that of the live API unless this or WORKOS_BASE_URL is set
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,

    /// The rate limit to keep to: `seed` is 10 requests per second, `live` is 6,000 per minute
    #[arg(long, value_enum, default_value_t = RateLimit::Seed, value_name = "LIMIT")]
    rate_limit: RateLimit,
}

/// Which of the documented limits to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum RateLimit {
    /// 10 requests per second
    Seed,
    /// 6,000 requests per minute
    Live,
    /// None, for a server that has no limit
    Off,
}

impl Connection {
    /// A client with these settings. The key comes from WORKOS_API_KEY.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let mut builder = Client::builder().from_env()?;
        if let Some(url) = &self.base_url {
            builder = builder.base_url(url);
        }
        let limits = match self.rate_limit {
            RateLimit::Seed => RateLimits::seed(),
            RateLimit::Live => RateLimits::live(),
            RateLimit::Off => RateLimits::off(),
        };
        Ok(builder
            .user_agent(concat!("dsync/", env!("CARGO_PKG_VERSION")))
            .rate_limits(limits)
            .build()?)
    }
}
