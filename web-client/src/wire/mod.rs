//! The bridge in a browser tab: one session with the node this page came from, and what flows through it.
//!
//! ```text
//! hired    a worker, and what it is told to do
//! derive   password → Secret     code      a text → a QR code     hash, proof   what files hold, and whether pieces are theirs
//! door     WebSocket, handshake           knock   why the door stayed shut
//! link     the session: ask, say, be asked; streams has its rules, socket and clock are the browser
//! offers    what this tab offers           lend    its bytes for whoever asks    look   which form they have
//! parts    what is being saved, as the browser's Blobs
//! ```
//!
//! Nothing here knows the page's model: `transport` turns its orders into calls of these, and what comes back into events.
//! Whatever is decided is decided in files without the browser, and tested natively.

mod answer;
mod clock;
mod code;
mod derive;
mod door;
mod hash;
mod hired;
mod knock;
mod lend;
mod link;
mod look;
mod offers;
mod parts;
mod proof;
mod replies;
mod socket;
mod streams;
mod task;

pub(crate) use answer::Answer;
pub(crate) use clock::{in_time, now, sleep};
pub(crate) use code::code_of;
pub(crate) use derive::{DeriveError, derive};
pub(crate) use door::{Refusal, enter};
pub(crate) use hash::hash;
pub(crate) use hired::WorkerHandle;
pub(crate) use knock::knock;
pub(crate) use lend::{Lending, lend};
pub(crate) use link::{Link, Occurrence, Over};
pub(crate) use look::look;
pub(crate) use offers::{Content, Finding, OfferedFile, Offers};
pub(crate) use parts::{Parts, addressed, save_by_link};
pub(crate) use proof::{Proof, Unproved};
pub(crate) use replies::{Replies, ReplyError};
pub(crate) use streams::Reply;
pub(crate) use task::Task;
