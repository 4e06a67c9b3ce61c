//! The settings that a client is built from.

use std::env;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::Client;
use crate::Error;
use crate::address::BaseUrl;
use crate::client::Inner;
use crate::drift::Drift;
use crate::drift::Report;
use crate::drift::Watch;
use crate::error::ConfigError;
use crate::limiter::Limiter;
use crate::rate_limit::RateLimits;
use crate::retry::RetryPolicy;
use crate::retry_budget::RetryBudget;
use crate::secret::ApiKey;
use crate::transport;
use crate::transport::Transport;

/// How long one attempt of a request may take, unless said otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The largest body that is read, unless said otherwise: a page of 100 users with tens of KB of attributes each has a
/// few MB.
const DEFAULT_MAX_BODY: usize = 64 * 1024 * 1024;

const KEY_VARIABLE: &str = "WORKOS_API_KEY";
const URL_VARIABLE: &str = "WORKOS_BASE_URL";
const TIMEOUT_VARIABLE: &str = "WORKOS_REQUEST_TIMEOUT";

/// Settings of a [`Client`], made by [`Client::builder`].
///
/// ```
/// use std::time::Duration;
///
/// use workos_directory_sync::Client;
///
/// let client = Client::builder()
///     .api_key("sk_test_example")
///     .base_url("http://127.0.0.1:4010")
///     .timeout(Duration::from_secs(10))
///     .user_agent("acme-directory/1.0")
///     .build()?;
/// assert_eq!(client.base_url(), "http://127.0.0.1:4010");
/// # Ok::<(), workos_directory_sync::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "settings do nothing until the client is built"]
pub struct ClientBuilder {
    api_key: Option<SecretString>,
    base_url: String,
    timeout: Duration,
    user_agent: String,
    allow_http: bool,
    max_body: usize,
    retry: RetryPolicy,
    rate_limits: RateLimits,
    on_drift: Option<Arc<Report>>,
    root_certificates: Vec<Vec<u8>>,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        Self {
            api_key: None,
            base_url: crate::operations::SERVER.to_owned(),
            timeout: DEFAULT_TIMEOUT,
            user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).to_owned(),
            allow_http: false,
            max_body: DEFAULT_MAX_BODY,
            retry: RetryPolicy::default(),
            rate_limits: RateLimits::default(),
            on_drift: None,
            root_certificates: Vec::new(),
        }
    }

    /// The secret API key. Required.
    pub fn api_key(mut self, key: impl Into<SecretString>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// The address of the API; the live API's unless set. A path in it stays in front of every request's path.
    ///
    /// Proxies are taken from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`. This machine is reached without one.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// How long one attempt of a request may take from its start to the end of its answer; 60 s unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What the client calls itself in the `User-Agent` header.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Whether the key may go over unencrypted http to another machine; it may not unless set.
    pub fn allow_http(mut self, allow: bool) -> Self {
        self.allow_http = allow;
        self
    }

    /// Certificates to trust besides those of the operating system, as PEM text: for a proxy that ends TLS, or a server of
    /// one's own. May be called more than once.
    #[cfg(all(
        any(feature = "rustls", feature = "rustls-ring", feature = "native-tls"),
        not(all(target_arch = "wasm32", target_os = "unknown"))
    ))]
    pub fn add_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// The largest body that is read, in bytes; 64 MiB unless set.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// When requests are sent again; see [`RetryPolicy`] for what holds unless set.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The limits that the client keeps to; those of the seed unless set.
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.rate_limits = limits;
        self
    }

    /// Whom to tell of fields and values that the document does not know, each once. Off unless set: every answer is then
    /// read a second time.
    ///
    /// ```
    /// let builder = workos_directory_sync::Client::builder().on_drift(|drift| eprintln!("{drift}"));
    /// ```
    pub fn on_drift(mut self, report: impl Fn(&Drift) + Send + Sync + 'static) -> Self {
        self.on_drift = Some(Arc::new(report));
        self
    }

    /// Takes settings from the environment where it has them: `WORKOS_API_KEY`, `WORKOS_BASE_URL` and
    /// `WORKOS_REQUEST_TIMEOUT` (seconds). An empty variable counts as not set.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when a value cannot be used.
    #[allow(clippy::wrong_self_convention)]
    pub fn from_env(mut self) -> Result<Self, Error> {
        if let Some(key) = variable(KEY_VARIABLE)? {
            self.api_key = Some(SecretString::from(key));
        }
        if let Some(url) = variable(URL_VARIABLE)? {
            self.base_url = url;
        }
        if let Some(seconds) = variable(TIMEOUT_VARIABLE)? {
            let timeout = seconds
                .parse()
                .ok()
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            self.timeout = timeout
                .filter(|timeout| !timeout.is_zero())
                .ok_or(ConfigError::Variable {
                    name: TIMEOUT_VARIABLE,
                    value: seconds,
                    expected: "a number of seconds above 0",
                })?;
        }
        Ok(self)
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] says which setting cannot be used.
    pub fn build(self) -> Result<Client, Error> {
        let key = ApiKey::new(&self.api_key.ok_or(ConfigError::NoApiKey)?)?;
        let base_url = BaseUrl::new(&self.base_url, self.allow_http)?;
        let user_agent =
            reqwest::header::HeaderValue::from_str(&self.user_agent).map_err(|_| ConfigError::UserAgent)?;
        let settings = transport::Settings {
            timeout: self.timeout,
            user_agent,
            is_loopback: base_url.is_loopback(),
            root_certificates: self.root_certificates,
        };
        let inner = Inner {
            transport: Transport::new(&settings)?,
            base_url,
            key,
            max_body: self.max_body,
            limiter: Limiter::new(self.rate_limits),
            retry_budget: RetryBudget::new(),
            drift: self.on_drift.map(Watch::new),
        };
        Ok(Client::from_parts(inner, self.retry))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The base URL is not yet checked and may have a password.
        formatter
            .debug_struct("ClientBuilder")
            .field("api_key", &self.api_key)
            .field("timeout", &self.timeout)
            .field("user_agent", &self.user_agent)
            .field("allow_http", &self.allow_http)
            .field("max_body", &self.max_body)
            .field("retry", &self.retry)
            .field("rate_limits", &self.rate_limits)
            .field("root_certificates", &self.root_certificates.len())
            .finish_non_exhaustive()
    }
}

fn variable(name: &'static str) -> Result<Option<String>, ConfigError> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        // What it has instead of text is not shown: it may be most of a key.
        Err(env::VarError::NotUnicode(_)) => Err(ConfigError::Variable {
            name,
            value: "…".to_owned(),
            expected: "text",
        }),
    }
}
