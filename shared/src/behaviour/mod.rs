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

/// A name that a listing of 2004 shows.
#[derive(Debug, Clone, Copy)]
pub struct ListedName<'l> {
    /// The name.
    pub text: &'l str,
    /// Whether it is known that XML can carry it as it is, so that nobody needs to look again.
    pub is_plain: bool,
}
