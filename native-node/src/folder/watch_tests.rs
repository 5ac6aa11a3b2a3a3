//! The watch on a real folder: whatever happens in it is in the catalog soon.

use std::fs::{self, File};
use std::io::Write;
use std::sync::{Condvar, Mutex};

use shared::Catalog;

use super::*;
use crate::folder::{ShareOptions, apply};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Symptom: every listing for a client of 2004 took five seconds, because nobody heard that the first look was over.
#[test]
fn the_end_of_the_first_look_is_told_even_of_an_empty_share() {
    let temp = tempfile::tempdir().unwrap();
    let share = Arc::new(Share::open(temp.path(), ShareOptions::default()).unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    let _watching = watch(share, move |changes| tell.send(changes).unwrap()).unwrap();
    let first = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(first.as_slice(), [Change::LookedThrough]), "{first:?}");
}

/// A catalog kept true by a watch, and what it takes to wait for it without sleeping.
struct Watched {
    temp: tempfile::TempDir,
    state: Arc<(Mutex<Catalog>, Condvar)>,
    watching: Option<Watching>,
}

impl Watched {
    fn with(open_watcher: fn(&Path, &Arc<Inbox>) -> FolderWatcher, prepare: impl FnOnce(&Path)) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("share");
        fs::create_dir(&root).unwrap();
        prepare(&root);
        let share = Arc::new(Share::open(&root, ShareOptions::default()).unwrap());
        let state = Arc::new((Mutex::new(Catalog::default()), Condvar::new()));
        let at_watch = Arc::clone(&state);
        let publish = move |changes| {
            apply(changes, &mut at_watch.0.lock().unwrap());
            at_watch.1.notify_all();
        };
        Self { temp, state, watching: Some(start(share, publish, open_watcher).unwrap()) }
    }

    /// A watch whose first look is over.
    fn settled() -> Self {
        let watched = Self::with(FolderWatcher::open, |root| fs::write(root.join("first"), "").unwrap());
        watched.expect(&["first"]);
        fs::remove_file(watched.at("first")).unwrap();
        watched.expect(&[]);
        watched
    }

    fn at(&self, name: &str) -> PathBuf {
        self.temp.path().join("share").join(name)
    }

    fn wait(&self, is_so: impl Fn(&Catalog) -> bool) {
        let (catalog, changed) = &*self.state;
        let (catalog, late) =
            changed.wait_timeout_while(catalog.lock().unwrap(), PATIENCE, |catalog| !is_so(catalog)).unwrap();
        assert!(!late.timed_out(), "after {PATIENCE:?}: {:?}", catalog.iter().collect::<Vec<_>>());
    }

    fn expect(&self, names: &[&str]) {
        self.wait(|catalog| catalog.iter().map(|(path, _)| path.as_str()).eq(names.iter().copied()));
    }
}

#[test]
fn files_created_renamed_grown_and_deleted_are_seen() {
    let watched = Watched::settled();
    let mut file = File::create(watched.at("a")).unwrap();
    watched.expect(&["a"]);
    file.write_all(b"grown").unwrap();
    watched.wait(|catalog| catalog.iter().all(|(_, entry)| entry.size == 5));
    fs::write(watched.temp.path().join("outside"), "x").unwrap();
    fs::rename(watched.temp.path().join("outside"), watched.at("b")).unwrap();
    watched.expect(&["a", "b"]);
    fs::rename(watched.at("a"), watched.at("c")).unwrap();
    watched.expect(&["b", "c"]);
    fs::remove_file(watched.at("b")).unwrap();
    fs::rename(watched.at("c"), watched.temp.path().join("away")).unwrap();
    watched.expect(&[]);
}

#[test]
fn folders_created_moved_and_deleted_are_seen() {
    let watched = Watched::settled();
    fs::create_dir_all(watched.at("d/e")).unwrap();
    fs::write(watched.at("d/e/a"), "").unwrap();
    watched.expect(&["d/e/a"]);
    fs::write(watched.at("d/e/b"), "").unwrap();
    watched.expect(&["d/e/a", "d/e/b"]);
    fs::rename(watched.at("d"), watched.at("f")).unwrap();
    watched.expect(&["f/e/a", "f/e/b"]);
    // Still watched, and under its new name.
    fs::write(watched.at("f/e/c"), "").unwrap();
    watched.expect(&["f/e/a", "f/e/b", "f/e/c"]);
    fs::rename(watched.at("f"), watched.temp.path().join("away")).unwrap();
    watched.expect(&[]);
    fs::write(watched.temp.path().join("away/e/d"), "").unwrap();
    fs::rename(watched.temp.path().join("away"), watched.at("back")).unwrap();
    watched.expect(&["back/e/a", "back/e/b", "back/e/c", "back/e/d"]);
    fs::remove_dir_all(watched.at("back")).unwrap();
    watched.expect(&[]);
}

#[test]
fn a_file_in_place_of_a_folder_and_back_leaves_nothing_stale() {
    let watched = Watched::settled();
    fs::create_dir(watched.at("x")).unwrap();
    fs::write(watched.at("x/a"), "").unwrap();
    watched.expect(&["x/a"]);
    fs::remove_dir_all(watched.at("x")).unwrap();
    fs::write(watched.at("x"), "").unwrap();
    watched.expect(&["x"]);
    fs::remove_file(watched.at("x")).unwrap();
    fs::create_dir(watched.at("x")).unwrap();
    fs::write(watched.at("x/b"), "").unwrap();
    watched.expect(&["x/b"]);
}

/// Gives a file the time of long ago.
fn age(path: &Path) {
    File::options().write(true).open(path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
}

/// Symptom: what was moved onto a file of the same size and time kept that file's id until the node was started anew.
#[test]
fn a_file_in_place_of_another_of_its_size_and_time_has_not_its_id() {
    let watched = Watched::settled();
    fs::create_dir(watched.at("d")).unwrap();
    fs::create_dir(watched.at("e")).unwrap();
    let files = ["a", "d/a", "d/b", "e/a"].map(|name| SharedPath::parse(name).unwrap());
    for path in &files {
        fs::write(watched.at(path.as_str()), "old").unwrap();
        age(&watched.at(path.as_str()));
    }
    let (of, is_old) = (|name: &str| SharedPath::parse(name).unwrap(), |entry: &shared::Entry| entry.modified == 0);
    watched.wait(|catalog| catalog.iter().filter(|(_, entry)| is_old(entry)).count() == 4);
    // What is still to be told of the writing above must not be told later.
    fs::write(watched.at("fence"), "").unwrap();
    watched.wait(|catalog| catalog.entry(&of("fence")).is_some());
    let version = crate::source::Version { size: 3, modified: 0 };
    let id = shared::transfer::Hashing::id_of(b"old");
    let found = files.clone().map(|path| Change::Identified { path, version, id });
    apply(found.into(), &mut watched.state.0.lock().unwrap());
    let outside = watched.temp.path().join("outside");
    fs::write(&outside, "new").unwrap();
    age(&outside);
    fs::rename(&outside, watched.at("a")).unwrap();
    // A folder in place of another, too.
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a"), "new").unwrap();
    age(&outside.join("a"));
    fs::rename(watched.at("d"), watched.temp.path().join("away")).unwrap();
    fs::rename(&outside, watched.at("d")).unwrap();
    // What is only touched, or looked at, keeps it.
    age(&watched.at("e/a"));
    fs::write(watched.at("second fence"), "").unwrap();
    watched.wait(|catalog| catalog.entry(&of("second fence")).is_some());
    watched.watching.as_ref().unwrap().inbox.overflowed();
    fs::write(watched.at("third fence"), "").unwrap();
    watched.wait(|catalog| catalog.entry(&of("third fence")).is_some());
    let id_of = |name: &str| watched.state.0.lock().unwrap().entry(&of(name)).map(|entry| entry.id);
    assert_eq!(["a", "d/a", "d/b", "e/a"].map(id_of), [Some(None), Some(None), None, Some(Some(id))]);
}

#[test]
fn a14_hidden_and_own_files_never_appear() {
    let watched = Watched::settled();
    fs::create_dir(watched.at(".git")).unwrap();
    for name in [".git/a", ".hidden", ".tinyp2p.a.0.part"] {
        fs::write(watched.at(name), "").unwrap();
    }
    fs::write(watched.at("z"), "").unwrap();
    watched.expect(&["z"]);
}

#[test]
fn lost_events_lead_to_a_look_through_everything() {
    // A watcher that sees nothing but claims to: only the overflow can tell.
    let watched = Watched::with(FolderWatcher::asleep, |root| fs::write(root.join("a"), "").unwrap());
    watched.expect(&["a"]);
    fs::remove_file(watched.at("a")).unwrap();
    fs::write(watched.at("b"), "").unwrap();
    watched.watching.as_ref().unwrap().inbox.overflowed();
    watched.expect(&["b"]);
}

#[test]
fn without_events_changes_are_still_found() {
    let watched = Watched::with(FolderWatcher::shut, |root| fs::write(root.join("a"), "").unwrap());
    watched.expect(&["a"]);
    fs::write(watched.at("b"), "").unwrap();
    fs::remove_file(watched.at("a")).unwrap();
    watched.expect(&["b"]);
}

#[cfg(unix)]
#[test]
fn a_root_that_goes_empties_the_catalog_and_one_that_comes_fills_it() {
    let watched = Watched::settled();
    fs::write(watched.at("a"), "").unwrap();
    watched.expect(&["a"]);
    fs::rename(watched.at(""), watched.temp.path().join("elsewhere")).unwrap();
    watched.expect(&[]);
    fs::create_dir(watched.at("")).unwrap();
    fs::write(watched.at("b"), "").unwrap();
    watched.expect(&["b"]);
    fs::write(watched.at("c"), "").unwrap();
    watched.expect(&["b", "c"]);
}

#[test]
fn many_files_at_once_all_appear() {
    let watched = Watched::settled();
    for folder in 0..30 {
        fs::create_dir_all(watched.at(&format!("{folder}/deep/er"))).unwrap();
        for file in 0..100 {
            fs::write(watched.at(&format!("{folder}/deep/er/{file}")), "").unwrap();
        }
    }
    watched.wait(|catalog| catalog.len() == 3_000);
}

#[test]
fn c11_dropping_the_watch_ends_it_also_in_the_middle_of_a_look() {
    let mut watched = Watched::with(FolderWatcher::open, |root| {
        for file in 0..20_000 {
            File::create(root.join(format!("{file}"))).unwrap();
        }
    });
    watched.wait(|catalog| !catalog.is_empty());
    let begin = Instant::now();
    drop(watched.watching.take());
    assert!(begin.elapsed() < Duration::from_millis(500), "{:?}", begin.elapsed());
}

/// `cargo test -p native-node --lib measure_ -- --ignored --nocapture --test-threads 1`
#[test]
#[ignore = "a measurement, not a check"]
fn measure_the_first_look() {
    const FILES: usize = 200_000;
    let begin = Mutex::new(Instant::now());
    let watched = Watched::with(FolderWatcher::open, |root| {
        for file in 0..FILES {
            let folder = root.join(format!("{}", file / 200));
            if file % 200 == 0 {
                fs::create_dir(&folder).unwrap();
            }
            File::create(folder.join(format!("a file with a longer name {file}"))).unwrap();
        }
        *begin.lock().unwrap() = Instant::now();
    });
    let took = || begin.lock().unwrap().elapsed();
    println!("returned after {:?}", took());
    watched.wait(|catalog| !catalog.is_empty());
    println!("first batch after {:?}", took());
    watched.wait(|catalog| catalog.len() == FILES);
    println!("all {FILES} after {:?}", took());
    let again = Instant::now();
    watched.watching.as_ref().unwrap().inbox.overflowed();
    let late = SharedPath::parse("late").unwrap();
    fs::write(watched.at("late"), "").unwrap();
    watched.wait(|catalog| catalog.entry(&late).is_some());
    println!("a file deposited in the middle of a second look after {:?}", again.elapsed());
}
