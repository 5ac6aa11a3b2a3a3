//! Where our membership and that of another node differ.

use shared::bridge::{Members, ResetCode};

use super::session::Desk;
use crate::link::Answer;

pub(super) async fn answer(desk: &Desk, ask: Members, mut answer: Answer) {
    match desk.node().membership().handle_ask(desk.node().now(), &ask) {
        Some(told) => {
            // Nobody waits any more is as good.
            if answer.reply(told).await.is_ok() {
                let _unwanted = answer.end().await;
            }
        }
        None => answer.fail(ResetCode::UNKNOWN, "no datagrams are taken here"),
    }
}
