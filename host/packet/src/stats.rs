//! What was counted.

use crate::{Close, Reason, Unassembled};

/// Counters of one [`Streams`](crate::Streams). `frames = decoded + sum(dropped)`, `flows_opened = flows_open + sum(flows_closed)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames handed in.
    pub frames: u64,
    /// Captured bytes of these frames.
    pub bytes: u64,
    /// Frames that were used: a segment, a datagram, a message, or a fragment of one.
    pub decoded: u64,
    dropped: [u64; Reason::ALL.len()],
    /// Fragments of IP packets. Those that came to nothing are counted by why ([`Stats::fragments_dropped`]).
    pub fragments: u64,
    /// Fragments that repeated another exactly.
    pub repeated_fragments: u64,
    /// Packets that were put together out of fragments.
    pub reassembled: u64,
    fragments_dropped: [u64; Unassembled::ALL.len()],
    /// Frames that were opened as tunnels' (once, however deep).
    pub tunnelled: u64,
    /// Tunnels that were not opened because too many are around them.
    pub tunnels_too_deep: u64,
    /// SCTP DATA chunks that were seen before.
    pub repeated_chunks: u64,
    /// Flows announced to the sink.
    pub flows_opened: u64,
    flows_closed: [u64; Close::ALL.len()],
    /// Flows open now.
    pub flows_open: u64,
    /// TCP payload bytes that had been seen before: retransmissions, keep-alives, overlaps.
    pub retransmitted_bytes: u64,
    /// TCP segments that came before an earlier part of their stream.
    pub out_of_order_segments: u64,
    /// Holes reported.
    pub gaps: u64,
    /// Bytes that these holes lost.
    pub gap_bytes: u64,
    /// TCP payload bytes delivered to the sink.
    pub stream_bytes: u64,
    /// UDP payload bytes delivered to the sink.
    pub datagram_bytes: u64,
    /// Bytes of out-of-order segments kept now.
    pub held_bytes: u64,
    /// Holes given up because a limit of kept bytes or segments was reached.
    pub holes_over_limit: u64,
    /// TCP payload bytes that came after their side's end or their flow's close.
    pub after_close_bytes: u64,
    /// TCP payload bytes too far from what is expected to be believed: damaged, forged, or the first after a large loss.
    pub stray_bytes: u64,
    /// Resets that belong to no open flow or lie outside of its window.
    pub stray_resets: u64,
}

impl Stats {
    /// How many frames were not used for `reason`.
    #[must_use]
    pub fn dropped(&self, reason: Reason) -> u64 {
        self.dropped.get(reason as usize).copied().unwrap_or_default()
    }

    /// How many frames were not used.
    #[must_use]
    pub fn dropped_sum(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// How many fragments came to nothing because of `why`.
    #[must_use]
    pub fn fragments_dropped(&self, why: Unassembled) -> u64 {
        self.fragments_dropped.get(why as usize).copied().unwrap_or_default()
    }

    /// How many flows ended because of `why`.
    #[must_use]
    pub fn closed(&self, why: Close) -> u64 {
        self.flows_closed.get(why as usize).copied().unwrap_or_default()
    }

    /// Adds what another lane counted.
    pub fn add(&mut self, other: &Self) {
        let Self {
            frames,
            bytes,
            decoded,
            dropped,
            fragments,
            repeated_fragments,
            reassembled,
            fragments_dropped,
            tunnelled,
            tunnels_too_deep,
            repeated_chunks,
            flows_opened,
            flows_closed,
            flows_open,
            retransmitted_bytes,
            out_of_order_segments,
            gaps,
            gap_bytes,
            stream_bytes,
            datagram_bytes,
            held_bytes,
            holes_over_limit,
            after_close_bytes,
            stray_bytes,
            stray_resets,
        } = other;
        let sums = [
            (&mut self.frames, frames),
            (&mut self.bytes, bytes),
            (&mut self.decoded, decoded),
            (&mut self.fragments, fragments),
            (&mut self.repeated_fragments, repeated_fragments),
            (&mut self.reassembled, reassembled),
            (&mut self.tunnelled, tunnelled),
            (&mut self.tunnels_too_deep, tunnels_too_deep),
            (&mut self.repeated_chunks, repeated_chunks),
            (&mut self.flows_opened, flows_opened),
            (&mut self.flows_open, flows_open),
            (&mut self.retransmitted_bytes, retransmitted_bytes),
            (&mut self.out_of_order_segments, out_of_order_segments),
            (&mut self.gaps, gaps),
            (&mut self.gap_bytes, gap_bytes),
            (&mut self.stream_bytes, stream_bytes),
            (&mut self.datagram_bytes, datagram_bytes),
            (&mut self.held_bytes, held_bytes),
            (&mut self.holes_over_limit, holes_over_limit),
            (&mut self.after_close_bytes, after_close_bytes),
            (&mut self.stray_bytes, stray_bytes),
            (&mut self.stray_resets, stray_resets),
        ];
        for (sum, n) in sums {
            *sum += n;
        }
        add_each(&mut self.dropped, dropped);
        add_each(&mut self.fragments_dropped, fragments_dropped);
        add_each(&mut self.flows_closed, flows_closed);
    }

    pub(crate) fn drop_frame(&mut self, reason: Reason) {
        if let Some(n) = self.dropped.get_mut(reason as usize) {
            *n += 1;
        }
    }

    pub(crate) fn drop_fragments(&mut self, why: Unassembled, count: u64) {
        if let Some(n) = self.fragments_dropped.get_mut(why as usize) {
            *n += count;
        }
    }

    pub(crate) fn close_flow(&mut self, why: Close) {
        self.flows_open = self.flows_open.saturating_sub(1);
        if let Some(n) = self.flows_closed.get_mut(why as usize) {
            *n += 1;
        }
    }
}

fn add_each<const N: usize>(sums: &mut [u64; N], more: &[u64; N]) {
    for (sum, n) in sums.iter_mut().zip(more) {
        *sum += n;
    }
}
