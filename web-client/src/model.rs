//! What the page knows. Plain data: no element, no socket, no clock.

use shared::{PeerUrl, UrlError};

/// All the page knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Model {
    /// The node behind this page.
    pub node: Sight,
}

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
}

/// Why the node behind the page could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// Nothing came back at all.
    #[error("This node cannot be reached. It may have been stopped, or this device may have left its network.")]
    Unreachable,
    /// Something answered, but not as a node does.
    #[error("What answers at this address is not a tinyp2p node: it said “{0}”.")]
    Status(u16),
    /// The answer lacks one of its words.
    #[error("The node answered without its {0}. Its version may differ from this page's; reload the page.")]
    Missing(&'static str),
    /// The answer was no JSON.
    #[error("The node's answer cannot be read. Its version may differ from this page's; reload the page.")]
    Unreadable,
    /// The URL it names is none that a peer has.
    #[error("The node names an address that no peer has: {0}.")]
    Url(#[from] UrlError),
}

impl Node {
    /// Makes a node of the words in its answer.
    ///
    /// # Errors
    /// [`NodeError::Missing`] or [`NodeError::Url`]: the node's fault; the page can only say so.
    pub fn from_words(word: impl Fn(&str) -> Option<String>) -> Result<Self, NodeError> {
        let must = |key: &'static str| word(key).ok_or(NodeError::Missing(key));
        Ok(Self { name: must("name")?, version: must("version")?, url: PeerUrl::parse(&must("url")?)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<'a>(known: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |key| known.iter().find(|(name, _)| *name == key).map(|(_, word)| (*word).to_owned())
    }

    #[test]
    fn a_node_is_made_of_its_three_words() {
        let all = [("name", "attic"), ("version", "0.1.0"), ("url", "http://192.168.1.7:9004")];
        let node = Node::from_words(words(&all)).unwrap();
        assert_eq!((node.name.as_str(), node.url.as_str()), ("attic", "http://192.168.1.7:9004"));
        assert_eq!(Node::from_words(words(&all[..2])), Err(NodeError::Missing("url")));
    }

    #[test]
    fn an_address_that_could_run_a_script_is_refused() {
        let all = [("name", "attic"), ("version", "0.1.0"), ("url", "javascript:alert(1)")];
        assert_eq!(Node::from_words(words(&all)), Err(NodeError::Url(UrlError::Scheme)));
    }
}
