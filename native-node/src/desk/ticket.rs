//! An address for a browser's download manager, for any file of the pool.
//!
//! Tickets are not ended with the session: a download goes on, and is resumed, after its page was reloaded or closed. They end
//! with their file's version, and when nobody used them for a while.

use shared::bridge::{ResetCode, Ticket, Ticketed};

use super::refusal::{Refusal, anybody, file};
use super::session::Desk;
use crate::link::Answer;
use crate::source::{self, Holder, Wanted};
use crate::ticket::{Grant, Use};

pub(super) async fn answer(desk: &Desk, ticket: Ticket, mut answer: Answer) {
    let minted = tokio::select! {
        minted = mint(desk, ticket) => minted,
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
    let grant = Grant { file: Wanted { peer, path, version }, for_use };
    let ticket = node.mint_ticket(desk.owner(), grant).map_err(|error| {
        tracing::error!(%error, "no randomness for a ticket");
        Refusal::new(ResetCode::OTHER, "this machine gives no randomness")
    })?;
    Ok(Ticketed { href: ticket.address(&name), version: version.into() })
}
