//! What one direction of a WebSocket connection carries, read from its bytes as they were on the wire.

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// 2 is binary, 8 is the last.
    pub(crate) opcode: u8,
    /// Without its mask.
    pub(crate) payload: Vec<u8>,
}

/// The complete frames that follow the head of HTTP; none where there is no head. It stops at the first that is not whole.
pub(crate) fn frames(bytes: &[u8]) -> Vec<Frame> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let mut rest = head.map_or(&[][..], |end| &bytes[end + 4..]);
    let mut frames = Vec::new();
    while let Some((frame, after)) = next(rest) {
        frames.push(frame);
        rest = after;
    }
    frames
}

fn next(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (&[first, second], mut rest) = bytes.split_first_chunk()?;
    let length = match second & 0x7f {
        126 => {
            let (length, after) = rest.split_first_chunk()?;
            rest = after;
            u64::from(u16::from_be_bytes(*length))
        }
        127 => {
            let (length, after) = rest.split_first_chunk()?;
            rest = after;
            u64::from_be_bytes(*length)
        }
        short => u64::from(short),
    };
    let mut mask = [0; 4];
    if second & 0x80 != 0 {
        let (given, after) = rest.split_first_chunk()?;
        (mask, rest) = (*given, after);
    }
    let (payload, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((Frame { opcode: first & 0x0f, payload }, after))
}
