//! Every limit with its unit, in one place. Nothing else in the project invents a number for what a peer may send.

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

/// Most peers a roster holds, ourselves included.
pub const ROSTER_PEERS: usize = 256;
/// Most new URLs that one exchange may teach us.
pub const ROSTER_NEW_PER_EXCHANGE: usize = 16;

/// Largest body of a call to us, in bytes, after any decompression.
pub const CALL_BYTES: usize = 1 << 20;
/// Deepest nesting of arrays and structs in one XML-RPC value.
pub const XML_DEPTH: usize = 16;
/// Most values (of any kind) in one call to us.
pub const CALL_VALUES: usize = 50_000;
/// Most calls inside one `system.multicall`.
pub const MULTICALL_CALLS: usize = 256;
/// Largest reply held in memory, in bytes: a listing or a fault. Content is streamed and has no such limit.
pub const REPLY_BYTES: usize = 256 << 20;
/// Most values in one reply held in memory.
pub const REPLY_VALUES: usize = 4_000_000;
/// How much of a reply to a content call may precede the content itself, in bytes.
pub const REPLY_PREFIX_BYTES: usize = 64 << 10;
