//! Who else fetches the same content, told to a command for as long as it fetches it.

use shared::ContentId;
use shared::bridge::{ResetCode, Swarm, Swarming};
use shared::limits::SWARM_TOLD_EVERY;

use super::session::Desk;
use crate::link::{Answer, Unwanted};

pub(super) async fn answer(desk: &Desk, asked: Swarm, mut answer: Answer) {
    let Some(_place) = desk.place_to_swarm() else {
        return answer.fail(ResetCode::BUSY, "too many files are fetched in this session at once");
    };
    if !desk.is_of_command() {
        return answer.fail(ResetCode::BAD_REQUEST, "only commands fetch");
    }
    let _unwanted = tell(desk, asked, &mut answer).await;
}

async fn tell(desk: &Desk, asked: Swarm, answer: &mut Answer) -> Result<(), Unwanted> {
    let key = (ContentId(asked.id), asked.size);
    let (link, address) = (desk.link().clone(), desk.address());
    // Dropping the answer says that there is none: it will do without.
    let mut stay = desk.node().fetchers().enter(key, link, address, asked.port).ok_or(Unwanted)?;
    let you = address.ip().to_canonical().to_string();
    let mut told = None;
    loop {
        let others = stay.others();
        if told.as_ref() != Some(&others) {
            let at = others.at.iter().map(ToString::to_string).collect();
            let message = Swarming { you: Some(you.clone()), others: others.count, at, ..Swarming::default() };
            answer.reply(message).await?;
            told = Some(others);
        }
        let news = async {
            stay.changed().await;
            // Who come at once are told of together.
            tokio::time::sleep(SWARM_TOLD_EVERY).await;
        };
        tokio::select! {
            () = news => {}
            () = answer.unwanted() => return Err(Unwanted),
        }
    }
}
