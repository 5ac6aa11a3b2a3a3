//! The catalog as a map, and what it counts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn path(text: &str) -> SharedPath {
    SharedPath::parse(text).unwrap()
}

fn entry(size: u64) -> Entry {
    Entry::unread(size, 7)
}

#[test]
fn revision_grows_only_with_a_change() {
    let mut catalog = Catalog::default();
    catalog.insert(path("a"), entry(1));
    catalog.insert(path("a"), entry(1));
    assert_eq!((catalog.revision(), catalog.len()), (1, 1));
    catalog.insert(path("a"), entry(2));
    assert_eq!(catalog.revision(), 2);
    assert!(!catalog.remove(&path("b")));
    assert!(catalog.remove(&path("a")));
    assert_eq!((catalog.revision(), catalog.is_empty()), (3, true));
    catalog.clear();
    assert_eq!(catalog.revision(), 3);
    catalog.insert(path("a"), entry(1));
    catalog.clear();
    assert_eq!((catalog.revision(), catalog.is_empty()), (5, true));
    assert!(catalog.unknown_after(None, 9).is_empty());
}

#[test]
fn an_unchanged_file_keeps_its_form() {
    let mut catalog = Catalog::default();
    catalog.insert(path("a"), Entry { form: Form::Binary, ..entry(1) });
    catalog.insert(path("a"), entry(1));
    assert_eq!(catalog.entry(&path("a")).unwrap().form, Form::Binary);
    catalog.insert(path("a"), entry(2));
    assert_eq!(catalog.entry(&path("a")).unwrap().form, Form::Unknown);
}

#[test]
fn knows_which_forms_are_unknown() {
    let mut catalog = Catalog::default();
    for text in ["a", "b", "c"] {
        catalog.insert(path(text), entry(1));
    }
    catalog.insert(path("b"), Entry { form: Form::Binary, ..entry(1) });
    let names = |after: Option<&str>, most| -> Vec<String> {
        let unknown = catalog.unknown_after(after.map(path).as_ref(), most);
        unknown.into_iter().map(|(path, _)| path.as_str().to_owned()).collect()
    };
    assert_eq!(names(None, 9), ["a", "c"]);
    assert_eq!(names(None, 1), ["a"]);
    assert_eq!(names(Some("a"), 9), ["c"]);
    catalog.remove(&path("a"));
    catalog.insert(path("c"), Entry { form: Form::Binary, ..entry(1) });
    assert!(catalog.unknown_after(None, 9).is_empty());
}

#[test]
fn an_id_is_that_of_one_version_and_stays_with_it() {
    let id = ContentId([7; 32]);
    let mut catalog = Catalog::default();
    for text in ["a", "b", "c", "d"] {
        catalog.insert(path(text), entry(1));
    }
    let names = |catalog: &Catalog, after: Option<&str>, most, looks| {
        let (found, next) = catalog.unidentified_after(after.map(path).as_ref(), most, looks);
        let found: Vec<String> = found.into_iter().map(|(path, _)| path.to_string()).collect();
        (found.concat(), next.map(|path| path.to_string()))
    };
    assert!(catalog.identify(&path("b"), (1, 7), id) && !catalog.identify(&path("b"), (1, 7), id));
    assert!(!catalog.identify(&path("c"), (1, 8), id) && !catalog.identify(&path("z"), (1, 7), id));
    assert_eq!(names(&catalog, None, 9, 9), ("acd".into(), None));
    assert_eq!(names(&catalog, None, 9, 2), ("a".into(), Some("b".into())));
    assert_eq!(names(&catalog, Some("a"), 1, 9), ("c".into(), Some("c".into())));
    // Found again as it was, and its form found meanwhile: it keeps both.
    catalog.insert(path("b"), Entry { form: Form::Binary, ..entry(1) });
    catalog.insert(path("b"), entry(1));
    assert_eq!(catalog.entry(&path("b")), Some(&Entry { form: Form::Binary, id: Some(id), ..entry(1) }));
    catalog.insert(path("b"), entry(2));
    assert_eq!(catalog.entry(&path("b")).unwrap().id, None);
    for (text, size) in [("a", 1), ("b", 2), ("c", 1)] {
        assert!(catalog.identify(&path(text), (size, 7), id));
    }
    catalog.remove(&path("d"));
    assert_eq!(names(&catalog, None, 9, 0), (String::new(), None), "nothing is looked at once all have one");
}

proptest! {
    #[test]
    fn it_is_a_map_in_the_order_of_paths(
        changes in prop::collection::vec((0..700_u64, any::<bool>()), 0..3_000),
        sorted in 0..1_500_u64,
    ) {
        let (mut catalog, mut map) = (Catalog::default(), BTreeMap::new());
        let named = |number: u64| path(&format!("{}{number}", ["", "é\u{7}", "d\n/"][(number % 3) as usize]));
        for number in 0..sorted {
            let name = path(&format!("x{number:05}"));
            catalog.insert(name.clone(), entry(number));
            map.insert(name, entry(number));
        }
        let held = catalog.clone();
        for (number, stays) in changes {
            if stays {
                catalog.insert(named(number), entry(number));
                map.insert(named(number), entry(number));
            } else {
                prop_assert_eq!(catalog.remove(&named(number)), map.remove(&named(number)).is_some());
            }
        }
        let files: Vec<_> = catalog.iter().map(|(path, entry)| (path.to_path(), *entry)).collect();
        prop_assert_eq!(catalog.len(), map.len());
        prop_assert!(files.into_iter().eq(map.clone()));
        prop_assert_eq!(held.iter().count() as u64, sorted, "a snapshot stays as it was");
        for block in &catalog.blocks {
            let paths = || (0..block.len()).map(|index| block.file(index).unwrap().0.as_str());
            prop_assert!((1..=block::MOST).contains(&block.len()));
            prop_assert_eq!(block.is_ascii(), paths().all(str::is_ascii));
            prop_assert_eq!(block.is_flat(), !paths().any(|path| path.contains('/')));
            prop_assert_eq!(block.is_sendable(), !paths().any(|path| path.contains('\u{7}')));
            prop_assert_eq!(block.lines().is_some(), !paths().any(|path| path.contains('\n')));
        }
        let after = named(350);
        let rest = catalog.iter_after(Some(&after)).count();
        prop_assert_eq!(rest, map.range(after..).skip_while(|(path, _)| **path == named(350)).count());
    }
}

#[test]
fn files_that_come_and_go_leave_no_ruins() {
    let mut catalog = Catalog::unfollowed();
    for round in 0..40 {
        let name = |number| path(&format!("{round:03}/{number:05}"));
        (0..3_000).for_each(|number| catalog.insert(name(number), entry(1)));
        (1..3_000).for_each(|number| assert!(catalog.remove(&name(number))));
    }
    assert_eq!(catalog.len(), 40);
    assert!(catalog.blocks.len() <= 2, "{} blocks of {} files", catalog.blocks.len(), catalog.len());
    let after =
        |text: &str| catalog.iter_after(Some(&path(text))).map(|(path, _)| path.to_string()).collect::<Vec<_>>();
    assert_eq!(after("039"), ["039/00000"]);
    assert!(after("039/00000").is_empty() && catalog.changed_after(0).is_none());
    let text: usize = catalog.iter().map(|(path, _)| path.as_str().len()).sum();
    assert_eq!(catalog.bytes, text);
}

#[test]
fn long_names_that_come_and_go_leave_no_room_behind() {
    let mut catalog = Catalog::default();
    let long = "n".repeat(250);
    let long = [long.as_str(); 15].join("/");
    for batch in 0..20 {
        for number in 0..256 {
            let name = format!("{batch:02}/{number:03}");
            // A block is not given up while a quarter of it is there.
            let name = if number % 4 == 0 { name } else { format!("{name}/{long}") };
            catalog.insert(path(&name), entry(1));
        }
        for number in (0..256).filter(|number| number % 4 != 0) {
            catalog.remove(&path(&format!("{batch:02}/{number:03}/{long}")));
        }
    }
    assert_eq!(catalog.len(), 20 * 64);
    let (blocks, _) = catalog.blocks_after(None);
    let kept: usize = blocks.iter().map(|block| block.room()).sum();
    assert!(kept < 4 * catalog.bytes(), "{kept} bytes are kept for {}", catalog.bytes());
}

#[test]
fn removing_a_folder_leaves_its_neighbours() {
    let mut catalog = Catalog::default();
    for text in ["d", "d!", "d-x/a", "d.txt", "d/a", "d/b/c", "d0/a", "e"] {
        catalog.insert(path(text), entry(1));
    }
    let below = |folder: Option<&str>| {
        let folder = folder.map(path);
        let below: Vec<_> = catalog.iter_below(folder.as_ref()).map(|(path, _)| path.as_str().to_owned()).collect();
        below
    };
    assert_eq!((below(Some("d")), below(Some("d/b"))), (vec!["d/a".into(), "d/b/c".into()], vec!["d/b/c".into()]));
    assert_eq!((below(Some("nowhere")).len(), below(None).len()), (0, 8));
    assert_eq!(catalog.remove_folder(&path("d")), 2);
    let left: Vec<&str> = catalog.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(left, ["d", "d!", "d-x/a", "d.txt", "d0/a", "e"]);
}
