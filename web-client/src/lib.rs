//! The tinyp2p page: what a browser tab runs once `www/boot.js` has started it.
//!
//! What happens is an [`Event`]; [`update`] turns it into a new [`Model`] and the [`Effect`]s to carry out. All of that is
//! pure and tested natively. Only `runner`, `transport`, `view` and `wire` touch the browser, and nothing here is ever
//! leaked on purpose.

mod effect;
mod event;
mod model;
mod panics;
pub mod pool;
mod runner;
pub mod text;
#[cfg_attr(feature = "demo", path = "demo.rs")]
mod transport;
mod update;
mod view;
#[cfg_attr(feature = "demo", expect(dead_code, reason = "the invented network has no wire"))]
mod wire;

pub use effect::*;
pub use event::*;
pub use model::*;
pub use update::{Timer, update};

use wasm_bindgen::prelude::wasm_bindgen;

/// Starts the page; `www/boot.js` reaches it through the glue that wasm-bindgen writes.
#[wasm_bindgen(start)]
pub fn start() {
    panics::show_to_the_person();
    runner::start();
}
