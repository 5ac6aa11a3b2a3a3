//! What the page knows. Plain data: no element, no socket, no clock.

mod hold;
mod link;
mod node;
mod peers;
mod pool;
mod preview;
mod reason;
mod saves;
mod secret;
mod settings;

pub use hold::{Dropped, Held, Hold, Kept, Reading};
pub use link::{Link, Loss, Unlock};
pub use node::{Node, NodeError, Sight};
pub use peers::{Peer, PeerKind};
pub(crate) use pool::Renewal;
pub use pool::{Mode, PatternKind, Pool, Progress};
pub use preview::{Preview, Shown, TEXT_BYTES, Viewer};
pub use reason::Reason;
pub use saves::{Save, Saves, Saving};
pub use secret::Secret;
pub(crate) use settings::tidy_name;
pub use settings::{MOST_IN_MEMORY, Settings, Way};

/// All the page knows.
#[derive(Debug, Default)]
pub struct Model {
    /// The time, in milliseconds since 1970; `runner` sets it before each event.
    pub now: f64,
    /// Whether the browser trusts this origin: `localhost`, or TLS.
    pub is_secure: bool,
    /// The node behind this page.
    pub node: Sight,
    /// Before, and while, the password is proved.
    pub unlock: Unlock,
    /// The session with the node.
    pub link: Link,
    /// What the person has chosen, and the browser remembers.
    pub settings: Settings,
    /// The panel a narrow screen shows.
    pub panel: Panel,
    /// The search and what it found.
    pub pool: Pool,
    /// Files on their way to the person's disk.
    pub saves: Saves,
    /// Files this tab offers.
    pub hold: Hold,
    /// Who is here.
    pub peers: Vec<Peer>,
    /// How often we were told who is here.
    pub(crate) peers_told: u32,
    /// When the last was, as `now`.
    pub(crate) peers_told_at: f64,
    /// The file shown, if one is.
    pub preview: Option<Preview>,
    /// The invite link, while it is shown; it holds the password.
    pub invite: Option<Secret>,
    /// The same as a QR code, once it is drawn: the box of an SVG and, on the next line, a path.
    pub invite_code: Option<Secret>,
    /// A short message about what was just done, and when it is to go.
    pub notice: Option<(Notice, f64)>,
    /// Whether files are being dragged over the page.
    pub is_dragged_over: bool,
    /// For what needs chance, such as not calling a node at the same moment as every other tab.
    pub(crate) seed: u32,
    /// Whether a timer for the next second is set.
    pub(crate) is_ticking: bool,
    /// Whether the browser was asked to warn before closing.
    pub(crate) is_warning: bool,
}

/// A panel of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is its name")]
pub enum Panel {
    #[default]
    Pool,
    Saves,
    Hold,
    Peers,
}

impl Panel {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Pool, Self::Saves, Self::Hold, Self::Peers];

    /// Its name in the page's markup.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::Saves => "saves",
            Self::Hold => "hold",
            Self::Peers => "peers",
        }
    }
}

/// What a short message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The invite link is in the clipboard.
    Copied,
    /// Leaving would break off what runs; who presses once more means it.
    LeaveAgain,
    /// So many saves were begun.
    Saving(usize),
    /// So many files are offered from now on.
    Offered(usize),
    /// So many files cannot be offered: their names or their number forbid it.
    NotOffered(usize),
}

impl Model {
    /// Whether the person is inside: past the password, with or without a session at the moment.
    #[must_use]
    pub fn is_unlocked(&self) -> bool {
        matches!(self.link, Link::Open { .. }) || self.unlock.has_been_open
    }

    /// The next number of chance.
    pub(crate) fn chance(&mut self) -> u32 {
        // Xorshift; zero would stay zero.
        let mut seed = self.seed.max(1);
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        self.seed = seed;
        seed
    }
}
