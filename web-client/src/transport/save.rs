//! Files on their way to the person's disk: over the session, or by a ticket for the browser's download manager.

use std::cell::Cell;
use std::time::Duration;

use shared::ContentId;

use super::fetch::FetchError;
use super::{Tab, Work};
use crate::event::{Event, SaveEvent};
use crate::model::{MOST_IN_MEMORY, Reason, Way};
use crate::pool::Source;
use crate::wire::{Link, now, save_by_link, sleep};

/// How often the page is told how far it is, in milliseconds.
const TOLD_EVERY_MS: u64 = 100;
/// Between two downloads: Chromium was seen to lose some of those that begin in the same moment, more of those that it
/// fetches itself.
const TICKET_EVERY_MS: u64 = 300;
const BLOB_EVERY_MS: u64 = 150;

/// A file that is to be saved.
pub(super) struct Wanted {
    /// The page's number for it.
    pub(super) id: u32,
    /// Under which name.
    pub(super) name: String,
    /// How large it is, if known.
    pub(super) size: Option<u64>,
    /// What it holds, if known.
    pub(super) content: Option<ContentId>,
    /// Where it can be had.
    pub(super) sources: Vec<Source>,
}

impl Tab {
    pub(super) fn save(&self, wanted: Wanted, way: Way) {
        let (Some(tab), Some(link)) = (self.strong(), self.link()) else { return };
        let fits = wanted.size.is_none_or(|size| size <= MOST_IN_MEMORY);
        let id = wanted.id;
        self.begin(Work::Save(id), async move {
            let saved = match way {
                Way::Session if fits => tab.save_over_session(&link, wanted).await,
                _ => tab.save_by_ticket(&link, id, &wanted.name, &wanted.sources, way).await,
            };
            match saved {
                Ok(event) => tab.tell(Event::Save(event)),
                Err(FetchError::Interrupted) => {}
                Err(FetchError::Failed(why)) => tab.tell(Event::Save(SaveEvent::Failed { id, why })),
                Err(FetchError::TooLarge) => {
                    tab.tell(Event::Save(SaveEvent::Failed { id, why: Reason::NoRoom }));
                }
            }
        });
    }

    async fn save_over_session(&self, link: &Link, wanted: Wanted) -> Result<SaveEvent, FetchError> {
        let (id, name) = (wanted.id, wanted.name.as_str());
        let told_at = Cell::new(0);
        let progress = |bytes| {
            let now = now().0;
            if now >= told_at.get() + TOLD_EVERY_MS {
                told_at.set(now);
                self.tell(Event::Save(SaveEvent::Progress { id, bytes }));
            }
        };
        let proof = self.proof(link, &wanted).await;
        match self.fetch(link, id, wanted.sources.clone(), proof, &progress).await {
            // Its size was not known, or not told rightly.
            Err(FetchError::TooLarge) => self.save_by_ticket(link, id, name, &wanted.sources, Way::Ticket).await,
            Err(why) => Err(why),
            Ok(file) => {
                let (parts, is_verified) = file.into_parts();
                let bytes = parts.bytes();
                self.turn(BLOB_EVERY_MS).await;
                parts.save(name).ok_or(FetchError::Failed(Reason::NoRoom))?;
                self.tell(Event::Save(SaveEvent::Progress { id, bytes }));
                Ok(SaveEvent::Done { id, is_verified })
            }
        }
    }

    async fn save_by_ticket(
        &self,
        link: &Link,
        id: u32,
        name: &str,
        sources: &[Source],
        way: Way,
    ) -> Result<SaveEvent, FetchError> {
        let archive = (way == Way::Zip).then_some(name);
        let address = match self.ticket(link, sources, false, archive).await {
            Ok(address) => address,
            // The page asks again in the next session.
            Err(_) if link.is_over() => return Err(FetchError::Interrupted),
            Err(why) => return Err(FetchError::Failed(why)),
        };
        self.turn(TICKET_EVERY_MS).await;
        save_by_link(&address, name).ok_or(FetchError::Failed(Reason::NoRoom))?;
        Ok(SaveEvent::HandedOver { id })
    }

    /// Waits until the browser may be told of another download, so many milliseconds after the last.
    async fn turn(&self, every: u64) {
        let turn = self.clicked.get().saturating_add(every).max(now().0);
        self.clicked.set(turn);
        sleep(Duration::from_millis(turn - now().0.min(turn))).await;
    }
}
