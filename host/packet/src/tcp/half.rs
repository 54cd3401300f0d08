//! One direction of a TCP connection: puts segments in order.
//!
//! Policy: each byte is delivered once, and the first copy that was captured wins, whether it waited behind a hole or not. A hole is
//! given up, reported as a gap and passed over when (1) the receiver acknowledged bytes behind it, (2) it has waited too long, (3) too
//! much waits behind it, or (4) the flow ends.

use super::{
    hole::{End, Hole},
    round_trip::Probe,
};
use crate::{
    Limits, Sink, Stats,
    decode::{Span, TcpSegment},
    table::nanos,
};
use hookline_item::{Seen, Sender, SideTotals, Totals};

/// How far from the next expected byte a segment may stand, in either direction. Windows can be larger (2^30, RFC 7323 §2.3) but are not;
/// a segment farther away is damaged or forged, or the capture has lost much. It is the latter if the next one follows it.
const FAR: u32 = 1 << 26;

const STARTED: u8 = 1;
const SYN: u8 = 2;
const FINISHED: u8 = 4;
const STRAYED: u8 = 8;
const ZERO_WINDOW: u8 = 16;

/// Where a direction's bytes go, and what it may use.
pub(crate) struct Out<'s, S: Sink> {
    pub(crate) sink: &'s mut S,
    pub(crate) flow: &'s mut S::Flow,
    pub(crate) stats: &'s mut Stats,
    pub(crate) limits: &'s Limits,
    /// The flow's own counters.
    pub(crate) totals: &'s mut Totals,
    /// Elapsed nanoseconds.
    pub(crate) now: u64,
}

impl<S: Sink> Out<'_, S> {
    #[inline]
    fn span(&mut self, from: Sender, seen: Seen, span: Span<'_>) {
        if !span.bytes.is_empty() {
            self.stats.stream_bytes += span.bytes.len() as u64;
            self.sink.bytes(self.flow, from, seen, span.bytes);
        }
        self.gap(from, seen, span.missing as u64);
    }

    /// Counts bytes that had been seen before.
    fn repeated(&mut self, side: Sender, bytes: usize) {
        self.stats.retransmitted_bytes += bytes as u64;
        let side = self.side(side);
        side.repeated_bytes = side.repeated_bytes.saturating_add(bytes as u64);
    }

    pub(super) fn side(&mut self, side: Sender) -> &mut SideTotals {
        match side {
            Sender::Client => &mut self.totals.client,
            Sender::Server => &mut self.totals.server,
        }
    }

    #[inline]
    fn gap(&mut self, from: Sender, seen: Seen, missing: u64) {
        if missing > 0 {
            let side = self.side(from);
            side.gaps = side.gaps.saturating_add(1);
            side.gap_bytes = side.gap_bytes.saturating_add(missing);
            self.stats.gaps += 1;
            self.stats.gap_bytes += missing;
            self.sink.gap(self.flow, from, seen, missing);
        }
    }
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Half {
    side: Sender,
    state: u8,
    /// Sequence number of the first byte; the SYN stands before it.
    start: u32,
    /// Sequence number of the next byte to deliver.
    next: u32,
    /// Highest acknowledgment by the other side.
    ack: u32,
    /// Where the last segment ended that was too far away, if STRAYED.
    stray_end: u32,
    /// If something waits.
    hole: Option<Box<Hole>>,
    pub(super) probe: Probe,
}

impl Half {
    pub(super) const fn new(side: Sender) -> Self {
        Self { side, state: 0, start: 0, next: 0, ack: 0, stray_end: 0, hole: None, probe: Probe { pending: None } }
    }

    /// Whether the place of its first byte is known.
    pub(super) const fn started(&self) -> bool {
        self.state & STARTED != 0
    }

    /// Whether that place was told by the handshake.
    pub(super) const fn has_syn(&self) -> bool {
        self.state & SYN != 0
    }

    /// Whether its last byte was delivered.
    pub(super) const fn finished(&self) -> bool {
        self.state & FINISHED != 0
    }

    pub(super) const fn start(&self) -> u32 {
        self.start
    }

    pub(super) const fn next(&self) -> u32 {
        self.next
    }

    pub(super) const fn delivered_nothing(&self) -> bool {
        self.next == self.start && self.hole.is_none() && !self.finished()
    }

    /// Something of the stream stands at `seq`: if nothing was before, it starts there.
    fn start_at(&mut self, seq: u32) {
        if !self.started() {
            self.state |= STARTED;
            (self.start, self.next, self.ack) = (seq, seq, seq);
        }
    }

    /// The handshake says that the stream starts at `seq`. Has no effect on what was delivered before.
    pub(super) fn syn(&mut self, seq: u32) {
        if self.delivered_nothing() {
            self.state &= !STARTED;
        }
        self.start_at(seq);
        self.state |= SYN;
    }

    /// The other side expects `ack` next. In a handshake this tells the start of a side whose own SYN was not captured.
    #[inline]
    pub(super) fn acked<S: Sink>(&mut self, ack: u32, handshake: bool, out: &mut Out<'_, S>) {
        if !self.started() {
            if handshake {
                self.syn(ack);
            }
            return;
        }
        if ack.wrapping_sub(self.ack) < 1 << 31 {
            self.ack = ack;
        }
        if let Some(hole) = &mut self.hole {
            hole.acks_seen = true;
            self.note_ack(out.now);
        }
    }

    /// The other side has the bytes at the hole, as its selective acknowledgments tell: they will not be sent again.
    pub(super) fn sacked(&mut self, segment: &TcpSegment<'_>, now: u64) {
        if let Some(hole) = &mut self.hole
            && hole.acked_since.is_none()
            && segment.has_sack_of(self.next)
        {
            hole.acked_since = Some(now);
        }
    }

    /// Counts a probe of the peer.
    pub(super) fn probed<S: Sink>(&self, out: &mut Out<'_, S>) {
        let side = out.side(self.side);
        side.probes = side.probes.saturating_add(1);
    }

    /// Notes the window that this side offers.
    #[inline]
    pub(super) fn window<S: Sink>(&mut self, window: u16, out: &mut Out<'_, S>) {
        if (window == 0) == (self.state & ZERO_WINDOW != 0) {
            return;
        }
        self.state ^= ZERO_WINDOW;
        if window == 0 {
            let side = out.side(self.side);
            side.zero_windows = side.zero_windows.saturating_add(1);
        }
    }

    pub(super) const fn window_is_zero(&self) -> bool {
        self.state & ZERO_WINDOW != 0
    }

    /// Notes since when bytes behind the hole are acknowledged.
    fn note_ack(&mut self, now: u64) {
        let Some(hole) = &mut self.hole else { return };
        let Some(end) = hole.end() else { return };
        let beyond = self.ack.wrapping_sub(end.seq);
        if hole.acked_since.is_none() && beyond != 0 && beyond < 1 << 31 {
            hole.acked_since = Some(now);
        }
    }

    /// Takes the bytes at `seq`.
    #[inline]
    pub(super) fn data<S: Sink>(&mut self, seq: u32, span: Span<'_>, seen: Seen, out: &mut Out<'_, S>) {
        let len = span.wire_len();
        if len == 0 {
            return;
        }
        self.start_at(seq);
        if seq == self.next && self.hole.is_none() && !self.finished() {
            self.next = seq.wrapping_add(len as u32);
            self.probe.sent(self.next, out.now);
            out.span(self.side, seen, span);
        } else {
            self.probe.sent_again();
            self.unexpected(seq, span, seen, out);
        }
    }

    #[cold]
    fn unexpected<S: Sink>(&mut self, seq: u32, span: Span<'_>, seen: Seen, out: &mut Out<'_, S>) {
        let (ahead, len) = (seq.wrapping_sub(self.next), span.wire_len());
        if self.finished() && ahead <= FAR {
            out.stats.after_close_bytes += len as u64;
        } else if ahead > FAR && ahead < FAR.wrapping_neg() {
            self.stray(seq, span, seen, out);
        } else if ahead > FAR {
            let behind = ahead.wrapping_neg() as usize;
            out.repeated(self.side, behind.min(len));
            let keep_alive = behind == 1 && len == 1;
            if keep_alive {
                self.probed(out);
            } else if behind >= len {
                let side = out.side(self.side);
                side.retransmissions = side.retransmissions.saturating_add(1);
            }
            let rest = span.skip(behind);
            if behind < len {
                self.unexpected(self.next, rest, seen, out);
            }
        } else if ahead == 0 {
            self.in_order(span, seen, out);
        } else {
            self.hold(seq, span, seen, out);
        }
    }

    /// A segment from far away: believed when it continues the one before.
    fn stray<S: Sink>(&mut self, seq: u32, span: Span<'_>, seen: Seen, out: &mut Out<'_, S>) {
        if self.finished() || self.state & STRAYED == 0 || self.stray_end != seq {
            self.state |= STRAYED;
            self.stray_end = seq.wrapping_add(span.wire_len() as u32);
            out.stats.stray_bytes += span.wire_len() as u64;
            return;
        }
        self.state &= !STRAYED;
        self.flush(out);
        if !self.finished() {
            let missing = seq.wrapping_sub(self.next);
            (self.next, self.ack) = (seq, seq);
            out.gap(self.side, seen, u64::from(missing));
            self.data(seq, span, seen, out);
        }
    }

    /// Delivers bytes that start at the next expected one, then those that waited for them. Where both have a byte, the one that
    /// waited came first.
    fn in_order<S: Sink>(&mut self, mut span: Span<'_>, seen: Seen, out: &mut Out<'_, S>) {
        while span.wire_len() > 0 {
            let held = self.hole.as_ref().filter(|h| h.segments() > 0).and_then(|h| h.end());
            let room = held.map_or(usize::MAX, |end| end.seq.wrapping_sub(self.next) as usize);
            let part = span.limit(room);
            self.next = self.next.wrapping_add(part.wire_len() as u32);
            out.span(self.side, seen, part);
            span = span.skip(part.wire_len());
            let again = self.pop_held(out).min(span.wire_len());
            out.repeated(self.side, again);
            span = span.skip(again);
        }
        self.pass_hole(out);
    }

    /// Delivers the first held segment if it is next; returns its length.
    fn pop_held<S: Sink>(&mut self, out: &mut Out<'_, S>) -> usize {
        let next = self.next;
        let Some(held) = self.hole.as_mut().and_then(|hole| hole.pop(next)) else { return 0 };
        let span = held.span();
        out.stats.held_bytes = out.stats.held_bytes.saturating_sub(span.bytes.len() as u64);
        self.next = next.wrapping_add(span.wire_len() as u32);
        out.span(self.side, held.seen, span);
        span.wire_len()
    }

    /// After the place of the hole has moved: delivers what it kept waiting, up to the next hole or the end.
    fn pass_hole<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        while self.pop_held(out) > 0 {}
        let Some(hole) = &mut self.hole else { return };
        if let Some(fin) = hole.fin
            && (fin.seq == self.next || fin.seq.wrapping_sub(self.next) > FAR)
        {
            // Whatever waits beyond the end is not part of the stream.
            out.stats.held_bytes = out.stats.held_bytes.saturating_sub(hole.bytes as u64);
            self.hole = None;
            self.finish(fin.seen, out);
        } else if hole.end().is_some() {
            hole.acked_since = None;
            self.note_ack(out.now);
        } else {
            self.hole = None;
        }
    }

    #[cold]
    fn hold<S: Sink>(&mut self, seq: u32, span: Span<'_>, seen: Seen, out: &mut Out<'_, S>) {
        let hole = self.hole.get_or_insert_default();
        let before = hole.bytes;
        let again = hole.hold(self.next, End { seq, seen, since: out.now }, span);
        out.stats.held_bytes += (hole.bytes - before) as u64;
        let new = again < span.wire_len();
        out.stats.out_of_order_segments += u64::from(new);
        let side = out.side(self.side);
        let counter = if new { &mut side.out_of_order } else { &mut side.retransmissions };
        *counter = counter.saturating_add(1);
        out.repeated(self.side, again);
        self.note_ack(out.now);
        while self.hole.as_ref().is_some_and(|h| {
            h.bytes > out.limits.held_bytes_per_side_max
                || h.segments() > out.limits.held_segments_per_side_max
                || (h.bytes > 0 && out.stats.held_bytes > out.limits.held_bytes_max as u64)
        }) {
            out.stats.holes_over_limit += 1;
            self.give_up_hole(out);
        }
    }

    /// The sender's last byte stands before `end`.
    pub(super) fn fin<S: Sink>(&mut self, end: u32, seen: Seen, out: &mut Out<'_, S>) {
        self.start_at(end);
        let ahead = end.wrapping_sub(self.next);
        if self.finished() || ahead > FAR {
            return;
        }
        if ahead == 0 && self.hole.is_none() {
            return self.finish(seen, out);
        }
        self.hole.get_or_insert_default().fin.get_or_insert(End { seq: end, seen, since: out.now });
        if ahead == 0 {
            self.pass_hole(out);
        } else {
            self.note_ack(out.now);
        }
    }

    fn finish<S: Sink>(&mut self, seen: Seen, out: &mut Out<'_, S>) {
        self.state |= FINISHED;
        out.sink.fin(out.flow, self.side, seen);
    }

    /// Reports the hole as a gap and goes on behind it.
    fn give_up_hole<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        let Some(end) = self.hole.as_ref().and_then(|h| h.end()) else {
            self.hole = None;
            return;
        };
        let missing = end.seq.wrapping_sub(self.next);
        self.next = end.seq;
        out.gap(self.side, end.seen, u64::from(missing));
        self.pass_hole(out);
    }

    /// When the hole is to be given up, in elapsed nanoseconds.
    fn deadline(&self, limits: &Limits) -> Option<u64> {
        let hole = self.hole.as_ref()?;
        let timeout = if hole.acks_seen { limits.hole_unacked_timeout } else { limits.hole_timeout };
        let waited = hole.end()?.since.saturating_add(nanos(timeout));
        let acked = hole.acked_since.map_or(u64::MAX, |since| since.saturating_add(nanos(limits.hole_acked_grace)));
        Some(waited.min(acked))
    }

    /// Gives up the hole if its time is over.
    #[inline]
    pub(crate) fn expire_hole<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        if self.hole.is_some() && self.deadline(out.limits).is_some_and(|at| at <= out.now) {
            self.give_up_hole(out);
        }
    }

    /// When [`Self::expire_hole`] must be called, if no timer is set for then or earlier.
    #[inline]
    pub(crate) fn new_timer(&mut self, limits: &Limits) -> Option<u64> {
        self.hole.as_ref()?;
        let deadline = self.deadline(limits)?;
        let hole = self.hole.as_mut()?;
        if hole.timer.is_some_and(|timer| timer <= deadline) {
            return None;
        }
        hole.timer = Some(deadline);
        Some(deadline)
    }

    /// A timer went off.
    pub(crate) fn clear_timer(&mut self, at: u64) {
        if let Some(hole) = &mut self.hole
            && hole.timer == Some(at)
        {
            hole.timer = None;
        }
    }

    /// Delivers all that waits, with gaps.
    pub(super) fn flush<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        while self.hole.is_some() {
            self.give_up_hole(out);
        }
    }
}
