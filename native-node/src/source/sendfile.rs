//! What goes from a file to a socket without passing through this program: sendfile(2).
//!
//! hyper takes what it sends as bytes in memory, and hands them to the socket as they are. So it is given bytes that only stand
//! for those of a file, each a part of one place in memory that nobody reads; below hyper, [`SendfileStream`] knows that place, and sends
//! from the file instead. Should hyper ever copy what it is given, nothing wrong could be taken for the file: then what was
//! queued here is not sent, no more of it is given out, and the end of a file is never sent this way.
//!
//! The kernel queues the file's pages and not a copy of them: who writes to the file changes what is on its way. So the end of
//! each answer, as much as all queues on the way can hold, is read and looked at in the usual way. When the last piece is
//! given, nothing waits anywhere that could still change, and if anything changed before, the answer breaks off.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::folder::OpenedFile;
use crate::lock::LockExt;

/// Most bytes that are stood for at once.
pub(super) const MOST: usize = 1 << 20;
/// How many such pieces may wait to be sent: hyper asks for the next when the last is gone, or nearly.
const WAITING: usize = 4;

/// How many bytes at the end of an answer are not sent this way: what the queues of two sockets can hold, as the reader may be on
/// this machine, and what is under way within this program.
pub(super) fn tail() -> u64 {
    static TAIL: LazyLock<u64> = LazyLock::new(|| {
        let most = |which: &str| {
            let three = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{which}")).ok()?;
            three.split_whitespace().nth(2)?.parse::<u64>().ok()
        };
        let queues = most("tcp_wmem").zip(most("tcp_rmem")).map_or(DEFAULT_QUEUES, |(ours, theirs)| ours + theirs);
        queues + UNDER_WAY
    });
    *TAIL
}

/// What two sockets hold at most unless somebody set it otherwise (tcp(7): tcp_wmem, tcp_rmem).
const DEFAULT_QUEUES: u64 = (4 + 6) << 20;
/// What was read and is not handed to the socket yet, and more.
const UNDER_WAY: u64 = 2 << 20;

/// How many bytes are to be read in the usual way before those from `at` on are sent from the file: up to the middle of a page,
/// unless that is about where they begin.
///
/// The kernel cuts what it takes from a file into 16 pages, and a packet on its way within this machine holds a little less than
/// 64 KiB. Whole pages leave a crumb of each 16 over, which halves the speed (measured over loopback: 1 GiB from the middle of
/// a page takes 0.50 to 0.65 times as long as from its beginning).
pub(super) fn ahead(at: u64) -> usize {
    const PAGE: usize = 4_096;
    const WELL_WITHIN: RangeInclusive<usize> = PAGE / 8..=PAGE * 7 / 8;
    let within = usize::try_from(at % PAGE as u64).unwrap_or(0);
    if WELL_WITHIN.contains(&within) { 0 } else { (PAGE / 2 + PAGE - within) % PAGE }
}

/// Stands for the bytes of files. Nobody looks at it, so it takes addresses and no memory.
static STAND_IN: LazyLock<Vec<u8>> = LazyLock::new(|| vec![0; MOST]);

/// What one connection sends from files, in its order.
#[derive(Debug, Clone, Default)]
pub(crate) struct SendfileQueue(Arc<Mutex<VecDeque<Stretch>>>);

#[derive(Debug)]
struct Stretch {
    file: Arc<OpenedFile>,
    at: u64,
    left: usize,
}

impl SendfileQueue {
    /// Has so many bytes of a file sent, [`MOST`] at most, where what is answered here is sent. None where what was given out
    /// before is not sent as it should be, or this system cannot do it.
    pub(super) fn stand_in(&self, file: &Arc<OpenedFile>, at: u64, length: usize) -> Option<Bytes> {
        let bytes = STAND_IN.get(..length).filter(|bytes| cfg!(target_os = "linux") && !bytes.is_empty())?;
        let mut waiting = self.0.locked();
        if waiting.len() >= WAITING {
            return None;
        }
        waiting.push_back(Stretch { file: Arc::clone(file), at, left: length });
        Some(Bytes::from_static(bytes))
    }

    /// Sends some of what is stood for by so many bytes.
    fn send(&self, stream: &TcpStream, length: usize) -> io::Result<usize> {
        let mut waiting = self.0.locked();
        let stretch = waiting.front_mut().filter(|stretch| stretch.left == length);
        let stretch = stretch.ok_or_else(|| io::Error::other("what is to be sent is not what was given out"))?;
        let sent = sendfile(stream, &stretch.file, stretch.at, length)?;
        if sent == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
        }
        stretch.at += sent as u64;
        stretch.left = stretch.left.saturating_sub(sent);
        if stretch.left == 0 {
            waiting.pop_front();
        }
        Ok(sent)
    }
}

#[cfg(target_os = "linux")]
fn sendfile(stream: &TcpStream, file: &OpenedFile, mut at: u64, length: usize) -> io::Result<usize> {
    Ok(rustix::fs::sendfile(stream, &file.file, Some(&mut at), length)?)
}

#[cfg(not(target_os = "linux"))]
fn sendfile(_: &TcpStream, _: &OpenedFile, _: u64, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

fn is_stand_in(bytes: &[u8]) -> bool {
    STAND_IN.as_ptr_range().contains(&bytes.as_ptr())
}

/// A socket that sends from files what stands for them.
#[derive(Debug)]
pub(crate) struct SendfileStream {
    stream: TcpStream,
    queue: SendfileQueue,
}

impl SendfileStream {
    pub(crate) fn new(stream: TcpStream, queue: SendfileQueue) -> Self {
        Self { stream, queue }
    }

    fn poll_send(&self, cx: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        loop {
            std::task::ready!(self.stream.poll_write_ready(cx))?;
            let sent = self.stream.try_io(tokio::io::Interest::WRITABLE, || self.queue.send(&self.stream, length));
            match sent {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                sent => return Poll::Ready(sent),
            }
        }
    }
}

impl AsyncRead for SendfileStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for SendfileStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().position(|buf| !buf.is_empty()).unwrap_or(bufs.len());
        let bufs = bufs.get(first..).unwrap_or_default();
        match bufs.first() {
            Some(first) if is_stand_in(first) => self.poll_send(cx, first.len()),
            _ => {
                let plain = bufs.iter().position(|buf| is_stand_in(buf)).unwrap_or(bufs.len());
                Pin::new(&mut self.stream).poll_write_vectored(cx, bufs.get(..plain).unwrap_or_default())
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::path::Path;

    use shared::SharedPath;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::folder::{Share, ShareOptions};

    const SIZE: usize = 3 * MOST + 7;

    #[test]
    fn what_is_sent_from_a_file_begins_in_the_middle_of_a_page() {
        for at in [0, 1, 2_047, 2_048, 2_049, 4_095, 4_096, u64::from(u32::MAX), (1 << 40) + 5] {
            let ahead = ahead(at);
            assert!(ahead < 4_096 && (512..=3_584).contains(&((at + ahead as u64) % 4_096)), "{at}: {ahead}");
        }
        assert_eq!(ahead(2_048 + 3 * MOST as u64), 0, "and so do those that follow");
    }

    struct Site {
        _dir: tempfile::TempDir,
        content: Vec<u8>,
        file: Arc<OpenedFile>,
        queue: SendfileQueue,
        near: SendfileStream,
        far: TcpStream,
    }

    async fn site() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..SIZE).map(|at| u8::try_from(at % 251).unwrap()).collect();
        std::fs::write(dir.path().join("a"), &content).unwrap();
        let share = Share::open(Path::new(dir.path()), ShareOptions::default()).unwrap();
        let file = Arc::new(share.open_file(&SharedPath::parse("a").unwrap()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let queue = SendfileQueue::default();
        let near = SendfileStream::new(listener.accept().await.unwrap().0, queue.clone());
        Site { _dir: dir, content, file, queue, near, far }
    }

    #[tokio::test]
    async fn bytes_of_files_come_between_others_in_their_order() {
        let Site { content, file, queue, mut near, mut far, _dir } = site().await;
        let (first, second) = (queue.stand_in(&file, 5, MOST).unwrap(), queue.stand_in(&file, 1, 3).unwrap());
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            far.read_to_end(&mut all).await.unwrap();
            all
        });
        // As hyper does: all of it at once, and again what is left of it.
        let mut bufs = [&b"head "[..], &first, b" and ", b"", &second, b" end"];
        while bufs.iter().any(|buf| !buf.is_empty()) {
            let slices = bufs.map(IoSlice::new);
            let mut written = near.write_vectored(&slices).await.unwrap();
            assert!(written > 0);
            for buf in &mut bufs {
                let count = written.min(buf.len());
                *buf = &buf[count..];
                written -= count;
            }
        }
        near.shutdown().await.unwrap();
        drop(near);
        let expected = [b"head ", &content[5..5 + MOST], b" and ", &content[1..4], b" end"].concat();
        assert!(reader.await.unwrap() == expected);
    }

    #[tokio::test]
    async fn what_was_not_given_out_is_no_file() {
        let Site { file, queue, mut near, .. } = site().await;
        assert!(near.write(&STAND_IN[..5]).await.is_err(), "nothing was given out");
        let given = queue.stand_in(&file, 0, 10).unwrap();
        assert!(near.write(&given[..5]).await.is_err(), "other bytes than were given out");
        assert_eq!(near.write(b"plain").await.unwrap(), 5);
    }

    #[tokio::test]
    async fn who_does_not_send_what_was_given_out_gets_no_more() {
        let Site { file, queue, .. } = site().await;
        for _ in 0..WAITING {
            assert!(queue.stand_in(&file, 0, 10).is_some());
        }
        assert!(queue.stand_in(&file, 0, 10).is_none());
        assert!(SendfileQueue::default().stand_in(&file, 0, MOST + 1).is_none());
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_is_an_error() {
        let Site { file, queue, mut near, _dir, .. } = site().await;
        let given = queue.stand_in(&file, 100, 100).unwrap();
        std::fs::File::options().write(true).open(_dir.path().join("a")).unwrap().set_len(100).unwrap();
        assert_eq!(near.write(&given).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
