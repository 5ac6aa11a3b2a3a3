//! Files that are put at a node: whole or not at all, beside what is there, and not sent twice.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Output;
use std::time::{Duration, UNIX_EPOCH};

use libtest_mimic::Trial;
use shared::bridge::{Kept, Message, Offered, Put, ResetCode, Role};
use shared::limits::PUT_FILES;
use shared::transfer::Hashing;

use super::{Got, Holder, MIB, PASSWORD, begin_with, wait_for_part};
use crate::harness::disk::SmallDisk;
use crate::harness::node::{Node, peak_memory_in, program, run, tinyp2p};
use crate::harness::process::{Running, wait_for};
use crate::harness::tab::{Content, MODIFIED, Tab, hello, made};
use crate::harness::tree::{assert_same, binary, content, names, text, tree};
use crate::harness::{Trials, ok, test};

pub(super) fn trials() -> Vec<Trial> {
    let disk = SmallDisk::can_be();
    let mut full = Trials::needing("a disk of its own", &disk);
    full.add("put::a_full_disk_is_told_to_who_puts_there", |()| full_disk());
    full.add("put::what_is_there_of_a_file_takes_its_room_once", |()| half_full());
    let mut trials = full.into_vec();
    trials.extend([
        test("put::files_and_folders_are_kept_as_they_are", kept),
        test("put::what_is_there_is_not_sent_again_and_never_replaced", beside),
        test("put::files_of_one_name_get_each_a_name_of_its_own", alike),
        test("put::what_only_looks_like_a_file_that_is_there_is_kept", looks_alike),
        test("put::no_more_is_taken_than_its_owner_said", limits),
        test("put::who_gives_nothing_keeps_nobody_from_putting", stalled),
        test("put::a_node_that_is_gone_for_good_is_given_up_in_the_end", gone),
        test("put::two_who_put_the_same_at_once_are_both_done", both),
        test("put::a_node_that_takes_no_files_says_what_would", takes_none),
        test("put::who_puts_is_killed_and_the_next_goes_on", put_killed),
        test("put::a_node_that_is_started_anew_costs_a_moment", node_started_anew),
        test("put::an_interrupted_put_says_so_and_leaves_nothing_half", interrupted),
        test("put::a_file_that_changes_is_named_and_no_mixture_is_kept", changed),
        test("put::what_a_hostile_member_puts_is_refused_or_proved", hostile),
        test("put::a_gibibyte_takes_little_memory_at_both_ends", large),
    ]);
    trials
}

/// `put --json` of these to their end.
fn put(url: &str, files: &[&Path]) -> Got {
    Got::of(begin(url, files).wait(Duration::from_secs(280)))
}

fn begin(url: &str, files: &[&Path]) -> Running {
    begin_with(tinyp2p(PASSWORD).args(["put", "--json", url]).args(files))
}

fn drop_box(dir: &Path) -> Node {
    Node::serve(dir, PASSWORD, &["--name", "attic", "--drop-box"])
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn kept() {
    let (medium, large) = (text(500_000), binary(5_000_000));
    let mine: [(&str, &[u8]); 8] = [
        ("trip/small.txt", b"small"),
        ("trip/empty", b""),
        ("trip/2003/medium.txt", &medium),
        ("trip/2003/large 😀 é.bin", &large),
        ("trip/.hidden", b"not this"),
        ("trip/what?.txt", b"a name that is not one everywhere"),
        ("run.sh", b"#!/bin/sh\n"),
        ("not this.txt", b"nobody named it"),
    ];
    let disk = tree(&mine);
    let at = |name: &str| disk.path().join(name);
    let time = UNIX_EPOCH + Duration::new(1_104_537_598, 123_456_789);
    File::options().write(true).open(at("run.sh")).unwrap().set_modified(time).unwrap();
    std::fs::set_permissions(at("run.sh"), Permissions::from_mode(0o755)).unwrap();
    let share = tree(&[]);
    let node = drop_box(share.path());
    let got = put(&node.url, &[&at("trip"), &at("run.sh")]);
    got.exits_with(0);
    let mut expected: BTreeMap<_, _> = mine.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
    expected.retain(|name, _| name != "trip/.hidden" && name != "not this.txt");
    let odd = expected.remove("trip/what?.txt").unwrap();
    expected.insert("trip/what_.txt".into(), odd);
    assert_same(&content(share.path()), &expected);
    for name in expected.keys() {
        got.is_verified(name);
    }
    assert_eq!((&got.done["files"], &got.done["missed"]), (&6.into(), &0.into()), "{}", got.words());
    assert_eq!(got.saved["trip/what_.txt"]["path"], "trip/what?.txt");
    let facts = std::fs::metadata(share.path().join("run.sh")).unwrap();
    assert_eq!((facts.mtime(), facts.mtime_nsec()), (1_104_537_598, 123_456_789));
    assert!(facts.mode() & 0o100 != 0, "it may be run");
    // Everybody finds it.
    wait_for("the node to list all of it", Duration::from_secs(10), || {
        (super::ls(&node.url).len() == expected.len()).then_some(())
    });
    let into = tempfile::tempdir().unwrap();
    ok(&crate::harness::node::get(&node.url, PASSWORD, "", into.path()));
    assert_same(&content(into.path()), &expected);
}

fn beside() {
    let disk = tree(&[("a.txt", b"mine"), ("more/a.txt", b"other"), ("big.bin", &binary(3_000_000))]);
    let at = |name: &str| disk.path().join(name);
    let share = tree(&[("a.txt", b"theirs"), ("b.txt", b"theirs")]);
    let node = drop_box(share.path());
    let got = put(&node.url, &[&at("a.txt"), &at("big.bin")]);
    got.exits_with(0);
    assert_eq!(got.saved["a (1).txt"]["path"], "a.txt", "{}", got.words());
    // By its time at once, by what it holds once that is known.
    let again = put(&node.url, &[&at("a.txt"), &at("big.bin")]);
    again.exits_with(0);
    assert_eq!((&again.done["files"], &again.done["already_here"]), (&0.into(), &2.into()), "{}", again.words());
    wait_for("all to be hashed", Duration::from_secs(60), || {
        let rows = super::ls(&node.url);
        (rows.len() == 4 && rows.iter().all(|row| row["id"].is_string())).then_some(())
    });
    for name in ["a.txt", "big.bin"] {
        File::options().write(true).open(at(name)).unwrap().set_modified(UNIX_EPOCH).unwrap();
    }
    let later = put(&node.url, &[&at("a.txt"), &at("big.bin"), &at("more")]);
    later.exits_with(0);
    assert_eq!((&later.done["files"], &later.done["already_here"]), (&1.into(), &2.into()), "{}", later.words());
    // Two of one name in one go.
    let two = put(&node.url, &[&at("more/a.txt"), &at("a.txt")]);
    two.exits_with(0);
    let expected: BTreeMap<String, Vec<u8>> = [
        ("a.txt", b"theirs".to_vec()),
        ("b.txt", b"theirs".to_vec()),
        ("a (1).txt", b"mine".to_vec()),
        ("a (2).txt", b"other".to_vec()),
        ("more/a.txt", b"other".to_vec()),
        ("big.bin", binary(3_000_000)),
    ]
    .into_iter()
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .collect();
    assert_same(&content(share.path()), &expected);
    // A person is told in words.
    let output = run(tinyp2p(PASSWORD).args(["put", &node.url]).arg(at("big.bin")));
    ok(&output);
    assert!(words(&output).contains("1 already there"), "{}", words(&output));
}

fn both() {
    let (large, small) = (binary(12 << 20), text(5_000));
    let disk = tree(&[("large.bin", &large), ("small.txt", &small)]);
    let holder = Holder::taking(6 * MIB);
    let at = |name: &str| disk.path().join(name);
    let putting = [0, 1].map(|_| begin(holder.url(), &[&at("large.bin"), &at("small.txt")]));
    let got = putting.map(|putting| Got::of(putting.wait(Duration::from_secs(120))));
    let mut files = 0;
    for got in &got {
        got.exits_with(0);
        files += got.done["files"].as_u64().unwrap();
    }
    assert_eq!(files, 2, "{}\n{}", got[0].words(), got[1].words());
    let expected = [("large.bin".to_owned(), large), ("small.txt".to_owned(), small)];
    assert_same(&content(holder.share.path()), &BTreeMap::from(expected));
}

fn takes_none() {
    let disk = tree(&[("a.txt", b"mine")]);
    let share = tree(&[]);
    let node = Node::serve(share.path(), PASSWORD, &["--name", "attic"]);
    let output = run(tinyp2p(PASSWORD).args(["put", &node.url]).arg(disk.path().join("a.txt")));
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("attic takes no files; it would with `serve --drop-box`"), "{}", words(&output));
    // What cannot be put is told before a password is asked for.
    let output = run(program().args(["put", &node.url]).arg(disk.path().join("none")));
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("none"), "{}", words(&output));
    assert!(content(share.path()).is_empty());
}

fn put_killed() {
    let whole = binary(24 << 20);
    let disk = tree(&[("big.bin", &whole)]);
    let holder = Holder::taking(0);
    holder.proxy.may_pass(18 * MIB);
    let putting = begin(holder.url(), &[&disk.path().join("big.bin")]);
    wait_for_part(holder.share.path(), 14 * MIB);
    drop(putting.kill());
    holder.proxy.may_pass(u64::MAX);
    assert!(!names(holder.share.path()).contains("big.bin"));
    let before = holder.proxy.passed();
    let got = put(holder.url(), &[&disk.path().join("big.bin")]);
    got.exits_with(0).is_verified("big.bin");
    let from_before = got.saved["big.bin"]["kept"].as_u64().unwrap();
    assert!(from_before >= 8 * MIB, "{}", got.words());
    let passed = holder.proxy.passed() - before;
    assert!(passed <= whole.len() as u64 - from_before + MIB, "{passed} bytes came, {from_before} were there");
    assert_eq!(content(holder.share.path()), BTreeMap::from([("big.bin".to_owned(), whole)]));
}

fn node_started_anew() {
    let whole = binary(32 << 20);
    let disk = tree(&[("big.bin", &whole)]);
    let mut holder = Holder::taking(8 * MIB);
    let before = holder.proxy.passed();
    let putting = begin(holder.url(), &[&disk.path().join("big.bin")]);
    for round in 1..=2 {
        let so_far = round * 10 * MIB;
        wait_for("more of it", Duration::from_secs(60), || (holder.proxy.passed() - before > so_far).then_some(()));
        holder.kill();
        holder.start(&["--drop-box"]);
    }
    let got = Got::of(putting.wait(Duration::from_secs(120)));
    got.exits_with(0).is_verified("big.bin");
    let again = (holder.proxy.passed() - before).saturating_sub(whole.len() as u64);
    assert!(again <= 9 * MIB, "{again} bytes too many");
    assert_eq!(content(holder.share.path()), BTreeMap::from([("big.bin".to_owned(), whole)]));
}

fn interrupted() {
    let disk = tree(&[("big.bin", &binary(24 << 20))]);
    let holder = Holder::taking(0);
    holder.proxy.may_pass(12 * MIB);
    let putting = begin(holder.url(), &[&disk.path().join("big.bin")]);
    wait_for_part(holder.share.path(), 4 * MIB);
    let got = Got::of(putting.interrupt(Duration::from_secs(60)));
    got.exits_with(130);
    assert_eq!((&got.done["interrupted"], &got.done["files"]), (&true.into(), &0.into()), "{}", got.words());
    let left = names(holder.share.path());
    assert!(left.iter().all(|name| name.starts_with(".tinyp2p.") && name.ends_with(".part")), "{left:?}");
    assert_eq!(super::ls(holder.url()).len(), 0, "nobody is shown a part");
}

fn changed() {
    let disk = tree(&[("big.bin", &binary(24 << 20)), ("small.txt", b"small")]);
    let (big, small) = (disk.path().join("big.bin"), disk.path().join("small.txt"));
    let holder = Holder::taking(0);
    holder.proxy.may_pass(12 * MIB);
    let putting = begin(holder.url(), &[&big, &small]);
    wait_for_part(holder.share.path(), 4 * MIB);
    std::fs::write(&big, text(20 << 20)).unwrap();
    holder.proxy.may_pass(u64::MAX);
    let got = Got::of(putting.wait(Duration::from_secs(120)));
    got.exits_with(1).is_verified("small.txt");
    assert!(got.words().contains("big.bin") && got.words().contains("changed"), "{}", got.words());
    assert!(names(holder.share.path()).iter().eq(["small.txt"]));
    // It is at rest now.
    put(holder.url(), &[&big]).exits_with(0).is_verified("big.bin");
    assert_eq!(std::fs::read(holder.share.path().join("big.bin")).unwrap(), text(20 << 20));
}

/// What is said of each file that a member puts.
fn told(tab: &Tab, files: Vec<Offered>) -> BTreeMap<String, Result<String, String>> {
    let (messages, _) = tab.ask(Put { files }).expect("an answer");
    let kept = messages.into_iter().map(|message| match message {
        Message::Kept(Kept { path, error: Some(why), .. }) => (path, Err(why)),
        Message::Kept(Kept { path, save_as, .. }) => (path, Ok(save_as.unwrap())),
        other => panic!("{other:?}"),
    });
    kept.collect()
}

fn hostile() {
    let share = tree(&[("mine.txt", b"mine"), ("folder/mine.txt", b"mine")]);
    let outside = tree(&[]);
    let before = content(share.path());
    let link = share.path().join("link");
    std::os::unix::fs::symlink(outside.path(), &link).unwrap();
    let node = drop_box(share.path());
    let tab = Tab::open(&node.url, PASSWORD, "Eve", [7; 16]);
    // Names.
    let names = [
        "../up",
        "/etc/passwd",
        "a/../../up",
        "a\\b",
        "nul\0",
        ".hidden",
        "a/.b",
        ".tinyp2p.a.0.part",
        "link/a",
        "mine.txt/a",
    ];
    let files: Vec<_> = names.iter().map(|name| Offered::new((*name).to_owned(), 1, 0)).collect();
    let said = told(&tab, files);
    assert_eq!(said.len(), names.len(), "{said:?}");
    for (name, outcome) in &said {
        let why = outcome.as_ref().expect_err(name);
        assert!(!why.contains(&*share.path().to_string_lossy()), "it learns nothing of this disk: {why}");
    }
    // Other bytes than were promised, fewer, more, and none at all.
    let promised = binary(3_000_000);
    let mut other = promised.clone();
    other[2_000_000] ^= 1;
    tab.promise("lie.bin", &promised, &other);
    tab.promise("short.bin", &promised, &promised[..1_000_000]);
    tab.promise("long.bin", &promised[..10], &promised);
    let lie = |name: &str| Offered {
        id: Some(Hashing::id_of(&promised).0),
        ..Offered::new(name.to_owned(), promised.len() as u64, MODIFIED)
    };
    // Each by itself: what holds the same under another name is asked for it, too.
    let long = Offered::new("long.bin".into(), 10, MODIFIED);
    for file in [lie("lie.bin"), lie("short.bin"), lie("not offered.bin"), long] {
        let (name, said) = (file.path.clone(), told(&tab, vec![file]));
        let why = said[&name].as_ref().expect_err(&name);
        assert!(name != "lie.bin" || why.contains("not what it says"), "{why}");
    }
    // More than there is room for, and than may be asked for at once.
    let said = told(&tab, vec![Offered::new("huge".into(), u64::MAX, 0), Offered::new("huge too".into(), u64::MAX, 0)]);
    assert!(
        said.len() == 2 && said.values().all(|said| said.as_ref().is_err_and(|why| why.contains("no room"))),
        "{said:?}"
    );
    let many = (0..=PUT_FILES).map(|number| Offered::new(number.to_string(), 1, 0)).collect();
    let refused = tab.ask(Put { files: many }).unwrap_err();
    assert_eq!(refused.code(), Some(ResetCode::BAD_REQUEST), "{refused}");
    // A node puts nothing.
    let other = Tab::introduce(&node.url, PASSWORD, hello(Role::Node, "other", None));
    let refused = other.ask(Put { files: Vec::new() }).unwrap_err();
    assert_eq!(refused.code(), Some(ResetCode::BAD_REQUEST), "{refused}");
    std::fs::remove_file(link).unwrap();
    assert_same(&content(share.path()), &before);
    assert!(content(outside.path()).is_empty());
    // Who means well is served meanwhile, be it a tab that has not hashed anything.
    tab.offer(&[("good.bin", Content::bytes(promised.clone()))]);
    let said = told(&tab, vec![Offered::new("good.bin".into(), promised.len() as u64, MODIFIED)]);
    assert_eq!(said["good.bin"], Ok("good.bin".to_owned()));
    assert_eq!(std::fs::read(share.path().join("good.bin")).unwrap(), promised);
}

fn alike() {
    let disk = tree(&[("one/a.txt", b"one"), ("two/a.txt", b"two"), ("odd/x?", b"question"), ("odd/x*", b"star")]);
    let at = |name: &str| disk.path().join(name);
    let share = tree(&[("a.txt", b"theirs")]);
    let node = drop_box(share.path());
    let got = put(&node.url, &[&at("one/a.txt"), &at("two/a.txt"), &at("odd")]);
    got.exits_with(0);
    assert_eq!(got.done["files"], 4, "{}", got.words());
    let kept = content(share.path());
    // What was said of each is so.
    for (save_as, saved) in &got.saved {
        let path = saved["path"].as_str().unwrap();
        let mine = match path {
            "a.txt" => b"one".to_vec(),
            "a (1).txt" => b"two".to_vec(),
            odd => std::fs::read(at(odd)).unwrap(),
        };
        assert_eq!(kept[save_as], mine, "{path} as {save_as}");
    }
    assert_eq!((kept.len(), kept["a.txt"].as_slice()), (5, &b"theirs"[..]), "{:?}", kept.keys());
}

fn looks_alike() {
    let (disk, share) = (tree(&[("a.txt", b"mine!")]), tree(&[("a.txt", b"other")]));
    for folder in [disk.path(), share.path()] {
        File::options().write(true).open(folder.join("a.txt")).unwrap().set_modified(UNIX_EPOCH).unwrap();
    }
    // Before it can be hashed, and after.
    let node = drop_box(share.path());
    for round in 0..2 {
        let got = put(&node.url, &[&disk.path().join("a.txt")]);
        got.exits_with(0);
        assert_eq!(got.done["already_here"], round, "{}", got.words());
        let expected = [("a.txt".to_owned(), b"other".to_vec()), ("a (1).txt".to_owned(), b"mine!".to_vec())];
        assert_same(&content(share.path()), &BTreeMap::from(expected));
        wait_for("all to be hashed", Duration::from_secs(60), || {
            let rows = super::ls(&node.url);
            (rows.len() == 2 && rows.iter().all(|row| row["id"].is_string())).then_some(())
        });
    }
}

fn limits() {
    let (small, medium, large) = (binary(300_000), binary(500_000), binary(700_000));
    let disk = tree(&[("small", &small), ("medium", &medium), ("large", &large)]);
    let at = |name: &str| disk.path().join(name);
    let share = tree(&[("there", &binary(400_000))]);
    let node = Node::serve(share.path(), PASSWORD, &["--drop-box=1M", "--max-file-size", "600K"]);
    // It counts what is there once it has seen that.
    wait_for("the node to look", Duration::from_secs(10), || (super::ls(&node.url).len() == 1).then_some(()));
    let got = put(&node.url, &[&at("large")]);
    got.exits_with(1);
    assert!(got.words().contains("larger than what is taken here"), "{}", got.words());
    put(&node.url, &[&at("medium")]).exits_with(0);
    wait_for("the node to see it", Duration::from_secs(10), || (super::ls(&node.url).len() == 2).then_some(()));
    let got = put(&node.url, &[&at("small")]);
    got.exits_with(1);
    assert!(got.words().contains("as much as may be put here is here already"), "{}", got.words());
    assert_eq!(content(share.path()).into_keys().collect::<Vec<_>>(), ["medium", "there"]);
    let wrong = run(tinyp2p(PASSWORD).args(["serve", "--max-file-size", "1M"]).arg(share.path()));
    assert_eq!(wrong.status.code(), Some(2), "{}", words(&wrong));
}

fn stalled() {
    let share = tree(&[]);
    let node = drop_box(share.path());
    let tab = Tab::open(&node.url, PASSWORD, "Eve", [7; 16]);
    let names: Vec<String> = (0..64).map(|number| format!("never {number}.bin")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), Content::Made(8 << 20))).collect();
    tab.offer(&files);
    tab.may_send(0);
    let offered = |name: &String| Offered::new(name.clone(), 8 << 20, MODIFIED);
    let lists = names.chunks(8).map(|some| tab.begin(Put { files: some.iter().map(offered).collect() }));
    let _waiting: Vec<_> = lists.collect();
    wait_for("the node to ask for them", Duration::from_secs(30), || (tab.under_way() > 2).then_some(()));
    let disk = tree(&[("a.txt", b"mine"), ("big.bin", &binary(3_000_000))]);
    put(&node.url, &[&disk.path().join("a.txt"), &disk.path().join("big.bin")]).exits_with(0).is_verified("big.bin");
    assert!(tab.under_way() > 2, "it gives nothing still");
}

fn gone() {
    let disk = tree(&[("big.bin", &binary(24 << 20)), ("small.txt", b"small")]);
    let mut holder = Holder::taking(0);
    holder.proxy.may_pass(12 * MIB);
    let putting = begin(holder.url(), &[&disk.path().join("big.bin"), &disk.path().join("small.txt")]);
    wait_for_part(holder.share.path(), 4 * MIB);
    holder.kill();
    holder.proxy.may_pass(u64::MAX);
    let got = Got::of(putting.wait(Duration::from_secs(120)));
    got.exits_with(1);
    assert!(got.words().contains("big.bin"), "{}", got.words());
    assert!(holder.proxy.refused() > 10, "it was called again and again");
    assert!(!names(holder.share.path()).contains("big.bin"));
}

fn full_disk() {
    let disk = SmallDisk::mount().unwrap();
    let mine = tree(&[("a.bin", &binary(100_000)), ("huge.bin", &binary(6 << 20)), ("fits.bin", &binary(3_400_000))]);
    let at = |name: &str| mine.path().join(name);
    let mut holder = Holder::taking_in(disk.path(), 0);
    // It does not fit, as can be told before; others do.
    let got = put(holder.url(), &[&at("huge.bin"), &at("a.bin")]);
    got.exits_with(1).is_verified("a.bin");
    assert!(got.words().contains("no room left"), "{}", got.words());
    std::fs::remove_file(disk.path().join("a.bin")).unwrap();
    // It did when it was asked, and does not any more when it comes.
    holder.proxy.may_pass(2 * MIB);
    let putting = begin(holder.url(), &[&at("fits.bin")]);
    wait_for_part(disk.path(), MIB);
    std::fs::write(disk.path().join("filler"), binary(2_500_000)).unwrap();
    holder.proxy.may_pass(u64::MAX);
    let got = Got::of(putting.wait(Duration::from_secs(60)));
    got.exits_with(1);
    assert!(got.words().contains("no space is left"), "{}", got.words());
    assert!(!got.words().contains(&*disk.path().to_string_lossy()), "it learns nothing of this disk: {}", got.words());
    assert!(!disk.path().join("fits.bin").exists());
    // With room again it goes on.
    std::fs::remove_file(disk.path().join("filler")).unwrap();
    put(holder.url(), &[&at("fits.bin")]).exits_with(0).is_verified("fits.bin");
    holder.kill();
}

fn half_full() {
    let disk = SmallDisk::mount().unwrap();
    let mine = tree(&[("fits.bin", &binary(3_400_000))]);
    let mut holder = Holder::taking_in(disk.path(), 0);
    // All but its end.
    holder.proxy.may_pass(3_350_000);
    let putting = begin(holder.url(), &[&mine.path().join("fits.bin")]);
    wait_for_part(disk.path(), 2 * MIB);
    drop(putting.kill());
    holder.proxy.may_pass(u64::MAX);
    let got = put(holder.url(), &[&mine.path().join("fits.bin")]);
    got.exits_with(0).is_verified("fits.bin");
    assert!(got.saved["fits.bin"]["kept"].as_u64().unwrap() >= MIB, "{}", got.words());
    holder.kill();
}

fn large() {
    let disk = tempfile::tempdir().unwrap();
    let path = disk.path().join("big.bin");
    let mut file = File::create(&path).unwrap();
    for at in 0..1024 {
        std::io::Write::write_all(&mut file, &made(at << 20, 1 << 20)).unwrap();
    }
    drop(file);
    let share = tree(&[]);
    let node = drop_box(share.path());
    node.forget_peak_memory();
    let putting = begin(&node.url, &[&path]);
    let id = putting.id();
    let mut command = 0;
    wait_for("all of it", Duration::from_secs(200), || {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        // Once it has ended nothing is told of it.
        if status.contains("VmHWM:") {
            command = peak_memory_in(&status);
        }
        share.path().join("big.bin").exists().then_some(())
    });
    Got::of(putting.wait(Duration::from_secs(60))).exits_with(0).is_verified("big.bin");
    let node = node.peak_memory();
    assert!(node <= 64 << 20 && command > 0 && command <= 64 << 20, "node {node}, command {command} bytes");
    let (mine, theirs) = (File::open(&path).unwrap(), File::open(share.path().join("big.bin")).unwrap());
    assert!(mine.metadata().unwrap().len() == theirs.metadata().unwrap().len());
}
