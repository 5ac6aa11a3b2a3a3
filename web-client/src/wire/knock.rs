//! Asks over plain HTTP why the door stayed shut: a browser tells a page only that a WebSocket failed.

use std::time::Duration;

use gloo::utils::window;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestCache, RequestInit, Response};

/// How long the node may take to answer, in milliseconds.
const ANSWER_MS: u32 = 5_000;
/// Longest wait that is believed.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Wait where a node that is busy does not say how long.
const UNSAID: Duration = Duration::from_secs(5);

/// Asks the door itself, without the wish for a WebSocket: [`None`] where nobody answers, else how long it wants to be
/// left in peace.
pub(crate) async fn knock() -> Option<Duration> {
    let request = RequestInit::new();
    request.set_cache(RequestCache::NoStore);
    request.set_signal(Some(&AbortSignal::timeout_with_u32(ANSWER_MS)));
    let answer = JsFuture::from(window().fetch_with_str_and_init("/bridge", &request)).await;
    let answer: Response = answer.ok()?.dyn_into().ok()?;
    Some(wait(answer.status(), answer.headers().get("retry-after").ok().flatten().as_deref()))
}

/// How long an answer asks to be left in peace; zero where it does not.
fn wait(status: u16, retry_after: Option<&str>) -> Duration {
    let said = || retry_after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    match status {
        429 | 503 => said().unwrap_or(UNSAID).min(LONGEST),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_door_says_how_long() {
        assert_eq!(wait(429, Some("30")), Duration::from_secs(30));
        assert_eq!(wait(503, Some(" 2 ")), Duration::from_secs(2));
        assert_eq!(wait(429, None), UNSAID);
        assert_eq!(wait(429, Some("Wed, 21 Oct 2026 07:28:00 GMT")), UNSAID);
        assert_eq!(wait(429, Some("99999999999")), LONGEST);
        // What a proper door answers to a request that is none for a WebSocket.
        assert_eq!(wait(426, Some("30")), Duration::ZERO);
    }
}
