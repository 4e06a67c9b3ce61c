//! What a program's logs hear of requests (feature `tracing`): one span per operation, one event per try.
//!
//! Only what names nobody is said: the operation, its path with placeholders, status, request id, tries and times. Ids of
//! users, parameters, messages of the API and keys never are, at any level. Without the feature everything here is empty.

#[cfg(feature = "tracing")]
pub(crate) use self::on::Trace;
#[cfg(feature = "tracing")]
pub(crate) use self::on::in_current_span;
#[cfg(feature = "tracing")]
pub(crate) use self::on::retry;

#[cfg(not(feature = "tracing"))]
pub(crate) use self::off::Trace;
#[cfg(not(feature = "tracing"))]
pub(crate) use self::off::in_current_span;
#[cfg(not(feature = "tracing"))]
pub(crate) use self::off::retry;

#[cfg(feature = "tracing")]
mod on {
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use tracing::Instrument as _;
    use tracing::Span;
    use tracing::debug;
    use tracing::field::Empty;
    use tracing::info;
    use tracing::info_span;

    use crate::Error;
    use crate::api_error;
    use crate::client::Answer;
    use crate::operation::Operation;
    use crate::runtime::Instant;

    /// What filters name, whatever the modules are called.
    const TARGET: &str = "workos_directory_sync";

    /// The span of a call, from its first wait to the model.
    pub(crate) struct Trace {
        span: Span,
        start: Instant,
        /// The time that went into requests themselves; the rest was waiting.
        transfer: AtomicU64,
    }

    impl Trace {
        pub(crate) fn start(operation: &'static Operation) -> Self {
            // Names of OpenTelemetry's conventions where it has one.
            let span = info_span!(
                target: TARGET,
                "directory_sync",
                otel.name = operation.id,
                otel.kind = "client",
                operation = operation.id,
                http.request.method = operation.method.as_str(),
                url.template = operation.path,
                http.response.status_code = Empty,
                error.r#type = Empty,
                otel.status_code = Empty,
                request_id = Empty,
                attempts = Empty,
                wait_ms = Empty,
            );
            Self {
                span,
                start: Instant::now(),
                transfer: AtomicU64::new(0),
            }
        }

        /// Runs the call inside the span and says how it ended.
        pub(crate) async fn run<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
            let result = call.instrument(self.span.clone()).await;
            let transfer = Duration::from_micros(self.transfer.load(Ordering::Relaxed));
            self.span
                .record("wait_ms", millis(self.start.elapsed().saturating_sub(transfer)));
            if let Err(error) = &result {
                self.record(
                    error.status().map(|status| status.as_u16()),
                    error.request_id(),
                    error.attempts(),
                );
                self.span.record("error.type", error.kind());
                self.span.record("otel.status_code", "ERROR");
                self.span.in_scope(|| info!(target: TARGET, "the call failed"));
            }
            result
        }

        /// The answer that the call ends with.
        pub(crate) fn answered(&self, answer: &Answer) {
            let request_id = api_error::request_id(&answer.headers);
            self.record(Some(answer.status.as_u16()), request_id.as_deref(), answer.attempts);
        }

        /// A try that got an answer or failed, `started` when it was sent.
        pub(crate) fn tried(&self, attempt: u32, waited: Duration, started: Instant, result: &Result<Answer, Error>) {
            let took = started.elapsed();
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.transfer.fetch_add(micros, Ordering::Relaxed);
            let (wait_ms, took_ms) = (millis(waited), millis(took));
            match result {
                Ok(answer) => {
                    let status = answer.status.as_u16();
                    let request_id = api_error::request_id(&answer.headers);
                    debug!(
                        target: TARGET,
                        attempt,
                        http.response.status_code = status,
                        request_id,
                        wait_ms,
                        took_ms,
                        "answered"
                    );
                }
                Err(error) => {
                    debug!(target: TARGET, attempt, error.r#type = error.kind(), wait_ms, took_ms, "no answer")
                }
            }
        }

        fn record(&self, status: Option<u16>, request_id: Option<&str>, attempts: u32) {
            self.span.record("attempts", attempts);
            if let Some(status) = status {
                self.span.record("http.response.status_code", status);
            }
            if let Some(request_id) = request_id {
                self.span.record("request_id", request_id);
            }
        }
    }

    /// A request that will be sent again.
    pub(crate) fn retry(error: &Error, attempt: u32, wait: Duration) {
        info!(
            target: TARGET,
            attempt,
            error.r#type = error.kind(),
            http.response.status_code = error.status().map(|status| status.as_u16()),
            request_id = error.request_id(),
            wait_ms = millis(wait),
            "will try again"
        );
    }

    /// What runs in a task of its own still belongs to the span that it was started in.
    pub(crate) fn in_current_span<F: Future>(future: F) -> tracing::instrument::Instrumented<F> {
        future.in_current_span()
    }

    fn millis(duration: Duration) -> u64 {
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use std::time::Duration;

    use crate::Error;
    use crate::client::Answer;
    use crate::operation::Operation;
    use crate::runtime::Instant;

    pub(crate) struct Trace;

    impl Trace {
        pub(crate) const fn start(_: &'static Operation) -> Self {
            Self
        }

        pub(crate) async fn run<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
            call.await
        }

        pub(crate) const fn answered(&self, _: &Answer) {}

        pub(crate) const fn tried(&self, _: u32, _: Duration, _: Instant, _: &Result<Answer, Error>) {}
    }

    pub(crate) const fn retry(_: &Error, _: u32, _: Duration) {}

    pub(crate) const fn in_current_span<F>(future: F) -> F {
        future
    }
}
