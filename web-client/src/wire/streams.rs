//! The streams of one session as the page's tasks see them: answers that wait to be taken, and tasks that wait for room.
//!
//! The rules are [`Mux`]'s. Here is no browser: messages go in and out as bytes, and time is an argument. What waits is
//! bounded by the credit of its stream.

use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll, Waker};

use shared::Moment;
use shared::bridge::{Event, Message, Mux, MuxError, Record, Reset, SendError, Session, Side, cost};

/// The other end is told of what was taken when that is this part of the window: far less than what it may still send.
const TOLD_OF_WINDOW: usize = 8;

/// Something that the other end began.
#[derive(Debug, PartialEq)]
pub(super) enum Begun {
    /// It said something.
    Said(Message),
    /// It asks.
    Asked { stream: u32, message: Message },
    /// It has said all it wanted to.
    Bye,
}

/// What comes back for a request of ours.
#[derive(Debug)]
pub(crate) enum Reply {
    /// One of its messages.
    Message(Message),
    /// Some of its bytes.
    Data(Record),
    /// That was all.
    Ended,
    /// There is no answer, or not all of it.
    Failed(Reset),
}

/// Nobody waits for an answer any more, or the session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unwanted;

struct Inbox {
    stream: u32,
    /// What was taken away and not told yet: each time it is told costs the page half a millisecond.
    taken: usize,
    tell_at: usize,
    replies: VecDeque<(Reply, usize)>,
    waker: Option<Waker>,
}

/// All of them.
pub(super) struct Streams {
    mux: Mux,
    /// A few hundred at most, and nearly always a few.
    asked: Vec<Inbox>,
    /// Tasks that wait until they may send.
    waiting: Vec<Waker>,
    is_over: bool,
}

impl Streams {
    /// Those of a session that was just agreed on.
    pub(super) fn new(session: Session, now: Moment) -> Self {
        let mux = Mux::new(session.sealer, session.opener, Side::Initiator, now);
        Self { mux, asked: Vec::new(), waiting: Vec::new(), is_over: false }
    }

    /// Takes what came. Answers what the other end began with it.
    ///
    /// # Errors
    /// The session is over; [`Streams::end`] it.
    pub(super) fn handle_message(&mut self, message: Vec<u8>, now: Moment) -> Result<Vec<Begun>, MuxError> {
        self.mux.handle_message(message, now)?;
        let mut begun = Vec::new();
        while let Some(event) = self.mux.poll_event() {
            match event {
                Event::Said(message) => begun.push(Begun::Said(message)),
                Event::Request { stream, message, .. } => begun.push(Begun::Asked { stream, message }),
                Event::Bye => begun.push(Begun::Bye),
                Event::Cancelled { .. } | Event::Credit { .. } => {}
                Event::Reply { stream, message, cost } => self.put(stream, Reply::Message(message), cost),
                Event::Data { stream, record } => {
                    let cost = cost(record.payload().len());
                    self.put(stream, Reply::Data(record), cost);
                }
                Event::Ended { stream } => self.put(stream, Reply::Ended, 0),
                Event::Failed { stream, why } => self.put(stream, Reply::Failed(why), 0),
            }
        }
        // Credit came perhaps, or an answer is not wanted; and where something comes in, something went out.
        self.wake_waiting();
        Ok(begun)
    }

    fn inbox(&mut self, stream: u32) -> Option<&mut Inbox> {
        self.asked.iter_mut().find(|inbox| inbox.stream == stream)
    }

    fn put(&mut self, stream: u32, reply: Reply, cost: usize) {
        let Some(inbox) = self.inbox(stream) else { return };
        inbox.replies.push_back((reply, cost));
        if let Some(waker) = inbox.waker.take() {
            waker.wake();
        }
    }

    /// Tells the time, at [`Streams::poll_timeout`].
    ///
    /// # Errors
    /// The session is over; [`Streams::end`] it.
    pub(super) fn handle_timeout(&mut self, now: Moment) -> Result<(), MuxError> {
        self.mux.handle_timeout(now)
    }

    /// When to tell the time next.
    pub(super) fn poll_timeout(&self) -> Moment {
        self.mux.poll_timeout()
    }

    /// What is to be sent next.
    pub(super) fn poll_message(&mut self) -> Option<Vec<u8>> {
        self.mux.poll_message()
    }

    /// Says something that wants no answer.
    pub(super) fn say(&mut self, message: &Message) {
        self.mux.say(message);
    }

    /// Says farewell; nothing can be said after it.
    pub(super) fn bye(&mut self) {
        self.mux.bye();
    }

    /// Asks. `window` bounds how much of the answer may be under way.
    ///
    /// # Errors
    /// See [`Mux::open`].
    pub(super) fn ask(&mut self, request: &Message, window: u32) -> Result<u32, SendError> {
        if self.is_over {
            return Err(SendError::Full);
        }
        let stream = self.mux.open(request, window)?;
        let tell_at = window as usize / TOLD_OF_WINDOW;
        self.asked.push(Inbox { stream, taken: 0, tell_at, replies: VecDeque::new(), waker: None });
        Ok(stream)
    }

    /// The next reply on a stream of ours; nothing where the session is over. Taking it makes room for more.
    pub(super) fn poll_reply(&mut self, stream: u32, cx: &Context<'_>) -> Poll<Option<Reply>> {
        let is_over = self.is_over;
        let Some(inbox) = self.inbox(stream) else { return Poll::Ready(None) };
        match inbox.replies.pop_front() {
            Some((reply, cost)) => {
                inbox.taken += cost;
                if inbox.taken >= inbox.tell_at {
                    let taken = mem::take(&mut inbox.taken);
                    self.mux.taken(stream, taken);
                }
                Poll::Ready(Some(reply))
            }
            None if is_over => Poll::Ready(None),
            None => {
                inbox.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Nobody waits for this stream of ours any more.
    pub(super) fn forget(&mut self, stream: u32) {
        self.asked.retain(|inbox| inbox.stream != stream);
        self.mux.cancel(stream);
    }

    /// Whether so many bytes may be sent on a stream of theirs; wakes the task when that may have changed. `has_room` is
    /// whether the network takes any more.
    pub(super) fn poll_room(
        &mut self,
        stream: u32,
        bytes: usize,
        has_room: bool,
        cx: &Context<'_>,
    ) -> Poll<Result<(), Unwanted>> {
        let credit = match self.mux.credit(stream) {
            Some(credit) if !self.is_over => credit,
            _ => return Poll::Ready(Err(Unwanted)),
        };
        if has_room && credit >= cost(bytes) as u64 {
            return Poll::Ready(Ok(()));
        }
        if !self.waiting.iter().any(|waiting| waiting.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Lets everybody who waits for room look again.
    pub(super) fn wake_waiting(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// What answers are given through.
    pub(super) fn mux(&mut self) -> &mut Mux {
        &mut self.mux
    }

    /// The session is over: whoever waits learns that nothing more comes.
    pub(super) fn end(&mut self) {
        self.is_over = true;
        self.wake_waiting();
        self.asked.iter_mut().filter_map(|inbox| inbox.waker.take()).for_each(Waker::wake);
    }

    /// Whether it is.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }
}

#[cfg(test)]
#[path = "streams_tests.rs"]
mod tests;
