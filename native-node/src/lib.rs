//! A native tinyp2p node as a library: the command line is one caller, the tests are another.

pub mod archive;
mod aside;
pub mod bridge;
pub mod cli;
pub mod desk;
pub mod dial;
pub mod discover;
pub mod download;
mod fetchers;
pub mod folder;
mod follow;
pub mod http;
pub mod known_peers;
pub mod link;
mod lock;
mod members;
pub mod names;
pub mod node;
mod open_files;
pub mod page;
pub mod run;
mod search_pool;
pub mod source;
mod swarm;
mod swim;
pub mod tabs;
pub mod ticket;
