//! Files on their way to the person's disk.

use shared::{ContentId, PeerUrl};

use crate::model::{Reason, Way};
use crate::pool::Source;

/// All of them, oldest first.
#[derive(Debug, Default)]
pub struct Saves {
    /// Those of this tab's life that were not cleared away.
    pub list: Vec<Save>,
    pub(crate) last_id: u32,
}

/// One file being saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Save {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// How large it is, if known.
    pub size: Option<u64>,
    /// What it holds, if known.
    pub content: Option<ContentId>,
    /// Where it can be had; of a zip, where each of its files can.
    pub sources: Vec<Source>,
    /// Who sent something else.
    pub given_up: Vec<PeerUrl>,
    /// Whether all of it was proved to be what was promised, once it is saved.
    pub is_verified: bool,
    /// How it gets to the disk.
    pub way: Way,
    /// How far it is.
    pub state: Saving,
    /// Bytes that have arrived.
    pub bytes: u64,
    /// Bytes per second, of late.
    pub speed: f64,
    pub(crate) measured_at: f64,
    pub(crate) measured_bytes: u64,
}

/// How far a save is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saving {
    /// Others come first, or there is no session.
    Waiting,
    /// Bytes arrive.
    Running,
    /// The browser's download manager has it, and tells us nothing more.
    HandedOver,
    /// It is saved.
    Done,
    /// It could not be saved; why.
    Failed(Reason),
    /// The person did not want it after all.
    Cancelled,
}

impl Save {
    /// How much of it is here, in thousandths, if that is known.
    #[must_use]
    pub fn thousandths(&self) -> Option<u32> {
        let size = self.size.filter(|size| *size > 0)?;
        Some((self.bytes.min(size) as f64 * 1000.0 / size as f64) as u32)
    }

    /// Seconds that are left at this speed, if both are known.
    #[must_use]
    pub fn seconds_left(&self) -> Option<u64> {
        let left = self.size?.checked_sub(self.bytes)?;
        (self.speed >= 1.0).then(|| (left as f64 / self.speed).min(1e9) as u64 + 1)
    }

    /// Takes in how many bytes have arrived by now.
    pub(crate) fn measure(&mut self, now: f64, bytes: u64) {
        let elapsed = now - self.measured_at;
        // Shorter spans say more of buffers than of the network.
        if elapsed >= 500.0 {
            let fresh = bytes.saturating_sub(self.measured_bytes) as f64 * 1000.0 / elapsed;
            self.speed = if self.speed == 0.0 { fresh } else { self.speed * 0.6 + fresh * 0.4 };
            (self.measured_at, self.measured_bytes) = (now, bytes);
        }
        self.bytes = bytes;
    }
}
