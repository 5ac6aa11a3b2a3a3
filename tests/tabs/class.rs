//! A class that fetches one file of one tab: it sends the file three times, not once for each.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use native_node::link::Replies;
use shared::bridge::{File, Message, Read, Version};

use super::{PASSWORD, SECRET, Site};
use crate::harness::disk::SmallDisk;
use crate::harness::node::{Node, tinyp2p};
use crate::harness::process::{Running, wait_for};
use crate::harness::tab::Tab;
use crate::harness::tree::{binary, tree};
use crate::harness::{Trials, can_be_run, ok};

const PATIENCE: Duration = Duration::from_secs(120);
const NAME: &str = "film.bin";
const SIZE: usize = (12 << 20) + 77;
const PUPILS: usize = 12;
/// What the tab sends before all are there, in bytes.
const SOME: usize = 3 << 19;

pub(super) fn trials() -> Vec<Trial> {
    let curl = can_be_run("curl");
    let disk = curl.clone().and_then(|()| SmallDisk::can_be());
    let mut by_curl = Trials::needing("curl", &curl);
    by_curl.add("tabs::a_class_has_a_tab_send_its_file_three_times", |()| class());
    by_curl.add("tabs::what_a_class_reads_of_the_node_itself_is_on_its_disk_already", |()| own());
    by_curl.add("tabs::who_begins_beyond_what_a_class_has_so_far_waits_for_none_of_them", |()| beyond());
    by_curl.add("tabs::a_class_waits_for_a_tab_that_returns", |()| returns());
    let mut on_a_disk = Trials::needing("curl, and to mount a disk", &disk);
    on_a_disk.add("tabs::c24_a_class_at_a_node_with_a_full_disk_is_served_one_by_one", |()| full_disk());
    [by_curl.into_vec(), on_a_disk.into_vec()].into_iter().flatten().collect()
}

impl Site {
    /// With a file of which the tab sends but the beginning for now.
    fn of_a_film(node: Node, bytes: &[u8]) -> Self {
        let tab = Tab::open(&node.url, PASSWORD, "Ada's tab", SECRET);
        tab.may_send(SOME);
        tab.promise(NAME, bytes, bytes);
        let site = Self { node, tab, into: tempfile::tempdir().unwrap(), _share: tree(&[]) };
        site.wait_for_files(1);
        site
    }

    fn begin(&self, number: usize, url: &str) -> Running {
        let mut curl = Command::new("curl");
        // It says what it is told as it is told.
        curl.current_dir(self.into.path()).args(["-sSv", "--fail", "-o", &format!("copy{number}"), url]);
        Running::new(curl.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn wait_for_reads(&self, count: usize) {
        wait_for("the reads", PATIENCE, || (self.tab.reads().len() == count).then_some(()));
    }

    /// So many fetch it; none of them has all of it yet.
    fn class(&self) -> Vec<Running> {
        let url = self.ticket(NAME);
        let mut class = vec![self.begin(0, &url)];
        self.wait_for_reads(1);
        class.extend((1..PUPILS).map(|number| self.begin(number, &url)));
        self.wait_for_reads(3);
        // There is no answer before its first piece is there.
        self.tab.may_send(6 * SOME);
        let has_begun = |pupil: &Running| pupil.error_text().contains("< HTTP/1.1 200");
        wait_for("all to begin", PATIENCE, || class.iter().all(has_begun).then_some(()));
        class
    }

    fn all_get(&self, class: Vec<Running>, bytes: &[u8]) {
        for (number, pupil) in class.into_iter().enumerate() {
            ok(&pupil.wait(PATIENCE));
            assert!(self.saved(&format!("copy{number}")) == bytes, "of number {number}");
        }
    }
}

/// How long the files without a name are that the node holds open, in bytes.
fn nameless(node: &Node) -> Vec<u64> {
    let open = std::fs::read_dir(format!("/proc/{}/fd", node.process.id())).unwrap();
    let paths = open.filter_map(|entry| Some(entry.ok()?.path()));
    let is_nameless =
        |path: &PathBuf| std::fs::read_link(path).is_ok_and(|name| name.to_string_lossy().ends_with(" (deleted)"));
    paths.filter(is_nameless).filter_map(|path| Some(std::fs::metadata(path).ok()?.len())).collect()
}

fn read_of(peer: Option<String>, version: Option<Version>) -> Read {
    let (of, path) = (String::new(), NAME.to_owned());
    Read { peer, of, path, from: 0, length: None, version, reader: None, aside: None }
}

fn serve(share: &std::path::Path) -> Node {
    Node::serve(share, PASSWORD, &[])
}

fn class() {
    let (share, bytes) = (tree(&[]), binary(SIZE));
    let site = Site::of_a_film(serve(share.path()), &bytes);
    let class = site.class();
    // Another tab reads it over its session.
    let other = site.open("Ben's tab", [8; 16]);
    let replies = other.begin(read_of(Some(site.tab.url()), None));
    wait_for("one file for all", PATIENCE, || (nameless(&site.node).len() == 1).then_some(()));
    site.tab.may_send(SIZE * 8);
    let (messages, by_session) = other.rest(replies).unwrap();
    let [Message::File(File { length, .. })] = messages.as_slice() else { panic!("{messages:?}") };
    assert!(*length == SIZE as u64 && by_session == bytes);
    site.all_get(class, &bytes);
    // The second and the third are asked for at one moment.
    let mut readers: Vec<_> = site.tab.reads().into_iter().filter_map(|read| read.reader).collect();
    readers.sort_unstable();
    assert_eq!(readers, ["127.0.0.1", "127.0.0.1", "127.0.0.1, …"]);
    wait_for("the file to go with the last of them", PATIENCE, || nameless(&site.node).is_empty().then_some(()));
    // The next begins anew, as if there had been nobody.
    let url = site.ticket(NAME);
    wait_for("a reader who is the first again", PATIENCE, || {
        let before = site.tab.reads().len();
        site.all_get(vec![site.begin(0, &url)], &bytes);
        (site.tab.reads().get(before)?.reader.as_deref() == Some("127.0.0.1")).then_some(())
    });
}

/// Symptom: who began a little beyond what was there waited for the one before, who took nothing, for ever.
fn beyond() {
    const MIB: usize = 1 << 20;
    let (share, bytes) = (tree(&[]), binary(40 * MIB));
    let site = Site::of_a_film(serve(share.path()), &bytes);
    site.tab.may_send(400 * MIB);
    let url = site.ticket(NAME);
    let path = url.strip_prefix(&site.node.url).unwrap();
    let stalled = [1, 2, 3].map(|reads| {
        let mut stream = TcpStream::connect(site.node.address()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", site.node.address()).unwrap();
        site.wait_for_reads(reads);
        stream
    });
    wait_for("as much as is read ahead", PATIENCE, || {
        nameless(&site.node).into_iter().find(|length| *length >= 16 * MIB as u64)
    });
    let from = 25 * MIB;
    ok(&site.curl(&["-r", &format!("{from}-"), "-o", "rest", &url]));
    assert!(site.saved("rest") == bytes[from..]);
    assert_eq!(site.tab.reads().len(), stalled.len(), "it was read with them");
}

fn own() {
    let bytes = binary(SIZE);
    let share = tree(&[(NAME, &bytes)]);
    let node = serve(share.path());
    let readers = [8, 9, 10].map(|secret| Tab::open(&node.url, PASSWORD, "a tab", [secret; 16]));
    let header = |reader: &Tab, replies: &mut Replies| match reader.block_on(replies.message()).unwrap() {
        Message::File(file) => file,
        other => panic!("{other:?}"),
    };
    let version = header(&readers[0], &mut readers[0].begin(read_of(None, None))).version;
    // None of them is sent more than it has credit for, until all have begun.
    let begun: Vec<_> = readers.iter().map(|reader| (reader, reader.begin(read_of(None, Some(version))))).collect();
    let begun = begun.into_iter().map(|(reader, mut replies)| {
        header(reader, &mut replies);
        (reader, replies)
    });
    let begun: Vec<_> = begun.collect();
    assert!(nameless(&node).is_empty());
    for (reader, replies) in begun {
        assert!(reader.rest(replies).unwrap().1 == bytes);
    }
}

fn returns() {
    let (share, bytes) = (tree(&[]), binary(SIZE));
    let mut site = Site::of_a_film(serve(share.path()), &bytes);
    let class = site.class();
    wait_for("some of it to be sent", PATIENCE, || (site.tab.has_left() == 0).then_some(()));
    site.tab.crash();
    site.tab.connect();
    site.tab.promise(NAME, &bytes, &bytes);
    site.tab.may_send(SIZE * 4);
    site.all_get(class, &bytes);
    let (begun, again): (Vec<_>, Vec<_>) = site.tab.reads().into_iter().partition(|read| read.from == 0);
    assert!(begun.len() + again.len() <= 6, "{begun:?} {again:?}");
}

fn full_disk() {
    let (share, bytes, disk) = (tree(&[]), binary(SIZE), SmallDisk::of_mib(16).unwrap());
    let mut command = tinyp2p(PASSWORD);
    command.env("TINYP2P_STATE", disk.path());
    command.args(["serve", "--bind", "127.0.0.1", "--port", "0", "--json"]).arg(share.path());
    let site = Site::of_a_film(Node::start(&mut command), &bytes);
    let class = site.class();
    // Somebody else needs the room meanwhile.
    let filled = std::fs::write(disk.path().join("other"), bytes.repeat(2)).unwrap_err();
    assert_eq!(filled.kind(), std::io::ErrorKind::StorageFull);
    site.tab.may_send(SIZE * (PUPILS + 1));
    site.all_get(class, &bytes);
    let reads = site.tab.reads();
    assert_eq!(reads.len(), 1 + PUPILS, "{reads:?}");
    // Where there is no room from the beginning, nobody begins to share.
    site.tab.may_send(SOME);
    let (url, before) = (site.ticket(NAME), reads.len());
    let class: Vec<_> = (0..3).map(|number| site.begin(number, &url)).collect();
    site.wait_for_reads(before + class.len());
    site.tab.may_send(SIZE * 4);
    site.all_get(class, &bytes);
}
