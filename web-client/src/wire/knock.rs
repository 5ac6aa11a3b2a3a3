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

/// Asks the door itself, without the wish for a WebSocket: [`None`] where nobody answers, else how long it wants to be
/// left in peace.
pub(crate) async fn knock() -> Option<Duration> {
    let request = RequestInit::new();
    // Of the door it is answered in any case; other requests would leave an error in the console.
    request.set_method("OPTIONS");
    request.set_cache(RequestCache::NoStore);
    request.set_signal(Some(&AbortSignal::timeout_with_u32(ANSWER_MS)));
    let answer = JsFuture::from(window().fetch_with_str_and_init("/bridge", &request)).await;
    let answer: Response = answer.ok()?.dyn_into().ok()?;
    Some(wait(answer.headers().get("retry-after").ok().flatten().as_deref()))
}

/// How long an answer asks to be left in peace; zero where it does not.
fn wait(retry_after: Option<&str>) -> Duration {
    let seconds = retry_after.and_then(|seconds| seconds.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(0)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_that_wants_its_peace_says_how_long() {
        assert_eq!(wait(Some("30")), Duration::from_secs(30));
        assert_eq!(wait(Some(" 2 ")), Duration::from_secs(2));
        assert_eq!(wait(Some("99999999999")), LONGEST);
        for unsaid in [None, Some(""), Some("-1"), Some("Wed, 21 Oct 2026 07:28:00 GMT")] {
            assert_eq!(wait(unsaid), Duration::ZERO, "{unsaid:?}");
        }
    }
}
