//! One content under several names: it comes once, and what is here under another name is only taken where it is the same.

use libtest_mimic::Trial;

use super::changed::rewrite;
use super::{Got, Holder, MIB};
use crate::harness::test;
use crate::harness::tree::{assert_same, binary, content};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("one_content_under_three_names_is_fetched_once", once),
        test("what_is_here_under_another_name_is_not_taken_if_it_changed", changed),
    ]
}

const SIZE: u64 = 12 * MIB;

fn once() {
    let whole = binary(SIZE as usize);
    let holder = Holder::of(&[("a.bin", &whole), ("folder/b.bin", &whole), ("z.bin", &whole), ("other.bin", b"x")], 0);
    let (to, before) = (tempfile::tempdir().unwrap(), holder.proxy.passed());
    let got = Got::get(holder.url(), to.path());
    got.exits_with(0);
    assert_same(&content(to.path()), &content(holder.share.path()));
    let sent = holder.proxy.passed() - before;
    assert!(sent < SIZE + MIB, "{sent} bytes");
    let names = ["a.bin", "folder/b.bin", "z.bin"];
    let kept: u64 = names.iter().map(|name| got.is_verified(name).saved[*name]["kept"].as_u64().unwrap()).sum();
    assert_eq!(kept, 2 * SIZE, "{}", got.words());

    // The same from what an earlier run left.
    std::fs::remove_file(to.path().join("folder/b.bin")).unwrap();
    let before = holder.proxy.passed();
    let got = Got::get(holder.url(), to.path());
    got.exits_with(0).is_verified("folder/b.bin");
    assert_same(&content(to.path()), &content(holder.share.path()));
    let sent = holder.proxy.passed() - before;
    assert!(sent < MIB, "{sent} bytes");
}

fn changed() {
    let whole = binary(SIZE as usize);
    let holder = Holder::of(&[("a.bin", &whole), ("b.bin", &whole)], 0);
    let to = tempfile::tempdir().unwrap();
    Got::get(holder.url(), to.path()).exits_with(0);
    std::fs::remove_file(to.path().join("b.bin")).unwrap();
    // Of the same size and time: nothing but its bytes tells. One of its pieces is another.
    rewrite(&to.path().join("a.bin"), |bytes| bytes[5_000_000] ^= 1);
    let before = holder.proxy.passed();
    let got = Got::get(holder.url(), to.path());
    got.exits_with(0).is_verified("b.bin");
    assert!(content(to.path())["b.bin"] == whole, "{}", got.words());
    let sent = holder.proxy.passed() - before;
    assert!((MIB / 2..3 * MIB).contains(&sent), "only what differs comes: {sent} bytes");
}
