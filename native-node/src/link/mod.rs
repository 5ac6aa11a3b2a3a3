//! A session under way: what a task of its own keeps going, and what everybody else asks and answers through.
//!
//! The rules are [`shared::bridge::Mux`]'s; here are the socket and the clock. A [`Link`] asks and gets [`Replies`]; what
//! the other end asks goes to a [`Handler`], which gets an [`Answer`] to give. Nothing here knows what any of it means.
//!
//! Every queue is bounded: what comes in by the credit of its stream, what goes out by a few chunks, signals by the streams
//! there may be. A handler's task ends with the session or when nobody wants its answer any more.

mod answer;
mod drive;
mod replies;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shared::Hex;
use shared::bridge::{Exporter, InstanceId, Kind, Message, Reset, Session, Side};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_util::sync::CancellationToken;

pub use answer::{Answer, Unwanted};
pub use drive::Ended;
pub use replies::{LinkError, Replies, Reply};

/// Requests of ours that may be under way at once in one session; further ones wait. Below what the other end allows.
const REQUESTS: usize = 192;
/// How long a question waits for its place among those, and on its way to the driver.
const ASKED_WITHIN: Duration = Duration::from_secs(30);
/// Commands that wait for the driver.
const COMMANDS: usize = 32;
/// Chunks, of all streams together, that wait for the socket.
const CHUNKS: usize = 4;

/// What a session's other end may ask, and what becomes of it.
pub trait Handler: Send + Sync + 'static {
    /// It said something that wants no answer; must not take long.
    fn said(&self, message: Message);

    /// It asks. Dropping the answer without ending it tells the other end that there is none.
    fn asked(self: Arc<Self>, request: Message, answer: Answer) -> impl Future<Output = ()> + Send;
}

/// A session that can be asked. Clones are the same session; it lives until it breaks or [`Link::close`].
#[derive(Debug, Clone)]
pub struct Link {
    commands: mpsc::Sender<Box<Command>>,
    signals: mpsc::UnboundedSender<Signal>,
    places: Arc<Semaphore>,
    /// Requests of the other end that are being answered.
    answering: Arc<AtomicUsize>,
    bond: Arc<Bond>,
    closing: CancellationToken,
    closed: CancellationToken,
}

/// What the handshake left.
#[derive(Debug)]
struct Bond {
    other_end: InstanceId,
    is_dialed: bool,
    exporter: Exporter,
}

/// What waits its turn. In boxes, as all that is large: a queue keeps room for 32 of what it is for, and idle sessions are many.
#[derive(Debug)]
enum Command {
    /// Ask; the stream's number comes back first.
    Open {
        request: Message,
        window: u32,
        opened: oneshot::Sender<u32>,
        replies: mpsc::UnboundedSender<Reply>,
    },
    Say(Message),
}

/// What never waits. There are at most a few for each stream and each record that came in.
#[derive(Debug)]
enum Signal {
    /// A record that came on a stream of ours needs no room any more.
    Taken(u32, usize),
    /// Nobody waits for this stream of ours any more.
    Cancel(u32),
    /// A stream of theirs is over without an end.
    Reset(u32, Box<Reset>),
}

/// Part of an answer, on its way to the socket.
#[derive(Debug)]
enum Chunk {
    /// A message, encoded.
    Reply(u32, Kind, Vec<u8>),
    Data(u32, bytes::Bytes),
    End(u32),
}

impl Link {
    /// Keeps a session going in a task of its own, until it breaks or is closed. Answers the link, and the task's end.
    pub fn start<S, H>(
        session: Session,
        socket: WebSocketStream<S>,
        side: Side,
        handler: Arc<H>,
    ) -> (Self, tokio::task::JoinHandle<Ended>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        H: Handler,
    {
        let (link, _, ended) = Self::start_with(session, socket, side, |_| handler);
        (link, ended)
    }

    /// The same, for a handler that asks back: it is made with the link, before anything comes in.
    pub fn start_with<S, H>(
        session: Session,
        socket: WebSocketStream<S>,
        side: Side,
        handler: impl FnOnce(&Self) -> Arc<H>,
    ) -> (Self, Arc<H>, tokio::task::JoinHandle<Ended>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        H: Handler,
    {
        let (commands, at_commands) = mpsc::channel(COMMANDS);
        let (signals, at_signals) = mpsc::unbounded_channel();
        let Session { sealer, opener, exporter, peer } = session;
        let bond = Bond { other_end: peer.id, is_dialed: side == Side::Initiator, exporter };
        let (closing, closed) = (CancellationToken::new(), CancellationToken::new());
        let link = Self {
            commands,
            signals: signals.clone(),
            places: Arc::new(Semaphore::new(REQUESTS)),
            answering: Arc::default(),
            bond: Arc::new(bond),
            closing: closing.clone(),
            closed: closed.clone(),
        };
        let answering = Arc::clone(&link.answering);
        let ends = drive::Ends { commands: at_commands, signals: at_signals, signal: signals, answering, closing };
        let handler = handler(&link);
        let driving = drive::drive(sealer, opener, socket, side, Arc::clone(&handler), ends);
        let task = tokio::spawn(async move {
            let _tells = closed.drop_guard();
            driving.await
        });
        (link, handler, task)
    }

    /// Asks, and answers what comes back as it comes. `window` bounds what may be under way to us, in bytes; 0 is the least
    /// there is ([`shared::limits::STREAM_WINDOW_BYTES`]).
    ///
    /// # Errors
    /// [`LinkError::Interrupted`] if the session is over; [`LinkError::Silent`] if there is no place for a question in it for
    /// too long, as much else being asked that is not taken.
    pub async fn ask(&self, request: impl Into<Message>, window: u32) -> Result<Replies, LinkError> {
        let asking = self.asked(request.into(), window);
        tokio::time::timeout(ASKED_WITHIN, asking).await.unwrap_or(Err(LinkError::Silent))
    }

    async fn asked(&self, request: Message, window: u32) -> Result<Replies, LinkError> {
        let interrupted = |_| LinkError::Interrupted;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| LinkError::Interrupted)?;
        let ((opened, at_opened), (replies, at_replies)) = (oneshot::channel(), mpsc::unbounded_channel());
        let open = Command::Open { request, window, opened, replies };
        self.commands.send(Box::new(open)).await.map_err(|_| LinkError::Interrupted)?;
        let stream = at_opened.await.map_err(interrupted)?;
        Ok(Replies::new(stream, at_replies, self.signals.clone(), place))
    }

    /// Says something that wants no answer.
    ///
    /// # Errors
    /// [`LinkError::Interrupted`] if the session is over.
    pub async fn say(&self, message: impl Into<Message>) -> Result<(), LinkError> {
        self.commands.send(Box::new(Command::Say(message.into()))).await.map_err(|_| LinkError::Interrupted)
    }

    /// Says something before anything else, right after [`Link::start`]: then nothing else waits, and this does not either.
    /// False if something does, and nothing was said.
    #[must_use]
    pub fn say_first(&self, message: impl Into<Message>) -> bool {
        self.commands.try_send(Box::new(Command::Say(message.into()))).is_ok()
    }

    /// Ends the session in good order; what is under way is interrupted.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// The id that the other end gave itself in the handshake, random per process. Who accepted us has it for certain where
    /// it is honest; who called us may have taken anybody's.
    #[must_use]
    pub fn other_end(&self) -> InstanceId {
        self.bond.other_end
    }

    /// Whether we opened the session.
    #[must_use]
    pub fn is_dialed(&self) -> bool {
        self.bond.is_dialed
    }

    /// Whether both are the same session.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bond, &other.bond)
    }

    /// What shows, said over the session `over`, that who says it is an end of this session too: it follows from the keys of
    /// both, so nobody can have it from somebody else.
    #[must_use]
    pub fn proof(&self, over: &Self) -> [u8; 32] {
        let bound = over.bond.exporter.secret("same");
        *self.bond.exporter.secret(&format!("same as {}", Hex(&bound[..])))
    }

    /// Whether neither end asks the other anything at the moment.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.places.available_permits() == REQUESTS && self.answering.load(Ordering::Relaxed) == 0
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Waits until the session is over.
    pub async fn closed(&self) {
        self.closed.cancelled().await;
    }
}
