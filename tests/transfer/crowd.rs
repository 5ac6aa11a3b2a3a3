//! Several receivers of one file at once: each has it in the end, and its holder sent it about once.

use std::time::Duration;

use libtest_mimic::Trial;
use tempfile::TempDir;

use super::{Got, Holder, MIB, PASSWORD, begin, begin_with};
use crate::harness::node::tinyp2p;
use crate::harness::process::{Running, wait_for};
use crate::harness::test;
use crate::harness::tree::{binary, content};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("receivers_of_one_file_give_each_other_what_they_have", shared),
        test("a_receiver_that_is_killed_costs_the_others_nothing", killed),
        test("a_receiver_that_is_alone_listens_nowhere", alone),
        test("two_receivers_of_several_files_share_each", several),
    ]
}

/// A receiver at work, and where it saves.
pub(super) struct Receiver {
    pub(super) getting: Running,
    pub(super) to: TempDir,
}

impl Receiver {
    pub(super) fn of(holder: &Holder) -> Self {
        let to = tempfile::tempdir().unwrap();
        Self { getting: begin(holder.url(), to.path()), to }
    }

    /// Waits for its end, which is a good one, with the right bytes.
    #[track_caller]
    pub(super) fn has(self, whole: &[u8]) -> Got {
        let (got, to) = self.ended();
        got.exits_with(0).is_verified("big.bin");
        assert!(std::fs::read(to.path().join("big.bin")).unwrap() == whole, "{}", got.words());
        assert!(content(to.path()).keys().all(|name| !name.ends_with(".part")));
        got
    }

    pub(super) fn ended(self) -> (Got, TempDir) {
        (Got::of(self.getting.wait(Duration::from_secs(200))), self.to)
    }
}

/// Bytes that came from elsewhere than the holder.
pub(super) fn from_others(got: &Got, holder: &Holder) -> u64 {
    got.from("big.bin").iter().filter(|(peer, _)| *peer != holder.url()).map(|(_, bytes)| bytes).sum()
}

fn shared() {
    const COUNT: u64 = 6;
    let whole = binary(24 << 20);
    let holder = Holder::of(&[("big.bin", &whole)], 4 * MIB);
    let before = holder.proxy.passed();
    let receivers: Vec<Receiver> = (0..COUNT).map(|_| Receiver::of(&holder)).collect();
    let got: Vec<Got> = receivers.into_iter().map(|receiver| receiver.has(&whole)).collect();
    let sent = holder.proxy.passed() - before;
    let from_others: Vec<u64> = got.iter().map(|got| from_others(got, &holder) / MIB).collect();
    eprintln!("{COUNT} receivers of 24 MiB: the holder sent {} MiB, others {from_others:?}", sent / MIB);
    // Each on its own would be six times; what was on its way when they found each other is sent twice or thrice.
    assert!(sent < 5 * whole.len() as u64 / 2, "{sent} bytes");
    assert!(from_others.iter().sum::<u64>() > 3 * 24, "{from_others:?}");
}

fn killed() {
    let whole = binary(24 << 20);
    let holder = Holder::of(&[("big.bin", &whole)], 4 * MIB);
    let before = holder.proxy.passed();
    let mut receivers: Vec<Receiver> = (0..4).map(|_| Receiver::of(&holder)).collect();
    wait_for("some of it", Duration::from_secs(60), || (holder.proxy.passed() - before > 10 * MIB).then_some(()));
    drop(receivers.remove(1).getting.kill());
    let got: Vec<Got> = receivers.into_iter().map(|receiver| receiver.has(&whole)).collect();
    let sent = holder.proxy.passed() - before;
    eprintln!("three of four receivers had 24 MiB: the holder sent {} MiB", sent / MIB);
    assert!(sent < 3 * whole.len() as u64 && got.iter().any(|got| from_others(got, &holder) > 0), "{sent} bytes");
}

/// Ports that a process listens at.
pub(super) fn ports_of(id: u32) -> Vec<u16> {
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{id}/fd"))
        .map(|files| files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok()).collect::<Vec<_>>())
        .unwrap_or_default()
        .iter()
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let tables = ["tcp", "tcp6"].map(|table| std::fs::read_to_string(format!("/proc/{id}/net/{table}")));
    let rows: Vec<String> =
        tables.into_iter().flatten().flat_map(|table| table.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let port = |row: &String| {
        let columns: Vec<&str> = row.split_whitespace().collect();
        // 0A is LISTEN; see proc(5).
        let listens =
            columns.get(3) == Some(&"0A") && sockets.iter().any(|inode| columns.get(9) == Some(&inode.as_str()));
        listens.then(|| u16::from_str_radix(columns[1].rsplit(':').next()?, 16).ok())?
    };
    rows.iter().filter_map(port).collect()
}

fn alone() {
    let whole = binary(24 << 20);
    let holder = Holder::of(&[("big.bin", &whole)], 6 * MIB);
    let before = holder.proxy.passed();
    let one = Receiver::of(&holder);
    let so_far = |bytes| (holder.proxy.passed() - before > bytes).then_some(());
    wait_for("some of it", Duration::from_secs(60), || so_far(6 * MIB));
    assert!(ports_of(one.getting.id()).is_empty(), "nobody else fetches it");
    // One that wants to be left alone changes nothing of that.
    let to = tempfile::tempdir().unwrap();
    let second = begin_with(tinyp2p(PASSWORD).args(["get", "--json", "--alone", holder.url(), "--to"]).arg(to.path()));
    wait_for("more of it", Duration::from_secs(60), || so_far(16 * MIB));
    assert!(ports_of(one.getting.id()).is_empty() && ports_of(second.id()).is_empty());
    let second = Receiver { getting: second, to };
    for receiver in [one, second] {
        let got = receiver.has(&whole);
        assert_eq!(from_others(&got, &holder), 0, "{}", got.words());
    }
}

fn several() {
    let (first, second) = (binary(12 << 20), binary(13 << 20)[1 << 20..].to_vec());
    let holder = Holder::of(&[("a.bin", &first), ("b.bin", &second), ("small", b"small")], 4 * MIB);
    let before = holder.proxy.passed();
    let receivers = [Receiver::of(&holder), Receiver::of(&holder), Receiver::of(&holder)];
    for receiver in receivers {
        let (got, to) = receiver.ended();
        got.exits_with(0).is_verified("a.bin").is_verified("b.bin");
        let content = content(to.path());
        assert!(content["a.bin"] == first && content["b.bin"] == second && content.len() == 3, "{}", got.words());
    }
    let sent = holder.proxy.passed() - before;
    eprintln!("three receivers of twice 12 MiB: the holder sent {} MiB", sent / MIB);
    assert!(sent < 60 * MIB, "{sent} bytes");
}
