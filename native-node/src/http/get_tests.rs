//! The answers below `/get/` of a node inside this process: what a caller may not hold a ticket for, and what each is like.

use axum::Router;
use http::Request;
use http_body_util::BodyExt;
use shared::{Password, SharedPath};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::*;
use crate::run::{Config, prepare};
use crate::source::{FileVersion, Version, look_at_own};
use crate::ticket::Owner;

struct Site {
    share: TempDir,
    node: Arc<Node>,
    routes: Router,
}

impl Site {
    async fn new(files: &[(&str, &str)]) -> Self {
        let share = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(share.path().join(name), text).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let prepared = prepare(Config::new(Password::new("x"), share.path()), listener).await.unwrap();
        let node = Arc::clone(prepared.node());
        let routes = Router::new().route("/get/{ticket}/{name}", axum::routing::get(get));
        let caller = Peer("127.0.0.1:1".parse().unwrap());
        let routes = routes.layer(Extension(caller)).with_state(Arc::clone(&node));
        Self { share, node, routes }
    }

    async fn wanted(&self, name: &str) -> FileVersion {
        let path = SharedPath::parse(name).unwrap();
        let version = look_at_own(&self.node, &path).await.unwrap();
        FileVersion { peer: self.node.url().clone(), path, version }
    }

    fn mint(&self, owner: Owner, file: FileVersion, for_use: Use) -> String {
        let name = file.path.file_name().to_owned();
        self.node.mint_ticket(owner, Grant::File { file, for_use }).unwrap().address(&name)
    }

    async fn ticket(&self, name: &str, for_use: Use) -> String {
        self.mint(Owner::CALLERS, self.wanted(name).await, for_use)
    }

    async fn ask(&self, method: Method, address: &str, asked: &[(&str, &str)]) -> (Response, String) {
        let mut request = Request::builder().method(method).uri(address);
        for (name, value) in asked {
            request = request.header(*name, *value);
        }
        let response = self.routes.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(head, axum::body::Body::empty()), String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, address: &str) -> (Response, String) {
        self.ask(Method::GET, address, &[]).await
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[track_caller]
fn assert_guarded(response: &Response) {
    assert_eq!(header(response, "content-security-policy"), "sandbox; default-src 'none'");
    assert_eq!(header(response, "x-content-type-options"), "nosniff");
    assert_eq!(header(response, "cross-origin-resource-policy"), "same-origin");
    assert_eq!(header(response, "referrer-policy"), "no-referrer");
    assert!(!response.headers().keys().any(|name| name.as_str().starts_with("access-control-")));
}

#[tokio::test]
async fn b3_a_file_is_only_to_be_saved() {
    let site = Site::new(&[("evil.svg", "<svg onload='alert(1)'/>"), ("a.html", "<script>"), ("a.txt", "text")]).await;
    for name in ["evil.svg", "a.html", "a.txt"] {
        let (response, body) = site.get(&site.ticket(name, Use::Save).await).await;
        assert_eq!((response.status(), body.is_empty()), (StatusCode::OK, false));
        assert_eq!(header(&response, "content-type"), "application/octet-stream");
        assert_eq!(header(&response, "content-disposition"), format!("attachment; filename=\"{name}\""));
        assert_eq!(header(&response, "content-length"), body.len().to_string());
        assert_guarded(&response);
    }
}

#[tokio::test]
async fn b3_only_what_is_harmless_is_shown() {
    let site = Site::new(&[("a.png", "png"), ("a.svg", "<svg/>"), ("a.txt", "<b>")]).await;
    for (name, media_type) in [("a.png", "image/png"), ("a.txt", "text/plain; charset=utf-8")] {
        let (response, _) = site.get(&site.ticket(name, Use::Preview).await).await;
        assert_eq!(
            (header(&response, "content-type"), header(&response, "content-disposition")),
            (media_type, "inline")
        );
        assert_guarded(&response);
    }
    let (response, _) = site.get(&site.ticket("a.svg", Use::Preview).await).await;
    assert_eq!(header(&response, "content-type"), "application/octet-stream");
    assert_eq!(header(&response, "content-disposition"), "attachment; filename=\"a.svg\"");
}

#[tokio::test]
async fn head_says_the_same_and_sends_nothing() {
    let site = Site::new(&[("a.txt", "0123456789"), ("empty", "")]).await;
    for name in ["a.txt", "empty"] {
        let address = site.ticket(name, Use::Save).await;
        let (got, body) = site.get(&address).await;
        let (asked, nothing) = site.ask(Method::HEAD, &address, &[("range", "bytes=3-")]).await;
        assert_eq!((asked.status(), nothing.as_str()), (StatusCode::OK, ""));
        assert_eq!(asked.headers(), got.headers());
        assert_eq!(header(&asked, "content-length"), body.len().to_string());
        assert_eq!(header(&asked, "accept-ranges"), "bytes");
    }
}

#[tokio::test]
async fn parts_and_conditions_are_answered_as_http_has_it() {
    let site = Site::new(&[("a.txt", "0123456789")]).await;
    let address = site.ticket("a.txt", Use::Save).await;
    let (whole, _) = site.get(&address).await;
    let tag = header(&whole, "etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'));

    let resumed = [("range", "bytes=-3"), ("if-range", tag.as_str())];
    let (part, body) = site.ask(Method::GET, &address, &resumed).await;
    assert_eq!((part.status(), body.as_str()), (StatusCode::PARTIAL_CONTENT, "789"));
    assert_eq!((header(&part, "content-range"), header(&part, "content-length")), ("bytes 7-9/10", "3"));
    assert_eq!(
        (header(&part, "etag"), header(&part, "content-disposition")),
        (tag.as_str(), header(&whole, "content-disposition"))
    );

    let (beyond, body) = site.ask(Method::GET, &address, &[("range", "bytes=10-")]).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(
        (header(&beyond, "content-range"), header(&beyond, "content-length")),
        ("bytes */10", &*body.len().to_string())
    );
    assert_guarded(&beyond);

    let (known, body) = site.ask(Method::GET, &address, &[("if-none-match", &tag)]).await;
    assert_eq!((known.status(), body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!((header(&known, "etag"), header(&known, "content-length")), (tag.as_str(), "10"));
    assert_eq!((header(&known, "content-type"), header(&known, "content-disposition")), ("", ""));

    let (other, _) = site.ask(Method::GET, &address, &[("if-match", "\"x\"")]).await;
    assert_eq!(other.status(), StatusCode::PRECONDITION_FAILED);
    let (posted, _) = site.ask(Method::POST, &address, &[]).await;
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn b5_a_link_that_is_not_good_is_answered_in_constant_words() {
    let site = Site::new(&[("a.txt", "text")]).await;
    let good = site.ticket("a.txt", Use::Save).await;
    let ticket = good.split('/').nth(2).unwrap();
    let mut said = std::collections::BTreeSet::new();
    for bad in [
        "/get/00000000000000000000000000000000/a.txt".to_owned(),
        "/get/%3Cscript%3E/x".to_owned(),
        "/get/%0d%0aX:1/%0d%0aX:1".to_owned(),
        "/get/%ff/%ff".to_owned(),
        format!("/get/{}/a.txt", ticket.to_uppercase().replace(char::is_numeric, "A")),
        format!("/get/%{:x}{}/a.txt", ticket.as_bytes()[0], &ticket[1..]),
    ] {
        let (response, body) = site.get(&bad).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{bad}");
        assert_eq!(header(&response, "content-type"), "text/plain; charset=utf-8");
        assert_guarded(&response);
        said.insert(body);
    }
    assert_eq!(said.len(), 1, "{said:?}");
    // And the name is nobody's business.
    for name in ["", "%0d%0a", "%ff", "%2e%2e", "other.txt"] {
        let (response, _) = site.get(&format!("/get/{ticket}/x{name}?%3Cscript%3E")).await;
        assert_eq!(
            (response.status(), header(&response, "content-disposition")),
            (StatusCode::OK, "attachment; filename=\"a.txt\"")
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn another_version_is_never_given() {
    let site = Site::new(&[("a.txt", "text"), ("b.txt", "text")]).await;
    let file = site.wanted("a.txt").await;
    let older = Version { modified: file.version.modified - 1, ..file.version };
    let (response, body) =
        site.get(&site.mint(Owner::CALLERS, FileVersion { version: older, ..file }, Use::Save)).await;
    assert_eq!(response.status(), StatusCode::GONE);
    assert!(body.contains("changed"), "{body}");
    assert_guarded(&response);

    let address = site.ticket("b.txt", Use::Save).await;
    std::fs::remove_file(site.share.path().join("b.txt")).unwrap();
    assert_eq!(site.get(&address).await.0.status(), StatusCode::NOT_FOUND);
    std::os::unix::fs::symlink("a.txt", site.share.path().join("b.txt")).unwrap();
    assert_eq!(site.get(&address).await.0.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_peer_that_is_not_here_is_named_as_such() {
    let site = Site::new(&[("a.txt", "text")]).await;
    let file =
        FileVersion { peer: shared::PeerUrl::parse("http://10.1.2.3:9004").unwrap(), ..site.wanted("a.txt").await };
    let (response, body) = site.get(&site.mint(Owner::CALLERS, file, Use::Save)).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("not here"), "{body}");
}
