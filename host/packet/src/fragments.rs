//! Puts IP fragments together (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! Policy for overlaps: a part that repeats another exactly is ignored; any other overlap condemns the whole packet, as RFC 5722 demands for
//! IPv6 and Linux does for IPv4 too. What was condemned is remembered, so that its later parts do not begin a new packet.

use crate::{
    Limits, Packet, Stats,
    decode::{Fragment, Span},
    table::nanos,
};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::{collections::VecDeque, net::IpAddr};

/// The largest payload that fragments can make: IPv4's total length has 16 bits, and IPv6's payload length.
const PACKET_LEN_MAX: usize = 65_535;

/// Why fragments are of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unassembled {
    /// The others did not come in time.
    Incomplete,
    /// Parts contradict each other: overlaps, two ends, too long a packet.
    Contradiction,
    /// The table was full.
    Evicted,
    /// The end of the part was not captured.
    Truncated,
}

impl Unassembled {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Incomplete, Self::Contradiction, Self::Evicted, Self::Truncated];

    /// The name that counters use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::Contradiction => "contradiction",
            Self::Evicted => "no_room",
            Self::Truncated => "truncated_fragment",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    /// IPv4 only: in IPv6 the first part's counts.
    protocol: u8,
    id: u32,
    tunnel: u32,
}

/// A packet of which parts are missing.
#[derive(Debug)]
struct Partial {
    /// Sorted, without overlaps.
    parts: Vec<(usize, Box<[u8]>)>,
    /// Bytes in them.
    bytes: usize,
    /// Where the packet ends, if its last part came.
    end: Option<usize>,
    /// The number of what the first part begins with.
    protocol: u8,
    condemned: bool,
    /// Tells it from an earlier one of the same key.
    number: u64,
}

/// A packet that was put together.
pub(crate) struct Whole {
    pub(crate) protocol: u8,
    pub(crate) bytes: Vec<u8>,
}

/// Packets that wait for their other parts.
#[derive(Debug)]
pub(crate) struct Fragments {
    partial: HashMap<Key, Partial, FixedState>,
    /// The order in which they began: when, which, and its number.
    order: VecDeque<(u64, Key, u64)>,
    bytes: usize,
    begun: u64,
}

impl Fragments {
    pub(crate) fn new(seed: u64) -> Self {
        Self { partial: HashMap::with_hasher(FixedState::with_seed(seed)), order: VecDeque::new(), bytes: 0, begun: 0 }
    }

    /// Takes a part of `packet`; gives the packet if this was the last that was missing.
    pub(crate) fn add(
        &mut self,
        packet: &Packet<'_>,
        fragment: &Fragment<'_>,
        tunnel: u32,
        now: u64,
        (limits, stats): (&Limits, &mut Stats),
    ) -> Option<Whole> {
        self.expire(now, limits, stats);
        stats.fragments += 1;
        if fragment.bytes.missing > 0 {
            stats.drop_fragments(Unassembled::Truncated, 1);
            return None;
        }
        let protocol = if packet.src.is_ipv6() { 0 } else { packet.protocol };
        let key = Key { src: packet.src, dst: packet.dst, protocol, id: fragment.id, tunnel };
        if !self.partial.contains_key(&key) {
            self.make_room(fragment.bytes.bytes.len(), limits, stats);
            self.begun += 1;
            self.order.push_back((now, key, self.begun));
            let empty = Partial { parts: Vec::new(), bytes: 0, end: None, protocol: 0, condemned: false, number: self.begun };
            self.partial.insert(key, empty);
        }
        let partial = self.partial.get_mut(&key)?;
        if partial.condemned {
            stats.drop_fragments(Unassembled::Contradiction, 1);
            return None;
        }
        let before = partial.bytes;
        match partial.add(packet.protocol, fragment) {
            Added::Part => self.bytes += partial.bytes - before,
            Added::Repetition => stats.repeated_fragments += 1,
            Added::Contradiction => {
                stats.drop_fragments(Unassembled::Contradiction, partial.parts.len() as u64 + 1);
                self.bytes -= before;
                *partial = Partial { parts: Vec::new(), bytes: 0, condemned: true, ..*partial };
                return None;
            }
        }
        if partial.end != Some(partial.bytes) {
            return None;
        }
        let partial = self.partial.remove(&key)?;
        self.bytes -= partial.bytes;
        stats.reassembled += 1;
        Some(Whole { protocol: partial.protocol, bytes: partial.parts.iter().flat_map(|(_, b)| b.iter().copied()).collect() })
    }

    /// Gives up what has waited too long.
    fn expire(&mut self, now: u64, limits: &Limits, stats: &mut Stats) {
        let timeout = nanos(limits.fragments_timeout);
        while let Some((_, key, number)) = self.order.pop_front_if(|(began, ..)| now >= began.saturating_add(timeout)) {
            self.give_up(&key, number, Unassembled::Incomplete, stats);
        }
    }

    /// Gives up the oldest where a new packet would be too much.
    fn make_room(&mut self, bytes: usize, limits: &Limits, stats: &mut Stats) {
        while self.partial.len() >= limits.fragmented_packets_max || self.bytes + bytes > limits.fragments_bytes_max {
            let Some((_, key, number)) = self.order.pop_front() else { return };
            self.give_up(&key, number, Unassembled::Evicted, stats);
        }
    }

    /// The capture is over.
    pub(crate) fn finish(&mut self, stats: &mut Stats) {
        while let Some((_, key, number)) = self.order.pop_front() {
            self.give_up(&key, number, Unassembled::Incomplete, stats);
        }
    }

    fn give_up(&mut self, key: &Key, number: u64, why: Unassembled, stats: &mut Stats) {
        if self.partial.get(key).is_some_and(|p| p.number == number)
            && let Some(partial) = self.partial.remove(key)
        {
            self.bytes -= partial.bytes;
            stats.drop_fragments(why, partial.parts.len() as u64);
        }
    }
}

enum Added {
    Part,
    Repetition,
    Contradiction,
}

impl Partial {
    fn add(&mut self, protocol: u8, fragment: &Fragment<'_>) -> Added {
        let (start, Span { bytes, .. }) = (fragment.offset as usize, fragment.bytes);
        let end = start + bytes.len();
        let other_end = self.end.is_some_and(|known| end > known || (!fragment.more && end != known));
        let beyond = !fragment.more && self.parts.last().is_some_and(|(at, b)| at + b.len() > end);
        if end > PACKET_LEN_MAX || other_end || beyond {
            return Added::Contradiction;
        }
        let at = self.parts.partition_point(|(offset, _)| *offset < start);
        if let Some((offset, part)) = self.parts.get(at)
            && *offset == start
            && **part == *bytes
        {
            return Added::Repetition;
        }
        let overlaps_before = at.checked_sub(1).and_then(|i| self.parts.get(i)).is_some_and(|(offset, b)| offset + b.len() > start);
        let overlaps_after = self.parts.get(at).is_some_and(|(offset, _)| *offset < end);
        if overlaps_before || overlaps_after || (bytes.is_empty() && fragment.more) {
            return Added::Contradiction;
        }
        self.parts.insert(at, (start, bytes.into()));
        self.bytes += bytes.len();
        if start == 0 {
            self.protocol = protocol;
        }
        if !fragment.more {
            self.end = Some(end);
        }
        Added::Part
    }
}
