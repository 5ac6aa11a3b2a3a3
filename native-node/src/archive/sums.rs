//! The CRC-32 of files, as far as their bytes have passed by: what a ZIP says behind each of them.
//!
//! A download that is gone on with in the middle needs the sums of all that came before. They are remembered, four bytes and a
//! length for each file, so that only what nobody has seen yet is read for its sum.

use std::sync::{Mutex, MutexGuard};

use crate::lock::LockExt;

/// The sums of one archive's files, for as long as it can be had.
#[derive(Debug)]
pub(super) struct Sums(Mutex<Vec<Sum>>);

/// The sum of the beginning of a file.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    /// Up to which byte.
    upto: u64,
    crc: u32,
}

impl Sums {
    pub(super) fn new(count: usize) -> Self {
        Self(Mutex::new(vec![Sum::default(); count]))
    }

    /// Bytes of a file that passed by, from `at` on. What does not follow what was seen before is of no use.
    pub(super) fn push(&self, file: usize, at: u64, bytes: &[u8]) {
        let mut sums = self.lock();
        let Some(sum) = sums.get_mut(file) else { return };
        let seen = sum.upto.checked_sub(at).and_then(|seen| usize::try_from(seen).ok());
        let Some(fresh @ [_, ..]) = seen.and_then(|seen| bytes.get(seen..)) else { return };
        let mut hasher = crc32fast::Hasher::new_with_initial(sum.crc);
        hasher.update(fresh);
        *sum = Sum { upto: sum.upto.saturating_add(fresh.len() as u64), crc: hasher.finalize() };
    }

    /// The sum of a whole file of `size` bytes; else up to which byte it is known.
    pub(super) fn of(&self, file: usize, size: u64) -> Result<u32, u64> {
        let sum = self.lock().get(file).copied().unwrap_or_default();
        if sum.upto == size { Ok(sum.crc) } else { Err(sum.upto) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Sum>> {
        self.0.locked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_any_order_come_to_the_sum_of_the_whole() {
        let sums = Sums::new(2);
        assert_eq!(sums.of(0, 0), Ok(0));
        for (at, bytes) in [(0, &b"1234"[..]), (6, b"789"), (2, b"34567"), (0, b"12"), (4, b"56789")] {
            sums.push(0, at, bytes);
        }
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(sums.of(0, 9), Ok(0xCBF4_3926));
        assert_eq!(sums.of(0, 10), Err(9));
        assert_eq!(sums.of(1, 9), Err(0));
    }
}
