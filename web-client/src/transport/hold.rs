//! This tab as a peer: what it offers, who reads it, which form it has and what it holds.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use shared::bridge::{Offer, Outline, Outlined, Read, Reset, ResetCode, Version};
use shared::limits::CHUNK_BYTES;
use shared::peer_name;
use wasm_bindgen_futures::spawn_local;

use super::{Tab, Work};
use crate::event::{Event, HoldEvent};
use crate::model::Held;
use crate::wire::{Answer, Content, Finding, Lending, OfferedFile, Offers, hash, lend, look, now, sleep};

/// How often the page is told how far a reader is, in milliseconds.
const TOLD_EVERY_MS: u64 = 200;
/// What was found in files is told to the node at least so often, in files and in milliseconds.
const TOLD_FILES: usize = 100;
const FOUND_EVERY_MS: u64 = 1_000;
/// Before the first look, the browser and the person have other things to do …
const LOOK_AFTER: Duration = Duration::from_millis(300);
/// … and hashing comes after that.
const HASH_AFTER: Duration = Duration::from_millis(800);

impl Tab {
    pub(super) fn offer(&self, files: Vec<Held>) {
        let files = files.into_iter().map(|held| {
            let version = Version { size: held.size, modified: held.modified };
            (held.path.as_str().to_owned(), OfferedFile { handle: held.handle, version, form: None, content: None })
        });
        let offers = self.offers.borrow_mut().put(files);
        self.say(offers);
        self.look_around();
        self.identify();
    }

    pub(super) fn withdraw(&self, handles: &[u32]) {
        let offers = self.offers.borrow_mut().take(handles);
        self.say(offers);
    }

    /// After the session began: a node that remembers this tab would go on listing what it offered before.
    pub(super) fn offer_nothing_where_nothing_is(&self) {
        if self.url.borrow().is_some() {
            let offers = self.offers.borrow_mut().put_nothing();
            self.say(offers);
        }
    }

    fn say(&self, offers: Vec<Offer>) {
        if let Some(link) = self.link() {
            offers.into_iter().for_each(|offer| link.say(offer));
        }
    }

    /// Answers somebody who asks for a file of this tab.
    pub(super) fn lend(&self, request: Read, answer: Answer) {
        let offered = self.offers.borrow().at(&request.path);
        let file = offered.as_ref().and_then(|offered| self.files.file(offered.handle));
        let (Some(tab), Some(offered), Some(file)) = (self.strong(), offered, file) else {
            return answer.fail(&Reset::new(ResetCode::NOT_FOUND, "this tab offers no such file"));
        };
        let (id, handle) = (self.readings.get(), offered.handle);
        self.readings.set(id.wrapping_add(1));
        let reader = request.reader.as_deref().and_then(peer_name);
        spawn_local(async move {
            let (last, told_at) = (Cell::new(None), Cell::new(0));
            let tell = |bytes| tab.tell(Event::Hold(HoldEvent::Reading { id, reader: reader.clone(), handle, bytes }));
            let sent = |bytes: u64| {
                let now = now().0;
                if last.replace(Some(bytes)).is_none() || now >= told_at.get() + TOLD_EVERY_MS {
                    told_at.set(now);
                    tell(bytes);
                }
            };
            let is_offered = || tab.offers.borrow().has(&request.path, handle);
            let readers = Rc::clone(&tab.readers);
            let lending = Lending { file, version: offered.version, readers, is_offered: &is_offered, sent: &sent };
            let is_whole = lend(&request, lending, answer).await;
            // An empty file was read, too.
            if let Some(bytes) = last.get().or(is_whole.then_some(0)) {
                tell(bytes);
                tab.tell(Event::Hold(HoldEvent::ReadingEnded { id, is_whole }));
            }
        });
    }

    /// Answers somebody who asks what proves the pieces of a file of this tab.
    pub(super) fn outline(&self, request: &Outline, mut answer: Answer) {
        let offered = self.offers.borrow().at(&request.path);
        let Some(offered) = offered else {
            return answer.fail(&Reset::new(ResetCode::NOT_FOUND, "this tab offers no such file"));
        };
        if !is_wanted(request, &offered) {
            return answer.fail(&Reset::new(ResetCode::CHANGED, "this tab offers another version of the file"));
        }
        let later = offered.content.is_none() && self.is_at(Work::Identify);
        let (id, values) = match offered.content {
            Some(Content { id, values: Some(values) }) => (Some(id.0), values),
            _ => (None, [].into()),
        };
        let outlined = Outlined { version: offered.version, id, later };
        spawn_local(async move {
            let mut is_wanted = answer.reply(outlined).await.is_ok();
            for some in values.chunks(CHUNK_BYTES) {
                is_wanted = is_wanted && answer.data(some).await.is_ok();
            }
            if is_wanted {
                answer.end();
            }
        });
    }

    /// Looks into what nobody has looked into, one file after the other, and tells the node what was found.
    fn look_around(&self) {
        let Some(tab) = self.strong().filter(|_| !self.is_at(Work::Look)) else { return };
        self.begin(Work::Look, async move {
            sleep(LOOK_AFTER).await;
            let find = async |file: &web_sys::File, path: &str, handle| {
                let is_wanted = || tab.offers.borrow().has(path, handle);
                look(file, is_wanted, || tab.readers.get() > 0).await.map(Finding::Form)
            };
            tab.go_through(Offers::unknown, find).await;
        });
    }

    /// The same for what they hold.
    fn identify(&self) {
        self.is_more_held.set(true);
        let Some(tab) = self.strong().filter(|_| !self.is_at(Work::Identify)) else { return };
        self.begin(Work::Identify, async move {
            sleep(HASH_AFTER).await;
            let find = async |file: &web_sys::File, path: &str, handle| {
                let is_wanted = || tab.offers.borrow().has(path, handle);
                let worker = tab.worker()?;
                hash(&worker, file, is_wanted, || tab.is_busy()).await.map(Finding::Content)
            };
            // What came meanwhile may stand before what was hashed last.
            while tab.is_more_held.replace(false) {
                tab.go_through(Offers::unidentified, find).await;
            }
        });
    }

    /// Whether something goes over the session that a person waits for.
    fn is_busy(&self) -> bool {
        let is_transfer = |work: &Work| matches!(work, Work::Save(_) | Work::Preview(_));
        self.readers.get() > 0 || self.work.borrow().iter().any(|(work, _)| is_transfer(work))
    }

    /// Finds something out about each of the files that `next` gives, and tells the node of it.
    async fn go_through(
        &self,
        next: impl Fn(&Offers, Option<&str>) -> Option<(String, OfferedFile)>,
        find: impl AsyncFn(&web_sys::File, &str, u32) -> Option<Finding>,
    ) {
        let (mut after, mut found, mut told_at) = (None::<String>, Vec::new(), now().0);
        loop {
            let next = next(&self.offers.borrow(), after.as_deref());
            if found.len() >= TOLD_FILES || next.is_none() || now().0 >= told_at + FOUND_EVERY_MS {
                told_at = now().0;
                let offers = self.offers.borrow_mut().found(found.drain(..));
                self.say(offers);
            }
            let Some((path, offered)) = next else { break };
            after = Some(path.clone());
            let Some(file) = self.files.file(offered.handle) else { continue };
            let finding = find(&file, &path, offered.handle).await;
            found.extend(finding.map(|finding| (path, offered.handle, finding)));
        }
    }
}

/// Whether it is this version and content that is asked for, as far as that is known.
fn is_wanted(request: &Outline, offered: &OfferedFile) -> bool {
    let id = offered.content.as_ref().map(|content| content.id.0);
    request.version.is_none_or(|version| version == offered.version)
        && request.id.is_none_or(|wanted| id.is_none_or(|id| id == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::ContentId;

    #[test]
    fn an_outline_is_told_of_what_is_wanted_only() {
        let version = Version { size: 5, modified: 7 };
        let known = Content { id: ContentId([7; 32]), values: None };
        let [unknown, known] =
            [None, Some(known)].map(|content| OfferedFile { handle: 1, version, form: None, content });
        let ask = |version, id| Outline { of: String::new(), path: "a".into(), version, id, peer: None };
        let other = Version { modified: 8, ..version };
        assert!(is_wanted(&ask(None, None), &known) && is_wanted(&ask(Some(version), Some([7; 32])), &known));
        assert!(!is_wanted(&ask(Some(other), None), &known) && !is_wanted(&ask(None, Some([8; 32])), &known));
        assert!(is_wanted(&ask(Some(version), Some([8; 32])), &unknown), "it may turn out to be that");
    }
}
