//! What multicast DNS tells us of nodes, by way of the crate `mdns-sd`, within bounds.
//!
//! Anybody on the network can have it keep records, for as long as they say and as many as they say; it has no bound of its own.
//! So it is looked at once a second, and given up where it keeps more than any honest network has.

use std::time::Duration;

use mdns_sd::{Error, Receiver, Result, ServiceDaemon, ServiceEvent};
use tokio::time::{Instant, timeout, timeout_at};

use super::SERVICE;

/// How often it is looked how much is kept.
const LOOK: Duration = Duration::from_secs(1);
/// How long that may take; who is flooded has no time to say so.
const ANSWER: Duration = Duration::from_secs(3);
/// Most records that are kept: a few for each device of a large network.
const RECORDS: i64 = 8_192;

/// Nodes as they come and go.
pub(super) struct Browse<'a> {
    daemon: &'a ServiceDaemon,
    events: Receiver<ServiceEvent>,
    looked: Instant,
}

impl<'a> Browse<'a> {
    pub(super) fn new(daemon: &'a ServiceDaemon) -> Result<Self> {
        Ok(Self { daemon, events: daemon.browse(SERVICE)?, looked: Instant::now() })
    }

    /// What happened next. Where this is dropped nothing is lost.
    ///
    /// # Errors
    /// The daemon has ended, or dropped us because more happens than we keep up with, or keeps too much.
    pub(super) async fn next(&mut self) -> Result<ServiceEvent> {
        loop {
            if self.looked.elapsed() >= LOOK {
                self.look().await?;
                self.looked = Instant::now();
            }
            if let Ok(event) = timeout_at(self.looked + LOOK, self.events.recv_async()).await {
                return event.map_err(|_| said("more is announced than can be looked at"));
            }
        }
    }

    async fn look(&self) -> Result<()> {
        let metrics = match self.daemon.get_metrics() {
            Ok(metrics) => metrics,
            // Its queue of commands is full at the moment.
            Err(Error::Again) => return Ok(()),
            Err(error) => return Err(error),
        };
        let metrics = timeout(ANSWER, metrics.recv_async()).await.map_err(|_| said("it is too busy"))?;
        let metrics = metrics.map_err(|_| said("its thread has ended"))?;
        let kept: i64 = metrics.iter().filter(|(name, _)| name.starts_with("cached-")).map(|(_, count)| count).sum();
        if kept > RECORDS { Err(said("more is announced than an honest network has")) } else { Ok(()) }
    }
}

fn said(why: &str) -> Error {
    Error::Msg(format!("multicast DNS is given up: {why}"))
}
