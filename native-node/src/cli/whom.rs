//! Whom a command asks about a network: a peer by its URL, or any node on this network that proves the password.

use std::str::FromStr;

use shared::{PeerUrl, UrlError};

use super::output::Failure;
use crate::dial::Dialer;
use crate::discover;

/// What is typed where a node is to be looked for. No URL is like it.
const LAN: &str = "lan";

/// As it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whom {
    Peer(PeerUrl),
    Lan,
}

impl FromStr for Whom {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text == LAN { Ok(Self::Lan) } else { PeerUrl::parse(text).map(Self::Peer) }
    }
}

impl Whom {
    /// The peer, looked for where that was wanted.
    pub(super) async fn peer(&self, dialer: &Dialer) -> Result<PeerUrl, Failure> {
        match self {
            Self::Peer(url) => Ok(url.clone()),
            Self::Lan => discover::find(dialer).await.map_err(|error| Failure::Failed(error.to_string())),
        }
    }
}
