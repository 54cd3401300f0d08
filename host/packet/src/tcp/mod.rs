//! One TCP connection: the handshake, both directions, and how it ends.

mod half;
mod hole;
mod round_trip;

pub(crate) use half::{Half, Out};

use crate::{Close, Sink, TcpFlags, decode::TcpSegment};
use hookline_item::{RoundTrips, Seen, Sender};
use round_trip::Measured;

/// How far behind its start a SYN may stand that came late, after data of its connection: more than can be sent before the SYN arrives.
const LATE_SYN_MAX: u32 = 1 << 16;
/// How far behind the next expected byte a reset may stand: the sender may not have seen its peer's last acknowledgment.
const RESET_BEHIND_MAX: u32 = 1 << 16;
/// How far ahead: the largest window (RFC 7323 §2.3).
const RESET_AHEAD_MAX: u32 = 1 << 30;

/// The two directions of a connection.
#[derive(Debug)]
pub(crate) struct Conn {
    client: Half,
    server: Half,
    round_trips: Measured,
}

impl Conn {
    pub(crate) fn new() -> Self {
        Self { client: Half::new(Sender::Client), server: Half::new(Sender::Server), round_trips: Measured::NOTHING }
    }

    /// The direction of `from`, and the other one.
    pub(crate) fn halves(&mut self, from: Sender) -> (&mut Half, &mut Half) {
        match from {
            Sender::Client => (&mut self.client, &mut self.server),
            Sender::Server => (&mut self.server, &mut self.client),
        }
    }

    /// Whether both sides were heard of, or one has sent something.
    pub(crate) fn is_open(&self) -> bool {
        (self.client.started() && self.server.started()) || !(self.client.delivered_nothing() && self.server.delivered_nothing())
    }

    /// Whether the whole handshake was seen.
    pub(crate) fn is_established(&self) -> bool {
        self.client.has_syn() && self.server.has_syn()
    }

    /// The round trips that were measured.
    pub(crate) fn round_trips(&self) -> RoundTrips {
        self.round_trips.quantiles()
    }

    /// Whether both sides have sent their last byte.
    pub(crate) fn is_finished(&self) -> bool {
        self.client.finished() && self.server.finished()
    }

    /// Whether a segment begins another connection between the same ports. `closed` says whether this one is over.
    pub(crate) fn is_succeeded_by(&mut self, from: Sender, segment: &TcpSegment<'_>, closed: bool) -> bool {
        if !segment.flags.has(TcpFlags::SYN) {
            return false;
        }
        let (mine, _) = self.halves(from);
        let start = segment.seq.wrapping_add(1);
        if !mine.started() {
            return closed;
        }
        if mine.start() == start && mine.has_syn() {
            return false;
        }
        let late = !mine.has_syn() && mine.start().wrapping_sub(start) < LATE_SYN_MAX;
        let answered_anew = segment.flags.has(TcpFlags::ACK) && mine.delivered_nothing();
        closed || !(late || answered_anew)
    }

    /// Takes a segment. Returns why the connection is over, if it is now.
    #[inline]
    pub(crate) fn segment<S: Sink>(&mut self, from: Sender, segment: &TcpSegment<'_>, seen: Seen, out: &mut Out<'_, S>) -> Option<Close> {
        let (mine, other) = self.halves(from);
        mine.expire_hole(out);
        other.expire_hole(out);
        let flags = segment.flags;
        let trip = if flags.has(TcpFlags::ACK) {
            other.acked(segment.ack, flags.has(TcpFlags::SYN) || mine.has_syn(), out);
            other.sacked(segment, out.now);
            other.probe.acked(segment.ack, out.now)
        } else {
            None
        };
        if flags.has(TcpFlags::RST) {
            return self.reset(from, segment, out);
        }
        mine.window(segment.window, out);
        if is_probe(segment, mine, other) {
            mine.probed(out);
        }
        let mut seq = segment.seq;
        if flags.has(TcpFlags::SYN) {
            seq = seq.wrapping_add(1);
            mine.syn(seq);
            mine.probe.sent(seq, out.now);
        }
        mine.data(seq, segment.data, seen, out);
        if flags.has(TcpFlags::FIN) {
            mine.fin(seq.wrapping_add(segment.data.wire_len() as u32), seen, out);
        }
        if let Some(nanos) = trip {
            self.round_trips.add(nanos);
        }
        self.is_finished().then_some(Close::Fin)
    }

    /// A reset counts only if its sequence number could be in the window (RFC 5961 §3): anybody can send one.
    fn reset<S: Sink>(&mut self, from: Sender, segment: &TcpSegment<'_>, out: &mut Out<'_, S>) -> Option<Close> {
        let (mine, _) = self.halves(from);
        let ahead = segment.seq.wrapping_sub(mine.next());
        if mine.started() && ahead > RESET_AHEAD_MAX && ahead < RESET_BEHIND_MAX.wrapping_neg() {
            out.stats.stray_resets += 1;
            return None;
        }
        let side = out.side(from);
        side.resets = side.resets.saturating_add(1);
        Some(Close::Reset)
    }

    /// Delivers all that still waits for something, with gaps.
    pub(crate) fn flush<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        self.client.flush(out);
        self.server.flush(out);
    }
}

/// Whether a segment only asks whether its peer is there: nothing from behind the last byte sent (keep-alive, RFC 9293 §3.8.4), or one
/// byte into a closed window (§3.8.6.1).
fn is_probe(segment: &TcpSegment<'_>, mine: &Half, other: &Half) -> bool {
    let plain = segment.flags.0 & (TcpFlags::SYN.0 | TcpFlags::FIN.0) == 0;
    match segment.data.wire_len() {
        0 => plain && mine.started() && segment.seq == mine.next().wrapping_sub(1) && !mine.delivered_nothing(),
        1 => plain && other.window_is_zero(),
        _ => false,
    }
}
