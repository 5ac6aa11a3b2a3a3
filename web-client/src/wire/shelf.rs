//! What this tab offers, by path: pure bookkeeping of what the node was told and who may read what.

use std::collections::BTreeMap;
use std::mem;

use shared::bridge::{Offer, Offered, OfferedForm, Version};

/// Most files in one message, and most bytes of their paths: a record holds a mebibyte.
const FILES_PER_OFFER: usize = 500;
const BYTES_PER_OFFER: usize = 256 << 10;
/// What an offered file costs in a message besides its path, at most.
const BYTES_PER_FILE: usize = 64;

/// One file that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lent {
    /// The page's number for the browser's file. A number is never used again.
    pub(crate) handle: u32,
    /// Which version of it is offered.
    pub(crate) version: Version,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    by_path: BTreeMap<String, Lent>,
    paths: BTreeMap<u32, String>,
    /// What was found in files, also of earlier sessions: looking is expensive.
    forms: BTreeMap<u32, OfferedForm>,
    /// Whether the next offer withdraws what the node may still remember.
    must_replace: bool,
}

impl Shelf {
    /// A new session has begun: nothing is offered in it yet.
    pub(crate) fn begin(&mut self) {
        self.by_path.clear();
        self.paths.clear();
        self.must_replace = true;
    }

    /// Puts files on it; one under a path that is there takes its place. Answers what to tell the node.
    pub(crate) fn put(&mut self, files: impl IntoIterator<Item = (String, Lent)>) -> Vec<Offer> {
        let mut add = Vec::new();
        for (path, lent) in files {
            add.push(self.offered(path.clone(), lent));
            self.paths.insert(lent.handle, path.clone());
            if let Some(before) = self.by_path.insert(path, lent).filter(|before| before.handle != lent.handle) {
                self.paths.remove(&before.handle);
                self.forms.remove(&before.handle);
            }
        }
        let must_replace = mem::take(&mut self.must_replace);
        batches(add, Vec::new(), must_replace)
    }

    /// Withdraws what the node may still remember, where nothing was put on it since the session began.
    pub(crate) fn put_nothing(&mut self) -> Vec<Offer> {
        if self.must_replace { self.put([]) } else { Vec::new() }
    }

    /// Takes files off it. Answers what to tell the node.
    pub(crate) fn take(&mut self, handles: &[u32]) -> Vec<Offer> {
        let mut remove = Vec::new();
        for handle in handles {
            self.forms.remove(handle);
            let Some(path) = self.paths.remove(handle) else { continue };
            // Another file may have taken its path.
            if self.by_path.get(&path).is_some_and(|lent| lent.handle == *handle) {
                self.by_path.remove(&path);
                remove.push(path);
            }
        }
        batches(Vec::new(), remove, false)
    }

    /// Keeps what was found in files that are still there. Answers what to tell the node.
    pub(crate) fn found(&mut self, forms: impl IntoIterator<Item = (u32, OfferedForm)>) -> Vec<Offer> {
        let mut add = Vec::new();
        for (handle, form) in forms {
            let path = self.paths.get(&handle).cloned();
            let known = path.and_then(|path| self.by_path.get_key_value(&path));
            if let Some((path, lent)) = known.map(|(path, lent)| (path.clone(), *lent)) {
                self.forms.insert(handle, form);
                add.push(self.offered(path, lent));
            }
        }
        batches(add, Vec::new(), false)
    }

    /// A file nobody has looked into, of those that may be looked into with a number above `after`.
    pub(crate) fn unknown(&self, after: Option<u32>) -> Option<Lent> {
        let first = after.map_or(0, |after| after.saturating_add(1));
        let mut handles = self.paths.range(first..).filter(|(handle, _)| !self.forms.contains_key(handle));
        handles.find_map(|(_, path)| self.by_path.get(path)).copied()
    }

    /// The file that is offered under a path.
    pub(crate) fn at(&self, path: &str) -> Option<Lent> {
        self.by_path.get(path).copied()
    }

    /// Whether a file is still offered.
    pub(crate) fn has(&self, handle: u32) -> bool {
        self.paths.contains_key(&handle)
    }

    fn offered(&self, path: String, lent: Lent) -> Offered {
        let Version { size, modified } = lent.version;
        Offered { path, size, modified, form: self.forms.get(&lent.handle).copied() }
    }
}

/// Cuts what is to be told into messages that fit into records.
fn batches(add: Vec<Offered>, remove: Vec<String>, mut all: bool) -> Vec<Offer> {
    let mut batches = Vec::new();
    let (mut batch, mut files, mut bytes) = (Offer::default(), 0, 0);
    let added = add.into_iter().map(Ok).chain(remove.into_iter().map(Err));
    for file in added {
        let cost = BYTES_PER_FILE + file.as_ref().map_or_else(String::len, |offered| offered.path.len());
        if files == FILES_PER_OFFER || bytes + cost > BYTES_PER_OFFER {
            batches.push(mem::take(&mut batch));
            (files, bytes) = (0, 0);
        }
        batch.all = mem::take(&mut all) || batch.all;
        (files, bytes) = (files + 1, bytes + cost);
        match file {
            Ok(offered) => batch.add.push(offered),
            Err(path) => batch.remove.push(path),
        }
    }
    if files > 0 || all {
        batches.push(Offer { all: batch.all || all, ..batch });
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lent(handle: u32) -> Lent {
        Lent { handle, version: Version { size: 5, modified: 7 } }
    }

    fn file(handle: u32, path: &str) -> (String, Lent) {
        (path.to_owned(), lent(handle))
    }

    #[test]
    fn the_first_offer_of_a_session_replaces_what_the_node_remembers() {
        let mut shelf = Shelf::default();
        shelf.begin();
        let first = shelf.put([file(1, "a"), file(2, "b")]);
        assert_eq!((first.len(), first[0].all, first[0].add.len()), (1, true, 2));
        assert!(!shelf.put([file(3, "c")])[0].all);
        shelf.begin();
        assert_eq!(shelf.at("a"), None);
        // Also where there is nothing to offer any more.
        assert_eq!(shelf.put_nothing(), [Offer { all: true, ..Offer::default() }]);
        assert_eq!(shelf.put_nothing(), []);
    }

    #[test]
    fn many_files_and_long_paths_are_cut_into_messages_that_fit() {
        let mut shelf = Shelf::default();
        shelf.begin();
        let offers = shelf.put((0..1_201).map(|handle| file(handle, &format!("{handle}"))));
        assert_eq!(offers.iter().map(|offer| offer.add.len()).collect::<Vec<_>>(), [500, 500, 201]);
        assert_eq!(offers.iter().map(|offer| offer.all).collect::<Vec<_>>(), [true, false, false]);
        let long = "x".repeat(4_000);
        let offers = shelf.put((2_000..2_300).map(|handle| file(handle, &format!("{long}{handle}"))));
        for offer in &offers {
            let message = shared::bridge::Message::from(offer.clone());
            assert!(message.encode().len() <= BYTES_PER_OFFER);
        }
        assert_eq!(offers.iter().map(|offer| offer.add.len()).sum::<usize>(), 300);
        let gone = shelf.take(&(0..1_201).collect::<Vec<_>>());
        assert_eq!(gone.iter().map(|offer| offer.remove.len()).collect::<Vec<_>>(), [500, 500, 201]);
    }

    #[test]
    fn a_file_that_took_anothers_path_stays_when_the_other_goes() {
        let mut shelf = Shelf::default();
        let _ = shelf.put([file(1, "a")]);
        let _ = shelf.put([file(2, "a")]);
        assert_eq!(shelf.take(&[1]), []);
        assert_eq!(shelf.at("a"), Some(lent(2)));
        assert!(!shelf.has(1) && shelf.has(2));
        assert_eq!(shelf.take(&[2])[0].remove, ["a"]);
    }

    #[test]
    fn a_form_is_told_once_and_kept_for_the_next_session() {
        let mut shelf = Shelf::default();
        let _ = shelf.put([file(4, "a"), file(5, "b")]);
        assert_eq!(shelf.unknown(None), Some(lent(4)));
        assert_eq!(shelf.unknown(Some(4)), Some(lent(5)));
        let told = shelf.found([(4, OfferedForm::Binary), (9, OfferedForm::Binary)]);
        assert_eq!((told.len(), told[0].add.len(), told[0].add[0].form), (1, 1, Some(OfferedForm::Binary)));
        assert_eq!(shelf.unknown(None), Some(lent(5)));
        shelf.begin();
        let again = shelf.put([file(4, "a")]);
        assert_eq!(again[0].add[0].form, Some(OfferedForm::Binary));
    }
}
