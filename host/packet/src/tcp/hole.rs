//! What waits behind a hole in a stream.

use crate::decode::Span;
use hookline_item::Seen;
use std::collections::VecDeque;

/// A part of an out-of-order segment.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) seq: u32,
    pub(super) seen: Seen,
    /// When it came, in elapsed nanoseconds.
    since: u64,
    data: Box<[u8]>,
    missing: usize,
}

impl Held {
    pub(super) fn span(&self) -> Span<'_> {
        Span { bytes: &self.data, missing: self.missing }
    }
}

/// Where something stands that came behind a hole.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) seq: u32,
    /// Its frame.
    pub(super) seen: Seen,
    /// When it came, in elapsed nanoseconds.
    pub(super) since: u64,
}

/// A hole at the next expected byte of a stream, and what came behind it: sorted, without overlaps.
#[derive(Debug, Default)]
pub(super) struct Hole {
    held: VecDeque<Held>,
    /// Where the stream ends, if its end came already.
    pub(super) fin: Option<End>,
    /// Captured bytes in `held`.
    pub(super) bytes: usize,
    /// Since when bytes behind the hole are known to have been received.
    pub(super) acked_since: Option<u64>,
    /// Whether the receiver has said something since, so that it can be seen what it has got.
    pub(super) acks_seen: bool,
    /// For when a timer was set.
    pub(super) timer: Option<u64>,
}

impl Hole {
    /// Where the hole ends.
    pub(super) fn end(&self) -> Option<End> {
        self.held.front().map(|h| End { seq: h.seq, seen: h.seen, since: h.since }).or(self.fin)
    }

    pub(super) fn segments(&self) -> usize {
        self.held.len()
    }

    /// Keeps those parts of a segment that no other segment brought before: the first copy of a byte wins. All sequence numbers are
    /// ahead of `next`, those of the segment at `segment.seq`. Returns how many bytes of it were there before.
    pub(super) fn hold(&mut self, next: u32, segment: End, span: Span<'_>) -> usize {
        let End { seq, seen, since } = segment;
        let place = |seq: u32| seq.wrapping_sub(next);
        let (start, end) = (place(seq), place(seq).saturating_add(span.wire_len() as u32));
        let mut at = self.held.partition_point(|h| place(h.seq).saturating_add(h.span().wire_len() as u32) <= start);
        let (mut cursor, mut new) = (start, 0);
        while cursor < end {
            let taken = self.held.get(at).map(|h| (place(h.seq), place(h.seq).saturating_add(h.span().wire_len() as u32)));
            let free_until = taken.map_or(end, |(from, _)| from.min(end));
            if cursor < free_until {
                let part = span.skip((cursor - start) as usize).limit((free_until - cursor) as usize);
                let held = Held { seq: next.wrapping_add(cursor), seen, since, data: part.bytes.into(), missing: part.missing };
                self.bytes += part.bytes.len();
                new += part.wire_len();
                self.held.insert(at, held);
                at += 1;
            }
            cursor = taken.map_or(end, |(_, until)| until.max(cursor));
            at += 1;
        }
        span.wire_len().saturating_sub(new)
    }

    /// Takes out the first segment if it starts at `next`.
    pub(super) fn pop(&mut self, next: u32) -> Option<Held> {
        let held = self.held.pop_front_if(|h| h.seq == next)?;
        self.bytes = self.bytes.saturating_sub(held.data.len());
        Some(held)
    }
}
