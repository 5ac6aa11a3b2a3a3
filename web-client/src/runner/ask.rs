//! Asks the node behind this page who it is, before anybody has proved anything.

use gloo::utils::window;
use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestCache, RequestInit, Response};

use crate::model::{Node, NodeError};

/// How long the node may take to say who it is, in milliseconds.
const ANSWER_MS: u32 = 10_000;

pub(super) async fn ask_node() -> Result<Node, NodeError> {
    let request = RequestInit::new();
    request.set_cache(RequestCache::NoStore);
    request.set_signal(Some(&AbortSignal::timeout_with_u32(ANSWER_MS)));
    let answer = JsFuture::from(window().fetch_with_str_and_init("/node.json", &request)).await;
    let answer: Response = answer.and_then(JsCast::dyn_into).map_err(|_| NodeError::Unreachable)?;
    if !answer.ok() {
        return Err(NodeError::Status(answer.status()));
    }
    // The browser has a parser; one in Rust would only add to the page.
    let words = JsFuture::from(answer.json().map_err(|_| NodeError::Unreadable)?);
    let words = words.await.map_err(|_| NodeError::Unreadable)?;
    Node::from_words(|key| {
        let word = Reflect::get(&words, &JsValue::from_str(key)).ok()?;
        word.as_string().or_else(|| word.as_bool().map(|is_so| if is_so { "true" } else { "false" }.to_owned()))
    })
}
