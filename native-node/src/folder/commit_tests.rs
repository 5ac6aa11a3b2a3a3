//! Names are never taken from anybody, and what it costs to be sure of the disk.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::folder::Destination;

fn path(text: &str) -> SharedPath {
    SharedPath::parse(text).unwrap()
}

fn parts(destination: &Destination, count: usize, bytes: &[u8]) -> Vec<FinishedPart> {
    let part = |number| {
        let mut part = destination.begin(&path(&format!("f{number}.txt"))).unwrap();
        part.write_all(bytes).unwrap();
        part.finish()
    };
    (0..count).map(part).collect()
}

#[test]
fn a3_an_existing_file_is_kept_and_the_new_one_numbered() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("a.txt"), "mine").unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    for number in 1..4 {
        let mut part = destination.begin(&path("a.txt")).unwrap();
        part.write_all(b"theirs").unwrap();
        let saved = commit(vec![part.finish()]).remove(0).unwrap();
        assert_eq!(saved.path.as_str(), format!("a ({number}).txt"));
    }
    assert_eq!(fs::read(temp.path().join("a.txt")).unwrap(), b"mine");
}

/// Symptom: of two downloads of one file into one folder at once, the second saved it once more, as `a (1).txt`.
#[test]
fn what_another_download_saved_meanwhile_is_not_saved_once_more() {
    let temp = tempfile::tempdir().unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    let bytes = vec![7; COMPARED + 1];
    let save = |name: &str, bytes: &[u8], is_proved: bool| {
        let mut part = destination.begin(&path(name)).unwrap();
        part.write_all(bytes).unwrap();
        let mut part = part.finish();
        part.is_proved = is_proved;
        let Saved { path, was_here } = commit(vec![part]).remove(0).unwrap();
        (path.to_string(), was_here)
    };
    assert_eq!(save("a.txt", &bytes, true), ("a.txt".to_owned(), false));
    assert_eq!(save("a.txt", &bytes, true), ("a.txt".to_owned(), true));
    assert_eq!(save("empty", b"", true), ("empty".to_owned(), false));
    assert_eq!(save("empty", b"", true), ("empty".to_owned(), true));
    // Other bytes, or nobody knows whether they are what they should be.
    let other = [bytes.as_slice(), b"8"].concat();
    assert_eq!(save("a.txt", &other[1..], true), ("a (1).txt".to_owned(), false));
    assert_eq!(save("a.txt", &bytes, false), ("a (2).txt".to_owned(), false));
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 4, "nothing else is left");
}

#[test]
fn a3_a_thousand_races_for_a_name_replace_nothing() {
    const RACES: usize = 1_000;
    let temp = tempfile::tempdir().unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    let parts = parts(&destination, RACES, b"theirs");
    let folder = temp.path();
    let (saved, mine) = std::thread::scope(|scope| {
        // Another program makes files of the very names while they are given; backwards, so that they meet.
        let rival = scope.spawn(move || {
            let make = |number: &usize| {
                let mut options = OpenOptions::new();
                let file = options.write(true).create_new(true).open(folder.join(format!("f{number}.txt")));
                file.is_ok_and(|mut file| std::io::Write::write_all(&mut file, b"mine").is_ok())
            };
            (0..RACES).rev().filter(make).collect::<Vec<_>>()
        });
        (commit(parts), rival.join().unwrap())
    });
    for (number, saved) in saved.into_iter().enumerate() {
        let saved = saved.unwrap();
        assert_eq!(fs::read(folder.join(saved.path.as_str())).unwrap(), b"theirs");
        let is_mine = mine.contains(&number);
        assert_eq!(saved.path.as_str(), if is_mine { format!("f{number} (1).txt") } else { format!("f{number}.txt") });
        assert!(!is_mine || fs::read(folder.join(format!("f{number}.txt"))).unwrap() == b"mine");
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), RACES + mine.len());
}

#[test]
fn a_file_that_fails_costs_only_itself() {
    let temp = tempfile::tempdir().unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    let parts = parts(&destination, 3, b"x");
    fs::remove_file(temp.path().join(&parts[1].name)).unwrap();
    let saved = commit(parts);
    assert!(saved[0].is_ok() && saved[1].is_err() && saved[2].is_ok());
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn names_are_durable_with_the_contents_of_the_next_group_where_that_is_large() {
    let temp = tempfile::tempdir().unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    let (first, before) = Named::new(parts(&destination, 8, b"1"), None);
    assert!(before.is_none());
    let (second, before) = Named::new(parts(&destination, 9, b"2"), Some(first));
    let saved = before.unwrap().unwrap();
    assert_eq!(saved.into_iter().map(|saved| saved.unwrap().path.as_str().to_owned()).next_back().unwrap(), "f7.txt");
    // A single file is made durable by itself, which says nothing of others.
    let (third, before) = Named::new(parts(&destination, 1, b"3"), Some(second));
    let saved = before.unwrap().unwrap_err().settle();
    assert_eq!((saved.len(), saved[8].as_ref().unwrap().path.as_str()), (9, "f8.txt"));
    assert_eq!(third.settle().remove(0).unwrap().path.as_str(), "f0 (2).txt");
}

#[test]
fn files_in_many_new_folders_are_committed_together() {
    let temp = tempfile::tempdir().unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    let part = |number: usize| destination.begin(&path(&format!("d{number}/e/a"))).unwrap().finish();
    let saved = commit((0..200).map(part).collect());
    assert!(saved.iter().all(Result::is_ok));
    assert!((0..200).all(|number| destination.has(&path(&format!("d{number}/e/a")))));
}

#[test]
fn names_are_linked_where_they_cannot_be_renamed() {
    let temp = tempfile::tempdir().unwrap();
    let dir = cap_std::fs::Dir::open_ambient_dir(temp.path(), cap_std::ambient_authority()).unwrap();
    for name in ["a", "b"] {
        dir.write(name, name).unwrap();
    }
    let taken = durable::link_without_replacing(&dir, "a", "b").unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
    durable::link_without_replacing(&dir, "a", "c").unwrap();
    assert_eq!((dir.read("b").unwrap(), dir.read("c").unwrap(), dir.exists("a")), (b"b".into(), b"a".into(), false));
}

/// `cargo test --release -p native-node --lib measure_ -- --ignored --nocapture --test-threads 1`
#[cfg(unix)]
#[test]
#[ignore = "a measurement, not a check"]
fn measure_ways_to_sync() {
    const FILES: usize = 1_000;
    type Way = fn(&[FinishedPart]);
    let ways: [(&str, Way); 6] = [
        ("nothing synced", |_| {}),
        ("fsync each", |parts| parts.iter().for_each(|part| part.file.sync_all().unwrap())),
        ("fdatasync each", |parts| parts.iter().for_each(|part| part.file.sync_data().unwrap())),
        ("fdatasync in 4 threads", |parts| in_threads(parts, 4)),
        ("fdatasync in 32 threads", |parts| in_threads(parts, 32)),
        ("one syncfs", |parts| {
            rustix::fs::syncfs(parts[0].folder.dir.open(".").unwrap()).unwrap();
        }),
    ];
    for round in 0..3 {
        for (name, way) in ways {
            let took = timed(|destination| {
                let mut parts = parts(destination, FILES, &[b'x'; 4096]);
                way(&parts);
                parts.iter_mut().for_each(|part| drop(place(part).unwrap()));
                if name != "nothing synced" {
                    durable::sync_folders(&durable::with_new_parents(parts.iter().map(|part| &part.folder))).unwrap();
                }
            });
            println!("round {round}: {FILES} x 4 KiB, {name}: {took:?}");
        }
        for group in [1, 8, 32, 128, 1_000] {
            let took = timed(|destination| {
                let mut parts = parts(destination, FILES, &[b'x'; 4096]);
                while !parts.is_empty() {
                    let rest = parts.split_off(group.min(parts.len()));
                    assert!(commit(parts).iter().all(Result::is_ok));
                    parts = rest;
                }
            });
            println!("round {round}: {FILES} x 4 KiB, commit in groups of {group}: {took:?}");
        }
    }
}

fn timed(work: impl FnOnce(&Destination)) -> Duration {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let temp = tempfile::tempdir_in(target).unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    let start = Instant::now();
    work(&destination);
    start.elapsed()
}

fn in_threads(parts: &[FinishedPart], threads: usize) {
    std::thread::scope(|scope| {
        for some in parts.chunks(parts.len().div_ceil(threads)) {
            scope.spawn(|| some.iter().for_each(|part| part.file.sync_data().unwrap()));
        }
    });
}
