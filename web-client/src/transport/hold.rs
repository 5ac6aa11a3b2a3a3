//! This tab as a peer: what it offers, who reads it, and which form it has.

use std::cell::Cell;
use std::rc::Rc;

use shared::bridge::{Offer, OfferedForm, Read, Reset, ResetCode, Version};
use shared::peer_name;
use wasm_bindgen_futures::spawn_local;

use super::{Tab, Work};
use crate::event::{Event, HoldEvent};
use crate::model::Held;
use crate::wire::{Answer, Lending, Lent, lend, look, now, sleep};

/// How often the page is told how far a reader is, in milliseconds.
const TOLD_EVERY_MS: u64 = 200;
/// What was found in files is told to the node at least so often, in files and in milliseconds.
const TOLD_FILES: usize = 100;
const FOUND_EVERY_MS: u64 = 1_000;
/// Before the first look, the browser and the person have other things to do.
const LOOK_AFTER: std::time::Duration = std::time::Duration::from_millis(300);

impl Tab {
    pub(super) fn offer(&self, files: Vec<Held>) {
        let files = files.into_iter().map(|held| {
            let version = Version { size: held.size, modified: held.modified };
            (held.path.as_str().to_owned(), Lent { handle: held.handle, version, form: None })
        });
        let offers = self.shelf.borrow_mut().put(files);
        self.say(offers);
        self.look_around();
    }

    pub(super) fn withdraw(&self, handles: &[u32]) {
        let offers = self.shelf.borrow_mut().take(handles);
        self.say(offers);
    }

    /// After the session began: a node that remembers this tab would go on listing what it offered before.
    pub(super) fn offer_nothing_where_nothing_is(&self) {
        if self.url.borrow().is_some() {
            let offers = self.shelf.borrow_mut().put_nothing();
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
        let lent = self.shelf.borrow().at(&request.path);
        let file = lent.and_then(|lent| self.files.file(lent.handle));
        let (Some(tab), Some(lent), Some(file)) = (self.strong(), lent, file) else {
            return answer.fail(&Reset::new(ResetCode::NOT_FOUND, "this tab offers no such file"));
        };
        let (id, handle) = (self.readings.get(), lent.handle);
        self.readings.set(id.wrapping_add(1));
        let reader = request.reader.as_deref().and_then(peer_name);
        spawn_local(async move {
            let (begun, told_at) = (Cell::new(false), Cell::new(0));
            let sent = |bytes: u64| {
                let now = now().0;
                if !begun.replace(true) || now >= told_at.get() + TOLD_EVERY_MS {
                    told_at.set(now);
                    tab.tell(Event::Hold(HoldEvent::Reading { id, reader: reader.clone(), handle, bytes }));
                }
            };
            let is_offered = || tab.shelf.borrow().has(&request.path, handle);
            let readers = Rc::clone(&tab.readers);
            let lending = Lending { file, lent, readers, is_offered: &is_offered, sent: &sent };
            let is_whole = lend(&request, lending, answer).await;
            if is_whole && !begun.get() {
                // An empty file was read, too.
                sent(0);
            }
            if begun.get() {
                tab.tell(Event::Hold(HoldEvent::ReadingEnded { id, is_whole }));
            }
        });
    }

    /// Looks into what nobody has looked into, one file after the other, and tells the node what was found.
    fn look_around(&self) {
        let is_looking = self.work.borrow().iter().any(|(work, _)| *work == Work::Look);
        let Some(tab) = self.strong().filter(|_| !is_looking) else { return };
        self.begin(Work::Look, async move {
            sleep(LOOK_AFTER).await;
            let (mut after, mut found, mut told_at) =
                (None::<String>, Vec::<(String, u32, OfferedForm)>::new(), now().0);
            loop {
                let next = tab.shelf.borrow().unknown(after.as_deref());
                if found.len() >= TOLD_FILES || next.is_none() || now().0 >= told_at + FOUND_EVERY_MS {
                    told_at = now().0;
                    let offers = tab.shelf.borrow_mut().found(found.drain(..));
                    tab.say(offers);
                }
                let Some((path, lent)) = next else { break };
                after = Some(path.clone());
                let Some(file) = tab.files.file(lent.handle) else { continue };
                let is_wanted = || tab.shelf.borrow().has(&path, lent.handle);
                let form = look(&file, is_wanted, || tab.readers.get() > 0).await;
                found.extend(form.map(|form| (path, lent.handle, form)));
            }
        });
    }
}
