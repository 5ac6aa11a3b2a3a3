//! A text as a QR code, drawn by a worker: who draws them is 10 KB that the page need not be made of.

use std::time::Duration;

use js_sys::{Array, Uint8Array};
use zeroize::Zeroizing;

use super::clock::in_time;
use super::hired::Hired;

/// How long a worker may take, its start included.
const WORKER_TIME: Duration = Duration::from_secs(20);

/// The box of an SVG and, on the next line, the path of what is dark in it; none where there is no worker, or it is too long.
pub(crate) async fn code_of(text: &str) -> Option<Zeroizing<String>> {
    let worker = Hired::new()?;
    let bytes = Uint8Array::from(text.as_bytes());
    let (needs, given) = (Array::of1(&bytes), Array::of1(&bytes.buffer()));
    let code = in_time(WORKER_TIME, worker.job("code", &needs, &given)).await.flatten();
    code.and_then(|code| code.as_string()).map(Zeroizing::new)
}
