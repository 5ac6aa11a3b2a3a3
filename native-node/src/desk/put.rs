//! Files that a tab or a command puts here: fetched over its own session, as any other file is, and kept in the shared folder.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use shared::bridge::{Kept, Put, ResetCode};
use shared::limits::PUT_FILES;
use shared::{PeerUrl, Printable, SharedPath};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::refusal::Refusal;
use super::session::Desk;
use crate::download::{self, Missed, Observer, Offered, OffersOf, SavedFile};
use crate::drop_box::{DropBox, DropTurn, Place, Planning, Promise};
use crate::link::{Answer, Unwanted};
use crate::lock::LockExt;

/// How often a file is begun whose name another got meanwhile.
const ROUNDS: usize = 3;
/// What is not told of each file by itself.
const NOT_FETCHED: &str = "it was not fetched, for too much before it failed; put it again";

pub(super) async fn answer(desk: &Desk, put: Put, mut answer: Answer) {
    let drop_box = match admitted(desk, &put) {
        Ok(drop_box) => drop_box,
        Err(refusal) => return answer.fail(refusal.code, refusal.words),
    };
    let mut left = Vec::new();
    for file in put.files {
        let name = file.path.clone();
        match Offered::of_put(file) {
            Some(file) => left.push(file),
            None => drop(answer.reply(not_kept(name, "refused: the name is no name of a file")).await),
        }
    }
    if left.is_empty() {
        // Nobody waits any more is as good, here as below.
        let _unwanted = answer.end().await;
        return;
    }
    // Of those that one session asks for at once each has a turn of its own.
    let Some(_place) = desk.place_to_put().await else { return };
    let Some(turn) = drop_box.turn(desk.address().ip()).await else { return };
    if keep(desk, drop_box, &turn, left, &mut answer).await.is_ok() {
        let _unwanted = answer.end().await;
    }
}

/// Where files are put here, if they may be.
fn admitted<'a>(desk: &'a Desk, put: &Put) -> Result<&'a DropBox, Refusal> {
    let refuse = |words: String| Refusal::new(ResetCode::BAD_REQUEST, words);
    // It reads from whoever asks, and hop limit 1.
    desk.may_ask_others()?;
    let node = desk.node();
    let takes_none = || refuse(format!("{} takes no files; it would with `serve --drop-box`", Printable(node.name())));
    let drop_box = node.drop_box().ok_or_else(takes_none)?;
    if put.files.len() > PUT_FILES {
        return Err(refuse(format!("at most {PUT_FILES} files at once")));
    }
    Ok(drop_box)
}

/// Fetches and tells, until each file was told of.
async fn keep(
    desk: &Desk,
    drop_box: &DropBox,
    turn: &DropTurn<'_>,
    mut left: Vec<Offered>,
    answer: &mut Answer,
) -> Result<(), Unwanted> {
    for _ in 0..ROUNDS {
        let planning = drop_box.plan(desk.node(), std::mem::take(&mut left)).await.ok_or(Unwanted)?;
        let Planning { into, places, promise } = planning;
        let mut wanted = Vec::new();
        for (file, place) in places {
            match place {
                Ok(Place::At(path)) => wanted.push((file, path)),
                Ok(Place::Here(here)) => answer.reply(is_here(file.name, &here)).await?,
                Err(why) => answer.reply(not_kept(file.name, &why.to_string())).await?,
            }
        }
        let Some(into) = into.filter(|_| !wanted.is_empty()) else { return Ok(()) };
        let offered = wanted.iter().map(|(file, path)| Offered { path: path.clone(), ..file.clone() }).collect();
        let offered = OffersOf { files: offered, ..OffersOf::default() };
        let (teller, mut told) = Teller::new(wanted, promise);
        let peer = peer(desk).ok_or(Unwanted)?;
        let dialer = desk.node().dialer().over(desk.link().clone());
        let taking = async {
            // It ends when nobody wants this answer any more, as all that is asked does.
            let never = CancellationToken::new();
            let into = (into, drop_box.commits(), &turn.places);
            download::take(&dialer, peer, offered, into, &teller, &never).await;
            teller.into_left()
        };
        // Beside it: who takes no answers keeps no file from being finished.
        let telling = async {
            while let Some(kept) = told.recv().await {
                answer.reply(kept).await?;
            }
            Ok(())
        };
        let (untold, told) = tokio::join!(taking, telling);
        told?;
        // Whoever put a file of that name at the same time was faster: it gets another, or is here already.
        left = untold;
        if left.is_empty() {
            return Ok(());
        }
    }
    for file in left {
        answer.reply(not_kept(file.name, NOT_FETCHED)).await?;
    }
    Ok(())
}

/// Whose files they are, in words, and to tell a tab from a command; whoever it is, it is asked over its session.
fn peer(desk: &Desk) -> Option<PeerUrl> {
    if let Some(tab) = desk.tab() {
        return Some(tab.url().clone());
    }
    let address = SocketAddr::new(desk.address().ip().to_canonical(), desk.address().port());
    PeerUrl::parse(&format!("http://{address}")).ok()
}

fn kept(path: String) -> Kept {
    Kept { path, error: None, save_as: None, was_here: None, from_before: None, verified: None }
}

fn is_here(path: String, here: &SharedPath) -> Kept {
    Kept { save_as: Some(here.to_string()), was_here: Some(true), verified: Some(true), ..kept(path) }
}

fn not_kept(path: String, why: &str) -> Kept {
    Kept { error: Some(why.to_owned()), ..kept(path) }
}

/// Turns what a download tells into what whoever puts the files is told: of each once.
struct Teller {
    /// What is not told yet, by the path it is saved as.
    left: Mutex<BTreeMap<String, Offered>>,
    told: mpsc::UnboundedSender<Kept>,
    promise: Promise,
}

impl Teller {
    fn new(files: Vec<(Offered, SharedPath)>, promise: Promise) -> (Self, mpsc::UnboundedReceiver<Kept>) {
        // As many as there are files at most.
        let (told, at_told) = mpsc::unbounded_channel();
        let left = files.into_iter().map(|(file, path)| (shown(&path), file)).collect();
        (Self { left: Mutex::new(left), told, promise }, at_told)
    }

    fn tell(&self, path: &str, what: impl FnOnce(String) -> Kept) {
        let file = self.left.locked().remove(path);
        // Nobody listens any more once nobody waits.
        let _unwanted = file.map(|file| self.told.send(what(file.name)));
    }

    /// What was not told of; nothing is told from now on.
    fn into_left(self) -> Vec<Offered> {
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
    fn moved(&self, _: &SharedPath, bytes: u64) {
        self.promise.written(bytes);
    }
    fn kept(&self, _: &SharedPath, _: u64) {}
    fn taken_over(&self, bytes: u64) {
        self.promise.written(bytes);
    }
    fn given_up(&self, _: &SharedPath) {}
    fn planned(&self, _: &Offered, _: &SharedPath, _: &PeerUrl) {}
    fn differs(&self, _: &Offered, _: &PeerUrl, _: &str) {}
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
        let files = vec![file("a?", "a_"), file("b", "b (1)"), file("c", "c")];
        let (teller, mut told) = Teller::new(files, Promise::default());
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
        let left: Vec<_> = teller.into_left().into_iter().map(|file| file.name).collect();
        assert_eq!(left, ["c"]);
    }
}
