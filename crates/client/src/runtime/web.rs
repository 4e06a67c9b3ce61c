//! Time and tasks by JavaScript, in a browser or a worker.

use std::pin::Pin;
use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;
use std::time::SystemTime;

use futures_util::FutureExt as _;
use futures_util::future::Either;
use futures_util::future::RemoteHandle;
use gloo_timers::future::TimeoutFuture;
pub(crate) use web_time::Instant;
use web_time::web::SystemTimeExt as _;

/// A stream of any kind.
pub(crate) type BoxStream<T> = futures_util::stream::LocalBoxStream<'static, T>;

/// The longest time that a timer takes, in milliseconds: more than 24 days.
const LONGEST: u32 = i32::MAX as u32;

/// The time of the calendar.
pub(crate) fn system_time() -> SystemTime {
    web_time::SystemTime::now().to_std()
}

/// Waits; a part of a millisecond counts as a whole one.
pub(crate) fn sleep(wait: Duration) -> TimeoutFuture {
    let millis = u32::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(LONGEST);
    TimeoutFuture::new(millis.min(LONGEST))
}

/// What the future gives, or nothing when that takes longer.
pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    match futures_util::future::select(pin!(future), sleep(limit)).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// A future that goes on by itself, and ends when this is dropped.
pub(crate) struct Task<T>(RemoteHandle<T>);

impl<T: 'static> Task<T> {
    pub(crate) fn start(future: impl Future<Output = T> + 'static) -> Self {
        let (remote, handle) = future.remote_handle();
        wasm_bindgen_futures::spawn_local(remote);
        Self(handle)
    }
}

impl<T: 'static> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(context)
    }
}
