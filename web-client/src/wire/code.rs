//! A text as a QR code, drawn by a worker: who draws them is 10 KB that the page need not be made of.

use super::hired::once;

/// The box of an SVG and, on the next line, the path of what is dark in it; none where there is no worker, or it is too long.
pub(crate) async fn code_of(text: &str) -> Option<String> {
    once("code", text.as_bytes()).await?.as_string()
}
