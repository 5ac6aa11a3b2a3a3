//! What a command calls peers with: sessions that ask and are asked nothing.

use std::sync::Arc;

use shared::bridge::{Message, ResetCode, Side};
use shared::{Password, PeerUrl};

use super::legacy::LegacyArguments;
use super::output::{Failure, note};
use super::password::{self, PasswordArguments};
use super::whom::Whom;
use crate::bridge::{Identity, KnownNodes, Opened};
use crate::dial::{Dialer, LegacyDialer, Links, Start, hello_of_command};
use crate::link::{Answer, Handler, Link};

/// A dialer for one command; without `password_of_2004`, peers of 2004 are not called.
pub(super) async fn dialer(password: Password, password_of_2004: Option<Password>) -> Result<Dialer, Failure> {
    dialer_of(password, password_of_2004, Arc::new(start)).await
}

/// The same, whose sessions begin in this way.
pub(super) async fn dialer_of(
    password: Password,
    password_of_2004: Option<Password>,
    start: Start,
) -> Result<Dialer, Failure> {
    let identity = Identity::new(&password, password_of_2004.is_some()).await;
    let identity = identity.map_err(|error| Failure::Failed(error.to_string()))?;
    let known = tokio::task::spawn_blocking(KnownNodes::of_this_person).await;
    let known = known.map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(Dialer::new(Links::new(identity, known, start), LegacyDialer::new(password_of_2004)))
}

/// The passwords of a command, asked for where they are not given.
#[derive(Debug, clap::Args)]
pub(super) struct CallerArguments {
    #[command(flatten)]
    password: PasswordArguments,
    #[command(flatten)]
    legacy: LegacyArguments,
}

impl CallerArguments {
    /// A dialer with these passwords; that of an invite comes first.
    pub(super) async fn dialer(&self, whom: &Whom) -> Result<Dialer, Failure> {
        let of_2004 = self.legacy.password()?;
        let password = password_for(whom, &self.password).await?;
        let of_2004 = self.legacy.is_on().then(|| of_2004.unwrap_or_else(|| password.clone()));
        dialer(password, of_2004).await
    }
}

/// The password for whom a command asks: that of an invite, or else the one that is given, or asked for.
pub(super) async fn password_for(whom: &Whom, given: &PasswordArguments) -> Result<Password, Failure> {
    match whom.password() {
        Some(invited) => {
            note(password::IN_ARGUMENTS);
            Ok(invited.clone())
        }
        None => given.given_or_asked().await,
    }
}

fn start(opened: Opened, _: &PeerUrl) -> Option<Link> {
    let (link, _driven) = Link::start(opened.session, opened.socket, Side::Initiator, Arc::new(Guest));
    if !link.say_first(hello_of_command()) {
        link.close();
    }
    Some(link)
}

/// A command has nothing that anybody could ask for.
struct Guest;

impl Handler for Guest {
    fn said(&self, _: Message) {}

    async fn asked(self: Arc<Self>, _: Message, answer: Answer) {
        answer.fail(ResetCode::NOT_FOUND, "a command shares nothing");
    }
}
