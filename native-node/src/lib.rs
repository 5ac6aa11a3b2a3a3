//! tinyp2p's native node: the room in which a peer's files, sockets and clock live, around the pure heart in `shared`.

pub mod folder;
