//! A file over the session, encrypted: its bytes go to the browser as they come, and a beginning survives the session.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use shared::bridge::{Aside, Collect, File, Message, Read, Reset, ResetCode, Ticket, Version};
use zeroize::Zeroize;

use super::{Tab, reason, taken};
use crate::event::{Event, SaveEvent};
use crate::model::{MOST_IN_MEMORY, Reason};
use crate::pool::Source;
use crate::wire::{Link, Parts, Proof, Replies, Reply, ReplyError, Unproved, in_time, now, sleep};

/// How much of a file may be under way.
const WINDOW: u32 = 8 << 20;
/// How long nothing may come: a node waits for a tab that went away less long than this.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How often the worker is asked how far it is.
const LOOK: Duration = Duration::from_millis(100);
/// How long it may take until the session says why what came beside it broke off.
const WORDS_PATIENCE: Duration = Duration::from_secs(5);
/// How often a holder that is busy, or whose file changes, is asked again.
const TRIES: u32 = 5;
/// … and how long is waited before.
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// The beginning of a file.
#[derive(Default)]
pub(super) struct Partial {
    parts: Parts,
    /// Where from, and which version; none where each piece was proved, wherever it came from.
    of: Option<(Source, Version)>,
    proof: Option<Rc<Proof>>,
}

impl Partial {
    fn is_of(&self, source: &Source) -> bool {
        self.of.as_ref().is_some_and(|(of, _)| of == source)
    }

    /// Takes what came of a file of `size` bytes. Answers how much there is; none once it is whole.
    fn take(&mut self, reply: &Reply, size: u64) -> Result<Option<u64>, ReplyError> {
        match reply {
            Reply::Data(record) if self.parts.bytes() + record.payload().len() as u64 <= size => {
                self.parts.push(record.payload());
                Ok(Some(self.parts.bytes()))
            }
            Reply::Ended if self.parts.bytes() == size => Ok(None),
            _ => Err(ReplyError::Strange),
        }
    }

    /// The bytes, and whether they are proved.
    pub(super) fn into_parts(self) -> (Parts, bool) {
        (self.parts, self.proof.is_some())
    }
}

/// Why there is no file.
#[derive(Debug)]
pub(super) enum FetchError {
    /// It is larger than what can be collected.
    TooLarge,
    /// The last holder that was asked says this.
    Failed(Reason),
    /// The session is over; the page begins it again.
    Interrupted,
}

impl Tab {
    /// Fetches a file from the first holder that gives it, on from where it broke off before; what there is of it is kept
    /// under `id`. Tells the bytes that there are in `progress`.
    ///
    /// With a `proof` each piece is proved before it is kept, and may come from any holder: one that sends something else is
    /// given up, and the next goes on where that was found out. Where the worker breaks off, it begins again without.
    pub(super) async fn fetch(
        &self,
        link: &Link,
        id: u32,
        sources: Vec<Source>,
        proof: Option<Rc<Proof>>,
        progress: &dyn Fn(u64),
    ) -> Result<Partial, FetchError> {
        let (begun, mut is_proved) = (self.begun(id), proof.is_some());
        // A beginning of one holder's file is of no use with another's, unless it is proved.
        let first = begun.map(|(source, _)| source).filter(|source| sources.contains(source));
        let others = sources.into_iter().filter(|source| Some(source) != first.as_ref());
        let mut last = Reason::NoSource;
        if is_proved && self.proof_of(id).is_none() {
            self.begin_anew(id, proof);
        }
        for source in first.clone().into_iter().chain(others) {
            for _ in 0..TRIES {
                match self.fetch_from(link, id, &source, progress).await {
                    Ok(()) => return Ok(taken(&self.partials, &id).unwrap_or_default()),
                    Err(Broken::TooLarge) => {
                        drop(taken(&self.partials, &id));
                        return Err(FetchError::TooLarge);
                    }
                    Err(Broken::Reply(ReplyError::Interrupted)) => return Err(FetchError::Interrupted),
                    Err(Broken::Lied) => {
                        self.tell(Event::Save(SaveEvent::GivenUp { id, peer: source.peer.clone() }));
                        last = Reason::Lied;
                        break;
                    }
                    Err(Broken::NoWorker) => {
                        is_proved = false;
                        self.begin_anew(id, None);
                    }
                    Err(Broken::Reply(why)) => {
                        last = reason(&why);
                        match why.code() {
                            Some(ResetCode::BUSY) => sleep(BUSY_WAIT).await,
                            Some(ResetCode::CHANGED) if !is_proved => self.begin_anew(id, None),
                            _ => break,
                        }
                    }
                }
            }
        }
        drop(taken(&self.partials, &id));
        Err(FetchError::Failed(last))
    }

    async fn fetch_from(&self, link: &Link, id: u32, source: &Source, progress: &dyn Fn(u64)) -> Result<(), Broken> {
        let proof = self.proof_of(id);
        let (begun, version) = {
            let is_good = |partial: &Partial| partial.proof.is_some() || partial.is_of(source);
            let partial = taken(&self.partials, &id).filter(is_good).unwrap_or_default();
            let at = (partial.parts.bytes(), partial.of.as_ref().map(|(_, version)| *version));
            self.partials.borrow_mut().push((id, partial));
            at
        };
        let from = match &proof {
            Some(proof) => proof.pause().await?,
            None => begun,
        };
        progress(from);
        let aside = proof.as_ref().map(|_| random_aside()).transpose()?;
        let request = Read { version, aside: aside.clone(), ..read(source, from, None) };
        let mut replies = link.ask(request, WINDOW).map_err(ReplyError::from)?;
        let header = header(replies.next(PATIENCE).await?, from)?;
        let size = header.version.size;
        match proof.zip(aside) {
            _ if size > MOST_IN_MEMORY => return Err(Broken::TooLarge),
            // Its version is of no interest: whatever proves to be right is.
            Some((proof, aside)) if size == proof.size() => {
                receive(link, &proof, &aside, replies, progress).await?;
                let whole = proof.gather().await?;
                return Ok(self.with_partial(id, |partial| partial.parts.push_blob(&whole))?);
            }
            Some(_) => return Err(ReplyError::Reset(Reset::new(ResetCode::CHANGED, "")).into()),
            None => self.with_partial(id, |partial| partial.of = Some((source.clone(), header.version)))?,
        }
        loop {
            let reply = replies.next(PATIENCE).await?;
            match self.with_partial(id, |partial| partial.take(&reply, size))?? {
                Some(bytes) => progress(bytes),
                None => return Ok(()),
            }
        }
    }

    /// Forgets a beginning.
    fn begin_anew(&self, id: u32, proof: Option<Rc<Proof>>) {
        let before = taken(&self.partials, &id);
        self.partials.borrow_mut().push((id, Partial { proof, ..Partial::default() }));
        drop(before);
    }

    /// What proves what was begun.
    pub(super) fn proof_of(&self, id: u32) -> Option<Rc<Proof>> {
        let partials = self.partials.borrow();
        partials.iter().find(|(of, _)| *of == id).and_then(|(_, partial)| partial.proof.clone())
    }

    /// Whether anything was begun.
    pub(super) fn has_begun(&self, id: u32) -> bool {
        self.partials.borrow().iter().any(|(of, _)| *of == id)
    }

    fn begun(&self, id: u32) -> Option<(Source, Version)> {
        let partials = self.partials.borrow();
        partials.iter().find(|(of, _)| *of == id).and_then(|(_, partial)| partial.of.clone())
    }

    /// Looks at a beginning or adds to it; it is gone where nobody wants it any more.
    fn with_partial<T>(&self, id: u32, work: impl FnOnce(&mut Partial) -> T) -> Result<T, ReplyError> {
        let mut partials = self.partials.borrow_mut();
        let partial = partials.iter_mut().find(|(of, _)| *of == id).map(|(_, partial)| partial);
        partial.map(work).ok_or(ReplyError::Interrupted)
    }

    /// The first bytes of a file, from the first holder that gives them, and whether there are more.
    pub(super) async fn beginning(
        &self,
        link: &Link,
        sources: &[Source],
        most: u64,
    ) -> Result<(Vec<u8>, bool), Reason> {
        let mut last = Reason::NoSource;
        for source in sources {
            match beginning_from(link, source, most).await {
                Ok(beginning) => return Ok(beginning),
                Err(why) => last = reason(&why),
            }
        }
        Err(last)
    }

    /// An address of this node at which one of the holders' file can be had; or, where an archive is to be called so, all of
    /// these files as one.
    pub(super) async fn ticket(
        &self,
        link: &Link,
        sources: &[Source],
        preview: bool,
        archive: Option<&str>,
    ) -> Result<String, Reason> {
        let mut last = Reason::NoSource;
        let together = if archive.is_some() { sources.len().max(1) } else { 1 };
        for some in sources.chunks(together) {
            let ticket = |it: &Source| Ticket { peer: it.peer.as_str().to_owned(), path: it.path.clone(), preview };
            let request: Message = match (archive, some) {
                (Some(name), _) => Collect { name: name.to_owned(), files: some.iter().map(ticket).collect() }.into(),
                (None, [one, ..]) => ticket(one).into(),
                (None, []) => break,
            };
            let reply = match link.ask(request, 0) {
                Ok(mut replies) => replies.next(PATIENCE).await,
                Err(why) => Err(why.into()),
            };
            last = match reply {
                Ok(Reply::Message(Message::Ticketed(it))) if is_own_address(&it.href) => return Ok(it.href),
                Ok(Reply::Message(Message::Ticketed(_))) => Reason::StrangeAddress,
                Ok(_) => Reason::Strange,
                Err(why) => reason(&why),
            };
        }
        Err(last)
    }
}

/// Why one holder's file is not there.
enum Broken {
    TooLarge,
    Reply(ReplyError),
    /// It is not what was promised.
    Lied,
    /// Nothing can be proved any more.
    NoWorker,
}

impl From<Unproved> for Broken {
    fn from(why: Unproved) -> Self {
        match why {
            Unproved::Wrong => Self::Lied,
            Unproved::BrokenOff => Self::Reply(ReplyError::Silent),
            Unproved::Unknown => Self::NoWorker,
        }
    }
}

impl From<ReplyError> for Broken {
    fn from(why: ReplyError) -> Self {
        Self::Reply(why)
    }
}

/// Has the worker take in and prove what comes beside the session; here it is only heard how far that is, and what went wrong.
async fn receive(
    link: &Link,
    proof: &Proof,
    aside: &Aside,
    mut replies: Replies,
    progress: &dyn Fn(u64),
) -> Result<(), Broken> {
    let mut receiving = pin!(proof.receive(aside));
    let (mut kept, mut came_at) = (0, now());
    let received = loop {
        if let Some(received) = in_time(LOOK, receiving.as_mut()).await {
            break received;
        }
        let bytes = proof.kept().await?;
        if bytes > kept {
            (kept, came_at) = (bytes, now());
            progress(bytes);
        } else if link.is_over() || now() >= came_at + PATIENCE {
            proof.pause().await?;
            break Err(Unproved::BrokenOff);
        }
    };
    match received {
        // What the other end says of it is said in the session.
        Err(Unproved::BrokenOff) => match replies.next(WORDS_PATIENCE).await {
            Ok(_) => Err(ReplyError::Strange.into()),
            Err(why) => Err(why.into()),
        },
        received => Ok(received?),
    }
}

fn random_aside() -> Result<Aside, ReplyError> {
    let mut random = [0; 48];
    getrandom::fill(&mut random).map_err(|_| ReplyError::Full)?;
    let aside = Aside::new(&random);
    random.zeroize();
    Ok(aside)
}

fn read(source: &Source, from: u64, length: Option<u64>) -> Read {
    let (peer, path) = (Some(source.peer.as_str().to_owned()), source.path.clone());
    Read { peer, of: String::new(), path, from, length, version: None, reader: None, aside: None }
}

/// What is said before the bytes, if it fits to what was asked.
fn header(reply: Reply, from: u64) -> Result<File, ReplyError> {
    match reply {
        Reply::Message(Message::File(file)) if file.length <= file.version.size.saturating_sub(from) => Ok(file),
        _ => Err(ReplyError::Strange),
    }
}

async fn beginning_from(link: &Link, source: &Source, most: u64) -> Result<(Vec<u8>, bool), ReplyError> {
    let mut replies = link.ask(read(source, 0, Some(most)), 0)?;
    let file = header(replies.next(PATIENCE).await?, 0)?;
    let mut bytes = Vec::new();
    loop {
        match replies.next(PATIENCE).await? {
            Reply::Data(record) if (bytes.len() + record.payload().len()) as u64 <= most => {
                bytes.extend_from_slice(record.payload());
            }
            Reply::Ended if bytes.len() as u64 == file.length => return Ok((bytes, file.version.size > file.length)),
            _ => return Err(ReplyError::Strange),
        }
    }
}

/// Whether an address is a path of the node this page came from, whatever a browser makes of backslashes and blanks.
fn is_own_address(href: &str) -> bool {
    href.starts_with("/get/") && href.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_leads_nowhere_else() {
        assert!(is_own_address("/get/0123456789abcdef/a%20b.txt"));
        for href in ["", "//evil/get/", "/\\evil", "http://evil/get/x", "/get/\\..", "/get/a b", "/", "get/x", "/rpc"] {
            assert!(!is_own_address(href), "{href}");
        }
    }

    #[test]
    fn a_header_that_promises_more_than_there_is_is_strange() {
        let file = |size, length| Reply::Message(File::new(Version { size, modified: 0 }, length).into());
        assert!(header(file(10, 6), 4).is_ok());
        assert_eq!(header(file(10, 7), 4), Err(ReplyError::Strange));
        assert_eq!(header(file(3, 1), 4), Err(ReplyError::Strange));
        assert_eq!(header(Reply::Ended, 0), Err(ReplyError::Strange));
    }
}
