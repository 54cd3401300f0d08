//! IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200).

use super::{Packet, Payload, Reason, Span, decode_transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Extension headers read in one packet: more than there are kinds, so that only loops of them are refused.
const EXTENSIONS_MAX: usize = 12;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

/// A part of an IP packet. All parts with the same source, destination, `protocol` (IPv4) and `id` are one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Where the part stands in the packet's payload, in bytes.
    pub offset: u32,
    /// Whether further parts follow.
    pub more: bool,
    /// The part.
    pub bytes: Span<'a>,
}

/// The IP packet at the start of `ip`, which may be followed by padding. The version is told by the first byte.
///
/// # Errors
/// [`Reason::TruncatedIp`] and [`Reason::BadIp`].
#[inline]
pub fn decode_ip(vlan: Option<u16>, ip: Span<'_>) -> Result<Packet<'_>, Reason> {
    match ip.bytes.first().map(|b| b >> 4) {
        Some(4) => v4(vlan, ip),
        Some(6) => v6(vlan, ip),
        Some(_) => Err(Reason::BadIp),
        None => Err(Reason::TruncatedIp),
    }
}

/// What a whole IP payload is that was put together out of fragments; `protocol` is the number in the header before it. Returns the
/// number behind extension headers with it.
#[must_use]
pub fn decode_reassembled(ipv6: bool, protocol: u8, body: Span<'_>) -> (u8, Payload<'_>) {
    if ipv6 { v6_payload(protocol, body) } else { v4_payload(protocol, body) }
}

/// ```text
/// |Version|  IHL  |Type of Service|          Total Length         |
/// |         Identification        |Flags|      Fragment Offset    |
/// |  Time to Live |    Protocol   |         Header Checksum       |
/// |                       Source Address                          |
/// |                    Destination Address                        |
/// ```
#[inline]
fn v4(vlan: Option<u16>, ip: Span<'_>) -> Result<Packet<'_>, Reason> {
    let (h, _) = ip.header::<20>().ok_or(Reason::TruncatedIp)?;
    let header_len = usize::from(h[0] & 0x0f) * 4;
    // Length 0: the kernel will cut this packet into segments later (GSO, BIG TCP), the frame's length is all there is.
    let total_len = match u16::from_be_bytes([h[2], h[3]]) {
        0 => ip.wire_len(),
        n => usize::from(n),
    };
    if header_len < h.len() || total_len < header_len {
        return Err(Reason::BadIp);
    }
    let body = ip.limit(total_len).skip(header_len);
    let flags = u16::from_be_bytes([h[6], h[7]]);
    let (protocol, payload) = if flags & 0x3fff == 0 {
        v4_payload(h[9], body)
    } else {
        let id = u32::from(u16::from_be_bytes([h[4], h[5]]));
        (h[9], Payload::Fragment(Fragment { id, offset: u32::from(flags & 0x1fff) * 8, more: flags & 0x2000 != 0, bytes: body }))
    };
    let src = IpAddr::V4(Ipv4Addr::new(h[12], h[13], h[14], h[15]));
    let dst = IpAddr::V4(Ipv4Addr::new(h[16], h[17], h[18], h[19]));
    Ok(Packet { vlan, src, dst, protocol, payload })
}

/// ```text
/// |Version| Traffic Class |           Flow Label                  |
/// |         Payload Length        |  Next Header  |   Hop Limit   |
/// |                    Source Address (16 bytes)                  |
/// |                  Destination Address (16 bytes)               |
/// ```
#[inline]
fn v6(vlan: Option<u16>, ip: Span<'_>) -> Result<Packet<'_>, Reason> {
    let (h, rest) = ip.header::<8>().ok_or(Reason::TruncatedIp)?;
    let (src, rest) = rest.header::<16>().ok_or(Reason::TruncatedIp)?;
    let (dst, rest) = rest.header::<16>().ok_or(Reason::TruncatedIp)?;
    // Length 0: a jumbogram (RFC 2675), or a packet that the kernel will cut into segments later. The frame's length is as good.
    let body = match u16::from_be_bytes([h[4], h[5]]) {
        0 => rest,
        n => rest.limit(usize::from(n)),
    };
    let (src, dst) = (IpAddr::V6(Ipv6Addr::from(*src)), IpAddr::V6(Ipv6Addr::from(*dst)));
    let (protocol, payload) = v6_payload(h[6], body);
    Ok(Packet { vlan, src, dst, protocol, payload })
}

/// IPv4 has one extension header, which hides nothing (RFC 4302 §3.1); nearly no packet has it, so the others do not pay for the walk.
#[inline]
fn v4_payload(protocol: u8, body: Span<'_>) -> (u8, Payload<'_>) {
    if protocol != AUTHENTICATION {
        return (protocol, decode_transport(protocol, body));
    }
    extensions(|next| next == AUTHENTICATION, protocol, body)
}

#[inline]
fn v6_payload(protocol: u8, body: Span<'_>) -> (u8, Payload<'_>) {
    let is_extension = |next| matches!(next, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION | MOBILITY | HIP | SHIM6);
    extensions(is_extension, protocol, body)
}

/// Walks the extension headers and returns the first other protocol number with what it carries.
#[inline]
fn extensions(is_extension: impl Fn(u8) -> bool, mut protocol: u8, mut body: Span<'_>) -> (u8, Payload<'_>) {
    for _ in 0..EXTENSIONS_MAX {
        if !is_extension(protocol) {
            return (protocol, decode_transport(protocol, body));
        }
        let Some((h, rest)) = body.header::<8>() else {
            return (protocol, Payload::Unusable(Reason::TruncatedIp, body));
        };
        let len = match protocol {
            FRAGMENT => {
                let field = u16::from_be_bytes([h[2], h[3]]);
                // Offset 0 and no more parts: an atomic fragment (RFC 6946), which is a whole packet.
                if field & !0x6 != 0 {
                    let id = u32::from_be_bytes([h[4], h[5], h[6], h[7]]);
                    let fragment = Fragment { id, offset: u32::from(field & !0x7), more: field & 1 != 0, bytes: rest };
                    return (h[0], Payload::Fragment(fragment));
                }
                8
            }
            // Counted in 4-byte words, less two (RFC 4302 §2.2); the others in 8-byte words, less one.
            AUTHENTICATION => (usize::from(h[1]) + 2) * 4,
            _ => (usize::from(h[1]) + 1) * 8,
        };
        if len > body.bytes.len() {
            return (protocol, Payload::Unusable(Reason::TruncatedIp, body));
        }
        (protocol, body) = (h[0], body.skip(len));
    }
    (protocol, Payload::Unusable(Reason::BadIp, body))
}
