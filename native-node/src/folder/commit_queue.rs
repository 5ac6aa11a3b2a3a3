//! Collects finished files from many downloads, so that one wait for the disk serves all of them.
//!
//! While one group is made durable the next gathers by itself, so there is no timer: a single file waits for nobody, and a
//! thousand come in few groups.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::{io, mem};

use tokio::sync::{mpsc, oneshot};

use super::{FinishedPart, SaveError, Saved, commit};

/// Most files in one group, and most that wait for the next; each has a file open.
const GROUP: usize = 128;

/// Where downloads hand in what they finished. Cheap to clone; when the last clone goes, all that was handed in is
/// committed first.
#[derive(Debug, Clone)]
pub struct CommitQueue {
    inner: Arc<Inner>,
}

type HandedIn = (FinishedPart, oneshot::Sender<Result<Saved, SaveError>>);

#[derive(Debug)]
struct Inner {
    parts: Option<mpsc::Sender<HandedIn>>,
    thread: Option<JoinHandle<()>>,
}

impl CommitQueue {
    /// Starts the thread that commits.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let (parts, handed_in) = mpsc::channel(GROUP);
        let thread = thread::Builder::new().name("commit".into()).spawn(move || run(handed_in))?;
        Ok(Self { inner: Arc::new(Inner { parts: Some(parts), thread: Some(thread) }) })
    }

    /// Hands in a finished file and waits until it is saved. Given up on, it is saved all the same.
    ///
    /// One after the other this costs a wait for the disk each: begin the next file before this one is answered.
    ///
    /// # Errors
    /// As [`commit`].
    pub async fn commit(&self, part: FinishedPart) -> Result<Saved, SaveError> {
        let folder = part.folder.path.clone();
        let (answer, answered) = oneshot::channel();
        let is_sent = match &self.inner.parts {
            Some(parts) => parts.send((part, answer)).await.is_ok(),
            None => false,
        };
        match answered.await {
            Ok(saved) if is_sent => saved,
            _ => Err(ended(folder)),
        }
    }
}

fn run(mut handed_in: mpsc::Receiver<HandedIn>) {
    let mut group = Vec::new();
    while handed_in.blocking_recv_many(&mut group, GROUP) > 0 {
        let (parts, answers): (Vec<_>, Vec<_>) = mem::take(&mut group).into_iter().unzip();
        for (answer, saved) in answers.into_iter().zip(commit(parts)) {
            // Whoever gave up waiting finds the file in its folder.
            let _ = answer.send(saved);
        }
    }
}

/// The thread panicked, which was shown then.
fn ended(folder: PathBuf) -> SaveError {
    SaveError::Io(folder, io::Error::other("saving has stopped because of an error in this program"))
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.parts = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Destination;
    use shared::SharedPath;

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
            waiting.push(tokio::spawn(async move { queue.commit(part.finish()).await }));
        }
        for (number, waiting) in waiting.into_iter().enumerate() {
            assert_eq!(waiting.await.unwrap().unwrap().path.as_str(), number.to_string());
        }
        assert_eq!(destination.names().unwrap().len(), 300);
    }

    #[tokio::test]
    async fn what_was_handed_in_is_saved_before_the_end() {
        let temp = tempfile::tempdir().unwrap();
        let destination = Destination::open(temp.path()).unwrap();
        let queue = CommitQueue::start().unwrap();
        let part = destination.begin(&SharedPath::parse("a").unwrap()).unwrap().finish();
        let (answer, _given_up) = oneshot::channel();
        queue.inner.parts.as_ref().unwrap().send((part, answer)).await.unwrap();
        tokio::task::spawn_blocking(|| drop(queue)).await.unwrap();
        assert_eq!(destination.names().unwrap().into_iter().collect::<Vec<_>>(), ["a"]);
    }
}
