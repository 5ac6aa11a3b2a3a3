//! The node's URL space on one screen, and the HTTP it is spoken in.
//!
//! What a call means is not decided here: `rpc` decodes and encodes, [`Node`] answers.

mod aside;
mod body;
mod conditions;
mod content;
mod disposition;
mod get;
mod guard;
mod methods;
pub(crate) mod negotiate;
mod pace;
mod put;
mod rpc;
mod serve;

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};

use crate::bridge::{self, Callee};
use crate::node::Node;
use crate::page;

pub(crate) use disposition::NOT_PLAIN;
pub(crate) use methods::FIRST_LOOK_PATIENCE;
pub use methods::{CallContext, Methods, Reply};
pub(crate) use pace::{Paced, STALL};
pub use rpc::rpc_routes;
pub use serve::{ConnectionGuard, Peer, ServeLimits, serve};

/// Every URL a node answers.
pub fn routes(node: Arc<Node>, www: Option<PathBuf>) -> Router {
    let guarded = Arc::clone(&node);
    let id = Arc::clone(&node);
    Router::new()
        .merge(page::page_routes(www))
        .route("/healthz", get(async || "ok\n"))
        .route("/node.json", get(about))
        .route(bridge::PATH, get(bridge::accept::<Node>).options(bridge::options))
        .merge(rpc_routes::<Node>())
        .route("/get/{ticket}/{name}", get(get::get))
        .route("/put/{ticket}/", axum::routing::put(put::put))
        .route("/put/{ticket}/{*path}", axum::routing::put(put::put))
        .route("/aside/{id}", get(aside::aside))
        .route("/peer/{id}", post(tab).get(page_of_a_tab))
        .fallback(async || (http::StatusCode::NOT_FOUND, "not found\n"))
        .layer(middleware::from_fn(move |request, next| guard::check(Arc::clone(&guarded), request, next)))
        .layer(middleware::map_response(move |response| guard::sign(Arc::clone(&id), response)))
        .with_state(node)
}

/// The bridge, and nothing else.
pub(crate) fn bridge_alone<C: Callee>(callee: Arc<C>) -> Router {
    let (guarded, id) = (Arc::clone(&callee), Arc::clone(&callee));
    Router::new()
        .route(bridge::PATH, get(bridge::accept::<C>))
        .fallback(async || (http::StatusCode::NOT_FOUND, "not found\n"))
        .layer(middleware::from_fn(move |request, next| guard::check(Arc::clone(&guarded), request, next)))
        .layer(middleware::map_response(move |response| guard::sign(Arc::clone(&id), response)))
        .with_state(callee)
}

/// A call to a tab, by the same handler as a call to the node. One that left answers too, with nothing: a client of 2004 dies
/// of anything else. What cannot be a tab is not found, whoever asks.
async fn tab(State(node): State<Arc<Node>>, Extension(peer): Extension<Peer>, request: Request) -> Response {
    if shared::bridge::TabId::of_path(request.uri().path()).is_none() {
        return (http::StatusCode::NOT_FOUND, "no such peer\n").into_response();
    }
    rpc::endpoint(State(node), Extension(peer), request).await
}

/// Who opens a tab's URL in a browser is shown where its files can be had.
async fn page_of_a_tab(request: Request) -> Response {
    match shared::bridge::TabId::of_path(request.uri().path()) {
        Some(_) => Redirect::to("/").into_response(),
        None => (http::StatusCode::NOT_FOUND, "no such peer\n").into_response(),
    }
}

/// What the page says about its node; nothing here needs the password, so nothing here is worth one.
async fn about(State(node): State<Arc<Node>>) -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "name": node.name(),
        "url": node.url().as_str(),
        "version": env!("CARGO_PKG_VERSION"),
        "legacy": node.identity().legacy(),
        "drop_box": node.drop_box().is_some(),
    }))
}
