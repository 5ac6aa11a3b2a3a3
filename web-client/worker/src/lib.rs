//! What is too much for the page's own thread: `www/worker.js` does it in a worker, with this program.
//!
//! A program of its own, and not the page's, because nobody needs it before the password is typed, and the page is shown the
//! sooner for each kilobyte that it is not made of. It reads nothing itself and knows neither page nor session.

use shared::transfer::{Outline, Outlining, PIECE_BYTES, Value};
use shared::{ContentId, Password, bridge::Secret};
use wasm_bindgen::prelude::wasm_bindgen;
use zeroize::Zeroizing;

/// The network's name: there is one, as long as nobody needs two behind one node.
const NETWORK: &str = "";

/// The handshake's secret of a password in NFC, in UTF-8; nothing at all if there is not enough memory.
#[must_use]
#[wasm_bindgen]
pub fn derive(password: Vec<u8>) -> Vec<u8> {
    let password = Zeroizing::new(password);
    let Ok(text) = std::str::from_utf8(&password) else { return Vec::new() };
    Secret::derive_from_nfc(&Password::new(text), NETWORK).map(|secret| secret.derived().to_vec()).unwrap_or_default()
}

/// A file that is hashed as it is read, from its beginning to its end.
#[derive(Debug, Default)]
#[wasm_bindgen]
pub struct Hashing(Outlining);

#[wasm_bindgen]
impl Hashing {
    /// Nothing was read yet.
    #[must_use]
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next bytes: whole pieces of a mebibyte, but for the end of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        bytes.chunks(PIECE_BYTES).for_each(|piece| self.0.push(piece));
    }

    /// Its id, 32 bytes, and behind it the values of its outline, 32 bytes for each piece where there are several.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let outline = self.0.finish();
        [outline.id().0.as_slice(), outline.values().as_flattened()].concat()
    }
}

/// What the pieces of one file must be.
#[derive(Debug)]
#[wasm_bindgen]
pub struct Proof(Outline);

#[wasm_bindgen]
impl Proof {
    /// Of an id with the values behind it, as [`Hashing::finish`] gives them, for a file of so many bytes; none where they do
    /// not lead to the id. A file of no bytes is proved by that: there will be no piece to look at.
    #[must_use]
    pub fn of(content: &[u8], size: f64) -> Option<Self> {
        let (id, values) = content.split_at_checked(size_of::<Value>())?;
        let (values, rest) = values.as_chunks();
        // Exact: no file has 2^53 bytes.
        let outline = Outline::new(ContentId::from_slice(id)?, size as u64, values.to_vec());
        let is_proof = |outline: &Outline| rest.is_empty() && (outline.size() > 0 || outline.proves(0, &[]));
        outline.ok().filter(is_proof).map(Self)
    }

    /// Whether these bytes are the piece that begins at this byte.
    #[must_use]
    pub fn proves(&self, at: f64, piece: &[u8]) -> bool {
        let piece_bytes = PIECE_BYTES as u64;
        // Exact: no file has 2^53 bytes.
        let at = at as u64;
        at.is_multiple_of(piece_bytes) && self.0.proves(at / piece_bytes, piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_hashed_proves_its_pieces_and_nothing_else() {
        for size in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES - 3] {
            let bytes: Vec<u8> = (0..size).map(|at| (at / 1000) as u8).collect();
            let mut hashing = Hashing::new();
            bytes.chunks(2 * PIECE_BYTES).for_each(|some| hashing.push(some));
            let content = hashing.finish();
            let pieces = size.div_ceil(PIECE_BYTES);
            assert_eq!(content.len(), 32 * (1 + if pieces > 1 { pieces } else { 0 }), "{size}");
            assert_eq!(content[..32], shared::transfer::Hashing::id_of(&bytes).0);
            let proof = Proof::of(&content, size as f64).unwrap();
            let mut last = vec![];
            for (index, piece) in (0_u32..).zip(bytes.chunks(PIECE_BYTES)) {
                let [at, next] = [index, index + 1].map(|index| f64::from(index) * PIECE_BYTES as f64);
                assert!(proof.proves(at, piece) && !proof.proves(next, piece) && !proof.proves(at + 1.0, piece));
                last = piece.to_vec();
            }
            last.push(0);
            assert!(!proof.proves((pieces.max(1) - 1) as f64 * PIECE_BYTES as f64, &last), "{size}");
        }
    }

    #[test]
    fn what_leads_to_no_id_is_no_proof() {
        let mut hashing = Hashing::new();
        hashing.push(&vec![7; 3 * PIECE_BYTES]);
        let content = hashing.finish();
        let size = (3 * PIECE_BYTES) as f64;
        assert!(Proof::of(&content, size).is_some());
        let mut flipped = content.clone();
        flipped[40] ^= 1;
        let bad: [(&[u8], f64); 8] = [
            (&[7; 32], 0.0),
            (&flipped, size),
            (&content[..content.len() - 1], size),
            (&content[..content.len() - 32], size),
            (&content, size + PIECE_BYTES as f64),
            (&content, f64::NAN),
            (&content, -1.0),
            (&[], 0.0),
        ];
        for (content, size) in bad {
            assert!(Proof::of(content, size).is_none(), "{} bytes for {size}", content.len());
        }
    }
}
