//! Whether what comes is what was promised: pieces of a mebibyte, collected here and proved by the worker, which keeps those
//! that are right until somebody wants them as a Blob.

use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, Uint8Array};
use shared::ContentId;
use shared::limits::PROVED_BYTES;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Blob;

use super::clock::in_time;
use super::hired::Hired;
use super::replies::ReplyError;

/// How long the worker may take for a piece: a few milliseconds, on a machine that has nothing else to do.
const CHECK_TIME: Duration = Duration::from_secs(30);

/// What the pieces of one content must be, as the worker remembers it.
pub(crate) struct Proof {
    worker: Rc<Hired>,
    key: u32,
    size: u64,
}

/// Why a piece is not to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unproved {
    /// It is something else.
    Wrong,
    /// There is no worker any more that could tell.
    Unknown,
}

impl Proof {
    /// Of a content of so many bytes, by what a holder said proves its pieces. None where that does not lead to the content.
    pub(crate) async fn of(worker: Rc<Hired>, content: ContentId, size: u64, values: &[u8]) -> Option<Self> {
        let proof = Self { key: worker.number(), worker, size };
        let content = Uint8Array::from([content.0.as_slice(), values].concat().as_slice());
        let needs = Array::of3(&proof.key.into(), &content, &(size as f64).into());
        let is_proof = in_time(CHECK_TIME, proof.worker.job("prove", &needs, &Array::new())).await.flatten()?;
        is_proof.as_bool().filter(|is_proof| *is_proof).map(|_| proof)
    }

    /// How long the content is.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes were right, from the beginning on.
    ///
    /// # Errors
    /// [`Unproved::Unknown`].
    pub(crate) async fn kept(&self) -> Result<u64, Unproved> {
        kept(self.worker.job("kept", &Array::of1(&self.key.into()), &Array::new())).await
    }

    /// Has a whole piece looked at, beginning at once, and kept if it is right and the next. Answers how many bytes that makes.
    ///
    /// # Errors
    /// See [`Unproved`].
    pub(crate) fn check(&self, piece: &Piece) -> impl Future<Output = Result<u64, Unproved>> + use<> {
        let needs = Array::of3(&self.key.into(), &(piece.begin as f64).into(), &piece.bytes);
        kept(self.worker.job("check", &needs, &Array::of1(&piece.bytes.buffer())))
    }

    /// All that was kept.
    ///
    /// # Errors
    /// [`Unproved::Unknown`].
    pub(crate) async fn gather(&self) -> Result<Blob, Unproved> {
        let job = self.worker.job("gather", &Array::of1(&self.key.into()), &Array::new());
        let blob = in_time(CHECK_TIME, job).await.flatten();
        blob.and_then(|blob| blob.dyn_into().ok()).ok_or(Unproved::Unknown)
    }
}

async fn kept(job: impl Future<Output = Option<JsValue>>) -> Result<u64, Unproved> {
    let kept = in_time(CHECK_TIME, job).await.flatten().ok_or(Unproved::Unknown)?;
    // Exact: no file has 2^53 bytes.
    kept.as_f64().map(|bytes| bytes as u64).ok_or(Unproved::Wrong)
}

impl Drop for Proof {
    fn drop(&mut self) {
        self.worker.begin("forget", &Array::of1(&self.key.into()));
    }
}

/// A piece that is being collected, in the browser's memory: this program's never shrinks.
pub(crate) struct Piece {
    begin: u64,
    bytes: Uint8Array,
    filled: u32,
}

impl Piece {
    /// The piece that begins at this byte of a file of `size` bytes; of no bytes where that is its end.
    pub(crate) fn at(begin: u64, size: u64) -> Self {
        let length = size.saturating_sub(begin).min(PROVED_BYTES as u64) as u32;
        Self { begin, bytes: Uint8Array::new_with_length(length), filled: 0 }
    }

    /// Where the next one begins.
    pub(crate) fn end(&self) -> u64 {
        self.begin + u64::from(self.filled)
    }

    /// Whether there are none any more: it lies behind the end.
    pub(crate) fn is_none(&self) -> bool {
        self.bytes.length() == 0
    }

    /// Takes as many of these bytes as there is room for, and gives the others back.
    ///
    /// # Errors
    /// [`ReplyError::Strange`] where there is room for none: the file has no more.
    pub(crate) fn take<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], ReplyError> {
        let room = self.bytes.length() - self.filled;
        let (taken, rest) = bytes.split_at_checked(room as usize).unwrap_or((bytes, &[]));
        if taken.is_empty() {
            return Err(ReplyError::Strange);
        }
        let end = self.filled + taken.len() as u32;
        self.bytes.subarray(self.filled, end).copy_from(taken);
        self.filled = end;
        Ok(rest)
    }

    /// Whether there is room for nothing more.
    pub(crate) fn is_whole(&self) -> bool {
        self.filled == self.bytes.length()
    }
}
