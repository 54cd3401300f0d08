//! Frames (RFC 9113 §4, §6): their header, what of them is a stream's, and how a run of them is told from other bytes.
//!
//! ```text
//! +-----------------------------------------------+
//! |                 Length (24)                   |
//! +---------------+---------------+---------------+
//! |   Type (8)    |   Flags (8)   |
//! +-+-------------+---------------+-------------------------------+
//! |R|                 Stream Identifier (31)                      |
//! +=+=============================================================+
//! |                   Frame Payload (0...)                      ...
//! +---------------------------------------------------------------+
//! ```

use hookline_item::Sender;

/// What a client begins with (RFC 9113 §3.4).
pub(in super::super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's header.
pub(super) const HEADER_LEN: usize = 9;

/// A frame's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the payload.
    pub(super) len: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// The stream; 0 is the connection.
    pub(super) stream: u32,
    /// The bit before it.
    pub(super) reserved: bool,
}

/// The types of RFC 9113 §6; others are skipped (§5.5).
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const PRIORITY: u8 = 2;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PUSH_PROMISE: u8 = 5;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 8;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// The flags of RFC 9113 §6.
pub(super) mod flag {
    pub(in super::super) const END_STREAM: u8 = 0x1;
    pub(in super::super) const ACK: u8 = 0x1;
    pub(in super::super) const END_HEADERS: u8 = 0x4;
    pub(in super::super) const PADDED: u8 = 0x8;
    pub(in super::super) const PRIORITY: u8 = 0x20;
}

impl Header {
    /// The header that `bytes` begin with.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, s0, s1, s2, s3] = *bytes.first_chunk::<HEADER_LEN>()?;
        let stream = u32::from_be_bytes([s0, s1, s2, s3]);
        Some(Self { len: u32::from_be_bytes([0, a, b, c]), kind, flags, stream: stream & 0x7fff_ffff, reserved: stream >> 31 != 0 })
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether the length is one that its type can have (RFC 9113 §4.2, FRAME_SIZE_ERROR).
    pub(super) fn has_length(self) -> bool {
        match self.kind {
            kind::PRIORITY => self.len == 5,
            kind::RST_STREAM | kind::WINDOW_UPDATE => self.len == 4,
            kind::PING => self.len == 8,
            kind::SETTINGS => self.len.is_multiple_of(6),
            kind::GOAWAY => self.len >= 8,
            _ => true,
        }
    }

    /// Whether a frame that follows the rules can have this header: its type is defined, its length and its stream are its type's.
    pub(super) fn is_regular(self) -> bool {
        use kind::{CONTINUATION, DATA, GOAWAY, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE};
        let on_stream = self.stream != 0;
        let (flags, fits) = match self.kind {
            DATA => (flag::END_STREAM | flag::PADDED, on_stream),
            HEADERS => (flag::END_STREAM | flag::END_HEADERS | flag::PADDED | flag::PRIORITY, on_stream && self.len > 0),
            PRIORITY | RST_STREAM => (0, on_stream),
            SETTINGS => (flag::ACK, !on_stream && (self.len == 0 || !self.has(flag::ACK))),
            PUSH_PROMISE => (flag::END_HEADERS | flag::PADDED, on_stream && self.len > 4),
            PING => (flag::ACK, !on_stream),
            GOAWAY => (0, !on_stream),
            WINDOW_UPDATE => (0, true),
            CONTINUATION => (flag::END_HEADERS, on_stream),
            _ => return false,
        };
        fits && self.has_length() && self.flags & !flags == 0 && !self.reserved && self.len <= LEN_USUAL
    }
}

/// What a payload has without its padding (RFC 9113 §6.1); `None` if the padding is longer than the frame.
pub(super) fn unpadded(header: Header, payload: &[u8]) -> Option<&[u8]> {
    if !header.has(flag::PADDED) {
        return Some(payload);
    }
    let (pad, rest) = payload.split_first()?;
    // The payload may be less than the whole frame: padding is what is beyond the frame's data.
    let data = (header.len as usize).checked_sub(1)?.checked_sub(usize::from(*pad))?;
    Some(rest.get(..data).unwrap_or(rest))
}

/// The 31 bits of a stream that a payload begins with, and what follows.
pub(super) fn stream_id(payload: &[u8]) -> Option<(u32, &[u8])> {
    let (id, rest) = payload.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*id) & 0x7fff_ffff, rest))
}

/// What a run of bytes is, taken as frames from their start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// Frames beyond reasonable doubt.
    Frames,
    /// Nothing speaks against it, and not enough for it.
    Unsure,
    /// They are something else.
    Other,
}

/// Judges bytes that would be the start of a frame. Certain are two regular headers where they should be, or one frame that ends where
/// the bytes end; among them must be one of a type that says more than its length.
pub(super) fn run(bytes: &[u8]) -> Run {
    let (mut rest, mut headers, mut telling) = (bytes, 0, false);
    while let Some(header) = Header::read(rest) {
        if !header.is_regular() {
            return Run::Other;
        }
        headers += 1;
        telling |= tells(header, rest.get(HEADER_LEN..).unwrap_or_default());
        match rest.get(HEADER_LEN + header.len as usize..) {
            Some([]) if telling => return Run::Frames,
            Some(after) if headers < RUN_MAX => rest = after,
            _ => break,
        }
    }
    match (headers, telling) {
        (2.., true) => Run::Frames,
        // What is not yet a header: lengths are small, so the first byte is 0.
        (0, _) if !rest.starts_with(&[0]) => Run::Other,
        _ => Run::Unsure,
    }
}

/// Whether a frame is more than nine bytes that could be anything.
fn tells(header: Header, payload: &[u8]) -> bool {
    match header.kind {
        kind::SETTINGS => header.len > 0 && payload.chunks_exact(6).all(|s| matches!(s, [0, 1..=16, ..])),
        kind::WINDOW_UPDATE => payload.first_chunk::<4>().is_some_and(|n| u32::from_be_bytes(*n) != 0),
        kind::PING | kind::GOAWAY | kind::RST_STREAM => true,
        // The first field of a head is a pseudo-header, mostly from the static table; trailers begin with a literal.
        kind::HEADERS => header.has(flag::END_HEADERS) && !payload.is_empty(),
        _ => false,
    }
}

/// Who sends these frames, if the first head among them tells: its first field is of a request or of a response (RFC 9113 §8.3), in one byte
/// where its name is of the static table.
pub(super) fn sender(bytes: &[u8]) -> Option<Sender> {
    let mut rest = bytes;
    for _ in 0..RUN_MAX {
        let header = Header::read(rest)?;
        let payload = rest.get(HEADER_LEN..)?;
        match header.kind {
            kind::PUSH_PROMISE => return Some(Sender::Server),
            kind::HEADERS => {
                let payload = unpadded(header, payload)?;
                let skip = if header.has(flag::PRIORITY) { PRIORITY_LEN } else { 0 };
                match *payload.get(skip)? {
                    0x81..=0x87 | 0x41..=0x47 | 0x01..=0x07 | 0x11..=0x17 => return Some(Sender::Client),
                    0x88..=0x8e | 0x48..=0x4e | 0x08..=0x0e | 0x18..=0x1e => return Some(Sender::Server),
                    _ => {}
                }
            }
            _ => {}
        }
        rest = payload.get(header.len as usize..)?;
    }
    None
}

/// Bytes of the deprecated priority fields in HEADERS (RFC 9113 §6.2).
pub(super) const PRIORITY_LEN: usize = 5;
/// Frames looked at in one run.
const RUN_MAX: usize = 8;
/// The longest frame that is taken for one where the boundary is not known. 16 KiB is the limit unless SETTINGS say more (RFC 9113 §4.2);
/// gRPC's libraries say up to 4 MiB.
const LEN_USUAL: u32 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_frames_from_other_bytes() {
        let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";
        assert_eq!(run(settings), Run::Frames);
        assert_eq!(run(&settings[..7]), Run::Unsure);
        assert_eq!(run(b"\0\0\0\x04\x01\0\0\0\0"), Run::Unsure);
        assert_eq!(run(b"\0\0\0\x04\x01\0\0\0\0\0\0\x08\x06\0\0\0\0\0"), Run::Frames);
        // DNS over TCP begins so too: it knows itself.
        assert_eq!(run(b"\0\x1e\0\0\0\x01\0\0\0\0\0\0"), Run::Unsure);
        assert_eq!(run(b"\x16\x03\x01\x02\0"), Run::Other);
        assert_eq!(run(b"\0\0\x05\0\0\0\0\0\x01hello"), Run::Unsure);
        assert_eq!(run(&[0; 40]), Run::Other);
    }

    #[test]
    fn padding_is_taken_off() {
        let header = Header { len: 8, kind: kind::DATA, flags: flag::PADDED, stream: 1, reserved: false };
        assert_eq!(unpadded(header, b"\x02hello\0\0"), Some(&b"hello"[..]));
        assert_eq!(unpadded(header, b"\x02hel"), Some(&b"hel"[..]));
        assert_eq!(unpadded(header, b"\x08hello\0\0"), None);
    }
}
