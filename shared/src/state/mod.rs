//! What a peer knows: which files one peer holds, and which peers there are.

mod bucket;
mod catalog;
pub(crate) mod dice;
mod inspector;
mod moment;
mod replica;
mod roster;
mod telling;

pub use bucket::Bucket;
#[cfg(feature = "pattern")]
pub(crate) use catalog::Block;
pub use catalog::{Catalog, Entry, Form};
pub(crate) use inspector::is_escaped;
pub use inspector::{Inspector, is_xml_text};
pub use moment::Moment;
pub use replica::{Gap, Replica};
pub use roster::{Dial, DialOutcome, Member, MemberState, Roster, Scope};
pub use telling::{Telling, Update};
