//! The words of the protocol, each parsed once at the edge into a type that cannot be wrong.

mod password;
mod path;
//mod pattern;
mod printable;
mod saved_name;
mod url;

pub use password::{Password, Token};
pub use path::{PathError, SharedPath};
//pub use pattern::{Pattern, PatternError, PatternKind};
pub use printable::{Printable, printable_bytes};
pub use saved_name::{OWN_PREFIX, fold, safe_name};
pub use url::{PeerUrl, UrlError};
