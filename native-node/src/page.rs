//! Serves the page that the build script packed into this program.
//!
//! It answers GET and HEAD for the page's own addresses and nothing else, so that it can be merged with routes that
//! answer calls at the same `/`. It knows nothing of the node; the page asks for that itself, at `/node.json`.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{self, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::http::negotiate::{has_tag, liking, weakly};

/// One file of the page, packed.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

// ASSETS, and EDITION: a hash of the whole page.
include!(concat!(env!("OUT_DIR"), "/page_table.rs"));

const INDEX: &str = "index.html";
/// For files whose address changes with their content.
const KEPT_FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For files whose content changes at the same address.
const ASKED_EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

/// Headers that keep a page where it belongs: no frames, no foreign code, no sniffing, no address told to others.
///
/// The page carries them already. They do no harm on other answers, such as files a peer serves to a browser.
pub static SECURITY_HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
             connect-src 'self'; img-src 'self' blob:; media-src 'self' blob:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        ),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// The page's addresses: `/` and what it refers to below `/assets/`.
///
/// With `www`, files of that folder come first, fresh at each request: for working on the page. What the folder lacks,
/// such as the compiled program, is taken from this one. The folder is trusted; its links are followed.
pub fn page_routes<S: Clone + Send + Sync + 'static>(www: Option<PathBuf>) -> Router<S> {
    let routes = Router::new().route("/", get(index)).route("/assets/{edition}/{name}", get(packed));
    let routes = if www.is_some() { routes.route("/assets/{edition}", get(loose)) } else { routes };
    routes.with_state(www.map(Arc::from))
}

/// The folder to serve instead, if any.
type Www = Option<Arc<Path>>;

async fn index(State(www): State<Www>, asked: HeaderMap) -> Response {
    if let Some(response) = from_folder(www.as_deref(), INDEX).await {
        return response;
    }
    match find(INDEX) {
        Some(asset) => answer(asset, &asked, ASKED_EACH_TIME),
        None => no_such_file(),
    }
}

async fn packed(extract::Path((edition, name)): extract::Path<(String, String)>, asked: HeaderMap) -> Response {
    match find(&name) {
        // Another edition's file under this address would be kept for ever by the browser.
        Some(asset) if edition == EDITION && asset.name != INDEX => answer(asset, &asked, KEPT_FOR_EVER),
        _ => no_such_file(),
    }
}

/// A file by its address without a hash, as the index in the folder refers to it.
async fn loose(State(www): State<Www>, extract::Path(name): extract::Path<String>, asked: HeaderMap) -> Response {
    // Only names of the page itself: nothing a caller writes ever becomes a path.
    let Some(asset) = find(&name) else { return no_such_file() };
    match from_folder(www.as_deref(), asset.name).await {
        Some(response) => response,
        None => answer(asset, &asked, ASKED_EACH_TIME),
    }
}

fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// A file of the folder, if it has it and it can be read.
async fn from_folder(www: Option<&Path>, name: &'static str) -> Option<Response> {
    let content = tokio::fs::read(www?.join(name)).await.ok()?;
    let mut response = content.into_response();
    let media_type = HeaderValue::from_static(find(name)?.media_type);
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(secured(response))
}

fn answer(asset: &'static Asset, asked: &HeaderMap, cache: HeaderValue) -> Response {
    let (coding, body) = choose(asset, asked);
    // Each coding is another representation, and a strong tag names exactly one.
    let tag = format!("\"{EDITION}-{}\"", coding.unwrap_or("plain"));
    let is_known = has_tag(asked, &header::IF_NONE_MATCH, &tag, weakly);
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { body.into_response() };
    let headers = response.headers_mut();
    if is_known {
        headers.remove(header::CONTENT_TYPE);
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
        coding.map(|coding| headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding)));
    }
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    secured(response)
}

/// The form of a file the caller likes best; of several, the smallest.
fn choose(asset: &'static Asset, asked: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    let packed = [("br", asset.brotli), ("gzip", asset.gzip)].into_iter();
    let packed = packed.filter_map(|(coding, body)| Some((liking(asked, coding), coding, body?)));
    // Without a word about it, the plain form is always welcome, but never preferred.
    let plain = liking(asked, "identity");
    let best = packed.filter(|(liking, ..)| *liking > 0 && *liking >= plain);
    match best.min_by_key(|(liking, _, body)| (Reverse(*liking), body.len())) {
        Some((_, coding, body)) => (Some(coding), body),
        None => (None, asset.plain),
    }
}

fn no_such_file() -> Response {
    let words = "There is no such file here. If a page sent you, reload it: the node may have been updated.\n";
    let mut response = (StatusCode::NOT_FOUND, words).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, ASKED_EACH_TIME);
    secured(response)
}

fn secured(mut response: Response) -> Response {
    for (name, value) in &SECURITY_HEADERS {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::post;
    use http::{Method, Request};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(routes: Router, method: Method, address: &str, asked: &[(HeaderName, &str)]) -> (Response, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(address);
        for (name, value) in asked {
            request = request.header(name, *value);
        }
        let response = routes.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        (Response::from_parts(head, Body::empty()), body.collect().await.unwrap().to_bytes().to_vec())
    }

    async fn fetch(address: &str, asked: &[(HeaderName, &str)]) -> (Response, Vec<u8>) {
        ask(page_routes(None), Method::GET, address, asked).await
    }

    fn header<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn asset(name: &str) -> String {
        format!("/assets/{EDITION}/{name}")
    }

    #[tokio::test]
    async fn the_index_is_asked_for_each_time_and_its_files_are_kept() {
        let (response, body) = fetch("/", &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "cache-control"), "no-cache");
        assert_eq!(header(&response, "content-encoding"), "");
        assert!(header(&response, "content-security-policy").contains("frame-ancestors 'none'"));
        let text = String::from_utf8(body).unwrap();
        for name in ["style.css", "boot.js", "icon.svg"] {
            let address = asset(name);
            assert!(text.contains(&format!("\"{}\"", &address[1..])), "{text}");
            let (response, _) = fetch(&address, &[]).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert!(header(&response, "cache-control").ends_with("immutable"));
        }
    }

    #[tokio::test]
    async fn the_form_follows_what_the_browser_takes() {
        let cases = [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip, deflate", "gzip"),
            ("br;q=0, GZIP;q=0.5", "gzip"),
            ("br;q=0.2, gzip;q=0.9", "gzip"),
            ("*", "br"),
            ("identity;q=1, gzip;q=0.5", ""),
            ("br;q=nonsense", ""),
            ("", ""),
        ];
        for (accepted, sent) in cases {
            let (response, _) = fetch(&asset("web_client_bg.wasm"), &[(header::ACCEPT_ENCODING, accepted)]).await;
            assert_eq!(header(&response, "content-encoding"), sent, "for {accepted:?}");
            assert_eq!(header(&response, "content-type"), "application/wasm");
            assert_eq!(header(&response, "vary"), "accept-encoding");
        }
    }

    #[tokio::test]
    async fn what_is_packed_unpacks_to_the_same() {
        for asset in ASSETS {
            let mut unpacked = Vec::new();
            if let Some(mut gzip) = asset.gzip.map(flate2::read::GzDecoder::new) {
                std::io::Read::read_to_end(&mut gzip, &mut unpacked).unwrap();
                assert!(unpacked == asset.plain, "{}", asset.name);
            }
        }
    }

    #[tokio::test]
    async fn a_known_tag_is_answered_without_the_file() {
        let (response, _) = fetch("/", &[(header::ACCEPT_ENCODING, "br")]).await;
        let tag = header(&response, "etag").to_owned();
        for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".into()] {
            let asked = [(header::ACCEPT_ENCODING, "br"), (header::IF_NONE_MATCH, known.as_str())];
            let (response, body) = fetch("/", &asked).await;
            assert_eq!((response.status(), body.len()), (StatusCode::NOT_MODIFIED, 0));
            assert_eq!((header(&response, "etag"), header(&response, "content-type")), (tag.as_str(), ""));
        }
        // The same page in another coding is another thing.
        let (response, _) = fetch("/", &[(header::IF_NONE_MATCH, &tag)]).await;
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn head_tells_the_length_and_sends_nothing() {
        let (response, body) = ask(page_routes(None), Method::HEAD, "/", &[]).await;
        assert!(body.is_empty());
        assert_eq!(header(&response, "content-length"), find(INDEX).unwrap().plain.len().to_string());
    }

    #[tokio::test]
    async fn what_is_not_the_page_is_not_found() {
        let other = ["/assets/0000000000000000/boot.js", "/assets/boot.js", "/assets/x/../../Cargo.toml"];
        for address in other.map(str::to_owned).into_iter().chain([asset("index.html"), asset("%2e%2e%2fboot.js")]) {
            let (response, _) = fetch(&address, &[]).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{address}");
        }
    }

    #[tokio::test]
    async fn calls_may_be_answered_at_the_same_address() {
        let routes = page_routes(None).merge(Router::new().route("/", post(|| async { "called" })));
        assert_eq!(ask(routes.clone(), Method::POST, "/", &[]).await.1, b"called");
        assert_eq!(ask(routes, Method::GET, "/", &[]).await.0.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_folder_comes_before_what_is_packed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(INDEX), "mine").unwrap();
        std::fs::write(folder.path().join("secret.txt"), "not the page's").unwrap();
        let routes = page_routes(Some(folder.path().to_owned()));
        let fetch = |address| ask(routes.clone(), Method::GET, address, &[]);
        assert_eq!(fetch("/").await.1, b"mine");
        let (response, body) = fetch("/assets/boot.js").await;
        assert_eq!((header(&response, "cache-control"), body.as_slice()), ("no-cache", find("boot.js").unwrap().plain));
        for address in ["/assets/secret.txt", "/assets/..%2fsecret.txt"] {
            assert_eq!(fetch(address).await.0.status(), StatusCode::NOT_FOUND);
        }
    }
}
