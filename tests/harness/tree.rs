//! Folders with known content, and what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tempfile::TempDir;

/// A new folder with these files.
pub(crate) fn tree(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("its folder");
        std::fs::write(path, bytes).expect("a file");
    }
    dir
}

/// The name of every file below a folder, hidden ones too. Nothing is opened: what is there may be renamed meanwhile.
pub(crate) fn names(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if entry.file_type().expect("its type").is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("below").to_string_lossy().into_owned();
                found.insert(name);
            }
        }
    }
    found
}

/// Every file below a folder where nothing moves, hidden ones too, with its bytes.
pub(crate) fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = |name: &String| std::fs::read(dir.join(name)).expect("its bytes");
    names(dir).into_iter().map(|name| (name.clone(), bytes(&name))).collect()
}

/// Names and lengths: what to show where the bytes are too many.
pub(crate) fn summary(content: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    content.iter().map(|(name, bytes)| format!("{name} ({} bytes)", bytes.len())).collect()
}

/// Fails with names and lengths, not with megabytes.
#[track_caller]
pub(crate) fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    assert!(found == expected, "found {:#?}\nexpected {:#?}", summary(found), summary(expected));
}

/// Text of this many bytes in lines, some with XML's special characters.
pub(crate) fn text(length: usize) -> Vec<u8> {
    b"The quick brown fox <jumps> over the \"lazy\" dog & co.\r\n".iter().copied().cycle().take(length).collect()
}

/// Bytes of every value, never the same piece twice.
pub(crate) fn binary(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
