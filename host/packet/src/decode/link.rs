//! Link layer: what stands before the IP header.

use super::{Packet, Reason, Span, decode_ip};
use hookline_item::LinkType;

/// VLAN tags read in one frame. Networks stack two, test equipment three; more is somebody trying.
const VLAN_TAGS_MAX: usize = 8;

/// MPLS labels read in one frame.
const MPLS_LABELS_MAX: usize = 8;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Unicast and multicast (RFC 5332).
const ETHERTYPES_MPLS: [u16; 2] = [0x8847, 0x8848];
/// A PPPoE session (RFC 2516).
const ETHERTYPE_PPPOE: u16 = 0x8864;
/// IP in PPP (RFC 1332, RFC 5072).
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
/// 802.1Q, 802.1ad, and two numbers that were used for outer tags before 802.1ad.
const ETHERTYPES_VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
/// Below it the field is a length (IEEE 802.3 §3.2.6).
const ETHERTYPE_MIN: u16 = 0x0600;
/// LLC header of SNAP with an Ethernet type behind it (RFC 1042).
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];
/// AF_INET everywhere.
const AF_INET: u32 = 2;
/// AF_INET6 on Linux, NetBSD and OpenBSD, FreeBSD, macOS.
const AF_INET6: [u32; 4] = [10, 24, 28, 30];

/// PPP, with or without the HDLC-like framing's address and control (RFC 1662).
const PPP: LinkType = LinkType(9);
const PPP_ADDRESS_CONTROL: [u8; 2] = [0xff, 0x03];
/// PPP in HDLC-like framing, and Cisco HDLC.
const PPP_HDLC: LinkType = LinkType(50);
const FRAME_RELAY: LinkType = LinkType(107);
const NFLOG: LinkType = LinkType(239);
/// NFULA_PAYLOAD of the kernel's nfnetlink_log.h, which has 20 kinds of attributes.
const NFLOG_PAYLOAD: u16 = 9;
const NFLOG_ATTRIBUTES_MAX: usize = 32;
/// DLT_RAW on OpenBSD.
const DLT_RAW_OPENBSD: LinkType = LinkType(14);

/// IEEE 802.11, alone and behind what capturing programs say of the radio.
const IEEE802_11: LinkType = LinkType(105);
const RADIOTAP: LinkType = LinkType(127);
const PPI: LinkType = LinkType(192);

/// What the link layer says.
struct Link<'a> {
    /// The innermost VLAN identifier that is not 0 (0 is a priority without a VLAN).
    vlan: Option<u16>,
    /// From the IP header on.
    ip: Span<'a>,
}

/// The IP packet in a frame of a link.
#[inline]
pub(super) fn decode_frame(link: LinkType, frame: Span<'_>) -> Result<Packet<'_>, Reason> {
    let link = decode_link(link, frame)?;
    decode_ip(link.vlan, link.ip)
}

/// The IP packet behind an Ethernet type.
pub(super) fn decode_ethertype(kind: u16, rest: Span<'_>) -> Result<Packet<'_>, Reason> {
    let link = ethertype(kind, rest)?;
    decode_ip(link.vlan, link.ip)
}

/// The IP packet behind a PPP protocol number.
pub(super) fn decode_ppp(frame: Span<'_>) -> Result<Packet<'_>, Reason> {
    let link = ppp(frame)?;
    decode_ip(link.vlan, link.ip)
}

#[inline]
fn decode_link(link: LinkType, frame: Span<'_>) -> Result<Link<'_>, Reason> {
    match link {
        LinkType::ETHERNET => ethernet(frame),
        LinkType::LINUX_SLL => sll(frame),
        LinkType::LINUX_SLL2 => sll2(frame),
        LinkType::NULL | LinkType::LOOP => loopback(frame),
        LinkType::RAW | LinkType::DLT_RAW | DLT_RAW_OPENBSD => Ok(Link { vlan: None, ip: frame }),
        LinkType::IPV4 => version(4, frame),
        LinkType::IPV6 => version(6, frame),
        PPP => ppp(frame),
        PPP_HDLC => hdlc(frame),
        FRAME_RELAY => frame_relay(frame),
        NFLOG => nflog(frame),
        IEEE802_11 => wlan(frame),
        RADIOTAP => radiotap(frame),
        PPI => ppi(frame),
        _ => Err(Reason::UnknownLink),
    }
}

/// Raw IP of one version.
fn version(expected: u8, ip: Span<'_>) -> Result<Link<'_>, Reason> {
    match ip.bytes.first() {
        Some(first) if first >> 4 == expected => Ok(Link { vlan: None, ip }),
        Some(_) => Err(Reason::BadIp),
        None => Err(Reason::TruncatedIp),
    }
}

/// Cisco HDLC (address, control, Ethernet type), or PPP in HDLC-like framing.
fn hdlc(frame: Span<'_>) -> Result<Link<'_>, Reason> {
    if frame.bytes.starts_with(&PPP_ADDRESS_CONTROL) {
        return ppp(frame);
    }
    let (h, rest) = frame.header::<4>().ok_or(Reason::TruncatedLink)?;
    ethertype(u16::from_be_bytes([h[2], h[3]]), rest)
}

/// Frame Relay with a two-byte address (RFC 2427): control, then the protocol's identifier (0xcc is IPv4, 0x8e IPv6), or SNAP.
fn frame_relay(frame: Span<'_>) -> Result<Link<'_>, Reason> {
    let (h, rest) = frame.header::<4>().ok_or(Reason::TruncatedLink)?;
    match (h[2], h[3]) {
        (0x03, 0xcc | 0x8e) => Ok(Link { vlan: None, ip: rest }),
        (0x03, 0x00) => {
            // A padding byte, then the SNAP identifier: organisation and Ethernet type.
            let (snap, rest) = rest.header::<6>().ok_or(Reason::TruncatedLink)?;
            ethertype(u16::from_be_bytes([snap[4], snap[5]]), rest)
        }
        _ => Err(Reason::NotIp),
    }
}

/// Linux netfilter log: family, version, resource, then attributes (length and type in the host's byte order), one of which is the packet.
fn nflog(frame: Span<'_>) -> Result<Link<'_>, Reason> {
    let (_, mut rest) = frame.header::<4>().ok_or(Reason::TruncatedLink)?;
    for _ in 0..NFLOG_ATTRIBUTES_MAX {
        let (h, value) = rest.header::<4>().ok_or(Reason::TruncatedLink)?;
        let (len, kind) = (usize::from(u16::from_le_bytes([h[0], h[1]])), u16::from_le_bytes([h[2], h[3]]));
        let Some(len) = len.checked_sub(4) else { return Err(Reason::TruncatedLink) };
        if kind == NFLOG_PAYLOAD {
            return Ok(Link { vlan: None, ip: value.limit(len) });
        }
        rest = value.skip(len.next_multiple_of(4));
    }
    Err(Reason::NotIp)
}

/// An IEEE 802.11 frame (§9.3.2.1) with data that is not encrypted: SNAP behind its addresses.
fn wlan(frame: Span<'_>) -> Result<Link<'_>, Reason> {
    let (&[kind, flags], _) = frame.header::<2>().ok_or(Reason::TruncatedLink)?;
    let (data, empty, protected) = (kind & 0x0c == 0x08, kind & 0x40 != 0, flags & 0x40 != 0);
    if !data || empty || protected {
        return Err(Reason::NotIp);
    }
    let fourth_address = if flags & 0x03 == 0x03 { 6 } else { 0 };
    let quality = if kind & 0x80 != 0 { 2 } else { 0 };
    let high_throughput = if quality > 0 && flags & 0x80 != 0 { 4 } else { 0 };
    let (h, rest) = frame.skip(24 + fourth_address + quality + high_throughput).header::<8>().ok_or(Reason::TruncatedLink)?;
    if !h.starts_with(&SNAP) {
        return Err(Reason::NotIp);
    }
    ethertype(u16::from_be_bytes([h[6], h[7]]), rest)
}

/// radiotap.org: version, padding, the header's length in little-endian order, then as much as it says.
fn radiotap(frame: Span<'_>) -> Result<Link<'_>, Reason> {
    let (h, _) = frame.header::<4>().ok_or(Reason::TruncatedLink)?;
    wlan(frame.skip(usize::from(u16::from_le_bytes([h[2], h[3]]))))
}

/// Per-Packet Information: version, flags, the header's length and the link type, in little-endian order, then as much as it says.
fn ppi(frame: Span<'_>) -> Result<Link<'_>, Reason> {
    let (h, _) = frame.header::<8>().ok_or(Reason::TruncatedLink)?;
    let rest = frame.skip(usize::from(u16::from_le_bytes([h[2], h[3]])));
    match u32::from_le_bytes([h[4], h[5], h[6], h[7]]) {
        105 => wlan(rest),
        127 => radiotap(rest),
        1 => ethernet(rest),
        _ => Err(Reason::UnknownLink),
    }
}

fn ppp(frame: Span<'_>) -> Result<Link<'_>, Reason> {
    let frame = if frame.bytes.starts_with(&PPP_ADDRESS_CONTROL) { frame.skip(PPP_ADDRESS_CONTROL.len()) } else { frame };
    let (protocol, ip) = frame.header::<2>().ok_or(Reason::TruncatedLink)?;
    let is_ip = matches!(u16::from_be_bytes(*protocol), PPP_IPV4 | PPP_IPV6);
    if is_ip { Ok(Link { vlan: None, ip }) } else { Err(Reason::NotIp) }
}

#[inline]
fn ethernet(frame: Span<'_>) -> Result<Link<'_>, Reason> {
    let (h, rest) = frame.header::<14>().ok_or(Reason::TruncatedLink)?;
    ethertype(u16::from_be_bytes([h[12], h[13]]), rest)
}

/// Linux cooked capture: packet type, ARPHRD, address length, address (8), protocol.
fn sll(frame: Span<'_>) -> Result<Link<'_>, Reason> {
    let (h, rest) = frame.header::<16>().ok_or(Reason::TruncatedLink)?;
    ethertype(u16::from_be_bytes([h[14], h[15]]), rest)
}

/// Linux cooked capture v2: protocol, reserved, interface index (4), ARPHRD, packet type, address length, address (8).
fn sll2(frame: Span<'_>) -> Result<Link<'_>, Reason> {
    let (h, rest) = frame.header::<20>().ok_or(Reason::TruncatedLink)?;
    ethertype(u16::from_be_bytes([h[0], h[1]]), rest)
}

/// The address family is in the byte order of the machine that captured, which need not be that of the file or ours. Some write a Cisco
/// HDLC header in its place: address, control, Ethernet type.
fn loopback(frame: Span<'_>) -> Result<Link<'_>, Reason> {
    let (h, ip) = frame.header::<4>().ok_or(Reason::TruncatedLink)?;
    let is_ip = |family| family == AF_INET || AF_INET6.contains(&family);
    if is_ip(u32::from_le_bytes(*h)) || is_ip(u32::from_be_bytes(*h)) {
        return Ok(Link { vlan: None, ip });
    }
    ethertype(u16::from_be_bytes([h[2], h[3]]), ip)
}

#[inline]
fn ethertype(kind: u16, rest: Span<'_>) -> Result<Link<'_>, Reason> {
    if kind == ETHERTYPE_IPV4 || kind == ETHERTYPE_IPV6 {
        return Ok(Link { vlan: None, ip: rest });
    }
    tagged(kind, rest)
}

fn tagged(mut kind: u16, mut rest: Span<'_>) -> Result<Link<'_>, Reason> {
    let mut vlan = None;
    for _ in 0..=VLAN_TAGS_MAX {
        if kind == ETHERTYPE_IPV4 || kind == ETHERTYPE_IPV6 {
            return Ok(Link { vlan, ip: rest });
        }
        if ETHERTYPES_MPLS.contains(&kind) {
            return Ok(Link { vlan, ip: labels(rest)? });
        }
        if ETHERTYPES_VLAN.contains(&kind) {
            let (tag, inner) = rest.header::<4>().ok_or(Reason::TruncatedLink)?;
            let id = u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff;
            vlan = if id == 0 { vlan } else { Some(id) };
            (kind, rest) = (u16::from_be_bytes([tag[2], tag[3]]), inner);
        } else if kind == ETHERTYPE_PPPOE {
            let (_, session) = rest.header::<6>().ok_or(Reason::TruncatedLink)?;
            return Ok(Link { vlan, ip: ppp(session)?.ip });
        } else if let (true, Some((h, inner))) = (kind < ETHERTYPE_MIN, rest.header::<8>())
            && h.starts_with(&SNAP)
        {
            (kind, rest) = (u16::from_be_bytes([h[6], h[7]]), inner);
        } else {
            break;
        }
    }
    Err(Reason::NotIp)
}

/// What follows the MPLS label stack (RFC 3032), if it looks like IP: the labels do not tell.
fn labels(mut rest: Span<'_>) -> Result<Span<'_>, Reason> {
    for _ in 0..MPLS_LABELS_MAX {
        let (label, inner) = rest.header::<4>().ok_or(Reason::TruncatedLink)?;
        rest = inner;
        if label[2] & 1 == 1 {
            let version = rest.bytes.first().map(|b| b >> 4);
            return if matches!(version, Some(4 | 6)) { Ok(rest) } else { Err(Reason::NotIp) };
        }
    }
    Err(Reason::NotIp)
}
