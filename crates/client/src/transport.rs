//! The HTTP clients under the client: how they connect, how long a request may take, and which redirects they follow.
//!
//! On `wasm32-unknown-unknown` JavaScript's `fetch` connects and follows redirects as it likes; only the time is ours there.

use std::time::Duration;

use reqwest::Method;
use reqwest::RequestBuilder;
use reqwest::Response;
use reqwest::Url;
use reqwest::header::HeaderValue;

use crate::error::ConfigError;

/// What the HTTP clients are made from.
pub(crate) struct Settings {
    /// For one request, from its start to the end of its answer.
    pub(crate) timeout: Duration,
    pub(crate) user_agent: HeaderValue,
    /// Whether the API is on this machine: then no proxy gets to see the key, which may be on its way unencrypted.
    // `fetch` knows of proxies what the browser does.
    #[cfg_attr(all(target_arch = "wasm32", target_os = "unknown"), allow(dead_code))]
    pub(crate) is_loopback: bool,
    /// PEM texts of certificates that are trusted besides those of the operating system.
    // Not read where there is no TLS of ours.
    #[allow(dead_code)]
    pub(crate) root_certificates: Vec<Vec<u8>>,
}

/// The HTTP clients.
#[derive(Debug)]
pub(crate) struct Transport {
    /// For `GET`: follows redirects within the origin.
    reading: reqwest::Client,
    /// For everything else: a redirect is the answer, since following it would turn `DELETE` and `POST` into `GET`.
    writing: reqwest::Client,
    timeout: Duration,
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let [reading, writing] = target::clients(settings)?;
        Ok(Self {
            reading,
            writing,
            timeout: settings.timeout,
        })
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.of(&method).request(method, url).timeout(self.timeout)
    }

    pub(crate) async fn execute(&self, request: reqwest::Request) -> Result<Response, reqwest::Error> {
        self.of(request.method()).execute(request).await
    }

    fn of(&self, method: &Method) -> &reqwest::Client {
        if *method == Method::GET {
            &self.reading
        } else {
            &self.writing
        }
    }
}

pub(crate) use self::target::is_connect;

/// Whether the other end is not who it has to be: no network mends that, so trying again does not help.
#[cfg(all(
    any(feature = "rustls", feature = "rustls-ring"),
    not(all(target_arch = "wasm32", target_os = "unknown"))
))]
pub(crate) fn is_untrusted(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        // The error inside of an I/O error is not among its sources.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(inner) = inner {
            cause = Some(inner);
        } else if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return matches!(tls, rustls::Error::InvalidCertificate(_));
        } else {
            cause = error.source();
        }
    }
    false
}

/// The other TLS back ends do not say why they refuse to connect.
#[cfg(not(all(
    any(feature = "rustls", feature = "rustls-ring"),
    not(all(target_arch = "wasm32", target_os = "unknown"))
)))]
pub(crate) fn is_untrusted(_: &reqwest::Error) -> bool {
    false
}

/// Whether no connection came about, so that nothing was sent.
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub(crate) fn is_unconnected(error: &reqwest::Error) -> bool {
    error.is_connect()
}

/// A browser does not say.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(crate) fn is_unconnected(_: &reqwest::Error) -> bool {
    false
}

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod target {
    use std::time::Duration;

    use reqwest::ClientBuilder;
    use reqwest::redirect;

    use super::Settings;
    use crate::error::ConfigError;

    /// How long a connection may take to come about.
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// How many redirects within the base URL's origin a `GET` follows.
    const MAX_REDIRECTS: usize = 5;

    pub(crate) fn clients(settings: &Settings) -> Result<[reqwest::Client; 2], ConfigError> {
        let tls = tls(settings)?;
        let client = |redirects| {
            let builder = ClientBuilder::new()
                .connect_timeout(CONNECT_TIMEOUT.min(settings.timeout))
                .user_agent(settings.user_agent.clone())
                .redirect(redirects)
                .referer(false);
            let builder = if settings.is_loopback {
                builder.no_proxy()
            } else {
                builder
            };
            tls(builder).build().map_err(ConfigError::Http)
        };
        Ok([
            client(redirect::Policy::custom(within_origin))?,
            client(redirect::Policy::none())?,
        ])
    }

    /// Whether no connection came about.
    pub(crate) fn is_connect(error: &reqwest::Error) -> bool {
        error.is_connect()
    }

    /// The key is meant for one origin: a redirect elsewhere is given back as the answer instead of being followed.
    fn within_origin(attempt: redirect::Attempt<'_>) -> redirect::Action {
        let same = attempt
            .previous()
            .first()
            .is_some_and(|first| first.origin() == attempt.url().origin());
        if same && attempt.previous().len() <= MAX_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    }

    #[cfg(feature = "rustls-ring")]
    fn tls(settings: &Settings) -> Result<impl Fn(ClientBuilder) -> ClientBuilder, ConfigError> {
        let config = crate::tls::config(&settings.root_certificates)?;
        Ok(move |builder: ClientBuilder| builder.tls_backend_preconfigured(config.clone()))
    }

    #[cfg(all(any(feature = "native-tls", feature = "rustls"), not(feature = "rustls-ring")))]
    fn tls(settings: &Settings) -> Result<impl Fn(ClientBuilder) -> ClientBuilder, ConfigError> {
        let mut roots = Vec::new();
        for pem in &settings.root_certificates {
            let certificates = reqwest::Certificate::from_pem_bundle(pem)
                .map_err(|error| ConfigError::RootCertificate(error.to_string()))?;
            if certificates.is_empty() {
                return Err(ConfigError::RootCertificate("there is none in it".to_owned()));
            }
            roots.extend(certificates);
        }
        Ok(move |builder: ClientBuilder| {
            // With both back ends reqwest itself would take the other one.
            #[cfg(feature = "rustls")]
            let builder = builder.tls_backend_rustls();
            builder.tls_certs_merge(roots.iter().cloned())
        })
    }

    #[cfg(not(any(feature = "native-tls", feature = "rustls", feature = "rustls-ring")))]
    #[allow(clippy::unnecessary_wraps)]
    fn tls(_: &Settings) -> Result<impl Fn(ClientBuilder) -> ClientBuilder, ConfigError> {
        Ok(|builder| builder)
    }
}

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod target {
    use super::Settings;
    use crate::error::ConfigError;

    pub(crate) fn clients(settings: &Settings) -> Result<[reqwest::Client; 2], ConfigError> {
        let builder = reqwest::Client::builder().user_agent(settings.user_agent.clone());
        let client = builder.build().map_err(ConfigError::Http)?;
        Ok([client.clone(), client])
    }

    /// `fetch` does not say why it failed.
    pub(crate) fn is_connect(_: &reqwest::Error) -> bool {
        false
    }
}
