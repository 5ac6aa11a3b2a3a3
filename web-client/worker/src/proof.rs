//! What is saved, taken in and proved piece by piece.

use shared::ContentId;
use shared::bridge::{Arriving, Kind, Record};
use shared::transfer::{Outline, PIECE_BYTES, PieceHashing, Value};

/// What the pieces of one file must be, and how far it is.
#[derive(Debug)]
pub(crate) struct Saving {
    outline: Outline,
    /// Bytes that are proved, from the beginning on.
    proved: u64,
    /// Those of them that were not given away yet, and behind them the piece that comes in.
    bytes: Vec<u8>,
    /// How many were given away.
    given: u64,
}

impl Saving {
    /// Of an id with the values behind it, for a file of so many bytes; none where they do not lead to the id. A file of no
    /// bytes is proved by that: there will be no piece to look at.
    pub(crate) fn of(content: &[u8], size: u64) -> Option<Self> {
        let (id, values) = content.split_at_checked(size_of::<Value>())?;
        let (values, rest) = values.as_chunks();
        let outline = Outline::new(ContentId::from_slice(id)?, size, values.to_vec());
        let is_proof = |outline: &Outline| rest.is_empty() && (outline.size() > 0 || outline.proves(0, &[]));
        outline.ok().filter(is_proof).map(|outline| Self { outline, proved: 0, bytes: Vec::new(), given: 0 })
    }

    pub(crate) fn proved(&self) -> u64 {
        self.proved
    }

    /// What is proved and was not given away yet.
    pub(crate) fn waiting(&self) -> &[u8] {
        let length = usize::try_from(self.proved - self.given).unwrap_or_default();
        self.bytes.get(..length).unwrap_or_default()
    }

    /// All that is proved was given away.
    pub(crate) fn given(&mut self) {
        self.bytes.drain(..self.waiting().len());
        self.given = self.proved;
    }

    /// Length of the piece behind what is proved; 0 where there is none.
    fn next_piece(&self) -> usize {
        (self.outline.size() - self.proved).min(PIECE_BYTES as u64) as usize
    }

    fn is_proved(&self) -> bool {
        self.proved == self.outline.size()
    }
}

/// Why nothing more is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// All came, and all was right.
    Whole,
    /// Something came that is not of the file.
    Wrong,
    /// It was not sealed with the key, or it ended too soon.
    Broken,
}

/// What one holder sends of a file, on from what is proved.
#[derive(Debug)]
pub(crate) struct Stream {
    arriving: Arriving,
    /// Bytes that came of the piece behind what is proved.
    came: usize,
    hashing: PieceHashing,
    /// The record at hand, and how much of it was taken in.
    record: Option<(Record, usize)>,
}

impl Stream {
    pub(crate) fn new(saving: &mut Saving, key: [u8; 32]) -> Self {
        saving.bytes.truncate(saving.waiting().len());
        let hashing = PieceHashing::new(saving.proved / PIECE_BYTES as u64);
        Self { arriving: Arriving::new(key), came: 0, hashing, record: None }
    }

    /// Where the next bytes of the body belong: at least one, once [`Stream::next`] has nothing more to give.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.arriving.room()
    }

    /// So many were put there.
    pub(crate) fn filled(&mut self, saving: &Saving, count: usize) -> Result<(), Stop> {
        match self.arriving.filled(count).map_err(|_| Stop::Broken)? {
            None => Ok(()),
            Some(record) if record.kind == Kind::DATA => {
                self.record = Some((record, 0));
                Ok(())
            }
            Some(_) if saving.is_proved() => Err(Stop::Whole),
            Some(_) => Err(Stop::Broken),
        }
    }

    /// Takes in what came; true where a piece is whole, and proved, so that there may be more.
    pub(crate) fn next(&mut self, saving: &mut Saving) -> Result<bool, Stop> {
        let Some((record, taken)) = &mut self.record else { return Ok(false) };
        let rest = record.payload().get(*taken..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        let length = saving.next_piece();
        let bytes = rest.get(..rest.len().min(length - self.came)).unwrap_or_default();
        if bytes.is_empty() {
            // Longer than the file.
            return Err(Stop::Wrong);
        }
        self.hashing.push(bytes);
        saving.bytes.extend_from_slice(bytes);
        self.came += bytes.len();
        *taken += bytes.len();
        if self.came < length {
            return Ok(false);
        }
        if !saving.outline.proves_hashed(&self.hashing) {
            return Err(Stop::Wrong);
        }
        saving.proved += length as u64;
        self.came = 0;
        self.hashing = PieceHashing::new(saving.proved / PIECE_BYTES as u64);
        Ok(true)
    }
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
