//! Copies that the node keeps of what this tab offers: asked for some files at a time, once it is known what they hold, so
//! that the node can prove what it gets and go on where it was.

use std::time::Duration;

use shared::bridge::{Message, Offered, Put};
use shared::limits::PUT_FILES;

use super::{Tab, Work};
use crate::event::{Event, HoldEvent};
use crate::wire::{Link, Reply, ReplyError, sleep};

/// Paths are short here: a browser's folders are not deep.
const AT_ONCE: usize = PUT_FILES / 4;
/// How often it is looked whether all is hashed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long the node may take for the next file. A session that is silent ends long before.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

impl Tab {
    /// Has the node fetch these, in the place of what it was to fetch before.
    pub(super) fn put(&self, handles: Vec<u32>) {
        let (Some(tab), Some(link)) = (self.strong(), self.link()) else { return };
        self.begin(Work::Put, async move {
            while tab.is_at(Work::Identify) {
                sleep(LOOK_EVERY).await;
            }
            for some in handles.chunks(AT_ONCE) {
                let files = tab.offers.borrow().announced(some);
                let mut left: Vec<_> = files.iter().map(|(file, handle)| (file.path.clone(), *handle)).collect();
                let files = files.into_iter().map(|(file, _)| file).collect();
                let why = match tab.have_fetched(&link, files, &mut left).await {
                    // It is asked again in the next session.
                    Err(ReplyError::Interrupted) => return,
                    Err(ReplyError::Reset(why)) => why.text,
                    Err(_) => "no answer".to_owned(),
                    Ok(()) => "no word of it".to_owned(),
                };
                for (_, handle) in left {
                    tab.tell(Event::Hold(HoldEvent::Copied { handle, error: Some(why.clone()) }));
                }
            }
        });
    }

    async fn have_fetched(
        &self,
        link: &Link,
        files: Vec<Offered>,
        left: &mut Vec<(String, u32)>,
    ) -> Result<(), ReplyError> {
        let mut replies = link.ask(Put { files }, 0)?;
        loop {
            match replies.next(PATIENCE).await? {
                Reply::Message(Message::Kept(kept)) => {
                    let Some(at) = left.iter().position(|(path, _)| *path == kept.path) else { continue };
                    let (_, handle) = left.swap_remove(at);
                    self.tell(Event::Hold(HoldEvent::Copied { handle, error: kept.error }));
                }
                Reply::Ended => return Ok(()),
                _ => return Err(ReplyError::Strange),
            }
        }
    }
}
