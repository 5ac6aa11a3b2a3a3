//! The headers of a tar archive: ustar, and a pax header before what it cannot say (IEEE 1003.1, pax).

use super::layout::Entry;
use super::text;

/// Everything in a tar comes in blocks of so many bytes.
const BLOCK: usize = 512;
/// Two empty blocks end it.
pub(super) const END: usize = 2 * BLOCK;
/// The longest name that a plain header holds, in bytes.
const NAME: usize = 100;
/// What eleven octal digits can say.
const LARGEST: u64 = (1 << 33) - 1;

/// The header of a file, after a pax header where one is needed.
pub(super) fn head(entry: &Entry) -> Vec<u8> {
    let name = text(&entry.name);
    let is_plain = name.len() <= NAME && name.is_ascii();
    let (size, time) = (entry.size, entry.seconds().unwrap_or_default());
    let said_time = u64::try_from(time).ok().filter(|time| *time <= LARGEST);
    let mut records = Vec::new();
    if !is_plain {
        record(&mut records, "path", entry.name.as_str());
    }
    if size > LARGEST {
        record(&mut records, "size", &size.to_string());
    }
    if said_time.is_none() {
        record(&mut records, "mtime", &time.to_string());
    }
    // For who knows no pax headers.
    let short: Vec<u8> = name.iter().map(|byte| if byte.is_ascii() { *byte } else { b'_' }).collect();
    let short = short.get(..short.len().min(NAME)).unwrap_or_default();
    let mut out = Vec::new();
    if !records.is_empty() {
        out.extend_from_slice(&block(b"PaxHeaders/file", 0o644, records.len() as u64, 0, b'x'));
        records.resize(records.len().next_multiple_of(BLOCK), 0);
        out.extend_from_slice(&records);
    }
    let said_size = if size > LARGEST { 0 } else { size };
    out.extend_from_slice(&block(short, entry.mode(), said_size, said_time.unwrap_or_default(), b'0'));
    out
}

/// What fills the last block of a file, in bytes.
pub(super) fn tail_length(entry: &Entry) -> u64 {
    let block = BLOCK as u64;
    (block - entry.size % block) % block
}

/// A record of a pax header: its own length in bytes counts too.
fn record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + " =\n".len();
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

/// One header of one block.
fn block(name: &[u8], mode: u32, size: u64, time: u64, kind: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(BLOCK);
    out.extend_from_slice(name);
    out.resize(NAME, 0);
    // Permissions; nobody's user and group.
    out.extend_from_slice(format!("{mode:07o}\0{0:07o}\0{0:07o}\0{size:011o}\0{time:011o}\0", 0).as_bytes());
    let sum_at = out.len();
    // The sum is taken with blanks in its own place.
    out.extend_from_slice(b"        ");
    out.push(kind);
    out.resize(257, 0);
    out.extend_from_slice(b"ustar\x0000");
    out.resize(329, 0);
    out.extend_from_slice(b"0000000\x000000000\0");
    out.resize(BLOCK, 0);
    let sum: u32 = out.iter().map(|byte| u32::from(*byte)).sum();
    if let Some(place) = out.get_mut(sum_at..sum_at + 8) {
        place.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    out
}
