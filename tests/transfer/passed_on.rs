//! Plain downloads of what others hold: the node that passes them on proves each piece, and goes on with whoever else has it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::Trial;
use shared::bridge::{Message, Ticket};

use super::mixed::Site;
use super::{MIB, PASSWORD};
use crate::harness::process::{Running, wait_for};
use crate::harness::tab::Tab;
use crate::harness::tree::binary;
use crate::harness::{Trials, can_be_run, ok};

const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn trials() -> Vec<Trial> {
    let curl = can_be_run("curl");
    let mut trials = Trials::needing("curl", &curl);
    trials.add("a_plain_download_goes_on_with_whoever_else_holds_the_file", |()| goes_on());
    trials.add("a_plain_download_never_has_a_byte_that_was_not_promised", |()| never_wrong());
    trials.into_vec()
}

impl Site {
    /// Where the other node has a file of this peer, asked by somebody else's tab.
    fn address(&self, peer: &str, path: &str) -> String {
        let asker = Tab::open(self.other.url(), PASSWORD, "asker", [8; 16]);
        let ticket = Ticket { peer: peer.to_owned(), path: path.to_owned(), preview: false };
        let (messages, _) = asker.ask(ticket).unwrap();
        let [Message::Ticketed(ticketed)] = messages.as_slice() else { panic!("{messages:?}") };
        format!("{}{}", self.other.url(), ticketed.href)
    }
}

pub(super) fn curl(address: &str, to: &Path, more: &[&str]) -> Running {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", address, "--output"]).arg(to).args(more);
    Running::new(curl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

fn goes_on() {
    // Slow enough that the middle of it is met.
    let whole = binary((40 << 20) + 77);
    let mut site = Site::new(&whole, 4 * MIB);
    site.tab.promise("copy.bin", &whole, &whole);
    site.wait_for_ids(3);
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("saved");

    // From the tab, then from the node.
    let address = site.address(&site.tab.url(), "copy.bin");
    site.tab.may_send(6 << 20);
    let getting = curl(&address, &to, &[]);
    wait_for("the tab to send what it may", PATIENCE, || (site.tab.has_left() == 0).then_some(()));
    site.tab.crash();
    ok(&getting.wait(PATIENCE));
    assert!(std::fs::read(&to).unwrap() == whole, "the node sent the rest");

    // The other way around.
    site.tab.may_send(128 << 20);
    site.tab.connect();
    site.tab.promise("copy.bin", &whole, &whole);
    site.wait_for_ids(3);
    let address = site.address(site.holder.url(), "big.bin");
    std::fs::remove_file(&to).unwrap();
    let getting = curl(&address, &to, &[]);
    let there = || std::fs::metadata(&to).map_or(0, |saved| saved.len());
    wait_for("some of it", PATIENCE, || (there() > 3 * MIB).then_some(()));
    assert!(
        site.tab.reads().iter().all(|read| read.path != "copy.bin" || read.from == 0),
        "the tab was not needed yet"
    );
    site.holder.kill();
    ok(&getting.wait(PATIENCE));
    assert!(std::fs::read(&to).unwrap() == whole);
    assert!(
        site.tab.reads().iter().any(|read| read.path == "copy.bin" && read.from >= 3 * MIB),
        "the tab sent the rest"
    );
}

fn never_wrong() {
    let whole = binary((6 << 20) + 5);
    let mut flipped = whole.clone();
    flipped[5 << 20] ^= 4;
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("saved");
    let site = Site::new(&whole, 0);
    site.tab.promise("film.bin", &whole, &flipped);
    site.wait_for_ids(3);
    let address = site.address(&site.tab.url(), "film.bin");
    ok(&curl(&address, &to, &[]).wait(PATIENCE));
    assert!(std::fs::read(&to).unwrap() == whole, "the node sent what the tab could not");
    // Parts that begin and end anywhere.
    for (from, to_byte) in [(0, 0), (1_048_575, 1_048_576), (1_500_000, 5_242_900), (6_291_460, 6_291_460)] {
        ok(&curl(&address, &to, &["--range", &format!("{from}-{to_byte}")]).wait(PATIENCE));
        assert!(std::fs::read(&to).unwrap() == whole[from..=to_byte], "{from}-{to_byte}");
    }

    // Nobody else has it.
    let site = Site::new(b"another", 0);
    site.tab.promise("film.bin", &whole, &flipped);
    site.wait_for_ids(3);
    let address = site.address(&site.tab.url(), "film.bin");
    let output = curl(&address, &to, &[]).wait(PATIENCE);
    assert!(!output.status.success());
    let saved = std::fs::read(&to).unwrap();
    assert!(saved.len() <= 5 << 20 && whole.starts_with(&saved), "{} bytes", saved.len());
    // So it is if what it says proves the pieces does not.
    site.tab.lies_of_values();
    std::fs::remove_file(&to).unwrap();
    let address = site.address(&site.tab.url(), "film.bin");
    assert!(!curl(&address, &to, &[]).wait(PATIENCE).status.success());
    assert!(!to.exists());
}
