//! Limits of what peers may send and of what is kept for them, each with its unit; those that only one module knows stand there.

use std::time::Duration;

/// Longest peer URL, in bytes.
pub const URL_BYTES: usize = 255;
/// Longest path of a shared file below its share, in bytes of UTF-8.
pub const PATH_BYTES: usize = 4096;
/// Longest single name in such a path, in bytes: what ext4, NTFS and APFS all can hold.
pub const NAME_BYTES: usize = 255;
/// Deepest folder that is shared, in components of a path.
pub const PATH_DEPTH: usize = 64;
/// Longest search pattern, in bytes.
pub const PATTERN_BYTES: usize = 1024;
/// Most words of a search that is made of words.
pub const PATTERN_WORDS: usize = 32;
/// Largest compiled pattern, in bytes (crate `regex`, `size_limit`): its default of 10 MiB costs up to half a second.
pub const PATTERN_COMPILED_BYTES: usize = 1 << 20;
/// Deepest nesting of groups in a pattern.
pub const PATTERN_NEST: u32 = 64;
/// Steps a back-tracking pattern may take on one name before it counts as no match.
pub const PATTERN_BACKTRACKS: usize = 20_000;

// ---- Roster: how many peers, how often they are asked, and for how long they are remembered ----

/// Most peers a roster holds as members, ourselves included.
pub const ROSTER_PEERS: usize = 256;
/// Most new URLs that one exchange may teach us.
pub const ROSTER_NEW_PER_EXCHANGE: usize = 16;
/// Most URLs of one exchange that are looked at: lists of 2004 hold the dead of weeks.
pub const ROSTER_TEXTS_PER_EXCHANGE: usize = 512;
/// Most unverified URLs kept that only callers named.
pub const ROSTER_RUMOURS: usize = 128;
/// Most unverified URLs kept that the answer of a peer named.
pub const ROSTER_HINTS: usize = 384;
/// Most peers remembered as gone or refused, or as other names of those listed.
pub const ROSTER_TOMBSTONES: usize = 512;
/// Most URLs found to be other names of ourselves.
pub const ROSTER_ALIASES: usize = 64;
/// Most dials under way at once in each of the three lanes (members, the doubtful, candidates).
pub const ROSTER_DIALS_PER_LANE: usize = 8;
/// A dial without an outcome after this long is taken as failed: its driver lost it.
pub const ROSTER_DIAL_LOST: Duration = Duration::from_secs(60);

/// Unverified URLs that callers named: dials that lead nowhere, at first.
pub const RUMOUR_DIALS_BURST: u32 = 8;
/// … and afterwards one in this time.
pub const RUMOUR_DIAL_EVERY: Duration = Duration::from_secs(1);
/// Unverified URLs that answers of peers named: dials that lead nowhere, at first.
pub const HINT_DIALS_BURST: u32 = 32;
/// … and afterwards one in this time.
pub const HINT_DIAL_EVERY: Duration = Duration::from_millis(250);
/// How many dials that led nowhere a peer must have caused to be believed less than an unknown caller.
pub const RUMOUR_DOUBT: u32 = 2;

/// Time between two exchanges with a random live peer, give or take a fifth.
pub const GOSSIP_INTERVAL: Duration = Duration::from_secs(10);
/// A new tab is told to somebody within this time.
pub const LOCAL_TOLD_WITHIN: Duration = Duration::from_secs(1);
/// A live peer that has not answered for this long is dialed; up to a sixth earlier, so that they do not bunch.
pub const PROBE_AFTER: Duration = Duration::from_secs(60);
/// A peer is listed for at most this long after its last answer.
pub const LISTED_FOR: Duration = Duration::from_secs(90);
/// The same two where the membership among nodes holds a peer for alive: it would tell at once if it were not.
pub const VOUCHED_PROBE_AFTER: Duration = Duration::from_secs(5 * 60);
/// … and until when it is listed.
pub const VOUCHED_LISTED_FOR: Duration = Duration::from_secs(6 * 60);
/// A URL that leads to a peer that goes by another is asked again after at most this long, while the other is listed.
pub const ALIAS_PROBE_AFTER: Duration = Duration::from_secs(5 * 60);
/// A peer that was just dialed is not dialed again at once because the membership says that it is down.
pub const TOLD_DOWN_AFTER: Duration = Duration::from_secs(2);
/// Failures in a row that make a live peer a gone one.
pub const SUSPECT_FAILURES: u32 = 3;
/// First wait before a suspect is dialed again; doubled each time.
pub const SUSPECT_RETRY: Duration = Duration::from_secs(1);
/// First wait before a gone peer is dialed again; doubled each time.
pub const GONE_RETRY: Duration = Duration::from_secs(5);
/// Longest wait for a peer gone for less than [`GONE_IS_RECENT`]: a healed partition is whole again soon.
pub const GONE_RETRY_RECENT_MAX: Duration = Duration::from_secs(60);
/// How long a peer counts as recently gone.
pub const GONE_IS_RECENT: Duration = Duration::from_secs(30 * 60);
/// Longest wait for a peer gone for longer.
pub const GONE_RETRY_MAX: Duration = Duration::from_secs(10 * 60);
/// First wait before a peer with another password is dialed again; doubled each time.
pub const REFUSED_RETRY: Duration = Duration::from_secs(2 * 60);
/// Longest wait for a peer with another password.
pub const REFUSED_RETRY_MAX: Duration = Duration::from_secs(60 * 60);
/// The first dial of a caller waits at least this long: a newcomer of 2004 does not listen before it is answered.
pub const RUMOUR_WAIT_MIN: Duration = Duration::from_millis(50);
/// … and at most this long.
pub const RUMOUR_WAIT_MAX: Duration = Duration::from_millis(200);
/// First wait before a silent candidate is dialed again; doubled each time.
pub const CANDIDATE_RETRY: Duration = Duration::from_millis(300);
/// Longest wait for a candidate.
pub const CANDIDATE_RETRY_MAX: Duration = Duration::from_secs(60 * 60);
/// Longest wait for a seed, which a person typed, whatever its state.
pub const SEED_RETRY_MAX: Duration = Duration::from_secs(30);
/// A caller that may be a peer come back is dialed at once, where its next dial is further away than this.
pub const RETURN_BEYOND: Duration = Duration::from_secs(5);
/// Wait of a peer that answers while the roster is full.
pub const FULL_RETRY: Duration = Duration::from_secs(10 * 60);
/// When the gone, the refused and the never verified are forgotten.
pub const FORGET_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// Time between two looks for what can be forgotten.
pub const TIDY_INTERVAL: Duration = Duration::from_secs(60);

// ---- XML-RPC ----

/// Largest body of a call to us, in bytes, after any decompression.
pub const CALL_BYTES: usize = 1 << 20;
/// Deepest nesting of arrays and structs in one XML-RPC value.
pub const XML_DEPTH: usize = 16;
/// Most values (of any kind) in one call to us.
pub const CALL_VALUES: usize = 50_000;
/// Most calls inside one `system.multicall`.
pub const MULTICALL_CALLS: usize = 256;
/// Most memory that the answers inside one `system.multicall` hold together, in bytes.
pub const MULTICALL_ANSWER_BYTES: usize = 4 << 20;
/// Largest reply held in memory, in bytes: a listing or a fault. Content is streamed and has no such limit.
pub const REPLY_BYTES: usize = 256 << 20;
/// Most values in one reply held in memory.
pub const REPLY_VALUES: usize = 4_000_000;
/// How much of a reply to a content call may precede the content itself, in bytes.
pub const REPLY_PREFIX_BYTES: usize = 64 << 10;
/// Longest character reference in XML that is understood, in bytes with its `&` and `;`.
pub const XML_REFERENCE_BYTES: usize = 16;

// ---- The bridge ----

/// Longest message of a handshake, in bytes: what a stranger may send.
pub const HANDSHAKE_MESSAGE_BYTES: usize = 4096;
/// How long a handshake may take, from the open connection to the last proof.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Longest name an initiator may have dialed, in bytes: its length is one byte on the wire.
pub const BRIDGE_DESTINATION_BYTES: usize = 255;
/// Longest payload of a record, in bytes.
pub const RECORD_PAYLOAD_BYTES: usize = 1 << 20;
/// What a record adds to its payload, in bytes: kind, stream and tag.
pub const RECORD_OVERHEAD_BYTES: usize = 21;
/// How many records one key seals.
pub const RECORDS_PER_KEY: u64 = 1 << 20;

/// What the other end of a stream may send before it is given further credit, in bytes of payload. Four chunks of content:
/// enough to keep a LAN busy, and all that a receiver must be ready to hold for one stream.
pub const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// What a record costs of a stream's credit besides its payload, in bytes: about what it costs to hold one, or a million
/// of one byte would fit into a window.
pub const RECORD_COST_BYTES: usize = 64;
/// Longest chunk of content, which fills one record, in bytes: shorter ones cost a third of the speed in a browser, longer ones make
/// what is urgent wait.
pub const CHUNK_BYTES: usize = 256 << 10;
/// Streams one end may have open at once; further ones are told to come again.
pub const STREAMS_PER_SESSION: usize = 256;
/// Most bytes of payload of all requests of one end that are not answered yet. The largest request is one record.
pub const REQUESTS_BYTES: usize = 4 << 20;
/// By when the other end must have given further credit for an answer. It gives some whenever it has taken a part of its window,
/// which takes a slow reader minutes; but a place among the readers is nobody's for ever.
pub const CREDIT_WITHIN: Duration = Duration::from_secs(10 * 60);
/// Records that wait to be sent besides content: an end that asks and asks and does not read what it gets is cut off.
pub const URGENT_RECORDS: usize = 4_096;
/// A session that has been silent for so long is asked whether it is there.
pub const PING_AFTER: Duration = Duration::from_secs(8);
/// … and given up after so long: nobody who waits for a file shall wait for half a minute on a connection that is dead.
pub const SILENT_AFTER: Duration = Duration::from_secs(24);
/// Longest name of a node, a tab or a person that is taken from the wire, in bytes.
pub const PEER_NAME_BYTES: usize = 64;
/// Most files that are put at a node by one request.
pub const PUT_FILES: usize = 512;
/// Most bytes of their names, so that they fit a record with all else.
pub const PUT_PATH_BYTES: usize = 512 << 10;
/// Most files in one request for several small ones.
pub const BATCH_FILES: usize = 256;
/// Most bytes such a request is answered with.
pub const BATCH_BYTES: u64 = 1 << 20;
/// Largest file that such a request is for, in bytes.
pub const BATCH_FILE_BYTES: u64 = 64 << 10;
/// Most files in one archive; the request for one is one record, which bounds their names.
pub const ARCHIVE_FILES: usize = 10_000;
/// Rows of a search in one record; about 100 bytes each.
pub const ROWS_PER_RECORD: usize = 1_024;

// ---- Tabs ----

/// Most files that one tab may offer.
pub const TAB_FILES: usize = 100_000;
/// Most bytes that the paths of these may have together.
pub const TAB_PATH_BYTES: usize = 32 << 20;
/// Most files that all tabs of a node may offer together.
pub const TABS_FILES: usize = 1_000_000;
/// Most bytes that the paths of all these may have together.
pub const TABS_PATH_BYTES: usize = 128 << 20;
/// Largest file that is taken for one, in bytes: lengths are added up and written in base64.
pub const TAB_FILE_BYTES: u64 = 1 << 50;
/// Most tabs that one node knows at once.
pub const TABS: usize = 4_096;
/// Most peers in one message about who is there: about 350 bytes each.
pub const PEERS_PER_RECORD: usize = 1_024;
/// Least time between two of these to the same tab.
pub const PEERS_EVERY: Duration = Duration::from_millis(500);

// ---- Content, whoever holds it ----

/// A piece: what of a file is proved at once, in bytes: a power of two of BLAKE3's chunks, or pieces would be no subtrees of
/// its.
pub const PIECE_BYTES: usize = 1 << 20;
/// How long transfers wait for a tab that went away, or for a node that broke off.
pub const HOLDER_RETURN: Duration = Duration::from_secs(20);
/// Memory of one file that passes through a node on its way from somebody else to somebody else, in bytes.
pub const RELAY_BYTES: usize = 2 << 20;
/// The same for all of them together.
pub const RELAYS_BYTES: usize = 64 << 20;

// ---- Searches of the whole pool ----

/// By when a peer must have begun to answer.
pub const POOL_FIRST_ANSWER: Duration = Duration::from_secs(2);
/// By when a peer must have answered.
pub const POOL_ANSWER: Duration = Duration::from_secs(5);
/// Peers that are asked at once.
pub const POOL_AT_ONCE: usize = 64;

// ---- Following catalogs ----

/// Changes of its own that a catalog remembers, for who was away for a moment: what a folder that is moved brings about, or
/// some seconds of hashing.
pub const RECENT_CHANGES: usize = 16_384;
/// Most bytes that the paths of these may have together.
pub const RECENT_BYTES: usize = 2 << 20;
/// Least time between two messages about changes to one follower: what comes at once is told at once.
pub const FOLLOW_EVERY: Duration = Duration::from_millis(250);
/// Most files that are held of all that is followed: with names of 40 bytes 240 MB, which a machine that shares a pool of that
/// size has. What goes beyond is searched live.
pub const REPLICA_FILES: usize = 2_000_000;
/// Most bytes that these may take together, names included.
pub const REPLICA_BYTES: usize = 320 << 20;
/// By what both are divided for one node and its tabs: one that is evil leaves the others as much.
pub const REPLICA_NODE_DIVISOR: usize = 2;
/// For how long what a node shared is kept after it was last seen.
pub const AWAY_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Most nodes of which it is kept. All that is kept counts as what is followed does, and makes room for it, those first that
/// are away for longest.
pub const AWAY_NODES: usize = 256;
/// Nodes with which a session is kept while both are there. A node of 64 sessions that are silent sends a ping of 40 bytes
/// for each every 8 s, and all searches of a pool of that size are local; in a larger one the others are searched live.
pub const STANDING_SESSIONS: usize = 64;

// ---- Receivers of one content that give each other what they have of it ----

/// Receivers of one content that a node tells of each other: a class, twice. Further ones are told of these.
pub const SWARM_FETCHERS: usize = 64;
/// … of which so many may be at one address, except this machine's own.
pub const SWARM_FETCHERS_OF_ONE: usize = 16;
/// Contents of which a node knows receivers.
pub const SWARM_CONTENTS: usize = 1_024;
/// Least time between two messages of a node about who else fetches a content.
pub const SWARM_TOLD_EVERY: Duration = Duration::from_millis(250);
/// Most pieces in one message of a receiver about what it has.
pub const SWARM_PIECES_PER_RECORD: usize = 4_096;

// ---- Membership among nodes: shared/src/membership ----

/// Most nodes that are known there at once, the dead of the last day included.
pub const MEMBERS: usize = 16_384;
/// Most bytes of one datagram: what passes everywhere, tunnels included, without being cut.
pub const MEMBERS_PACKET_BYTES: usize = 1_200;
/// Most bytes of members in one message of a comparison.
pub const MEMBERS_TOLD_BYTES: usize = 48 << 10;
/// Time between two looks for what one random member knows and we do not, give or take a fifth.
pub const MEMBERS_COMPARED_EVERY: Duration = Duration::from_secs(10);
/// Time between two attempts to be heard by a node over UDP.
pub const MEMBERS_ANNOUNCE_EVERY: Duration = Duration::from_secs(2);
/// … of which there are so many, until somebody names that node again.
pub const MEMBERS_ANNOUNCEMENTS: u32 = 10;
/// For how long packets under the key before this one are still read.
pub const POOL_KEY_GRACE: Duration = Duration::from_secs(60);
/// Packets under a good key that one node reads at once …
pub const MEMBERS_PACKETS_BURST: u32 = 8_192;
/// … and afterwards one in this time.
pub const MEMBERS_PACKET_EVERY: Duration = Duration::from_millis(1);
