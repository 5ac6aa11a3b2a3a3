//! The session with the node, as the page sees it: orders go in, events come out.
//!
//! How a session works is in `wire`. Here is which one there is, what runs in it, and that all of it ends with it. Whoever
//! sends an event must hold nothing: the page answers with further orders before the call returns.

mod fetch;
mod hold;
mod loss;
mod pool;
mod preview;
mod prove;
mod put;
mod save;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo::events::EventListener;
use gloo::utils::{document, window};
use shared::PeerUrl;
use shared::bridge::{Hello, InstanceId, Message, PeerInfo, Reset, ResetCode, Role, Secret};
use zeroize::Zeroizing;

use crate::effect::Order;
use crate::event::{Event, LinkEvent, PeersEvent};
use crate::model;
use crate::runner::Files;
use crate::wire::{Answer, Link, Occurrence, Offers, ReplyError, Task, WorkerHandle, derive, enter};
use fetch::Partial;
use save::Wanted;

/// What runs in a session, by what the page calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Search(u32),
    Save(u32),
    Preview(u32),
    Look,
    Identify,
    Put,
}

/// The one session of this tab.
pub(crate) struct Transport(Rc<Tab>);

/// What the tab keeps, with and without a session.
struct Tab {
    this: Weak<Self>,
    send: Rc<dyn Fn(Event)>,
    files: Rc<Files>,
    /// Drawn once: by it the node knows a call that came back to itself.
    own: InstanceId,
    /// What the node gives this tab's URL for; another one after the person has left.
    tab: RefCell<Zeroizing<Vec<u8>>>,
    name: RefCell<String>,
    secret: RefCell<Option<Secret>>,
    entering: RefCell<Option<Task>>,
    link: RefCell<Option<Link>>,
    said_hello: Cell<bool>,
    work: RefCell<Vec<(Work, Task)>>,
    url: RefCell<Option<PeerUrl>>,
    peers: RefCell<Vec<PeerInfo>>,
    offers: RefCell<Offers>,
    readers: Rc<Cell<usize>>,
    readings: Cell<u32>,
    /// Whether files came that were not hashed.
    is_more_held: Cell<bool>,
    /// Hashes and proves, once there is something to be hashed or proved.
    worker: RefCell<Option<Rc<WorkerHandle>>>,
    /// Beginnings of files whose session was lost.
    partials: RefCell<Vec<(u32, Partial)>>,
    /// When the browser was last told to download something.
    clicked: Cell<u64>,
    /// Held because dropping a listener takes it off the page.
    _listeners: [EventListener; 2],
    /// Addresses of what is shown, to be revoked.
    shown: RefCell<Vec<(u32, String)>>,
}

impl Transport {
    /// Will bring events to `send`, and read the files this tab offers from `files`.
    pub(crate) fn new(send: Rc<dyn Fn(Event)>, files: Rc<Files>) -> Self {
        let mut own = [0; 16];
        // Without chance there is no handshake either, and that says so.
        let _checked_there = getrandom::fill(&mut own);
        let tell = Rc::clone(&send);
        // A hidden page's timers are slow, and a device that slept has lost its sessions: who looks wants it back at once.
        let seen = EventListener::new(&document(), "visibilitychange", move |_| {
            if !document().hidden() {
                tell(Event::Link(LinkEvent::Online));
            }
        });
        Self(Rc::new_cyclic(|this: &Weak<Tab>| Tab {
            this: this.clone(),
            send,
            _listeners: [seen, on_losing_the_network(this.clone())],
            files,
            own: InstanceId(own),
            tab: RefCell::new(new_tab()),
            name: RefCell::default(),
            secret: RefCell::default(),
            entering: RefCell::default(),
            link: RefCell::default(),
            said_hello: Cell::new(false),
            work: RefCell::default(),
            url: RefCell::default(),
            peers: RefCell::default(),
            offers: RefCell::default(),
            readers: Rc::default(),
            readings: Cell::new(0),
            is_more_held: Cell::new(false),
            worker: RefCell::default(),
            partials: RefCell::default(),
            clicked: Cell::new(0),
            shown: RefCell::default(),
        }))
    }

    /// Does what is ordered.
    pub(crate) fn perform(&self, order: Order) {
        let tab = &self.0;
        match order {
            Order::Connect(password) => {
                *tab.secret.borrow_mut() = None;
                tab.enter(password);
            }
            Order::Reconnect(password) => tab.enter(password),
            Order::Disconnect => tab.leave(),
            Order::Introduce(name) => {
                let is_known = tab.said_hello.get() && *tab.name.borrow() == name;
                *tab.name.borrow_mut() = name;
                if !is_known {
                    tab.hello();
                }
            }
            Order::Search { id, kind, pattern } => tab.search(id, kind, pattern),
            Order::CancelSearch(id) => tab.stop(Work::Search(id)),
            Order::Save { id, name, size, content, sources, way } => {
                tab.save(Wanted { id, name, size, content, sources }, way);
            }
            Order::CancelSave(id) => {
                tab.stop(Work::Save(id));
                drop(taken(&tab.partials, &id));
            }
            Order::Offer(files) => tab.offer(files),
            Order::Withdraw(handles) => tab.withdraw(&handles),
            Order::Put(handles) => tab.put(handles),
            Order::OpenPreview { id, sources, size, viewer, media_type } => {
                tab.open_preview(id, sources, size, viewer, media_type);
            }
            Order::ClosePreview(id) => tab.close_preview(id),
        }
    }
}

impl Tab {
    fn tell(&self, event: Event) {
        (self.send)(event);
    }

    fn strong(&self) -> Option<Rc<Self>> {
        self.this.upgrade()
    }

    /// Begins work that ends with the session; work of the same name ends now.
    fn begin(&self, name: Work, work: impl Future<Output = ()> + 'static) {
        let this = self.this.clone();
        let task = Task::begin(async move {
            work.await;
            this.upgrade().iter().for_each(|tab| tab.stop(name));
        });
        self.stop(name);
        self.work.borrow_mut().push((name, task));
    }

    /// Whether work of this name is under way.
    fn is_at(&self, name: Work) -> bool {
        self.work.borrow().iter().any(|(work, _)| *work == name)
    }

    /// A worker that hashes and proves; none where the browser has none to give.
    fn worker(&self) -> Option<Rc<WorkerHandle>> {
        let mut worker = self.worker.borrow_mut();
        if worker.as_ref().is_none_or(|worker| worker.is_broken()) {
            *worker = WorkerHandle::new().map(Rc::new);
        }
        worker.clone()
    }

    fn stop(&self, name: Work) {
        let task = taken(&self.work, &name);
        drop(task);
    }

    /// The session, if there is one; introduced, for nothing may be said before that.
    fn link(&self) -> Option<Link> {
        if !self.said_hello.get() {
            self.hello();
        }
        self.link.borrow().clone()
    }

    /// Makes a session with this password, or with what was made of it before.
    fn enter(&self, password: model::Secret) {
        self.end_session();
        let Some(tab) = self.strong() else { return };
        let entering = Task::begin(async move {
            if let Err(why) = tab.try_to_enter(password).await {
                tab.not_entered(why).await;
            }
        });
        let before = self.entering.borrow_mut().replace(entering);
        drop(before);
    }

    async fn try_to_enter(&self, password: model::Secret) -> Result<(), loss::Why> {
        let before = self.secret.borrow().clone();
        let secret = match before {
            Some(secret) => secret,
            None => {
                self.tell(Event::Link(LinkEvent::Unlocking));
                let secret = derive(password.reveal()).await.map_err(loss::Why::Derive)?;
                *self.secret.borrow_mut() = Some(secret.clone());
                secret
            }
        };
        self.tell(Event::Link(LinkEvent::Connecting));
        let link = enter(&secret, self.own).await.map_err(|shut| loss::Why::Shut(shut.into()))?;
        self.entered(link);
        Ok(())
    }

    async fn not_entered(&self, why: loss::Why) {
        let event = loss::told(why).await;
        if matches!(event, LinkEvent::Refused { .. }) {
            *self.secret.borrow_mut() = None;
        }
        self.tell(Event::Link(event));
    }

    fn entered(&self, link: Link) {
        self.said_hello.set(false);
        self.offers.borrow_mut().begin();
        *self.link.borrow_mut() = Some(link.clone());
        let this = self.this.clone();
        link.start(move |occurrence| {
            if let Some(tab) = this.upgrade() {
                tab.occurred(occurrence);
            }
        });
        self.tell(Event::Link(LinkEvent::Open { url: None }));
        // The page may have had nothing to say.
        if !self.said_hello.get() {
            self.hello();
        }
        self.offer_nothing_where_nothing_is();
    }

    /// Introduces this tab; the first thing said in a session, and said again under another name.
    fn hello(&self) {
        let Some(link) = self.link.borrow().clone() else { return };
        self.said_hello.set(true);
        link.say(Hello {
            role: Role::Tab,
            name: self.name.borrow().clone(),
            program: concat!("tinyp2p page ", env!("CARGO_PKG_VERSION")).to_owned(),
            url: None,
            tab: Some(self.tab.borrow().to_vec()),
        });
    }

    fn occurred(&self, occurrence: Occurrence) {
        match occurrence {
            Occurrence::Said(Message::Address(address)) => {
                let Ok(url) = PeerUrl::parse(&address.url) else { return };
                *self.url.borrow_mut() = Some(url.clone());
                self.tell(Event::Link(LinkEvent::Open { url: Some(url) }));
                self.tell_peers();
            }
            Occurrence::Said(Message::Peers(peers)) => {
                *self.peers.borrow_mut() = peers.peers;
                self.tell_peers();
            }
            // Who the node is the page has asked before.
            Occurrence::Said(_) => {}
            Occurrence::Asked(request, answer) => self.asked(request, answer),
            Occurrence::Over(how) => {
                self.end_session();
                self.tell(Event::Link(LinkEvent::Lost(loss::lost(how))));
            }
        }
    }

    fn asked(&self, request: Message, answer: Answer) {
        match request {
            Message::Read(request) => self.lend(request, answer),
            Message::Outline(request) => self.outline(&request, answer),
            _ => answer.fail(&Reset::new(ResetCode::UNKNOWN, "a tab does not answer that")),
        }
    }

    fn tell_peers(&self) {
        let own = self.url.borrow().clone();
        let peers = self.peers.borrow().iter().filter_map(|peer| pool::peer(peer, own.as_ref())).collect();
        self.tell(Event::Peers(PeersEvent::Changed(peers)));
    }

    /// Ends the session and all that runs in it, without a word to the page.
    fn end_session(&self) {
        let (entering, link) = (self.entering.borrow_mut().take(), self.link.borrow_mut().take());
        let work = std::mem::take(&mut *self.work.borrow_mut());
        drop(work);
        link.iter().for_each(Link::close);
        self.peers.borrow_mut().clear();
        // The one that is under way may be who calls; it is done then.
        drop(entering);
    }

    /// The person leaves: nothing is kept that the password has opened.
    fn leave(&self) {
        self.end_session();
        *self.secret.borrow_mut() = None;
        *self.url.borrow_mut() = None;
        *self.tab.borrow_mut() = new_tab();
        self.partials.borrow_mut().clear();
        *self.worker.borrow_mut() = None;
        let shown = std::mem::take(&mut *self.shown.borrow_mut());
        shown.iter().for_each(|(_, address)| preview::revoke(address));
    }
}

/// A session that has no network any more ends at once; it would be silent for a while before that was noticed.
fn on_losing_the_network(tab: Weak<Tab>) -> EventListener {
    EventListener::new(&window(), "offline", move |_| {
        let Some(tab) = tab.upgrade() else { return };
        let has_session = tab.link.borrow().is_some();
        if has_session && loss::is_offline() {
            tab.end_session();
            tab.tell(Event::Link(LinkEvent::Lost(model::Loss::Offline)));
        }
    })
}

/// Why a request was not answered, for the person.
fn reason(why: &ReplyError) -> model::Reason {
    match why {
        ReplyError::Reset(reset) if reset.text.is_empty() => model::Reason::Refused,
        ReplyError::Reset(reset) if reset.code == ResetCode::GONE => model::Reason::NoSource,
        ReplyError::Reset(reset) => model::Reason::Said(reset.text.clone()),
        ReplyError::Silent => model::Reason::Silent,
        ReplyError::Interrupted => model::Reason::Ended,
        ReplyError::Strange => model::Reason::Strange,
        ReplyError::Full => model::Reason::Full,
    }
}

/// Takes one out of a few.
fn taken<K: PartialEq, V>(few: &RefCell<Vec<(K, V)>>, key: &K) -> Option<V> {
    let mut few = few.borrow_mut();
    let at = few.iter().position(|(known, _)| known == key)?;
    Some(few.swap_remove(at).1)
}

/// What a tab shows to get its URL: nobody can guess it, and nothing of it outlives the tab.
fn new_tab() -> Zeroizing<Vec<u8>> {
    let mut secret = Zeroizing::new(vec![0; 32]);
    if getrandom::fill(&mut secret).is_err() {
        secret.clear();
    }
    secret
}

/// Whether this is the person's own device, which is there without any network.
fn is_own_device() -> bool {
    let host = window().location().hostname().unwrap_or_default();
    host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "[::1]"
}
