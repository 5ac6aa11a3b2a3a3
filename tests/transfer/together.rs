//! What several hold comes from all of them to who asks a node that passes it on: a browser, `curl`, a tab.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use shared::bridge::{Message, Read, Role, Ticket};
use tempfile::TempDir;

use super::many::pool;
use super::passed_on::curl;
use super::{Holder, MIB, PASSWORD, ls};
use crate::harness::node::{Node, tinyp2p};
use crate::harness::ports::free_port;
use crate::harness::process::wait_for;
use crate::harness::proxy::Spoiled;
use crate::harness::tab::{Tab, hello};
use crate::harness::tree::binary;
use crate::harness::{Trials, can_be_run, ok, test};

const PATIENCE: Duration = Duration::from_secs(120);
/// Of each holder, in bytes a second: 20 Mbit/s.
const RATE: u64 = 5 * MIB / 2;

pub(super) fn trials() -> Vec<Trial> {
    let curl = can_be_run("curl");
    let mut trials = Trials::needing("curl", &curl);
    trials.add("a_plain_download_of_what_three_hold_comes_from_all_of_them", |()| plain());
    trials.add("a_part_of_what_several_hold_is_that_part", |()| part());
    trials.add("a_holder_that_dies_among_several_leaves_the_rest_to_the_others", |()| dies());
    trials.add("a_slow_holder_that_was_left_out_goes_on_when_the_others_are_gone", |()| slow_again());
    trials.add("a_plain_download_goes_on_from_a_node_that_is_started_again", |()| started_again_plain());
    let mut trials = trials.into_vec();
    trials.push(test("a_tab_reads_what_three_hold_from_all_of_them", read));
    trials.push(test("a_tab_reads_on_when_its_holder_hangs", hangs));
    trials.push(test("a_slow_holder_among_several_keeps_nobody", slow));
    trials.push(test("a_liar_among_several_holders_changes_no_byte", lies));
    trials.push(test("a_liar_that_is_left_of_several_holders_changes_no_byte", lies_alone));
    trials.push(test("a_tab_reads_on_when_all_of_several_connections_break_at_once", break_at_once));
    trials.push(test("a_tab_reads_on_from_a_node_that_is_started_again", started_again));
    trials.push(test("what_a_node_reads_of_a_tab_comes_from_that_tab_alone", hop_limit));
    trials
}

/// Holders of the same file, and a node with a tab that has nothing of it. Nobody can call that node but through `address`, so
/// all that it asks the others for comes through their proxies.
struct Site {
    holders: Vec<Holder>,
    address: String,
    node: Node,
    _share: TempDir,
    tab: Tab,
}

impl Site {
    fn new(whole: &[u8], rates: &[u64]) -> Self {
        let holders = pool(whole, rates);
        let (port, nowhere, share) = (free_port(), free_port(), tempfile::tempdir().unwrap());
        let mut command = tinyp2p(PASSWORD);
        command.args(["serve", "--json", "--bind", "127.0.0.1", "--join", holders[0].url()]);
        command.args(["--port", &port.to_string(), "--url", &format!("http://127.0.0.1:{nowhere}")]).arg(share.path());
        let node = Node::start(&mut command);
        let address = format!("http://127.0.0.1:{port}");
        let tab = Tab::open(&address, PASSWORD, "reader", [7; 16]);
        let site = Self { holders, address, node, _share: share, tab };
        site.wait_for_ids(site.holders.len());
        site
    }

    /// Until the node follows all of them, and knows what they hold.
    fn wait_for_ids(&self, count: usize) {
        wait_for("the node to know what all hold", PATIENCE, || {
            let are_followed = self.holders.iter().all(|holder| self.tab.is_followed(holder.url()));
            let rows = ls(&self.address);
            (are_followed && rows.len() == count && rows.iter().all(|row| row["id"].is_string())).then_some(())
        });
    }

    fn passed(&self) -> Vec<u64> {
        self.holders.iter().map(|holder| holder.proxy.passed()).collect()
    }

    /// Where the node passes on a file of this peer.
    fn address(&self, peer: &str) -> String {
        let ticket = Ticket { peer: peer.to_owned(), path: "big.bin".to_owned(), preview: false };
        let (messages, _) = self.tab.ask(ticket).unwrap();
        let [Message::Ticketed(ticketed)] = messages.as_slice() else { panic!("{messages:?}") };
        format!("{}{}", self.address, ticketed.href)
    }

    fn read(&self, peer: &str) -> Read {
        let (peer, path) = (Some(peer.to_owned()), "big.bin".to_owned());
        Read { peer, of: String::new(), path, from: 0, length: None, version: None, reader: None, aside: None }
    }
}

/// Each of three sends its share of what one would send alone.
fn shares(what: &str, fetch: impl Fn(&Site, &[u8])) {
    let whole = binary((30 << 20) + 77);
    let mut alone = Duration::ZERO;
    for count in [1, 3] {
        let site = Site::new(&whole, &vec![RATE; count]);
        let (before, begun) = (site.passed(), Instant::now());
        fetch(&site, &whole);
        let took = begun.elapsed();
        let shares: Vec<_> = site.passed().iter().zip(before).map(|(passed, before)| passed - before).collect();
        let most = site.node.peak_memory();
        eprintln!("most memory of the node that passes it on: {} MiB", most >> 20);
        assert!(most < (40 + 2 * count as u64) << 20, "{most} bytes");
        if count == 1 {
            alone = took;
        }
        let ratio = alone.as_secs_f64() / took.as_secs_f64();
        eprintln!(
            "{what} of {count} holders of 20 Mbit/s each: {took:.1?}, {ratio:.2} times as fast as of one; {shares:?}"
        );
        assert!(shares.iter().all(|share| *share > 4 * MIB), "{shares:?}");
        assert!(shares.iter().sum::<u64>() < whole.len() as u64 + 4 * MIB, "little comes twice: {shares:?}");
    }
}

fn plain() {
    shares("a plain download", |site, whole| {
        let to = tempfile::tempdir().unwrap();
        let to = to.path().join("saved");
        ok(&curl(&site.address(site.holders[0].url()), &to, &[]).wait(PATIENCE));
        assert!(std::fs::read(&to).unwrap() == whole);
    });
}

/// Beginning and ending within pieces.
fn part() {
    let whole = binary(40 << 20);
    let site = Site::new(&whole, &[RATE, RATE]);
    let (from, to) = (1_500_000, 37_654_321);
    let saved = tempfile::tempdir().unwrap();
    let saved = saved.path().join("saved");
    let before = site.passed();
    let address = site.address(site.holders[1].url());
    ok(&curl(&address, &saved, &["--range", &format!("{from}-{to}")]).wait(PATIENCE));
    assert!(std::fs::read(&saved).unwrap() == whole[from..=to]);
    assert!(site.passed()[0] - before[0] > 8 * MIB, "both sent some of it");
}

fn dies() {
    let whole = binary((40 << 20) + 9);
    let mut site = Site::new(&whole, &[2 * MIB, 4 * MIB]);
    let saved = tempfile::tempdir().unwrap();
    let saved = saved.path().join("saved");
    let before = site.passed();
    let getting = curl(&site.address(site.holders[0].url()), &saved, &[]);
    wait_for("the other to send some of it", PATIENCE, || (site.passed()[1] - before[1] > 6 * MIB).then_some(()));
    site.holders[0].kill();
    ok(&getting.wait(PATIENCE));
    assert!(std::fs::read(&saved).unwrap() == whole);
}

fn read() {
    shares("a tab's reading", |site, whole| {
        assert!(site.tab.ask(site.read(site.holders[0].url())).unwrap().1 == whole);
    });
}

fn hangs() {
    let whole = binary((24 << 20) + 5);
    let site = Site::new(&whole, &[4 * MIB, 4 * MIB]);
    let before = site.passed();
    // Then its connections stand, and nothing comes.
    site.holders[0].proxy.may_pass(2 * MIB);
    assert!(site.tab.ask(site.read(site.holders[0].url())).unwrap().1 == whole);
    assert_eq!(site.passed()[0] - before[0], 2 * MIB, "it hung in the midst of it");
    assert!(site.passed()[1] - before[1] > 16 * MIB, "the other sent the rest");
}

fn slow() {
    let whole = binary((32 << 20) + 5);
    let site = Site::new(&whole, &[MIB / 4, 4 * MIB, 4 * MIB]);
    let before = site.passed();
    let begun = Instant::now();
    assert!(site.tab.ask(site.read(site.holders[0].url())).unwrap().1 == whole);
    let shares: Vec<_> = site.passed().iter().zip(before).map(|(passed, before)| passed - before).collect();
    eprintln!("of one with 2 Mbit/s and two with 32: {:.1?}; {shares:?}", begun.elapsed());
    assert!(shares[0] < shares[1] / 2 && shares[0] < shares[2] / 2, "{shares:?}");
}

fn lies() {
    let whole = binary((32 << 20) + 5);
    let site = Site::new(&whole, &[RATE, RATE]);
    let mut flipped = whole.clone();
    flipped.iter_mut().step_by(1 << 18).for_each(|byte| *byte ^= 1);
    let liar = Tab::open(&site.address, PASSWORD, "liar", [9; 16]);
    liar.promise("copy.bin", &whole, &flipped);
    site.wait_for_ids(3);
    assert!(site.tab.ask(site.read(site.holders[0].url())).unwrap().1 == whole);
    assert!(liar.reads().iter().any(|read| read.path == "copy.bin"), "it was asked");
}

/// A tab of the node with the same content, whose first `right` bytes are what it promised. It is much faster than the holder,
/// which is left out.
fn fast_tab(site: &Site, whole: &[u8], right: usize) -> Tab {
    let mut sent = whole.to_vec();
    sent[right..].iter_mut().step_by(1 << 18).for_each(|byte| *byte ^= 1);
    let tab = Tab::open(&site.address, PASSWORD, "fast", [9; 16]);
    tab.promise("copy.bin", whole, &sent);
    site.wait_for_ids(2);
    tab
}

/// Until this tab is the only one that sends: it is asked for more than a piece at a time.
fn wait_until_alone(tab: &Tab) {
    wait_for("the tab to be left alone", PATIENCE, || {
        tab.reads().iter().any(|read| read.length.is_none_or(|length| length > MIB)).then_some(())
    });
}

fn lies_alone() {
    let whole = binary((40 << 20) + 5);
    let site = Site::new(&whole, &[MIB / 4]);
    let liar = fast_tab(&site, &whole, 24 << 20);
    let reading = site.tab.begin(site.read(site.holders[0].url()));
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| site.tab.rest(reading));
        wait_until_alone(&liar);
        site.holders[0].proxy.set_rate(0);
        assert!(reading.join().unwrap().unwrap().1 == whole);
    });
}

fn slow_again() {
    let whole = binary((40 << 20) + 5);
    let site = Site::new(&whole, &[MIB / 4]);
    let mut other = fast_tab(&site, &whole, whole.len());
    other.may_send(24 << 20);
    let saved = tempfile::tempdir().unwrap();
    let saved = saved.path().join("saved");
    let getting = curl(&site.address(site.holders[0].url()), &saved, &[]);
    wait_until_alone(&other);
    other.crash();
    site.holders[0].proxy.set_rate(0);
    ok(&getting.wait(PATIENCE));
    assert!(std::fs::read(&saved).unwrap() == whole);
}

fn break_at_once() {
    let whole = binary((40 << 20) + 5);
    let site = Site::new(&whole, &[4 * MIB, 4 * MIB]);
    let before = site.passed();
    let reading = site.tab.begin(site.read(site.holders[0].url()));
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| site.tab.rest(reading));
        wait_for("both to send", PATIENCE, || (site.passed()[1] - before[1] > 3 * MIB).then_some(()));
        site.holders.iter().for_each(|holder| holder.proxy.spoil(&[(1, Spoiled::Cut)]));
        assert!(reading.join().unwrap().unwrap().1 == whole);
    });
    assert!(site.holders.iter().all(|holder| holder.proxy.is_all_spoiled()));
}

/// Kills a holder when some of it has come, and starts it again when it was missed.
fn start_again(holder: &mut Holder, before: u64) {
    wait_for("some of it", PATIENCE, || (holder.proxy.passed() - before > 3 * MIB).then_some(()));
    let refused = holder.proxy.refused();
    holder.kill();
    wait_for("it to be missed", PATIENCE, || (holder.proxy.refused() > refused + 2).then_some(()));
    holder.start(&[]);
}

fn started_again() {
    let whole = binary((24 << 20) + 5);
    let mut site = Site::new(&whole, &[4 * MIB]);
    let before = site.passed()[0];
    let reading = site.tab.begin(site.read(site.holders[0].url()));
    let Site { holders, tab, .. } = &mut site;
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| tab.rest(reading));
        start_again(&mut holders[0], before);
        assert!(reading.join().unwrap().unwrap().1 == whole);
    });
}

fn started_again_plain() {
    let whole = binary((24 << 20) + 5);
    let mut site = Site::new(&whole, &[4 * MIB]);
    let before = site.passed()[0];
    let saved = tempfile::tempdir().unwrap();
    let saved = saved.path().join("saved");
    let getting = curl(&site.address(site.holders[0].url()), &saved, &[]);
    start_again(&mut site.holders[0], before);
    ok(&getting.wait(PATIENCE));
    assert!(std::fs::read(&saved).unwrap() == whole);
}

/// Hop limit 1. Another tab, which reads the same a moment later, gets it from the other holder meanwhile.
fn hop_limit() {
    let whole = binary((24 << 20) + 5);
    let site = Site::new(&whole, &[8 * MIB]);
    let slow = fast_tab(&site, &whole, whole.len());
    slow.may_send(4 << 20);
    let node = Tab::introduce(&site.address, PASSWORD, hello(Role::Node, "node", None));
    let before = site.passed()[0];
    let url = slow.url();
    let of = url[url.find("/peer/").unwrap()..].to_owned();
    let own = Read { peer: None, of, path: "copy.bin".to_owned(), ..site.read("") };
    std::thread::scope(|scope| {
        let reading = node.begin(own);
        let reading = scope.spawn(|| node.rest(reading));
        wait_for("the tab to send what it may", PATIENCE, || (slow.has_left() == 0).then_some(()));
        let through = Read { path: "copy.bin".to_owned(), ..site.read(&url) };
        assert!(site.tab.ask(through).unwrap().1 == whole);
        slow.may_send(128 << 20);
        assert!(reading.join().unwrap().unwrap().1 == whole);
    });
    let passed = site.passed()[0] - before;
    assert!(passed < whole.len() as u64 + 4 * MIB, "once, for the tab: {passed}");
}
