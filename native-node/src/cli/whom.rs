//! Whom a command asks about a network: a peer by its URL or by an invite, or any node on this network that proves the
//! password.

use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use shared::{Password, PeerUrl, Printable, UrlError, read_invite};

use super::output::Failure;
use crate::dial::Dialer;
use crate::discover;

/// What is typed where a node is to be looked for. No URL is like it.
const LAN: &str = "lan";

/// As it was meant.
#[derive(Debug, Clone)]
pub(super) enum Whom {
    /// A peer, and the password where it was an invite.
    Peer(PeerUrl, Option<Password>),
    Lan,
}

/// Why a text is nobody.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum WhomError {
    #[error("{0}; or \"{LAN}\", for any node on this network")]
    Url(#[from] UrlError),
    #[error("the password in this link is not text")]
    Invite,
}

impl Whom {
    /// What a person types: a URL, the same without `http://`, an invite as the page and `serve --qr` make it, or `lan`.
    fn parse(text: &str) -> Result<Self, WhomError> {
        if text == LAN {
            return Ok(Self::Lan);
        }
        match text.split_once('#') {
            None | Some((_, "")) => Ok(Self::Peer(url(text.trim_end_matches('#'))?, None)),
            Some((page, secret)) => {
                let password = read_invite(secret).ok_or(WhomError::Invite)?;
                Ok(Self::Peer(url(page.trim_end_matches('/'))?, Some(Password::new(password.as_str()))))
            }
        }
    }

    /// The password that an invite holds.
    pub(super) fn password(&self) -> Option<&Password> {
        match self {
            Self::Peer(_, password) => password.as_ref(),
            Self::Lan => None,
        }
    }

    /// The peer, looked for where that was wanted.
    pub(super) async fn peer(&self, dialer: &Dialer) -> Result<PeerUrl, Failure> {
        self.peer_that(dialer, async |_| true).await
    }

    /// The same; what is looked for is one that will do.
    pub(super) async fn peer_that(
        &self,
        dialer: &Dialer,
        will_do: impl AsyncFn(&PeerUrl) -> bool,
    ) -> Result<PeerUrl, Failure> {
        match self {
            Self::Peer(url, _) => Ok(url.clone()),
            Self::Lan => discover::find(dialer, will_do).await.map_err(|error| Failure::Failed(error.to_string())),
        }
    }
}

/// A URL as it is, and a host with or without a port as the URL of a node there.
fn url(text: &str) -> Result<PeerUrl, UrlError> {
    if text.contains("://") {
        return PeerUrl::parse(text);
    }
    let (authority, path) = text.split_at_checked(text.find('/').unwrap_or(text.len())).unwrap_or_default();
    // The colons of an IPv6 address are in brackets.
    let has_port = authority.rsplit(']').next().is_some_and(|end| end.contains(':'));
    let port = if has_port { String::new() } else { format!(":{}", super::PORT) };
    PeerUrl::parse(&format!("http://{authority}{port}{path}"))
}

/// Reads it for clap, whose own error would show the password of an invite.
#[derive(Debug, Clone)]
pub(super) struct WhomParser;

impl TypedValueParser for WhomParser {
    type Value = Whom;

    fn parse_ref(&self, command: &clap::Command, _: Option<&clap::Arg>, value: &OsStr) -> Result<Whom, clap::Error> {
        let text = value.to_string_lossy();
        Whom::parse(&text).map_err(|why| invalid(command, &text, &why.to_string()))
    }
}

/// The same of a peer alone: its URL, and the password where it was an invite.
#[derive(Debug, Clone)]
pub(super) struct PeerParser;

impl TypedValueParser for PeerParser {
    type Value = (PeerUrl, Option<Password>);

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let text = value.to_string_lossy();
        match Whom::parse(&text) {
            Ok(Whom::Peer(url, password)) => Ok((url, password)),
            Ok(Whom::Lan) => Err(invalid(command, &text, "nodes of one network find each other by themselves")),
            Err(WhomError::Url(why)) => Err(invalid(command, &text, &why.to_string())),
            Err(why) => Err(invalid(command, &text, &why.to_string())),
        }
    }
}

/// What is behind a "#" is a secret.
fn invalid(command: &clap::Command, text: &str, why: &str) -> clap::Error {
    let shown = Printable::short(text.split('#').next().unwrap_or_default(), 100).to_string();
    let message = format!("invalid value '{shown}' for '<URL>': {why}\n");
    clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The URL that is meant, and whether the password in it is this one, if there is one at all.
    fn peer(text: &str, password: &str) -> (String, Option<bool>) {
        match Whom::parse(text) {
            Ok(Whom::Peer(url, given)) => {
                let token = |password: &Password| password.token(&url).reveal().to_owned();
                let is_this = given.map(|given| token(&given) == token(&Password::new(password)));
                (url.to_string(), is_this)
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn an_address_without_a_scheme_is_a_node_there() {
        for (typed, url) in [
            ("127.0.0.1:40601", "http://127.0.0.1:40601"),
            ("localhost", "http://localhost:9004"),
            ("box/peer/ab", "http://box:9004/peer/ab"),
            ("[fd00::7]", "http://[fd00::7]:9004"),
            ("[fd00::7]:1", "http://[fd00::7]:1"),
            ("http://box", "http://box"),
            ("http://box:1/", "http://box:1/"),
        ] {
            assert_eq!(peer(typed, ""), (url.to_owned(), None));
        }
        assert!(matches!(Whom::parse("lan"), Ok(Whom::Lan)));
        for nobody in ["", "*.pdf", "ftp://a:1", "http://a:1:2"] {
            assert!(Whom::parse(nobody).unwrap_err().to_string().contains("\"lan\""), "{nobody}");
        }
    }

    #[test]
    fn an_invite_is_an_address_and_a_password() {
        let made = super::super::qr::link(&PeerUrl::parse("http://10.0.0.7:9004").unwrap(), Some("six words & ü#"));
        assert_eq!(peer(&made, "six words & ü#"), ("http://10.0.0.7:9004".into(), Some(true)));
        assert_eq!(peer("http://a:1/#100%", "100%"), ("http://a:1".into(), Some(true)));
        assert_eq!(peer("http://a:1/#", ""), ("http://a:1/".into(), None));
        assert!(matches!(Whom::parse("http://a:1/#%ff"), Err(WhomError::Invite)));
        assert!(!format!("{:?}", Whom::parse("http://a:1/#hunter2")).contains("hunter2"));
    }
}
