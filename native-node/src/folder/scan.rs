//! A walk through the shared folder, one file at a time.
//!
//! An iterator, so that whoever walks may pause, stop, or set a watch on a folder before its contents are read. It holds
//! open only the folders above the file it is at ([`limits::PATH_DEPTH`](shared::limits::PATH_DEPTH) at most) and no list;
//! it never recurses and never follows a symbolic link, so it ends. It does not sort and it opens no file.

use std::fmt;
use std::io;
use std::sync::Arc;

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, DirEntry, ReadDir};
use shared::{Entry, Printable, SharedPath, is_xml_text, printable_bytes};

use super::share::is_shortage;
use super::{Share, beneath};

/// What a walk comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A folder whose contents are read next; `None` is the share itself.
    Folder(Option<SharedPath>),
    /// A regular file that is offered.
    File(SharedPath, Entry),
}

/// What a walk passed by though a person might expect to see it. Links, devices and hidden files are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Names that are not UTF-8, too long, too deep, or have a backslash or a control character.
    pub unnamable: u64,
    /// Folders and files the system would not let us look at.
    pub unreadable: u64,
}

/// In words for the person who shares, as far as there is something to say.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        let mut parts = Vec::new();
        if self.unnamable > 0 {
            let names = count(self.unnamable, "name", "names");
            parts.push(format!(
                "{names} cannot be shared (a backslash or a control character, not UTF-8, too long or too deep; -v tells \
                 which)"
            ));
        }
        if self.unreadable > 0 {
            let files = count(self.unreadable, "file or folder", "files or folders");
            parts.push(format!("{files} cannot be read"));
        }
        f.write_str(if parts.is_empty() { "all can be shared now" } else { "" })?;
        f.write_str(&parts.join(" and "))
    }
}

/// A walk under way.
#[derive(Debug)]
pub struct Walk<'a> {
    share: &'a Share,
    /// The folder it starts at, until that was handed out.
    first: Option<Found>,
    above: Vec<Level>,
    left_out: LeftOut,
    is_short: bool,
}

#[derive(Debug)]
struct Level {
    path: Option<SharedPath>,
    dir: Arc<Dir>,
    /// Opened only after the folder was handed out.
    entries: Option<ReadDir>,
}

impl Share {
    /// Walks through `folder`, or the whole share.
    ///
    /// # Errors
    /// What the system says when that folder itself cannot be opened.
    pub fn walk(&self, folder: Option<&SharedPath>) -> io::Result<Walk<'_>> {
        let root = self.dir().ok_or(io::ErrorKind::NotFound)?;
        let start = Level { path: folder.cloned(), dir: beneath::folder(&root, folder)?, entries: None };
        let first = Some(Found::Folder(folder.cloned()));
        Ok(Walk { share: self, first, above: vec![start], left_out: LeftOut::default(), is_short: false })
    }
}

impl Walk<'_> {
    /// What was passed by so far.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// Whether something was passed by because there is too little of something at the moment: it may be there all the same.
    pub(super) fn is_short(&self) -> bool {
        self.is_short
    }

    fn cannot_read(&mut self, error: &io::Error) {
        self.left_out.unreadable += 1;
        self.is_short |= is_shortage(error);
    }

    /// Looks at one entry of the folder at the top of the stack.
    fn look_at(&mut self, entry: &DirEntry) -> io::Result<Option<Found>> {
        let name = entry.file_name();
        let Some(level) = self.above.last() else { return Ok(None) };
        if name.to_str().is_some_and(|name| !self.share.offers_name(name)) {
            return Ok(None);
        }
        let kind = entry.file_type()?;
        let metadata = if kind.is_dir() || kind.is_symlink() { None } else { Some(entry.metadata()?) };
        // Some file systems tell the kind only when asked for all the facts.
        let is_folder = metadata.as_ref().map_or(kind.is_dir(), |metadata| metadata.is_dir());
        if !is_folder && !metadata.as_ref().is_some_and(|metadata| metadata.is_file()) {
            return Ok(None);
        }
        let path = name.to_str().and_then(|name| match &level.path {
            Some(folder) => SharedPath::parse(&format!("{folder}/{name}")).ok(),
            None => SharedPath::parse(name).ok(),
        });
        let Some(path) = path else {
            tracing::debug!(name = %printable_bytes(name.as_encoded_bytes()), "this name cannot be shared");
            self.left_out.unnamable += 1;
            return Ok(None);
        };
        if !is_folder && !is_xml_text(path.as_str()) {
            // It is there for whoever knows its name, and in no list.
            tracing::debug!(file = %Printable(path.as_str()), "no list can show this name");
            self.left_out.unnamable += 1;
        }
        match metadata {
            Some(metadata) if !is_folder => Ok(Some(Found::File(path, beneath::entry(&metadata)))),
            _ => {
                let dir = Arc::new(level.dir.open_dir_nofollow(&name)?);
                self.above.push(Level { path: Some(path.clone()), dir, entries: None });
                Ok(Some(Found::Folder(Some(path))))
            }
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let level = self.above.last_mut()?;
            let entry = match &mut level.entries {
                Some(entries) => entries.next(),
                None => {
                    match level.dir.entries() {
                        Ok(entries) => level.entries = Some(entries),
                        Err(error) => {
                            self.above.pop();
                            self.cannot_read(&error);
                        }
                    }
                    continue;
                }
            };
            let found = match entry {
                None => {
                    self.above.pop();
                    continue;
                }
                Some(Ok(entry)) => self.look_at(&entry),
                Some(Err(error)) => {
                    // Reading on after an error may give the same error for ever.
                    self.above.pop();
                    Err(error)
                }
            };
            match found {
                Ok(Some(found)) => return Some(found),
                Ok(None) => {}
                // Deleted since its name was read: not there, so not left out.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.cannot_read(&error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use std::ffi::OsStr;
    use std::fs;
    #[cfg(unix)]
    use std::os::unix::ffi::OsStrExt;
    #[cfg(unix)]
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;
    use crate::folder::ShareOptions;

    fn files(root: &Path, hidden: bool) -> (Vec<String>, LeftOut) {
        let share = Share::open(root, ShareOptions { hidden }).unwrap();
        let mut walk = share.walk(None).unwrap();
        let mut files: Vec<String> = walk
            .by_ref()
            .filter_map(|found| match found {
                Found::File(path, _) => Some(path.to_string()),
                Found::Folder(_) => None,
            })
            .collect();
        files.sort();
        (files, walk.left_out())
    }

    #[test]
    fn finds_files_with_their_facts_and_hidden_ones_only_when_asked() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("d/.git")).unwrap();
        for name in ["a", "d/b", ".hidden", "d/.git/c", ".tinyp2p.a.0.part"] {
            fs::write(temp.path().join(name), "xyz").unwrap();
        }
        assert_eq!(files(temp.path(), false).0, ["a", "d/b"]);
        assert_eq!(files(temp.path(), true).0, [".hidden", "a", "d/.git/c", "d/b"]);
        let share = Share::open(temp.path(), ShareOptions::default()).unwrap();
        let facts = share.walk(None).unwrap().find_map(|found| match found {
            Found::File(_, entry) => Some(entry),
            Found::Folder(_) => None,
        });
        let facts = facts.unwrap();
        assert!(facts.size == 3 && facts.modified > 1_600_000_000_000_000_000, "{facts:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a4_links_are_not_listed_and_a_loop_of_them_ends() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("d")).unwrap();
        fs::write(temp.path().join("d/a"), "").unwrap();
        symlink("/etc/passwd", temp.path().join("passwd")).unwrap();
        symlink("/etc", temp.path().join("etc")).unwrap();
        symlink("..", temp.path().join("d/up")).unwrap();
        symlink("d/a", temp.path().join("inside")).unwrap();
        assert_eq!(files(temp.path(), true), (vec!["d/a".into()], LeftOut::default()));
    }

    #[cfg(unix)]
    #[test]
    fn a7_fifo_and_socket_are_not_listed() {
        let temp = tempfile::tempdir().unwrap();
        make_fifo(&temp.path().join("fifo"));
        let _socket = std::os::unix::net::UnixListener::bind(temp.path().join("socket")).unwrap();
        assert_eq!(files(temp.path(), true), (vec![], LeftOut::default()));
    }

    #[cfg(unix)]
    #[test]
    fn a12_names_that_cannot_be_said_are_counted_and_left_out() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join(OsStr::from_bytes(b"caf\xe9")), "").unwrap();
        fs::write(temp.path().join("back\\slash"), "").unwrap();
        fs::write(temp.path().join("x".repeat(255)), "").unwrap();
        let (files, left_out) = files(temp.path(), false);
        assert_eq!((files.len(), left_out.unnamable), (1, 2));
    }

    #[cfg(unix)]
    #[test]
    fn files_that_no_list_can_show_are_counted_and_told() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("esc\u{1b}")).unwrap();
        for name in ["a\u{1b}", "esc\u{1b}/b", "esc\u{1b}/c", "good"] {
            fs::write(temp.path().join(name), "").unwrap();
        }
        let (_, left_out) = files(temp.path(), false);
        assert_eq!(left_out, LeftOut { unnamable: 3, unreadable: 0 });
        assert!(left_out.to_string().starts_with("3 names cannot be shared (a backslash or a control character"));
        assert!(!left_out.to_string().contains("cannot be read"));
        let unreadable = LeftOut { unnamable: 0, unreadable: 1 };
        assert_eq!(unreadable.to_string(), "1 file or folder cannot be read");
    }

    #[test]
    fn a_tree_deeper_than_any_path_ends_at_the_limit() {
        let temp = tempfile::tempdir().unwrap();
        let deep = temp.path().join(vec!["d"; 100].join("/"));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("a"), "").unwrap();
        let (files, left_out) = files(temp.path(), false);
        assert_eq!((files.len(), left_out.unnamable), (0, 1));
    }

    #[cfg(unix)]
    fn make_fifo(path: &Path) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    }
}
