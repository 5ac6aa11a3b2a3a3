//! What a datagram says, byte by byte; every number big-endian, as in the count of updates that foca itself writes.
//!
//! ```text
//! life    = form 1 (4 or 6, and 8 more where the URL is another than the address) ‖ address 4 or 16 ‖ port 2
//!           ‖ [length 1 ‖ URL] ‖ started 6
//! member  = life ‖ incarnation 2 ‖ state 1
//! header  = life of the sender ‖ incarnation 2 ‖ life of the receiver ‖ message 1 ‖ [probe 1] ‖ [life]
//! packet  = 0 ‖ header ‖ [count 2 ‖ member …]     or     1 ‖ key 32
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{Buf, BufMut};
use foca::{Header, Member, Message, State};

use super::life::Life;
use crate::{PeerUrl, limits};

/// A packet of membership.
pub(super) const SWIM: u8 = 0;
/// A packet that says which key is used from now on.
pub(super) const NEW_KEY: u8 = 1;

/// Flag of a life's form: its URL follows.
const NAMED: u8 = 8;

/// These bytes are nothing that a member says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a packet that cannot be read")]
pub(super) struct WireError;

impl From<bytes::TryGetError> for WireError {
    fn from(_: bytes::TryGetError) -> Self {
        Self
    }
}

type Result<T> = std::result::Result<T, WireError>;

/// Reads and writes for foca.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire;

pub(super) fn write_life(life: &Life, to: &mut Vec<u8>) {
    let (address, named) = (life.address(), life.named());
    let flag = if named.is_some() { NAMED } else { 0 };
    match address.ip() {
        IpAddr::V4(v4) => {
            to.push(4 | flag);
            to.extend_from_slice(&v4.octets());
        }
        IpAddr::V6(v6) => {
            to.push(6 | flag);
            to.extend_from_slice(&v6.octets());
        }
    }
    to.extend_from_slice(&address.port().to_be_bytes());
    if let Some(url) = named {
        // A PeerUrl has at most 255 bytes; one with more would not be understood, and nothing else would happen.
        to.push(u8::try_from(url.as_str().len()).unwrap_or_default());
        to.extend_from_slice(url.as_str().as_bytes());
    }
    let started = life.started().to_be_bytes();
    to.extend_from_slice(started.get(2..).unwrap_or_default());
}

pub(super) fn read_life(from: &mut impl Buf) -> Result<Life> {
    let form = from.try_get_u8()?;
    let ip = match form & !NAMED {
        4 => {
            let mut octets = [0; 4];
            from.try_copy_to_slice(&mut octets)?;
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        6 => {
            let mut octets = [0; 16];
            from.try_copy_to_slice(&mut octets)?;
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return Err(WireError),
    };
    let address = SocketAddr::new(ip, from.try_get_u16()?);
    let url = if form & NAMED == 0 {
        PeerUrl::parse(&format!("http://{address}"))
    } else {
        let mut text = [0; limits::URL_BYTES];
        let text = text.get_mut(..usize::from(from.try_get_u8()?)).ok_or(WireError)?;
        from.try_copy_to_slice(text)?;
        PeerUrl::parse(std::str::from_utf8(text).map_err(|_| WireError)?)
    };
    let url = url.map_err(|_| WireError)?;
    // Members are nodes; what lives in a browser is its node's.
    if url.is_of_tab() {
        return Err(WireError);
    }
    let mut started = [0; 8];
    from.try_copy_to_slice(started.get_mut(2..).ok_or(WireError)?)?;
    Ok(Life::new(&url, address, u64::from_be_bytes(started)))
}

pub(super) fn write_member(member: &Member<Life>, to: &mut Vec<u8>) {
    write_life(member.id(), to);
    to.extend_from_slice(&member.incarnation().to_be_bytes());
    to.push(match member.state() {
        State::Alive => 0,
        State::Suspect => 1,
        State::Down => 2,
    });
}

pub(super) fn read_member(from: &mut impl Buf) -> Result<Member<Life>> {
    let life = read_life(from)?;
    let incarnation = from.try_get_u16()?;
    let state = match from.try_get_u8()? {
        0 => State::Alive,
        1 => State::Suspect,
        2 => State::Down,
        _ => return Err(WireError),
    };
    Ok(Member::new(life, incarnation, state))
}

fn write_header(header: &Header<Life>, to: &mut Vec<u8>) {
    write_life(&header.src, to);
    to.extend_from_slice(&header.src_incarnation.to_be_bytes());
    write_life(&header.dst, to);
    let mut probe = |kind: u8, probe: u8, whose: Option<&Life>| {
        to.extend_from_slice(&[kind, probe]);
        if let Some(whose) = whose {
            write_life(whose, to);
        }
    };
    match &header.message {
        Message::Ping(number) => probe(0, *number, None),
        Message::Ack(number) => probe(1, *number, None),
        Message::PingReq { target, probe_number } => probe(2, *probe_number, Some(target)),
        Message::IndirectPing { origin, probe_number } => probe(3, *probe_number, Some(origin)),
        Message::IndirectAck { target, probe_number } => probe(4, *probe_number, Some(target)),
        Message::ForwardedAck { origin, probe_number } => probe(5, *probe_number, Some(origin)),
        Message::Announce => to.push(6),
        Message::Feed => to.push(7),
        Message::Gossip => to.push(8),
        Message::Broadcast => to.push(9),
        Message::TurnUndead => to.push(10),
    }
}

fn read_header(from: &mut impl Buf) -> Result<Header<Life>> {
    let src = read_life(from)?;
    let src_incarnation = from.try_get_u16()?;
    let dst = read_life(from)?;
    let kind = from.try_get_u8()?;
    let probe_number = if kind < 6 { from.try_get_u8()? } else { 0 };
    let message = match kind {
        0 => Message::Ping(probe_number),
        1 => Message::Ack(probe_number),
        2 => Message::PingReq { target: read_life(from)?, probe_number },
        3 => Message::IndirectPing { origin: read_life(from)?, probe_number },
        4 => Message::IndirectAck { target: read_life(from)?, probe_number },
        5 => Message::ForwardedAck { origin: read_life(from)?, probe_number },
        6 => Message::Announce,
        7 => Message::Feed,
        8 => Message::Gossip,
        10 => Message::TurnUndead,
        // 9, broadcasts, are not used.
        _ => return Err(WireError),
    };
    Ok(Header { src, src_incarnation, dst, message })
}

/// Everybody that a packet of membership names: sender, receiver, whom it is about, and who is told of; and how many of these
/// last there are. An error for what foca would not read to its end either.
pub(super) fn named_in(mut packet: &[u8]) -> Result<Vec<Life>> {
    let header = read_header(&mut packet)?;
    let mut named = vec![header.src, header.dst];
    match header.message {
        Message::PingReq { target: whose, .. }
        | Message::IndirectPing { origin: whose, .. }
        | Message::IndirectAck { target: whose, .. }
        | Message::ForwardedAck { origin: whose, .. } => named.push(whose),
        _ => {}
    }
    if packet.has_remaining() {
        // One takes 16 bytes or more, so no count makes this long.
        for _ in 0..packet.try_get_u16()? {
            let member = read_member(&mut packet)?;
            named.push(member.id().clone());
        }
    }
    if packet.has_remaining() { Err(WireError) } else { Ok(named) }
}

fn put(bytes: &[u8], mut to: impl BufMut) -> Result<()> {
    if to.remaining_mut() < bytes.len() {
        return Err(WireError);
    }
    to.put_slice(bytes);
    Ok(())
}

impl foca::Codec<Life> for Wire {
    type Error = WireError;

    fn encode_header(&mut self, header: &Header<Life>, to: impl BufMut) -> Result<()> {
        let mut bytes = Vec::with_capacity(64);
        write_header(header, &mut bytes);
        put(&bytes, to)
    }

    fn decode_header(&mut self, mut from: impl Buf) -> Result<Header<Life>> {
        read_header(&mut from)
    }

    fn encode_member(&mut self, member: &Member<Life>, to: impl BufMut) -> Result<()> {
        let mut bytes = Vec::with_capacity(32);
        write_member(member, &mut bytes);
        put(&bytes, to)
    }

    fn decode_member(&mut self, mut from: impl Buf) -> Result<Member<Life>> {
        read_member(&mut from)
    }
}
