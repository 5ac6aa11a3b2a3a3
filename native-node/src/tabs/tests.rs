//! Tabs as the node keeps them.
