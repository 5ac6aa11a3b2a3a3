//! The node's URL space on one screen, and the HTTP it is spoken in.
//!
//! What a call means is not decided here: `rpc` decodes and encodes, [`Node`] answers.

mod body;
mod conditions;
mod content;
mod disposition;
mod get;
mod guard;
mod methods;
mod pace;
mod rpc;
mod serve;

use std::path::PathBuf;
use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Json, Router, middleware};

use crate::bridge;
use crate::node::Node;
use crate::page;

pub(crate) use disposition::NOT_PLAIN;
pub use methods::{CallContext, Methods, Reply};
pub(crate) use pace::{Paced, STALL};
pub use rpc::rpc_routes;
pub use serve::{Peer, ServeLimits, Stay, serve};

/// Every URL a node answers.
pub fn routes(node: Arc<Node>, www: Option<PathBuf>) -> Router {
    let guarded = Arc::clone(&node);
    let id = Arc::clone(&node);
    Router::new()
        .merge(page::page_routes(www))
        .route("/healthz", get(async || "ok\n"))
        .route("/node.json", get(about))
        .route(bridge::PATH, get(bridge::accept))
        .merge(rpc_routes::<Node>())
        .route("/get/{ticket}/{name}", get(get::get))
        // Never published, or not known here: one answer whatever the id.
        .route("/peer/{id}", post(async || (http::StatusCode::NOT_FOUND, "no such peer\n")))
        .fallback(async || (http::StatusCode::NOT_FOUND, "not found\n"))
        .layer(middleware::from_fn(move |request, next| guard::check(Arc::clone(&guarded), request, next)))
        .layer(middleware::map_response(move |response| guard::sign(Arc::clone(&id), response)))
        .with_state(node)
}

/// What the page says about its node; nothing here needs the password, so nothing here is worth one.
async fn about(axum::extract::State(node): axum::extract::State<Arc<Node>>) -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "name": node.name(),
        "url": node.url().as_str(),
        "version": env!("CARGO_PKG_VERSION"),
        "legacy": node.identity().legacy(),
    }))
}
