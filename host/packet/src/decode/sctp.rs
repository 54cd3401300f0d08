//! SCTP packets (RFC 9260 §3): a common header and chunks.

use super::{Reason, Span};

/// An SCTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpPacket<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// All chunks, as they are.
    pub chunks: Span<'a>,
}

/// A chunk of an SCTP packet, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// User data.
    Data(Data<'a>),
    /// The first of a handshake.
    Init,
    /// The association is over at once.
    Abort,
    /// The association is over, all data being delivered.
    ShutdownComplete,
    /// Any other.
    Other,
}

/// A DATA chunk (RFC 9260 §3.3.1): a user message or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// Number of this chunk in its direction.
    pub tsn: u32,
    /// Whether a user message begins here.
    pub begins: bool,
    /// Whether it ends here.
    pub ends: bool,
    /// Payload protocol identifier: what the user says the message is.
    pub ppid: u32,
    /// The data.
    pub data: Span<'a>,
}

/// ```text
/// |          Source Port          |       Destination Port        |
/// |                      Verification Tag                         |
/// |                           Checksum                            |
/// ```
pub(super) fn sctp(body: Span<'_>) -> Result<SctpPacket<'_>, Reason> {
    let (h, chunks) = body.header::<12>().ok_or(Reason::TruncatedTransport)?;
    Ok(SctpPacket { src_port: u16::from_be_bytes([h[0], h[1]]), dst_port: u16::from_be_bytes([h[2], h[3]]), chunks })
}

impl<'a> SctpPacket<'a> {
    /// The chunks in their order; what does not follow the format ends them.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> + use<'a> {
        let mut rest = self.chunks;
        std::iter::from_fn(move || {
            let (h, _) = rest.header::<4>()?;
            let len = usize::from(u16::from_be_bytes([h[2], h[3]]));
            let body = rest.limit(len).skip(h.len());
            let (kind, flags) = (h[0], h[1]);
            // Each is padded to four bytes; the padding is not in its length.
            rest = if len < h.len() { Span::default() } else { rest.skip(len.next_multiple_of(4)) };
            Some(chunk(kind, flags, body))
        })
    }
}

fn chunk(kind: u8, flags: u8, body: Span<'_>) -> Chunk<'_> {
    match kind {
        0 => match body.header::<12>() {
            Some((h, data)) => Chunk::Data(Data {
                tsn: u32::from_be_bytes([h[0], h[1], h[2], h[3]]),
                begins: flags & 2 != 0,
                ends: flags & 1 != 0,
                ppid: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
                data,
            }),
            None => Chunk::Other,
        },
        1 => Chunk::Init,
        6 => Chunk::Abort,
        14 => Chunk::ShutdownComplete,
        _ => Chunk::Other,
    }
}
