//! What this tab offers, by path: pure bookkeeping of what the node was told and who may read what.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Bound;
use std::rc::Rc;

use shared::ContentId;
use shared::bridge::{Offer, Offered, OfferedForm, Version};
use shared::limits::PUT_FILES;

/// Most files in one message, and most bytes of their paths: a record holds a mebibyte.
const FILES_PER_OFFER: usize = 500;
const BYTES_PER_OFFER: usize = 256 << 10;
// What is in one message can be put at the node by one.
const _: () = assert!(FILES_PER_OFFER <= PUT_FILES);
/// What an offered file costs in a message besides its path, at most.
const BYTES_PER_FILE: usize = 100;
/// What proves the pieces of files is kept up to this, in bytes: 128 GiB of files. Of others only the id is known.
const VALUES_BYTES: usize = 4 << 20;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// The BLAKE3 of it.
    pub(crate) id: ContentId,
    /// What proves each of its pieces, as it goes over the wire; nothing where there is only one. None where it is not kept.
    pub(crate) values: Option<Rc<[u8]>>,
}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// How it can go through XML-RPC.
    Form(OfferedForm),
    /// What it holds.
    Content(Content),
}

/// One file that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfferedFile {
    /// The page's number for the browser's file. A number is never used again.
    pub(crate) handle: u32,
    /// Which version of it is offered.
    pub(crate) version: Version,
    /// Which form it has, once that was looked at.
    pub(crate) form: Option<OfferedForm>,
    /// What it holds, once it was hashed.
    pub(crate) content: Option<Content>,
}

/// All of them, by path.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    files: BTreeMap<String, OfferedFile>,
    /// Those of the session before: what was found in them still holds, and looking is expensive.
    before: BTreeMap<String, OfferedFile>,
    /// Whether the next offer withdraws what the node may still remember.
    must_replace: bool,
}

impl Offers {
    /// A new session has begun: nothing is offered in it yet.
    pub(crate) fn begin(&mut self) {
        if !self.files.is_empty() {
            self.before = mem::take(&mut self.files);
        }
        self.must_replace = true;
    }

    /// Puts files on it; one under a path that is there takes its place. Answers what to tell the node.
    pub(crate) fn put(&mut self, files: impl IntoIterator<Item = (String, OfferedFile)>) -> Vec<Offer> {
        let mut add = Vec::new();
        for (path, mut offered) in files {
            let before = self.before.get(&path).filter(|before| before.handle == offered.handle);
            offered.form = before.and_then(|before| before.form).or(offered.form);
            offered.content = before.and_then(|before| before.content.clone()).or(offered.content);
            add.push(announced(path.clone(), &offered));
            self.files.insert(path, offered);
        }
        batches(add, Vec::new(), mem::take(&mut self.must_replace))
    }

    /// Withdraws what the node may still remember, where nothing was put on it since the session began.
    pub(crate) fn put_nothing(&mut self) -> Vec<Offer> {
        if self.must_replace { self.put([]) } else { Vec::new() }
    }

    /// Takes files off it. Answers what to tell the node.
    pub(crate) fn take(&mut self, handles: &[u32]) -> Vec<Offer> {
        let is_taken = marked(handles);
        let (mut left, mut remove) = (BTreeMap::new(), Vec::new());
        for (path, offered) in mem::take(&mut self.files) {
            if is_taken(offered.handle) {
                remove.push(path);
            } else {
                left.insert(path, offered);
            }
        }
        self.files = left;
        batches(Vec::new(), remove, false)
    }

    /// Keeps what was found in files that are still there. Answers what to tell the node.
    pub(crate) fn found(&mut self, findings: impl IntoIterator<Item = (String, u32, Finding)>) -> Vec<Offer> {
        let mut add = Vec::new();
        for (path, handle, finding) in findings {
            let room = match &finding {
                // Looked at for large files only: it takes a moment.
                Finding::Content(Content { values: Some(values), .. }) if !values.is_empty() => {
                    VALUES_BYTES.saturating_sub(self.values_bytes())
                }
                _ => 0,
            };
            if let Some(offered) = self.files.get_mut(&path).filter(|offered| offered.handle == handle) {
                match finding {
                    Finding::Form(form) => offered.form = Some(form),
                    Finding::Content(Content { id, values }) => {
                        let values = values.filter(|values| values.len() <= room);
                        offered.content = Some(Content { id, values });
                    }
                }
                add.push(announced(path, offered));
            }
        }
        batches(add, Vec::new(), false)
    }

    /// Bytes of all values that are kept.
    fn values_bytes(&self) -> usize {
        self.files
            .values()
            .filter_map(|offered| offered.content.as_ref()?.values.as_ref())
            .map(|values| values.len())
            .sum()
    }

    /// A file nobody has looked into, of those whose paths come after this one.
    pub(crate) fn unknown(&self, after: Option<&str>) -> Option<(String, OfferedFile)> {
        self.next(after, |offered| offered.form.is_none())
    }

    /// A file that was not hashed, of those whose paths come after this one.
    pub(crate) fn unidentified(&self, after: Option<&str>) -> Option<(String, OfferedFile)> {
        self.next(after, |offered| offered.content.is_none())
    }

    fn next(&self, after: Option<&str>, is_wanted: impl Fn(&OfferedFile) -> bool) -> Option<(String, OfferedFile)> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut files = self.files.range::<str, _>((after, Bound::Unbounded));
        files.find(|(_, offered)| is_wanted(offered)).map(|(path, offered)| (path.clone(), offered.clone()))
    }

    /// The file that is offered under a path.
    pub(crate) fn at(&self, path: &str) -> Option<OfferedFile> {
        self.files.get(path).cloned()
    }

    /// Those of these that are offered, as they are known now.
    pub(crate) fn these(&self, handles: &[u32]) -> Vec<Offer> {
        let is_one = marked(handles);
        let these = self.files.iter().filter(|(_, offered)| is_one(offered.handle));
        batches(these.map(|(path, offered)| announced(path.clone(), offered)).collect(), Vec::new(), false)
    }

    /// Whether this file is still offered under this path.
    pub(crate) fn has(&self, path: &str, handle: u32) -> bool {
        self.files.get(path).is_some_and(|offered| offered.handle == handle)
    }
}

/// Whether a number is among these: one look at each file, however many there are.
fn marked(handles: &[u32]) -> impl Fn(u32) -> bool {
    let mut marks = vec![false; handles.iter().max().map_or(0, |last| *last as usize + 1)];
    for handle in handles {
        if let Some(mark) = marks.get_mut(*handle as usize) {
            *mark = true;
        }
    }
    move |handle| marks.get(handle as usize) == Some(&true)
}

fn announced(path: String, offered: &OfferedFile) -> Offered {
    let Version { size, modified } = offered.version;
    let id = offered.content.as_ref().map(|content| content.id.0);
    Offered { form: offered.form, id, ..Offered::new(path, size, modified) }
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

    fn offered(handle: u32) -> OfferedFile {
        OfferedFile { handle, version: Version { size: 5, modified: 7 }, form: None, content: None }
    }

    fn file(handle: u32, path: &str) -> (String, OfferedFile) {
        (path.to_owned(), offered(handle))
    }

    #[test]
    fn the_first_offer_of_a_session_replaces_what_the_node_remembers() {
        let mut offers = Offers::default();
        offers.begin();
        let first = offers.put([file(1, "a"), file(2, "b")]);
        assert_eq!((first.len(), first[0].all, first[0].add.len()), (1, true, 2));
        assert!(!offers.put([file(3, "c")])[0].all);
        offers.begin();
        assert_eq!(offers.at("a"), None);
        // Also where there is nothing to offer any more.
        assert_eq!(offers.put_nothing(), [Offer { all: true, ..Offer::default() }]);
        assert_eq!(offers.put_nothing(), []);
    }

    #[test]
    fn many_files_and_long_paths_are_cut_into_messages_that_fit() {
        let mut offers = Offers::default();
        offers.begin();
        let told = offers.put((0..1_201).map(|handle| file(handle, &format!("{handle}"))));
        assert_eq!(told.iter().map(|offer| offer.add.len()).collect::<Vec<_>>(), [500, 500, 201]);
        assert_eq!(told.iter().map(|offer| offer.all).collect::<Vec<_>>(), [true, false, false]);
        let long = "x".repeat(4_000);
        let told = offers.put((2_000..2_300).map(|handle| file(handle, &format!("{long}{handle}"))));
        for offer in &told {
            let message = shared::bridge::Message::from(offer.clone());
            assert!(message.encode().len() <= BYTES_PER_OFFER);
        }
        assert_eq!(told.iter().map(|offer| offer.add.len()).sum::<usize>(), 300);
        let gone = offers.take(&(0..1_201).collect::<Vec<_>>());
        assert_eq!(gone.iter().map(|offer| offer.remove.len()).collect::<Vec<_>>(), [500, 500, 201]);
    }

    #[test]
    fn a_file_that_took_anothers_path_stays_when_the_other_goes() {
        let mut offers = Offers::default();
        let _ = offers.put([file(1, "a")]);
        let _ = offers.put([file(2, "a")]);
        assert_eq!(offers.take(&[1, 99]), []);
        assert_eq!(offers.at("a"), Some(offered(2)));
        assert!(!offers.has("a", 1) && offers.has("a", 2));
        assert_eq!(offers.take(&[2])[0].remove, ["a"]);
        assert_eq!(offers.take(&[]), []);
    }

    #[test]
    fn a_form_is_told_once_and_kept_for_the_next_session() {
        let mut offers = Offers::default();
        let _ = offers.put([file(4, "a"), file(5, "b")]);
        assert_eq!(offers.unknown(None), Some(file(4, "a")));
        assert_eq!(offers.unknown(Some("a")), Some(file(5, "b")));
        let binary = |path: &str, handle| (path.to_owned(), handle, Finding::Form(OfferedForm::Binary));
        let told = offers.found([binary("a", 4), binary("b", 4), binary("c", 9)]);
        assert_eq!((told.len(), told[0].add.len(), told[0].add[0].form), (1, 1, Some(OfferedForm::Binary)));
        assert_eq!(offers.unknown(None), Some(file(5, "b")));
        offers.begin();
        offers.begin();
        let again = offers.put([file(4, "a"), file(6, "b")]);
        assert_eq!((again[0].add[0].form, again[0].add[1].form), (Some(OfferedForm::Binary), None));
    }

    #[test]
    fn what_a_file_holds_is_told_and_kept_for_the_next_session() {
        let content = |bytes: usize| Content { id: ContentId([7; 32]), values: Some(vec![1; bytes].into()) };
        let held = |path: &str, handle, bytes| (path.to_owned(), handle, Finding::Content(content(bytes)));
        let mut offers = Offers::default();
        let _ = offers.put([file(4, "a"), file(5, "b"), file(6, "c")]);
        let told = offers.found([held("a", 4, VALUES_BYTES - 32), held("b", 4, 0)]);
        assert_eq!((told[0].add.len(), told[0].add[0].id), (1, Some([7; 32])));
        assert_eq!(offers.unidentified(None), Some(file(5, "b")));
        // Of what is too much only the id is kept.
        let told = offers.found([held("b", 5, 64), held("c", 6, 32)]);
        assert_eq!(told[0].add.iter().filter_map(|offered| offered.id).count(), 2);
        let values = |offers: &Offers, path: &str| offers.at(path).unwrap().content.unwrap().values.map(|it| it.len());
        assert_eq!((values(&offers, "b"), values(&offers, "c")), (None, Some(32)));
        offers.begin();
        let again = offers.put([file(4, "a"), file(9, "b")]);
        assert_eq!((again[0].add[0].id, again[0].add[1].id), (Some([7; 32]), None));
        assert_eq!(values(&offers, "a"), Some(VALUES_BYTES - 32));
    }
}
