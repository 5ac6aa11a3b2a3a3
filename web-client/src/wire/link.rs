//! A session under way: its streams on a socket, and the clock that notices silence.
//!
//! Each record is opened in the browser's task that brought it, so that the page stays free in between; what is sent is
//! sealed when it goes to the socket. Content is sealed only while the socket has less than [`HIGH_MARK_BYTES`] to send.

use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use gloo::timers::callback::Timeout;
use shared::bridge::{Message, MuxError, SendError, Session};

use super::answer::Answer;
use super::clock::now;
use super::replies::Replies;
use super::socket::{Incoming, Socket};
use super::streams::{Begun, Streams};

/// How much may wait for the network before no further content is made for it.
const HIGH_MARK_BYTES: u32 = 8 << 20;
/// A timer this late says that the tab was asleep: what came meanwhile is heard before the session is given up.
const OVERSLEPT: Duration = Duration::from_secs(3);
/// How long it is waited for what came meanwhile.
const AFTER_SLEEP: Duration = Duration::from_secs(1);

/// What the other end does by itself.
pub(crate) enum Occurrence {
    /// It said something.
    Said(Message),
    /// It asks; dropping the answer says that there is none.
    Asked(Message, Answer),
    /// The session is over; nothing more occurs.
    Over(Over),
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The other end has said farewell.
    Bye,
    /// The connection broke off.
    Interrupted,
    /// Somebody broke the rules, or nothing came for too long.
    Broken(MuxError),
}

/// A session. Clones are the same one; it lives until it ends or [`Link::close`].
#[derive(Clone)]
pub(crate) struct Link(Rc<Inner>);

struct Inner {
    streams: RefCell<Streams>,
    socket: RefCell<Option<Rc<Socket>>>,
    timer: RefCell<Option<Timeout>>,
    occurred: OnceCell<Box<dyn Fn(Occurrence)>>,
}

impl Link {
    /// Takes a session over; nothing is heard of it before [`Link::start`].
    pub(super) fn new(session: Session, socket: Socket) -> Self {
        Self(Rc::new(Inner {
            streams: RefCell::new(Streams::new(session, now())),
            socket: RefCell::new(Some(Rc::new(socket))),
            timer: RefCell::default(),
            occurred: OnceCell::new(),
        }))
    }

    /// What the other end does goes to `occurred` from now on, the last of it [`Occurrence::Over`]. To be called once.
    pub(crate) fn start(&self, occurred: impl Fn(Occurrence) + 'static) {
        let _once = self.0.occurred.set(Box::new(occurred));
        self.set_timer();
        let socket = self.0.socket.borrow().clone();
        let weak = Rc::downgrade(&self.0);
        if let Some(socket) = socket {
            socket.hear(Rc::new(move |incoming| heard(&weak, incoming)));
        }
    }

    /// Asks, and gives what comes back. `window` bounds what of it may be under way, in bytes; 0 is the least there is.
    ///
    /// # Errors
    /// See [`SendError`]: nothing more can be asked at the moment.
    pub(crate) fn ask(&self, request: impl Into<Message>, window: u32) -> Result<Replies, SendError> {
        let stream = self.0.streams.borrow_mut().ask(&request.into(), window)?;
        self.flush();
        Ok(Replies::new(self.clone(), stream))
    }

    /// Says something that wants no answer.
    pub(crate) fn say(&self, message: impl Into<Message>) {
        self.0.streams.borrow_mut().say(&message.into());
        self.flush();
    }

    /// Ends the session in good order, without an [`Occurrence`]; what is under way is interrupted.
    pub(crate) fn close(&self) {
        self.0.streams.borrow_mut().bye();
        self.flush();
        self.end();
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.0.streams.borrow().is_over()
    }

    /// Looks at the streams or changes them, briefly, and sends what that gave to send.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Streams) -> T) -> T {
        let done = work(&mut self.0.streams.borrow_mut());
        self.flush();
        done
    }

    /// Whether the network takes more content.
    pub(super) fn has_room(&self) -> bool {
        self.0.socket.borrow().as_ref().is_some_and(|socket| socket.buffered() < HIGH_MARK_BYTES)
    }

    /// Sends what waits. It is little: whoever answers asks first whether there is room.
    fn flush(&self) {
        let socket = self.0.socket.borrow().clone();
        let Some(socket) = socket else { return };
        loop {
            let Some(message) = self.0.streams.borrow_mut().poll_message() else { break };
            socket.send(&message);
        }
    }

    /// Takes the streams' time when it is due.
    fn set_timer(&self) {
        let due = self.0.streams.borrow().poll_timeout();
        let wait = due.since(now());
        let weak = Rc::downgrade(&self.0);
        let timer = Timeout::new(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX), move || {
            let Some(link) = weak.upgrade().map(Self) else { return };
            if now().since(due) < OVERSLEPT {
                return link.timed();
            }
            let weak = Rc::downgrade(&link.0);
            let later = Timeout::new(u32::try_from(AFTER_SLEEP.as_millis()).unwrap_or(0), move || {
                weak.upgrade().map(Self).iter().for_each(Self::timed);
            });
            *link.0.timer.borrow_mut() = Some(later);
        });
        *self.0.timer.borrow_mut() = Some(timer);
    }

    fn timed(&self) {
        let told = self.0.streams.borrow_mut().handle_timeout(now());
        match told {
            Ok(()) => {
                self.flush();
                self.set_timer();
            }
            Err(error) => self.ended(Over::Broken(error)),
        }
    }

    fn end(&self) {
        self.0.streams.borrow_mut().end();
        // Dropping closes it, once what was sent before is out.
        let _socket = self.0.socket.borrow_mut().take();
        let _timer = self.0.timer.borrow_mut().take();
    }

    fn occurred(&self, what: Occurrence) {
        if let Some(occurred) = self.0.occurred.get() {
            occurred(what);
        }
    }

    fn ended(&self, how: Over) {
        if !self.is_over() {
            self.end();
            self.occurred(Occurrence::Over(how));
        }
    }
}

/// What the socket brings.
fn heard(link: &Weak<Inner>, incoming: Incoming) {
    let Some(link) = link.upgrade().map(Link) else { return };
    let message = match incoming {
        Incoming::Open => return,
        Incoming::Message(message) => message,
        Incoming::Closed(_) => return link.ended(Over::Interrupted),
    };
    if link.is_over() {
        return;
    }
    // Bound first: what is begun below asks and answers through the same streams.
    let begun = link.0.streams.borrow_mut().handle_message(message, now());
    match begun {
        Ok(begun) => {
            for begun in begun {
                match begun {
                    Begun::Said(message) => link.occurred(Occurrence::Said(message)),
                    Begun::Asked { stream, message } => {
                        let answer = Answer::new(link.clone(), stream);
                        link.occurred(Occurrence::Asked(message, answer));
                    }
                    Begun::Bye => link.ended(Over::Bye),
                }
            }
            link.flush();
        }
        Err(error) => link.ended(Over::Broken(error)),
    }
}
