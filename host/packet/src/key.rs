//! What makes two packets part of the same flow.

use crate::{Packet, Transport};
use hookline_item::Tunnel;
use std::{
    hash::{Hash, Hasher},
    net::IpAddr,
};

/// Addresses, ports, transport, VLAN and tunnels, the same for both directions: the lower (address, port) stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    low: [u64; 2],
    high: [u64; 2],
    /// From the top: low port, high port, VLAN + 1 or 0, transport, whether IPv6.
    rest: u64,
    /// The tunnels that tell apart who uses the same addresses; 0 without.
    tunnel: u32,
}

impl Key {
    /// The key of a packet, and whether its source is the low side.
    #[inline]
    pub(crate) fn new(packet: &Packet<'_>, transport: Transport, ports: (u16, u16), vlan: Option<u16>, tunnel: u32) -> (Self, bool) {
        let src = (words(packet.src), ports.0);
        let dst = (words(packet.dst), ports.1);
        let from_low = src <= dst;
        let (low, high) = if from_low { (src, dst) } else { (dst, src) };
        let rest = u64::from(low.1) << 48
            | u64::from(high.1) << 32
            | vlan.map_or(0, |id| u64::from(id) + 1) << 8
            | (transport as u64) << 1
            | u64::from(packet.src.is_ipv6());
        (Self { low: low.0, high: high.0, rest, tunnel }, from_low)
    }
}

#[inline]
pub(crate) fn words(ip: IpAddr) -> [u64; 2] {
    match ip {
        IpAddr::V4(ip) => [0, u64::from(ip.to_bits())],
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            [(bits >> 64) as u64, bits as u64]
        }
    }
}

/// Two words for IPv4, five for IPv6.
impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.rest & 1 == 0 {
            state.write_u64(self.low[1] << 32 | self.high[1]);
        } else {
            for word in [self.low[0], self.low[1], self.high[0], self.high[1]] {
                state.write_u64(word);
            }
        }
        state.write_u64(self.rest);
        if self.tunnel != 0 {
            state.write_u32(self.tunnel);
        }
    }
}

/// What of `tunnels` is part of a flow's key: identifiers that both directions share. One alone is told from every other.
pub(crate) fn tunnel_key(tunnels: &[Tunnel]) -> u32 {
    tunnels.iter().fold(0, |key: u32, t| {
        let id = t.id.filter(|_| t.kind.id_is_shared()).unwrap_or_default();
        key.rotate_left(13).wrapping_mul(0x9e37_79b1) ^ ((t.kind as u32 + 1) << 24 | id)
    })
}
