//! What is remembered of files, damaged, superseded and shared, on a real disk.

use shared::transfer::{Outlining, PIECE_BYTES};

use super::*;

fn path(number: usize) -> SharedPath {
    SharedPath::parse(&format!("folder/{number}")).unwrap()
}

fn outline(bytes: &[u8]) -> Outline {
    let mut outlining = Outlining::default();
    bytes.chunks(PIECE_BYTES).for_each(|piece| outlining.push(piece));
    outlining.finish()
}

fn facts(outline: &Outline, modified: i64) -> Facts {
    Facts { version: Version { size: outline.size(), modified }, inode: 5 }
}

fn values(log: &ContentLog, path: &SharedPath, version: Version) -> Option<(ContentId, Vec<u8>)> {
    let (id, mut at) = log.outline(path, version)?;
    let mut all = Vec::new();
    loop {
        let some = at.read(40).unwrap();
        if some.is_empty() {
            return Some((id, all));
        }
        all.extend(some);
    }
}

fn file(state: &Path) -> PathBuf {
    file_in(state, Path::new("/share"))
}

fn open(state: &Path) -> ContentLog {
    ContentLog::open(Some(state), Path::new("/share")).unwrap()
}

#[test]
fn what_was_found_is_known_to_the_next_node_for_the_very_same_file() {
    let temp = tempfile::tempdir().unwrap();
    let (small, large) = (outline(b"small"), outline(&vec![7; 3 * PIECE_BYTES + 1]));
    let mut log = open(temp.path());
    log.keep(&path(1), facts(&small, 1), &small);
    log.keep(&path(2), facts(&large, 2), &large);
    drop(log);
    let log = open(temp.path());
    assert_eq!(log.find(&path(1), facts(&small, 1)), Some(small.id()));
    assert_eq!(values(&log, &path(1), facts(&small, 1).version), Some((small.id(), vec![])));
    let all = large.values().concat();
    assert_eq!(values(&log, &path(2), facts(&large, 2).version), Some((large.id(), all)));
    for other in [facts(&small, 2), Facts { inode: 6, ..facts(&small, 1) }, facts(&large, 1)] {
        assert_eq!(log.find(&path(1), other), None);
    }
    assert_eq!(log.find(&path(3), facts(&small, 1)), None);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(file(temp.path())).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn damage_costs_what_was_damaged() {
    let temp = tempfile::tempdir().unwrap();
    let one = outline(b"one");
    let mut log = open(temp.path());
    (0..3).for_each(|number| log.keep(&path(number), facts(&one, 1), &one));
    let length = usize::try_from(log.end).unwrap();
    drop(log);
    let whole = fs::read(file(temp.path())).unwrap();
    assert_eq!(whole.len(), length);
    let known = |bytes: &[u8]| {
        fs::write(file(temp.path()), bytes).unwrap();
        let log = open(temp.path());
        let known = (0..3).filter(|number| log.find(&path(*number), facts(&one, 1)).is_some());
        let known: Vec<usize> = known.collect();
        known
    };
    for cut in 0..length {
        assert_eq!(known(&whole[..cut]).len(), cut * 3 / length, "cut after {cut}");
    }
    let mut flipped = whole.clone();
    flipped[length / 3 + HEAD + 30] ^= 1;
    assert_eq!(known(&flipped), [0, 2]);
    for at in 0..length {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x81;
        assert!(known(&flipped).len() < 3, "{at}");
    }
    // And it goes on after that.
    let mut log = open(temp.path());
    log.keep(&path(7), facts(&one, 1), &one);
    drop(log);
    assert_eq!(open(temp.path()).find(&path(7), facts(&one, 1)), Some(one.id()));
}

#[test]
fn what_was_superseded_goes_when_it_is_opened() {
    let temp = tempfile::tempdir().unwrap();
    let one = outline(b"one");
    let mut log = open(temp.path());
    for modified in 0..200 {
        (0..2).for_each(|number| log.keep(&path(number), facts(&one, modified), &one));
    }
    let before = log.end;
    drop(log);
    let log = open(temp.path());
    assert_eq!(log.end, before / 200);
    assert_eq!(fs::metadata(file(temp.path())).unwrap().len(), log.end);
    assert!((0..2).all(|number| log.find(&path(number), facts(&one, 199)).is_some()));
    // Somebody else meanwhile has one of their own.
    let mut other = open(temp.path());
    assert_eq!((other.end, other.find(&path(0), facts(&one, 199))), (0, None));
    other.keep(&path(0), facts(&one, 1), &one);
    assert!(other.find(&path(0), facts(&one, 1)).is_some());
    drop(log);
    assert!(open(temp.path()).find(&path(0), facts(&one, 199)).is_some());
}

#[test]
fn without_a_place_to_remember_it_works_all_the_same() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("file"), "").unwrap();
    let one = outline(b"one");
    for state in [None, Some(temp.path().join("file/below"))] {
        let mut log = ContentLog::open(state.as_deref(), Path::new("/share")).unwrap();
        log.keep(&path(0), facts(&one, 1), &one);
        assert_eq!(log.find(&path(0), facts(&one, 1)), Some(one.id()));
    }
}

/// Run by hand: `cargo test --release -p native-node --lib -- --ignored --nocapture a_million`.
#[test]
#[ignore = "a measurement, not a check"]
fn measure_the_memory_of_a_million_files() {
    let used = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
    };
    let temp = tempfile::tempdir().unwrap();
    let count = 1_000_000;
    let named = |number: usize| SharedPath::parse(&format!("photos/{}/IMG_{number:07}.jpg", number / 1000)).unwrap();
    // All are kept: what was given back would be used again unseen.
    let mut kept = Vec::new();
    for shuffled in [false, true] {
        let before = used();
        let mut catalog = shared::Catalog::default();
        for number in 0..count {
            let number = if shuffled { number * 7_919 % count } else { number };
            catalog.insert(named(number), shared::Entry::unread(number as u64, 7));
        }
        let bare = used();
        for number in 0..count {
            let id = Hashing::id_of(&number.to_le_bytes());
            assert!(catalog.identify(&named(number), (number as u64, 7), id));
        }
        let each = |from: u64, to: u64| to.saturating_sub(from) / count as u64;
        println!(
            "shuffled: {shuffled}; an entry itself {} bytes; in the catalog {} bytes for each file, {} more with its id",
            size_of::<(SharedPath, shared::Entry)>(),
            each(before, bare),
            each(bare, used())
        );
        kept.push(catalog);
    }
    let one = outline(b"one");
    let mut log = open(temp.path());
    (0..count).for_each(|number| log.keep(&named(number), facts(&one, 1), &one));
    drop(log);
    let (before, begun) = (used(), std::time::Instant::now());
    let log = open(temp.path());
    println!(
        "the log: {} bytes for each file, {} on the disk, read in {:?}",
        used().saturating_sub(before) / count as u64,
        log.end / count as u64,
        begun.elapsed()
    );
}
