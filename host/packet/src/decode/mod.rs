//! Reads the headers of one frame: link layer, VLAN tags, IP, transport, and what tunnels wrap. Allocates nothing and keeps no state.

mod ip;
mod link;
mod sctp;
mod span;
mod transport;
mod tunnel;

pub use ip::{Fragment, decode_ip, decode_reassembled};
pub use sctp::{Chunk, Data, SctpPacket};
pub use span::Span;
pub use transport::{TcpFlags, TcpSegment, UdpDatagram, decode_transport};
pub use tunnel::{TUNNEL_PORTS, decode_inner};

use hookline_item::Frame;
use std::net::IpAddr;

/// Why a frame is not part of any stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A link type that is not known here.
    UnknownLink,
    /// The frame ends inside its link-layer header or VLAN tags.
    TruncatedLink,
    /// The frame carries something else than IP: ARP, spanning tree, …
    NotIp,
    /// The packet ends inside its IP header or extension headers.
    TruncatedIp,
    /// The IP header contradicts itself: wrong version, header longer than the packet, too many extension headers.
    BadIp,
    /// IP that carries none of TCP, UDP, SCTP and ICMP.
    OtherTransport,
    /// The packet ends inside its TCP, UDP, SCTP or ICMP header.
    TruncatedTransport,
    /// The TCP or UDP header contradicts itself: a length below its own.
    BadTransport,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::UnknownLink,
        Self::TruncatedLink,
        Self::NotIp,
        Self::TruncatedIp,
        Self::BadIp,
        Self::OtherTransport,
        Self::TruncatedTransport,
        Self::BadTransport,
    ];

    /// The name that counters use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownLink => "unknown_link",
            Self::TruncatedLink => "truncated_link",
            Self::NotIp => "not_ip",
            Self::TruncatedIp => "truncated_ip",
            Self::BadIp => "bad_ip",
            Self::OtherTransport => "other_transport",
            Self::TruncatedTransport => "truncated_transport",
            Self::BadTransport => "bad_transport",
        }
    }
}

/// An IP packet, and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The innermost VLAN identifier.
    pub vlan: Option<u16>,
    /// IP source address.
    pub src: IpAddr,
    /// IP destination address.
    pub dst: IpAddr,
    /// IP protocol number of what follows the IP header and its extensions.
    pub protocol: u8,
    /// What it carries.
    pub payload: Payload<'a>,
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A TCP segment.
    Tcp(TcpSegment<'a>),
    /// A UDP datagram.
    Udp(UdpDatagram<'a>),
    /// An SCTP packet.
    Sctp(SctpPacket<'a>),
    /// An ICMP or ICMPv6 message, from its type on.
    Icmp(Span<'a>),
    /// A part of a packet: its transport header, if it is the first, is not read before all parts are together.
    Fragment(Fragment<'a>),
    /// Nothing that can be used, and why; the span is the whole IP payload.
    Unusable(Reason, Span<'a>),
}

/// The packet in `frame`. `vlan` of the frame is the outer tag, so that tags inside the frame replace it.
///
/// # Errors
/// A [`Reason`] when there is no IP packet whose addresses can be read. What goes wrong behind the IP header is
/// [`Payload::Unusable`], since the addresses are known then.
#[inline]
pub fn decode<'a>(frame: &Frame<'a>) -> Result<Packet<'a>, Reason> {
    let whole = Span::new(frame.bytes, frame.wire_len as usize);
    let packet = link::decode_frame(frame.link, whole)?;
    Ok(Packet { vlan: packet.vlan.or(frame.vlan), ..packet })
}
