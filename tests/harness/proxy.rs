//! A network that a test can spoil: between a caller and a node, it counts, slows, stops, stalls, cuts and flips what
//! passes.
//!
//! It listens on a port of its own and dials the node for each connection. A node that is told (`--url`) that it is reached
//! here takes sessions that were dialed here.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A busy machine wakes a thread so late.
const OVERSLEPT: Duration = Duration::from_millis(100);

/// What becomes of the bytes that one end sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoiled {
    /// One bit of them is flipped.
    Flipped,
    /// Nothing more passes, and nobody is told.
    Stalled,
    /// The connection is closed in good order.
    Cut,
    /// The connection is reset.
    Reset,
}

/// A listening proxy. Its threads end with the test program.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Where the node is.
    to: String,
    /// Whether it is what callers send that is counted and spoiled, in the place of what the node does.
    is_of_callers: bool,
    /// Bytes per second of all connections together; 0: as fast as it goes.
    rate: AtomicU64,
    /// Bytes from the node so far.
    passed: AtomicU64,
    /// What happens next, once so many more bytes have passed.
    spoiled: Mutex<Vec<(u64, Spoiled)>>,
    connections: AtomicU64,
    refused: AtomicU64,
    /// Bytes from the node that may still pass, and a word when there are more.
    may_pass: (Mutex<u64>, Condvar),
    /// When the next byte may pass.
    next: Mutex<Instant>,
}

impl Proxy {
    /// To the node that is at `HOST:PORT`, or will be.
    pub(crate) fn to(address: &str) -> Self {
        Self::begin(address, false)
    }

    /// The same, which counts and spoils what callers send to the node.
    pub(crate) fn of_callers_to(address: &str) -> Self {
        Self::begin(address, true)
    }

    fn begin(address: &str, is_of_callers: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let inner = Arc::new(Inner {
            to: address.to_owned(),
            is_of_callers,
            rate: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            spoiled: Mutex::default(),
            connections: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            may_pass: (Mutex::new(u64::MAX), Condvar::new()),
            next: Mutex::new(Instant::now()),
        });
        let serving = Arc::clone(&inner);
        std::thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let inner = Arc::clone(&serving);
                std::thread::spawn(move || inner.connect(&caller));
            }
        });
        Self { url, inner }
    }

    /// Lets so many bytes pass in a second.
    pub(crate) fn limit(self, bytes_per_second: u64) -> Self {
        self.set_rate(bytes_per_second);
        self
    }

    /// The same from now on.
    pub(crate) fn set_rate(&self, bytes_per_second: u64) {
        self.inner.rate.store(bytes_per_second, Ordering::Relaxed);
    }

    /// Lets exactly so many bytes more pass, and then none until it is told again.
    pub(crate) fn may_pass(&self, bytes: u64) {
        *lock(&self.inner.may_pass.0) = bytes;
        self.inner.may_pass.1.notify_all();
    }

    /// Whether all passed that might.
    pub(crate) fn is_stopped(&self) -> bool {
        *lock(&self.inner.may_pass.0) == 0
    }

    /// After so many bytes more each, this happens, once each and in this order.
    pub(crate) fn spoil(&self, what: &[(u64, Spoiled)]) {
        *lock(&self.inner.spoiled) = what.to_vec();
    }

    /// Whether all that was to be spoiled was.
    pub(crate) fn is_all_spoiled(&self) -> bool {
        lock(&self.inner.spoiled).is_empty()
    }

    /// Bytes that came from the node so far.
    pub(crate) fn passed(&self) -> u64 {
        self.inner.passed.load(Ordering::Relaxed)
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> u64 {
        self.inner.connections.load(Ordering::Relaxed)
    }

    /// Callers so far for whom nobody was there.
    pub(crate) fn refused(&self) -> u64 {
        self.inner.refused.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn connect(&self, caller: &TcpStream) {
        let Ok(node) = TcpStream::connect(&self.to) else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.connections.fetch_add(1, Ordering::Relaxed);
        // Small messages would wait for each other otherwise.
        let _ = (node.set_nodelay(true), caller.set_nodelay(true));
        let (spoiled, other) = if self.is_of_callers { (caller, &node) } else { (&node, caller) };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                pass(other, spoiled);
                let _gone = spoiled.shutdown(Shutdown::Both);
            });
            self.spoil(spoiled, other);
            let _gone = (node.shutdown(Shutdown::Both), caller.shutdown(Shutdown::Both));
        });
    }

    /// Passes on what one end sends.
    fn spoil(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut piece = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut piece) {
            let mut rest = &mut piece[..count];
            while !rest.is_empty() {
                let count = self.take(rest.len());
                let (now, later) = rest.split_at_mut(count);
                rest = later;
                self.wait(count as u64);
                self.passed.fetch_add(count as u64, Ordering::Relaxed);
                match self.next_spoiled(count as u64) {
                    None => {}
                    Some(Spoiled::Flipped) => now[count / 2] ^= 4,
                    Some(Spoiled::Cut) => return,
                    Some(Spoiled::Reset) => return reset(to),
                    Some(Spoiled::Stalled) => {
                        // Until the other end has had enough, and the other direction has closed both.
                        while let Ok(1..) = from.read(&mut [0; 4096]) {}
                        return;
                    }
                }
                if to.write_all(now).is_err() {
                    return;
                }
            }
        }
    }

    /// How many of so many bytes may pass now; waits until there is one.
    fn take(&self, wanted: usize) -> usize {
        let (left, more) = &self.may_pass;
        let mut left = more.wait_while(lock(left), |left| *left == 0).unwrap_or_else(PoisonError::into_inner);
        let taken = wanted.min(usize::try_from(*left).unwrap_or(usize::MAX));
        *left -= taken as u64;
        taken
    }

    fn next_spoiled(&self, count: u64) -> Option<Spoiled> {
        let mut spoiled = lock(&self.spoiled);
        let (left, what) = spoiled.first_mut()?;
        *left = left.saturating_sub(count);
        let what = (*left == 0).then_some(*what)?;
        spoiled.remove(0);
        Some(what)
    }

    fn wait(&self, count: u64) {
        let rate = self.rate.load(Ordering::Relaxed);
        if rate == 0 {
            return;
        }
        let until = {
            let mut next = lock(&self.next);
            // What was overslept is made up for.
            let earliest = Instant::now().checked_sub(OVERSLEPT).unwrap_or_else(Instant::now);
            *next = (*next).max(earliest) + Duration::from_nanos(count * 1_000_000_000 / rate);
            *next
        };
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }
}

/// Passes on everything.
fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..count]).is_err() {
            return;
        }
    }
}

/// Closes without a word.
fn reset(stream: &TcpStream) {
    let linger = Some(Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(stream, linger).expect("it is a socket");
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
