//! What the page wants done outside itself. `runner` carries it out; nothing here does.

/// Something to do outside the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Show the model as it is now.
    Draw,
    /// Ask the node behind this page who it is.
    AskNode,
}
