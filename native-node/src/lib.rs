//! A native peer of the password-shared pool: the library behind the program `tinyp2p`.

pub mod page;
