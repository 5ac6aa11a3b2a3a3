//! What can happen to the page, in its own words; the browser's events are turned into these in `runner` and `view`, the
//! session's in `transport`.

use shared::PeerUrl;

use crate::model::{Dropped, Loss, Mode, Node, NodeError, Panel, Peer, Reason, Secret, Settings, Way};
use crate::pool::{Column, Kind, Offer};
use crate::text::Language;
use crate::update::Timer;

pub use crate::pool::Step;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The page was opened.
    Opened(Opened),
    /// The person asked to try again to reach the node.
    Retried,
    /// The node said who it is, or could not be asked.
    NodeAnswered(Result<Node, NodeError>),
    /// A timer that was set is up.
    TimeUp(Timer),
    /// The person looks at another panel.
    PanelChosen(Panel),
    /// The person chose a language.
    LanguageChosen(Language),
    /// About the password and invites.
    Unlock(UnlockEvent),
    /// About the session.
    Link(LinkEvent),
    /// About the search and its results.
    Pool(PoolEvent),
    /// About files on their way to the disk.
    Save(SaveEvent),
    /// About files this tab offers.
    Hold(HoldEvent),
    /// About who is here.
    Peers(PeersEvent),
    /// About the file shown.
    Preview(PreviewEvent),
}

/// What the browser knows when the page is opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Whether it trusts this origin.
    pub is_secure: bool,
    /// Chance.
    pub seed: u32,
    /// What was remembered; languages the person reads are in it already.
    pub settings: Settings,
    /// The password of an invite link.
    pub invited: Option<Secret>,
}

/// About the password and invites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnlockEvent {
    /// The person wants the password shown as it is typed, or hidden.
    ShownOrHidden,
    /// The person gave a password.
    Given(Secret),
    /// The person wants to leave: the password is forgotten.
    Left,
    /// The person wants a link that unlocks; the page's address without a fragment.
    InviteWanted(String),
    /// The link is in the clipboard, if there is one, and drawn as a QR code, where that could be done.
    InviteReady {
        /// Whether it is in the clipboard.
        is_copied: bool,
        /// The box of an SVG and, on the next line, a path.
        code: Option<Secret>,
    },
    /// The person has copied the link.
    InviteCopied,
    /// The person has seen it.
    InviteClosed,
}

/// About the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// The node is being called.
    Connecting,
    /// The password is being proved.
    Unlocking,
    /// The session is there.
    Open {
        /// Under which URL others reach this tab.
        url: Option<PeerUrl>,
    },
    /// It ended, or could not be made. Everything that ran in it has ended too, without further events.
    Lost(Loss),
    /// The password is wrong.
    Refused {
        /// For how many seconds no further one is taken.
        wait_s: u32,
    },
    /// The browser says that the network is there again.
    Online,
    /// The browser says that it is gone.
    Offline,
    /// The person does not want to wait.
    Now,
}

/// About the search and its results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolEvent {
    /// The field was changed.
    Typed(String),
    /// The person does not want to wait for a pause in typing.
    Entered,
    /// How the field is read was changed.
    ModeChosen(Mode),
    /// A peer offers files that match.
    Found {
        /// For which search.
        search: u32,
        /// Who.
        peer: PeerUrl,
        /// What.
        offers: Vec<Offer>,
        /// How long ago it was last seen, in seconds, where it is away.
        seen: Option<u64>,
    },
    /// A peer has said all, or cannot be asked.
    Answered {
        /// For which search.
        search: u32,
        /// Who.
        peer: PeerUrl,
        /// Why it cannot be asked.
        error: Option<Reason>,
    },
    /// All have been asked.
    Done {
        /// Which search.
        search: u32,
    },
    /// The pattern cannot be understood; why, and nobody was asked.
    PatternBad {
        /// Of which search.
        search: u32,
        /// In words.
        why: String,
    },
    /// A column's head was pressed.
    Sorted(Column),
    /// A kind was chosen or no longer; `None` for all kinds.
    KindChosen(Option<Kind>),
    /// A key moved the cursor.
    Walked {
        /// Whereto.
        step: Step,
        /// Whether what lies between is to be selected.
        is_range: bool,
    },
    /// A row was pressed, or the space bar was.
    Pressed {
        /// Which, by the id it was drawn with; `None` for where the cursor is.
        row: Option<u32>,
        /// Whether what lies between is to be selected.
        is_range: bool,
    },
    /// Everything shown is to be selected.
    AllSelected,
    /// Nothing is to be selected.
    NoneSelected,
    /// The enter key was pressed in the list, or the button that saves: what is selected, or where the cursor is.
    SaveWanted,
    /// What is selected is to be saved as one archive.
    ZipWanted,
    /// One row is to be saved, by the id it was drawn with.
    RowSaveWanted(u32),
}

/// About files on their way to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveEvent {
    /// So many bytes have arrived.
    Progress {
        /// Of which save.
        id: u32,
        /// In all.
        bytes: u64,
    },
    /// The browser's download manager has it.
    HandedOver {
        /// Which save.
        id: u32,
    },
    /// It is saved.
    Done {
        /// Which save.
        id: u32,
        /// Whether every byte was proved to be what was promised.
        is_verified: bool,
    },
    /// A holder sent something else than promised, and is asked no more.
    GivenUp {
        /// For which save.
        id: u32,
        /// Who.
        peer: PeerUrl,
    },
    /// It could not be saved.
    Failed {
        /// Which save.
        id: u32,
        /// In words.
        why: Reason,
    },
    /// The person does not want it after all.
    Cancelled(u32),
    /// The person wants none of what runs or waits.
    AllCancelled,
    /// The person wants it tried again.
    Retried(u32),
    /// The person wants what has ended out of sight.
    Cleared,
    /// The person wants files saved another way.
    WayChosen(Way),
}

/// About files this tab offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldEvent {
    /// Files are dragged over the page, or no longer.
    Dragged(bool),
    /// Files were dropped, picked or pasted.
    Dropped(Vec<Dropped>),
    /// The person does not offer a file any longer.
    Withdrawn(u32),
    /// The person offers nothing any longer.
    AllWithdrawn,
    /// The node is to keep copies of all that is offered.
    CopiesWanted,
    /// What came of a copy.
    Copied {
        /// Of which file.
        path: String,
        /// Why there is none, in the node's words.
        error: Option<String>,
    },
    /// Nothing will come of the others.
    CopiesEnded,
    /// Somebody reads a file of ours.
    Reading {
        /// The transport's number for it.
        id: u32,
        /// Who, by name.
        reader: Option<String>,
        /// Which file.
        handle: u32,
        /// How much of it has been sent.
        bytes: u64,
    },
    /// It ended.
    ReadingEnded {
        /// The transport's number for it.
        id: u32,
        /// Whether all of it was sent.
        is_whole: bool,
    },
}

/// About who is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeersEvent {
    /// Who is here from now on.
    Changed(Vec<Peer>),
    /// The person named this tab.
    Named(String),
}

/// About the file shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreviewEvent {
    /// The person wants to see a file, by the id its row was drawn with.
    Wanted(u32),
    /// The person wants to see the file where the keyboard is.
    CursorWanted,
    /// It can be had from this address.
    Ready {
        /// Of which preview.
        id: u32,
        /// `blob:`, or of our own origin.
        address: String,
    },
    /// It is this text.
    Text {
        /// Of which preview.
        id: u32,
        /// The beginning of the file.
        text: String,
        /// Whether there is more.
        is_cut: bool,
    },
    /// It could not be had, or the browser cannot show it.
    Failed {
        /// Of which preview.
        id: u32,
        /// In words.
        why: Reason,
    },
    /// The browser has it and cannot show it.
    Unplayable,
    /// The person wants it on the disk.
    SaveWanted,
    /// The person has seen it.
    Closed,
}
