//! Copies that the node keeps of what this tab offers: asked for some files at a time, once it is known what they hold, so
//! that the node can prove what it gets and go on where it was.

use std::time::Duration;

use shared::bridge::{Message, Put};

use super::{Tab, Work};
use crate::event::{Event, HoldEvent};
use crate::wire::{Reply, sleep};

/// How often it is looked whether all is hashed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long the node may take for the next file. A session that is silent ends long before.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

impl Tab {
    /// Has the node fetch these; what it has already it says so of. What it was to fetch before it is no more.
    pub(super) fn put(&self, handles: Vec<u32>) {
        let (Some(tab), Some(link)) = (self.strong(), self.link()) else { return };
        self.begin(Work::Put, async move {
            while tab.is_at(Work::Identify) {
                sleep(LOOK_EVERY).await;
            }
            let offers = tab.offers.borrow().these(&handles);
            for offer in offers {
                let Ok(mut replies) = link.ask(Put { files: offer.add }, 0) else { break };
                while let Ok(Reply::Message(Message::Kept(kept))) = replies.next(PATIENCE).await {
                    tab.tell(Event::Hold(HoldEvent::Copied { path: kept.path, error: kept.error }));
                }
            }
            // Otherwise it is asked again in the next session.
            if !link.is_over() {
                tab.tell(Event::Hold(HoldEvent::CopiesEnded));
            }
        });
    }
}
