//! The headers of a ZIP archive, by APPNOTE 6.3.10: stored, with the sum behind each file (bit 3).
//!
//! ZIP64 where a number asks for it and nowhere else, since older programs know only the rest.

use std::ops::Range;

use super::layout::Entry;
use super::text;

/// A 4-byte number that says: look into the ZIP64 field.
const IN_64: u32 = u32::MAX;
/// What a number must be below, not to be there.
const LIMIT: u64 = IN_64 as u64;
/// The same for how many files there are.
const LIMIT_OF_FILES: u64 = u16::MAX as u64;
/// Sums and sizes come behind the content; names are UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;
const STORED: u16 = 0;
/// Version 2.0 of the format, which knows folders; 4.5 knows ZIP64.
const VERSION: u16 = 20;
const VERSION_64: u16 = 45;
/// Written on Unix, so that its permissions count, by version 6.3.
const MADE_BY: u16 = 3 << 8 | 63;
/// `S_IFREG`.
const REGULAR: u32 = 0o100_000;

/// Whether a file's sizes are in the ZIP64 field.
fn is_64(entry: &Entry) -> bool {
    entry.size >= LIMIT
}

/// The local header.
pub(super) fn head(entry: &Entry) -> Vec<u8> {
    let is_64 = is_64(entry);
    let mut extra = timestamp(entry);
    if is_64 {
        // Both sizes must be here, and both are zero as bit 3 wants it: that they have eight bytes is what this says.
        field(&mut extra, 0x0001, &[0; 16]);
    }
    let mut out = Vec::with_capacity(30 + text(&entry.name).len() + extra.len());
    out.extend_from_slice(b"PK\x03\x04");
    put16(&mut out, &[if is_64 { VERSION_64 } else { VERSION }, FLAGS, STORED]);
    put16(&mut out, &dos_time(entry));
    let size = if is_64 { IN_64 } else { 0 };
    put32(&mut out, &[0, size, size]);
    name_and_extra(&mut out, entry, &extra);
    out.extend_from_slice(text(&entry.name));
    out.extend_from_slice(&extra);
    out
}

/// The data descriptor, with its customary signature.
pub(super) fn tail(entry: &Entry, sum: u32) -> Vec<u8> {
    let mut out = b"PK\x07\x08".to_vec();
    put32(&mut out, &[sum]);
    for _ in 0..2 {
        if is_64(entry) {
            put64(&mut out, &[entry.size]);
        } else {
            put32(&mut out, &[small(entry.size)]);
        }
    }
    out
}

/// How long that is.
pub(super) fn tail_length(entry: &Entry) -> u64 {
    if is_64(entry) { 24 } else { 16 }
}

/// What the central directory says of a file whose local header is at `start`.
pub(super) fn listed(entry: &Entry, start: u64, sum: u32) -> Vec<u8> {
    let mut extra = timestamp(entry);
    let mut large = Vec::new();
    if is_64(entry) {
        put64(&mut large, &[entry.size, entry.size]);
    }
    if start >= LIMIT {
        put64(&mut large, &[start]);
    }
    if !large.is_empty() {
        field(&mut extra, 0x0001, &large);
    }
    let mut out = Vec::with_capacity(46 + text(&entry.name).len() + extra.len());
    out.extend_from_slice(b"PK\x01\x02");
    put16(&mut out, &[MADE_BY, if large.is_empty() { VERSION } else { VERSION_64 }, FLAGS, STORED]);
    put16(&mut out, &dos_time(entry));
    put32(&mut out, &[sum, small(entry.size), small(entry.size)]);
    name_and_extra(&mut out, entry, &extra);
    // No comment, disk 0, nothing known of text or binary.
    put16(&mut out, &[0, 0, 0]);
    put32(&mut out, &[(REGULAR | entry.mode()) << 16, small(start)]);
    out.extend_from_slice(text(&entry.name));
    out.extend_from_slice(&extra);
    out
}

/// What ends an archive of so many files whose central directory lies there.
pub(super) fn end(count: u64, directory: Range<u64>) -> Vec<u8> {
    let (start, length) = (directory.start, directory.end.saturating_sub(directory.start));
    let mut out = Vec::with_capacity(98);
    if count >= LIMIT_OF_FILES || start >= LIMIT || length >= LIMIT {
        out.extend_from_slice(b"PK\x06\x06");
        // What follows of this record.
        put64(&mut out, &[44]);
        put16(&mut out, &[MADE_BY, VERSION_64]);
        put32(&mut out, &[0, 0]);
        put64(&mut out, &[count, count, length, start]);
        out.extend_from_slice(b"PK\x06\x07");
        put32(&mut out, &[0]);
        put64(&mut out, &[directory.end]);
        put32(&mut out, &[1]);
    }
    out.extend_from_slice(b"PK\x05\x06");
    let files = u16::try_from(count).unwrap_or(u16::MAX);
    put16(&mut out, &[0, 0, files, files]);
    put32(&mut out, &[small(length), small(start)]);
    put16(&mut out, &[0]);
    out
}

fn name_and_extra(out: &mut Vec<u8>, entry: &Entry, extra: &[u8]) {
    // A path has 4,096 bytes at most, and the fields some dozens.
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or_default();
    put16(out, &[length(text(&entry.name)), length(extra)]);
}

/// The extended timestamp, in UTC; none where a second of 32 bits cannot say it.
fn timestamp(entry: &Entry) -> Vec<u8> {
    let mut extra = Vec::new();
    if let Some(seconds) = entry.seconds().and_then(|seconds| i32::try_from(seconds).ok()) {
        let mut said = vec![1];
        said.extend_from_slice(&seconds.to_le_bytes());
        field(&mut extra, 0x5455, &said);
    }
    extra
}

/// Time and date as DOS has them, from 1980 to 2107 and to two seconds. Where the extended timestamp is not understood there is
/// no right time zone; this is UTC.
fn dos_time(entry: &Entry) -> [u16; 2] {
    const EARLIEST: [u16; 2] = [0, 1 << 5 | 1];
    const LATEST: [u16; 2] = [23 << 11 | 59 << 5 | 29, 127 << 9 | 12 << 5 | 31];
    let Some(seconds) = entry.seconds() else { return EARLIEST };
    let Ok(time) = jiff::Timestamp::from_second(seconds) else { return if seconds < 0 { EARLIEST } else { LATEST } };
    let time = jiff::tz::Offset::UTC.to_datetime(time);
    match u16::try_from(time.year()).ok().and_then(|year| year.checked_sub(1980)) {
        None => EARLIEST,
        Some(128..) => LATEST,
        Some(year) => {
            let small = |number: i8| u16::try_from(number).unwrap_or_default();
            [
                small(time.hour()) << 11 | small(time.minute()) << 5 | small(time.second() / 2),
                year << 9 | small(time.month()) << 5 | small(time.day()),
            ]
        }
    }
}

/// An extra field.
fn field(extra: &mut Vec<u8>, id: u16, data: &[u8]) {
    put16(extra, &[id, u16::try_from(data.len()).unwrap_or_default()]);
    extra.extend_from_slice(data);
}

/// A number, or the word that it is in the ZIP64 field.
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(IN_64)
}

fn put16(out: &mut Vec<u8>, numbers: &[u16]) {
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
}

fn put32(out: &mut Vec<u8>, numbers: &[u32]) {
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
}

fn put64(out: &mut Vec<u8>, numbers: &[u64]) {
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
}
