//! The accept loop: one task per connection, none of which can delay another.
//!
//! `axum::serve` has no deadline for a request's head and leaves Nagle's algorithm on (45 ms per answer once it meets a
//! delayed acknowledgement), so connections are driven here through hyper's HTTP/1 builder, which has a timer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower_service::Service as _;

use super::pace::{Paced, STALL};
use crate::open_files;
use crate::source::{SendfileQueue, SendfileStream};

/// Who is at the other end of a connection; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// What a connection holds for as long as it lives, also beyond HTTP: its place among the others, and its part in the
/// server's end. An extension of every request, for those that upgrade.
#[derive(Debug, Clone)]
pub struct ConnectionGuard(Arc<Held>);

#[derive(Debug)]
struct Held {
    shutdown: CancellationToken,
    _place: OwnedSemaphorePermit,
    _tracked: TaskTrackerToken,
}

impl ConnectionGuard {
    /// Asked for when the server ends; who stays after that is waited for a moment only.
    #[must_use]
    pub fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }
}

/// The deadlines and bounds of the server.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// A connection that has not sent a whole request head by then is closed, also between two requests.
    pub head: Duration,
    /// How long a reader may take next to nothing of an answer.
    pub stall: Duration,
    /// How long open requests may go on after a shutdown is asked for.
    pub grace: Duration,
    /// Most connections at once; more wait in the kernel's queue.
    pub connections: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self { head: Duration::from_secs(10), stall: STALL, grace: Duration::from_secs(3), connections: 8_192 }
    }
}

impl ServeLimits {
    /// As many connections as this process may have, after it asked for all the open files that the system grants. Half of
    /// those are for connections; the rest is for files, folders that are watched, and calls of our own.
    #[must_use]
    pub fn of_this_process() -> Self {
        let limits = Self::default();
        let connections = open_files::most().map_or(limits.connections, |most| limits.connections.min(most / 2).max(1));
        Self { connections, ..limits }
    }
}

/// Most bytes of a request head. The original's are 300; a megabyte of headers must cost nothing.
const HEAD_BYTES: usize = 16 << 10;

/// Serves connections until `shutdown`, then lets open requests finish for a moment.
pub async fn serve(listener: TcpListener, routes: Router, limits: ServeLimits, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, address, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, mostly: those who are connected finish and give theirs back.
                tracing::warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let held = Held { shutdown: shutdown.clone(), _place: place, _tracked: connections.token() };
        let (routes, stay) = (routes.clone(), ConnectionGuard(Arc::new(held)));
        connections.spawn(async move {
            if let Err(error) = converse(stream, address, routes, limits, stay).await {
                tracing::debug!(%address, %error, "connection ended");
            }
        });
    }
    connections.close();
    if tokio::time::timeout(limits.grace, connections.wait()).await.is_err() {
        tracing::info!(open = connections.len(), "closing connections that did not finish");
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, place))
}

/// One connection, from its first byte to its last.
async fn converse(
    stream: TcpStream,
    address: SocketAddr,
    routes: Router,
    limits: ServeLimits,
    stay: ConnectionGuard,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let shutdown = stay.shutdown().clone();
    let sendfile = SendfileQueue::default();
    let stream = SendfileStream::new(stream, sendfile.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(address));
        request.extensions_mut().insert(stay.clone());
        request.extensions_mut().insert(sendfile.clone());
        // A router is always ready.
        routes.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES)
        // What is sent is never copied, which the sendfile counts on.
        .writev(true)
        .serve_connection(TokioIo::new(Paced::new(stream, limits.stall)), service)
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    result.map_err(io::Error::other)
}
