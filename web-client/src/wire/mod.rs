//! The bridge in a browser tab: one session with the node this page came from, and what flows through it.
//!
//! ```text
//! derive   password → Secret, in a worker
//! door     WebSocket, handshake           knock   why the door stayed shut
//! link     the session: ask, say, be asked; streams has its rules, socket and clock are the browser
//! shelf    what this tab offers           lend    its bytes for whoever asks    look   which form they have
//! parts    what is being saved, as the browser's Blobs
//! ```
//!
//! Nothing here knows the page's model: `transport` turns its orders into calls of these, and what comes back into events.
//! Whatever is decided is decided in files without the browser, and tested natively.

mod answer;
mod clock;
mod derive;
mod door;
mod knock;
mod lend;
mod link;
mod look;
mod parts;
mod replies;
mod shelf;
mod socket;
mod streams;
mod task;

pub(crate) use answer::Answer;
pub(crate) use clock::{now, sleep};
pub(crate) use derive::derive;
pub use derive::derive_in_worker;
pub(crate) use door::{Refusal, enter};
pub(crate) use knock::knock;
pub(crate) use lend::{Lending, lend};
pub(crate) use link::{Link, Occurrence, Over};
pub(crate) use look::look;
pub(crate) use parts::{Parts, addressed, save_by_link};
pub(crate) use replies::ReplyError;
pub(crate) use shelf::{Lent, Shelf};
pub(crate) use streams::Reply;
pub(crate) use task::Task;
