//! From the password to the handshake's secret, in a worker: it takes up to 150 ms, and the page must not freeze.
//!
//! The worker (`www/worker.js`) runs this same program and calls [`derive_in_worker`]. It gets the password as bytes, not as
//! a text, so that both sides can wipe them. Where there is no worker to be had, the page does it and freezes for a moment.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use js_sys::{Array, JsString, Uint8Array};
use shared::Password;
use shared::bridge::{Secret, SecretError};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};
use zeroize::Zeroizing;

use super::clock::in_time;

/// The network's name: there is one, as long as nobody needs two behind one node.
const NETWORK: &str = "";
/// How long a worker may take, its start included, before the page does it by itself.
const WORKER_TIME: Duration = Duration::from_secs(10);
/// The program that starts the page; the worker's lies beside it.
const STARTER: &str = "boot.js";
const WORKER: &str = "worker.js";

/// For the worker: the secret of a password in NFC, in UTF-8; nothing at all if there is not enough memory.
#[must_use]
#[wasm_bindgen]
pub fn derive_in_worker(password: Vec<u8>) -> Vec<u8> {
    let password = Zeroizing::new(password);
    let Ok(text) = std::str::from_utf8(&password) else { return Vec::new() };
    Secret::derive_from_nfc(&Password::new(text), NETWORK).map(|secret| secret.derived().to_vec()).unwrap_or_default()
}

/// The secret of `password`, whatever form its letters have.
///
/// # Errors
/// [`SecretError`] where there are not 19 MiB to be had.
pub(crate) async fn derive(password: &str) -> Result<Secret, SecretError> {
    let password = normalized(password);
    let derived = in_time(WORKER_TIME, in_worker(&password)).await.flatten();
    derived.map_or_else(|| Secret::derive_from_nfc(&Password::new(password.as_str()), NETWORK), Ok)
}

/// NFC, which is the browser's to know: its tables would double the page.
fn normalized(password: &str) -> Zeroizing<String> {
    Zeroizing::new(String::from(JsString::from(password).normalize("NFC")))
}

/// Has a worker derive; [`None`] where there is none, or it fails.
async fn in_worker(password: &str) -> Option<Secret> {
    let worker = Hired::new()?;
    let (answer, waker) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(None::<Waker>)));
    let answered = |answer: &Rc<Cell<Option<JsValue>>>, waker: &Rc<Cell<Option<Waker>>>| {
        let (answer, waker) = (Rc::clone(answer), Rc::clone(waker));
        move |value: JsValue| {
            answer.set(Some(value));
            waker.take().into_iter().for_each(Waker::wake);
        }
    };
    let tell = answered(&answer, &waker);
    let came = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| tell(event.data()));
    let tell = answered(&answer, &waker);
    let failed = Closure::<dyn Fn(JsValue)>::new(move |_| tell(JsValue::NULL));
    worker.0.set_onmessage(Some(came.as_ref().unchecked_ref()));
    worker.0.set_onerror(Some(failed.as_ref().unchecked_ref()));

    let bytes = Uint8Array::from(password.as_bytes());
    // Given away rather than copied: the worker wipes it.
    worker.0.post_message_with_transfer(&bytes, &Array::of1(&bytes.buffer())).ok()?;
    let answer = poll_fn(|cx| match answer.take() {
        Some(answer) => Poll::Ready(answer),
        None => {
            waker.set(Some(cx.waker().clone()));
            Poll::Pending
        }
    });
    let derived: Uint8Array = answer.await.dyn_into().ok()?;
    let mut secret = Zeroizing::new([0; 32]);
    (derived.length() == 32).then(|| derived.copy_to(&mut *secret))?;
    derived.fill(0, 0, 32);
    Some(Secret::from_derived(secret))
}

/// A worker that is dismissed when dropped, its memory with it.
struct Hired(Worker);

impl Hired {
    fn new() -> Option<Self> {
        let starter = web_sys::window()?.document()?.query_selector("script[type=module]").ok()??;
        let address = starter.get_attribute("src")?;
        let address = [address.strip_suffix(STARTER)?, WORKER].concat();
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        Worker::new_with_options(&address, &options).ok().map(Self)
    }
}

impl Drop for Hired {
    fn drop(&mut self) {
        self.0.set_onmessage(None);
        self.0.set_onerror(None);
        self.0.terminate();
    }
}
