//! What proves the pieces of a file, as a node tells it in a session.

use std::time::Duration;

use libtest_mimic::Trial;
use native_node::link::LinkError;
use shared::ContentId;
use shared::bridge::{Message, Outline, Outlined, ResetCode, Version};
use shared::transfer::{self, Hashing, PIECE_BYTES};

use super::{Got, Holder, PASSWORD, ls};
use crate::harness::process::wait_for;
use crate::harness::tab::{Content, Tab, made};
use crate::harness::test;
use crate::harness::tree::binary;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        test("a_node_tells_what_proves_its_files_and_nobody_elses", told),
        test("a_large_file_of_a_tab_comes_whole_and_is_told_to_be_unverified", of_a_tab),
    ]
}

fn ask(
    tab: &Tab,
    of: &str,
    path: &str,
    version: Option<Version>,
    id: Option<[u8; 32]>,
) -> Result<(Outlined, Vec<u8>), LinkError> {
    let (messages, bytes) = tab.ask(Outline { of: of.into(), path: path.into(), version, id, peer: None })?;
    let [Message::Outlined(outlined)] = messages.as_slice() else { panic!("{messages:?}") };
    Ok((*outlined, bytes))
}

fn told() {
    let whole = binary(3 * PIECE_BYTES + 5);
    let holder = Holder::of(&[("d/big.bin", &whole), ("small.bin", b"small")], 0);
    let tab = Tab::open(holder.url(), PASSWORD, "tab", [9; 16]);
    let id = Hashing::id_of(&whole);
    let rows = ls(holder.url());
    let listed = rows.iter().find(|row| row["path"] == "d/big.bin").unwrap();
    assert_eq!(listed["id"], id.to_string());
    let (outlined, bytes) = ask(&tab, "", "d/big.bin", None, None).unwrap();
    assert_eq!((outlined.id.map(ContentId), outlined.later, bytes.len()), (Some(id), false, 4 * 32));
    let values = bytes.chunks(32).map(|value| value.try_into().unwrap()).collect();
    let outline = transfer::Outline::new(id, outlined.version.size, values).unwrap();
    assert!(outline.proves(3, &whole[3 * PIECE_BYTES..]));
    // By what it holds, and by all that is known of it.
    assert_eq!(ask(&tab, "", "", None, Some(id.0)).unwrap().1, bytes);
    assert_eq!(ask(&tab, "", "d/big.bin", Some(outlined.version), Some(id.0)).unwrap().1, bytes);
    let (small, nothing) = ask(&tab, "", "small.bin", None, None).unwrap();
    assert_eq!((small.id.map(ContentId), nothing.len()), (Some(Hashing::id_of(b"small")), 0));
    let other = Version { size: outlined.version.size, modified: outlined.version.modified + 1 };
    for (path, version, id, code) in [
        ("d/big.bin", Some(other), None, ResetCode::CHANGED),
        ("d/big.bin", None, Some([1; 32]), ResetCode::CHANGED),
        ("", None, Some([1; 32]), ResetCode::NOT_FOUND),
        ("nothing", None, None, ResetCode::NOT_FOUND),
        ("../d", None, None, ResetCode::NOT_FOUND),
        ("", None, None, ResetCode::NOT_FOUND),
    ] {
        assert_eq!(ask(&tab, "", path, version, id).unwrap_err().code(), Some(code), "{path} {version:?} {id:?}");
    }
    // A file that was written a moment ago is not at rest, or else it was hashed just now.
    std::fs::write(holder.share.path().join("new.bin"), b"new").unwrap();
    wait_for("the new file to be listed", Duration::from_secs(20), || (ls(holder.url()).len() == 3).then_some(()));
    let known = wait_for("it to be hashed, because it is asked for", Duration::from_secs(20), || {
        let (outlined, _) = ask(&tab, "", "new.bin", None, None).unwrap();
        assert!(outlined.later || outlined.id.is_some());
        outlined.id
    });
    assert_eq!(ContentId(known), Hashing::id_of(b"new"));
    // Of a tab's files a node knows nothing but what the tab says.
    tab.offer(&[("made.bin", Content::Made(5 << 20))]);
    let url = tab.url();
    let path = url.strip_prefix(holder.url()).unwrap();
    let of_tab = wait_for("the offer", Duration::from_secs(20), || ask(&tab, path, "made.bin", None, None).ok());
    assert_eq!((of_tab.0.id, of_tab.0.later, of_tab.0.version.size), (None, false, 5 << 20));
}

fn of_a_tab() {
    let holder = Holder::of(&[("small.bin", b"small")], 0);
    let tab = Tab::open(holder.url(), PASSWORD, "tab", [9; 16]);
    tab.offer(&[("made.bin", Content::Made(7 << 20))]);
    wait_for("the offer", Duration::from_secs(20), || (ls(holder.url()).len() == 2).then_some(()));
    tab.may_send(100 << 20);
    let to = tempfile::tempdir().unwrap();
    let got = Got::get(holder.url(), to.path());
    got.exits_with(0).is_verified("small.bin");
    assert_eq!(
        (&got.saved["made.bin"]["verified"], &got.done["unverified"]),
        (&false.into(), &1.into()),
        "{}",
        got.words()
    );
    assert!(std::fs::read(to.path().join("made.bin")).unwrap() == made(0, 7 << 20));
}
