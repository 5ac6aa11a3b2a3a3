//! The three things that `f(token, n, arg)` can ask, once its arguments are understood.

/// One call of the function of 2004, without its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `n` = 0: here are the peers I know (texts as they came), tell me yours.
    Exchange(Vec<String>),
    /// `n` = 1: which of your files match this pattern of Python's `re`? Empty: all of them.
    List(String),
    /// Any other `n`: the bytes of this file.
    Fetch(String),
}
