//! The `tinyp2p` command: arguments in, exit code out. Everything it does is in the library, where tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    native_node::cli::run(std::env::args_os().collect())
}
