//! What a peer does: the one function of 2004, as data in and data out.

mod call;
mod fault;

pub use call::Call;
pub use fault::Fault;
