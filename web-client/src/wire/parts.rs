//! What is being saved over the session: the browser's Blobs, not this program's memory, which never shrinks.
//!
//! A Blob of a few mebibytes may go to the disk at the browser's wish. Above 256 MiB in all Chromium was seen to lose a
//! file without a word; who collects keeps below that.

use std::time::Duration;

use gloo::utils::document;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

use super::clock::sleep;

/// Records are merged into Blobs of this size: fewer, and not all of it in the tab's memory.
const BLOB_BYTES: u32 = 8 << 20;
/// How long the address of what is saved is good: the browser has long begun by then.
const ADDRESS_TIME: Duration = Duration::from_secs(60);

/// The beginning of a file.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    blobs: Array,
    /// What is not in a Blob yet. One piece of memory for all, because a fresh one for each record costs more than the copy.
    fresh: Option<Uint8Array>,
    fresh_bytes: u32,
    bytes: u64,
}

impl Parts {
    /// Copies the next bytes out of this program's memory.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let length = bytes.len() as u32;
        // A file of one record needs no further memory, and no record is as large as that.
        if self.bytes == 0 || length > BLOB_BYTES {
            self.keep(&Uint8Array::from(bytes));
        } else {
            self.room(length).copy_from(bytes);
        }
        self.bytes += u64::from(length);
    }

    /// Takes the next bytes as they are.
    pub(crate) fn push_blob(&mut self, blob: &Blob) {
        self.merge();
        self.blobs.push(blob);
        self.bytes += blob.size() as u64;
    }

    /// Room for so many bytes behind those that are not in a Blob yet.
    fn room(&mut self, length: u32) -> Uint8Array {
        if self.fresh_bytes + length > BLOB_BYTES {
            self.merge();
        }
        let fresh = self.fresh.get_or_insert_with(|| Uint8Array::new_with_length(BLOB_BYTES));
        self.fresh_bytes += length;
        fresh.subarray(self.fresh_bytes - length, self.fresh_bytes)
    }

    fn merge(&mut self) {
        if let Some(fresh) = self.fresh.take_if(|_| self.fresh_bytes > 0) {
            self.keep(&fresh.subarray(0, self.fresh_bytes));
            self.fresh = Some(fresh);
        }
        self.fresh_bytes = 0;
    }

    /// Puts bytes into a Blob. Where the browser has no room for one, it is missed at the end: see [`Parts::blob`].
    fn keep(&mut self, bytes: &Uint8Array) {
        if let Ok(blob) = Blob::new_with_u8_array_sequence(&Array::of1(bytes)) {
            self.blobs.push(&blob);
        }
    }

    /// How many bytes there are.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All of it as one Blob of this media type.
    pub(crate) fn blob(mut self, media_type: &str) -> Option<Blob> {
        self.merge();
        let options = BlobPropertyBag::new();
        options.set_type(media_type);
        Blob::new_with_blob_sequence_and_options(&self.blobs, &options)
            .ok()
            .filter(|blob| blob.size() == self.bytes as f64)
    }

    /// Saves all of it under a name, as a download.
    pub(crate) fn save(self, name: &str) -> Option<()> {
        // Of no type that the browser would rather show.
        let address = addressed(&self.blob("application/octet-stream")?)?;
        let saved = save_by_link(&address, name);
        spawn_local(async move {
            sleep(ADDRESS_TIME).await;
            let _revoked = Url::revoke_object_url(&address);
        });
        saved
    }
}

/// An address at which this page has a Blob, until it is revoked.
pub(crate) fn addressed(blob: &Blob) -> Option<String> {
    Url::create_object_url_with_blob(blob).ok()
}

/// Lets the browser's download manager fetch an address of ours and save it under a name.
pub(crate) fn save_by_link(address: &str, name: &str) -> Option<()> {
    let link: HtmlAnchorElement = document().create_element("a").ok()?.dyn_into().ok()?;
    link.set_href(address);
    link.set_download(name);
    link.click();
    Some(())
}
