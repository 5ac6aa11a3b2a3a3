//! A person's files: the folder that is shared and the folder that downloads go to.
//!
//! Everything this node reads from or writes to a disk passes here, so that three promises have one home: nothing outside
//! the folder is ever reached, nothing that was there before is ever changed, and a file under its final name is whole
//! and durable. All of it is blocking code with threads of its own; it knows no socket, no protocol and no lock of the
//! node: what it finds goes out as [`Change`]s, and the node applies them to its catalog.

mod beneath;
mod change;
mod commit;
mod commit_queue;
mod content_log;
mod durable;
mod hash;
mod identify;
mod inbox;
mod inspect;
mod inspect_unknown;
mod into_folder;
mod lasting;
mod nameless;
mod names;
mod open;
mod open_at_once;
mod positioned;
mod room;
mod save;
mod scan;
mod share;
mod small;
mod stamp;
mod watch;
mod watcher;

pub use change::{Change, Seen, apply};
pub use commit::{Saved, commit};
pub use commit_queue::{Arrived, CommitQueue};
pub use content_log::ValuesAt;
pub(crate) use hash::outline;
pub use identify::{Contents, Identifying, Known, identify};
pub(crate) use inspect::inspect_unless;
pub use inspect_unknown::{Inspecting, inspect_unknown};
pub use lasting::LastingPart;
pub(crate) use nameless::Nameless;
pub use open::{OpenError, OpenedFile};
pub(crate) use room::Room;
pub use save::{Destination, FinishedPart, PartFile, Planned, SaveError};
pub use scan::{Found, LeftOut, Walk};
pub use share::{FolderError, Share, ShareOptions};
pub(crate) use small::read_small;
pub use stamp::Stamp;
pub use watch::{Watching, watch};
