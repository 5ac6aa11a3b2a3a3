//! The words of the protocol, each parsed once at the edge into a type that cannot be wrong.

mod password;
mod path;
mod url;

pub use password::{Password, Token};
pub use path::{PathError, SharedPath};
pub use url::{PeerUrl, UrlError};
