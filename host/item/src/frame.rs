//! A frame as a packet source gives it.

use crate::item::Seen;

/// Which header a frame starts with: a LINKTYPE number as in pcap and pcapng files (tcpdump.org, "Link-layer header types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback: a 4-byte address family in the capturing host's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IPv4 or IPv6, on systems where DLT_RAW is 12.
    pub const DLT_RAW: Self = Self(12);
    /// Raw IPv4 or IPv6, told apart by the version nibble.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: a 4-byte address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// One captured frame, borrowed from its source for the time of one call.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Time and number.
    pub seen: Seen,
    /// Which interface of the source, from 0.
    pub interface: u32,
    /// What the bytes start with.
    pub link: LinkType,
    /// The frame's length on the wire, at least `bytes.len()` unless the capture lies.
    pub wire_len: u32,
    /// The outer VLAN identifier, where the kernel took the tag off the frame.
    pub vlan: Option<u16>,
    /// What was captured of it.
    pub bytes: &'a [u8],
}
