//! The body of an answer as it arrives, given up on where the peer lets us wait.
//!
//! It counts what came over the wire, not what it was good for: a peer that drips white space is as slow as any other.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use shared::Printable;

use super::CallError;

/// Each piece of an answer must have come by then.
const PROGRESS: Duration = Duration::from_secs(10);

/// A peer that sends less than [`SLOWEST`] while we waited for so long is given up: it would hold its place for ever.
const WINDOW: Duration = Duration::from_secs(30);
/// Bytes per [`WINDOW`].
const SLOWEST: u64 = 16 << 10;

/// A body under way.
#[derive(Debug)]
pub(super) struct Arriving {
    body: Incoming,
    /// How long we waited in this window; the time that our own disk takes is not the peer's fault.
    waited: Duration,
    came: u64,
}

impl Arriving {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, waited: Duration::ZERO, came: 0 }
    }

    /// The exact length in bytes of what is still to come, where HTTP knows it.
    pub(super) fn length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next bytes; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, CallError> {
        loop {
            let asked = Instant::now();
            let frame = tokio::time::timeout(PROGRESS, self.body.frame()).await.map_err(|_| CallError::Slow)?;
            self.waited += asked.elapsed();
            match frame {
                None => return Ok(None),
                Some(Err(error)) => {
                    return Err(CallError::Broken(Printable::short(&error.to_string(), 200).to_string()));
                }
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.came += data.len() as u64;
                    if self.came >= SLOWEST {
                        (self.waited, self.came) = (Duration::ZERO, 0);
                    } else if self.waited > WINDOW {
                        return Err(CallError::Slow);
                    }
                    return Ok(Some(data));
                }
            }
        }
    }
}
