//! The streams of a tab against the other end's own Mux, over no network at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use shared::bridge::{
    Address, File, Flags, Initiator, InstanceId, Randomness, Read, ResetCode, Responder, Secret, Ticketed, Version,
};
use shared::limits::{SILENT_AFTER, STREAM_WINDOW_BYTES};
use zeroize::Zeroizing;

use super::*;

const NOW: Moment = Moment(1_000);

/// Both ends of a session.
struct Ends {
    tab: Streams,
    node: Mux,
}

impl Ends {
    fn new() -> Self {
        let secret = Secret::from_derived(Zeroizing::new([7; 32]));
        let random = |first| Randomness::from_bytes([first; 48]);
        let (ours, theirs) = (InstanceId([1; 16]), InstanceId([2; 16]));
        let name = "attic:9004/bridge".parse().unwrap();
        let mut tab = Initiator::new(&secret, ours, Flags::default(), name, random(3), NOW);
        let names = Box::new(|_: &shared::bridge::Destination| true);
        let mut node = Responder::new(&secret, theirs, Flags::default(), names, random(4), NOW);
        while !(tab.is_done() && node.is_done()) {
            while let Some(message) = node.poll_message() {
                tab.handle_message(&message, NOW).unwrap();
            }
            while let Some(message) = tab.poll_message() {
                node.handle_message(&message, NOW).unwrap();
            }
        }
        let (tab, node) = (tab.finish().unwrap(), node.finish().unwrap());
        let node = Mux::new(node.sealer, node.opener, Side::Responder, NOW);
        Self { tab: Streams::new(tab, NOW), node }
    }

    /// Takes everything that waits to the other end; answers what the node began.
    fn carry(&mut self) -> Vec<Begun> {
        let mut begun = Vec::new();
        loop {
            let to_node: Vec<_> = std::iter::from_fn(|| self.tab.poll_message()).collect();
            let to_tab: Vec<_> = std::iter::from_fn(|| self.node.poll_message()).collect();
            if to_node.is_empty() && to_tab.is_empty() {
                return begun;
            }
            to_node.into_iter().for_each(|message| self.node.handle_message(message, NOW).unwrap());
            to_tab.into_iter().for_each(|message| begun.extend(self.tab.handle_message(message, NOW).unwrap()));
        }
    }
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn task() -> (Arc<Counter>, Waker) {
    let counter = Arc::new(Counter::default());
    (Arc::clone(&counter), Waker::from(counter))
}

fn read() -> Message {
    Read {
        peer: None,
        of: String::new(),
        path: "a".into(),
        from: 0,
        length: None,
        version: None,
        reader: None,
        aside: None,
    }
    .into()
}

fn request(node: &mut Mux) -> u32 {
    loop {
        match node.poll_event() {
            Some(Event::Request { stream, .. }) => return stream,
            Some(_) => {}
            None => panic!("nothing was asked"),
        }
    }
}

#[test]
fn an_answer_wakes_who_waits_and_taking_it_makes_room() {
    let mut ends = Ends::new();
    let (woken, waker) = task();
    let cx = Context::from_waker(&waker);
    let stream = ends.tab.ask(&read(), 0).unwrap();
    assert!(ends.tab.poll_reply(stream, &cx).is_pending());
    let _ = ends.carry();
    let asked = request(&mut ends.node);
    let ticketed = Message::from(Ticketed { href: "/get/x".into(), version: Version { size: 1, modified: 2 } });
    ends.node.reply(asked, &ticketed).unwrap();
    ends.node.end(asked).unwrap();
    let _ = ends.carry();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    let Poll::Ready(Some(Reply::Message(message))) = ends.tab.poll_reply(stream, &cx) else { panic!() };
    assert_eq!(message, ticketed);
    assert!(matches!(ends.tab.poll_reply(stream, &cx), Poll::Ready(Some(Reply::Ended))));
}

#[test]
fn what_is_not_taken_is_not_sent() {
    let mut ends = Ends::new();
    let (_, waker) = task();
    let cx = Context::from_waker(&waker);
    let stream = ends.tab.ask(&read(), 0).unwrap();
    let _ = ends.carry();
    let asked = request(&mut ends.node);
    let piece = vec![5; 100_000];
    let mut sent = 0;
    while ends.node.data(asked, &piece).is_ok() {
        sent += piece.len();
    }
    assert!(sent <= STREAM_WINDOW_BYTES as usize);
    let _ = ends.carry();
    assert!(ends.node.data(asked, &piece).is_err(), "nobody has taken anything");
    assert!(matches!(ends.tab.poll_reply(stream, &cx), Poll::Ready(Some(Reply::Data(_)))));
    let _ = ends.carry();
    assert!(ends.node.data(asked, &piece).is_ok());
}

#[test]
fn who_answers_waits_for_credit_for_the_network_and_for_nobody_gone() {
    let mut ends = Ends::new();
    let (woken, waker) = task();
    let cx = Context::from_waker(&waker);
    let asked = ends.node.open(&read(), 0).unwrap();
    let begun = ends.carry();
    let [Begun::Asked { stream, .. }] = begun[..] else { panic!("{begun:?}") };
    assert!(ends.tab.poll_room(stream, 10, false, &cx).is_pending(), "the network is full");
    assert_eq!(ends.tab.poll_room(stream, 10, true, &cx), Poll::Ready(Ok(())));
    let header = File::new(Version { size: 9, modified: 0 }, 9);
    ends.tab.mux().reply(stream, &header.into()).unwrap();
    assert!(ends.tab.poll_room(stream, STREAM_WINDOW_BYTES as usize, true, &cx).is_pending());
    let before = woken.0.load(Ordering::Relaxed);
    ends.node.taken(asked, 1_000_000);
    let _ = ends.carry();
    assert!(woken.0.load(Ordering::Relaxed) > before);
    assert_eq!(ends.tab.poll_room(stream, STREAM_WINDOW_BYTES as usize, true, &cx), Poll::Ready(Ok(())));
    ends.node.cancel(asked);
    let _ = ends.carry();
    assert_eq!(ends.tab.poll_room(stream, 1, true, &cx), Poll::Ready(Err(Unwanted)));
}

#[test]
fn a_forgotten_request_is_cancelled_and_an_end_wakes_everybody() {
    let mut ends = Ends::new();
    let (woken, waker) = task();
    let cx = Context::from_waker(&waker);
    let forgotten = ends.tab.ask(&read(), 0).unwrap();
    let stream = ends.tab.ask(&read(), 0).unwrap();
    let _ = ends.carry();
    ends.tab.forget(forgotten);
    let _ = ends.carry();
    let events: Vec<_> = std::iter::from_fn(|| ends.node.poll_event()).collect();
    assert!(events.contains(&Event::Cancelled { stream: forgotten }), "{events:?}");
    assert!(matches!(ends.tab.poll_reply(forgotten, &cx), Poll::Ready(None)));
    assert!(ends.tab.poll_reply(stream, &cx).is_pending());
    ends.tab.end();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(matches!(ends.tab.poll_reply(stream, &cx), Poll::Ready(None)));
    assert!(ends.tab.ask(&read(), 0).is_err());
}

#[test]
fn what_the_node_says_comes_out_and_its_failures_do() {
    let mut ends = Ends::new();
    let (_, waker) = task();
    let cx = Context::from_waker(&waker);
    let address = Message::from(Address { url: "http://attic:9004/peer/x".into() });
    ends.node.say(&address);
    assert_eq!(ends.carry(), [Begun::Said(address)]);
    let stream = ends.tab.ask(&read(), 0).unwrap();
    let _ = ends.carry();
    let asked = request(&mut ends.node);
    ends.node.reset(asked, &Reset::new(ResetCode::GONE, "left"));
    let _ = ends.carry();
    let Poll::Ready(Some(Reply::Failed(why))) = ends.tab.poll_reply(stream, &cx) else { panic!() };
    assert_eq!(why.code, ResetCode::GONE);
    ends.node.bye();
    assert_eq!(ends.carry(), [Begun::Bye]);
}

#[test]
fn silence_ends_it() {
    let mut ends = Ends::new();
    assert!(ends.tab.handle_timeout(ends.tab.poll_timeout()).is_ok());
    assert!(ends.tab.poll_message().is_some(), "a ping");
    assert_eq!(ends.tab.handle_timeout(NOW + SILENT_AFTER), Err(MuxError::Silent));
}
