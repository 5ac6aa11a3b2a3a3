//! What the session has to say in words of its own. Reasons that a node or a peer gives are passed on as they are.

use crate::wire::ReplyError;

/// The node is called by a name that it does not know.
pub(super) fn unknown_name(host: &str) -> String {
    format!(
        "This node does not know that it is called {host}. Start it with --alias {host}, or open the page at the \
         address that the node shows when it starts."
    )
}

/// Too many wrong passwords came from here.
pub(super) fn too_many(seconds: u64) -> String {
    format!("The node takes no password from here for {seconds} s: too many were wrong.")
}

/// The node has too much to do.
pub(super) const NODE_BUSY: &str = "The node is busy just now; it is asked again by itself.";
/// No room in the browser.
pub(super) const NO_ROOM: &str = "the browser has no room for it";
/// A ticket that leads somewhere else.
pub(super) const STRANGE_ADDRESS: &str = "the node gave an address that is not its own";
/// Nobody is left who could be asked.
pub(super) const NO_SOURCE: &str = "nobody has it any more";

/// Why a file cannot be had.
pub(super) fn reply_error(why: &ReplyError) -> String {
    match why {
        ReplyError::Reset(reset) if reset.text.is_empty() => "whoever has it refused".to_owned(),
        ReplyError::Reset(reset) => reset.text.clone(),
        ReplyError::Silent => "nothing came for a minute".to_owned(),
        ReplyError::Interrupted => "the session with the node ended".to_owned(),
        ReplyError::Strange => "what came is not what was asked for".to_owned(),
        ReplyError::Full => "too much is asked for at once".to_owned(),
    }
}
