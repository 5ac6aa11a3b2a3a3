//! The program `tinyp2p`. Everything it does is in the library.

fn main() {}
