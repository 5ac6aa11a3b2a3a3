//! The task that keeps one session going: the only place that touches its socket.
//!
//! It reads and writes at the same time, or two ends that both have much to send would wait for each other for ever.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{Sink, SinkExt, StreamExt};
use shared::Moment;
use shared::bridge::{Ending, Event, Message, Mux, MuxError, Opener, Reset, ResetCode, Sealer, Side};
use shared::limits::{self, REQUESTS_BYTES};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_util::sync::CancellationToken;

use super::answer::Room;
use super::{Answer, CHUNKS, Chunk, Command, Handler, Reply, Signal};

/// How long the last words may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Records that wait and are no content, from which on nothing more is said.
const URGENT: usize = 8;

/// How a session ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// One of the two said BYE.
    #[error("closed")]
    Closed,
    /// The connection went away, or the other end did.
    #[error("the connection broke off: {0}")]
    Interrupted(String),
    /// The other end broke the rules, or somebody in between did.
    #[error(transparent)]
    Broken(#[from] MuxError),
}

/// The driver's ends of a link's channels.
pub(super) struct Ends {
    pub(super) commands: mpsc::Receiver<Box<Command>>,
    pub(super) signals: mpsc::UnboundedReceiver<Signal>,
    pub(super) signal: mpsc::UnboundedSender<Signal>,
    /// How many requests are being answered, for others to see.
    pub(super) answering: Arc<AtomicUsize>,
    pub(super) closing: CancellationToken,
}

/// What a driver knows of its streams.
struct Streams<H> {
    mux: Mux,
    handler: Arc<H>,
    /// Ours: where answers go.
    ours: BTreeMap<u32, mpsc::UnboundedSender<Reply>>,
    /// Theirs: what may be sent, and how large the request is.
    theirs: BTreeMap<u32, (Room, usize)>,
    /// How large all of those are.
    asked_bytes: usize,
    answering: JoinSet<()>,
    chunks: mpsc::Sender<Chunk>,
    signal: mpsc::UnboundedSender<Signal>,
    said_bye: bool,
}

/// Drives a session to its end.
pub(super) async fn drive<S, H>(
    sealer: Sealer,
    opener: Opener,
    socket: WebSocketStream<S>,
    side: Side,
    handler: Arc<H>,
    ends: Ends,
) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let start = Instant::now();
    let now = || Moment::default() + start.elapsed();
    let Ends { mut commands, mut signals, signal, answering, closing } = ends;
    let (chunks, mut at_chunks) = mpsc::channel(CHUNKS);
    let mut streams = Streams {
        mux: Mux::new(sealer, opener, side, now()),
        handler,
        ours: BTreeMap::new(),
        theirs: BTreeMap::new(),
        asked_bytes: 0,
        answering: JoinSet::new(),
        chunks,
        signal,
        said_bye: false,
    };
    let (mut sink, mut source) = socket.split();
    let mut is_flushed = true;
    let ended = loop {
        let wake = start + Duration::from_millis(streams.mux.poll_timeout().0);
        let has_message = streams.mux.has_message();
        answering.store(streams.theirs.len(), Ordering::Relaxed);
        tokio::select! {
            Some(signal) = signals.recv() => streams.signalled(signal),
            () = closing.cancelled() => break Ended::Closed,
            // What is said is not bounded by credit: it waits here, where its queue is, for a network that takes nothing.
            Some(command) = commands.recv(), if streams.mux.urgent() < URGENT => {
                // Who gives something up and asks for another means it in this order.
                while let Ok(signal) = signals.try_recv() {
                    streams.signalled(signal);
                }
                streams.commanded(*command);
            }
            // One chunk is sealed and on its way before the next is taken: the rest waits where it is bounded.
            Some(chunk) = at_chunks.recv(), if streams.mux.waiting() == 0 => streams.answered(chunk),
            // Room for the next message, or the last one's way into the network.
            ready = poll_fn(|cx| if has_message { sink.poll_ready_unpin(cx) } else { sink.poll_flush_unpin(cx) }),
                if has_message || !is_flushed =>
            {
                is_flushed = !has_message;
                let message = streams.mux.poll_message().map(tungstenite::Bytes::from);
                let sent = message.map_or(Ok(()), |message| sink.start_send_unpin(message.into()));
                if let Err(error) = ready.and(sent) {
                    break Ended::Interrupted(error.to_string());
                }
            }
            came = source.next() => match came {
                Some(Ok(tungstenite::Message::Binary(message))) => {
                    if let Err(error) = streams.mux.handle_message(message.into(), now()) {
                        break error.into();
                    }
                    streams.happened();
                    if streams.said_bye {
                        break Ended::Closed;
                    }
                }
                // The browser answers these by itself, and so do we.
                Some(Ok(tungstenite::Message::Ping(_) | tungstenite::Message::Pong(_))) => {}
                Some(Ok(_)) | None => break match streams.mux.handle_close() {
                    Ending::Bye => Ended::Closed,
                    Ending::Interrupted => Ended::Interrupted("the other end went away".into()),
                },
                Some(Err(error)) => break Ended::Interrupted(error.to_string()),
            },
            Some(_) = streams.answering.join_next() => {}
            () = tokio::time::sleep_until(wake.into()) => {
                if let Err(error) = streams.mux.handle_timeout(now()) {
                    break error.into();
                }
            }
        }
    };
    if let Ended::Closed = ended {
        // What was to be said before, such as who we are, is said before: the other end may have left at once.
        while let Ok(command) = commands.try_recv() {
            streams.commanded(*command);
        }
        streams.mux.bye();
        // Whether it still hears us makes no difference.
        let _heard = tokio::time::timeout(FAREWELL, farewell(&mut streams.mux, &mut sink)).await;
    }
    streams.theirs.values().for_each(|(room, _)| room.close());
    ended
}

/// Sends all that waits, BYE at last.
async fn farewell<W>(mux: &mut Mux, sink: &mut W) -> Result<(), tungstenite::Error>
where
    W: Sink<tungstenite::Message, Error = tungstenite::Error> + Unpin,
{
    while let Some(message) = mux.poll_message() {
        sink.feed(tungstenite::Message::Binary(message.into())).await?;
    }
    sink.close().await
}

/// Whether a message lists no more than its kind may: in memory an entry takes up to fifty times its bytes on the wire, which
/// are what is counted.
fn is_within_bounds(message: &Message) -> bool {
    match message {
        // More than are looked at, so that a roster may grow.
        Message::Exchange(exchange) => exchange.tell.len() <= 8 * limits::ROSTER_TEXTS_PER_EXCHANGE,
        Message::Put(put) => put.files.len() <= limits::PUT_FILES,
        Message::ReadMany(read) => read.paths.len() <= limits::BATCH_FILES,
        Message::Files(files) => files.sizes.len() <= limits::BATCH_FILES,
        Message::Found(found) => found.rows.len() <= limits::ROWS_PER_RECORD,
        Message::Changes(changes) => changes.put.len() + changes.gone.len() <= limits::ROWS_PER_RECORD,
        _ => true,
    }
}

impl<H: Handler> Streams<H> {
    fn commanded(&mut self, command: Command) {
        match command {
            Command::Say(message) => self.mux.say(&message),
            Command::Open { request, window, opened, replies } => match self.mux.open(&request, window) {
                Ok(stream) => {
                    self.ours.insert(stream, replies);
                    if opened.send(stream).is_err() {
                        self.cancelled(stream);
                    }
                }
                Err(error) => {
                    // Number 0 is the session itself: nothing that is said of it finds a stream.
                    let why = Reset::new(ResetCode::OTHER, error.to_string());
                    if opened.send(0).is_ok() {
                        let _over = replies.send(Reply::Failed(why));
                    }
                }
            },
        }
    }

    fn signalled(&mut self, signal: Signal) {
        match signal {
            Signal::Taken(stream, cost) => self.mux.taken(stream, cost),
            Signal::Cancel(stream) => self.cancelled(stream),
            Signal::Reset(stream, why) => {
                self.over(stream);
                self.mux.reset(stream, &why);
            }
        }
    }

    fn cancelled(&mut self, stream: u32) {
        self.ours.remove(&stream);
        self.mux.cancel(stream);
    }

    /// Part of an answer of ours. That its stream is over is no error: its sender will notice.
    fn answered(&mut self, chunk: Chunk) {
        let (stream, sent) = match chunk {
            Chunk::Reply(stream, kind, encoded) => (stream, self.mux.reply_encoded(stream, kind, &encoded)),
            Chunk::Data(stream, bytes) => (stream, self.mux.data(stream, &bytes)),
            Chunk::End(stream) => {
                self.over(stream);
                (stream, self.mux.end(stream))
            }
        };
        if let Err(error) = sent {
            self.mux.reset(stream, &Reset::new(ResetCode::OTHER, error.to_string()));
        }
    }

    /// All that a message from the other end brought about.
    fn happened(&mut self) {
        while let Some(event) = self.mux.poll_event() {
            match event {
                Event::Said(message) => self.handler.said(message),
                Event::Request { stream, message, .. } if !is_within_bounds(&message) => {
                    self.mux.reset(stream, &Reset::new(ResetCode::BAD_REQUEST, "too much for one request"));
                }
                Event::Request { stream, message, bytes } => self.asked(stream, message, bytes),
                Event::Cancelled { stream } => {
                    if let Some(room) = self.over(stream) {
                        room.close();
                    }
                }
                Event::Credit { stream, bytes } => {
                    if let Some((room, _)) = self.theirs.get(&stream) {
                        room.add(bytes);
                    }
                }
                Event::Reply { stream, message, .. } if !is_within_bounds(&message) => {
                    let why = Reset::new(ResetCode::OTHER, "it answers with more than fits into one message");
                    self.reply(stream, Reply::Failed(why));
                    self.cancelled(stream);
                }
                Event::Reply { stream, message, cost } => self.reply(stream, Reply::Message(message, cost)),
                Event::Data { stream, record } => self.reply(stream, Reply::Data(record)),
                Event::Ended { stream } => {
                    self.reply(stream, Reply::End);
                    self.ours.remove(&stream);
                }
                Event::Failed { stream, why } => {
                    self.reply(stream, Reply::Failed(why));
                    self.ours.remove(&stream);
                }
                Event::Bye => self.said_bye = true,
            }
        }
    }

    /// Has a request answered, for as long as whoever asked wants that: what nobody waits for must not add up.
    fn asked(&mut self, stream: u32, message: Message, bytes: usize) {
        if self.asked_bytes.saturating_add(bytes) > REQUESTS_BYTES {
            return self.mux.reset(stream, &Reset::new(ResetCode::BUSY, "too much is asked at once"));
        }
        self.asked_bytes += bytes;
        let room = Room::new(self.mux.credit(stream).unwrap_or_default());
        self.theirs.insert(stream, (room.clone(), bytes));
        let answer = Answer::new(stream, room.clone(), self.chunks.clone(), self.signal.clone());
        let handler = Arc::clone(&self.handler);
        self.answering.spawn(async move {
            tokio::select! {
                () = handler.asked(message, answer) => {}
                () = room.closed() => {}
            }
        });
    }

    /// A request is answered, or not wanted any more.
    fn over(&mut self, stream: u32) -> Option<Room> {
        let (room, bytes) = self.theirs.remove(&stream)?;
        self.asked_bytes = self.asked_bytes.saturating_sub(bytes);
        Some(room)
    }

    fn reply(&mut self, stream: u32, reply: Reply) {
        // Who asked may be gone, even before it knew its stream.
        if self.ours.get(&stream).is_some_and(|replies| replies.send(reply).is_err()) {
            self.cancelled(stream);
        }
    }
}
