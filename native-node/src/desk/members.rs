//! Where our membership and that of another node differ.

use std::sync::Arc;

use shared::bridge::{Members, ResetCode};

use super::session::Desk;
use crate::link::Answer;
use crate::search_pool::on_another_thread;

pub(super) async fn answer(desk: &Desk, ask: Members, mut answer: Answer) {
    let node = Arc::clone(desk.node());
    // Among ten thousand, a newcomer's questions cost some tenths of a second: not on the reactor.
    let told = on_another_thread(move || node.membership().handle_ask(node.now(), &ask)).await;
    match told.ok().flatten() {
        Some(told) => {
            // Nobody waits any more is as good.
            if answer.reply(told).await.is_ok() {
                let _unwanted = answer.end().await;
            }
        }
        None => answer.fail(ResetCode::UNKNOWN, "no datagrams are taken here"),
    }
}
