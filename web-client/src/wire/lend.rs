//! Gives the bytes of a file this tab offers to whoever asks, straight from the browser's file: nothing is ever held of it
//! but two slices.
//!
//! While one slice is on its way to the node the next is read. A file that changed on the disk cannot be read any more, and
//! the reader is told so: nobody gets a part of one version and a part of another.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::Uint8Array;
use shared::bridge::{File, Read, Reset, ResetCode, Version};
use shared::limits::CHUNK_BYTES;
use wasm_bindgen_futures::JsFuture;

use super::answer::Answer;
use super::clock::in_time;

/// Files that are read at once; further readers are told to come again.
const READERS: usize = 8;
/// Slices while few read: a browser is four times as fast with them as with pieces …
const LARGE_SLICE: u64 = 4 << 20;
/// … and while many do, for the sake of memory.
const SMALL_SLICE: u64 = 1 << 20;
/// So many are few.
const FEW: usize = 2;
/// How long the browser may take for a slice: a disk that sleeps wakes up in that time.
const SLICE_TIME: Duration = Duration::from_secs(30);

/// A file as it may be read.
pub(crate) struct Lending<'a> {
    /// The browser's file.
    pub(crate) file: web_sys::File,
    /// Which version of it the node was told of.
    pub(crate) version: Version,
    /// How many read at the moment.
    pub(crate) readers: Rc<Cell<usize>>,
    /// Whether it is still offered.
    pub(crate) is_offered: &'a dyn Fn() -> bool,
    /// Is told how many bytes were sent, after each piece.
    pub(crate) sent: &'a dyn Fn(u64),
}

/// Answers a request for it. Tells whether all of the file was sent.
pub(crate) async fn lend(request: &Read, lending: Lending<'_>, mut answer: Answer) -> bool {
    let Lending { file, version, readers, is_offered, sent } = lending;
    let part = match Part::of(request, version) {
        Ok(_) if readers.get() >= READERS => Err(Reset::new(ResetCode::BUSY, "this tab is read by many already")),
        part => part,
    };
    let part = match part {
        Ok(part) => part,
        Err(why) => {
            answer.fail(&why);
            return false;
        }
    };
    let _place = Place::take(readers.clone());
    let header = File::new(version, part.length);
    if answer.reply(header).await.is_err() {
        return false;
    }
    let (mut at, end, mut done) = (part.from, part.from + part.length, 0);
    let mut next = (at < end).then(|| slice(&file, at, end, readers.get()));
    while let Some((length, reading)) = next {
        let bytes = match in_time(SLICE_TIME, reading).await {
            Some(Ok(buffer)) => Uint8Array::new(&buffer),
            Some(Err(_)) => return refuse(answer, ResetCode::CHANGED, "the file was changed or taken away"),
            None => return refuse(answer, ResetCode::LATE, "the disk takes too long"),
        };
        if u64::from(bytes.length()) != length {
            return refuse(answer, ResetCode::CHANGED, "the file was changed");
        }
        at += length;
        next = (at < end).then(|| slice(&file, at, end, readers.get()));
        for begin in (0..bytes.length()).step_by(CHUNK_BYTES) {
            let piece = bytes.subarray(begin, bytes.length().min(begin.saturating_add(CHUNK_BYTES as u32))).to_vec();
            if !is_offered() {
                return refuse(answer, ResetCode::GONE, "the file is not offered any longer");
            }
            if answer.data(&piece).await.is_err() {
                return false;
            }
            done += piece.len() as u64;
            sent(done);
        }
    }
    answer.end();
    part.length == version.size
}

fn refuse(answer: Answer, code: ResetCode, text: &str) -> bool {
    answer.fail(&Reset::new(code, text));
    false
}

/// Begins to read the next slice, however long it is until somebody waits for it. Answers its length, too.
fn slice(file: &web_sys::File, from: u64, end: u64, readers: usize) -> (u64, impl Future<Output = Slice> + use<>) {
    let length = slice_bytes(readers).min(end - from);
    // Exact: no file has 2^53 bytes.
    let slice = file.slice_with_f64_and_f64(from as f64, (from + length) as f64);
    let reading = slice.map(|slice| JsFuture::from(slice.array_buffer()));
    (length, async { reading?.await })
}

type Slice = Result<wasm_bindgen::JsValue, wasm_bindgen::JsValue>;

fn slice_bytes(readers: usize) -> u64 {
    if readers <= FEW { LARGE_SLICE } else { SMALL_SLICE }
}

/// One reader among those that there may be.
struct Place(Rc<Cell<usize>>);

impl Place {
    fn take(readers: Rc<Cell<usize>>) -> Self {
        readers.set(readers.get() + 1);
        Self(readers)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Which part of a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    from: u64,
    length: u64,
}

impl Part {
    fn of(request: &Read, offered: Version) -> Result<Self, Reset> {
        if request.version.is_some_and(|version| version != offered) {
            return Err(Reset::new(ResetCode::CHANGED, "this tab offers another version of the file"));
        }
        let left = offered.size.checked_sub(request.from);
        let left = left.ok_or_else(|| Reset::new(ResetCode::BAD_REQUEST, "the file has no such part"))?;
        Ok(Self { from: request.from, length: request.length.unwrap_or(left).min(left) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENT: Version = Version { size: 10, modified: 3 };

    fn read(from: u64, length: Option<u64>, version: Option<Version>) -> Read {
        Read { peer: None, of: String::new(), path: "a".into(), from, length, version, reader: None, aside: None }
    }

    fn part(from: u64, length: Option<u64>) -> Result<Part, ResetCode> {
        Part::of(&read(from, length, None), LENT).map_err(|why| why.code)
    }

    #[test]
    fn a_part_ends_with_the_file() {
        assert_eq!(part(0, None), Ok(Part { from: 0, length: 10 }));
        assert_eq!(part(4, Some(3)), Ok(Part { from: 4, length: 3 }));
        assert_eq!(part(4, Some(u64::MAX)), Ok(Part { from: 4, length: 6 }));
        assert_eq!(part(10, None), Ok(Part { from: 10, length: 0 }));
        assert_eq!(part(11, Some(0)), Err(ResetCode::BAD_REQUEST));
        assert_eq!(part(u64::MAX, None), Err(ResetCode::BAD_REQUEST));
    }

    #[test]
    fn another_version_is_refused() {
        assert!(Part::of(&read(0, None, Some(LENT)), LENT).is_ok());
        let other = Version { size: 10, modified: 4 };
        assert_eq!(Part::of(&read(0, None, Some(other)), LENT).unwrap_err().code, ResetCode::CHANGED);
    }

    #[test]
    fn many_readers_get_small_slices() {
        assert!(slice_bytes(1) > slice_bytes(FEW + 1));
        assert!(2 * slice_bytes(READERS) * READERS as u64 <= 16 << 20);
    }
}
