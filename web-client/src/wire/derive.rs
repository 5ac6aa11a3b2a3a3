//! From the password to the handshake's secret, in a worker: it takes up to 150 ms, and the page must not freeze.
//!
//! The worker gets the password as bytes, not as a text, so that both sides can wipe them. It is hired for this alone: it
//! takes 19 MiB, which it gives back when it is dismissed.

use js_sys::{JsString, Uint8Array};
use shared::bridge::Secret;
use wasm_bindgen::JsCast;
use zeroize::Zeroizing;

use super::hired::once;

/// Why there is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeriveError {
    /// There are not 19 MiB to be had.
    Memory,
    /// The browser gives no worker, or not what it runs.
    NoWorker,
}

/// The secret of `password`, whatever form its letters have.
///
/// # Errors
/// See [`DeriveError`].
pub(crate) async fn derive(password: &str) -> Result<Secret, DeriveError> {
    let password = normalized(password);
    let derived = once("derive", password.as_bytes()).await;
    let derived: Uint8Array = derived.and_then(|derived| derived.dyn_into().ok()).ok_or(DeriveError::NoWorker)?;
    let mut secret = Zeroizing::new([0; 32]);
    if derived.length() != 32 {
        return Err(DeriveError::Memory);
    }
    derived.copy_to(&mut *secret);
    derived.fill(0, 0, 32);
    Ok(Secret::from_derived(secret))
}

/// NFC, which is the browser's to know: its tables would double the page.
fn normalized(password: &str) -> Zeroizing<String> {
    Zeroizing::new(String::from(JsString::from(password).normalize("NFC")))
}
