//! How a large file comes whole and unharmed: what proves its pieces, and which piece is asked of whom.
//!
//! No bytes are moved here. Whoever reads and writes them feeds an [`Outline`] and a [`Plan`] and does what they say.

mod outline;
mod partial;
mod plan;

pub use outline::{
    Hashing, MOST_PIECES, Outline, OutlineError, Outlining, PIECE_BYTES, PieceHashing, Value, pieces_of,
};
pub use plan::{HolderNumber, Next, Plan, Run, RunNumber};
