//! Layouts: any parts come to the whole, the whole is an archive, and large numbers go where ZIP64 wants them.

use proptest::prelude::*;

use super::*;
use crate::archive::sums::Sums;

fn entry(name: &str, size: u64) -> Entry {
    // 2004-12-31 23:59:58.5 UTC.
    Entry { name: SharedPath::parse(name).unwrap(), size, modified: 1_104_537_598_500_000_000, is_executable: false }
}

/// A layout, its files' bytes, and what is known of their sums.
struct Site {
    layout: Layout,
    contents: Vec<Vec<u8>>,
}

impl Site {
    fn new(format: Format, files: &[(&str, &[u8])]) -> Self {
        let entries = files.iter().map(|(name, bytes)| entry(name, bytes.len() as u64)).collect();
        let contents = files.iter().map(|(_, bytes)| bytes.to_vec()).collect();
        Self { layout: Layout::new(format, entries).unwrap(), contents }
    }

    fn part(&self, mut part: Range<u64>) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(Piece { of, part: within }) = self.layout.first(&part) {
            assert!(!within.is_empty());
            part.start += within.end - within.start;
            let within = within.start as usize..within.end as usize;
            let made = match of {
                Stretch::Content(file) => self.contents[file].clone(),
                of => {
                    let sum = self.layout.needs_sum(of).map_or(0, |file| {
                        let sums = Sums::new(file + 1);
                        sums.push(file, 0, &self.contents[file]);
                        sums.of(file, self.contents[file].len() as u64).unwrap()
                    });
                    self.layout.made(of, sum)
                }
            };
            out.extend_from_slice(&made[within]);
        }
        out
    }

    fn whole(&self) -> Vec<u8> {
        self.part(0..self.layout.length())
    }
}

const FILES: [(&str, &[u8]); 5] = [
    ("a.txt", b"text"),
    ("empty", b""),
    ("d/e/\u{1f389} \u{5e9}\u{5dc}.txt", b"0123456789"),
    ("z", &[0; 600]),
    ("last", b""),
];

#[test]
fn a_small_archive_is_these_bytes() {
    let zip = Site::new(Format::Zip, &[("a", b"hi")]).whole();
    let head = "504b0304 1400 0808 0000 7dbf 9f31 00000000 00000000 00000000 0100 0900 61 55540500 01 fee7d541";
    let tail = "504b0708 ac2a93d8 02000000 02000000";
    let listed = "504b0102 3f03 1400 0808 0000 7dbf 9f31 ac2a93d8 02000000 02000000 0100 0900 0000 0000 0000 0000a481 \
                  00000000 61 55540500 01 fee7d541";
    let end = "504b0506 0000 0000 0100 0100 38000000 3a000000 0000";
    let hex: String = zip.iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = [head, "6869", tail, listed, end].concat().replace(' ', "");
    assert_eq!(hex, expected);
    assert_eq!(zip.len() as u64, Site::new(Format::Zip, &[("a", b"hi")]).layout.length());
}

#[test]
fn every_length_is_what_was_announced() {
    for format in [Format::Zip, Format::Tar] {
        for count in 0..=FILES.len() {
            let site = Site::new(format, &FILES[..count]);
            assert_eq!(site.whole().len() as u64, site.layout.length(), "{format:?} of {count}");
        }
    }
    let tar = Site::new(Format::Tar, &FILES);
    assert_eq!(tar.layout.length() % 512, 0);
}

#[test]
fn times_that_cannot_be_said_are_not_said_wrongly() {
    for (modified, dos, extra) in [
        (0, [0, 0x21], 0),
        // 1970 and a nanosecond: before DOS.
        (1, [0, 0x21], 9),
        (-1_000_000_000, [0, 0x21], 9),
        (1_104_537_598_500_000_000, [0xbf7d, 0x319f], 9),
        // 2040: beyond 31 bits of seconds.
        (2_208_988_800_000_000_000, [0, 0x7821], 0),
        (i64::MAX, [0xbf7d, 0xff9f], 0),
        (i64::MIN, [0, 0x21], 0),
    ] {
        let head = zip::head(&Entry { modified, ..entry("a", 1) });
        let number = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        assert_eq!(([number(10), number(12)], number(28)), (dos, extra), "{modified}");
        let tar = tar::head(&Entry { modified, ..entry("a", 1) });
        assert_eq!(tar.len(), if modified < 0 || modified == i64::MAX { 1536 } else { 512 }, "{modified}");
    }
}

/// Numbers of the central directory and of the end of an archive, without a byte of its files.
#[test]
fn large_sizes_and_offsets_go_into_zip64_and_only_these() {
    const FOUR_GIB: u64 = 1 << 32;
    let made = |layout: &Layout, of| layout.made(of, 7);
    // One byte below, and the first that must not be in 32 bits.
    for (size, is_64) in [(FOUR_GIB - 2, false), (FOUR_GIB - 1, true), (FOUR_GIB + 5, true)] {
        let layout = Layout::new(Format::Zip, vec![entry("large", size), entry("after", 1)]).unwrap();
        let (head, tail) = (made(&layout, Stretch::Head(0)), made(&layout, Stretch::Tail(0)));
        let listed = made(&layout, Stretch::Listed(0));
        assert_eq!(head[4..6], if is_64 { [45, 0] } else { [20, 0] });
        assert_eq!(head[18..26], if is_64 { [0xff; 8] } else { [0; 8] });
        assert_eq!(tail.len() as u64, if is_64 { 24 } else { 16 });
        if is_64 {
            let both = [size.to_le_bytes(), size.to_le_bytes()].concat();
            assert_eq!(tail[8..], both);
            assert_eq!(head[head.len() - 20..head.len() - 16], [1, 0, 16, 0]);
            assert_eq!(listed[listed.len() - 20..], [&[1, 0, 16, 0][..], &both].concat());
        } else {
            assert_eq!(tail[8..12], u32::try_from(size).unwrap().to_le_bytes());
        }
        // The second file is small, but begins beyond 4 GiB in any case.
        let (head, listed) = (made(&layout, Stretch::Head(1)), made(&layout, Stretch::Listed(1)));
        assert_eq!(head[4..6], [20, 0]);
        let start = 30 + 5 + 9 + if is_64 { 20 } else { 0 } + size + tail.len() as u64;
        assert_eq!(listed[42..46], [0xff; 4]);
        assert_eq!(listed[listed.len() - 12..], [&[1, 0, 8, 0][..], &start.to_le_bytes()].concat());
        let end = made(&layout, Stretch::End);
        assert_eq!((end.len(), &end[..4]), (56 + 20 + 22, &b"PK\x06\x06"[..]));
        let number = |at: usize| u64::from_le_bytes(end[at..at + 8].try_into().unwrap());
        let directory = start + 30 + 5 + 9 + 1 + 16;
        assert_eq!([number(24), number(32), number(48)], [2, 2, directory]);
        assert_eq!(number(40), layout.length() - 98 - directory);
        // The locator says where that record is.
        assert_eq!((&end[56..60], number(64)), (&b"PK\x06\x07"[..], layout.length() - 98));
        assert_eq!(layout.first(&(size..size + 1)).unwrap().of, Stretch::Content(0));
    }
    let small = Layout::new(Format::Zip, vec![entry("a", FOUR_GIB - 1000)]).unwrap();
    assert_eq!(made(&small, Stretch::End).len(), 22);
}

#[test]
fn more_files_than_sixteen_bits_count_are_counted_in_zip64() {
    for (count, length) in [(65_534, 22), (65_535, 98)] {
        let entries = (0..count).map(|number| entry(&number.to_string(), 0)).collect();
        let end = Layout::new(Format::Zip, entries).unwrap().made(Stretch::End, 0);
        assert_eq!(end.len(), length, "{count}");
    }
}

#[test]
fn what_is_too_long_is_no_archive() {
    for sizes in [&[u64::MAX][..], &[1 << 63], &[1 << 62, 1 << 62], &[u64::MAX - 40, 1]] {
        for format in [Format::Zip, Format::Tar] {
            let entries = sizes.iter().map(|size| entry("a", *size)).collect();
            assert!(Layout::new(format, entries).is_none(), "{sizes:?}");
        }
    }
    assert!(Layout::new(Format::Zip, vec![entry("a", 1 << 62)]).is_some());
}

proptest! {
    #[test]
    fn any_parts_come_to_the_whole(
        sizes in prop::collection::vec(0_usize..1200, 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        is_zip in any::<bool>(),
    ) {
        let names: Vec<String> = (0..sizes.len()).map(|number| format!("{}/\u{e9}{number}", "d".repeat(number * 20 + 1))).collect();
        let contents: Vec<Vec<u8>> = sizes.iter().map(|size| vec![u8::try_from(size % 251).unwrap(); *size]).collect();
        let files: Vec<_> = names.iter().map(String::as_str).zip(contents.iter().map(Vec::as_slice)).collect();
        let site = Site::new(if is_zip { Format::Zip } else { Format::Tar }, &files);
        let whole = site.whole();
        prop_assert_eq!(whole.len() as u64, site.layout.length());
        let mut at: Vec<u64> = cuts.iter().map(|cut| cut.index(whole.len() + 1) as u64).collect();
        at.extend([0, whole.len() as u64]);
        at.sort_unstable();
        let parts: Vec<u8> = at.windows(2).flat_map(|cut| site.part(cut[0]..cut[1])).collect();
        prop_assert!(parts == whole);
        // Beyond the end there is nothing.
        prop_assert!(site.layout.first(&(whole.len() as u64..u64::MAX)).is_none());
    }
}
