//! What a peer does: the one function of 2004, as data in and data out.

mod call;
mod fault;
mod host;
#[cfg(feature = "pattern")]
mod listing;

pub use call::Call;
pub use fault::Fault;
pub use host::{Answer, Caller, Host};
#[cfg(feature = "pattern")]
pub use listing::{Listing, Part};
