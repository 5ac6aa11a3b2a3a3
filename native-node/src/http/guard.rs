//! Which requests are let in at all: those addressed to us, by no foreign page.
//!
//! A page elsewhere can make its visitor's browser post to a node on the visitor's network (cross-site forgery), or point a
//! name of its own at that node (DNS rebinding). The password already stops both; these checks stop them earlier.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HOST, HeaderValue, ORIGIN};

use crate::bridge::Callee;
use crate::names::{NODE_HEADER, OwnNames};

/// Lets a request through, or answers it with a sentence.
pub(super) async fn check<C: Callee>(node: Arc<C>, request: Request<Body>, next: Next) -> Response {
    match refusal(node.names(), &request) {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    }
}

/// Names the node on every answer.
pub(super) async fn sign<C: Callee>(node: Arc<C>, mut response: Response) -> Response {
    if let Ok(id) = HeaderValue::from_str(node.id()) {
        response.headers_mut().insert(NODE_HEADER, id);
    }
    response
}

/// Why a request is not for us, if so.
fn refusal(names: &OwnNames, request: &Request<Body>) -> Option<(StatusCode, &'static str)> {
    const MISDIRECTED: (StatusCode, &str) =
        (StatusCode::MISDIRECTED_REQUEST, "this node does not go by that name; see --alias\n");
    const FOREIGN: (StatusCode, &str) = (StatusCode::FORBIDDEN, "requests from other sites are refused\n");

    let (uri, headers) = (request.uri(), request.headers());
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() || uri.authority().is_some() {
        return Some(MISDIRECTED);
    }
    // HTTP/1.0 needs no Host header, and what sends none is no browser.
    let host = match host.map(HeaderValue::to_str) {
        None => None,
        Some(Ok(host)) if names.may_be_asked_as(host) => Some(host),
        Some(_) => return Some(MISDIRECTED),
    };
    for origin in headers.get_all(ORIGIN) {
        let own = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        if own.is_none() || own != host {
            return Some(FOREIGN);
        }
    }
    // A link from elsewhere may lead to the page. Calls are posted to the same address.
    let is_page = request.method().is_safe() && uri.path() == "/";
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") && !is_page {
        return Some(FOREIGN);
    }
    None
}
