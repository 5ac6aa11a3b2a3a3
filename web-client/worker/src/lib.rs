//! What is too much for the page's own thread: `www/worker.js` does it in a worker, with this program.
//!
//! A program of its own, and not the page's, because nobody needs it before the password is typed, and the page is shown the
//! sooner for each kilobyte that it is not made of. It reads nothing itself and knows neither page nor session.

mod proof;

use js_sys::Uint8Array;
use qrcodegen::{QrCode, QrCodeEcc};
use shared::transfer::{Outlining, PIECE_BYTES};
use shared::{Password, bridge::Secret};
use wasm_bindgen::prelude::wasm_bindgen;
use zeroize::Zeroizing;

use proof::{Saving, Stop, Stream};

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

/// A text, in UTF-8, as a QR code (ISO/IEC 18004): on a line of its own the box of an SVG that shows it with the light margin it
/// needs, then the path of what is dark in it. Nothing where the text is too long for one.
#[must_use]
#[wasm_bindgen]
pub fn qr(text: Vec<u8>) -> Option<String> {
    const MARGIN: i32 = 4;
    let text = Zeroizing::new(text);
    let code = QrCode::encode_text(std::str::from_utf8(&text).ok()?, QrCodeEcc::Medium).ok()?;
    let side = code.size() + 2 * MARGIN;
    let dark = |(x, y): (i32, i32)| code.get_module(x, y).then(|| format!("M{x} {y}h1v1h-1z"));
    let modules = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
    Some(format!("-{MARGIN} -{MARGIN} {side} {side}\n{}", modules.filter_map(dark).collect::<String>()))
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

/// A file that is saved: what its pieces must be, and what one holder sends of it.
#[derive(Debug)]
#[wasm_bindgen]
pub struct Proof {
    saving: Saving,
    stream: Option<Stream>,
    /// What came last of the body, and how much of it was taken in.
    chunk: Option<(Uint8Array, u32)>,
    stop: Option<Stop>,
}

#[wasm_bindgen]
impl Proof {
    /// Of an id with the values behind it, as [`Hashing::finish`] gives them, for a file of so many bytes; none where they do
    /// not lead to the id.
    #[must_use]
    pub fn of(content: &[u8], size: f64) -> Option<Self> {
        // Exact: no file has 2^53 bytes.
        let saving = Saving::of(content, size as u64)?;
        Some(Self { saving, stream: None, chunk: None, stop: None })
    }

    /// How many bytes are proved, from the beginning on.
    #[must_use]
    pub fn proved(&self) -> f64 {
        self.saving.proved() as f64
    }

    /// From now on another body is taken in, sealed with this key, of 32 bytes, and beginning with what is not proved.
    pub fn begin(&mut self, key: Vec<u8>) {
        let key = Zeroizing::new(key);
        self.chunk = None;
        self.stop = None;
        self.stream = key.first_chunk().map(|key| Stream::new(&mut self.saving, *key));
    }

    /// The next part of the body.
    pub fn give(&mut self, chunk: Uint8Array) {
        self.chunk = Some((chunk, 0));
    }

    /// Takes in what was given of the body; true where that makes a piece whole, and it is proved: there may be more.
    pub fn take(&mut self) -> bool {
        self.stop.is_none()
            && self.take_in().unwrap_or_else(|stop| {
                self.stop = Some(stop);
                false
            })
    }

    /// How many bytes are proved and wait to be taken away, at [`Proof::address`]: only the browser can take them from this
    /// program's memory in one step.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.saving.waiting().len()
    }

    /// Where they begin in this program's memory, until something else is called.
    #[must_use]
    pub fn address(&self) -> *const u8 {
        self.saving.waiting().as_ptr()
    }

    /// They were taken away.
    pub fn given(&mut self) {
        self.saving.given();
    }

    /// Whether nothing more of the body is taken in.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stop.is_some()
    }

    /// How it ended: true where all of it came, and is proved; false where something else came; nothing where it broke off.
    #[must_use]
    pub fn outcome(&self) -> Option<bool> {
        match self.stop {
            Some(Stop::Whole) => Some(true),
            Some(Stop::Wrong) => Some(false),
            Some(Stop::Broken) | None => None,
        }
    }
}

impl Proof {
    fn take_in(&mut self) -> Result<bool, Stop> {
        let stream = self.stream.as_mut().ok_or(Stop::Broken)?;
        loop {
            if stream.next(&mut self.saving)? {
                return Ok(true);
            }
            let Some((chunk, taken)) = self.chunk.as_mut().filter(|(chunk, taken)| *taken < chunk.length()) else {
                return Ok(false);
            };
            let room = stream.room();
            let count = (chunk.length() - *taken).min(room.len() as u32);
            if let Some(room) = room.get_mut(..count as usize) {
                chunk.subarray(*taken, *taken + count).copy_to(room);
            }
            *taken += count;
            stream.filled(&self.saving, count as usize)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::transfer::PIECE_BYTES;

    use super::*;

    #[test]
    fn a_code_has_a_margin_and_the_three_corners_that_a_camera_looks_for() {
        let code = qr(b"http://192.168.1.7:9004/#correct%20horse".to_vec()).unwrap();
        let (bounds, path) = code.split_once('\n').unwrap();
        let side: i32 = bounds.strip_prefix("-4 -4 ").unwrap().split_once(' ').unwrap().0.parse().unwrap();
        assert_eq!(bounds, format!("-4 -4 {side} {side}"));
        let last = side - 8 - 1;
        for (x, y) in [(0, 0), (6, 6), (3, 3), (last, 0), (last - 3, 3), (0, last), (3, last - 3)] {
            assert!(path.contains(&format!("M{x} {y}h1v1h-1z")), "{x} {y}");
        }
        assert!(!path.contains("M1 1h") && !path.contains(&format!("M{last} {last}h1v1h-1zM")));
        assert!(qr(vec![b'x'; 10_000]).is_none() && qr(vec![0xff]).is_none());
    }

    #[test]
    fn what_is_hashed_in_slices_has_the_id_of_the_whole() {
        for size in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES - 3] {
            let bytes: Vec<u8> = (0..size).map(|at| (at / 1000) as u8).collect();
            let mut hashing = Hashing::new();
            bytes.chunks(2 * PIECE_BYTES).for_each(|some| hashing.push(some));
            let content = hashing.finish();
            let pieces = size.div_ceil(PIECE_BYTES);
            assert_eq!(content.len(), 32 * (1 + if pieces > 1 { pieces } else { 0 }), "{size}");
            assert_eq!(content[..32], shared::transfer::Hashing::id_of(&bytes).0);
            assert!(Proof::of(&content, size as f64).is_some());
            for bad in [f64::NAN, -1.0] {
                assert!(size == 0 || Proof::of(&content, bad).is_none());
            }
        }
    }
}
