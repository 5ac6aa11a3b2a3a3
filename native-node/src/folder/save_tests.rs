//! What is begun, given up and refused, on a real disk.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::folder::commit;

fn path(text: &str) -> SharedPath {
    SharedPath::parse(text).unwrap()
}

fn entries(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn save(destination: &Destination, name: &str, bytes: &[u8]) -> SharedPath {
    let mut part = destination.begin(&path(name)).unwrap();
    part.write_all(bytes).unwrap();
    commit(vec![part.finish()]).remove(0).unwrap().path
}

#[test]
fn a_part_that_is_dropped_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    let mut part = destination.begin(&path("a")).unwrap();
    part.write_all(b"half").unwrap();
    let shown = entries(temp.path());
    assert!(shown[0].starts_with(".tinyp2p.a.") && shown[0].ends_with(".part"), "{shown:?}");
    assert!(destination.names().unwrap().is_empty() && !destination.has(&path("a")));
    drop(part);
    drop(destination.begin(&path("b")).unwrap().finish());
    assert!(entries(temp.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn missing_folders_are_made_and_files_have_the_usual_mode() {
    let temp = tempfile::tempdir().unwrap();
    let destination = Destination::open(&temp.path().join("new/to")).unwrap();
    assert_eq!(save(&destination, "d/e/a", b"x"), path("d/e/a"));
    assert!(destination.has(&path("d/e/a")) && !destination.has(&path("d/e/b")) && !destination.has(&path("x/a")));
    fs::write(temp.path().join("usual"), "").unwrap();
    let mode = |name: &str| fs::metadata(temp.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("new/to/d/e/a"), mode("usual"));
}

#[cfg(unix)]
#[test]
fn a_folder_removed_or_moved_meanwhile_is_made_again() {
    let temp = tempfile::tempdir().unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    save(&destination, "d/a", b"x");
    fs::remove_dir_all(temp.path().join("d")).unwrap();
    save(&destination, "d/b", b"x");
    assert_eq!(entries(&temp.path().join("d")), ["b"]);
    fs::rename(temp.path().join("d"), temp.path().join("away")).unwrap();
    assert!(!destination.has(&path("d/b")));
    save(&destination, "d/c", b"x");
    assert_eq!(entries(&temp.path().join("d")), ["c"]);
}

#[cfg(unix)]
#[test]
fn a6_links_planted_in_the_destination_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("victim"), "before").unwrap();
    let temp = tempfile::tempdir().unwrap();
    symlink(outside.path(), temp.path().join("d")).unwrap();
    symlink(outside.path().join("victim"), temp.path().join("a")).unwrap();
    symlink(outside.path().join("new"), temp.path().join("dangling")).unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    let error = destination.begin(&path("d/x")).unwrap_err();
    assert!(matches!(&error, SaveError::Blocked(at) if at.ends_with("d")), "{error}");
    assert!(matches!(destination.final_name(&path("d/x")), Err(SaveError::Blocked(_))));
    fs::create_dir(temp.path().join("real")).unwrap();
    symlink("real", temp.path().join("alias")).unwrap();
    assert!(matches!(destination.begin(&path("alias/x")), Err(SaveError::Blocked(at)) if at.ends_with("alias")));
    assert_eq!(save(&destination, "a", b"after"), path("a (1)"));
    assert_eq!(save(&destination, "dangling", b"after"), path("dangling (1)"));
    assert_eq!(entries(outside.path()), ["victim"]);
    assert_eq!(fs::read(outside.path().join("victim")).unwrap(), b"before");
}

#[cfg(unix)]
#[test]
fn a6_a_part_name_that_exists_is_never_opened() {
    let temp = tempfile::tempdir().unwrap();
    let planted = temp.path().join("planted");
    fs::write(&planted, "before").unwrap();
    let dir = Dir::open_ambient_dir(temp.path(), cap_std::ambient_authority()).unwrap();
    symlink(&planted, temp.path().join("link.part")).unwrap();
    symlink(temp.path().join("nowhere"), temp.path().join("dangling.part")).unwrap();
    for name in ["planted", "link.part", "dangling.part"] {
        assert_eq!(create(&dir, name).unwrap_err().kind(), io::ErrorKind::AlreadyExists, "{name}");
    }
    assert_eq!(fs::read(&planted).unwrap(), b"before");
}

#[test]
fn a9_names_that_some_disk_takes_for_one_are_numbered_and_known_later() {
    let temp = tempfile::tempdir().unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    for (name, saved) in [
        ("A.txt", "A.txt"),
        ("a.txt", "a (1).txt"),
        ("a.TXT", "a (2).TXT"),
        ("caf\u{e9}", "caf\u{e9}"),
        ("cafe\u{301}", "cafe\u{301} (1)"),
        ("ﬁ", "ﬁ"),
        ("fi", "fi (1)"),
    ] {
        assert_eq!(destination.final_name(&path(name)).unwrap(), Planned::SaveAs(path(saved)), "{name}");
        assert_eq!(save(&destination, name, name.as_bytes()), path(saved));
    }
    // A later run, which has seen nothing of this one.
    let later = Destination::open(temp.path()).unwrap();
    for name in ["A.txt", "a.txt", "a.TXT", "caf\u{e9}", "cafe\u{301}", "ﬁ", "fi"] {
        assert!(matches!(later.final_name(&path(name)).unwrap(), Planned::AlreadyHere(_, Some(_))), "{name}");
    }
    assert_eq!(later.final_name(&path("new/a")).unwrap(), Planned::SaveAs(path("new/a")));
    assert_eq!(entries(temp.path()).len(), 7);
}

#[test]
fn a12_names_of_any_length_are_saved() {
    let temp = tempfile::tempdir().unwrap();
    let destination = Destination::open(temp.path()).unwrap();
    for name in ["x".repeat(255), format!("{}.txt", "€".repeat(83))] {
        assert_eq!(save(&destination, &name, b"1"), path(&name));
        let second = save(&destination, &name, b"2");
        assert!(second.as_str().len() <= 255 && second.as_str().contains("(1)"), "{second}");
    }
    assert_eq!(entries(temp.path()).len(), 4);
}

#[test]
fn what_cannot_be_a_destination_is_refused_by_name() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("file"), "").unwrap();
    let error = Destination::open(&temp.path().join("file")).unwrap_err();
    assert!(matches!(error, SaveError::Blocked(_)), "{error}");
    let destination = Destination::open(temp.path()).unwrap();
    let error = destination.begin(&path("file/a")).unwrap_err();
    assert!(matches!(&error, SaveError::Blocked(at) if at.ends_with("file")), "{error}");
}

/// A small disk, for as long as it is held; needs root.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let temp = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(temp.path());
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(temp))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[test]
fn t4_a_full_disk_is_said_in_words_and_leaves_nothing_behind() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("SKIPPED: t4_a_full_disk… needs to mount a tmpfs, which only root may");
        return;
    };
    let folder = disk.0.path().to_path_buf();
    let destination = Destination::open(&folder).unwrap();
    let mut part = destination.begin(&path("a")).unwrap();
    let chunk = vec![b'x'; 1 << 20];
    let error = (0..5).find_map(|_| part.write_all(&chunk).err()).unwrap();
    assert!(matches!(&error, SaveError::Full(at) if *at == folder), "{error}");
    assert!(error.to_string().contains(folder.to_str().unwrap()));
    drop(part);
    assert!(entries(&folder).is_empty());
    save(&destination, "a", &chunk);
    assert_eq!(entries(&folder), ["a"]);
    drop(destination);
}
