//! What everybody shares, as far as one search has found it: rows, their order, a filter and a selection.
//!
//! It is plain data and plain work, cut into slices by `Results::work`; who asks whom is the transport's.

mod found;
mod kind;
mod merge;
mod naming;
mod order;
mod results;
mod selection;

pub use found::{Found, Offer, Source};
pub use kind::{Kind, extension};
pub(crate) use merge::sort;
pub(crate) use naming::compare as naming;
pub use order::{Column, Sort};
pub use results::Results;
pub use selection::Selection;

#[cfg(test)]
pub(crate) use found::Added;
pub use results::Step;

/// Most rows of one search. Above it a person searches more narrowly; a browser's longest list is not much longer.
pub const MOST_ROWS: usize = 200_000;
/// Most copies that are folded into these rows.
pub const MOST_COPIES: usize = 400_000;
/// Most bytes of all their paths.
pub const MOST_TEXT: usize = 64 << 20;
