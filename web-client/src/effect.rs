//! What the page wants done outside itself. `runner` and `transport` carry it out; nothing here does.

use shared::ContentId;

use crate::model::{Held, PatternKind, Secret, Viewer, Way};
use crate::pool::Source;
use crate::update::Timer;

/// Something to do outside the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Show the model as it is now.
    Draw,
    /// Ask the node behind this page who it is.
    AskNode,
    /// Take the invite out of the address bar and the history.
    WipeAddress,
    /// Put the invite link into the clipboard, where there is one, and draw it as a QR code.
    PassOn(Secret),
    /// Remember this text; never the password.
    Remember(String),
    /// Send `Event::TimeUp` after so many milliseconds. Setting a timer again replaces it.
    SetTimer(Timer, u32),
    /// Warn before the page is closed, or no longer.
    WarnBeforeClosing(bool),
    /// Forget the browser's files with these numbers.
    Release(Vec<u32>),
    /// For the session with the node.
    Transport(Order),
}

/// What the session is asked to do. Whatever runs in it ends without a further event when it is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Make a session with this password, and keep what is needed to make it again.
    Connect(Secret),
    /// Make the session again, with this password, which need not be prepared again where it was.
    Reconnect(Secret),
    /// End the session and forget the password.
    Disconnect,
    /// Say what this tab is called.
    Introduce(String),
    /// Search at all peers; answers come as `PoolEvent`.
    Search {
        /// The number answers carry.
        id: u32,
        /// How the pattern is read.
        kind: PatternKind,
        /// The pattern; of words, none at all finds everything.
        pattern: String,
    },
    /// Nobody waits for this search any longer.
    CancelSearch(u32),
    /// Save a file; answers come as `SaveEvent`.
    Save {
        /// The number answers carry.
        id: u32,
        /// Under which name.
        name: String,
        /// How large it is, if known.
        size: Option<u64>,
        /// What it holds, if known.
        content: Option<ContentId>,
        /// Where it can be had; the first that answers will do. Of a zip, where each of its files can.
        sources: Vec<Source>,
        /// How.
        way: Way,
    },
    /// Stop saving.
    CancelSave(u32),
    /// Offer these files besides what is offered.
    Offer(Vec<Held>),
    /// Offer these no longer, and stop whoever reads them.
    Withdraw(Vec<u32>),
    /// Have the node keep copies of these; what comes of each is told as `HoldEvent`.
    Put(Vec<u32>),
    /// Get a file to show; answers come as `PreviewEvent`.
    OpenPreview {
        /// The number answers carry.
        id: u32,
        /// Where it can be had.
        sources: Vec<Source>,
        /// How large it is, if known.
        size: Option<u64>,
        /// With what it is shown.
        viewer: Viewer,
        /// As which media type.
        media_type: &'static str,
    },
    /// Forget what was got to show.
    ClosePreview(u32),
}
