//! The session with the node: proved, open, lost, and when it will be tried again.

use shared::PeerUrl;

use super::{Reason, Secret};

/// The session, as the person sees it.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Link {
    /// No password yet.
    #[default]
    Locked,
    /// Calling the node.
    Connecting,
    /// Proving the password: takes a moment on purpose.
    Unlocking,
    /// Ready.
    Open {
        /// Under which URL others reach this tab, once it offers something.
        url: Option<PeerUrl>,
    },
    /// It broke off, or could not be made.
    Lost {
        /// Why.
        why: Loss,
        /// When it is tried again, in milliseconds since 1970; `None` while the device has no network.
        retry_at: Option<f64>,
    },
}

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// The node cannot be reached.
    Unreachable,
    /// The session ended under way.
    Interrupted,
    /// The browser says that this device has no network.
    Offline,
    /// Another reason.
    For(Reason),
}

/// The password, on its way in.
#[derive(Debug, Default)]
pub struct Unlock {
    /// Whether the password is shown as it is typed.
    pub is_shown: bool,
    /// Whether the last password was wrong.
    pub is_wrong: bool,
    /// Whether nothing was typed.
    pub is_empty: bool,
    /// Until when the node takes no further password from here, in milliseconds since 1970.
    pub wait_until: f64,
    /// The password, kept for invites while this tab is open.
    pub(crate) secret: Option<Secret>,
    /// Whether this tab has been inside.
    pub(crate) has_been_open: bool,
    /// Attempts in a row that led nowhere.
    pub(crate) attempts: u32,
}
