//! The URL of a peer, kept verbatim.
//!
//! The token of 2004 is keyed by the URL's exact text, so nothing here normalises: a trailing slash added by a helpful
//! URL library would be another peer with another token. This is no general URL parser: what a peer cannot be, it refuses.

use std::fmt;

use super::ipv6::is_ipv6;
use crate::limits;

/// The URL of one peer: `http://HOST:PORT` or `http://HOST:PORT/path`, exactly as it was written.
///
/// Equality and order are those of the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerUrl {
    text: Box<str>,
    /// Where the authority (`HOST[:PORT]`) ends in `text`.
    authority_end: u16,
    port: u16,
}

/// Why a text is not the URL of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It does not begin with `http://`.
    #[error("a peer's URL begins with http://, like http://192.168.1.7:9004")]
    Scheme,
    /// No host, or one with a character no host has.
    #[error("the URL names no usable host; expected something like http://192.168.1.7:9004")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the URL's port is not a number from 1 to 65535")]
    Port,
    /// A user name or password before the host, which would leak to whoever reads the URL.
    #[error("a peer's URL has no user name or password in it")]
    UserInfo,
    /// A path, query or fragment that no peer has.
    #[error("a peer's URL has no query, fragment, or odd characters in its path")]
    Path,
    /// Longer than [`limits::URL_BYTES`].
    #[error("the URL is longer than 255 bytes")]
    TooLong,
}

const SCHEME: &str = "http://";
/// What begins the path of a tab's URL.
pub(crate) const TABS: &str = "/peer/";

impl PeerUrl {
    /// Checks a URL and keeps its text as it is.
    ///
    /// # Errors
    /// A [`UrlError`] that says what a peer's URL looks like.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > limits::URL_BYTES {
            return Err(UrlError::TooLong);
        }
        // Upper-case schemes are refused, not folded: Python 2.7's client takes them, but the text is the key.
        let rest = text.strip_prefix(SCHEME).ok_or(UrlError::Scheme)?;
        // `split_at` could fail as far as the compiler knows, and what it would print then is 3 KB of the page.
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or_default();
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let port = check_authority(authority)?;
        if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte)) {
            return Err(UrlError::Path);
        }
        let authority_end = u16::try_from(SCHEME.len() + authority.len()).map_err(|_| UrlError::TooLong)?;
        Ok(Self { text: text.into(), authority_end, port })
    }

    /// The text, verbatim: what the token is keyed by.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `HOST[:PORT]`, as in a `Host` header.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.text.get(SCHEME.len()..usize::from(self.authority_end)).unwrap_or_default()
    }

    /// The host without port; an IPv6 literal without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.strip_prefix('[') {
            Some(literal) => literal.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        }
    }

    /// The TCP port; 80 where the URL names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path to post calls to: the URL's own, or `/RPC2` where it has none, as Python's `ServerProxy` does.
    #[must_use]
    pub fn rpc_path(&self) -> &str {
        match self.path() {
            "" => "/RPC2",
            path => path,
        }
    }

    /// Whether it is the URL of a tab, or would be: such a path never means the node itself.
    #[must_use]
    pub fn is_of_tab(&self) -> bool {
        self.path().starts_with(TABS)
    }

    /// Which peer at its node it means, as the bridge has it: a tab's path, or nothing for the node itself.
    #[must_use]
    pub fn tab_path(&self) -> &str {
        if self.is_of_tab() { self.path() } else { "" }
    }

    /// The path as written: empty for `http://h:1`, `/` for `http://h:1/`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text.get(usize::from(self.authority_end)..).unwrap_or_default()
    }
}

/// Checks `HOST[:PORT]` and answers the port.
fn check_authority(authority: &str) -> Result<u16, UrlError> {
    let (host_is_good, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (literal, port) = rest.split_once(']').ok_or(UrlError::Host)?;
            (is_ipv6(literal), port)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at_checked(end).unwrap_or_default();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            (!host.is_empty() && host.bytes().all(plain), port)
        }
    };
    if !host_is_good {
        return Err(UrlError::Host);
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(80),
        // Digits only: `u16::from_str` would take a leading '+'.
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => match digits.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(UrlError::Port),
        },
        _ => Err(UrlError::Port),
    }
}

impl fmt::Display for PeerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PeerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_the_text_and_finds_its_parts() {
        for (text, host, port, rpc_path) in [
            ("http://127.0.0.1:9001", "127.0.0.1", 9001, "/RPC2"),
            ("http://127.0.0.1:9001/", "127.0.0.1", 9001, "/"),
            ("http://Mixed-Case.local:80/peer/ab12", "Mixed-Case.local", 80, "/peer/ab12"),
            ("http://[fe80::1]:9004", "fe80::1", 9004, "/RPC2"),
            ("http://box", "box", 80, "/RPC2"),
        ] {
            let url = PeerUrl::parse(text).unwrap();
            assert_eq!(
                (url.as_str(), url.host(), url.port(), url.rpc_path()),
                (text, host, port, rpc_path),
                "parts of {text}"
            );
        }
    }

    #[test]
    fn refuses_what_no_peer_is() {
        for (text, why) in [
            ("", UrlError::Scheme),
            ("127.0.0.1:9001", UrlError::Scheme),
            ("https://h:1", UrlError::Scheme),
            ("ws://h:1", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("http://", UrlError::Host),
            ("http://:9004", UrlError::Host),
            ("http://a b:1", UrlError::Host),
            ("http://h\n:1", UrlError::Host),
            ("http://é:1", UrlError::Host),
            ("http://[::1:9004", UrlError::Host),
            ("http://[zz]:9004", UrlError::Host),
            ("http://user:pw@h:1", UrlError::UserInfo),
            ("http://h:0", UrlError::Port),
            ("http://h:", UrlError::Port),
            ("http://h:65536", UrlError::Port),
            ("http://h:+80", UrlError::Port),
            ("http://h:1?q", UrlError::Path),
            ("http://h:1/#f", UrlError::Path),
            ("http://h:1/%2e", UrlError::Path),
            ("http://h:1/a b", UrlError::Path),
        ] {
            assert_eq!(PeerUrl::parse(text), Err(why), "{text:?}");
        }
        assert_eq!(PeerUrl::parse(&format!("http://{}:1", "h".repeat(300))), Err(UrlError::TooLong));
    }

    proptest! {
        #[test]
        fn never_panics_and_never_changes_the_text(text in ".{0,300}") {
            if let Ok(url) = PeerUrl::parse(&text) {
                prop_assert_eq!(url.as_str(), text.as_str());
                prop_assert!(!url.host().is_empty());
            }
        }
    }
}
