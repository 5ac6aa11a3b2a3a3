//! Whether what comes is what was promised: the worker takes it in beside the session, proves each piece of a mebibyte, and
//! keeps those that are right until somebody wants them as a Blob.

use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, Uint8Array};
use shared::ContentId;
use shared::bridge::Aside;
use wasm_bindgen::JsCast;
use web_sys::Blob;

use super::clock::in_time;
use super::hired::WorkerHandle;

/// How long the worker may take for an answer: a few milliseconds, on a machine that has nothing else to do.
const CHECK_TIME: Duration = Duration::from_secs(30);

/// What the pieces of one content must be, as the worker remembers it.
pub(crate) struct Proof {
    worker: Rc<WorkerHandle>,
    key: u32,
    size: u64,
}

/// Why not all of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unproved {
    /// Something else came.
    Wrong,
    /// Nothing more came, or nothing that whoever was asked sealed.
    BrokenOff,
    /// There is no worker any more that could tell.
    Unknown,
}

impl Proof {
    /// Of a content of so many bytes, by what a holder said proves its pieces. None where that does not lead to the content.
    pub(crate) async fn of(worker: Rc<WorkerHandle>, content: ContentId, size: u64, values: &[u8]) -> Option<Self> {
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
        self.bytes("kept").await
    }

    /// The same, and nothing more comes.
    ///
    /// # Errors
    /// [`Unproved::Unknown`].
    pub(crate) async fn pause(&self) -> Result<u64, Unproved> {
        self.bytes("pause").await
    }

    async fn bytes(&self, job: &str) -> Result<u64, Unproved> {
        let bytes = in_time(CHECK_TIME, self.worker.job(job, &Array::of1(&self.key.into()), &Array::new())).await;
        // Exact: no file has 2^53 bytes.
        bytes.flatten().and_then(|bytes| bytes.as_f64()).map(|bytes| bytes as u64).ok_or(Unproved::Unknown)
    }

    /// Has the worker fetch what comes beside the session, beginning at once with what is not kept, and keep each piece that
    /// is right. It stops with the first that is not.
    ///
    /// # Errors
    /// See [`Unproved`].
    pub(crate) fn receive(&self, aside: &Aside) -> impl Future<Output = Result<(), Unproved>> + use<> {
        let key = Uint8Array::from(aside.key().as_slice());
        let needs = Array::of3(&self.key.into(), &aside.path().into(), &key);
        let job = self.worker.job("receive", &needs, &Array::of1(&key.buffer()));
        let worker = Rc::clone(&self.worker);
        async move {
            match job.await.and_then(|is_right| is_right.as_bool()) {
                Some(true) => Ok(()),
                Some(false) => Err(Unproved::Wrong),
                None if worker.is_broken() => Err(Unproved::Unknown),
                None => Err(Unproved::BrokenOff),
            }
        }
    }

    /// All that was kept.
    ///
    /// # Errors
    /// [`Unproved::Unknown`].
    pub(crate) async fn gather(&self) -> Result<Blob, Unproved> {
        let job = self.worker.job("gather", &Array::of1(&self.key.into()), &Array::new());
        let blob = in_time(CHECK_TIME, job).await.flatten();
        let blob = blob.and_then(|blob| blob.dyn_into::<Blob>().ok());
        blob.filter(|blob| blob.size() == self.size as f64).ok_or(Unproved::Unknown)
    }
}

impl Drop for Proof {
    fn drop(&mut self) {
        self.worker.begin("forget", &Array::of1(&self.key.into()));
    }
}
