//! Somebody between a caller and a node, who hears and may change, cut or answer whatever passes.
//!
//! Its threads end with the test program.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What it does with each connection from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// Passes everything on.
    Pass,
    /// Passes everything on but for one byte: the one at this place after the head of HTTP, in this direction, is XORed.
    Change(From, usize, u8),
    /// Passes so many bytes after the head on in this direction, and then ends the connection.
    Cut(From, usize),
    /// Asks nobody: once the caller's head is there, answers with these bytes and hangs up.
    Answer(String),
    /// Ends the connection with a reset as soon as something comes.
    Reset,
}

/// Whose bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Caller,
    Node,
}

/// What passed on one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    /// As the caller sent it.
    pub(crate) from_caller: Vec<u8>,
    /// As the caller got it.
    pub(crate) to_caller: Vec<u8>,
}

/// A listener that leads to a node.
#[derive(Debug, Clone)]
pub(crate) struct Between {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    to: Mutex<String>,
    way: Mutex<Way>,
    heard: Mutex<Vec<Heard>>,
    streams: Mutex<Vec<TcpStream>>,
}

impl Between {
    /// Listens on a free port. Leads nowhere yet.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let inner = Arc::new(Inner {
            to: Mutex::default(),
            way: Mutex::new(Way::Pass),
            heard: Mutex::default(),
            streams: Mutex::default(),
        });
        let own = Arc::clone(&inner);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let own = Arc::clone(&own);
                std::thread::spawn(move || own.meet(near));
            }
        });
        Self { url, inner }
    }

    /// Leads to this host and port from now on.
    pub(crate) fn lead_to(&self, address: &str) {
        address.clone_into(&mut lock(&self.inner.to));
    }

    /// Does so from now on, ends what is under way, and forgets what it has heard.
    pub(crate) fn will(&self, way: Way) {
        *lock(&self.inner.way) = way;
        for stream in lock(&self.inner.streams).drain(..) {
            // It may be over already.
            let _over = stream.shutdown(Shutdown::Both);
        }
        lock(&self.inner.heard).clear();
    }

    /// What passed on each connection since then.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        lock(&self.inner.heard).clone()
    }
}

impl Inner {
    fn meet(self: Arc<Self>, mut near: TcpStream) {
        let (way, to) = (lock(&self.way).clone(), lock(&self.to).clone());
        let number = {
            let mut heard = lock(&self.heard);
            heard.push(Heard::default());
            heard.len() - 1
        };
        match way {
            Way::Reset => {
                // Closed with bytes that nobody read: so does the kernel tell that it was no orderly end.
                let _something = near.peek(&mut [0]);
            }
            Way::Answer(answer) => {
                let mut piece = [0; 4096];
                let mut seen = Vec::new();
                while let Ok(count @ 1..) = near.read(&mut piece) {
                    seen.extend_from_slice(&piece[..count]);
                    self.note(number, From::Caller, &piece[..count]);
                    if seen.windows(4).any(|four| four == b"\r\n\r\n") {
                        break;
                    }
                }
                let _gone = near.write_all(answer.as_bytes());
                let _gone = near.shutdown(Shutdown::Write);
                // And what the caller says all the same.
                let _short = near.set_read_timeout(Some(Duration::from_secs(5)));
                while let Ok(count @ 1..) = near.read(&mut piece) {
                    self.note(number, From::Caller, &piece[..count]);
                }
            }
            way => {
                let Ok(far) = TcpStream::connect(to) else { return };
                let pair = || Ok::<_, std::io::Error>((near.try_clone()?, far.try_clone()?));
                let (Ok((near, far)), Ok((other_near, other_far))) = (pair(), pair()) else { return };
                lock(&self.streams).extend([&near, &far].into_iter().filter_map(|it| it.try_clone().ok()));
                let (own, other_way) = (Arc::clone(&self), way.clone());
                std::thread::spawn(move || own.pass(number, From::Caller, near, far, &way));
                self.pass(number, From::Node, other_far, other_near, &other_way);
            }
        }
    }

    fn pass(&self, number: usize, whose: From, mut from: TcpStream, mut to: TcpStream, way: &Way) {
        let mut piece = vec![0; 64 << 10];
        // The last bytes of a head that is not over, and then how many came after it.
        let (mut head, mut after) = (Vec::new(), None::<usize>);
        while let Ok(count @ 1..) = from.read(&mut piece) {
            let bytes = &mut piece[..count];
            if whose == From::Caller {
                self.note(number, whose, bytes);
            }
            let begin = if after.is_some() {
                0
            } else {
                let before = head.len();
                head.extend_from_slice(bytes);
                match head.windows(4).position(|four| four == b"\r\n\r\n") {
                    Some(end) => {
                        after = Some(0);
                        end + 4 - before
                    }
                    None => count,
                }
            };
            let mut passed = count;
            if let Some(at) = after {
                let fresh = count - begin;
                match way {
                    Way::Change(of, place, xor) if *of == whose && (at..at + fresh).contains(place) => {
                        bytes[begin + place - at] ^= xor;
                    }
                    Way::Cut(of, place) if *of == whose && at + fresh >= *place => passed = begin + place - at,
                    _ => {}
                }
                after = Some(at + fresh);
            }
            if whose == From::Node {
                self.note(number, whose, &bytes[..passed]);
            }
            if to.write_all(&bytes[..passed]).is_err() || passed < count {
                break;
            }
        }
        let _gone = to.shutdown(Shutdown::Write);
        if matches!(way, Way::Cut(of, _) if *of == whose) {
            let _gone = from.shutdown(Shutdown::Both);
        }
    }

    fn note(&self, number: usize, whose: From, bytes: &[u8]) {
        // Forgotten meanwhile, perhaps.
        if let Some(heard) = lock(&self.heard).get_mut(number) {
            let noted = if whose == From::Caller { &mut heard.from_caller } else { &mut heard.to_caller };
            noted.extend_from_slice(bytes);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
