//! Carries out effects and brings events back: the only file that waits for the browser.
//!
//! It decides nothing. The app lives in a thread-local of the tab's one thread, so listeners stay alive without a leak.

use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};

use gloo::events::EventListener;
use gloo::utils::window;
use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortSignal, RequestCache, RequestInit, Response};

use crate::{Effect, Event, Model, Node, NodeError, update, view};

/// How long the node may take to say who it is, in milliseconds.
const ANSWER_MS: u32 = 10_000;

thread_local! {
    static APP: OnceCell<Rc<App>> = const { OnceCell::new() };
}

struct App {
    model: RefCell<Model>,
    /// Held because dropping a listener takes it off the page.
    _listeners: Vec<EventListener>,
}

/// Puts the app on the page and lets it open; a second call only opens it again.
pub(crate) fn start() {
    APP.with(|app| Rc::clone(app.get_or_init(App::new))).dispatch(Event::Opened);
}

impl App {
    fn new() -> Rc<Self> {
        Rc::new_cyclic(|app: &Weak<Self>| {
            let app = app.clone();
            let send = move |event| {
                if let Some(app) = app.upgrade() {
                    app.dispatch(event);
                }
            };
            Self { model: RefCell::default(), _listeners: view::listen(send) }
        })
    }

    fn dispatch(self: &Rc<Self>, event: Event) {
        let effects = update(&mut self.model.borrow_mut(), event);
        for effect in effects {
            match effect {
                Effect::Draw => view::draw(&self.model.borrow()),
                Effect::AskNode => {
                    let app = Rc::clone(self);
                    spawn_local(async move { app.dispatch(Event::NodeAnswered(ask_node().await)) });
                }
            }
        }
    }
}

/// Asks the node behind this page who it is.
async fn ask_node() -> Result<Node, NodeError> {
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
    Node::from_words(|key| Reflect::get(&words, &JsValue::from_str(key)).ok()?.as_string())
}
