//! Many conversations over one session: streams, each opened by a request, answered with messages and bytes under credit.
//!
//! Either end may open streams: who dialed the odd numbers, who accepted the even ones, each once and in rising order.
//! What is answered on a stream counts against its credit ([`cost`]), so that a receiver holds at most what it granted,
//! however fast the other end is and however slow its own disk: [`STREAM_WINDOW_BYTES`] from the start, more with
//! [`Mux::taken`]. What is urgent (requests, credit, ends that are none) overtakes content.
//!
//! A stream ends once: with END (whole), or with RESET (not whole). A session that stops without BYE leaves every open
//! stream interrupted. Silence is noticed: after [`PING_AFTER`] the other end is asked, after [`SILENT_AFTER`] given up.
//!
//! Sans I/O: [`Mux::handle_message`] and [`Mux::handle_timeout`] feed in, [`Mux::poll_event`], [`Mux::poll_message`] and
//! [`Mux::poll_timeout`] drain out. It does not bound content that waits to be sent ([`Mux::waiting`] tells how much):
//! whoever sends makes the next piece when the last is gone.

use std::collections::VecDeque;

use super::kind::Kind;
use super::message::{self, Message, MessageError};
use super::record::Record;
use super::reset::{Reset, ResetCode};
use super::seal::{OpenError, Opener, Sealer};
use super::streams::Streams;
use crate::Moment;
use crate::limits::{
    PING_AFTER, RECORD_COST_BYTES, RECORD_PAYLOAD_BYTES, SILENT_AFTER, STREAM_WINDOW_BYTES, STREAMS_PER_SESSION,
    URGENT_RECORDS,
};

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It dialed: its streams have odd numbers.
    Initiator,
    /// It accepted: its streams have even numbers.
    Responder,
}

/// What happened; to be drained after every message fed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The other end said something about itself or the pool.
    Said(Message),
    /// The other end asks; answer with [`Mux::reply`], [`Mux::data`], and one of [`Mux::end`] and [`Mux::reset`].
    Request {
        /// The stream it opened.
        stream: u32,
        /// What it asks.
        message: Message,
        /// How much that was on the wire, in bytes of payload.
        bytes: usize,
    },
    /// Who asked does not want the answer any more. Nothing can be sent on the stream.
    Cancelled {
        /// The stream.
        stream: u32,
    },
    /// More may be sent on a stream that the other end opened.
    Credit {
        /// The stream.
        stream: u32,
        /// By so many bytes.
        bytes: u32,
    },
    /// A message that answers a request of ours.
    Reply {
        /// The stream we opened.
        stream: u32,
        /// The answer, or one of them.
        message: Message,
        /// What it cost: for [`Mux::taken`], once it needs no room any more.
        cost: usize,
    },
    /// Bytes that answer a request of ours: [`Record::payload`]. They cost what [`cost`] says.
    Data {
        /// The stream we opened.
        stream: u32,
        /// What holds the bytes.
        record: Record,
    },
    /// A request of ours is answered in full.
    Ended {
        /// The stream we opened.
        stream: u32,
    },
    /// A request of ours is not answered, or not in full.
    Failed {
        /// The stream we opened.
        stream: u32,
        /// Why.
        why: Reset,
    },
    /// The other end has said all it wanted to say. Nothing more comes.
    Bye,
}

/// Why a session is over. Close the connection; what is open is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MuxError {
    /// What came is no record of this session.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A record that cannot be read.
    #[error(transparent)]
    Frame(#[from] MessageError),
    /// A record that nobody who follows the rules sends then.
    #[error("the other end breaks the rules of the bridge: {0}")]
    Rules(&'static str),
    /// It asks faster than it takes answers.
    #[error("the other end asks and asks and takes no answer")]
    Flood,
    /// Nothing came for [`SILENT_AFTER`].
    #[error("the other end has not been heard for {} s", SILENT_AFTER.as_secs())]
    Silent,
}

/// Why something cannot be sent. Nothing was sent then, and the session is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The stream is over, or was never opened by the other end.
    #[error("nobody waits for that any more")]
    Closed,
    /// The stream has not that much credit; wait for [`Event::Credit`].
    #[error("the other end has no room for that yet")]
    Credit,
    /// More than a record can hold.
    #[error("too long for one record")]
    TooLong,
    /// We have said BYE, or have as many streams open as there may be.
    #[error("nothing more can be asked in this session")]
    Full,
}

/// What an answer with a payload of so many bytes costs of a stream's credit: itself, and what any record costs whoever
/// holds it.
#[must_use]
pub fn cost(payload: usize) -> usize {
    payload.saturating_add(RECORD_COST_BYTES)
}

/// One end of a session, with its streams.
#[derive(Debug)]
pub struct Mux {
    sealer: Sealer,
    opener: Opener,
    side: Side,
    /// Number of the next stream that we open.
    next: u32,
    /// The last stream that the other end opened.
    last: u32,
    /// Those we opened.
    ours: Streams,
    /// Those the other end opened.
    theirs: Streams,
    events: VecDeque<Event>,
    urgent: VecDeque<Vec<u8>>,
    /// Answers, in their order; each with its stream.
    content: VecDeque<(u32, Vec<u8>)>,
    waiting: usize,
    heard: Moment,
    asked: bool,
    said_bye: bool,
}

impl Mux {
    /// An end of a session that was just agreed on, at `now`.
    #[must_use]
    pub fn new(sealer: Sealer, opener: Opener, side: Side, now: Moment) -> Self {
        let (next, last) = match side {
            Side::Initiator => (1, 0),
            Side::Responder => (2, 0),
        };
        Self {
            sealer,
            opener,
            side,
            next,
            last,
            ours: Streams::default(),
            theirs: Streams::default(),
            events: VecDeque::new(),
            urgent: VecDeque::new(),
            content: VecDeque::new(),
            waiting: 0,
            heard: now,
            asked: false,
            said_bye: false,
        }
    }

    /// Takes one binary message from the other end.
    ///
    /// # Errors
    /// See [`MuxError`]: the session is over.
    pub fn handle_message(&mut self, message: Vec<u8>, now: Moment) -> Result<(), MuxError> {
        let record = self.opener.open(message)?;
        (self.heard, self.asked) = (now, false);
        match (record.kind, record.stream) {
            (Kind::BYE, _) => self.events.push_back(Event::Bye),
            (Kind::PING, _) => self.push_urgent(Kind::PONG, 0, b""),
            (Kind::PONG, _) => {}
            (kind, 0) => {
                if kind.is_request() {
                    return Err(MuxError::Rules("a request without a stream"));
                }
                if let Some(message) = Message::decode(kind, record.payload())? {
                    self.events.push_back(Event::Said(message));
                }
            }
            (_, stream) if self.is_ours(stream) => self.answered(stream, record)?,
            (_, stream) => self.asked(stream, record)?,
        }
        if self.urgent.len() > URGENT_RECORDS { Err(MuxError::Flood) } else { Ok(()) }
    }

    /// Tells that it is `now`; to be called at [`Mux::poll_timeout`].
    ///
    /// # Errors
    /// [`MuxError::Silent`]: the session is over.
    pub fn handle_timeout(&mut self, now: Moment) -> Result<(), MuxError> {
        if now >= self.heard + SILENT_AFTER {
            return Err(MuxError::Silent);
        }
        if now >= self.heard + PING_AFTER && !self.asked {
            self.asked = true;
            self.push_urgent(Kind::PING, 0, b"");
        }
        Ok(())
    }

    /// When to call [`Mux::handle_timeout`] if nothing comes before.
    #[must_use]
    pub fn poll_timeout(&self) -> Moment {
        self.heard + if self.asked { SILENT_AFTER } else { PING_AFTER }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next message to send. It must be sent, and in this order: it is sealed when it is taken.
    pub fn poll_message(&mut self) -> Option<Vec<u8>> {
        let record = self.urgent.pop_front().or_else(|| {
            let (_, record) = self.content.pop_front()?;
            self.waiting = self.waiting.saturating_sub(record.len());
            Some(record)
        });
        // It fails only after BYE, which is the last record that was put in here.
        record.and_then(|record| self.sealer.seal_written(record).ok())
    }

    /// Whether [`Mux::poll_message`] has something.
    #[must_use]
    pub fn has_message(&self) -> bool {
        !self.urgent.is_empty() || !self.content.is_empty()
    }

    /// How much content waits to be sent, in bytes.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many records wait that are no content.
    #[must_use]
    pub fn urgent(&self) -> usize {
        self.urgent.len()
    }

    /// Says something on the session's own stream. The other end does not answer it.
    pub fn say(&mut self, message: &Message) {
        self.push_urgent(message.kind(), 0, &message.encode());
    }

    /// Asks, on a new stream; answers its number. `window` is how much of the answer may be under way, in bytes: at least
    /// [`STREAM_WINDOW_BYTES`].
    ///
    /// # Errors
    /// [`SendError::Full`] or [`SendError::TooLong`].
    pub fn open(&mut self, request: &Message, window: u32) -> Result<u32, SendError> {
        let stream = self.next;
        if self.said_bye || self.ours.len() >= STREAMS_PER_SESSION || stream >= u32::MAX - 2 {
            return Err(SendError::Full);
        }
        let bytes = request.encode();
        if bytes.len() > RECORD_PAYLOAD_BYTES {
            return Err(SendError::TooLong);
        }
        self.next += 2;
        self.push_urgent(request.kind(), stream, &bytes);
        self.ours.open(stream, u64::from(STREAM_WINDOW_BYTES));
        if let Some(more) = window.checked_sub(STREAM_WINDOW_BYTES).filter(|more| *more > 0) {
            self.grant(stream, more);
        }
        Ok(stream)
    }

    /// What came on a stream we opened at this `cost` has been taken away: the other end may send as much again.
    pub fn taken(&mut self, stream: u32, cost: usize) {
        if cost > 0 && self.ours.get(stream).is_some() {
            self.grant(stream, u32::try_from(cost).unwrap_or(u32::MAX));
        }
    }

    /// Ends a stream we opened before it is answered: nothing more of it comes out of [`Mux::poll_event`].
    pub fn cancel(&mut self, stream: u32) {
        if self.ours.close(stream) {
            let why = Reset::new(ResetCode::CANCELLED, "");
            self.push_urgent(Kind::RESET, stream, &message::encode(&why));
            self.events.retain(|event| !event.is_answer_on(stream));
        }
    }

    /// How much may be sent now, by [`cost`], on a stream that the other end opened; none where it is over.
    #[must_use]
    pub fn credit(&self, stream: u32) -> Option<u64> {
        self.theirs.get(stream)
    }

    /// Answers with a message.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn reply(&mut self, stream: u32, message: &Message) -> Result<(), SendError> {
        self.reply_encoded(stream, message.kind(), &message.encode())
    }

    /// Answers with a message of this kind that is encoded already.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn reply_encoded(&mut self, stream: u32, kind: Kind, encoded: &[u8]) -> Result<(), SendError> {
        self.push_content(kind, stream, encoded)
    }

    /// Answers with bytes.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn data(&mut self, stream: u32, bytes: &[u8]) -> Result<(), SendError> {
        self.push_content(Kind::DATA, stream, bytes)
    }

    /// Answers that this was all.
    ///
    /// # Errors
    /// [`SendError::Closed`].
    pub fn end(&mut self, stream: u32) -> Result<(), SendError> {
        self.push_content(Kind::END, stream, b"")?;
        self.theirs.close(stream);
        Ok(())
    }

    /// Answers that there will be no answer, or not all of it. What waits to be sent on the stream is not sent.
    pub fn reset(&mut self, stream: u32, why: &Reset) {
        if self.theirs.close(stream) {
            self.drop_content(stream);
            self.push_urgent(Kind::RESET, stream, &message::encode(why));
        }
    }

    /// Says BYE, after everything that waits to be sent. Nothing can be said after it.
    pub fn bye(&mut self) {
        if !self.said_bye {
            self.said_bye = true;
            self.content.push_back((0, Record::write(Kind::BYE, 0, b"")));
        }
    }

    /// Whether the other end said BYE before the connection was closed: else everything open was interrupted.
    pub fn handle_close(&mut self) -> super::Ending {
        self.opener.handle_close()
    }

    fn is_ours(&self, stream: u32) -> bool {
        (stream % 2 == 1) == (self.side == Side::Initiator)
    }

    /// A record on a stream we opened.
    fn answered(&mut self, stream: u32, record: Record) -> Result<(), MuxError> {
        if stream >= self.next {
            return Err(MuxError::Rules("an answer to what was not asked"));
        }
        // An answer to what we do not want any more was under way when we said so.
        let Some(window) = self.ours.get_mut(stream) else { return Ok(()) };
        let event = match record.kind {
            Kind::END => {
                self.ours.close(stream);
                Event::Ended { stream }
            }
            Kind::RESET => {
                self.ours.close(stream);
                Event::Failed { stream, why: message::decode(record.kind, record.payload())? }
            }
            kind => {
                let cost = cost(record.payload().len());
                *window = window.checked_sub(cost as u64).ok_or(MuxError::Rules("more than it had credit for"))?;
                match Message::decode(kind, record.payload())? {
                    _ if kind == Kind::DATA => Event::Data { stream, record },
                    Some(message) => Event::Reply { stream, message, cost },
                    None => {
                        self.taken(stream, cost);
                        return Ok(());
                    }
                }
            }
        };
        self.events.push_back(event);
        Ok(())
    }

    /// A record on a stream the other end opened, or opens with it.
    fn asked(&mut self, stream: u32, record: Record) -> Result<(), MuxError> {
        match record.kind {
            kind if kind.is_request() => {
                if stream <= self.last {
                    return Err(MuxError::Rules("a stream was opened twice"));
                }
                self.last = stream;
                let (message, bytes) = (Message::decode(kind, record.payload())?, record.payload().len());
                self.theirs.open(stream, u64::from(STREAM_WINDOW_BYTES));
                match message {
                    _ if self.theirs.len() > STREAMS_PER_SESSION => {
                        self.reset(stream, &Reset::new(ResetCode::BUSY, "too many requests at once"));
                    }
                    None => self.reset(stream, &Reset::new(ResetCode::UNKNOWN, "this program does not know how")),
                    Some(message) => self.events.push_back(Event::Request { stream, message, bytes }),
                }
            }
            _ if stream > self.last => return Err(MuxError::Rules("a stream that was not opened")),
            Kind::CREDIT => {
                let bytes = record.payload().try_into().map(u32::from_le_bytes);
                let bytes = bytes.map_err(|_| MuxError::Rules("credit of an odd length"))?;
                if let Some(credit) = self.theirs.get_mut(stream) {
                    *credit = credit.saturating_add(u64::from(bytes));
                    self.events.push_back(Event::Credit { stream, bytes });
                }
            }
            Kind::RESET => self.cancelled(stream),
            // Nothing else may follow a request in this version; a later one may have found a use for it.
            _ => {}
        }
        Ok(())
    }

    fn cancelled(&mut self, stream: u32) {
        if self.theirs.close(stream) {
            self.drop_content(stream);
            self.events.push_back(Event::Cancelled { stream });
        }
    }

    fn grant(&mut self, stream: u32, bytes: u32) {
        if let Some(window) = self.ours.get_mut(stream) {
            *window = window.saturating_add(u64::from(bytes));
            self.push_urgent(Kind::CREDIT, stream, &bytes.to_le_bytes());
        }
    }

    fn push_urgent(&mut self, kind: Kind, stream: u32, payload: &[u8]) {
        if !self.said_bye {
            self.urgent.push_back(Record::write(kind, stream, payload));
        }
    }

    fn push_content(&mut self, kind: Kind, stream: u32, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > RECORD_PAYLOAD_BYTES {
            return Err(SendError::TooLong);
        }
        let credit = self.theirs.get_mut(stream).filter(|_| !self.said_bye).ok_or(SendError::Closed)?;
        // An END is no answer, only its end.
        let cost = if kind == Kind::END { 0 } else { cost(payload.len()) };
        *credit = credit.checked_sub(cost as u64).ok_or(SendError::Credit)?;
        let record = Record::write(kind, stream, payload);
        self.waiting += record.len();
        self.content.push_back((stream, record));
        Ok(())
    }

    fn drop_content(&mut self, stream: u32) {
        self.content.retain(|(of, _)| *of != stream);
        self.waiting = self.content.iter().map(|(_, record)| record.len()).sum();
    }
}

impl Event {
    fn is_answer_on(&self, asked: u32) -> bool {
        match self {
            Self::Reply { stream, .. }
            | Self::Data { stream, .. }
            | Self::Ended { stream }
            | Self::Failed { stream, .. } => *stream == asked,
            Self::Said(_) | Self::Request { .. } | Self::Cancelled { .. } | Self::Credit { .. } | Self::Bye => false,
        }
    }
}

#[cfg(test)]
#[path = "tests/mux.rs"]
mod tests;
