//! The header of a frame (RFC 6455 §5.2).

use hookline_item::Sender;

/// What a frame says before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    /// RSV1, RSV2, RSV3.
    pub(super) reserved: [bool; 3],
    pub(super) opcode: u8,
    pub(super) mask: Option<[u8; 4]>,
    /// Bytes of the payload.
    pub(super) payload_len: u64,
    /// Bytes of the header itself.
    pub(super) len: usize,
    /// Whether the length is written with no more bytes than it needs, as it must be.
    minimal: bool,
}

/// Opcodes (RFC 6455 §11.8).
pub(super) mod opcode {
    pub(in super::super) const CONTINUATION: u8 = 0;
    pub(in super::super) const TEXT: u8 = 1;
    pub(in super::super) const BINARY: u8 = 2;
    pub(in super::super) const CLOSE: u8 = 8;
    pub(in super::super) const PING: u8 = 9;
    pub(in super::super) const PONG: u8 = 10;

    /// The opcode's name, as the existing tools write it.
    pub(in super::super) const fn name(code: u8) -> &'static str {
        match code {
            CONTINUATION => "Continuation",
            TEXT => "Text",
            BINARY => "Binary",
            CLOSE => "Close",
            PING => "Ping",
            PONG => "Pong",
            _ => "Reserved",
        }
    }
}

/// Control frames carry no more (RFC 6455 §5.5).
const CONTROL_MAX: u64 = 125;

impl Header {
    /// Reads a header; or says how many bytes that takes.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, usize> {
        let [first, second, rest @ ..] = bytes else { return Err(2) };
        let (payload_len, rest, minimal) = match (second & 0x7f, rest) {
            (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest, *a > 0 || *b > 125),
            (126, _) => return Err(4),
            (127, rest) => match rest.split_first_chunk::<8>() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest, u64::from_be_bytes(*len) > 0xffff),
                None => return Err(10),
            },
            (len, rest) => (u64::from(len), rest, true),
        };
        let (mask, rest) = match rest.split_first_chunk::<4>() {
            _ if second & 0x80 == 0 => (None, rest),
            Some((mask, rest)) => (Some(*mask), rest),
            None => return Err(bytes.len() - rest.len() + 4),
        };
        let bit = |mask: u8| first & mask != 0;
        let reserved = [bit(0x40), bit(0x20), bit(0x10)];
        Ok(Self { fin: bit(0x80), reserved, opcode: first & 15, mask, payload_len, len: bytes.len() - rest.len(), minimal })
    }

    /// Bytes of the whole frame; `None` for a length that cannot be (its highest bit must be 0).
    pub(super) fn frame_len(&self) -> Option<u64> {
        i64::try_from(self.payload_len).ok().map(|_| self.payload_len + self.len as u64)
    }

    /// RSV1, by which the first frame of a message says that the message is compressed (RFC 7692 §6).
    pub(super) const fn says_compressed(&self) -> bool {
        let [first, ..] = self.reserved;
        first
    }

    /// Whether it is a frame about the connection, not of a message.
    pub(super) const fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }

    /// Whether a well-behaved `from` would send it.
    fn is_proper(&self, from: Sender) -> bool {
        let control = !self.is_control() || (self.fin && self.payload_len <= CONTROL_MAX);
        let known = matches!(self.opcode, 0..=2 | 8..=10);
        let [_, second, third] = self.reserved;
        control && known && !second && !third && self.minimal && self.mask.is_some() == (from == Sender::Client)
    }

    /// The payload in clear.
    pub(super) fn payload(&self, frame: &[u8]) -> Vec<u8> {
        let mut payload = frame.get(self.len..).unwrap_or_default().to_vec();
        if let Some(mask) = self.mask {
            payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        }
        payload
    }
}

/// Whether a segment after a loss is frames of `from` from its first byte to its last: one that lies across its start would not end there.
pub(super) fn are_frames(from: Sender, mut bytes: &[u8]) -> bool {
    let mut frames = 0;
    while !bytes.is_empty() {
        let Ok(header) = Header::read(bytes) else { return false };
        let len = header.frame_len().and_then(|len| usize::try_from(len).ok());
        let Some(after) = len.filter(|_| header.is_proper(from)).and_then(|len| bytes.get(len..)) else { return false };
        bytes = after;
        frames += 1;
    }
    frames > 0
}
