//! What a peer knows: which files one peer holds, and which peers there are.

mod catalog;
mod moment;

pub use catalog::{Catalog, Entry, Form};
pub use moment::Moment;
