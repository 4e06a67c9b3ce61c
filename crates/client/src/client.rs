//! The client: settings checked once, one place that sends every request, and what comes back as model or error.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use progenitor_client::ResponseValue;
use reqwest::Method;
use reqwest::RequestBuilder;
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
use reqwest::header::AUTHORIZATION;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::de::Error as _;
use serde_json::value::RawValue;

use crate::Error;
use crate::address::BaseUrl;
use crate::api_error::ApiError;
use crate::body;
use crate::body::End;
use crate::client_builder::ClientBuilder;
use crate::decode;
use crate::drift::Watch;
use crate::limiter::Limiter;
use crate::limiter::Permit;
use crate::meter;
use crate::operation::Operation;
use crate::pages::Page;
use crate::pages::UnreadableObject;
use crate::pages::raw;
use crate::pages::tolerant;
use crate::rate_limit::Gate;
use crate::rate_limit::RateLimits;
use crate::retry;
use crate::retry::RetryPolicy;
use crate::retry_budget::RetryBudget;
use crate::runtime;
use crate::runtime::Instant;
use crate::secret::ApiKey;
use crate::trace::Trace;
use crate::transport::Transport;

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
    retry: RetryPolicy,
    gate: Option<Arc<dyn Gate>>,
}

/// What all clones of a client share.
pub(crate) struct Inner {
    pub(crate) transport: Transport,
    pub(crate) base_url: BaseUrl,
    pub(crate) key: ApiKey,
    pub(crate) max_body: usize,
    pub(crate) limiter: Limiter,
    pub(crate) retry_budget: RetryBudget,
    pub(crate) drift: Option<Watch>,
}

/// An answer that was read as far as it matters.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// When the head of it came.
    pub(crate) arrived: Instant,
    /// How often the request was sent until this answer came.
    pub(crate) attempts: u32,
}

#[cfg(test)]
impl Answer {
    /// A success with this body.
    pub(crate) fn of(body: impl AsRef<[u8]>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.as_ref().to_vec(),
            arrived: Instant::now(),
            attempts: 1,
        }
    }
}

/// The right to send a request, and what it took to get it.
struct Turn<'a> {
    permit: Permit<'a>,
    waited: Duration,
}

/// What the body of a success is for.
#[derive(Clone, Copy)]
enum Body {
    /// It is the model: without all of it the request has failed.
    Model,
    /// It means nothing: the status alone says that the request was carried out.
    Ignored,
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

    /// A clone that retries otherwise; it shares connections, rate limit and retry budget.
    #[must_use]
    pub fn with_retry(&self, retry: RetryPolicy) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            retry,
            gate: self.gate.clone(),
        }
    }

    /// A clone that also asks a gate before it sends a request, for limits that several processes share; it shares
    /// connections, rate limit and retry budget.
    #[must_use]
    pub fn with_gate(&self, gate: Arc<dyn Gate>) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            retry: self.retry,
            gate: Some(gate),
        }
    }

    /// The limits that it keeps to.
    pub fn rate_limits(&self) -> RateLimits {
        self.inner.limiter.limits()
    }

    pub(crate) fn from_parts(inner: Inner, retry: RetryPolicy) -> Self {
        Self {
            inner: Arc::new(inner),
            retry,
            gate: None,
        }
    }

    /// Starts a request of an operation: method, address and key.
    #[doc(hidden)]
    pub fn request(
        &self,
        operation: &'static Operation,
        path_parameters: &[(&'static str, String)],
    ) -> Result<RequestBuilder, Error> {
        let url = self.inner.base_url.operation(operation, path_parameters)?;
        let method = Method::from(operation.method);
        let request = self.inner.transport.request(method, url);
        Ok(body::ask(request)
            .header(AUTHORIZATION, self.inner.key.authorization())
            .header(ACCEPT, HeaderValue::from_static("application/json")))
    }

    /// Sends a request whose answer is a model.
    #[doc(hidden)]
    pub async fn send_json<T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        request: RequestBuilder,
    ) -> Result<ResponseValue<T>, Error> {
        self.read(operation, request, |answer| decode::model(operation, answer))
            .await
    }

    /// Sends a request whose answer stays raw JSON.
    #[doc(hidden)]
    pub async fn send_raw(
        &self,
        operation: &'static Operation,
        request: RequestBuilder,
    ) -> Result<ResponseValue<Box<RawValue>>, Error> {
        self.read(operation, request, |answer| decode::raw(operation, answer))
            .await
    }

    /// Sends a request of a list whose objects stay raw JSON.
    #[doc(hidden)]
    pub async fn send_raw_page(
        &self,
        operation: &'static Operation,
        request: RequestBuilder,
    ) -> Result<Page<Box<RawValue>>, Error> {
        let read = |answer: &Answer| raw::read(operation, answer, |_, object| object.to_owned());
        Ok(self.read(operation, request, read).await?.into_inner())
    }

    /// Sends a request of a list that goes on behind objects that cannot be read.
    #[doc(hidden)]
    pub async fn send_tolerant_page<L: DeserializeOwned, T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        request: RequestBuilder,
        page: fn(L) -> Page<T>,
    ) -> Result<Page<Result<T, UnreadableObject>>, Error> {
        let read = |answer: &Answer| tolerant::read(operation, answer, page);
        Ok(self.read(operation, request, read).await?.into_inner())
    }

    /// Sends a request whose answer has a body that matters, and reads it.
    async fn read<T>(
        &self,
        operation: &'static Operation,
        request: RequestBuilder,
        read: impl FnOnce(&Answer) -> Result<T, Error>,
    ) -> Result<ResponseValue<T>, Error> {
        let trace = Trace::start(operation);
        let call = async {
            let answer = self.execute(operation, request, Body::Model, &trace).await?;
            let value = read(&answer)?;
            if let Some(watch) = &self.inner.drift {
                watch.look(operation, &answer.body);
            }
            trace.answered(&answer);
            Ok(ResponseValue::new(value, answer.status, answer.headers))
        };
        trace.run(call).await
    }

    /// Sends a request whose answer has a body that means nothing.
    #[doc(hidden)]
    pub async fn send_empty(
        &self,
        operation: &'static Operation,
        request: RequestBuilder,
    ) -> Result<ResponseValue<()>, Error> {
        let trace = Trace::start(operation);
        let call = async {
            let answer = self.execute(operation, request, Body::Ignored, &trace).await?;
            trace.answered(&answer);
            Ok(ResponseValue::new((), answer.status, answer.headers))
        };
        trace.run(call).await
    }

    /// The one place that every request goes through.
    async fn execute(
        &self,
        operation: &'static Operation,
        request: RequestBuilder,
        body: Body,
        trace: &Trace,
    ) -> Result<Answer, Error> {
        let request = request.build().map_err(|error| Error::transport(operation, 0, error))?;
        let directory = request
            .url()
            .query_pairs()
            .find(|(name, _)| name == "directory")
            .map(|(_, value)| value);
        let turn = || async {
            let asked = Instant::now();
            let mut permit = self.inner.limiter.acquire(operation, directory.as_deref()).await;
            if let Some(gate) = &self.gate {
                let passed = gate.pass(permit.directory()).await;
                passed.map_err(|source| Error::Gate { operation, source })?;
                permit.sent_now();
            }
            let waited = asked.elapsed();
            Ok(Turn { permit, waited })
        };
        let attempt = |number, turn: Result<_, Error>, limit| {
            let copy = request.try_clone();
            async move {
                let turn = turn?;
                // Only a streamed body cannot be sent again, and no operation has one.
                let mut request =
                    copy.ok_or_else(|| Error::invalid_request(operation, "its body cannot be repeated".to_owned()))?;
                let timeout = request.timeout_mut();
                *timeout = Some(timeout.map_or(limit, |timeout| timeout.min(limit)));
                self.attempt(operation, turn, request, body, number, trace).await
            }
        };
        let gone = |error: &Error| {
            let error = error.api_error()?;
            let status = StatusCode::from_u16(error.status).ok()?;
            Some(Answer {
                status,
                headers: HeaderMap::new(),
                body: Vec::new(),
                arrived: Instant::now(),
                attempts: error.attempts,
            })
        };
        retry::run(
            self.retry,
            &self.inner.retry_budget,
            operation,
            fastrand::f64,
            turn,
            attempt,
            gone,
        )
        .await
    }

    /// Sends a request once, now that the limiter lets it.
    async fn attempt(
        &self,
        operation: &'static Operation,
        Turn { permit, waited }: Turn<'_>,
        request: reqwest::Request,
        body: Body,
        attempts: u32,
        trace: &Trace,
    ) -> Result<Answer, Error> {
        let sent = Instant::now();
        let answer = self.transfer(operation, request, body, attempts).await;
        trace.tried(attempts, waited, sent, &answer);
        meter::tried(operation, attempts, waited, sent.elapsed(), &answer);
        let answer = answer?;
        if answer.status.is_success() {
            permit.observe(answer.status.as_u16(), &answer.headers, None, answer.arrived);
            return Ok(answer);
        }
        let error = ApiError::read(operation, answer.status, &answer.headers, &answer.body, attempts);
        permit.observe(error.status, &answer.headers, error.retry_after, answer.arrived);
        Err(Error::status_error(error))
    }

    /// Sends a request and reads the answer as far as it matters, within bounds of time and size.
    ///
    /// Once the status is known it decides: an error status stays that error however much of its body comes, and a
    /// success whose body means nothing stays a success.
    async fn transfer(
        &self,
        operation: &'static Operation,
        request: reqwest::Request,
        body: Body,
        attempts: u32,
    ) -> Result<Answer, Error> {
        let network = |error| Error::transport(operation, attempts, error);
        let response = self.inner.transport.execute(request).await.map_err(network)?;
        let arrived = Instant::now();
        let status = response.status();
        let mut headers = response.headers().clone();
        body::without_packing(&mut headers);
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
            arrived,
            attempts,
        };
        let max_body = self.inner.max_body;
        match (status.is_success(), body) {
            (true, Body::Model) => {
                let (body, end) = body::read(response, max_body).await;
                answer.body = body;
                match end {
                    End::Whole => {}
                    End::Broken(error) => return Err(network(error)),
                    End::Bound => {
                        return Err(Error::too_large(operation, status, &answer.headers, max_body, attempts));
                    }
                    End::Unreadable(error) => {
                        let fault = ("the gzip stream".to_owned(), serde_json::Error::custom(error));
                        return Err(decode::error(operation, &answer, fault));
                    }
                }
            }
            (true, Body::Ignored) => {
                // Only so that the connection can be used again.
                let _ = runtime::timeout(DRAIN_TIME, body::read(response, DRAINED_BODY)).await;
            }
            (false, _) => answer.body = body::read(response, max_body.min(ERROR_BODY)).await.0,
        }
        Ok(answer)
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

/// How much of an error's body is read: messages are short, and pages of proxies say nothing after their title.
const ERROR_BODY: usize = 256 * 1024;

/// How much of a body that means nothing is read, and how long.
const DRAINED_BODY: usize = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);
