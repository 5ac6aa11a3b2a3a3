//! Who is there: `n` = 0 of 2004, with more to tell.

use shared::bridge::{Exchange, Exchanged, TabId};

use super::peers::infos;
use super::refusal::{Refusal, ours};
use super::session::Desk;
use crate::link::Answer;
use crate::source::SourceError;

pub(super) async fn answer(desk: &Desk, exchange: Exchange, mut answer: Answer) {
    let exchanged = exchanged(desk, &exchange);
    // What was told is not kept for as long as the answer is not taken.
    drop(exchange);
    match exchanged {
        Ok(exchanged) => {
            // Nobody waits any more is as good.
            if answer.reply(exchanged).await.is_ok() {
                let _unwanted = answer.end().await;
            }
        }
        Err(refusal) => answer.fail(refusal.code, refusal.words),
    }
}

fn exchanged(desk: &Desk, Exchange { of, tell }: &Exchange) -> Result<Exchanged, Refusal> {
    let node = desk.node();
    let peer = ours(node, of)?;
    // One that is away or left is not answered for: so others learn that it is not there.
    if TabId::of_path(of).is_some_and(|id| node.tabs().find(id).is_none_or(|tab| !tab.is_here())) {
        return Err(SourceError::NotHere.into());
    }
    let listed = node.with_host(|host, now| host.exchange(now, &peer, desk.scope(), tell));
    if !tell.is_empty() {
        node.rouse_roster();
    }
    Ok(Exchanged { peers: infos(node, &listed, &peer) })
}
