//! Calls as in 2004: XML-RPC with a token, with the deadlines that the original lacks.
//!
//! No redirect is ever followed and no proxy is asked: a token goes to the URL it was made for and nowhere else. A name that a
//! peer named leads no nearer than it says, whatever DNS answers this time. Whether a URL may be called this way at all, the
//! dialer decides.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name as HostName;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use shared::xmlrpc::{self, Name};
use shared::{Call, Fault, Password, PeerUrl, Token, limits};

use tower_service::Service;

use super::{CallError, ContentStream, reply};
use crate::bridge::{Named, may_dial};

/// A TCP connection must stand by then.
const CONNECT: Duration = Duration::from_secs(5);
/// A peer must begin to answer by then. An original reads and packs a whole file before its first byte.
const ANSWER: Duration = Duration::from_secs(30);
/// The whole of a gossip answer must have come by then; so must each further piece of anything longer.
const PROGRESS: Duration = Duration::from_secs(10);

/// Largest answer to an exchange, in bytes: several times what it can need.
const SMALL_REPLY_BYTES: usize = 8 << 20;

type HttpClient = Client<HttpConnector<Resolver>, Full<Bytes>>;

/// Calls peers of 2004 with the one password. Cheap to clone; connections to peers that keep them open are used again.
#[derive(Debug, Clone)]
pub struct LegacyDialer {
    /// For URLs that a person typed.
    typed: HttpClient,
    /// For those that peers named.
    told: HttpClient,
    /// None where the protocol of 2004 is off.
    password: Option<Password>,
}

impl LegacyDialer {
    /// A dialer with no connection yet. Without a password it has nothing to make a token from, and calls nobody.
    #[must_use]
    pub fn new(password: Option<Password>) -> Self {
        let [typed, told] = [Named::ByPerson, Named::ByPeer].map(|named| {
            let mut connector = HttpConnector::new_with_resolver(Resolver(named));
            connector.set_nodelay(true);
            connector.set_connect_timeout(Some(CONNECT));
            Client::builder(TokioExecutor::new())
                .pool_idle_timeout(Duration::from_secs(5))
                .pool_timer(TokioTimer::new())
                .http1_max_buf_size(512 << 10)
                .build(connector)
        });
        Self { typed, told, password }
    }

    /// Whether peers of 2004 are called at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.password.is_some()
    }

    fn token(&self, url: &PeerUrl) -> Result<Token, CallError> {
        Ok(self.password.as_ref().ok_or(CallError::LegacyOff)?.token(url))
    }

    /// `n` = 0: tells a peer whom we know, hears whom it knows; none from a lone original, which knows nobody.
    ///
    /// # Errors
    /// A [`CallError`] within seconds, however the other end behaves.
    pub async fn exchange(
        &self,
        url: &PeerUrl,
        named: Named,
        tell: &[PeerUrl],
    ) -> Result<Option<Vec<String>>, CallError> {
        let call = Call::Exchange(tell.iter().map(ToString::to_string).collect());
        let asked = async {
            let response = self.send(url, named, xmlrpc::write_f(&self.token(url)?, &call), PROGRESS).await?;
            match reply::value(response, SMALL_REPLY_BYTES).await {
                Ok(value) => Ok(Some(xmlrpc::read_peers(value).map_err(CallError::from)?)),
                // 2004 server: a lone one has an empty list, which Python takes for false, so it tries to open a file.
                Err(CallError::Fault(fault)) if is_lone(&fault) => Ok(None),
                Err(error) => Err(error),
            }
        };
        tokio::time::timeout(PROGRESS, asked).await.unwrap_or(Err(CallError::Silent))
    }

    /// `n` = 1: the names in a peer's folder that match an expression of Python's `re`, checked by nobody yet.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn names(&self, url: &PeerUrl, named: Named, pattern: &str) -> Result<Vec<Name>, CallError> {
        let call = xmlrpc::write_f(&self.token(url)?, &Call::List(pattern.to_owned()));
        let value = reply::value(self.send(url, named, call, ANSWER).await?, limits::REPLY_BYTES).await?;
        xmlrpc::read_names(value).map_err(CallError::from)
    }

    /// Any other `n`: the bytes of a file, as they come.
    ///
    /// # Errors
    /// See [`CallError`]; the stream has errors of its own.
    pub async fn fetch(&self, url: &PeerUrl, named: Named, name: &str) -> Result<ContentStream, CallError> {
        let call = xmlrpc::write_f(&self.token(url)?, &Call::Fetch(name.to_owned()));
        Ok(ContentStream::of_2004(self.send(url, named, call, ANSWER).await?))
    }

    /// Posts one call; answers once the head of a usable answer is there.
    async fn send(
        &self,
        url: &PeerUrl,
        named: Named,
        call: Vec<u8>,
        deadline: Duration,
    ) -> Result<Response<Incoming>, CallError> {
        // The verbatim text decides where the call goes, not a URL library's idea of it.
        let target = format!("http://{}{}", url.authority(), url.rpc_path());
        let request = Request::builder()
            .method(Method::POST)
            .uri(target)
            .header(CONTENT_TYPE, "text/xml")
            .header(USER_AGENT, concat!("tinyp2p/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(Bytes::from(call)))
            .map_err(|error| CallError::NotAPeer(error.to_string()))?;
        let client = if named == Named::ByPerson { &self.typed } else { &self.told };
        let response = tokio::time::timeout(deadline, client.request(request)).await;
        let response = response.map_err(|_| CallError::Silent)?.map_err(|error| CallError::unreachable(&error))?;
        if response.status() != StatusCode::OK {
            return Err(CallError::NotAPeer(format!("it answers HTTP {}", response.status().as_u16())));
        }
        // We ask for none, so that nobody's bomb is ever unpacked here.
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Err(CallError::NotAPeer("it packs its answers without being asked to".into()));
        }
        Ok(response)
    }
}

/// Finds the addresses of a host, those only where it may be dialed.
#[derive(Debug, Clone)]
struct Resolver(Named);

impl Service<HostName> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, host: HostName) -> Self::Future {
        let named = self.0;
        Box::pin(async move {
            let url = PeerUrl::parse(&format!("http://{host}")).map_err(io::Error::other)?;
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed: Vec<_> = found.filter(|address| may_dial(&url, address.ip(), named)).collect();
            if allowed.is_empty() {
                return Err(io::Error::other("the name leads to no address that a peer may name"));
            }
            Ok(allowed.into_iter())
        })
    }
}

/// The fault of an original that knows nobody: Python's complaint about opening a list instead of a file name.
fn is_lone(fault: &Fault) -> bool {
    fault.code == 1 && fault.message.contains("exceptions.TypeError")
}
