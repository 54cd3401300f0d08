//! What tunnels wrap. A tunnel is believed where what it wraps is an IP packet whose header can be read; else the outer packet is what
//! there is.

use super::{Packet, Payload, Reason, Span, UdpDatagram, decode_ip, link};
use hookline_item::{LinkType, Tunnel, TunnelKind};

const IPV4_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;

/// RFC 7348, and the port that Linux used before.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];
const VXLAN_GPE_PORT: u16 = 4790;
const GENEVE_PORT: u16 = 6081;
const GTP_U_PORT: u16 = 2152;
const TEREDO_PORT: u16 = 3544;
/// All of them.
pub const TUNNEL_PORTS: &[u16] = &[VXLAN_PORTS[0], VXLAN_PORTS[1], VXLAN_GPE_PORT, GENEVE_PORT, GTP_U_PORT, TEREDO_PORT];

/// Ethernet types in GRE and Geneve.
const TRANSPARENT_ETHERNET: u16 = 0x6558;
const ERSPAN_II: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
const PPP_IN_GRE: u16 = 0x880b;

/// The tunnel that `outer` is a packet of, and the packet inside; `None` if it is none.
#[inline]
#[must_use]
pub fn decode_inner<'a>(outer: &Packet<'a>) -> Option<(Tunnel, Packet<'a>)> {
    let found = match &outer.payload {
        Payload::Udp(datagram) => in_udp(datagram),
        Payload::Unusable(Reason::OtherTransport, body) => in_ip(outer, *body),
        _ => None,
    };
    let (kind, id, inner) = found?;
    let tunnel = Tunnel { kind, id, src: outer.src, dst: outer.dst };
    Some((tunnel, Packet { vlan: inner.vlan.or(outer.vlan), ..inner }))
}

/// The kind, the identifier, and the packet inside.
type Inner<'a> = (TunnelKind, Option<u32>, Packet<'a>);

#[inline]
fn in_udp<'a>(datagram: &UdpDatagram<'a>) -> Option<Inner<'a>> {
    match datagram.dst_port {
        port if VXLAN_PORTS.contains(&port) => vxlan(datagram.data),
        VXLAN_GPE_PORT => vxlan(datagram.data),
        GENEVE_PORT => geneve(datagram.data),
        GTP_U_PORT => gtp_u(datagram.data),
        _ if datagram.dst_port == TEREDO_PORT || datagram.src_port == TEREDO_PORT => teredo(datagram.data),
        // Some senders of GTP-U choose a source port and are answered there.
        _ if datagram.src_port == GTP_U_PORT => gtp_u(datagram.data),
        _ => None,
    }
}

fn in_ip<'a>(outer: &Packet<'a>, body: Span<'a>) -> Option<Inner<'a>> {
    match outer.protocol {
        IPV4_IN_IP | IPV6_IN_IP => {
            let inner = decode_ip(None, body).ok()?;
            let six_in_four = outer.src.is_ipv4() && inner.src.is_ipv6();
            let kind = if six_in_four { TunnelKind::SixInFour } else { TunnelKind::IpInIp };
            ((outer.protocol == IPV6_IN_IP) == inner.src.is_ipv6()).then_some((kind, None, inner))
        }
        GRE => gre(body),
        _ => None,
    }
}

/// RFC 7348 §5, and with a next protocol (draft-ietf-nvo3-vxlan-gpe §3, draft-ietf-sfc-nsh for 4):
/// ```text
/// |R|R|Ver|I|P|B|O|       Reserved                |Next Protocol  |
/// |                VXLAN Network Identifier (VNI) |   Reserved    |
/// ```
fn vxlan(data: Span<'_>) -> Option<Inner<'_>> {
    let (h, body) = data.header::<8>()?;
    let (has_id, has_protocol) = (h[0] & 0x08 != 0, h[0] & 0x04 != 0);
    if !has_id {
        return None;
    }
    let id = Some(u32::from_be_bytes([0, h[4], h[5], h[6]]));
    let inner = if has_protocol { next_protocol(h[3], body) } else { link::decode_frame(LinkType::ETHERNET, body).ok() };
    Some((TunnelKind::Vxlan, id, inner?))
}

fn next_protocol(protocol: u8, body: Span<'_>) -> Option<Packet<'_>> {
    match protocol {
        1 | 2 => decode_ip(None, body).ok(),
        3 => link::decode_frame(LinkType::ETHERNET, body).ok(),
        4 => nsh(body),
        _ => None,
    }
}

/// Network Service Header (RFC 8300 §2.2): its length in words stands in the first two bytes, what follows in the fourth.
fn nsh(data: Span<'_>) -> Option<Packet<'_>> {
    let (h, _) = data.header::<8>()?;
    let len = usize::from(h[1] & 0x3f) * 4;
    let inner = data.skip(len.max(h.len()));
    match h[3] {
        1 | 2 => decode_ip(None, inner).ok(),
        3 => link::decode_frame(LinkType::ETHERNET, inner).ok(),
        _ => None,
    }
}

/// RFC 8926 §3.4:
/// ```text
/// |Ver|  Opt Len  |O|C|    Rsvd.  |          Protocol Type        |
/// |        Virtual Network Identifier (VNI)       |    Reserved   |
/// ```
fn geneve(data: Span<'_>) -> Option<Inner<'_>> {
    let (h, body) = data.header::<8>()?;
    if h[0] >> 6 != 0 {
        return None;
    }
    let body = body.skip(usize::from(h[0] & 0x3f) * 4);
    let id = Some(u32::from_be_bytes([0, h[4], h[5], h[6]]));
    Some((TunnelKind::Geneve, id, by_ethertype(u16::from_be_bytes([h[2], h[3]]), body)?))
}

fn by_ethertype(kind: u16, body: Span<'_>) -> Option<Packet<'_>> {
    match kind {
        TRANSPARENT_ETHERNET => link::decode_frame(LinkType::ETHERNET, body).ok(),
        PPP_IN_GRE => link::decode_ppp(body).ok(),
        _ => link::decode_ethertype(kind, body).ok(),
    }
}

/// RFC 2784 §2 and RFC 2890 §2; version 1 is PPTP's (RFC 2637 §4.1), with an acknowledgment number:
/// ```text
/// |C|R|K|S|s|Recur|A|Flags | Ver |         Protocol Type          |
/// ```
fn gre(data: Span<'_>) -> Option<Inner<'_>> {
    let (h, mut body) = data.header::<4>()?;
    let flags = h[0];
    let kind = u16::from_be_bytes([h[2], h[3]]);
    let mut take = |there: bool| {
        let (value, rest) = match there.then(|| body.header::<4>()) {
            Some(Some((word, rest))) => (Some(u32::from_be_bytes(*word)), rest),
            _ => (None, body),
        };
        body = rest;
        value
    };
    take(flags & 0xc0 != 0);
    let key = take(flags & 0x20 != 0);
    let sequence = take(flags & 0x10 != 0);
    take(h[1] & 0x80 != 0 && h[1] & 7 == 1);
    // Type I has no sequence number and no header of its own.
    match kind {
        ERSPAN_II | ERSPAN_III => erspan(kind, sequence.is_some(), body),
        _ => Some((TunnelKind::Gre, key, by_ethertype(kind, body)?)),
    }
}

/// draft-foschiano-erspan §4: types II (8 bytes) and III (12, or 20 with a platform's own part).
fn erspan(kind: u16, has_header: bool, body: Span<'_>) -> Option<Inner<'_>> {
    let session = |h: &[u8; 8]| Some(u32::from(u16::from_be_bytes([h[2], h[3]]) & 0x03ff));
    let (id, frame) = match (kind, has_header) {
        (ERSPAN_II, false) => (None, body),
        (ERSPAN_II, true) => {
            let (h, frame) = body.header::<8>()?;
            (session(h), frame)
        }
        _ => {
            let (h, rest) = body.header::<8>()?;
            let (last, frame) = rest.header::<4>()?;
            (session(h), if last[3] & 1 == 1 { frame.skip(8) } else { frame })
        }
    };
    Some((TunnelKind::Erspan, id, link::decode_frame(LinkType::ETHERNET, frame).ok()?))
}

/// 3GPP TS 29.281 §5.1; only G-PDUs (type 255) wrap packets:
/// ```text
/// | Version |PT|*|E|S|PN| Message Type  |         Length            |
/// |                 Tunnel Endpoint Identifier                      |
/// ```
fn gtp_u(data: Span<'_>) -> Option<Inner<'_>> {
    let (h, mut body) = data.header::<8>()?;
    if h[0] >> 4 != 3 || h[1] != 255 {
        return None;
    }
    if h[0] & 7 != 0 {
        let (options, rest) = body.header::<4>()?;
        let mut next = if h[0] & 4 != 0 { options[3] } else { 0 };
        body = rest;
        for _ in 0..GTP_EXTENSIONS_MAX {
            if next == 0 {
                break;
            }
            // Length in words, with itself and the next type, which stands last.
            let len = usize::from(*body.bytes.first()?) * 4;
            next = *body.bytes.get(..len)?.last()?;
            body = body.skip(len);
        }
    }
    let id = u32::from_be_bytes([h[4], h[5], h[6], h[7]]);
    Some((TunnelKind::GtpU, Some(id), decode_ip(None, body).ok()?))
}

/// More than are defined.
const GTP_EXTENSIONS_MAX: usize = 8;

/// RFC 4380 §5.1.1: an authentication and an origin indication may stand before the IPv6 packet.
fn teredo(mut data: Span<'_>) -> Option<Inner<'_>> {
    if let [0, 1, client_len, auth_len, ..] = data.bytes {
        data = data.skip(4 + usize::from(*client_len) + usize::from(*auth_len) + 9);
    }
    if let [0, 0, ..] = data.bytes {
        data = data.skip(8);
    }
    let inner = decode_ip(None, data).ok().filter(|p| p.src.is_ipv6())?;
    Some((TunnelKind::Teredo, None, inner))
}
