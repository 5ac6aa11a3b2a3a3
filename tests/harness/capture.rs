//! Everything that passes over loopback, as whoever listens to the network sees it. Needs Python 3 and a network of its own
//! (see [`super::alone`]).

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::frames::frames;
use super::process::{Running, wait_for};

/// Writes each packet that is sent, after its length. What loopback delivers is what was sent: it would be twice.
const PROGRAM: &str = "
import socket, struct, sys
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
for option in 33, socket.SO_RCVBUF: # 33: SO_RCVBUFFORCE
    try:
        packets.setsockopt(socket.SOL_SOCKET, option, 256 << 20)
        break
    except OSError:
        pass
out = open(sys.argv[1], 'wb', buffering=0)
print('listening', flush=True)
while True:
    packet, address = packets.recvfrom(1 << 18)
    if address[2] == socket.PACKET_OUTGOING:
        out.write(struct.pack('<I', len(packet)) + packet)
";

const PATIENCE: Duration = Duration::from_secs(30);

/// A capture under way.
pub(crate) struct Capture {
    process: Running,
    file: PathBuf,
    marks: usize,
    _folder: TempDir,
}

/// One direction of one connection: the ends' ports, and its bytes.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) to: u16,
    pub(crate) bytes: Vec<u8>,
}

/// All that was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) flows: Vec<Flow>,
    packets: Vec<Vec<u8>>,
}

impl Capture {
    /// Begins; whatever is sent from now on is seen.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("packets");
        let mut python = Command::new("python3");
        python.args(["-c", PROGRAM]).arg(&file).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Running::new(python.spawn().expect("Python 3"));
        wait_for("the capture to begin", PATIENCE, || {
            assert!(process.is_running(), "{}", process.error_text());
            process.output_text().contains("listening").then_some(())
        });
        Self { process, file, marks: 0, _folder: folder }
    }

    /// All that was sent before this call.
    pub(crate) fn seen(&mut self) -> Seen {
        self.marks += 1;
        let mark = format!("everything before mark {} was seen;", self.marks);
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let mut near = TcpStream::connect(listener.local_addr().expect("its address")).expect("it listens");
        near.write_all(mark.as_bytes()).expect("it is sent");
        let seen = wait_for("the capture to see the mark", PATIENCE, || {
            assert!(self.process.is_running(), "{}", self.process.error_text());
            let seen = Seen::read(&std::fs::read(&self.file).expect("what was seen"));
            seen.has(mark.as_bytes()).then_some(seen)
        });
        drop(near);
        seen
    }
}

impl Seen {
    fn read(mut bytes: &[u8]) -> Self {
        let mut packets = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk() {
            let Some((packet, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize) else { break };
            packets.push(packet.to_vec());
            bytes = rest;
        }
        Self { flows: flows(&packets), packets }
    }

    /// Bytes of all packets.
    pub(crate) fn bytes(&self) -> usize {
        self.packets.iter().map(Vec::len).sum()
    }

    /// What datagrams to this port say, over IPv4.
    pub(crate) fn datagrams(&self, to: u16) -> Vec<&[u8]> {
        let datagram = |packet: &Vec<u8>| {
            // Ethernet 14, IPv4 20 without options, UDP 8.
            let is_one = packet.get(14) == Some(&0x45) && packet.get(23) == Some(&17);
            is_one && packet.get(36..38) == Some(&to.to_be_bytes()[..])
        };
        self.packets.iter().filter(|packet| datagram(packet)).filter_map(|packet| packet.get(42..)).collect()
    }

    /// Whether these bytes stand in any packet, in any connection, or in any frame of a WebSocket without its mask.
    pub(crate) fn has(&self, wanted: &[u8]) -> bool {
        self.packets.iter().any(|packet| find(packet, wanted)) || self.has_within(wanted)
    }

    fn has_within(&self, wanted: &[u8]) -> bool {
        self.flows.iter().any(|flow| {
            let unmasked = flow.bytes.starts_with(b"GET /bridge ").then(|| frames(&flow.bytes));
            let mut unmasked = unmasked.into_iter().flatten();
            find(&flow.bytes, wanted) || unmasked.any(|frame| find(&frame.payload, wanted))
        })
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> bool {
    // Quick where nothing is found, which is what is hoped for.
    let first = wanted[0];
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        if rest[at..].starts_with(wanted) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// Puts TCP over IPv4 together again. Panics where something was missed: then nothing that was not found is proved.
fn flows(packets: &[Vec<u8>]) -> Vec<Flow> {
    const SYN: u8 = 2;
    /// The receiving port, the number of the first byte, and pieces by how far from it they are.
    type Begun<'a> = (u16, u32, BTreeMap<u32, &'a [u8]>);
    let mut flows: Vec<Begun> = Vec::new();
    let mut last = BTreeMap::new();
    for packet in packets {
        let Some(ip) = packet.get(14..).filter(|_| packet[12..14] == [8, 0]) else { continue };
        let Some(tcp) = ip.get(usize::from(ip[0] & 15) * 4..).filter(|_| ip[9] == 6) else { continue };
        let port = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
        let sequence = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
        let ends = (&ip[12..20], port(0), port(2));
        if tcp[13] & SYN != 0 {
            last.insert(ends, flows.len());
            flows.push((port(2), sequence.wrapping_add(1), BTreeMap::new()));
            continue;
        }
        let payload = &tcp[usize::from(tcp[12] >> 4) * 4..];
        // That of a port where nobody listens is the first of its direction.
        if payload.is_empty() {
            continue;
        }
        let (_, first, pieces) = &mut flows[*last.get(&ends).expect("the beginning of every connection was seen")];
        let place = sequence.wrapping_sub(*first);
        // A keep-alive stands before what was acknowledged.
        if place < u32::MAX / 2 {
            let longest = pieces.entry(place).or_default();
            if longest.len() < payload.len() {
                *longest = payload;
            }
        }
    }
    flows.into_iter().map(|(to, _, pieces)| Flow { to, bytes: together(&pieces) }).collect()
}

fn together(pieces: &BTreeMap<u32, &[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (place, piece) in pieces {
        let known = bytes.len().checked_sub(*place as usize).expect("no packet was missed");
        bytes.extend_from_slice(piece.get(known..).unwrap_or_default());
    }
    bytes
}
