//! What a session may ask, and what it is refused.

use std::time::Duration;

use libtest_mimic::Trial;
use shared::bridge::{
    Answered, Exchange, Exchanged, Files, Message, PeerKind, Read, ReadMany, ResetCode, Role, Search, SearchKind,
    SearchScope, Version,
};

use super::{PASSWORD, Site};
use crate::harness::original::Original;
use crate::harness::process::wait_for;
use crate::harness::tab::{Content, MODIFIED, Tab, hello, made};
use crate::harness::tree::{binary, text, tree};
use crate::harness::{Trials, test};

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn trials() -> Vec<Trial> {
    let original = Original::find();
    let mut of_2004 = Trials::needing("the program of 2004 under Python 2.7", &original);
    of_2004.add("tabs::a_pool_is_searched_and_read_with_peers_of_2004", pool);
    let mut all = vec![
        test("tabs::who_says_nothing_of_itself_is_not_answered", rules),
        test("tabs::an_exchange_tells_who_is_asked_first", exchange),
        test("tabs::a_search_comes_in_pieces_and_within_bounds", search),
        test("tabs::a_tab_reads_what_another_holds", read),
        test("tabs::several_small_files_come_at_once", read_many),
        test("tabs::c14_a_node_is_not_sent_on", hop_limit),
    ];
    all.extend(of_2004.into_vec());
    all
}

fn read_of(path: &str) -> Read {
    let (of, path) = (String::new(), path.to_owned());
    Read { peer: None, of, path, from: 0, length: None, version: None, reader: None, aside: None }
}

fn search_for(pattern: &str, scope: SearchScope) -> Search {
    Search { kind: SearchKind::Regex, pattern: pattern.to_owned(), scope, most: 0, away: None }
}

fn rules() {
    let site = Site::new();
    let silent = Tab::without_a_word(&site.node.url, PASSWORD);
    silent.ask(read_of("own.txt")).unwrap_err();
    silent.block_on(async { tokio::time::timeout(PATIENCE, silent.link().closed()).await }).expect("it is closed");
    let idle = Tab::without_a_word(&site.node.url, PASSWORD);
    idle.block_on(async { tokio::time::timeout(PATIENCE, idle.link().closed()).await }).expect("it is closed");
}

fn exchange() {
    let site = Site::new();
    site.tab.offer(&[("a", Content::bytes("a"))]);
    site.wait_for_files(1);
    let asked = |of: &str| {
        let (messages, _) = site.tab.ask(Exchange { of: of.to_owned(), tell: vec![] }).unwrap();
        let [Message::Exchanged(Exchanged { peers })] = messages.as_slice() else { panic!("{messages:?}") };
        peers.clone()
    };
    let path = site.tab.url().strip_prefix(&site.node.url).unwrap().to_owned();
    let peers = asked("");
    assert_eq!(
        peers.iter().map(|peer| (peer.kind, peer.itself)).collect::<Vec<_>>(),
        [(PeerKind::Node, true), (PeerKind::Tab, false)]
    );
    let peers = asked(&path);
    assert_eq!(
        peers.iter().map(|peer| (peer.url.clone(), peer.itself)).collect::<Vec<_>>(),
        [(site.tab.url(), true), (site.node.url.clone(), false)]
    );
    for unknown in ["/peer/00000000000000000000", "/peer/x", "x"] {
        let error = site.tab.ask(Exchange { of: unknown.into(), tell: vec![] }).unwrap_err();
        assert_eq!(error.code(), Some(ResetCode::GONE), "{unknown}");
    }
}

fn search() {
    let site = Site::new();
    let files: Vec<_> = (0..5_000).map(|i| (format!("d/{i:05}.dat"), Content::bytes("x"))).collect();
    let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), content.clone())).collect();
    site.tab.offer(&files);
    let url = site.tab.url();
    let ask = |search: Search| {
        let (messages, _) = site.tab.ask(search)?;
        let (mut paths, mut answered) = (Vec::new(), Vec::new());
        for message in messages {
            match message {
                Message::Found(found) => {
                    assert!(found.rows.len() <= shared::limits::ROWS_PER_RECORD);
                    paths.extend(found.rows.into_iter().map(|row| (found.peer.clone(), row.path)));
                }
                Message::Answered(of_one) => answered.push(of_one),
                other => panic!("{other:?}"),
            }
        }
        Ok::<_, native_node::link::LinkError>((paths, answered))
    };
    let answered = |peer: &str, more| Answered { peer: peer.to_owned(), error: None, more };
    wait_for("all of it", PATIENCE, || {
        let (paths, of_all) = ask(search_for("[.]", SearchScope::Here)).unwrap();
        let by_tab: Vec<_> = paths.iter().filter(|(peer, _)| *peer == url).map(|(_, path)| path.as_str()).collect();
        let whole = by_tab == files.iter().map(|(path, _)| *path).collect::<Vec<_>>();
        (whole && of_all == [answered(&site.node.url, false), answered(&url, false)]).then_some(())
    });
    for (most, count, more) in [(1, 1, true), (4_999, 4_999, true), (5_000, 5_000, false), (9_999, 5_000, false)] {
        let (paths, of_all) = ask(Search { most, ..search_for("^d/", SearchScope::Here) }).unwrap();
        assert_eq!((paths.len(), of_all), (count, vec![answered(&site.node.url, false), answered(&url, more)]));
    }
    let bad = ask(search_for("(", SearchScope::Here)).unwrap_err();
    assert_eq!(bad.code(), Some(ResetCode::BAD_REQUEST));
    assert!(bad.to_string().contains("not a regular expression: at character"), "{bad}");
}

fn read() {
    let site = Site::new();
    let other = site.open("Eve", [9; 16]);
    other.offer(&[("endless.bin", Content::Made(1 << 40)), ("made.bin", Content::Made(5 << 20))]);
    let peer = other.url();
    let of = peer.strip_prefix(&site.node.url).unwrap().to_owned();
    wait_for("the other's listing", PATIENCE, || (site.names(&peer).len() == 2).then_some(()));
    let version = Version { size: 5 << 20, modified: MODIFIED };
    for read in
        [Read { peer: Some(peer.clone()), ..read_of("made.bin") }, Read { of: of.clone(), ..read_of("made.bin") }]
    {
        let (messages, bytes) = site.tab.ask(read.clone()).unwrap();
        let [Message::File(file)] = messages.as_slice() else { panic!("{messages:?}") };
        assert_eq!((file.version, file.length), (version, 5 << 20));
        assert!(bytes == made(0, 5 << 20));
        let part = Read { from: 1_000_001, length: Some(999), version: Some(version), ..read.clone() };
        assert!(site.tab.ask(part).unwrap().1 == made(1_000_001, 999));
        let beyond = Read { from: 5 << 20, length: Some(9), ..read.clone() };
        assert!(site.tab.ask(beyond).unwrap().1.is_empty());
        let other = Read { version: Some(Version { size: 1, modified: 1 }), ..read.clone() };
        assert_eq!(site.tab.ask(other).unwrap_err().code(), Some(ResetCode::CHANGED));
        for missing in ["nothing", "../made.bin", ""] {
            let read = Read { path: missing.into(), ..read.clone() };
            assert_eq!(site.tab.ask(read).unwrap_err().code(), Some(ResetCode::NOT_FOUND), "{missing:?}");
        }
    }
    assert!(other.reads().iter().all(|read| read.reader.as_deref() == Some("Ada's tab")), "{:?}", other.reads());
    assert_eq!(site.tab.ask(read_of("own.txt")).unwrap().1, b"the node's own");
    let own = Read { peer: Some(site.node.url.clone()), from: 4, length: Some(6), ..read_of("own.txt") };
    assert_eq!(site.tab.ask(own).unwrap().1, b"node's");
    let nobody = Read { peer: Some("http://10.9.9.9:9004".into()), ..read_of("own.txt") };
    assert_eq!(site.tab.ask(nobody).unwrap_err().code(), Some(ResetCode::GONE));
    // Who wants no more of it stops the other.
    let unwanted = site.tab.begin(Read { peer: Some(peer), ..read_of("endless.bin") });
    wait_for("it to be sent", PATIENCE, || (other.under_way() == 1).then_some(()));
    drop(unwanted);
    wait_for("it to be stopped", PATIENCE, || (other.under_way() == 0).then_some(()));
}

fn read_many() {
    let site = Site::new();
    let small = binary(1_000);
    site.tab.offer(&[("a", Content::bytes("aaa")), ("b", Content::bytes("")), ("c", Content::bytes(small.clone()))]);
    site.wait_for_files(3);
    let path = site.tab.url().strip_prefix(&site.node.url).unwrap().to_owned();
    let ask = |of: &str, paths: &[&str]| {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let (messages, bytes) = site.tab.ask(ReadMany { of: of.into(), paths })?;
        let [Message::Files(Files { sizes })] = messages.as_slice() else { panic!("{messages:?}") };
        Ok::<_, native_node::link::LinkError>((sizes.clone(), bytes))
    };
    // A tab gives one at a time.
    assert_eq!(ask(&path, &["a"]).unwrap_err().code(), Some(ResetCode::UNKNOWN));
    let (sizes, bytes) = ask("", &["../x", "own.txt", "own.txt"]).unwrap();
    assert_eq!((sizes, bytes), (vec![None, Some(14), Some(14)], b"the node's ownthe node's own".to_vec()));
    assert_eq!(ask("", &["x"; 257]).unwrap_err().code(), Some(ResetCode::BAD_REQUEST));
}

fn hop_limit() {
    let site = Site::new();
    site.tab.offer(&[("a", Content::bytes("a"))]);
    site.wait_for_files(1);
    let node = Tab::introduce(&site.node.url, PASSWORD, hello(Role::Node, "a node", None));
    let read = Read { peer: Some(site.tab.url()), ..read_of("a") };
    let error = node.ask(read).unwrap_err();
    assert_eq!(error.code(), Some(ResetCode::BAD_REQUEST), "{error}");
    let error = node.ask(search_for("", SearchScope::Pool)).unwrap_err();
    assert_eq!(error.code(), Some(ResetCode::BAD_REQUEST), "{error}");
    // The tab itself it may read, for whom it says.
    let of = site.tab.url().strip_prefix(&site.node.url).unwrap().to_owned();
    assert_eq!(node.ask(Read { of, reader: Some("Bob".into()), ..read_of("a") }).unwrap().1, b"a");
    assert_eq!(site.tab.reads().last().unwrap().reader.as_deref(), Some("Bob"));
}

fn pool(original: &Original) {
    let (short, long) = (text(999), text(2_000_000));
    let share = tree(&[("short.txt", &short), ("long.txt", &long)]);
    let old = original.serve(share.path(), PASSWORD, &[]);
    let site = Site::new();
    site.tab.offer(&[("tab's.txt", Content::bytes("x"))]);
    site.wait_for_files(1);
    // It is told of to the node by somebody, and answers when it is called.
    site.tab.ask(Exchange { of: String::new(), tell: vec![old.url.clone()] }).unwrap();
    wait_for("the original to be listed", PATIENCE, || site.listed(&site.node.url).contains(&old.url).then_some(()));
    let (messages, _) = site.tab.ask(search_for("txt$", SearchScope::Pool)).unwrap();
    let mut rows: Vec<_> = messages
        .iter()
        .filter_map(|message| if let Message::Found(found) = message { Some(found) } else { None })
        .flat_map(|found| found.rows.iter().map(|row| (found.peer.clone(), row.path.clone(), row.size)))
        .collect();
    rows.sort();
    let mut expected = vec![
        (site.node.url.clone(), "own.txt".to_owned(), Some(14)),
        (site.tab.url(), "tab's.txt".to_owned(), Some(1)),
        (old.url.clone(), "long.txt".to_owned(), None),
        (old.url.clone(), "short.txt".to_owned(), None),
    ];
    expected.sort();
    assert_eq!(rows, expected);
    let read = |path: &str, from, length| Read { peer: Some(old.url.clone()), from, length, ..read_of(path) };
    let (messages, bytes) = site.tab.ask(read("long.txt", 0, None)).unwrap();
    let [Message::File(file)] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((file.length, file.version.size), (2_000_000, 2_000_000));
    assert!(bytes == long);
    assert!(site.tab.ask(read("long.txt", 1_500_000, Some(1_000))).unwrap().1 == long[1_500_000..1_501_000]);
    assert!(site.tab.ask(read("short.txt", 0, None)).unwrap().1 == short);
    assert_eq!(site.tab.ask(read("none.txt", 0, None)).unwrap_err().code(), Some(ResetCode::NOT_FOUND));
    let ticketed = site.mint(&old.url, "long.txt").unwrap();
    let url = format!("{}{}", site.node.url, ticketed.href);
    crate::harness::ok(&site.curl(&["-r", "5-9", "-D", "head", "-o", "long.txt", &url]));
    assert!(site.saved("long.txt") == long, "whole, whatever part is asked for");
    let head = String::from_utf8(site.saved("head")).unwrap().to_ascii_lowercase();
    assert!(!head.contains("accept-ranges") && !head.contains("etag"), "{head}");
    // One that hangs delays nobody, and is told of.
    old.freeze();
    let (messages, _) = site.tab.ask(search_for("txt$", SearchScope::Pool)).unwrap();
    let late = messages.iter().any(|message| {
        matches!(message, Message::Answered(answered) if answered.peer == old.url && answered.error.is_some())
    });
    assert!(late, "{messages:?}");
}
