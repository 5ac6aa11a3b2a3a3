//! What a command calls peers with: sessions that ask and are asked nothing.

use std::sync::Arc;

use shared::Password;
use shared::bridge::{Hello, Message, ResetCode, Role, Side};

use super::output::Failure;
use crate::bridge::{Identity, KnownNodes, Opened};
use crate::dial::{Dialer, Links, OldDialer};
use crate::link::{Answer, Handler, Link};

/// A dialer for one command.
pub(super) async fn dialer(password: Password) -> Result<Dialer, Failure> {
    let identity = Identity::new(&password, true).await.map_err(|error| Failure::Failed(error.to_string()))?;
    let known = tokio::task::spawn_blocking(KnownNodes::of_this_person).await;
    let known = known.map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(Dialer::new(Links::new(identity, known, Arc::new(start)), OldDialer::new(Some(password))))
}

fn start(opened: Opened) -> Link {
    let hello = Hello {
        role: Role::Command,
        name: String::new(),
        program: concat!("tinyp2p/", env!("CARGO_PKG_VERSION")).to_owned(),
        url: None,
        tab: None,
    };
    let (link, _driven) = Link::start(opened.session, opened.socket, Side::Initiator, Arc::new(Guest));
    if !link.say_first(hello) {
        link.close();
    }
    link
}

/// A command has nothing that anybody could ask for.
struct Guest;

impl Handler for Guest {
    fn said(&self, _: Message) {}

    async fn asked(self: Arc<Self>, _: Message, answer: Answer) {
        answer.fail(ResetCode::NOT_FOUND, "a command shares nothing");
    }
}
