//! A WebSocket as a value: dropping it closes it and takes its listeners away.
//!
//! `web-sys` directly, because others hide `bufferedAmount`, and a page that does not watch it holds in memory whatever the
//! network cannot take. It knows no protocol but the name of the subprotocol.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use js_sys::Uint8Array;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

/// The subprotocol of the bridge.
const SUBPROTOCOL: &str = "tp2";
/// Messages that wait before somebody hears: a handshake has three.
const MOST_UNHEARD: usize = 64;

/// What came.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The connection is there.
    Open,
    /// A binary message; none at all for one of text, which the bridge does not have.
    Message(Vec<u8>),
    /// It is closed, with this code; nothing more comes.
    Closed(u16),
}

type Hear = Rc<dyn Fn(Incoming)>;

/// What came and was not heard yet, or who hears it.
#[derive(Default)]
struct Ear {
    unheard: VecDeque<Incoming>,
    waker: Option<Waker>,
    hear: Option<Hear>,
}

/// One connection.
pub(super) struct Socket {
    socket: WebSocket,
    ear: Rc<RefCell<Ear>>,
    /// Kept because the browser calls them.
    _opened: Closure<dyn Fn()>,
    _came: Closure<dyn Fn(MessageEvent)>,
    _closed: Closure<dyn Fn(CloseEvent)>,
}

impl Socket {
    /// Begins to connect; fails only where the page may not.
    pub(super) fn open(url: &str) -> Result<Self, JsValue> {
        let socket = WebSocket::new_with_str(url, SUBPROTOCOL)?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let ear = Rc::new(RefCell::new(Ear::default()));
        let heard = Rc::clone(&ear);
        let opened = Closure::<dyn Fn()>::new(move || take(&heard, Incoming::Open));
        let heard = Rc::clone(&ear);
        let came = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            let bytes = event.data().dyn_ref().map(|buffer: &js_sys::ArrayBuffer| Uint8Array::new(buffer).to_vec());
            take(&heard, Incoming::Message(bytes.unwrap_or_default()));
        });
        let heard = Rc::clone(&ear);
        let closed = Closure::<dyn Fn(CloseEvent)>::new(move |event: CloseEvent| {
            take(&heard, Incoming::Closed(event.code()));
        });
        socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(came.as_ref().unchecked_ref()));
        // An error is always followed by this, and says nothing that a page may know.
        socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
        Ok(Self { socket, ear, _opened: opened, _came: came, _closed: closed })
    }

    /// The next thing that comes, as long as nobody else hears it.
    pub(super) async fn next(&self) -> Incoming {
        poll_fn(|cx| {
            let mut ear = self.ear.borrow_mut();
            match ear.unheard.pop_front() {
                Some(incoming) => Poll::Ready(incoming),
                None => {
                    ear.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// From now on everything that comes goes there, in the browser's task for it: one message per task.
    pub(super) fn hear(&self, hear: Hear) {
        self.ear.borrow_mut().hear = Some(Rc::clone(&hear));
        loop {
            let Some(incoming) = self.ear.borrow_mut().unheard.pop_front() else { break };
            hear(incoming);
        }
    }

    /// Sends; what cannot be sent any more is lost, as the close that is on its way will say.
    pub(super) fn send(&self, message: &[u8]) {
        let _lost = self.socket.send_with_u8_array(message);
    }

    /// How much the network has not taken yet, in bytes.
    pub(super) fn buffered(&self) -> u32 {
        self.socket.buffered_amount()
    }
}

fn take(ear: &RefCell<Ear>, incoming: Incoming) {
    let mut open = ear.borrow_mut();
    if let Some(hear) = open.hear.clone() {
        drop(open);
        return hear(incoming);
    }
    // Who sends more than a handshake has is not listened to any longer; the handshake's deadline ends it.
    if open.unheard.len() < MOST_UNHEARD {
        open.unheard.push_back(incoming);
    }
    if let Some(waker) = open.waker.take() {
        waker.wake();
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // What was sent before still goes out.
        let _closed_already = self.socket.close();
        self.ear.borrow_mut().hear = None;
    }
}
