//! The browser's files this tab may offer, each under a number; whole folders are walked, pasted text becomes a file.
//!
//! Not a byte of them is read here.

use std::cell::RefCell;
use std::collections::VecDeque;

use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DataTransfer, File, FileList, FilePropertyBag, FileSystemDirectoryEntry, FileSystemDirectoryReader,
    FileSystemEntry, FileSystemFileEntry,
};

use crate::model::Dropped;

/// Most files that are taken at once, and deepest folder that is walked into.
const MOST_FILES: usize = 20_000;
const DEEPEST: usize = 64;

/// All files that are held, by number. A number is never used again.
#[derive(Default)]
pub(crate) struct Files(RefCell<Vec<Option<File>>>);

impl Files {
    /// The file with this number, if it is still held.
    pub(crate) fn file(&self, handle: u32) -> Option<File> {
        self.0.borrow().get(handle as usize)?.clone()
    }

    pub(super) fn release(&self, handles: &[u32]) {
        let mut files = self.0.borrow_mut();
        for handle in handles {
            if let Some(file) = files.get_mut(*handle as usize) {
                *file = None;
            }
        }
    }

    /// Takes picked files, each with the folder it was picked in.
    pub(super) fn take_all(&self, files: &FileList) -> Vec<Dropped> {
        let files = (0..files.length()).filter_map(|index| files.item(index));
        files
            .filter(|file| !is_hidden(&picked_in(file)))
            .take(MOST_FILES)
            .filter_map(|file| self.take(file, ""))
            .collect()
    }

    fn take(&self, file: File, folder: &str) -> Option<Dropped> {
        let picked_in = picked_in(&file);
        let path = if picked_in.is_empty() { [folder, &file.name()].concat() } else { picked_in };
        let mut files = self.0.borrow_mut();
        let handle = u32::try_from(files.len()).ok()?;
        let dropped = Dropped { handle, path, size: file.size() as u64, modified: (file.last_modified() * 1e6) as i64 };
        files.push(Some(file));
        Some(dropped)
    }
}

/// The path of a file inside of the folder that was picked; empty where it was picked itself.
fn picked_in(file: &File) -> String {
    Reflect::get(file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string()).unwrap_or_default()
}

/// Whether something inside of a folder is hidden there: whoever shares a folder hardly means its `.git`, and a node leaves
/// it out as well. What was given by itself is meant.
fn is_hidden(path: &str) -> bool {
    path.split('/').skip(1).any(|part| part.starts_with('.'))
}

/// What was dropped or pasted, as far as it can be kept beyond the event.
pub(super) struct Given {
    entries: VecDeque<(FileSystemEntry, String, usize)>,
    files: Vec<File>,
    text: String,
}

impl Given {
    pub(super) fn of(what: &DataTransfer) -> Self {
        let mut given = Self { entries: VecDeque::new(), files: Vec::new(), text: String::new() };
        let items = what.items();
        for item in (0..items.length()).filter_map(|index| items.get(index)) {
            if item.kind() != "file" {
                continue;
            }
            match item.webkit_get_as_entry() {
                Ok(Some(entry)) => given.entries.push_back((entry, String::new(), 0)),
                // Pasted pictures are files without an entry.
                _ => given.files.extend(item.get_as_file().ok().flatten()),
            }
        }
        if given.entries.is_empty() && given.files.is_empty() {
            given.text = what.get_data("text/plain").unwrap_or_default();
        }
        given
    }

    /// Takes everything, folders with all that is in them. What cannot be read is left out.
    pub(super) async fn take(mut self, into: &Files) -> Vec<Dropped> {
        // Every pasted picture is an image.png.
        let pasted = [&moment(), " "].concat();
        let mut dropped: Vec<Dropped> = self.files.drain(..).filter_map(|file| into.take(file, &pasted)).collect();
        while let Some((entry, folder, depth)) = self.entries.pop_front() {
            if dropped.len() >= MOST_FILES {
                break;
            }
            if is_hidden(&[folder.as_str(), &entry.name()].concat()) {
                continue;
            }
            if entry.is_file() {
                let file = file_of(entry.unchecked_into()).await;
                dropped.extend(file.and_then(|file| into.take(file, &folder)));
            } else if depth < DEEPEST {
                let folder = [&folder, entry.name().as_str(), "/"].concat();
                let inside = entries_of(entry.unchecked_into::<FileSystemDirectoryEntry>().create_reader()).await;
                self.entries.extend(inside.into_iter().map(|entry| (entry, folder.clone(), depth + 1)));
            }
        }
        if !self.text.is_empty() {
            dropped.extend(snippet(&self.text).and_then(|file| into.take(file, "")));
        }
        dropped
    }
}

/// This moment, as a part of a name.
fn moment() -> String {
    let moment = String::from(js_sys::Date::new_0().to_iso_string());
    // 2026-01-31T12:34:56.789Z
    moment.chars().take(19).map(|c| if c == ':' { '-' } else { c }).collect()
}

/// A file of pasted text, named after the moment.
fn snippet(text: &str) -> Option<File> {
    let kind = FilePropertyBag::new();
    kind.set_type("text/plain");
    let parts = Array::of1(&JsValue::from_str(text));
    File::new_with_str_sequence_and_options(&parts, &["snippet-", &moment(), ".txt"].concat(), &kind).ok()
}

async fn file_of(entry: FileSystemFileEntry) -> Option<File> {
    let file = called_back(|done, failed| entry.file_with_callback_and_callback(&done, &failed)).await?;
    file.dyn_into().ok()
}

/// All entries of a folder; a reader gives a few at a time, and none at the end.
async fn entries_of(reader: FileSystemDirectoryReader) -> Vec<FileSystemEntry> {
    let mut all = Vec::new();
    while all.len() < MOST_FILES {
        let some = called_back(|done, failed| {
            let _ = reader.read_entries_with_callback_and_callback(&done, &failed);
        });
        let Some(some) = some.await.and_then(|some| some.dyn_into::<Array>().ok()) else { break };
        if some.length() == 0 {
            break;
        }
        // Chromium has these without a class of that name to check against.
        all.extend(some.iter().map(JsCast::unchecked_into::<FileSystemEntry>));
    }
    all
}

/// Waits for one of two callbacks; `None` for the second.
async fn called_back(begin: impl Fn(js_sys::Function, js_sys::Function)) -> Option<JsValue> {
    let promise = Promise::new(&mut |done, failed| begin(done, failed));
    JsFuture::from(promise).await.ok()
}
