//! Members that lie to receivers, ask for what is not theirs to have, or are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use libtest_mimic::Trial;
use native_node::bridge::{DialError, Identity, Named, Opened, connect};
use native_node::link::{Answer, Handler, Link, LinkError, Reply};
use shared::bridge::{
    Exchange, File, Hello, Message, Outline, Read, ResetCode, Role, Search, SearchKind, SearchScope, Side, Swarm,
    Swarming, Version,
};
use shared::transfer::Hashing;
use shared::{Password, PeerUrl};
use tokio::sync::watch;

use super::crowd::{Receiver, from_others, ports_of};
use super::{Holder, MIB, PASSWORD};
use crate::harness::alone::alone;
use crate::harness::node::{Node, tinyp2p};
use crate::harness::process::wait_for;
use crate::harness::test;
use crate::harness::tree::{binary, tree};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("a_receiver_that_lies_is_named_and_costs_a_piece", lying),
        test("a_receiver_gives_members_pieces_of_what_it_fetches_and_strangers_nothing", asked),
        test("a_node_tells_of_receivers_at_their_own_addresses_only", told),
        alone("a_receiver_on_the_nodes_own_machine_is_told_to_nobody_elsewhere", near_and_far),
        test("receivers_finish_without_the_holder_what_they_have_together", holder_gone),
    ]
}

/// A member that passes for one that fetches a content.
struct Member {
    /// So many pieces it says that it has.
    pieces: u32,
    size: usize,
    /// What it sends; nothing: garbage.
    bytes: Vec<u8>,
    /// Sends nothing for now.
    is_silent: watch::Sender<bool>,
    /// How often it was asked for bytes.
    reads: AtomicU64,
}

impl Member {
    fn of(pieces: u32, size: usize) -> Self {
        Self { pieces, size, bytes: Vec::new(), is_silent: watch::Sender::new(false), reads: AtomicU64::new(0) }
    }
}

impl Handler for Member {
    fn said(&self, _: Message) {}

    async fn asked(self: Arc<Self>, request: Message, mut answer: Answer) {
        match request {
            Message::Swarm(_) => {
                let pieces = (0..self.pieces).collect();
                let _gone = answer.reply(Swarming { pieces, ..Swarming::default() }).await;
                answer.unwanted().await;
            }
            Message::Read(read) => {
                self.reads.fetch_add(1, Ordering::Relaxed);
                let mut is_silent = self.is_silent.subscribe();
                drop(is_silent.wait_for(|is_silent| !is_silent).await);
                let length = read.length.unwrap_or_default();
                let version = Version { size: self.size as u64, modified: 0 };
                let (from, count) = (usize::try_from(read.from).unwrap(), usize::try_from(length).unwrap());
                let bytes = self.bytes.get(from..from + count).map_or_else(|| vec![66; count], <[u8]>::to_vec);
                if answer.reply(File::new(version, length)).await.is_ok() {
                    let _gone = answer.data(Bytes::from(bytes)).await;
                    let _gone = answer.end().await;
                }
            }
            _ => answer.fail(ResetCode::UNKNOWN, ""),
        }
    }
}

async fn open(url: &str, member: &Arc<Member>) -> Link {
    let identity = Identity::new(&Password::new(PASSWORD), false).await.unwrap();
    let opened = connect(&identity, &PeerUrl::parse(url).unwrap(), Named::ByPerson).await.unwrap();
    let Opened { session, socket, .. } = opened;
    let (link, _) = Link::start(session, socket, Side::Initiator, Arc::clone(member));
    let hello = Hello { role: Role::Command, name: String::new(), program: String::new(), url: None, tab: None };
    link.say(hello).await.unwrap();
    link
}

fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

/// The first word on a content that satisfies.
async fn word(link: &Link, whole: &[u8], port: Option<u16>, is_it: impl Fn(&Swarming) -> bool) -> Swarming {
    let swarm = Swarm { id: Hashing::id_of(whole).0, size: whole.len() as u64, port };
    let mut replies = link.ask(swarm, 0).await.unwrap().within(Duration::from_secs(60));
    loop {
        match replies.next().await.unwrap() {
            Some(Reply::Message(Message::Swarming(told), _)) if is_it(&told) => return told,
            Some(Reply::Message(Message::Swarming(_), _)) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn read(path: &str, from: u64, length: u64) -> Read {
    Read {
        peer: None,
        of: String::new(),
        path: path.to_owned(),
        from,
        length: Some(length),
        version: None,
        reader: None,
        aside: None,
    }
}

async fn bytes(link: &Link, read: Read) -> Result<Vec<u8>, LinkError> {
    let mut replies = link.ask(read, 4 << 20).await?;
    let mut bytes = Vec::new();
    while let Some(reply) = replies.next().await? {
        if let Reply::Data(record) = reply {
            bytes.extend_from_slice(record.payload());
        }
    }
    Ok(bytes)
}

fn lying() {
    let whole = binary(16 << 20);
    let holder = Holder::of(&[("big.bin", &whole)], 2 * MIB);
    let receivers = [Receiver::of(&holder), Receiver::of(&holder)];
    let liar = Arc::new(Member::of(16, whole.len()));
    // Its sessions end with the runtime.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _links = runtime.block_on(async {
        let node = open(holder.url(), &liar).await;
        let told = word(&node, &whole, None, |told| told.at.len() == 2).await;
        let mut links = vec![node];
        for url in told.at {
            let link = open(&url, &liar).await;
            // They ask back who asks.
            let _told = word(&link, &whole, None, |_| true).await;
            links.push(link);
        }
        links
    });
    let mut named = 0;
    for receiver in receivers {
        let (got, to) = receiver.ended();
        assert!(std::fs::read(to.path().join("big.bin")).unwrap() == whole, "{}", got.words());
        got.is_verified("big.bin");
        let lies = got.words().matches("what it sends is not what it says").count();
        assert_eq!(got.output.status.code(), Some(i32::from(lies > 0)), "{}", got.words());
        named += lies;
    }
    let reads = liar.reads.load(Ordering::Relaxed);
    assert!((1..=2).contains(&named) && reads <= 4, "named {named} times, asked {reads} times");
}

fn asked() {
    let whole = binary(24 << 20);
    let holder = Holder::of(&[("big.bin", &whole), ("other.txt", b"other")], 3 * MIB);
    let receivers = [Receiver::of(&holder), Receiver::of(&holder)];
    let (id, member) = (Hashing::id_of(&whole).to_string(), Arc::new(Member::of(0, 0)));
    on_runtime(async {
        let node = open(holder.url(), &member).await;
        let told = word(&node, &whole, None, |told| told.at.len() == 2).await;
        let url = PeerUrl::parse(&told.at[0]).unwrap();
        // Another password.
        let stranger = Identity::new(&Password::new("another one"), false).await.unwrap();
        assert!(matches!(connect(&stranger, &url, Named::ByPerson).await, Err(DialError::Refused)));
        // A member.
        let link = open(url.as_str(), &member).await;
        let pieces = word(&link, &whole, None, |told| !told.pieces.is_empty()).await.pieces;
        let piece = u64::from(pieces[0]);
        let at = usize::try_from(piece * MIB).unwrap();
        assert!(bytes(&link, read(&id, piece * MIB, MIB)).await.unwrap() == whole[at..at + (1 << 20)]);
        assert!(bytes(&link, read(&id, piece * MIB + 7, 9)).await.unwrap() == whole[at + 7..at + 16]);
        let other = "0".repeat(64);
        for (path, from, length) in [
            ("big.bin", 0, 1),
            ("other.txt", 0, 5),
            ("", 0, 1),
            (&other, 0, 1),
            (&id, 0, 24 << 20),
            (&id, 24 << 20, 1),
            (&id, 0, 0),
            (&id, u64::MAX, 2),
        ] {
            let refused = bytes(&link, read(path, from, length)).await.unwrap_err();
            assert_eq!(refused.code(), Some(ResetCode::NOT_FOUND), "{path} {from} {length}");
        }
        let whole_file = Read { length: None, ..read(&id, 0, 0) };
        assert!(bytes(&link, whole_file).await.is_err());
        let others: [Message; 4] = [
            Exchange { of: String::new(), tell: vec!["http://127.0.0.1:1".into()] }.into(),
            Search { kind: SearchKind::Words, pattern: String::new(), scope: SearchScope::Pool, most: 0, away: None }
                .into(),
            Outline { peer: None, of: String::new(), path: String::new(), version: None, id: None }.into(),
            Swarm { id: [7; 32], size: 9, port: None }.into(),
        ];
        for request in others {
            let mut replies = link.ask(request.clone(), 0).await.unwrap();
            assert!(replies.next().await.is_err(), "{request:?}");
        }
        // By plain HTTP there is nothing.
        for (path, status) in [("/", "404"), ("/node.json", "404"), ("/get/x/y", "404"), ("/bridge", "426")] {
            let address = url.authority().to_owned();
            let answer = tokio::task::spawn_blocking(move || http(&address, path)).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        }
    });
    let ids = receivers.each_ref().map(|receiver| receiver.getting.id());
    assert!(ids.iter().all(|id| ports_of(*id).len() == 1));
    for receiver in receivers {
        receiver.has(&whole);
    }
}

fn http(address: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn told() {
    let whole = binary(5 << 20);
    let holder = Holder::of(&[("big.bin", &whole)], 0);
    let member = Arc::new(Member::of(0, 0));
    on_runtime(async {
        let (one, two) = (open(holder.url(), &member).await, open(holder.url(), &member).await);
        let mine = Swarm { id: Hashing::id_of(&whole).0, size: whole.len() as u64, port: Some(4711) };
        let stay = one.ask(mine, 0).await.unwrap();
        let told = word(&two, &whole, Some(22), |told| told.others == 1).await;
        assert_eq!(
            (told.you.as_deref(), told.at.as_slice()),
            (Some("127.0.0.1"), &["http://127.0.0.1:4711".to_owned()][..])
        );
        // Nobody is told of itself, nor of a port where no command listens, nor of who fetches something else.
        let nobody = word(&one, &whole, None, |told| told.others == 0).await;
        assert!(nobody.at.is_empty());
        let mut other = one.ask(Swarm { size: 1, ..mine }, 0).await.unwrap();
        assert!(matches!(other.message().await, Ok(Message::Swarming(told)) if told.others == 0));
        let seen = two.ask(Swarm { port: Some(22), ..mine }, 0).await.unwrap();
        let told = word(&one, &whole, None, |told| told.others == 1).await;
        assert!(told.at.is_empty());
        drop((stay, seen));
        word(&two, &whole, None, |told| told.others == 0).await;
        // As many as one session may ask after, and no more.
        let mut held = Vec::new();
        for number in 0..16 {
            let mut replies = one.ask(Swarm { id: [number; 32], ..mine }, 0).await.unwrap();
            match replies.next().await {
                Ok(_) => held.push(replies),
                Err(error) => assert_eq!(error.code(), Some(ResetCode::BUSY)),
            }
        }
        let mut replies = one.ask(Swarm { id: [99; 32], ..mine }, 0).await.unwrap();
        assert_eq!(replies.next().await.unwrap_err().code(), Some(ResetCode::BUSY));
        assert!(held.len() >= 14, "{}", held.len());
    });
}

/// Nobody elsewhere could call 127.0.0.1 and find it there.
fn near_and_far() {
    let address = ["addr", "add", "10.9.9.1/24", "dev", "lo"];
    assert!(std::process::Command::new("ip").args(address).status().unwrap().success());
    let share = tree(&[]);
    let mut command = tinyp2p(PASSWORD);
    command.args(["serve", "--bind", "0.0.0.0", "--port", "0", "--json"]).arg(share.path());
    let node = Node::start(&mut command);
    let member = Arc::new(Member::of(0, 0));
    on_runtime(async {
        let near = open(&format!("http://127.0.0.1:{}", node.port()), &member).await;
        let far = open(&format!("http://10.9.9.1:{}", node.port()), &member).await;
        let swarm = |port| Swarm { id: [7; 32], size: 9, port: Some(port) };
        let mut of_near = near.ask(swarm(5001), 0).await.unwrap();
        let mut of_far = far.ask(swarm(5002), 0).await.unwrap();
        let Ok(Message::Swarming(told)) = of_far.message().await else { panic!() };
        assert_eq!((told.you.as_deref(), told.others, told.at.len()), (Some("10.9.9.1"), 0, 0));
        let told = loop {
            let Ok(Message::Swarming(told)) = of_near.message().await else { panic!() };
            if told.others > 0 {
                break told;
            }
        };
        assert_eq!(told.at, ["http://10.9.9.1:5002"]);
    });
}

/// What the node has not sent yet another receiver has, which sends nothing before the node is gone.
fn holder_gone() {
    let whole = binary(24 << 20);
    let mut holder = Holder::of(&[("big.bin", &whole)], 3 * MIB);
    let receivers = [Receiver::of(&holder), Receiver::of(&holder), Receiver::of(&holder)];
    let member = Arc::new(Member { bytes: whole.clone(), ..Member::of(24, whole.len()) });
    member.is_silent.send_replace(true);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _links = runtime.block_on(async {
        let node = open(holder.url(), &member).await;
        let told = word(&node, &whole, None, |told| told.at.len() == 3).await;
        let mut links = Vec::new();
        for url in told.at {
            let link = open(&url, &member).await;
            let _told = word(&link, &whole, None, |_| true).await;
            links.push(link);
        }
        links
    });
    // Each has asked it.
    wait_for("the receivers to ask", Duration::from_secs(30), || {
        (member.reads.load(Ordering::Relaxed) >= 3).then_some(())
    });
    holder.kill();
    member.is_silent.send_replace(false);
    let got = receivers.map(|receiver| receiver.has(&whole));
    assert!(got.iter().all(|got| from_others(got, &holder) > 0));
}
