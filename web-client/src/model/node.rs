//! The node behind this page, as it answers before anybody has proved anything.

use shared::{PeerUrl, UrlError};

/// What the page knows of the node behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Sight {
    /// Not asked yet, or asked and waiting.
    #[default]
    Asking,
    /// It said who it is.
    Known(Node),
    /// It could not be asked; why.
    Lost(NodeError),
}

/// Who a node says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What its owner calls it.
    pub name: String,
    /// The version of tinyp2p it runs.
    pub version: String,
    /// Where other peers find it.
    pub url: PeerUrl,
    /// Whether it also speaks the protocol of 2004, which is not encrypted.
    pub legacy: bool,
    /// Whether it takes copies of what a tab shares.
    pub drop_box: bool,
}

/// Why the node behind the page could not be asked; `text` has the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeError {
    /// Nothing came back at all.
    Unreachable,
    /// Something answered, but not as a node does.
    Status(u16),
    /// The answer lacks one of its words.
    Missing(&'static str),
    /// The answer was no JSON.
    Unreadable,
    /// The URL it names is none that a peer has.
    Url(UrlError),
}

impl Node {
    /// Makes a node of the words in its answer.
    ///
    /// # Errors
    /// [`NodeError::Missing`] or [`NodeError::Url`]: the node's fault; the page can only say so.
    pub fn from_words(word: impl Fn(&str) -> Option<String>) -> Result<Self, NodeError> {
        let must = |key: &'static str| word(key).ok_or(NodeError::Missing(key));
        let (name, version) = (must("name")?, must("version")?);
        let url = PeerUrl::parse(&must("url")?).map_err(NodeError::Url)?;
        // Nodes from before there was a choice do not say.
        let is = |key| word(key).is_some_and(|word| word == "true");
        Ok(Self { name, version, url, legacy: is("legacy"), drop_box: is("drop_box") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<'a>(known: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |key| known.iter().find(|(name, _)| *name == key).map(|(_, word)| (*word).to_owned())
    }

    #[test]
    fn a_node_is_made_of_its_words() {
        let all = [("name", "attic"), ("version", "0.1.0"), ("url", "http://192.168.1.7:9004"), ("legacy", "true")];
        let node = Node::from_words(words(&all)).unwrap();
        assert_eq!((node.name.as_str(), node.url.as_str(), node.legacy), ("attic", "http://192.168.1.7:9004", true));
        assert!(!Node::from_words(words(&all[..3])).unwrap().legacy);
        assert_eq!(Node::from_words(words(&all[..2])), Err(NodeError::Missing("url")));
    }

    #[test]
    fn an_address_that_could_run_a_script_is_refused() {
        let all = [("name", "attic"), ("version", "0.1.0"), ("url", "javascript:alert(1)")];
        assert_eq!(Node::from_words(words(&all)), Err(NodeError::Url(UrlError::Scheme)));
    }
}
