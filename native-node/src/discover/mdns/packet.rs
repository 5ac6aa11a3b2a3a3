//! What nodes say to each other by multicast DNS, as packets (RFC 6762, section 18; RFC 6763, section 4).
//!
//! All that is said of a node stands in one packet, ours and that of others: whoever tells of a service sends along what it
//! needs (RFC 6763, section 12), so nothing is kept of halves.

use std::net::IpAddr;
use std::time::Duration;

use shared::membership::PoolMark;
use simple_dns::rdata::{A, AAAA, PTR, RData, SRV, TXT};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, ResourceRecord, TYPE};

/// What nodes are announced as.
pub const SERVICE: &str = "_tinyp2p._tcp.local.";
/// Where the mark of its pool stands in what a node announces.
pub const POOL: &str = "pool";
/// What asks for all services there are (RFC 6763, section 9).
const SERVICES: &str = "_services._dns-sd._udp.local.";
/// Longest packet (RFC 6762, section 17).
pub(super) const PACKET_BYTES: usize = 9_000;
/// How long what we say is good for (RFC 6762, section 10) …
pub(super) const GOOD_FOR: Duration = Duration::from_secs(75 * 60);
/// … and where we are.
const HOST_GOOD_FOR: Duration = Duration::from_secs(2 * 60);
/// Most nodes that one packet tells of.
const NODES: usize = 32;
/// Most addresses of a node in one packet.
const ADDRESSES: usize = 8;
/// Most nodes that a question says to know: they fit into a packet of any network.
const KNOWN: usize = 16;

/// What is announced of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Service {
    /// The random id of this process.
    pub(in super::super) name: String,
    pub(in super::super) port: u16,
    pub(in super::super) mark: Option<PoolMark>,
}

/// What a packet says of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) name: String,
    /// For how long; zero if it goes.
    pub(super) good_for: Duration,
    /// Where it is and of which pool, if that is said, too.
    pub(super) at: Option<(u16, Vec<IpAddr>, Option<PoolMark>)>,
}

/// Reads a packet, if it is one of multicast DNS and promises no more than it can hold.
pub(super) fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    // No record is shorter than eleven bytes, no question than five; the crate makes room for as many as are promised.
    let (counts, _) = bytes.get(4..12)?.as_chunks();
    let promised: usize = counts.iter().map(|count| usize::from(u16::from_be_bytes(*count))).sum();
    (bytes.len() <= PACKET_BYTES && promised * 5 <= bytes.len()).then(|| Packet::parse(bytes).ok()).flatten()
}

/// Whether a packet asks for what is announced, and does not know it yet.
pub(super) fn asks(packet: &Packet<'_>, service: &Service) -> bool {
    let (names, is) = (Names::of(service), |one: &Name<'_>, other: &str| Name::new(other).is_ok_and(|it| *one == it));
    let is_known = packet.answers.iter().any(|record| {
        matches!(&record.rdata, RData::PTR(instance) if is(&record.name, SERVICE) && is(&instance.0, &names.instance))
            // It has it for less than half of the time: it may be told anew (RFC 6762, section 7.1).
            && u64::from(record.ttl) >= GOOD_FOR.as_secs() / 2
    });
    packet.questions.iter().any(|question| {
        let asks = |types: &[TYPE]| match question.qtype {
            QTYPE::ANY => true,
            QTYPE::TYPE(one) => types.contains(&one),
            _ => false,
        };
        (is(&question.qname, SERVICE) && asks(&[TYPE::PTR]) && !is_known)
            || (is(&question.qname, SERVICES) && asks(&[TYPE::PTR]))
            || (is(&question.qname, &names.instance) && asks(&[TYPE::SRV, TYPE::TXT]))
            || (is(&question.qname, &names.host) && asks(&[TYPE::A, TYPE::AAAA]))
    })
}

/// What a packet says of nodes.
pub(super) fn told(packet: &Packet<'_>) -> Vec<Announcement> {
    let Ok(service) = Name::new(SERVICE) else { return Vec::new() };
    let instances = records(packet, &service).filter_map(|record| match &record.rdata {
        RData::PTR(instance) if instance.0.is_subdomain_of(&service) => Some((&instance.0, record.ttl)),
        _ => None,
    });
    let told = instances.take(NODES).filter_map(|(instance, ttl)| {
        let name = instance.get_labels().first()?.to_string();
        let server = records(packet, instance).find_map(|record| match &record.rdata {
            RData::SRV(server) => Some(server),
            _ => None,
        });
        let mark = records(packet, instance).find_map(|record| match &record.rdata {
            RData::TXT(text) => PoolMark::parse(text.attributes().get(POOL)?.as_deref()?),
            _ => None,
        });
        let at = server.map(|server| {
            let addresses = records(packet, &server.target).filter_map(|record| match &record.rdata {
                RData::A(v4) => Some(IpAddr::V4(v4.address.into())),
                RData::AAAA(v6) => Some(IpAddr::V6(v6.address.into())),
                _ => None,
            });
            (server.port, addresses.take(ADDRESSES).collect(), mark)
        });
        Some(Announcement { name, good_for: Duration::from_secs(ttl.into()).min(GOOD_FOR), at })
    });
    told.collect()
}

/// What a packet says of a name.
fn records<'a>(packet: &'a Packet<'a>, name: &'a Name<'a>) -> impl Iterator<Item = &'a ResourceRecord<'a>> {
    packet.answers.iter().chain(&packet.additional_records).filter(move |record| record.name == *name)
}

/// A question for nodes, by somebody who knows these. Nothing is returned only where a name is none.
pub(super) fn question<'a>(known: impl Iterator<Item = (&'a str, Duration)>) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(0);
    let service = Name::new(SERVICE).ok()?;
    packet.questions.push(Question::new(service.clone(), TYPE::PTR.into(), CLASS::IN.into(), false));
    let names: Vec<_> = known.take(KNOWN).map(|(name, good_for)| (format!("{name}.{SERVICE}"), good_for)).collect();
    for (name, good_for) in &names {
        let Ok(name) = Name::new(name) else { continue };
        packet.answers.push(record(service.clone(), *good_for, RData::PTR(PTR(name))));
    }
    packet.build_bytes_vec_compressed().ok()
}

/// What is announced, at these addresses; with the mark of the end if we go. Nothing is returned only where a name is none.
pub(super) fn answer(service: &Service, addresses: &[IpAddr], is_here: bool) -> Option<Vec<u8>> {
    let names = Names::of(service);
    let (all, kind) = (Name::new(SERVICES).ok()?, Name::new(SERVICE).ok()?);
    let (instance, host) = (Name::new(&names.instance).ok()?, Name::new(&names.host).ok()?);
    let [good_for, host_good_for] = [GOOD_FOR, HOST_GOOD_FOR].map(|time| if is_here { time } else { Duration::ZERO });
    let mut packet = Packet::new_reply(0);
    packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    let mut text = TXT::new();
    let mark = service.mark.map(|mark| mark.to_string());
    if let Some(mark) = &mark {
        text.add_attribute(POOL, Some(mark.as_bytes())).ok()?;
    } else {
        // A record of text is never without any (RFC 6763, section 6.1).
        text.add_string("").ok()?;
    }
    let server = SRV { priority: 0, weight: 0, port: service.port, target: host.clone() };
    // Others have services of the same kind; what is only ours takes the place of what was known of us.
    packet.answers.extend([
        record(kind.clone(), good_for, RData::PTR(PTR(instance.clone()))),
        record(instance.clone(), host_good_for, RData::SRV(server)).with_cache_flush(true),
        record(instance, good_for, RData::TXT(text)).with_cache_flush(true),
    ]);
    if is_here {
        packet.answers.push(record(all, good_for, RData::PTR(PTR(kind))));
    }
    packet.answers.extend(addresses.iter().take(ADDRESSES).map(|address| {
        let data = match *address {
            IpAddr::V4(v4) => RData::A(A { address: v4.into() }),
            IpAddr::V6(v6) => RData::AAAA(AAAA { address: v6.into() }),
        };
        record(host.clone(), host_good_for, data).with_cache_flush(true)
    }));
    packet.build_bytes_vec_compressed().ok()
}

fn record<'a>(name: Name<'a>, good_for: Duration, data: RData<'a>) -> ResourceRecord<'a> {
    ResourceRecord::new(name, CLASS::IN, u32::try_from(good_for.as_secs()).unwrap_or(u32::MAX), data)
}

/// How a node and its machine are called there.
struct Names {
    instance: String,
    host: String,
}

impl Names {
    fn of(service: &Service) -> Self {
        Self { instance: format!("{}.{SERVICE}", service.name), host: format!("tinyp2p-{}.local.", service.name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn service(mark: Option<&str>) -> Service {
        Service { name: "0a1b".to_owned(), port: 9_004, mark: mark.map(|mark| PoolMark::parse(mark).unwrap()) }
    }

    fn asked(name: &str, kind: QTYPE, known: &[(&str, u64)]) -> Vec<u8> {
        let known = known.iter().map(|(name, seconds)| (*name, Duration::from_secs(*seconds)));
        let question = question(known).unwrap();
        let mut packet = parse(&question).unwrap();
        packet.questions = vec![Question::new(Name::new(name).unwrap(), kind, CLASS::IN.into(), false)];
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn what_is_announced_is_read_as_it_was_meant() {
        let addresses = ["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
        for mark in [None, Some("50fab4fc2d015c62")] {
            let service = service(mark);
            let bytes = answer(&service, &addresses, true).unwrap();
            let packet = parse(&bytes).unwrap();
            let at = Some((9_004, addresses.to_vec(), service.mark));
            assert_eq!(told(&packet), [Announcement { name: "0a1b".to_owned(), good_for: GOOD_FOR, at }]);
            // Only what is shared may stand beside that of others (RFC 6762, section 10.2).
            let flushes = packet.answers.iter().filter(|record| record.cache_flush);
            assert!(flushes.clone().all(|record| !matches!(record.rdata, RData::PTR(_))) && flushes.count() == 4);
            assert!(bytes.len() < 300, "{}", bytes.len());
            let gone = answer(&service, &addresses[..0], false).unwrap();
            assert_eq!(told(&parse(&gone).unwrap())[0].good_for, Duration::ZERO);
        }
    }

    #[test]
    fn who_asks_for_nodes_is_answered_and_nobody_else() {
        let ours = service(None);
        let asks = |name: &str, kind: TYPE, known: &[(&str, u64)]| {
            let bytes = asked(name, kind.into(), known);
            super::asks(&parse(&bytes).unwrap(), &ours)
        };
        assert!(asks(SERVICE, TYPE::PTR, &[]) && asks("_TINYP2P._tcp.local.", TYPE::PTR, &[("other", 4_000)]));
        assert!(asks(SERVICES, TYPE::PTR, &[]));
        assert!(asks("0a1b._tinyp2p._tcp.local.", TYPE::SRV, &[]) && asks("tinyp2p-0a1b.local.", TYPE::A, &[]));
        assert!(!asks("_ipp._tcp.local.", TYPE::PTR, &[]) && !asks("other._tinyp2p._tcp.local.", TYPE::SRV, &[]));
        // Who has heard of it lately, and who has not.
        assert!(!asks(SERVICE, TYPE::PTR, &[("0a1b", 4_000)]) && asks(SERVICE, TYPE::PTR, &[("0a1b", 2_000)]));
    }

    #[test]
    fn a_question_says_who_is_known_and_fits_into_a_packet() {
        let names: Vec<_> = (0..1_000).map(|number| format!("{number:032x}")).collect();
        let bytes = question(names.iter().map(|name| (name.as_str(), GOOD_FOR))).unwrap();
        assert!(bytes.len() < 1_400, "{}", bytes.len());
        let packet = parse(&bytes).unwrap();
        assert_eq!((packet.questions.len(), packet.answers.len()), (1, KNOWN));
    }

    #[test]
    fn a_packet_that_promises_more_than_it_holds_is_none() {
        let mut bytes = question(std::iter::empty()).unwrap();
        assert!(parse(&bytes).is_some());
        for at in (4..12).step_by(2) {
            let before = bytes[at];
            bytes[at] = 0xff;
            assert!(parse(&bytes).is_none());
            bytes[at] = before;
        }
        assert!(parse(&[0; 11]).is_none() && parse(&vec![0; PACKET_BYTES + 1]).is_none());
        // A name that leads to itself (RFC 1035, section 4.1.4).
        let circular = [&bytes[..12], &[0xc0, 12, 0, 12, 0, 1]].concat();
        assert!(parse(&circular).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_words_or_in_nothing(mut bytes in prop::collection::vec(any::<u8>(), 0..300), counts in 0_u8..3) {
            for at in (4..bytes.len().min(12)).step_by(2) {
                bytes[at] = 0;
                if let Some(count) = bytes.get_mut(at + 1) {
                    *count = counts;
                }
            }
            if let Some(packet) = parse(&bytes) {
                asks(&packet, &service(None));
                prop_assert!(told(&packet).len() <= NODES);
            }
        }

        #[test]
        fn a_packet_with_any_bytes_changed_ends_so_too(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            let addresses = ["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
            let mut bytes = answer(&service(Some("50fab4fc2d015c62")), &addresses, true).unwrap();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(packet) = parse(&bytes) {
                asks(&packet, &service(None));
                prop_assert!(told(&packet).len() <= NODES);
            }
        }
    }
}
