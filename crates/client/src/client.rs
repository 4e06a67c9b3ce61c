//! The client: settings checked once, one place that sends every request, and what comes back as model or error.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use progenitor_client::ResponseValue;
use reqwest::RequestBuilder;
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use reqwest::header::AUTHORIZATION;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::address::BaseUrl;
use crate::api_error::ApiError;
use crate::builder_settings::ClientBuilder;
use crate::decode;
use crate::operation::Operation;
use crate::secret::ApiKey;

/// A client of the Directory Sync API.
///
/// Clones are cheap and share connections. Each operation of the document is a method that starts a request:
///
/// ```no_run
/// use workos_directory_sync::Client;
///
/// # async fn example() -> Result<(), workos_directory_sync::Error> {
/// let client = Client::from_env()?;
/// let users = client.list_directory_users().directory("directory_01ECAZ4NV9QMV47GW873HDCX74").limit(100).send().await?;
/// for user in &users.data {
///     println!("{} {:?}", user.id, user.email);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base_url: BaseUrl,
    key: ApiKey,
    max_body: usize,
}

/// An answer that was read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) attempts: u32,
}

impl Client {
    /// A client of the live API with default settings.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the key is empty or cannot be sent.
    pub fn new(api_key: impl Into<SecretString>) -> Result<Self, Error> {
        Self::builder().api_key(api_key).build()
    }

    /// A client with settings from the environment: `WORKOS_API_KEY`, and if set `WORKOS_BASE_URL` and
    /// `WORKOS_REQUEST_TIMEOUT` (seconds).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the key is missing or a value cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().from_env()?.build()
    }

    /// Settings to build a client from.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// The address that requests go to, without a slash at the end.
    pub fn base_url(&self) -> &str {
        self.inner.base_url.as_str()
    }

    pub(crate) fn from_parts(http: reqwest::Client, base_url: BaseUrl, key: ApiKey, max_body: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                http,
                base_url,
                key,
                max_body,
            }),
        }
    }

    /// Starts a request of an operation: method, address and key.
    pub(crate) fn request(
        &self,
        operation: &'static Operation,
        path_parameters: &[(&'static str, String)],
    ) -> Result<RequestBuilder, Error> {
        let url = self.inner.base_url.operation(operation, path_parameters)?;
        let request = self.inner.http.request(operation.method.into(), url);
        Ok(request
            .header(AUTHORIZATION, self.inner.key.authorization()?)
            .header(ACCEPT, HeaderValue::from_static("application/json")))
    }

    /// Sends a request whose answer is a model.
    pub(crate) async fn send_json<T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        request: RequestBuilder,
    ) -> Result<ResponseValue<T>, Error> {
        let answer = self.execute(operation, request).await?;
        let model = decode::model(operation, &answer)?;
        Ok(ResponseValue::new(model, answer.status, answer.headers))
    }

    /// Sends a request whose answer has a body that means nothing.
    pub(crate) async fn send_empty(
        &self,
        operation: &'static Operation,
        request: RequestBuilder,
    ) -> Result<ResponseValue<()>, Error> {
        let answer = self.execute(operation, request).await?;
        Ok(ResponseValue::new((), answer.status, answer.headers))
    }

    /// The one place that every request goes through.
    async fn execute(&self, operation: &'static Operation, request: RequestBuilder) -> Result<Answer, Error> {
        let attempts = 1;
        let request = request.build().map_err(|error| Error::transport(operation, 0, error))?;
        let answer = self.attempt(operation, request, attempts).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(Error::status_error(ApiError::read(
            operation,
            answer.status,
            &answer.headers,
            &answer.body,
            answer.attempts,
        )))
    }

    /// Sends a request once and reads the answer to its end, within bounds of time and size.
    async fn attempt(
        &self,
        operation: &'static Operation,
        request: reqwest::Request,
        attempts: u32,
    ) -> Result<Answer, Error> {
        let network = |error| Error::transport(operation, attempts, error);
        let mut response = self.inner.http.execute(request).await.map_err(network)?;
        let status = response.status();
        let headers = response.headers().clone();
        let max_body = self.inner.max_body;
        let announced = response
            .content_length()
            .and_then(|length| usize::try_from(length).ok())
            .unwrap_or_default();
        let mut body = Vec::with_capacity(announced.min(max_body));
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            if body.len() + chunk.len() > max_body {
                let error = ApiError::too_large(operation, status, &headers, max_body, attempts);
                return Err(Error::status_error(error));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            headers,
            body,
            attempts,
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("base_url", &self.base_url())
            .finish_non_exhaustive()
    }
}

/// How long a request may take altogether, unless said otherwise.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The largest body that is read, unless said otherwise: a page of 100 users with tens of KB of attributes each has a
/// few MB.
pub(crate) const DEFAULT_MAX_BODY: usize = 64 * 1024 * 1024;
