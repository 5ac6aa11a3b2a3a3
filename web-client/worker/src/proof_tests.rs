//! What comes of a file, in whatever parts, is proved as it is or not at all.

use shared::bridge::Aside;
use shared::transfer::Outlining;

use super::*;

fn file(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at / 1000) as u8).collect()
}

/// Its id with the values behind it.
fn content(bytes: &[u8]) -> Vec<u8> {
    let mut outlining = Outlining::default();
    bytes.chunks(PIECE_BYTES).for_each(|piece| outlining.push(piece));
    let outline = outlining.finish();
    [outline.id().0.as_slice(), outline.values().as_flattened()].concat()
}

fn aside() -> Aside {
    Aside::new(&[3; 48])
}

/// A body with these bytes, in records of so many.
fn body(bytes: &[u8], record: usize) -> Vec<u8> {
    let mut leaving = aside().leaving();
    let parts: Vec<_> = bytes.chunks(record).map(|some| leaving.data(some).unwrap()).collect();
    [parts.concat(), leaving.end().unwrap()].concat()
}

/// Takes in a body; answers what was given and why it stopped, if it did.
fn take(saving: &mut Saving, body: &[u8]) -> (Vec<u8>, Option<Stop>) {
    let mut stream = Stream::new(saving, *aside().key());
    let (mut rest, mut given) = (body, Vec::new());
    while !rest.is_empty() {
        let room = stream.room();
        let (now, later) = rest.split_at(rest.len().min(room.len()));
        room[..now.len()].copy_from_slice(now);
        rest = later;
        if let Err(stop) = stream.filled(saving, now.len()) {
            return (given, Some(stop));
        }
        loop {
            match stream.next(saving) {
                Ok(true) => {
                    given.extend_from_slice(saving.waiting());
                    saving.given();
                    assert!(saving.waiting().is_empty());
                }
                Ok(false) => break,
                Err(stop) => return (given, Some(stop)),
            }
        }
    }
    (given, None)
}

const SIZES: [usize; 5] = [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES - 3];

#[test]
fn a_file_comes_whole_in_records_of_any_length() {
    for size in SIZES {
        let bytes = file(size);
        for record in [7777, 256 << 10, 1 << 20] {
            let mut saving = Saving::of(&content(&bytes), size as u64).unwrap();
            let (given, stop) = take(&mut saving, &body(&bytes, record));
            assert_eq!(stop, Some(Stop::Whole), "{size} in {record}");
            assert!(given == bytes && saving.proved() == size as u64);
        }
    }
}

#[test]
fn what_is_changed_or_too_long_is_wrong_and_what_came_before_it_stays_proved() {
    let bytes = file(3 * PIECE_BYTES - 3);
    for at in [0, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 5, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let mut saving = Saving::of(&content(&bytes), bytes.len() as u64).unwrap();
        assert_eq!(take(&mut saving, &body(&changed, 300_000)).1, Some(Stop::Wrong));
        assert_eq!(saving.proved() as usize, at / PIECE_BYTES * PIECE_BYTES, "{at}");
        // Another holder goes on from there.
        let (given, stop) = take(&mut saving, &body(&bytes[at / PIECE_BYTES * PIECE_BYTES..], 300_000));
        assert_eq!((given.len(), stop), (bytes.len() - at / PIECE_BYTES * PIECE_BYTES, Some(Stop::Whole)));
    }
    for size in SIZES {
        let bytes = file(size);
        let mut saving = Saving::of(&content(&bytes), size as u64).unwrap();
        assert_eq!(take(&mut saving, &body(&[&bytes[..], &[0]].concat(), 300_000)).1, Some(Stop::Wrong), "{size}");
    }
}

#[test]
fn what_is_proved_waits_for_whoever_takes_it_also_when_another_holder_goes_on() {
    let bytes = file(3 * PIECE_BYTES - 3);
    let mut saving = Saving::of(&content(&bytes), bytes.len() as u64).unwrap();
    let keys = *aside().key();
    let mut stream = Stream::new(&mut saving, keys);
    // A piece and a half, and no more.
    for byte_run in body(&bytes[..PIECE_BYTES + PIECE_BYTES / 2], 100_000).chunks(50_000) {
        let mut rest = byte_run;
        while !rest.is_empty() {
            let room = stream.room();
            let (now, later) = rest.split_at(rest.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            rest = later;
            if stream.filled(&saving, now.len()).is_err() {
                break;
            }
            while stream.next(&mut saving).unwrap() {}
        }
    }
    assert!(saving.waiting() == &bytes[..PIECE_BYTES]);
    let mut whole = saving.waiting().to_vec();
    saving.given();
    let (given, stop) = take(&mut saving, &body(&bytes[PIECE_BYTES..], 300_000));
    whole.extend(given);
    assert!(stop == Some(Stop::Whole) && whole == bytes);
}

#[test]
fn what_ends_too_soon_or_is_sealed_otherwise_is_not_whole() {
    let bytes = file(2 * PIECE_BYTES);
    let saving = || Saving::of(&content(&bytes), bytes.len() as u64).unwrap();
    assert_eq!(take(&mut saving(), &body(&bytes[..PIECE_BYTES], 300_000)).1, Some(Stop::Broken));
    let whole = body(&bytes, 300_000);
    for cut in [0, 3, 1000, whole.len() - 1] {
        assert_eq!(take(&mut saving(), &whole[..cut]).1, None, "it waits for more");
    }
    let mut flipped = whole;
    flipped[500_000] ^= 1;
    assert_eq!(take(&mut saving(), &flipped).1, Some(Stop::Broken));
}

#[test]
fn what_leads_to_no_id_is_no_proof() {
    let content = content(&vec![7; 3 * PIECE_BYTES]);
    let size = 3 * PIECE_BYTES as u64;
    assert!(Saving::of(&content, size).is_some());
    let mut flipped = content.clone();
    flipped[40] ^= 1;
    let bad: [(&[u8], u64); 7] = [
        (&[7; 32], 0),
        (&flipped, size),
        (&content[..content.len() - 1], size),
        (&content[..content.len() - 32], size),
        (&content, size + PIECE_BYTES as u64),
        (&content, 0),
        (&[], 0),
    ];
    for (content, size) in bad {
        assert!(Saving::of(content, size).is_none(), "{} bytes for {size}", content.len());
    }
}
