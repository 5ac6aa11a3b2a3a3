//! Networks that flip, cut, reset and stall.

use libtest_mimic::Trial;

use super::{Dice, Got, Holder, MIB};
use crate::harness::proxy::Spoiled;
use crate::harness::test;
use crate::harness::tree::binary;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("flips_cuts_and_resets_are_noticed_and_repaired", flips_cuts_resets),
        test("a_connection_that_stands_still_is_given_up_and_dialed_anew", stalls),
    ]
}

fn flips_cuts_resets() {
    let whole = binary(48 << 20);
    let holder = Holder::of(&[("big.bin", &whole)], 0);
    let mut dice = Dice(0xfeed_f00d_1234_5679);
    let kinds = [Spoiled::Flipped, Spoiled::Cut, Spoiled::Reset];
    let plan: Vec<_> = (0..12).map(|index| (MIB + dice.below(3 * MIB), kinds[index % kinds.len()])).collect();
    let before = (holder.proxy.connections(), holder.proxy.passed());
    holder.proxy.spoil(&plan);
    let to = tempfile::tempdir().unwrap();
    let got = Got::get(holder.url(), to.path());
    assert!(holder.proxy.is_all_spoiled(), "only {} bytes passed", holder.proxy.passed() - before.1);
    got.exits_with(0).is_verified("big.bin");
    assert!(std::fs::read(to.path().join("big.bin")).unwrap() == whole);
    assert!(holder.proxy.connections() - before.0 > 12, "each ended a connection");
}

fn stalls() {
    let whole = binary(16 << 20);
    let holder = Holder::of(&[("big.bin", &whole)], 0);
    holder.proxy.spoil(&[(5 * MIB, Spoiled::Stalled)]);
    let to = tempfile::tempdir().unwrap();
    let got = Got::get(holder.url(), to.path());
    assert!(holder.proxy.is_all_spoiled());
    got.exits_with(0).is_verified("big.bin");
    assert!(std::fs::read(to.path().join("big.bin")).unwrap() == whole);
}
