//! Which lane a frame belongs to.

use crate::{decode::decode, key::words};
use hookline_item::{Frame, LinkType};
use std::net::IpAddr;

/// The lane of a frame, counted from 0. Packets between the same two addresses fall into the same lane, whichever way they go: both
/// directions of a flow, all fragments of a packet, and everything inside a tunnel stay together, so that lanes need nothing of each other.
/// (Of a tunnel it is the outer addresses: a flow that comes through tunnels of several hosts is one in each lane that these fall into.)
/// What is no packet falls into the first.
#[inline]
#[must_use]
pub fn lane_of(frame: &Frame<'_>, lanes: u32) -> u32 {
    let number = peek(frame).unwrap_or_else(|| look(frame));
    // The lower half, scaled to the number of lanes.
    (((number & 0xffff_ffff) * u64::from(lanes)) >> 32) as u32
}

/// The number of a frame whose addresses can be seen without decoding it: what most frames are.
#[inline]
fn peek(frame: &Frame<'_>) -> Option<u64> {
    let plain = frame.link == LinkType::ETHERNET && frame.bytes.get(12..14) == Some(&[8, 0]);
    let addresses = frame.bytes.get(26..34).filter(|_| plain)?;
    let (src, dst) = addresses.split_first_chunk::<4>()?;
    let (src, dst) = (u32::from_be_bytes(*src), u32::from_be_bytes(<[u8; 4]>::try_from(dst).ok()?));
    Some(between_v4(src.into(), dst.into()))
}

/// The number of any other frame.
#[cold]
#[inline(never)]
fn look(frame: &Frame<'_>) -> u64 {
    decode(frame).map_or(0, |p| between(p.src, p.dst))
}

/// A number that depends on the two addresses, and not on their order.
fn between(src: IpAddr, dst: IpAddr) -> u64 {
    let (a, b) = (words(src), words(dst));
    let ([h, i], [j, k]) = if a <= b { (a, b) } else { (b, a) };
    if h == 0 && j == 0 {
        return between_v4(i, k);
    }
    mixed(mixed(mixed(h ^ i.rotate_left(32)) ^ j) ^ k)
}

/// The same of two IPv4 addresses.
#[inline]
fn between_v4(src: u64, dst: u64) -> u64 {
    mixed(src.min(dst) << 32 | src.max(dst))
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
        lane_of(&frame, lanes)
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
