//! Two ends over a link: who may say what when, and what a cut leaves behind.

use zeroize::Zeroizing;

use super::*;
use crate::bridge::message::{Address, Exchange, Exchanged, File, Read, Version};
use crate::bridge::{Ending, Opener, Sealer};

const START: Moment = Moment(1_000);

/// Both ends, and what one sends the other.
struct Pair {
    i: Mux,
    r: Mux,
}

impl Pair {
    fn new() -> Self {
        let key = |byte| Zeroizing::new([byte; 32]);
        let mux = |out, back, side| Mux::new(Sealer::new(key(out)), Opener::new(key(back)), side, START);
        Self { i: mux(1, 2, Side::Initiator), r: mux(2, 1, Side::Responder) }
    }

    /// Delivers all that is to be sent, in both directions, until nothing is.
    fn settle(&mut self) {
        loop {
            let (to_r, to_i) = (self.i.poll_message(), self.r.poll_message());
            if to_r.is_none() && to_i.is_none() {
                return;
            }
            to_r.into_iter().for_each(|message| self.r.handle_message(message, START).unwrap());
            to_i.into_iter().for_each(|message| self.i.handle_message(message, START).unwrap());
        }
    }
}

fn events(mux: &mut Mux) -> Vec<Event> {
    std::iter::from_fn(|| mux.poll_event()).collect()
}

fn read(path: &str) -> Message {
    let path = path.to_owned();
    Read { peer: None, of: String::new(), path, from: 0, length: None, version: None, reader: None, aside: None }.into()
}

fn file(length: u64) -> Message {
    File::new(Version { size: length, modified: 0 }, length).into()
}

#[test]
fn a_request_is_answered_with_messages_bytes_and_an_end() {
    let mut pair = Pair::new();
    let stream = pair.i.open(&read("a"), 0).unwrap();
    pair.settle();
    assert_eq!(events(&mut pair.r), [Event::Request { stream, message: read("a"), bytes: read("a").encode().len() }]);
    pair.r.reply(stream, &file(5)).unwrap();
    pair.r.data(stream, b"hello").unwrap();
    pair.r.end(stream).unwrap();
    assert_eq!(pair.r.end(stream), Err(SendError::Closed));
    pair.settle();
    let mut events = events(&mut pair.i).into_iter();
    assert_eq!(events.next(), Some(Event::Reply { stream, message: file(5), cost: cost(file(5).encode().len()) }));
    assert!(matches!(events.next(), Some(Event::Data { record, .. }) if record.payload() == b"hello"));
    assert_eq!(events.next(), Some(Event::Ended { stream }));
    assert_eq!(events.next(), None);
}

#[test]
fn both_ends_ask_at_once_on_streams_of_their_own() {
    let mut pair = Pair::new();
    let ask: Message = Exchange { of: String::new(), tell: vec![] }.into();
    let mut streams = [pair.i.open(&ask, 0), pair.r.open(&ask, 0), pair.i.open(&ask, 0), pair.r.open(&ask, 0)];
    pair.settle();
    streams.sort_by_key(|stream| stream.unwrap());
    assert_eq!(streams.map(Result::unwrap), [1, 2, 3, 4]);
    for event in events(&mut pair.i) {
        let Event::Request { stream, .. } = event else { panic!("{event:?}") };
        pair.i.reply(stream, &Exchanged { peers: vec![] }.into()).unwrap();
        pair.i.end(stream).unwrap();
    }
    pair.settle();
    let answers = events(&mut pair.r).into_iter().filter(|event| matches!(event, Event::Ended { stream: 2 | 4 }));
    assert_eq!(answers.count(), 2);
}

#[test]
fn nobody_sends_more_than_there_is_room_for() {
    let mut pair = Pair::new();
    let stream = pair.i.open(&read("a"), 0).unwrap();
    pair.settle();
    events(&mut pair.r);
    let piece = vec![7; RECORD_PAYLOAD_BYTES - RECORD_COST_BYTES];
    assert_eq!(pair.r.credit(stream), Some(1 << 20));
    pair.r.data(stream, &piece).unwrap();
    assert_eq!(pair.r.data(stream, b""), Err(SendError::Credit));
    pair.settle();
    assert_eq!(events(&mut pair.i).len(), 1);
    assert_eq!(pair.r.data(stream, b"x"), Err(SendError::Credit), "until it was taken");
    pair.i.taken(stream, 74);
    pair.settle();
    assert_eq!(events(&mut pair.r), [Event::Credit { stream, bytes: 74 }]);
    pair.r.data(stream, &[1; 10]).unwrap();
    assert_eq!(pair.r.data(stream, b"x"), Err(SendError::Credit));
    pair.r.end(stream).unwrap();
    pair.settle();
    assert!(matches!(events(&mut pair.i).as_slice(), [Event::Data { .. }, Event::Ended { .. }]));
}

#[test]
fn who_sends_more_than_it_may_is_cut_off() {
    let mut pair = Pair::new();
    let stream = pair.i.open(&read("a"), 0).unwrap();
    pair.settle();
    *pair.r.theirs.get_mut(stream).unwrap() = u64::MAX;
    pair.r.data(stream, &vec![7; RECORD_PAYLOAD_BYTES - RECORD_COST_BYTES]).unwrap();
    pair.r.data(stream, b"").unwrap();
    let (first, second) = (pair.r.poll_message().unwrap(), pair.r.poll_message().unwrap());
    pair.i.handle_message(first, START).unwrap();
    assert_eq!(pair.i.handle_message(second, START), Err(MuxError::Rules("more than it had credit for")));
}

#[test]
fn a_larger_window_is_granted_with_the_request() {
    let mut pair = Pair::new();
    let stream = pair.i.open(&read("a"), 3 << 20).unwrap();
    pair.settle();
    assert_eq!(pair.r.credit(stream), Some(3 << 20));
    assert_eq!(events(&mut pair.r).len(), 2, "the request, and the credit");
}

#[test]
fn what_is_urgent_overtakes_content() {
    let mut pair = Pair::new();
    let stream = pair.i.open(&read("a"), 0).unwrap();
    pair.settle();
    events(&mut pair.r);
    pair.r.data(stream, &[0; 9_000]).unwrap();
    assert!(pair.r.waiting() > 9_000);
    pair.r.say(&Address { url: "u".into() }.into());
    pair.settle();
    assert_eq!(pair.r.waiting(), 0);
    assert!(matches!(events(&mut pair.i).as_slice(), [Event::Said(Message::Address(_)), Event::Data { .. }]));
}

#[test]
fn who_wants_no_more_gets_no_more() {
    let mut pair = Pair::new();
    let stream = pair.i.open(&read("a"), 0).unwrap();
    pair.settle();
    events(&mut pair.r);
    pair.r.data(stream, b"on its way").unwrap();
    let under_way = pair.r.poll_message().unwrap();
    pair.r.data(stream, b"waits").unwrap();
    pair.i.cancel(stream);
    let cancel = pair.i.poll_message().unwrap();
    pair.r.handle_message(cancel, START).unwrap();
    assert_eq!(events(&mut pair.r), [Event::Cancelled { stream }]);
    assert_eq!((pair.r.credit(stream), pair.r.waiting()), (None, 0));
    assert_eq!(pair.r.data(stream, b"x"), Err(SendError::Closed));
    pair.i.handle_message(under_way, START).unwrap();
    assert_eq!(events(&mut pair.i), []);
}

#[test]
fn a_reset_says_why_and_what_waited_is_not_sent() {
    let mut pair = Pair::new();
    let stream = pair.i.open(&read("a"), 0).unwrap();
    pair.settle();
    pair.r.data(stream, b"half").unwrap();
    let why = Reset::new(ResetCode::CHANGED, "it changed");
    pair.r.reset(stream, &why);
    pair.settle();
    assert_eq!(events(&mut pair.i), [Event::Failed { stream, why }]);
}

#[test]
fn unknown_requests_and_too_many_are_answered_so() {
    let mut pair = Pair::new();
    pair.i.push_urgent(Kind(47), 1, b"");
    pair.i.next = 3;
    pair.i.ours.open(1, 100);
    pair.settle();
    assert!(
        matches!(events(&mut pair.i).as_slice(), [Event::Failed { stream: 1, why }] if why.code == ResetCode::UNKNOWN)
    );
    for _ in 0..STREAMS_PER_SESSION {
        pair.i.open(&read("a"), 0).unwrap();
    }
    assert_eq!(pair.i.open(&read("a"), 0), Err(SendError::Full));
    pair.i.ours = Streams::default();
    let one_more = pair.i.open(&read("a"), 0).unwrap();
    pair.settle();
    assert_eq!(events(&mut pair.r).len(), STREAMS_PER_SESSION);
    assert!(
        matches!(events(&mut pair.i).as_slice(), [Event::Failed { stream, why }] if *stream == one_more && why.code == ResetCode::BUSY)
    );
}

#[test]
fn who_breaks_the_rules_is_cut_off() {
    let rule = |kind, stream, payload: &[u8]| {
        let mut pair = Pair::new();
        pair.i.push_urgent(kind, stream, payload);
        let message = pair.i.poll_message().unwrap();
        pair.r.handle_message(message, START)
    };
    let ask = read("a").encode();
    assert_eq!(rule(Kind::READ, 0, &ask), Err(MuxError::Rules("a request without a stream")));
    assert_eq!(rule(Kind::DATA, 1, b"x"), Err(MuxError::Rules("a stream that was not opened")));
    assert_eq!(rule(Kind::DATA, 2, b"x"), Err(MuxError::Rules("an answer to what was not asked")));
    assert_eq!(rule(Kind::READ, 1, b"no"), Err(MuxError::Frame(MessageError(Kind::READ.0))));
    assert_eq!(rule(Kind(31), 0, b"of a later version"), Ok(()));
    let mut pair = Pair::new();
    for (stream, fits) in [(5, true), (5, false)] {
        pair.i.push_urgent(Kind::READ, stream, &ask);
        let message = pair.i.poll_message().unwrap();
        assert_eq!(pair.r.handle_message(message, START).is_ok(), fits);
    }
}

#[test]
fn a_flood_of_questions_without_reading_ends() {
    let mut pair = Pair::new();
    let flood = (0..=URGENT_RECORDS).map(|_| {
        pair.i.push_urgent(Kind::PING, 0, b"");
        let ping = pair.i.poll_message().unwrap();
        pair.r.handle_message(ping, START)
    });
    let outcomes: Vec<_> = flood.collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), URGENT_RECORDS);
    assert_eq!(outcomes.last(), Some(&Err(MuxError::Flood)));
}

#[test]
fn silence_is_asked_about_and_then_taken_for_an_end() {
    let mut pair = Pair::new();
    let asks_at = pair.i.poll_timeout();
    assert_eq!(asks_at, START + PING_AFTER);
    pair.i.handle_timeout(Moment(asks_at.0 - 1)).unwrap();
    assert!(pair.i.poll_message().is_none());
    pair.i.handle_timeout(asks_at).unwrap();
    pair.settle();
    // It answered, so all begins anew.
    assert_eq!(pair.i.poll_timeout(), START + PING_AFTER);
    pair.i.handle_timeout(asks_at).unwrap();
    assert_eq!(pair.i.poll_timeout(), START + SILENT_AFTER);
    assert_eq!(pair.i.handle_timeout(START + SILENT_AFTER), Err(MuxError::Silent));
}

#[test]
fn bye_is_the_last_word_and_comes_after_all_that_waits() {
    let mut pair = Pair::new();
    let stream = pair.i.open(&read("a"), 0).unwrap();
    pair.settle();
    events(&mut pair.r);
    pair.r.data(stream, b"all").unwrap();
    pair.r.end(stream).unwrap();
    pair.r.bye();
    assert_eq!(pair.r.open(&read("b"), 0), Err(SendError::Full));
    pair.settle();
    let seen = events(&mut pair.i);
    assert!(matches!(seen.as_slice(), [Event::Data { .. }, Event::Ended { .. }, Event::Bye]), "{seen:?}");
    assert_eq!((pair.i.handle_close(), pair.r.handle_close()), (Ending::Bye, Ending::Interrupted));
}

#[test]
fn d15_a_cut_after_any_record_never_looks_like_the_whole() {
    for cut in 0.. {
        let mut pair = Pair::new();
        let stream = pair.i.open(&read("a"), 0).unwrap();
        pair.settle();
        events(&mut pair.r);
        pair.r.reply(stream, &file(30)).unwrap();
        (0..3).for_each(|_| pair.r.data(stream, &[7; 10]).unwrap());
        pair.r.end(stream).unwrap();
        pair.r.bye();
        let sent: Vec<_> = std::iter::from_fn(|| pair.r.poll_message()).collect();
        if cut > sent.len() {
            break;
        }
        for message in sent.iter().take(cut) {
            pair.i.handle_message(message.clone(), START).unwrap();
        }
        let ended = events(&mut pair.i).contains(&Event::Ended { stream });
        let ending = pair.i.handle_close();
        assert_eq!((ended, ending == Ending::Bye), (cut >= 5, cut >= 6), "cut after {cut} of {}", sent.len());
    }
}
