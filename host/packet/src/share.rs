//! Which packets a lane takes, where several lanes are shown the same ones.

use crate::{Packet, key::words};
use hookline_item::{Frame, LinkType};
use std::net::IpAddr;

/// One lane's share. Packets between the same two addresses fall into the same lane, whichever way they go: both directions of a flow, all
/// fragments of a packet, and everything inside a tunnel stay together, so that lanes need nothing of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    lane: u64,
    lanes: u64,
    /// Whether the packets of other lanes do not even come here.
    divided: bool,
}

impl Share {
    /// Every packet: there is one lane.
    pub const ALL: Self = Self { lane: 0, lanes: 1, divided: true };

    /// The share of `lane`, counted from 0, of so many which are all shown every packet.
    #[must_use]
    pub fn of_all(lane: u32, lanes: u32) -> Self {
        Self { lane: lane.into(), lanes: u64::from(lanes).max(1), divided: lanes <= 1 }
    }

    /// The share of `lane` where the source has divided the packets already, as the kernel's fanout does.
    #[must_use]
    pub fn divided(lane: u32, lanes: u32) -> Self {
        Self { divided: true, ..Self::of_all(lane, lanes) }
    }

    /// The number of the lane's `n`th stream where frames have no numbers: no other lane has it.
    pub(crate) fn number(self, n: u64) -> u64 {
        n.wrapping_mul(self.lanes).wrapping_add(self.lane)
    }

    /// Whether `frame` is this lane's, where its addresses can be seen without decoding it: what most frames are. `None` elsewhere.
    #[inline]
    pub(crate) fn peek(self, frame: &Frame<'_>) -> Option<bool> {
        if self.divided {
            return Some(true);
        }
        let plain = frame.link == LinkType::ETHERNET && frame.bytes.get(12..14) == Some(&[8, 0]);
        let addresses = frame.bytes.get(26..34).filter(|_| plain)?;
        let (src, dst) = addresses.split_first_chunk::<4>()?;
        Some(self.is_of(between((*src).into(), <[u8; 4]>::try_from(dst).ok()?.into())))
    }

    /// Whether `packet` is this lane's; what is no packet is the first one's. Asked where [`Share::peek`] says nothing.
    pub(crate) fn takes<R>(self, packet: Result<&Packet<'_>, R>) -> bool {
        self.divided || self.is_of(packet.map_or(0, |p| between(p.src, p.dst)))
    }

    /// Whether a number's lane is this one: its lower half, scaled to the number of lanes.
    fn is_of(self, number: u64) -> bool {
        ((number & 0xffff_ffff) * self.lanes) >> 32 == self.lane
    }
}

/// A number that depends on the two addresses, and not on their order.
fn between(src: IpAddr, dst: IpAddr) -> u64 {
    let (a, b) = (words(src), words(dst));
    let ([h, i], [j, k]) = if a <= b { (a, b) } else { (b, a) };
    if h == 0 && j == 0 {
        return mixed(i << 32 | k);
    }
    mixed(mixed(mixed(h ^ i.rotate_left(32)) ^ j) ^ k)
}

/// Spreads neighbours far apart (the finalizer of SplitMix64).
fn mixed(n: u64) -> u64 {
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use hookline_item::{Seen, Timestamp};

    /// A UDP packet between two IPv4 addresses, inside a VLAN or not.
    fn frame_bytes(src: [u8; 4], dst: [u8; 4], tagged: bool) -> Vec<u8> {
        let tag: &[u8] = if tagged { &[0x81, 0, 0, 7] } else { &[] };
        let ip = [&[0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0][..], &src, &dst].concat();
        [&[2; 12][..], tag, &[8, 0], &ip, &[0, 53, 0, 99, 0, 8, 0, 0]].concat()
    }

    fn lane(bytes: &[u8], lanes: u32) -> u32 {
        let wire_len = u32::try_from(bytes.len()).unwrap();
        let seen = Seen { at: Timestamp(1), frame: 1 };
        let frame = Frame { seen, interface: 0, link: LinkType::ETHERNET, wire_len, vlan: None, bytes };
        let takes = |share: Share| share.peek(&frame).unwrap_or_else(|| share.takes(decode(&frame).as_ref()));
        let takers: Vec<u32> = (0..lanes).filter(|lane| takes(Share::of_all(*lane, lanes))).collect();
        assert_eq!(takers.len(), 1, "each frame has one lane");
        takers[0]
    }

    #[test]
    fn both_directions_tagged_or_not_share_a_lane_and_lanes_share_the_load() {
        let mut load = [0u32; 3];
        for n in 0..=255 {
            let (a, b) = ([10, 0, 0, n], [10, 0, n / 16, 200]);
            let there = lane(&frame_bytes(a, b, false), 3);
            for (src, dst, tagged) in [(b, a, false), (a, b, true), (b, a, true)] {
                assert_eq!(lane(&frame_bytes(src, dst, tagged), 3), there);
            }
            load[there as usize] += 1;
        }
        assert!(load.iter().all(|n| (55..=115).contains(n)), "{load:?}");
        assert_eq!(lane(b"no packet", 3), 0);
    }
}
