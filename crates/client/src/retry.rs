//! When a request is sent again: which faults pass, how often, how long in between, and until when.
//!
//! Only operations that may be repeated are: `GET`, and `DELETE`, where a 404 after an answer that was lost means that
//! the first try did it. A `POST` is never sent twice.

use std::future::Future;
use std::time::Duration;

use crate::Error;
use crate::backoff::Backoff;
use crate::operation::Method;
use crate::operation::Operation;
use crate::retry_after;
use crate::retry_budget::RetryBudget;
use crate::runtime;
use crate::runtime::Instant;
use crate::trace;
use crate::transport;

/// When and how often a request is sent again.
///
/// ```
/// use std::time::Duration;
///
/// use workos_directory_sync::Client;
/// use workos_directory_sync::retry::RetryPolicy;
///
/// let client = Client::builder()
///     .api_key("sk_test_example")
///     .retry(RetryPolicy::default().with_max_retries(2).with_deadline(Duration::from_secs(20)))
///     .build()?;
/// // For one call only: a clone shares connections, rate limit and retry budget.
/// let impatient = client.with_retry(RetryPolicy::off());
/// # Ok::<(), workos_directory_sync::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    max_retries: u32,
    deadline: Duration,
    backoff: Backoff,
}

impl RetryPolicy {
    /// Never sends a request again.
    pub const fn off() -> Self {
        Self {
            max_retries: 0,
            deadline: Duration::MAX,
            backoff: Backoff::new(Duration::ZERO, Duration::ZERO),
        }
    }

    /// How often a request is sent again after the first try; 4 unless set.
    #[must_use]
    pub const fn with_max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = max_retries;
        self
    }

    /// How long all tries may take together, waits between them included, from when the first one is sent; 3 minutes unless
    /// set. No wait is begun that would end later, and a try that is under way then ends with [`Error::Timeout`].
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The waits when the API does not say how long to wait.
    #[must_use]
    pub const fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 4,
            deadline: Duration::from_secs(180),
            backoff: Backoff::default(),
        }
    }
}

/// Runs tries until one is done, an error does not pass, or the policy or the budget is exhausted.
///
/// `turn` waits until a try may be sent. What the first one waits for its turn does not count as time of the call: a program
/// that starts a thousand requests at once means all of them. `attempt` gets the number of the try, from 1, its turn, and how
/// long it may take. Dropping the future is safe at any time.
pub(crate) async fn run<P, T, F, G>(
    policy: RetryPolicy,
    budget: &RetryBudget,
    operation: &'static Operation,
    random: impl Fn() -> f64,
    turn: impl Fn() -> G,
    attempt: impl Fn(u32, P, Duration) -> F,
    gone: impl FnOnce(&Error) -> Option<T>,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
    G: Future<Output = P>,
{
    let mut permit = turn().await;
    let start = Instant::now();
    let left = || policy.deadline.saturating_sub(start.elapsed());
    let mut lost_answer = false;
    let mut number = 1;
    loop {
        let error = match attempt(number, permit, left()).await {
            Ok(answer) => {
                budget.succeeded();
                return Ok(answer);
            }
            Err(error) => error,
        };
        // The try before may have been carried out although its answer never came.
        if lost_answer && operation.method == Method::Delete && matches!(error, Error::NotFound(_)) {
            return match gone(&error) {
                Some(answer) => Ok(answer),
                None => Err(error),
            };
        }
        if !is_idempotent(operation) || !is_transient(&error) || number > policy.max_retries {
            return Err(error);
        }
        lost_answer |= may_have_been_carried_out(&error);
        let wait = match error.retry_after() {
            Some(wait) => wait.min(retry_after::MAX_WAIT),
            None => policy.backoff.delay(number - 1, random()),
        };
        if wait >= left() || !budget.take() {
            return Err(error);
        }
        trace::retry(&error, number, wait);
        runtime::sleep(wait).await;
        permit = match runtime::timeout(left(), turn()).await {
            Some(permit) if !left().is_zero() => permit,
            _ => return Err(error),
        };
        number += 1;
    }
}

fn is_idempotent(operation: &Operation) -> bool {
    matches!(operation.method, Method::Get | Method::Delete)
}

/// Whether the fault can be gone at the next try.
fn is_transient(error: &Error) -> bool {
    match error {
        Error::Timeout(_) => true,
        Error::Network(error) => !transport::is_untrusted(&error.source),
        _ => error
            .status()
            .is_some_and(|status| matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)),
    }
}

/// Whether the request can have had its effect although this error came instead of a success.
fn may_have_been_carried_out(error: &Error) -> bool {
    match error {
        Error::RateLimited(_) => false,
        Error::Network(error) | Error::Timeout(error) => !transport::is_unconnected(&error.source),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::RefCell;

    use reqwest::StatusCode;
    use reqwest::header::HeaderValue;
    use reqwest::header::RETRY_AFTER;

    use super::*;
    use crate::api_error::ApiError;
    use crate::operations::DELETE_DIRECTORY;
    use crate::operations::GET_DIRECTORY;
    use crate::operations::SYNC_DIRECTORY;

    /// A try that answers with a status; 2xx is done.
    fn outcome(operation: &'static Operation, status: u16, attempts: u32, wait: Option<u64>) -> Result<u16, Error> {
        if (200..300).contains(&status) {
            return Ok(status);
        }
        let code = StatusCode::from_u16(status).unwrap();
        let headers = wait
            .map(|wait| (RETRY_AFTER, HeaderValue::from(wait)))
            .into_iter()
            .collect();
        Err(Error::status_error(ApiError::read(
            operation, code, &headers, b"", attempts,
        )))
    }

    /// Plays a script of statuses and waits; gives the result, the tries and the seconds that passed.
    async fn play(
        operation: &'static Operation,
        policy: RetryPolicy,
        script: &[(u16, Option<u64>)],
    ) -> (Result<u16, Error>, u32, u64) {
        let tries = RefCell::new(0);
        let start = Instant::now();
        let result = run(
            policy,
            &RetryBudget::new(),
            operation,
            || 1.0,
            || std::future::ready(()),
            |number, (), _| {
                *tries.borrow_mut() = number;
                let (status, wait) = script[(number as usize - 1).min(script.len() - 1)];
                async move { outcome(operation, status, number, wait) }
            },
            |error| error.status().map(|status| status.as_u16()),
        )
        .await;
        let tries = *tries.borrow();
        (result, tries, start.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_tried_five_times_with_doubling_waits() {
        let (result, tries, seconds) = play(&GET_DIRECTORY, RetryPolicy::default(), &[(503, None)]).await;
        let error = result.unwrap_err();
        assert_eq!(
            (error.status(), error.attempts()),
            (Some(StatusCode::SERVICE_UNAVAILABLE), 5)
        );
        assert_eq!((tries, seconds), (5, 1 + 2 + 4 + 8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_that_passes_is_not_seen() {
        let script = [(500, None), (429, Some(7)), (200, None)];
        let (result, tries, seconds) = play(&GET_DIRECTORY, RetryPolicy::default(), &script).await;
        assert_eq!((result.unwrap(), tries, seconds), (200, 3, 1 + 7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_of_hours_is_capped() {
        let script = [(429, Some(86_400)), (200, None)];
        let (result, _, seconds) = play(&GET_DIRECTORY, RetryPolicy::default(), &script).await;
        assert_eq!((result.unwrap(), seconds), (200, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn faults_of_the_request_are_not_tried_again() {
        for status in [400, 401, 403, 404, 409, 422, 501] {
            let (result, tries, seconds) = play(&GET_DIRECTORY, RetryPolicy::default(), &[(status, Some(1))]).await;
            let found = result.unwrap_err().status().map(|status| status.as_u16());
            assert_eq!((found, tries, seconds), (Some(status), 1, 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sync_is_never_asked_for_twice() {
        let (_, tries, _) = play(&SYNC_DIRECTORY, RetryPolicy::default(), &[(503, Some(1))]).await;
        assert_eq!(tries, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deletion_whose_answer_was_lost_is_done_when_the_directory_is_gone() {
        let script = [(502, None), (404, None)];
        let (result, tries, _) = play(&DELETE_DIRECTORY, RetryPolicy::default(), &script).await;
        assert_eq!((result.unwrap(), tries), (404, 2));
        // Nothing was carried out by a try that was turned away.
        for script in [&[(404, None)][..], &[(429, Some(1)), (404, None)]] {
            let (result, _, _) = play(&DELETE_DIRECTORY, RetryPolicy::default(), script).await;
            assert!(matches!(result, Err(Error::NotFound(_))));
        }
    }

    #[tokio::test]
    async fn a_deletion_that_never_reached_the_server_is_not_done_when_the_directory_is_unknown() {
        // A port that was free a moment ago has nobody who listens.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let unsent = || async move {
            let error = reqwest::get(format!("http://127.0.0.1:{port}")).await.unwrap_err();
            Err(Error::transport(&DELETE_DIRECTORY, 1, error))
        };
        let result = run(
            RetryPolicy::default().with_backoff(Backoff::new(Duration::ZERO, Duration::ZERO)),
            &RetryBudget::new(),
            &DELETE_DIRECTORY,
            || 1.0,
            || std::future::ready(()),
            |number, (), _| async move {
                match number {
                    1 => unsent().await,
                    _ => outcome(&DELETE_DIRECTORY, 404, number, None),
                }
            },
            |error| error.status().map(|status| status.as_u16()),
        )
        .await;
        assert!(matches!(result, Err(Error::NotFound(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn no_wait_goes_beyond_the_deadline() {
        let policy = RetryPolicy::default().with_deadline(Duration::from_secs(6));
        let (result, tries, seconds) = play(&GET_DIRECTORY, policy, &[(503, None)]).await;
        assert!(result.is_err());
        // 1 s and 2 s fit, 4 s more do not.
        assert_eq!((tries, seconds), (3, 3));
    }

    /// Every try fails; gives the time that each was allowed, in seconds, and the time that passed.
    async fn allowed(policy: RetryPolicy, turn: u64, takes: u64) -> (Vec<u64>, u64) {
        let allowed = RefCell::new(Vec::new());
        let start = Instant::now();
        let result = run(
            policy,
            &RetryBudget::new(),
            &GET_DIRECTORY,
            || 1.0,
            || tokio::time::sleep(Duration::from_secs(turn)),
            |number, (), limit| {
                allowed.borrow_mut().push(limit.as_secs());
                async move {
                    tokio::time::sleep(limit.min(Duration::from_secs(takes))).await;
                    outcome(&GET_DIRECTORY, 503, number, Some(2))
                }
            },
            |_| None,
        )
        .await;
        let attempts = result.unwrap_err().attempts() as usize;
        assert_eq!(attempts, allowed.borrow().len());
        (allowed.into_inner(), start.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn all_tries_together_take_no_longer_than_the_deadline() {
        let policy = RetryPolicy::default().with_deadline(Duration::from_secs(100));
        assert_eq!(allowed(policy, 0, 40).await, (vec![100, 58, 16], 100));
        assert_eq!(allowed(policy, 0, 1_000).await, (vec![100], 100));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_the_rate_limit_counts_from_the_second_try_on() {
        let policy = RetryPolicy::default().with_deadline(Duration::from_secs(100));
        // The first turn takes 30 s of nobody's time; the third would come 8 s too late.
        assert_eq!(allowed(policy, 30, 20).await, (vec![100, 48], 30 + 100));
        assert_eq!(allowed(policy, 1_000, 20).await, (vec![100], 1_000 + 100));
        assert_eq!(allowed(RetryPolicy::off(), 1_000, 20).await.1, 1_020);
    }

    #[tokio::test(start_paused = true)]
    async fn switched_off_it_tries_once() {
        let (_, tries, seconds) = play(&GET_DIRECTORY, RetryPolicy::off(), &[(503, Some(1))]).await;
        assert_eq!((tries, seconds), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_that_is_used_up_gives_the_error_at_once() {
        let budget = RetryBudget::new();
        let mut tries = 0_u32;
        for _ in 0..200 {
            let count = RefCell::new(0);
            let failed = |number, (), _| {
                *count.borrow_mut() += 1;
                async move { outcome(&GET_DIRECTORY, 503, number, None) }
            };
            let result = run(
                RetryPolicy::default(),
                &budget,
                &GET_DIRECTORY,
                || 0.0,
                || std::future::ready(()),
                failed,
                |_| None,
            )
            .await;
            assert!(result.is_err());
            tries += *count.borrow();
        }
        assert_eq!(tries, 200 + 100);
    }
}
