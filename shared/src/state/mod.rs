//! What a peer knows: which files one peer holds, and which peers there are.

mod bucket;
mod catalog;
mod inspector;
mod moment;
mod recent;
mod replica;
mod roster;
mod telling;

pub use bucket::Bucket;
pub use catalog::{Catalog, Entry, Form};
pub use inspector::Inspector;
#[cfg(feature = "xmlrpc")]
pub(crate) use inspector::{has_noncharacter, is_bad_control};
pub use moment::Moment;
pub use replica::{Files, Gap, Replica};
pub use roster::{Dial, DialOutcome, Ignored, Member, MemberState, Roster, Scope};
pub use telling::{Telling, Update};
