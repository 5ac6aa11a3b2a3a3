//! An invented network in the place of the session: for working on the page's looks. The feature `demo` builds it in.
//!
//! The password is anything but `wrong`; a search for `many` finds 100,000 files, `none` nothing, `lose` loses the session.

use std::cell::RefCell;
use std::rc::Rc;

use gloo::timers::callback::{Interval, Timeout};
use shared::PeerUrl;

use crate::effect::Order;
use crate::event::{Event, HoldEvent, LinkEvent, PeersEvent, PoolEvent, PreviewEvent, SaveEvent};
use crate::model::{Loss, Mode, Peer, PeerKind, Reason, Viewer, Way};
use crate::pool::Offer;
use crate::runner::Files;

pub(crate) struct Transport {
    send: Rc<dyn Fn(Event)>,
    running: Rc<RefCell<Vec<(u32, u64, u64)>>>,
    _interval: Interval,
}

impl Transport {
    pub(crate) fn new(send: Rc<dyn Fn(Event)>, files: Rc<Files>) -> Self {
        drop(files);
        let running: Rc<RefCell<Vec<(u32, u64, u64)>>> = Rc::default();
        let (saves, tell) = (Rc::clone(&running), Rc::clone(&send));
        let interval = Interval::new(250, move || {
            let now: Vec<_> = saves
                .borrow_mut()
                .iter_mut()
                .map(|(id, at, size)| {
                    *at = (*at + 1_700_000).min(*size);
                    (*id, *at, *size)
                })
                .collect();
            for (id, at, size) in now {
                tell(Event::Save(SaveEvent::Progress { id, bytes: at }));
                if at == size {
                    saves.borrow_mut().retain(|save| save.0 != id);
                    tell(Event::Save(SaveEvent::Done { id, is_verified: true }));
                }
            }
        });
        Self { send, running, _interval: interval }
    }

    pub(crate) fn perform(&self, order: Order) {
        match order {
            Order::Connect(secret) if secret.reveal() == "wrong" => {
                self.later(300, Event::Link(LinkEvent::Refused { wait_s: 30 }));
            }
            Order::Connect(_) | Order::Reconnect(_) => {
                self.later(50, Event::Link(LinkEvent::Unlocking));
                let url = PeerUrl::parse("http://192.168.1.7:9004/peer/kq3v9x").ok();
                self.later(120, Event::Link(LinkEvent::Open { url }));
                self.later(160, Event::Peers(PeersEvent::Changed(peers())));
            }
            Order::Search { id, kind, pattern } => self.search(id, kind, &pattern),
            Order::Save { id, size, way, name, .. } => match way {
                Way::Ticket | Way::Zip => self.later(400, Event::Save(SaveEvent::HandedOver { id })),
                Way::Session if name.contains("fails") => {
                    let why = Reason::NoSource;
                    self.later(200, Event::Save(SaveEvent::Failed { id, why }));
                }
                Way::Session => self.running.borrow_mut().push((id, 0, size.unwrap_or(0))),
            },
            Order::CancelSave(id) => self.running.borrow_mut().retain(|save| save.0 != id),
            Order::Offer(files) => {
                for (number, file) in (0..).zip(files.into_iter().take(2)) {
                    let reading = |bytes| HoldEvent::Reading {
                        id: file.handle * 2,
                        reader: peers().get(number + 1).map(|peer| peer.name.clone()),
                        handle: file.handle,
                        bytes,
                    };
                    self.later(300, Event::Hold(reading(0)));
                    self.later(900, Event::Hold(reading(file.size / 3)));
                }
            }
            Order::OpenPreview { id, viewer: Viewer::Text, .. } => {
                let text = "A walk along the river\n\nIt rained in the morning, and then it did not.\n".repeat(40);
                self.later(100, Event::Preview(PreviewEvent::Text { id, text, is_cut: true }));
            }
            Order::OpenPreview { id, .. } => {
                let address = icon();
                self.later(100, Event::Preview(PreviewEvent::Ready { id, address }));
            }
            _ => {}
        }
    }

    fn search(&self, id: u32, kind: Mode, pattern: &str) {
        let send = |event| self.later(30, Event::Pool(event));
        if kind == Mode::Regex && pattern.contains('(') && !pattern.contains(')') {
            let why = "The pattern has a ( at place 1 that is never closed.".to_owned();
            return send(PoolEvent::PatternBad { search: id, why });
        }
        if pattern == "lose" {
            return self.later(10, Event::Link(LinkEvent::Lost(Loss::Interrupted)));
        }
        let peers = peers();
        let url = |number: usize| peers.get(number % peers.len()).map(|peer| peer.url.clone());
        if pattern == "many" {
            for number in 0..10_u32 {
                let offers = (0..10_000_u32).map(|row| many(number * 10_000 + row)).collect();
                let Some(peer) = url(1 + number as usize % 3) else { continue };
                send(PoolEvent::Found { search: id, peer, offers, seen: None });
            }
        } else if pattern != "none" {
            for (number, holders) in [(1, 0b1111_1111_1111_u32), (2, 0b0110_1101_0010), (3, 0b0000_1111_0001)] {
                let offers = FILES.iter().enumerate().filter(|(index, _)| holders >> (index % 12) & 1 == 1);
                let offers = offers.map(|(index, (path, size))| Offer {
                    path: (*path).to_owned(),
                    size: (number != 4).then_some(*size),
                    modified: Some((js_sys::Date::now() as i64 - (index as i64).pow(4) * 900_000) * 1_000_000),
                    id: None,
                });
                let Some(peer) = url(number) else { continue };
                send(PoolEvent::Found { search: id, peer, offers: offers.collect(), seen: None });
            }
            if let Some(peer) = url(4) {
                let offers = vec![Offer { path: "old song (2004).mp3".into(), size: None, modified: None, id: None }];
                send(PoolEvent::Found { search: id, peer, offers, seen: None });
            }
        }
        self.later(if pattern == "none" { 100 } else { 600 }, Event::Pool(PoolEvent::Done { search: id }));
    }

    fn later(&self, after: u32, event: Event) {
        let send = Rc::clone(&self.send);
        Timeout::new(after, move || send(event)).forget();
    }
}

fn many(row: u32) -> Offer {
    let mixed = row.wrapping_mul(2_654_435_761);
    let ends = ["mp3", "jpg", "flac", "pdf", "txt", "mkv", "zip"];
    let end = ends.get(mixed as usize % ends.len()).copied().unwrap_or("bin");
    let path = ["Archive/", &(mixed % 900).to_string(), "/Track ", &(mixed % 70_000).to_string(), ".", end].concat();
    Offer { path, size: Some(u64::from(mixed)), modified: Some(i64::from(mixed) * 400_000_000), id: None }
}

fn icon() -> String {
    let link = gloo::utils::document().query_selector("header img").ok().flatten();
    link.and_then(|image| image.get_attribute("src")).map(|src| ["/", &src].concat()).unwrap_or_default()
}

fn peers() -> Vec<Peer> {
    let list: [(&str, &str, PeerKind, u64, Option<u64>); 5] = [
        ("http://192.168.1.7:9004/peer/kq3v9x", "", PeerKind::Ours, 40, Some(0)),
        ("http://192.168.1.7:9004", "attic", PeerKind::Node, 86_400 * 12, Some(48_211)),
        ("http://192.168.1.23:9004", "Kitchen laptop", PeerKind::Node, 7_400, Some(1_204)),
        ("http://192.168.1.7:9004/peer/x8w2", "Mia’s phone", PeerKind::Tab, 310, Some(12)),
        ("http://192.168.1.40:8000", "", PeerKind::Legacy, 3_000, None),
    ];
    let peer = |(url, name, kind, here, files): (&str, &str, PeerKind, u64, Option<u64>)| {
        Some(Peer {
            url: PeerUrl::parse(url).ok()?,
            kind,
            name: name.into(),
            here_ms: here * 1000,
            files,
            revision: None,
        })
    };
    list.into_iter().filter_map(peer).collect()
}

const FILES: [(&str, u64); 24] = [
    ("Photos/2003 Summer/beach at dusk.jpg", 4_120_334),
    ("Photos/2003 Summer/the long way home through the vineyards.jpg", 5_402_118),
    ("Music/Nick Drake/Pink Moon/01 Pink Moon.flac", 13_560_042),
    ("Music/Nick Drake/Pink Moon/02 Place to Be.flac", 17_220_110),
    ("Music/Nick Drake/Pink Moon/10 From the Morning.flac", 15_801_995),
    ("Documents/Lease agreement 2024.pdf", 812_002),
    ("Documents/Recipes/Apfelkuchen nach Oma.md", 3_401),
    ("Videos/First steps.mp4", 268_110_020),
    ("Videos/Grandma’s 80th birthday, all the speeches and the dance.mkv", 3_980_110_822),
    ("Backups/laptop-2026-10.tar.gz", 18_220_110_822),
    ("Programs/setup-fails.exe", 42_110_820),
    ("Books/The Left Hand of Darkness.epub", 1_210_442),
    ("notes/todo.txt", 812),
    ("invoice\u{202e}gpj.exe", 66_000),
    ("<img src=x onerror=alert(1)>.txt", 120),
    ("שלום עולם.pdf", 120_334),
    ("写真/夏の思い出.png", 2_220_418),
    ("emoji 🎉🎈.gif", 920_118),
    ("data/measurements.csv", 12_002_110),
    ("data/measurements-2.csv", 13_002_110),
    ("site/index.html", 2_118),
    ("zero.bin", 0),
    ("Photos/2003 Summer/cover.jpg", 220_118),
    ("Music/Nick Drake/Pink Moon/cover.jpg", 120_118),
];
