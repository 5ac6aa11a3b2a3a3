//! An address for a browser's download manager, for any file of the pool, or for some of them as one archive.
//!
//! Tickets are not ended with the session: a download goes on, and is resumed, after its page was reloaded or closed. They end
//! with their file's version, and when nobody used them for a while.

use shared::bridge::{Collect, ResetCode, Ticket, Ticketed};
use shared::limits::ARCHIVE_FILES;

use super::refusal::{Refusal, anybody, file};
use super::session::Desk;
use crate::archive::{self, CollectError, Collecting, Wish};
use crate::link::Answer;
use crate::source::{self, FileVersion, Holder};
use crate::ticket::{Grant, Use};

pub(super) async fn answer(desk: &Desk, ticket: Ticket, answer: Answer) {
    give(answer, mint(desk, ticket)).await;
}

pub(super) async fn answer_for_archive(desk: &Desk, collect: Collect, answer: Answer) {
    give(answer, mint_for_archive(desk, collect)).await;
}

async fn give(mut answer: Answer, minting: impl Future<Output = Result<Ticketed, Refusal>>) {
    let minted = tokio::select! {
        minted = minting => minted,
        () = answer.unwanted() => return,
    };
    match minted {
        Ok(ticketed) => {
            // Nobody waits any more is as good.
            if answer.reply(ticketed).await.is_ok() {
                let _unwanted = answer.end().await;
            }
        }
        Err(refusal) => answer.fail(refusal.code, refusal.words),
    }
}

async fn mint(desk: &Desk, Ticket { peer, path, preview }: Ticket) -> Result<Ticketed, Refusal> {
    let (node, peer, path) = (desk.node(), anybody(&peer)?, file(&path)?);
    if !matches!(Holder::of(node, &peer)?, Holder::Own | Holder::Tab(_)) {
        desk.may_ask_others()?;
    }
    let version = source::look(node, &peer, &path, &desk.reader(None)).await?;
    let name = path.file_name().to_owned();
    let for_use = if preview { Use::Preview } else { Use::Save };
    let grant = Grant::File { file: FileVersion { peer, path, version }, for_use };
    Ok(Ticketed { href: address(desk, grant, &name)?, version: version.into() })
}

async fn mint_for_archive(desk: &Desk, Collect { name, files }: Collect) -> Result<Ticketed, Refusal> {
    let node = desk.node();
    if files.len() > ARCHIVE_FILES {
        return Err(Refusal::new(ResetCode::BAD_REQUEST, format!("at most {ARCHIVE_FILES} files in one archive")));
    }
    let mut wishes = Vec::with_capacity(files.len());
    for Ticket { peer, path, .. } in files {
        let (peer, path) = (anybody(&peer)?, file(&path)?);
        // Who is not here is told with the name of the file.
        if matches!(Holder::of(node, &peer), Ok(Holder::Node(_) | Holder::Legacy(_))) {
            desk.may_ask_others()?;
        }
        wishes.push(Wish { peer, path });
    }
    let archive = archive::collect(node, Collecting { name, files: wishes, reader: desk.reader(None) }).await?;
    let (version, name) = (archive.version(), archive.name().to_owned());
    Ok(Ticketed { href: address(desk, Grant::Archive(archive), &name)?, version: version.into() })
}

fn address(desk: &Desk, grant: Grant, name: &str) -> Result<String, Refusal> {
    let ticket = desk.node().mint_ticket(desk.owner(), grant).map_err(|error| {
        tracing::error!(%error, "no randomness for a ticket");
        Refusal::new(ResetCode::OTHER, "this machine gives no randomness")
    })?;
    Ok(ticket.address(name))
}

impl From<CollectError> for Refusal {
    fn from(why: CollectError) -> Self {
        let words = why.to_string();
        match why {
            CollectError::Name | CollectError::Empty | CollectError::TooMany | CollectError::TooLong => {
                Self::new(ResetCode::BAD_REQUEST, words)
            }
            CollectError::Slow => Self::new(ResetCode::BUSY, words),
            CollectError::File(_, why) => Self { words, ..why.into() },
        }
    }
}
