//! Collects finished files from many downloads, so that one wait for the disk serves all of them.
//!
//! While one group is made durable the next gathers by itself, so there is no timer: a single file waits for nobody, and a
//! thousand come in few groups. Small files come as bytes and are written here too, by a thread of their own: that spares
//! each a wake-up, and goes on while a group waits for the disk.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use shared::SharedPath;

use super::commit::{Named, Outcomes};
use super::{Destination, FinishedPart, PartFile, SaveError, Saved, Stamp};

/// Most files in one group; up to three are on their way, each file of them open.
const GROUP: usize = 256;

/// Where downloads hand in what they finished. Cheap to clone; when the last clone goes, all that was handed in is
/// committed first.
#[derive(Debug, Clone)]
pub struct CommitQueue {
    inner: Arc<Inner>,
}

type HandedIn<T> = (T, oneshot::Sender<Result<Saved, SaveError>>);

/// A file that came whole.
#[derive(Debug)]
pub enum Arrived {
    /// It is written already.
    Part(FinishedPart),
    /// It is so small that it was kept in memory.
    Small {
        /// Where it is to go.
        destination: Arc<Destination>,
        /// Under which name.
        path: SharedPath,
        /// All of it.
        bytes: Vec<u8>,
        /// What it keeps besides.
        stamp: Stamp,
        /// Whether it is known to hold what its holder hashed.
        is_proved: bool,
    },
}

impl Arrived {
    /// The same, to be marked with this before it gets its name.
    #[must_use]
    pub fn stamped(mut self, with: Stamp) -> Self {
        match &mut self {
            Self::Part(FinishedPart { stamp, .. }) | Self::Small { stamp, .. } => *stamp = with,
        }
        self
    }

    /// The same, which is known, or not, to hold what its holder hashed: where a file that holds the same has its name, it is
    /// not saved once more.
    #[must_use]
    pub fn proved(mut self, is: bool) -> Self {
        match &mut self {
            Self::Part(FinishedPart { is_proved, .. }) | Self::Small { is_proved, .. } => *is_proved = is,
        }
        self
    }

    /// The file on the disk, neither durable nor named yet.
    fn written(self) -> Result<FinishedPart, SaveError> {
        let part = match self {
            Self::Part(part) => part,
            Self::Small { destination, path, bytes, stamp, is_proved } => {
                let mut part = destination.begin(&path)?;
                part.write_all(&bytes)?;
                let mut part = PartFile::finish(part);
                (part.stamp, part.is_proved) = (stamp, is_proved);
                part
            }
        };
        part.stamp.put_on(&part.file);
        Ok(part)
    }

    fn folder(&self) -> PathBuf {
        match self {
            Self::Part(part) => part.folder.path.clone(),
            Self::Small { destination, .. } => destination.path().to_owned(),
        }
    }
}

#[derive(Debug)]
struct Inner {
    parts: Option<mpsc::Sender<HandedIn<Arrived>>>,
    threads: Vec<JoinHandle<()>>,
}

impl CommitQueue {
    /// Starts the threads that write and commit.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let (parts, handed_in) = mpsc::channel(GROUP);
        let (to_commit, written) = mpsc::channel(1);
        let writing = thread::Builder::new().name("write".into()).spawn(move || write(handed_in, &to_commit))?;
        let committing = thread::Builder::new().name("commit".into()).spawn(move || run(written))?;
        Ok(Self { inner: Arc::new(Inner { parts: Some(parts), threads: vec![writing, committing] }) })
    }

    /// Hands in a finished file and waits until it is saved. Given up on, it is saved all the same.
    ///
    /// One after the other this costs a wait for the disk each: begin the next file before this one is answered.
    ///
    /// # Errors
    /// As [`commit`](super::commit()).
    pub async fn commit(&self, arrived: Arrived) -> Result<Saved, SaveError> {
        let folder = arrived.folder();
        let (answer, answered) = oneshot::channel();
        let is_sent = match &self.inner.parts {
            Some(parts) => parts.send((arrived, answer)).await.is_ok(),
            None => false,
        };
        match answered.await {
            Ok(saved) if is_sent => saved,
            _ => Err(ended(folder)),
        }
    }
}

/// Writes what is not written yet. What arrives while it writes joins the group, so that groups grow with the hurry.
fn write(mut handed_in: mpsc::Receiver<HandedIn<Arrived>>, written: &mpsc::Sender<Vec<HandedIn<FinishedPart>>>) {
    while let Some(first) = handed_in.blocking_recv() {
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some((arrived, answer)) = next {
            match arrived.written() {
                Ok(part) => group.push((part, answer)),
                Err(error) => drop(answer.send(Err(error))),
            }
            next = if group.len() < GROUP { handed_in.try_recv().ok() } else { None };
        }
        // It is refused only when the other thread panicked, and the dropped answers say so.
        drop(written.blocking_send(group));
    }
}

type Answers = Vec<oneshot::Sender<Result<Saved, SaveError>>>;

/// Makes groups durable and names them. In a hurry, the wait for the contents of one serves the names of the one before.
fn run(mut written: mpsc::Receiver<Vec<HandedIn<FinishedPart>>>) {
    let mut before: Option<(Named, Answers)> = None;
    loop {
        let group = if before.is_none() { written.blocking_recv() } else { written.try_recv().ok() };
        let (named, waiting) = before.take().unzip();
        let Some(group) = group else {
            match named.zip(waiting) {
                Some((named, waiting)) => answer(waiting, named.settle()),
                None => return,
            }
            continue;
        };
        let (parts, answers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let (named, settled) = Named::new(parts, named);
        if let Some((settled, waiting)) = settled.zip(waiting) {
            answer(waiting, settled.unwrap_or_else(Named::settle));
        }
        before = Some((named, answers));
    }
}

fn answer(waiting: Answers, saved: Outcomes) {
    for (answer, saved) in waiting.into_iter().zip(saved) {
        // Whoever gave up waiting finds the file in its folder.
        let _ = answer.send(saved);
    }
}

/// The thread panicked, which was shown then.
fn ended(folder: PathBuf) -> SaveError {
    SaveError::Io(folder, io::Error::other("saving has stopped because of an error in this program"))
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.parts = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn many_downloads_are_saved_together() {
        let temp = tempfile::tempdir().unwrap();
        let destination = Destination::open(temp.path()).unwrap();
        let queue = CommitQueue::start().unwrap();
        let mut waiting = Vec::new();
        for number in 0..300 {
            let mut part = destination.begin(&SharedPath::parse(&format!("{number}")).unwrap()).unwrap();
            part.write_all(b"x").unwrap();
            let queue = queue.clone();
            waiting.push(tokio::spawn(async move { queue.commit(Arrived::Part(part.finish())).await }));
        }
        for (number, waiting) in waiting.into_iter().enumerate() {
            assert_eq!(waiting.await.unwrap().unwrap().path.as_str(), number.to_string());
        }
        assert_eq!(destination.names().unwrap().len(), 300);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn small_files_are_written_and_fail_each_for_itself() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("file"), "in the way").unwrap();
        let destination = Arc::new(Destination::open(temp.path()).unwrap());
        let queue = CommitQueue::start().unwrap();
        let small = |path: &str| Arrived::Small {
            destination: Arc::clone(&destination),
            path: SharedPath::parse(path).unwrap(),
            bytes: b"small".to_vec(),
            stamp: Stamp::default(),
            is_proved: false,
        };
        let (good, bad) = tokio::join!(queue.commit(small("d/a")), queue.commit(small("file/a")));
        assert_eq!(good.unwrap().path.as_str(), "d/a");
        assert!(matches!(bad, Err(SaveError::Blocked(_))), "{bad:?}");
        assert_eq!(std::fs::read(temp.path().join("d/a")).unwrap(), b"small");
    }

    #[tokio::test]
    async fn what_was_handed_in_is_saved_before_the_end() {
        let temp = tempfile::tempdir().unwrap();
        let destination = Destination::open(temp.path()).unwrap();
        let queue = CommitQueue::start().unwrap();
        let part = destination.begin(&SharedPath::parse("a").unwrap()).unwrap().finish();
        let (answer, _given_up) = oneshot::channel();
        queue.inner.parts.as_ref().unwrap().send((Arrived::Part(part), answer)).await.unwrap();
        tokio::task::spawn_blocking(|| drop(queue)).await.unwrap();
        assert_eq!(destination.names().unwrap().into_iter().collect::<Vec<_>>(), ["a"]);
    }
}
