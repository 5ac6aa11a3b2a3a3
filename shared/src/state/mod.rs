//! What a peer knows: which files one peer holds, and which peers there are.

mod bucket;
mod catalog;
mod inspector;
mod moment;
mod roster;

pub use bucket::Bucket;
pub use catalog::{Catalog, Entry, Form};
pub use inspector::Inspector;
#[cfg(feature = "xmlrpc")]
pub(crate) use inspector::{has_noncharacter, is_bad_control};
pub use moment::Moment;
pub use roster::{Dial, DialOutcome, Ignored, Member, MemberState, Roster, Scope};
