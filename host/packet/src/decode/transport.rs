//! TCP (RFC 9293 §3.1) and UDP (RFC 768) headers.

use super::{Payload, Reason, Span, sctp};
use std::fmt;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
/// Type, code, checksum and four bytes that depend on the type (RFC 792, RFC 4443 §2.1 has the latter as the body).
const ICMP_HEADER_LEN: usize = 4;

/// The control bits of a TCP segment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment number is valid.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is valid.
    pub const URG: Self = Self(0x20);

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let set = names.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1).map(|(_, name)| *name);
        f.write_str(&set.collect::<Vec<_>>().join("|"))
    }
}

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSegment<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number: of the SYN if that is set, else of the first payload byte.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Control bits.
    pub flags: TcpFlags,
    /// Window as it stands in the header, not scaled.
    pub window: u16,
    /// Options, not read.
    pub options: &'a [u8],
    /// Payload.
    pub data: Span<'a>,
}

impl TcpSegment<'_> {
    /// Whether a block of a selective acknowledgment (RFC 2018 §3) contains `seq`.
    #[must_use]
    pub fn has_sack_of(&self, seq: u32) -> bool {
        let mut rest = self.options;
        while let [kind, tail @ ..] = rest {
            rest = match (*kind, tail) {
                (OPTION_END, _) => return false,
                (OPTION_NOP, _) => tail,
                (_, [len, ..]) => {
                    let Some((option, after)) = rest.split_at_checked(usize::from(*len).max(2)) else { return false };
                    let blocks = if *kind == OPTION_SACK { option.get(2..).unwrap_or_default() } else { &[] };
                    let edge = |b: &[u8]| b.first_chunk().map_or(0, |b| u32::from_be_bytes(*b));
                    let covers = |b: &[u8]| {
                        let left = edge(b);
                        seq.wrapping_sub(left) < edge(b.get(4..).unwrap_or_default()).wrapping_sub(left)
                    };
                    if blocks.chunks_exact(8).any(covers) {
                        return true;
                    }
                    after
                }
                _ => return false,
            };
        }
        false
    }
}

const OPTION_END: u8 = 0;
const OPTION_NOP: u8 = 1;
const OPTION_SACK: u8 = 5;

/// A UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpDatagram<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Payload.
    pub data: Span<'a>,
}

/// What a whole IP payload of this protocol number is.
#[inline]
#[must_use]
pub fn decode_transport(protocol: u8, body: Span<'_>) -> Payload<'_> {
    match protocol {
        TCP => tcp(body).map_or_else(|reason| Payload::Unusable(reason, body), Payload::Tcp),
        UDP => udp(body).map_or_else(|reason| Payload::Unusable(reason, body), Payload::Udp),
        SCTP => sctp::sctp(body).map_or_else(|reason| Payload::Unusable(reason, body), Payload::Sctp),
        ICMP | ICMPV6 if body.bytes.len() >= ICMP_HEADER_LEN => Payload::Icmp(body),
        ICMP | ICMPV6 => Payload::Unusable(Reason::TruncatedTransport, body),
        _ => Payload::Unusable(Reason::OtherTransport, body),
    }
}

/// ```text
/// |          Source Port          |       Destination Port        |
/// |                        Sequence Number                        |
/// |                    Acknowledgment Number                      |
/// |Offset | Rsrvd |C E U A P R S F|            Window             |
/// |           Checksum            |         Urgent Pointer        |
/// ```
#[inline]
fn tcp(body: Span<'_>) -> Result<TcpSegment<'_>, Reason> {
    let (h, _) = body.header::<20>().ok_or(Reason::TruncatedTransport)?;
    let header_len = usize::from(h[12] >> 4) * 4;
    if header_len < h.len() || header_len > body.wire_len() {
        return Err(Reason::BadTransport);
    }
    Ok(TcpSegment {
        src_port: u16::from_be_bytes([h[0], h[1]]),
        dst_port: u16::from_be_bytes([h[2], h[3]]),
        seq: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
        ack: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
        flags: TcpFlags(h[13]),
        window: u16::from_be_bytes([h[14], h[15]]),
        options: body.bytes.get(h.len()..header_len).unwrap_or_default(),
        data: body.skip(header_len),
    })
}

/// ```text
/// |          Source Port          |       Destination Port        |
/// |            Length             |           Checksum            |
/// ```
#[inline]
fn udp(body: Span<'_>) -> Result<UdpDatagram<'_>, Reason> {
    let (h, data) = body.header::<8>().ok_or(Reason::TruncatedTransport)?;
    // Length 0: a jumbogram (RFC 2675 §4) or a packet not yet segmented.
    let data = match u16::from_be_bytes([h[4], h[5]]) {
        0 => data,
        n => data.limit(usize::from(n).checked_sub(h.len()).ok_or(Reason::BadTransport)?),
    };
    Ok(UdpDatagram { src_port: u16::from_be_bytes([h[0], h[1]]), dst_port: u16::from_be_bytes([h[2], h[3]]), data })
}
