//! A catalog that changes, and a replica that follows it, with whatever a network and an evil peer do in between.

use proptest::prelude::*;

use super::*;
use crate::limits::{CHUNK_BYTES, ROWS_PER_RECORD};
use crate::{Catalog, ContentId, Entry, Form, SharedPath, Telling};

fn path(text: &str) -> SharedPath {
    SharedPath::parse(text).unwrap()
}

fn held(files: &Catalog) -> Vec<(String, Entry)> {
    files.iter().map(|(path, entry)| (path.to_string(), *entry)).collect()
}

/// What a follower of a catalog should hold.
fn told(catalog: &Catalog) -> Vec<(String, Entry)> {
    catalog.iter().map(|(path, entry)| (path.to_string(), Entry { form: Form::Unknown, ..*entry })).collect()
}

/// Tells the next thing; false where there is none.
fn step(telling: &mut Telling, catalog: &Catalog, replica: &mut Replica) -> bool {
    let Some(mut update) = telling.next(catalog) else { return false };
    assert!(update.put.len() + update.gone.len() <= ROWS_PER_RECORD);
    update.put.iter_mut().for_each(|(_, entry)| entry.form = Form::Unknown);
    replica.handle(update).unwrap();
    true
}

fn catch_up(telling: &mut Telling, catalog: &Catalog, replica: &mut Replica) {
    while step(telling, catalog, replica) {}
    assert_eq!(held(&replica.catalog), told(catalog));
}

fn many(count: u64) -> Catalog {
    let mut catalog = Catalog::default();
    (0..count).for_each(|number| catalog.insert(path(&format!("folder/file {number:06}")), Entry::unread(number, 1)));
    catalog
}

#[test]
fn a_whole_comes_once_and_then_only_what_changes() {
    let mut catalog = many(5_000);
    let (mut telling, mut replica) = (Telling::anew(), Replica::default());
    assert_eq!(replica.revision(), None);
    assert!(step(&mut telling, &catalog, &mut replica));
    assert_eq!((replica.revision(), replica.catalog().len()), (None, ROWS_PER_RECORD), "not all of it");
    catch_up(&mut telling, &catalog, &mut replica);
    assert_eq!(replica.revision(), Some(catalog.revision()));
    assert_eq!(telling.next(&catalog), None);
    catalog.insert(path("new"), Entry::unread(1, 1));
    catalog.remove(&path("folder/file 000007"));
    catalog.identify(&path("folder/file 000009"), (9, 1), ContentId([1; 32]));
    let from = replica.revision().unwrap();
    let update = telling.next(&catalog).unwrap();
    assert_eq!((update.from, update.to, update.put.len(), update.gone.len()), (from, Some(from + 3), 2, 1));
    // After a while away it goes on from there.
    let mut back = Telling::since(from);
    catch_up(&mut back, &catalog, &mut replica);
    // What only the holder needs to know is not told.
    catalog.insert(path("new"), Entry { form: Form::Binary, ..Entry::unread(1, 1) });
    assert_eq!(back.next(&catalog), None);
    assert_eq!(Telling::since(catalog.revision()).next(&catalog), None);
    assert!(Telling::since(catalog.revision() + 1).next(&catalog).unwrap().whole, "it never was at that");
}

#[test]
fn a_file_takes_less_than_a_hundred_bytes_and_its_name() {
    let mut replica = Replica::default();
    let catalog = many(100_000);
    catch_up(&mut Telling::anew(), &catalog, &mut replica);
    let names: usize = catalog.iter().map(|(path, _)| path.as_str().len()).sum();
    assert!(replica.catalog().bytes() < names + 80 * catalog.len(), "{}", replica.catalog().bytes());
}

#[test]
fn who_was_away_too_long_is_told_the_whole_anew() {
    let mut catalog = many(10);
    let (mut telling, mut replica) = (Telling::anew(), Replica::default());
    catch_up(&mut telling, &catalog, &mut replica);
    (0..1_000).for_each(|size| catalog.insert(path("busy"), Entry::unread(size, 1)));
    assert!(telling.next(&catalog).unwrap().whole);
    let (mut telling, old) = (Telling::since(replica.revision().unwrap()), replica.clone());
    catch_up(&mut telling, &catalog, &mut replica);
    catalog.clear();
    catalog.insert(path("busy"), Entry::unread(1, 1));
    catch_up(&mut telling, &catalog, &mut replica);
    assert_eq!(old.catalog().len(), 10, "a search holds what it began with");
}

#[test]
fn a_catalog_begun_anew_is_no_continuation_of_one_that_ended() {
    let mut catalog = Catalog::begun_at(many(3).revision() + 1);
    let mut telling = Telling::since(2);
    catalog.insert(path("other"), Entry::unread(1, 1));
    assert!(telling.next(&catalog).unwrap().whole);
}

#[test]
fn an_update_that_does_not_follow_is_none() {
    let update =
        |whole, from, to| Update { whole, from, to, put: vec![(path("a"), Entry::unread(1, 1))], gone: vec![] };
    let mut replica = Replica::default();
    assert_eq!(replica.handle(update(false, 0, Some(1))), Err(Gap), "it has not begun");
    assert_eq!(replica.handle(update(true, 1, Some(1))), Err(Gap), "a whole builds on nothing");
    replica.handle(update(true, 0, None)).unwrap();
    assert_eq!(replica.handle(update(false, 7, Some(9))), Err(Gap));
    replica.handle(update(false, 0, Some(5))).unwrap();
    for (from, to) in [(4, Some(6)), (6, Some(7)), (5, Some(5)), (5, Some(4)), (5, None), (0, Some(9))] {
        assert_eq!(replica.handle(update(false, from, to)), Err(Gap), "{from} {to:?}");
    }
    replica.handle(update(false, 5, Some(u64::MAX))).unwrap();
    assert_eq!(replica.catalog().len(), 1);
}

#[test]
fn long_names_fit_into_messages() {
    let mut catalog = Catalog::default();
    let long = vec!["x".repeat(250); 16].join("/");
    (0..500).for_each(|number| catalog.insert(path(&format!("{number:04}/{long}")), Entry::unread(1, 1)));
    let (mut telling, mut replica) = (Telling::anew(), Replica::default());
    let update = telling.next(&catalog).unwrap();
    assert!(update.put.iter().map(|(path, _)| path.as_str().len()).sum::<usize>() <= CHUNK_BYTES);
    replica.handle(update).unwrap();
    while let Some(update) = telling.next(&catalog) {
        replica.handle(update).unwrap();
    }
    assert_eq!(replica.catalog().len(), 500);
}

proptest! {
    /// Changes of all kinds between steps, and connections that are lost: in the end both hold the same.
    #[test]
    fn a_replica_becomes_what_its_catalog_is(steps in proptest::collection::vec((0_u8..8, 0_u64..400), 1..400)) {
        let mut catalog = many(1_500);
        let (mut telling, mut replica) = (Telling::anew(), Replica::default());
        for (what, number) in steps {
            match what {
                0 => catalog.insert(path(&format!("folder/file {:06}", number * 5)), Entry::unread(number, 2)),
                1 => { catalog.remove(&path(&format!("folder/file {:06}", number * 7))); }
                2 => catalog.insert(path(&format!("a{number}/b")), Entry::unread(number, 3)),
                3 => { catalog.identify(&path(&format!("a{number}/b")), (number, 3), ContentId([2; 32])); }
                4 => { catalog.remove_folder(&path(&format!("a{number}"))); }
                5 if number < 4 => catalog.clear(),
                6 if number < 40 => telling = replica.revision().map_or_else(Telling::anew, Telling::since),
                _ => { step(&mut telling, &catalog, &mut replica); }
            }
        }
        catch_up(&mut telling, &catalog, &mut replica);
    }
}
