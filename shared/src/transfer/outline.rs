//! The outline of a file: what proves each of its pieces by itself, and is proved by the file's [`ContentId`].
//!
//! BLAKE3 is a tree over chunks of 1 KiB. A piece of 1 MiB is a whole subtree of it, so 32 bytes for each piece, its
//! chaining value, are enough to compute the root from and to check the piece against: 0.003 % of the file, from the same
//! hash that `b3sum` prints. The paper's section 2.1 has the tree's shape.

use blake3::Hasher;
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::{ContentId, limits};

/// Length of every piece but the last, in bytes.
pub const PIECE_BYTES: usize = limits::PIECE_BYTES;
/// Most pieces of a file that gets an id: 1 TiB, whose outline is 32 MiB, which a peer may make us hold.
pub const MOST_PIECES: usize = 1 << 20;

/// What proves one piece of several: the chaining value of its subtree.
pub type Value = [u8; 32];

/// How many pieces a file of `size` bytes has: at least one.
#[must_use]
pub fn pieces_of(size: u64) -> u64 {
    size.div_ceil(PIECE_BYTES as u64).max(1)
}

/// One piece that is hashed as it comes, for [`Outline::proves_hashed`].
#[derive(Debug)]
pub struct PieceHashing {
    hasher: Hasher,
    index: u64,
    bytes: u64,
}

impl PieceHashing {
    /// Nothing of the piece `index` yet.
    #[must_use]
    pub fn new(index: u64) -> Self {
        let mut hasher = Hasher::new();
        // What overflows is no piece of anything, as will be found.
        hasher.set_input_offset(index.checked_mul(PIECE_BYTES as u64).unwrap_or_default());
        Self { hasher, index, bytes: 0 }
    }

    /// Takes in its next bytes. What is longer than a piece is none.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        // A subtree takes in no more.
        if self.bytes <= PIECE_BYTES as u64 {
            self.hasher.update(bytes);
        }
    }

    /// What it comes to, as a piece of a file with more than one.
    #[must_use]
    pub fn value(&self) -> Value {
        self.hasher.finalize_non_root()
    }
}

/// The id of bytes that come one after the other, where pieces are of no interest.
#[derive(Debug, Default)]
pub struct Hashing(Hasher);

impl Hashing {
    /// Takes in the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The id of all that was taken in.
    #[must_use]
    pub fn id(&self) -> ContentId {
        ContentId(*self.0.finalize().as_bytes())
    }

    /// The id of these bytes.
    #[must_use]
    pub fn id_of(bytes: &[u8]) -> ContentId {
        ContentId(*blake3::hash(bytes).as_bytes())
    }
}

/// Why bytes are no outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the outline is not that of the file")]
pub struct OutlineError;

/// What proves every piece of one content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    id: ContentId,
    size: u64,
    /// One for each piece; none where there is only one, which the id itself proves.
    values: Vec<Value>,
}

impl Outline {
    /// Checks that these values lead to `id`. Where that is of one piece there are none.
    ///
    /// # Errors
    /// [`OutlineError`] if they do not.
    pub fn new(id: ContentId, size: u64, values: Vec<Value>) -> Result<Self, OutlineError> {
        let pieces =
            usize::try_from(pieces_of(size)).ok().filter(|pieces| *pieces <= MOST_PIECES).ok_or(OutlineError)?;
        let fits = match pieces {
            1 => values.is_empty(),
            pieces => values.len() == pieces && root(&values) == Some(id),
        };
        if fits { Ok(Self { id, size, values }) } else { Err(OutlineError) }
    }

    /// The content that this outlines.
    #[must_use]
    pub fn id(&self) -> ContentId {
        self.id
    }

    /// Its length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// One for each piece, in order; none where there is only one piece.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Whether these bytes are the piece `index`.
    #[must_use]
    pub fn proves(&self, index: u64, piece: &[u8]) -> bool {
        let mut hashing = PieceHashing::new(index);
        hashing.push(piece);
        self.proves_hashed(&hashing)
    }

    /// Whether what was hashed is the piece that it was hashed as.
    #[must_use]
    pub fn proves_hashed(&self, piece: &PieceHashing) -> bool {
        let PieceHashing { hasher, index, bytes } = piece;
        let left = self.size.checked_sub(index.saturating_mul(PIECE_BYTES as u64));
        if left.map(|left| left.min(PIECE_BYTES as u64)) != Some(*bytes) {
            return false;
        }
        if self.values.is_empty() {
            return *index == 0 && hasher.finalize().as_bytes() == &self.id.0;
        }
        let value = usize::try_from(*index).ok().and_then(|index| self.values.get(index));
        value.is_some_and(|value| *value == piece.value())
    }
}

/// An outline in the making: whole pieces in, in their order.
#[derive(Debug, Default)]
pub struct Outlining {
    /// The piece it begins with.
    first: u64,
    size: u64,
    values: Vec<Value>,
    /// Of a file of one piece.
    whole: Option<ContentId>,
}

impl Outlining {
    /// A part, which begins with this piece: for [`Outlining::append`].
    #[must_use]
    pub fn from_piece(first: u64) -> Self {
        Self { first, ..Self::default() }
    }

    /// Puts the part to it that begins where this one ends: two can be made at the same time.
    pub fn append(&mut self, next: Self) {
        debug_assert_eq!(next.first, self.first + self.values.len() as u64, "parts in their order");
        self.size = self.size.saturating_add(next.size);
        self.values.extend(next.values);
    }

    /// Takes in the next piece: [`PIECE_BYTES`] of it, or the last of the file, which is empty only where that is.
    pub fn push(&mut self, piece: &[u8]) {
        let index = self.first.saturating_add(self.values.len() as u64);
        let mut hasher = Hasher::new();
        hasher.set_input_offset(index.saturating_mul(PIECE_BYTES as u64)).update(piece);
        if index == 0 {
            self.whole = Some(ContentId(*hasher.finalize().as_bytes()));
        }
        if !piece.is_empty() {
            self.values.push(hasher.finalize_non_root());
        }
        self.size = self.size.saturating_add(piece.len() as u64);
    }

    /// The outline of all that was taken in.
    #[must_use]
    pub fn finish(self) -> Outline {
        let Self { size, values, whole, .. } = self;
        match (root(&values), whole) {
            (Some(id), _) => Outline { id, size, values },
            (None, Some(id)) => Outline { id, size, values: Vec::new() },
            (None, None) => Outline { id: ContentId(*blake3::hash(&[]).as_bytes()), size: 0, values: Vec::new() },
        }
    }
}

/// The root of a tree whose subtrees, of a piece each, have these values; none for fewer than two.
fn root(values: &[Value]) -> Option<ContentId> {
    let (left, right) = split(values)?;
    Some(ContentId(*merge_subtrees_root(&merged(left)?, &merged(right)?, Mode::Hash).as_bytes()))
}

/// The chaining value above these. It goes as deep as a tree of [`MOST_PIECES`] does, 20 levels.
fn merged(values: &[Value]) -> Option<Value> {
    match (values, split(values)) {
        ([one], _) => Some(*one),
        (_, Some((left, right))) => Some(merge_subtrees_non_root(&merged(left)?, &merged(right)?, Mode::Hash)),
        _ => None,
    }
}

/// Left is the largest power of two that leaves something for the right.
fn split(values: &[Value]) -> Option<(&[Value], &[Value])> {
    let half = values.len().checked_add(1)? / 2;
    if values.len() < 2 { None } else { values.split_at_checked(half.next_power_of_two()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    fn outline(bytes: &[u8]) -> Outline {
        let mut outlining = Outlining::default();
        if bytes.is_empty() {
            outlining.push(bytes);
        }
        bytes.chunks(PIECE_BYTES).for_each(|piece| outlining.push(piece));
        outlining.finish()
    }

    fn check(bytes: &[u8]) -> Outline {
        let outline = outline(bytes);
        assert_eq!(&outline.id().0, blake3::hash(bytes).as_bytes(), "{} bytes", bytes.len());
        let again = Outline::new(outline.id(), outline.size(), outline.values().to_vec());
        assert_eq!(again.as_ref(), Ok(&outline));
        for (index, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
            assert!(outline.proves(index as u64, piece));
        }
        for first in 1..bytes.len().div_ceil(PIECE_BYTES) {
            let (before, after) = bytes.split_at(first * PIECE_BYTES);
            let (mut all, mut part) = (Outlining::default(), Outlining::from_piece(first as u64));
            before.chunks(PIECE_BYTES).for_each(|piece| all.push(piece));
            after.chunks(PIECE_BYTES).for_each(|piece| part.push(piece));
            all.append(part);
            assert_eq!(all.finish(), outline, "in two parts, the second from piece {first} on");
        }
        outline
    }

    #[test]
    fn the_id_is_the_hash_of_the_whole_at_every_edge() {
        for pieces in 0..10 {
            for length in [pieces * PIECE_BYTES, pieces * PIECE_BYTES + 1, (pieces + 1) * PIECE_BYTES - 1] {
                check(&bytes(length, 7));
            }
        }
        assert_eq!(Outlining::default().finish(), outline(b""));
    }

    #[test]
    fn a_piece_of_another_place_or_length_is_found_out() {
        let all = bytes(3 * PIECE_BYTES + 5, 9);
        let outline = check(&all);
        assert!(!outline.proves(1, &all[..PIECE_BYTES]));
        assert!(!outline.proves(3, &all[3 * PIECE_BYTES..][..4]));
        assert!(!outline.proves(4, b"") && !outline.proves(u64::MAX, b""));
        for size in [outline.size() - 5, outline.size() + PIECE_BYTES as u64, 0, 1, u64::MAX] {
            assert!(Outline::new(outline.id(), size, outline.values().to_vec()).is_err(), "{size}");
        }
        // Another length of the last piece leads to the same id, and proves no bytes.
        let longer = Outline::new(outline.id(), outline.size() + 1, outline.values().to_vec()).unwrap();
        assert!(!longer.proves(3, &bytes(6, 3)) && !longer.proves(3, &all[3 * PIECE_BYTES..]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_length_and_any_flipped_bit(length in 0_usize..6 << 20, seed: u64, at: usize, bit in 0_u8..8) {
            let mut all = bytes(length, seed);
            let outline = check(&all);
            if length > 0 {
                let at = at % length;
                all[at] ^= 1 << bit;
                let index = at / PIECE_BYTES;
                let piece = all.chunks(PIECE_BYTES).nth(index).unwrap();
                prop_assert!(!outline.proves(index as u64, piece));
            }
            let mut values = outline.values().to_vec();
            if !values.is_empty() {
                let which = at % values.len();
                values[which][at % 32] ^= 1 << bit;
                prop_assert_eq!(Outline::new(outline.id(), outline.size(), values), Err(OutlineError));
            }
        }
    }
}
