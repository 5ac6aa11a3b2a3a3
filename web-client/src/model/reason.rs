//! Why something did not work out, before it is put into words of a language.

/// A reason, for the person. Each has its words in `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A node or a peer says it in its own words.
    Said(String),
    /// The node does not know that it is called by this name, which is the page's host.
    UnknownName(String),
    /// Too many wrong passwords came from here; for how many seconds none is taken.
    TooMany(u64),
    /// The node has too much to do.
    NodeBusy,
    /// There is not enough memory to prepare the password.
    NoMemory,
    /// The browser gives the page no worker.
    NoWorker,
    /// The browser has no room for it.
    NoRoom,
    /// The node gave an address that is not its own.
    StrangeAddress,
    /// Nobody is left who could be asked.
    NoSource,
    /// Whoever has it refused, without a word.
    Refused,
    /// Nothing came for a minute.
    Silent,
    /// The session with the node ended.
    Ended,
    /// What came is not what was asked for.
    Strange,
    /// Too much is asked for at once.
    Full,
    /// What came are not the bytes that were promised.
    Lied,
    /// The browser cannot show it.
    Unplayable,
}
