//! Several small files in one answer: opened and read in one go, because a hop for each would cost more than its bytes.

use std::time::Duration;

use bytes::Bytes;
use shared::bridge::{Files, ReadMany, ResetCode};
use shared::limits::{BATCH_FILE_BYTES, BATCH_FILES};
use shared::{PeerUrl, SharedPath};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::refusal::{Refusal, ours};
use super::session::Desk;
use crate::folder::read_small;
use crate::link::Answer;
use crate::source::{Holder, SourceError};

/// Answers of this kind that are held at once; each is [`shared::limits::BATCH_BYTES`] at most.
const AT_ONCE: usize = 32;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// The sizes, and all the bytes.
type Batch = (Vec<Option<u32>>, Vec<u8>);

pub(super) async fn answer(desk: &Desk, read: ReadMany, mut answer: Answer) {
    let batch = tokio::select! {
        batch = gather(desk, read) => batch,
        () = answer.unwanted() => return,
    };
    match batch {
        Ok(((sizes, bytes), _places)) => {
            let sent = async {
                answer.reply(Files { sizes }).await?;
                answer.data(Bytes::from(bytes)).await?;
                answer.end().await
            };
            // Nobody waits any more is as good.
            let _unwanted = sent.await;
        }
        Err(refusal) => answer.fail(refusal.code, refusal.words),
    }
}

/// The batch, and the places that it holds: among all, and among those of its session.
async fn gather(desk: &Desk, read: ReadMany) -> Result<(Batch, [SemaphorePermit<'_>; 2]), Refusal> {
    static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);
    let busy = || Refusal::from(SourceError::Busy);
    let (node, peer) = (desk.node(), ours(desk.node(), &read.of)?);
    if read.paths.len() > BATCH_FILES {
        return Err(Refusal::new(ResetCode::BAD_REQUEST, format!("at most {BATCH_FILES} files at once")));
    }
    let of_session = desk.place_to_batch().await?;
    let place = tokio::time::timeout(PATIENCE, PLACES.acquire()).await.map_err(|_| busy())?.map_err(|_| busy())?;
    if let Holder::Tab(_) = Holder::of(node, &peer)? {
        return Err(Refusal::new(ResetCode::UNKNOWN, "a tab gives one file at a time"));
    }
    let wanted: Vec<_> = node.with_host(|host, _| {
        let shared = |path: &String| shared_path(host, node.url(), path);
        read.paths.iter().map(shared).collect()
    });
    let share = node.share();
    // The place goes along: the reading goes on where nobody waits for it any more.
    let reading = tokio::task::spawn_blocking(move || {
        let open = |path: Option<SharedPath>| share.open_file(&path?).ok();
        (read_small(wanted.into_iter().map(open)), place)
    });
    let (batch, place) = reading.await.map_err(|_| SourceError::Interrupted)?;
    Ok((batch, [place, of_session]))
}

/// A file that is shared, and small as far as we know.
fn shared_path(host: &shared::Host, peer: &PeerUrl, path: &str) -> Option<SharedPath> {
    let path = SharedPath::parse(path).ok()?;
    host.entry(peer, &path).filter(|entry| entry.size <= BATCH_FILE_BYTES)?;
    Some(path)
}
