//! Two links over a pipe: what one asks, the other answers.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use shared::bridge::{
    Address, Exchange, Exchanged, Flags, Initiator, InstanceId, Randomness, Read, ResetCode, Responder, Secret,
};
use shared::{Moment, Password};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::{self, protocol::Role};

use super::*;

/// Two ends of one handshake.
fn sessions() -> (Session, Session) {
    sessions_of(0)
}

/// The same, of other randomness.
fn sessions_of(number: u8) -> (Session, Session) {
    let secret = Secret::derive(&Password::new("correct horse"), "").unwrap();
    let random = |byte| Randomness::from_bytes([byte + 2 * number; 48]);
    let (now, name) = (Moment(0), "a:1/bridge".parse().unwrap());
    let mut i = Initiator::new(&secret, InstanceId([1; 16]), Flags::default(), name, random(1), now);
    let mut r = Responder::new(&secret, InstanceId([2; 16]), Flags::default(), Box::new(|_| true), random(2), now);
    while !(i.is_done() && r.is_done()) {
        if let Some(message) = r.poll_message() {
            i.handle_message(&message, now).unwrap();
        }
        if let Some(message) = i.poll_message() {
            r.handle_message(&message, now).unwrap();
        }
    }
    (i.finish().unwrap(), r.finish().unwrap())
}

/// Answers a read with as many bytes as its path says, and notices what becomes of it.
#[derive(Default)]
struct Source {
    heard: Mutex<Vec<Message>>,
    sent: Mutex<usize>,
    stopped: Notify,
}

/// Notices that an answer is over, or dropped.
struct Stops<'a>(&'a Notify);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Handler for Source {
    fn said(&self, message: Message) {
        self.heard.lock().unwrap().push(message);
    }

    async fn asked(self: Arc<Self>, request: Message, mut answer: Answer) {
        let Message::Read(Read { path, .. }) = request else {
            let known = Exchanged { peers: vec![] };
            answer.reply(known).await.unwrap();
            return answer.end().await.unwrap();
        };
        let _stops = Stops(&self.stopped);
        let mut left: usize = path.parse().unwrap();
        while left > 0 {
            let piece = left.min(100_000);
            if answer.data(vec![7; piece].into()).await.is_err() {
                return;
            }
            *self.sent.lock().unwrap() += piece;
            left -= piece;
        }
        answer.end().await.unwrap();
    }
}

struct Ends {
    here: Link,
    there: Link,
    source: Arc<Source>,
    ended: tokio::task::JoinHandle<Ended>,
}

async fn linked() -> Ends {
    linked_by(sessions()).await
}

async fn linked_by((i, r): (Session, Session)) -> Ends {
    let (near, far) = tokio::io::duplex(64 << 10);
    let near = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    let source = Arc::new(Source::default());
    let (here, _) = Link::start(i, near, Side::Initiator, Arc::new(Source::default()));
    let (there, ended) = Link::start(r, far, Side::Responder, Arc::clone(&source));
    Ends { here, there, source, ended }
}

fn read(length: usize) -> Read {
    let path = length.to_string();
    Read { peer: None, of: String::new(), path, from: 0, length: None, version: None, reader: None, aside: None }
}

async fn count(mut replies: Replies) -> Result<usize, LinkError> {
    let mut count = 0;
    while let Some(reply) = replies.next().await? {
        let Reply::Data(record) = reply else { panic!("{reply:?}") };
        count += record.payload().len();
    }
    Ok(count)
}

#[tokio::test]
async fn both_ends_ask_at_once_and_get_all() {
    let Ends { here, there, source, .. } = linked().await;
    here.say(Address { url: "u".into() }).await.unwrap();
    let (mut one, two) = (here.ask(read(9 << 20), 0).await.unwrap(), there.ask(read(5 << 20), 4 << 20).await.unwrap());
    let other = here.ask(Exchange { of: String::new(), tell: vec![] }, 0).await.unwrap().message().await;
    assert_eq!(other, Ok(Exchanged { peers: vec![] }.into()));
    assert!(matches!(one.next().await, Ok(Some(Reply::Data(_)))));
    let (one, two) = tokio::join!(count(one), count(two));
    assert_eq!((one, two), (Ok((9 << 20) - 100_000), Ok(5 << 20)));
    assert_eq!(*source.heard.lock().unwrap(), [Message::from(Address { url: "u".into() })]);
}

#[tokio::test]
async fn who_does_not_take_what_came_gets_no_more_than_the_window() {
    let Ends { here, source, .. } = linked().await;
    let mut slow = here.ask(read(50 << 20), 0).await.unwrap();
    assert!(matches!(slow.next().await, Ok(Some(Reply::Data(_)))));
    // Others are served meanwhile, however much they want.
    assert_eq!(count(here.ask(read(20 << 20), 0).await.unwrap()).await, Ok(20 << 20));
    let of_slow = *source.sent.lock().unwrap() - (20 << 20);
    assert!(of_slow <= shared::limits::STREAM_WINDOW_BYTES as usize, "{of_slow} bytes were sent to who takes nothing");
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_is_stopped() {
    let Ends { here, source, .. } = linked().await;
    let replies = here.ask(read(usize::MAX), 0).await.unwrap();
    drop(replies);
    tokio::time::timeout(Duration::from_secs(20), source.stopped.notified()).await.expect("it is told");
}

/// A session whose ends both do this with what they are asked.
async fn linked_to<H: Handler>(handler: H) -> (Link, Link) {
    let (near, far) = tokio::io::duplex(64 << 10);
    let near = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    let ((i, r), handler) = (sessions(), Arc::new(handler));
    let (here, _) = Link::start(i, near, Side::Initiator, Arc::clone(&handler));
    let (there, _) = Link::start(r, far, Side::Responder, handler);
    (here, there)
}

/// Waits for what never comes, whatever it is asked, and notices what becomes of it.
struct Waits(Arc<Notify>);

impl Handler for Waits {
    fn said(&self, _: Message) {}

    async fn asked(self: Arc<Self>, _: Message, _answer: Answer) {
        let _stops = Stops(&self.0);
        std::future::pending().await
    }
}

#[tokio::test]
async fn what_nobody_wants_any_more_is_dropped_whatever_it_waits_for() {
    let stopped = Arc::new(Notify::new());
    let (here, _there) = linked_to(Waits(Arc::clone(&stopped))).await;
    drop(here.ask(read(1), 0).await.unwrap());
    tokio::time::timeout(Duration::from_secs(20), stopped.notified()).await.expect("it is dropped");
}

#[tokio::test]
async fn who_asks_for_too_much_at_once_is_told_to_come_again() {
    let (here, _there) = linked_to(Waits(Arc::default())).await;
    let large = || Read { path: "x".repeat(900 << 10), ..read(0) };
    let mut open = Vec::new();
    for _ in 0..shared::limits::REQUESTS_BYTES / (900 << 10) {
        open.push(here.ask(large(), 0).await.unwrap());
    }
    let is_refused = async || {
        let mut refused = here.ask(large(), 0).await.unwrap();
        assert_eq!(refused.next().await.unwrap_err().code(), Some(ResetCode::BUSY));
    };
    is_refused().await;
    // What is small still has room, and what is not wanted any more gives back its own.
    let mut small = here.ask(read(0), 0).await.unwrap();
    open.pop();
    let mut again = here.ask(large(), 0).await.unwrap();
    is_refused().await;
    // Both would have been refused before.
    assert!(small.next().now_or_never().is_none() && again.next().now_or_never().is_none());
}

#[tokio::test]
async fn who_lists_more_than_fits_into_one_request_is_refused() {
    let (here, _there) = linked_to(Waits(Arc::default())).await;
    let exchange = |count| Exchange { of: String::new(), tell: vec![String::new(); count] };
    let mut refused = here.ask(exchange(100_000), 0).await.unwrap();
    assert_eq!(refused.next().await.unwrap_err().code(), Some(ResetCode::BAD_REQUEST));
    let mut taken = here.ask(exchange(512), 0).await.unwrap();
    // An answer to what is asked later: the other is being looked at.
    let again = here.ask(exchange(100_000), 0).await.unwrap().next().await;
    assert!(again.is_err() && taken.next().now_or_never().is_none());
}

#[tokio::test]
async fn what_is_said_to_who_takes_nothing_waits() {
    let (near, _far) = tokio::io::duplex(64 << 10);
    let near = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let (here, _) = Link::start(sessions().0, near, Side::Initiator, Arc::new(Source::default()));
    let mut said = 0;
    let saying = async {
        while here.say(Address { url: "x".repeat(100_000) }).await.is_ok() {
            said += 1;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(2), saying).await;
    assert!(ended.is_err() && said <= COMMANDS + 16, "{said} were taken");
}

#[tokio::test]
async fn an_answer_that_is_dropped_is_no_end() {
    struct Dropping;
    impl Handler for Dropping {
        fn said(&self, _: Message) {}
        async fn asked(self: Arc<Self>, _: Message, mut answer: Answer) {
            answer.data(Bytes::from_static(b"half")).await.unwrap();
        }
    }
    let (here, _there) = linked_to(Dropping).await;
    let failed = count(here.ask(read(1), 0).await.unwrap()).await.unwrap_err();
    assert_eq!(failed.code(), Some(ResetCode::OTHER));
}

#[tokio::test]
async fn who_looks_away_now_and_then_waits_no_longer_for_who_is_silent() {
    struct Silent;
    impl Handler for Silent {
        fn said(&self, _: Message) {}
        async fn asked(self: Arc<Self>, _: Message, answer: Answer) {
            answer.unwanted().await;
        }
    }
    let (here, _there) = linked_to(Silent).await;
    let mut replies = here.ask(read(1), 0).await.unwrap().within(Duration::from_millis(100));
    let mut looked_away = 0;
    let failed = loop {
        match tokio::time::timeout(Duration::from_millis(10), replies.next()).await {
            Ok(reply) => break reply.unwrap_err(),
            Err(_) => looked_away += 1,
        }
        assert!(looked_away < 100);
    };
    assert_eq!(failed, LinkError::Silent);
}

#[tokio::test]
async fn who_leaves_at_once_hears_first_who_was_there() {
    use futures_util::{SinkExt, StreamExt};
    for _ in 0..50 {
        let (near, far) = tokio::io::duplex(64 << 10);
        let near = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        let mut far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
        let (i, mut r) = sessions();
        let bye = r.sealer.bye().unwrap();
        far.send(tungstenite::Message::binary(bye)).await.unwrap();
        let (here, _) = Link::start(i, near, Side::Initiator, Arc::new(Source::default()));
        assert!(here.say_first(Address { url: "http://a:1".into() }));
        let mut kinds = Vec::new();
        while let Some(Ok(tungstenite::Message::Binary(record))) = far.next().await {
            kinds.push(r.opener.open(record.into()).unwrap().kind);
        }
        assert_eq!(kinds, [shared::bridge::Kind::ADDRESS, shared::bridge::Kind::BYE]);
    }
}

#[tokio::test]
async fn a_session_that_ends_interrupts_what_is_open_and_says_so() {
    let Ends { here, there, ended, .. } = linked().await;
    let mut replies = here.ask(read(usize::MAX), 0).await.unwrap();
    assert!(matches!(replies.next().await, Ok(Some(Reply::Data(_)))));
    there.close();
    while let Ok(Some(_)) = replies.next().await {}
    assert!(matches!(ended.await, Ok(Ended::Closed)));
    tokio::time::timeout(Duration::from_secs(20), here.closed()).await.expect("it notices");
    assert_eq!(here.ask(read(1), 0).await.map(drop), Err(LinkError::Interrupted));
}

#[tokio::test]
async fn many_requests_wait_for_their_turn() {
    let Ends { here, .. } = linked().await;
    let asking = (0..600).map(|_| async { count(here.ask(read(1_000), 0).await.unwrap()).await });
    let counts = futures_util::future::join_all(asking).await;
    assert!(counts.iter().all(|count| *count == Ok(1_000)));
}

/// The ends of two sessions know the same of them, and nobody gets it for another pair of sessions.
#[tokio::test]
async fn two_sessions_prove_that_they_have_the_same_ends() {
    let (one, other, third) = (linked().await, linked_by(sessions_of(1)).await, linked_by(sessions_of(2)).await);
    assert_eq!(one.here.proof(&other.here), one.there.proof(&other.there));
    let proofs = [
        one.here.proof(&other.here),
        other.here.proof(&one.here),
        one.here.proof(&third.here),
        third.here.proof(&other.here),
        one.here.proof(&one.here),
    ];
    let different: std::collections::BTreeSet<_> = proofs.iter().collect();
    assert_eq!(different.len(), proofs.len());
    assert!(one.here.is_dialed() && !one.there.is_dialed());
    assert!(one.here.is_same(&one.here.clone()) && !one.here.is_same(&other.here));
    assert_eq!((one.here.other_end(), one.there.other_end()), (InstanceId([2; 16]), InstanceId([1; 16])));
}

#[tokio::test]
async fn a_session_is_quiet_while_neither_end_asks() {
    let Ends { here, there, .. } = linked().await;
    assert!(here.is_quiet() && there.is_quiet());
    let mut replies = here.ask(read(usize::MAX), 0).await.unwrap();
    assert!(matches!(replies.next().await, Ok(Some(Reply::Data(_)))));
    assert!(!here.is_quiet() && !there.is_quiet());
    drop(replies);
    let quiet = async {
        while !(here.is_quiet() && there.is_quiet()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), quiet).await.expect("both are");
}
