//! By what a tab is known at its node: it follows from a secret that the tab keeps, so the node has nothing to remember.

use std::fmt;

use sha2::{Digest, Sha512};

use crate::words::TABS;
use crate::{Hex, PeerUrl, parse_hex};

/// Shortest secret that is one, in bytes.
const SECRET_BYTES: usize = 16;
/// Length of an id, in bytes; twice as many hexadecimal digits.
const BYTES: usize = 10;

/// The last part of a tab's URL. No secret, and not to be guessed: it is part of a hash of 16 random bytes or more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TabId([u8; BYTES]);

impl TabId {
    /// The id of whoever shows this secret; none where it is too short to be one.
    #[must_use]
    pub fn of(secret: &[u8]) -> Option<Self> {
        if secret.len() < SECRET_BYTES {
            return None;
        }
        let hash = Sha512::new().chain_update(b"tinyp2p tab\0").chain_update(secret).finalize();
        hash.first_chunk().copied().map(Self)
    }

    /// Reads a path such as `/peer/00112233445566778899`, and nothing else.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        parse_hex(path.strip_prefix(TABS)?).map(Self)
    }

    /// Its path at its node.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{TABS}{self}")
    }

    /// Its URL, where its node is reached at the host and port of `node`; none where that would be too long.
    #[must_use]
    pub fn url_at(&self, node: &PeerUrl) -> Option<PeerUrl> {
        PeerUrl::parse(&format!("http://{}{}", node.authority(), self.path())).ok()
    }
}

impl fmt::Display for TabId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for TabId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TabId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_the_secret_alone() {
        let id = TabId::of(&[7; 16]).unwrap();
        // As sha512sum has it, of "tinyp2p tab", a zero and 16 sevens.
        assert_eq!(id.to_string(), "88723ebd355d2b536467");
        assert_ne!(TabId::of(&[7; 17]), Some(id));
        assert_eq!(TabId::of(&[7; 15]), None);
        assert_eq!(TabId::of_path(&id.path()), Some(id));
    }

    #[test]
    fn only_the_very_path_is_read() {
        let path = TabId::of(&[7; 16]).unwrap().path();
        for wrong in
            ["", "/peer/", "/peer/ab12", &path.to_uppercase(), &path[1..], &format!("{path}0"), &format!("{path}/")]
        {
            assert_eq!(TabId::of_path(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_url_is_that_of_its_node_with_the_path() {
        let id = TabId::of(&[7; 16]).unwrap();
        for node in ["http://10.0.0.1:9004", "http://10.0.0.1:9004/", "http://10.0.0.1:9004/RPC2"] {
            let url = id.url_at(&PeerUrl::parse(node).unwrap()).unwrap();
            assert_eq!(url.as_str(), format!("http://10.0.0.1:9004/peer/{id}"));
        }
        assert_eq!(id.url_at(&PeerUrl::parse(&format!("http://{}:1", "h".repeat(245))).unwrap()), None);
    }
}
