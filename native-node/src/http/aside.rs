//! `GET /aside/{id}`: what was asked for in a session, sealed, for the first who comes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, Uri, header};
use http_body::Frame;
use http_body_util::StreamBody;
use shared::bridge::AsideId;

use crate::node::Node;

pub(super) async fn aside(State(node): State<Arc<Node>>, method: Method, uri: Uri) -> Response {
    // It is given away once: not to who only looks.
    if method == Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let parts = AsideId::of_path(uri.path()).and_then(|id| node.asides().fetch(id));
    let Some(parts) = parts else {
        return (StatusCode::NOT_FOUND, "Nobody asked for this, or it was fetched before.\n").into_response();
    };
    // Of no length: its end is sealed, as all of it.
    let parts = futures_util::stream::unfold(parts, async |mut parts| {
        let part = parts.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(Frame::data(part)), parts))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::new(StreamBody::new(parts))).into_response()
}
