//! XML-RPC (Winer, 1999) to values and back, strict with callers and tolerant of servers of 2004.
//!
//! Bytes in, bytes out: HTTP is not here, nor is anything that knows what a file or a peer is, except in `message`, where
//! values become the three calls of `f`.

mod chars;
mod content;
mod content_reader;
mod content_writer;
mod decode64;
mod document;
mod encoding;
mod introspection;
mod markup;
mod message;
mod multicall;
mod reader;
mod reply;
mod scalar;
mod value;
mod writer;

pub use crate::state::Inspector;
pub use content::reply_length;
pub use content_reader::{ContentOutcome, ContentReader};
pub use content_writer::{ContentChanged, ContentWriter};
pub use introspection::{MethodInfo, SYSTEM_METHODS, answer_system};
pub use message::{FCall, Name, read_f, read_names, read_peers, write_f};
pub use multicall::{multicall_answer, read_multicall};
pub use reader::{MethodCall, read_call};
pub use reply::{ReplyError, read_reply};
pub use value::Value;
pub use writer::{NAMES_HEAD, NAMES_TAIL, write_call, write_fault, write_names, write_response};
