//! Receiver, sender and relay are killed at random, again and again: no file is ever wrong, and little comes twice.

use std::path::Path;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use super::{Dice, Got, Holder, MIB, PASSWORD, begin, ls};
use crate::harness::process::wait_for;
use crate::harness::tab::Tab;
use crate::harness::test;
use crate::harness::tree::{binary, content};

/// How often somebody is killed, unless `TINYP2P_KILLS` says otherwise: for nights, `TINYP2P_KILLS=10000`.
const KILLS: u64 = 200;
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes per second of each who sends.
const RATE: u64 = 48 * MIB;
/// The file of the node, and the file of the tab.
const NAMES: [&str; 2] = ["big.bin", "film.bin"];

pub(super) fn trials() -> Vec<Trial> {
    vec![test("receiver_sender_and_relay_are_killed_again", killed)]
}

/// A node that sends, and one that passes on what a tab holds.
struct Site {
    files: [Vec<u8>; 2],
    sender: Holder,
    relay: Holder,
    tab: Tab,
}

impl Site {
    fn new() -> Self {
        let files = [binary(24 << 20), binary((24 << 20) + 12_345)];
        let sender = Holder::of(&[(NAMES[0], &files[0])], RATE);
        let mut relay = Holder::prepare(&[], RATE);
        relay.start(&["--join", sender.url()]);
        let tab = Tab::open(relay.url(), PASSWORD, "tab", [9; 16]);
        tab.promise(NAMES[1], &files[1], &files[1]);
        Self { files, sender, relay, tab }
    }

    fn restart_sender(&mut self) {
        self.sender.kill();
        let relay = self.relay.url().to_owned();
        self.sender.start(&["--join", &relay]);
    }

    /// Its tab comes back, as the page does.
    fn restart_relay(&mut self) {
        self.relay.kill();
        let sender = self.sender.url().to_owned();
        self.relay.start(&["--join", &sender]);
        self.tab.connect();
        self.tab.promise(NAMES[1], &self.files[1], &self.files[1]);
    }

    /// What came from either so far, in bytes.
    fn passed(&self) -> u64 {
        self.sender.proxy.passed() + self.relay.proxy.passed()
    }

    /// Whatever is in the folder is a whole file or has another name. Takes the whole ones away and counts them.
    #[track_caller]
    fn take(&self, to: &Path) -> u64 {
        let left = content(to);
        let mut whole = 0;
        for (name, bytes) in &left {
            match NAMES.iter().position(|known| known == name) {
                Some(at) => {
                    assert!(*bytes == self.files[at], "{name} of {} bytes", bytes.len());
                    std::fs::remove_file(to.join(name)).unwrap();
                    whole += 1;
                }
                None => assert!(name.starts_with(".tinyp2p.") && name.ends_with(".part"), "{name}"),
            }
        }
        assert!(left.len() <= 4, "{:?}", left.keys());
        whole
    }
}

fn killed() {
    let kills = std::env::var("TINYP2P_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let (mut site, to) = (Site::new(), tempfile::tempdir().unwrap());
    let mut dice = Dice(0x1234_5678_9abc_def1);
    let (mut whole, mut of_whom, mut is_spoiled) = (0, [0_u64; 3], false);
    let (before, mut getting) = (site.passed(), begin(site.sender.url(), to.path()));
    for number in 1..=kills {
        if number.is_multiple_of(1_000) {
            eprintln!("{number} of {kills} kills, {whole} whole files so far");
        }
        // At a moment before anything comes, or after some of it did.
        let (begun, start) = (Instant::now(), site.passed());
        let (pause, bytes, by_bytes) =
            (Duration::from_millis(dice.below(600)), dice.below(12 * MIB), dice.below(4) > 0);
        wait_for("a moment to kill somebody", PATIENCE, || {
            let is_time = if by_bytes { site.passed() - start >= bytes } else { begun.elapsed() >= pause };
            (is_time || !getting.is_running()).then_some(())
        });
        if !getting.is_running() {
            let got = Got::of(getting.wait(PATIENCE));
            assert!(is_spoiled || got.output.status.success(), "{}", got.words());
            whole += site.take(to.path());
            (getting, is_spoiled) = (begin(site.sender.url(), to.path()), false);
        }
        let whom = [0, 0, 1, 2][dice.below(4) as usize];
        of_whom[whom] += 1;
        match whom {
            0 => {
                drop(getting.kill());
                whole += site.take(to.path());
                (getting, is_spoiled) = (begin(site.sender.url(), to.path()), false);
            }
            1 => site.restart_sender(),
            _ => site.restart_relay(),
        }
        // Whoever missed them may fail, as long as it says so.
        is_spoiled |= whom > 0;
    }
    drop(getting.wait(4 * PATIENCE));
    whole += site.take(to.path());
    wait_for("both files to be listed with their ids", PATIENCE, || {
        let rows = ls(site.sender.url());
        (rows.len() == 2 && rows.iter().all(|row| row["id"].is_string())).then_some(())
    });
    let got = Got::get(site.sender.url(), to.path());
    got.exits_with(0).is_verified(NAMES[0]).is_verified(NAMES[1]);
    assert_eq!(site.take(to.path()), 2);
    whole += 2;
    let again = (site.passed() - before).saturating_sub(whole * (24 << 20));
    let [receiver, sender, relay] = of_whom;
    eprintln!(
        "killed: receiver {receiver}, sender {sender}, relay {relay} times; {whole} whole files, {} KiB more than these for each",
        again / kills.max(1) / 1024
    );
    // Of each of two files a piece that was not complete, another where two runs met; and all that is said besides.
    assert!(again <= kills * 4 * MIB, "{again} bytes too many in {kills} kills");
}
