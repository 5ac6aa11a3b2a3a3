//! Sessions over a pipe with a node in this process.
