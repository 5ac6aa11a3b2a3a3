//! The words of the protocol, each parsed once at the edge into a type that cannot be wrong.

mod content_id;
mod fold;
mod hex;
mod invite;
mod ipv6;
mod password;
mod path;
#[cfg(feature = "pattern")]
mod pattern;
mod peer_name;
mod printable;
mod saved_name;
mod url;

pub use content_id::ContentId;
pub use fold::fold;
pub use hex::{Hex, parse_hex};
pub use invite::{read_invite, write_invite};
pub use password::{Password, Token};
pub use path::{PathError, PathRef, SharedPath};
#[cfg(feature = "pattern")]
pub(crate) use pattern::Sieve;
#[cfg(feature = "pattern")]
pub use pattern::{Pattern, PatternError, PatternKind};
pub use peer_name::peer_name;
pub use printable::{Printable, printable_bytes};
pub use saved_name::{OWN_PREFIX, cut, is_own_name, safe_name};
#[cfg(feature = "bridge")]
pub(crate) use url::TABS;
pub use url::{PeerUrl, UrlError};
