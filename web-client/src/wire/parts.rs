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
const BLOB_BYTES: u64 = 8 << 20;
/// How long the address of what is saved is good: the browser has long begun by then.
const ADDRESS_TIME: Duration = Duration::from_secs(60);

/// The beginning of a file.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    blobs: Array,
    fresh: Array,
    fresh_bytes: u64,
    bytes: u64,
}

impl Parts {
    /// Copies the next bytes out of this program's memory.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.fresh.push(&Uint8Array::from(bytes));
        self.bytes += bytes.len() as u64;
        self.fresh_bytes += bytes.len() as u64;
        if self.fresh_bytes >= BLOB_BYTES {
            self.merge();
        }
    }

    fn merge(&mut self) {
        // Fails only where the browser has no room for it; then all of it stays as it is.
        if let Ok(blob) = Blob::new_with_u8_array_sequence(&self.fresh) {
            self.blobs.push(&blob);
            self.fresh = Array::new();
            self.fresh_bytes = 0;
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
