//! Crashes: a future that is given up after some polls, and another that runs beside it until then.
//!
//! A future can be dropped only where it waits, so all numbers of polls from 0 on are all points at which it can end.

use std::cell::Cell;
use std::future::Future;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Runs a future, or gives it up after some polls.
pub(crate) async fn cut<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let never = Progress::default();
    cut_beside(future, polls, &never, async {}).await
}

/// How often a future was polled; the largest number when it has ended.
#[derive(Debug, Default)]
pub(crate) struct Progress(Cell<usize>);

impl Progress {
    /// Waits until the future was polled so often or has ended.
    pub(crate) async fn reach(&self, polls: usize) {
        poll_fn(|_| match self.0.get() >= polls {
            true => Poll::Ready(()),
            // Polled again together with the future.
            false => Poll::Pending,
        })
        .await;
    }
}

/// Runs two futures in one task until both have ended. When the first was polled as often as said and has not ended,
/// both are given up.
pub(crate) async fn cut_beside<F: Future>(
    future: F,
    polls: usize,
    progress: &Progress,
    other: impl Future<Output = ()>,
) -> Option<F::Output> {
    let (mut future, mut other) = (pin!(future), pin!(other));
    let (mut output, mut is_other_done) = (None, false);
    poll_fn(|context| {
        if output.is_none() {
            if progress.0.get() >= polls {
                return Poll::Ready(None);
            }
            match future.as_mut().poll(context) {
                Poll::Ready(ended) => {
                    output = Some(ended);
                    progress.0.set(usize::MAX);
                }
                Poll::Pending => progress.0.set(progress.0.get() + 1),
            }
        }
        is_other_done = is_other_done || other.as_mut().poll(context).is_ready();
        match is_other_done && output.is_some() {
            true => Poll::Ready(output.take()),
            false => Poll::Pending,
        }
    })
    .await
}
