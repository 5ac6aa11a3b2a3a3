//! The browser's clock: moments since the page was opened, waits, and waits that end.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use gloo_timers::future::TimeoutFuture;
use shared::Moment;

/// Now. Stands still while the device sleeps in some browsers, which at worst makes a wait longer.
pub(crate) fn now() -> Moment {
    let ms = web_sys::window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now());
    Moment(ms as u64)
}

/// Waits. A hidden tab's browser may make a second or more of less.
pub(crate) async fn sleep(wait: Duration) {
    TimeoutFuture::new(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)).await;
}

/// What `work` gives, if it does within `most`; it is dropped otherwise.
pub(crate) async fn in_time<T>(most: Duration, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut late) = (pin!(work), pin!(sleep(most)));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => late.as_mut().poll(cx).map(|()| None),
    })
    .await
}
