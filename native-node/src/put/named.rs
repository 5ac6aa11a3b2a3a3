//! What the arguments of a command name: files, and all that is shared of folders, each with the path that it is put under.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shared::{Entry, SharedPath, is_xml_text};

use super::PutError;
use crate::folder::{Found, LeftOut, OpenError, OpenedFile, Share, ShareOptions};

/// A file that is to be put.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// The folder it is opened beneath.
    share: Arc<Share>,
    within: SharedPath,
    /// The path that it is put under.
    pub(super) path: SharedPath,
    /// As it was when it was looked at.
    pub(super) entry: Entry,
}

impl Named {
    /// Opens it as what is shared is opened: no link, no pipe.
    pub(super) fn open(&self) -> Result<OpenedFile, OpenError> {
        self.share.open_file(&self.within)
    }
}

/// All files that these name, a folder with what is in it, and what is left out of those.
///
/// # Errors
/// That one of them cannot be put at all: nothing is then.
pub(super) fn named(arguments: &[PathBuf]) -> Result<(Vec<Named>, LeftOut), PutError> {
    let (mut all, mut left_out) = (Vec::new(), LeftOut::default());
    // A thousand files of one folder are opened beneath one handle.
    let mut parents = BTreeMap::new();
    for argument in arguments {
        let more = add(argument, &mut parents, &mut all)?;
        left_out.unnamable += more.unnamable;
        left_out.unreadable += more.unreadable;
    }
    // Two folders may have files of one name.
    let mut taken = BTreeSet::new();
    for file in &mut all {
        let numbered = (1..).map_while(|number| file.path.numbered(number).ok());
        let free = std::iter::once(file.path.clone()).chain(numbered).find(|path| !taken.contains(path));
        file.path = free.unwrap_or_else(|| file.path.clone());
        taken.insert(file.path.clone());
    }
    Ok((all, left_out))
}

fn add(
    argument: &Path,
    parents: &mut BTreeMap<PathBuf, Arc<Share>>,
    all: &mut Vec<Named>,
) -> Result<LeftOut, PutError> {
    let wrong = |error| PutError::Unreadable(argument.into(), error);
    // A link that a person names is meant to be followed.
    let real = dunce::canonicalize(argument).map_err(wrong)?;
    // `.` has a name as well, and a link has its own.
    let name = argument.file_name().or_else(|| real.file_name());
    let name = name.and_then(|name| name.to_str()).and_then(|name| SharedPath::parse(name).ok());
    let name = name.ok_or_else(|| PutError::NoName(argument.into()))?;
    let facts = std::fs::metadata(&real).map_err(wrong)?;
    if facts.is_dir() {
        return add_folder(&real, &name, all);
    }
    let (folder, within) = match (real.parent(), real.file_name().and_then(|name| name.to_str())) {
        (Some(folder), Some(within)) => (folder, SharedPath::parse(within).ok()),
        _ => return Err(PutError::NoName(argument.into())),
    };
    let within = within.ok_or_else(|| PutError::NoName(argument.into()))?;
    // Who names a hidden file means it.
    let share = match parents.get(folder) {
        Some(share) => Arc::clone(share),
        None => {
            let share = Arc::new(Share::open(folder, ShareOptions { hidden: true })?);
            parents.insert(folder.to_owned(), Arc::clone(&share));
            share
        }
    };
    let opened = share.open_file(&within).map_err(|error| PutError::NoFile(argument.into(), error))?;
    let entry = Entry { executable: opened.executable, ..Entry::unread(opened.size, opened.modified) };
    all.push(Named { share, within, path: name, entry });
    Ok(LeftOut::default())
}

fn add_folder(folder: &Path, name: &SharedPath, all: &mut Vec<Named>) -> Result<LeftOut, PutError> {
    let share = Arc::new(Share::open(folder, ShareOptions::default())?);
    let mut walk = share.walk(None).map_err(|error| PutError::Unreadable(folder.into(), error))?;
    let (mut too_deep, mut unlisted) = (0, 0);
    for found in walk.by_ref() {
        let Found::File(within, entry) = found else { continue };
        // No list could show it here; there it gets another name.
        unlisted += u64::from(!is_xml_text(within.as_str()));
        match SharedPath::parse(&format!("{name}/{within}")) {
            Ok(path) => all.push(Named { share: Arc::clone(&share), within, path, entry }),
            Err(_) => too_deep += 1,
        }
    }
    let left_out = walk.left_out();
    Ok(LeftOut { unnamable: left_out.unnamable.saturating_sub(unlisted) + too_deep, ..left_out })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn paths(arguments: &[PathBuf]) -> Vec<String> {
        named(arguments).unwrap().0.iter().map(|file| file.path.to_string()).collect()
    }

    #[test]
    fn files_and_folders_keep_their_names_and_no_two_are_alike() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::create_dir_all(at("one/deep")).unwrap();
        fs::create_dir(at("two")).unwrap();
        for name in ["one/a", "one/deep/b", "one/.hidden", "two/a"] {
            fs::write(at(name), name).unwrap();
        }
        let mut found = paths(&[at("one"), at("one/a"), at("two/a"), at("one/.hidden"), at("two/../one/deep/.")]);
        found.sort();
        assert_eq!(found, [".hidden", "a", "a (1)", "deep/b", "one/a", "one/deep/b"]);
        let (files, _) = named(&[at("two/a")]).unwrap();
        assert_eq!((files[0].entry.size, files[0].open().unwrap().size), (5, 5));
    }

    #[test]
    fn what_cannot_be_put_is_named() {
        let temp = tempfile::tempdir().unwrap();
        let missing = temp.path().join("none");
        let error = named(std::slice::from_ref(&missing)).unwrap_err();
        assert!(error.to_string().contains("none"), "{error}");
        #[cfg(unix)]
        {
            let fifo = temp.path().join("pipe");
            rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
            assert!(matches!(named(&[fifo]), Err(PutError::NoFile(_, OpenError::NotAFile))));
        }
        assert!(matches!(named(&["/".into()]), Err(PutError::NoName(_))));
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_no_list_could_show_is_put_all_the_same() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("folder")).unwrap();
        fs::write(temp.path().join("folder/es\x1bc"), "").unwrap();
        let (files, left_out) = named(&[temp.path().join("folder")]).unwrap();
        assert_eq!((files.len(), left_out.unnamable), (1, 0));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_is_named_is_followed_and_one_in_a_folder_is_not() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("there"), "12345").unwrap();
        std::os::unix::fs::symlink(at("there"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("there"), at("folder/link")).unwrap();
        assert_eq!(paths(&[at("link"), at("folder")]), ["link"]);
    }
}
