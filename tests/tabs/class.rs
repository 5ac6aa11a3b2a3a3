//! A class that fetches one file of one tab: it sends the file twice, not once for each.

use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use shared::bridge::{File, Message, Read};

use super::{PASSWORD, SECRET, Site};
use crate::harness::disk::SmallDisk;
use crate::harness::node::{Node, tinyp2p};
use crate::harness::process::{Running, wait_for};
use crate::harness::tab::Tab;
use crate::harness::tree::{binary, tree};
use crate::harness::{Trials, ok};

const PATIENCE: Duration = Duration::from_secs(120);
const NAME: &str = "film.bin";
const SIZE: usize = (12 << 20) + 77;
const PUPILS: usize = 12;
/// What the tab sends before all are there, in bytes.
const SOME: usize = 3 << 19;

pub(super) fn trials() -> Vec<Trial> {
    let curl = Command::new("curl").arg("--version").output().map(drop).map_err(|error| error.to_string());
    let disk = curl.clone().and_then(|()| SmallDisk::can_be());
    let mut by_curl = Trials::needing("curl", &curl);
    by_curl.add("tabs::a_class_has_a_tab_send_its_file_twice", |()| class());
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
        curl.current_dir(self.into.path()).args(["-sS", "--fail", "-o", &format!("copy{number}"), url]);
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
        self.wait_for_reads(2);
        class
    }

    fn all_get(&self, class: Vec<Running>, bytes: &[u8]) {
        for (number, pupil) in class.into_iter().enumerate() {
            ok(&pupil.wait(PATIENCE));
            assert!(self.saved(&format!("copy{number}")) == bytes, "of number {number}");
        }
    }
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
    let peer = Some(site.tab.url());
    let (of, path) = (String::new(), NAME.to_owned());
    let read = Read { peer, of, path, from: 0, length: None, version: None, reader: None, aside: None };
    let replies = other.begin(read);
    site.tab.may_send(SIZE * 8);
    let (messages, by_session) = other.rest(replies).unwrap();
    let [Message::File(File { length, .. })] = messages.as_slice() else { panic!("{messages:?}") };
    assert!(*length == SIZE as u64 && by_session == bytes);
    site.all_get(class, &bytes);
    let readers: Vec<_> = site.tab.reads().into_iter().filter_map(|read| read.reader).collect();
    assert_eq!(readers, ["127.0.0.1", "127.0.0.1, …"]);
    // All is over: the next begins anew, as if there had been nobody.
    let url = site.ticket(NAME);
    wait_for("a reader who is the first again", PATIENCE, || {
        let before = site.tab.reads().len();
        site.all_get(vec![site.begin(0, &url)], &bytes);
        (site.tab.reads().get(before)?.reader.as_deref() == Some("127.0.0.1")).then_some(())
    });
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
    assert!(begun.len() + again.len() <= 4, "{begun:?} {again:?}");
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
