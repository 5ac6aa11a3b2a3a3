//! Files that a tab or a command puts here: fetched over its own session, as any other file is, and kept in the shared folder.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use shared::bridge::{Kept, Put, ResetCode};
use shared::limits::PUT_FILES;
use shared::{PeerUrl, Printable, SharedPath};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::refusal::Refusal;
use super::session::Desk;
use crate::download::{self, Missed, Observer, Offered, OffersOf, SavedFile};
use crate::drop_box::{self, DropBox, Place};
use crate::folder::{Destination, has_room};
use crate::link::{Answer, Unwanted};
use crate::lock::LockExt;

/// What is not told of each file by itself.
const NOT_ASKED_FOR: &str = "it was not fetched, for too much before it failed or changed";

pub(super) async fn answer(desk: &Desk, put: Put, mut answer: Answer) {
    let prepared = async { (desk.place_to_put().await, prepare(desk, put).await) };
    let (_place, prepared) = tokio::select! {
        prepared = prepared => prepared,
        () = answer.unwanted() => return,
    };
    let kept = match prepared {
        Ok(prepared) => keep(desk, prepared, &mut answer).await,
        Err(refusal) => return answer.fail(refusal.code, refusal.words),
    };
    if kept.is_ok() {
        // Nobody waits any more is as good.
        let _unwanted = answer.end().await;
    }
}

/// What is to be fetched, and what is known already of the rest.
struct Prepared<'a> {
    drop_box: &'a DropBox,
    into: Destination,
    /// As they were put, and the path that is free for each.
    files: Vec<(Offered, SharedPath)>,
    told: Vec<Kept>,
}

async fn prepare(desk: &Desk, put: Put) -> Result<Prepared<'_>, Refusal> {
    let node = desk.node();
    let refuse = |words: String| Refusal::new(ResetCode::BAD_REQUEST, words);
    // It reads from whoever asks, and hop limit 1.
    desk.may_ask_others()?;
    let takes_none = || refuse(format!("{} takes no files; it would with `serve --drop-box`", Printable(node.name())));
    let drop_box = node.drop_box().ok_or_else(takes_none)?;
    if put.files.len() > PUT_FILES {
        return Err(refuse(format!("at most {PUT_FILES} files at once")));
    }
    let at_node = Arc::clone(node);
    let planning = move || {
        let into = drop_box::open(&at_node)?;
        let (mut files, mut told, mut bytes) = (Vec::new(), Vec::new(), 0_u64);
        for file in put.files {
            let path = file.path.clone();
            let Some(file) = Offered::of_put(file) else {
                told.push(not_kept(path, "refused: the name is no name of a file"));
                continue;
            };
            match drop_box::place_for(&at_node, &into, &file) {
                Ok(Place::At(free)) => {
                    bytes = bytes.saturating_add(file.size.unwrap_or_default());
                    files.push((file, free));
                }
                Ok(Place::Here(here)) => told.push(is_here(path, &here, file.id.is_some())),
                Err(why) => told.push(not_kept(path, &why.to_string())),
            }
        }
        Some((into, files, told, has_room(at_node.folder(), bytes)))
    };
    let planned = tokio::task::spawn_blocking(planning).await;
    let planned = planned.map_err(|_| Refusal::new(ResetCode::OTHER, "this node is ending"))?;
    let gone = || Refusal::new(ResetCode::OTHER, "the folder of this node is not there at the moment");
    let (into, files, mut told, has_room) = planned.ok_or_else(gone)?;
    if !has_room {
        let full = |(file, _): (Offered, SharedPath)| not_kept(file.name, "there is no room left for it");
        told.extend(files.into_iter().map(full));
        return Ok(Prepared { drop_box, into, files: Vec::new(), told });
    }
    Ok(Prepared { drop_box, into, files, told })
}

/// Fetches and tells, until each file was told of.
async fn keep(desk: &Desk, prepared: Prepared<'_>, answer: &mut Answer) -> Result<(), Unwanted> {
    let Prepared { drop_box, into, files, told } = prepared;
    for kept in told {
        answer.reply(kept).await?;
    }
    if files.is_empty() {
        return Ok(());
    }
    // For words, and to tell a tab from a command; whoever it is, it is asked over its session.
    let address = SocketAddr::new(desk.address().ip().to_canonical(), desk.address().port());
    let address = || PeerUrl::parse(&format!("http://{address}"));
    let peer = match desk.tab() {
        Some(tab) => tab.url().clone(),
        None => address().map_err(|_| Unwanted)?,
    };
    let offered = files.iter().map(|(file, path)| Offered { path: path.clone(), ..file.clone() }).collect();
    let offered = OffersOf { files: offered, ..OffersOf::default() };
    let (teller, mut told) = Teller::new(files);
    let dialer = desk.node().dialer().over(desk.link().clone());
    let never = CancellationToken::new();
    let into = (into, drop_box.commits(), drop_box.places());
    let mut taking = std::pin::pin!(download::take(&dialer, peer, offered, into, &teller, &never));
    loop {
        tokio::select! {
            () = &mut taking => break,
            Some(kept) = told.recv() => answer.reply(kept).await?,
            () = answer.unwanted() => return Err(Unwanted),
        }
    }
    while let Ok(kept) = told.try_recv() {
        answer.reply(kept).await?;
    }
    // Whoever put the same at the same time may have been faster.
    let (node, left) = (Arc::clone(desk.node()), teller.left());
    let looking = tokio::task::spawn_blocking(move || {
        let into = drop_box::open(&node);
        let look = |file: Offered| match into.as_ref().map(|into| drop_box::place_for(&node, into, &file)) {
            Some(Ok(Place::Here(here))) => is_here(file.name, &here, file.id.is_some()),
            _ => not_kept(file.name, NOT_ASKED_FOR),
        };
        left.into_iter().map(look).collect::<Vec<_>>()
    });
    for kept in looking.await.map_err(|_| Unwanted)? {
        answer.reply(kept).await?;
    }
    Ok(())
}

fn kept(path: String) -> Kept {
    Kept { path, error: None, save_as: None, was_here: None, from_before: None, verified: None }
}

fn is_here(path: String, here: &SharedPath, verified: bool) -> Kept {
    Kept { save_as: Some(here.to_string()), was_here: Some(true), verified: Some(verified), ..kept(path) }
}

fn not_kept(path: String, why: &str) -> Kept {
    Kept { error: Some(why.to_owned()), ..kept(path) }
}

/// Turns what a download tells into what whoever puts the files is told: of each once.
struct Teller {
    /// What is not told yet, by the path it is saved as.
    left: Mutex<BTreeMap<String, Offered>>,
    told: mpsc::UnboundedSender<Kept>,
}

impl Teller {
    fn new(files: Vec<(Offered, SharedPath)>) -> (Self, mpsc::UnboundedReceiver<Kept>) {
        // As many as there are files at most.
        let (told, at_told) = mpsc::unbounded_channel();
        let left = files.into_iter().map(|(file, path)| (shown(&path), file)).collect();
        (Self { left: Mutex::new(left), told }, at_told)
    }

    fn tell(&self, path: &str, what: impl FnOnce(String) -> Kept) {
        let file = self.left.locked().remove(path);
        // Nobody listens any more once nobody waits.
        let _unwanted = file.map(|file| self.told.send(what(file.name)));
    }

    fn left(&self) -> Vec<Offered> {
        std::mem::take(&mut *self.left.locked()).into_values().collect()
    }
}

/// A path as a download's misses have it.
fn shown(path: &SharedPath) -> String {
    Printable(path.as_str()).to_string()
}

impl Observer for Teller {
    fn offered(&self, _: &PeerUrl, _: usize, _: Option<u64>) {}
    fn begun(&self, _: &SharedPath, _: &PeerUrl, _: Option<u64>) {}
    fn moved(&self, _: &SharedPath, _: u64) {}
    fn kept(&self, _: &SharedPath, _: u64) {}
    fn given_up(&self, _: &SharedPath) {}
    fn planned(&self, _: &Offered, _: &SharedPath, _: &PeerUrl) {}
    fn differs(&self, file: &Offered, _: &PeerUrl, _: &str) {
        self.tell(&shown(&file.path), |name| not_kept(name, "another file got that name meanwhile; put it again"));
    }
    fn saved(&self, saved: &SavedFile<'_>) {
        tracing::info!(file = %Printable(saved.save_as.as_str()), from = %saved.peer, "a file was put here");
        self.tell(&shown(saved.path), |name| Kept {
            save_as: Some(saved.save_as.to_string()),
            from_before: Some(saved.how.kept).filter(|bytes| *bytes > 0),
            verified: Some(saved.how.verified),
            ..kept(name)
        });
    }
    fn missed(&self, missed: &Missed) {
        if let Some(file) = &missed.file {
            self.tell(file, |name| not_kept(name, &missed.reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_told_of_once_and_by_its_own_name() {
        let file = |path: &str, save_as: &str| {
            let file = Offered::of_put(shared::bridge::Offered::new(path.into(), 1, 0)).unwrap();
            (file, SharedPath::parse(save_as).unwrap())
        };
        let (teller, mut told) = Teller::new(vec![file("a?", "a_"), file("b", "b (1)"), file("c", "c")]);
        let peer = PeerUrl::parse("http://a:1").unwrap();
        let missed = |file: &str| Missed { peer: peer.clone(), file: Some(file.into()), reason: "x".into(), count: 1 };
        for name in ["a_", "a_", "nothing"] {
            teller.missed(&missed(name));
        }
        let (path, how) = (SharedPath::parse("b (1)").unwrap(), download::Provenance::default());
        teller.saved(&SavedFile { name: "b", path: &path, save_as: &path, peer: &peer, bytes: 1, how: &how });
        let told: Vec<_> = std::iter::from_fn(|| told.try_recv().ok()).collect();
        let saved = Kept { save_as: Some("b (1)".into()), verified: Some(false), ..kept("b".into()) };
        assert_eq!(told, [not_kept("a?".into(), "x"), saved]);
        let left: Vec<_> = teller.left().into_iter().map(|file| file.name).collect();
        assert_eq!(left, ["c"]);
    }
}
