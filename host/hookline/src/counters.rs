//! What the lane and the source counted, for `/metrics` and the summaries.

use crate::lane::Counted;
use hookline_packet::{Close, Reason, Unassembled};
use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The newest counts, written by a session's thread now and then and read by the API.
#[derive(Clone, Default)]
pub(crate) struct Counters {
    counts: Arc<Mutex<Counts>>,
    /// The lane whose counts these are.
    lane: usize,
}

#[derive(Default)]
struct Counts {
    /// Sums over the sessions that are over, in the order of [`rows`].
    over: Vec<u64>,
    /// The session that runs, lane by lane.
    now: Vec<Counted>,
}

/// One series.
struct Row {
    name: &'static str,
    help: &'static str,
    /// The `reason` label, or empty.
    reason: &'static str,
    value: u64,
}

impl Counters {
    /// Where lane `lane` counts.
    pub(crate) fn of_lane(&self, lane: usize) -> Self {
        Self { counts: Arc::clone(&self.counts), lane }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counts are replaced whole, so a panic elsewhere leaves them sound.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the lane's counts of the session that runs.
    pub(crate) fn set(&self, counted: Counted) {
        let mut counts = self.lock();
        if counts.now.len() <= self.lane {
            counts.now.resize(self.lane + 1, Counted::default());
        }
        if let Some(now) = counts.now.get_mut(self.lane) {
            *now = counted;
        }
    }

    /// The session is over: another one goes on counting.
    pub(crate) fn keep(&self) {
        let mut counts = self.lock();
        counts.over = counts.rows().iter().map(|r| r.value).collect();
        counts.now.clear();
    }

    /// Frames captured.
    pub(crate) fn frames(&self) -> u64 {
        self.sum("capture_frames")
    }

    /// Items made.
    pub(crate) fn items(&self) -> u64 {
        self.sum("dissect_items")
    }

    fn sum(&self, name: &str) -> u64 {
        self.lock().rows().iter().filter(|r| r.name == name).map(|r| r.value).sum()
    }

    /// Prometheus text.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        let mut last = "";
        for Row { name, help, reason, value } in self.lock().rows() {
            // Writing to a String cannot fail.
            if name != std::mem::replace(&mut last, name) {
                let _ = writeln!(out, "# HELP hookline_{name}_total {help}\n# TYPE hookline_{name}_total counter");
            }
            let label = if reason.is_empty() { String::new() } else { format!("{{reason=\"{reason}\"}}") };
            let _ = writeln!(out, "hookline_{name}_total{label} {value}");
        }
        out
    }
}

impl Counts {
    /// Every series, with the sessions that are over counted in.
    fn rows(&self) -> Vec<Row> {
        let mut sum = Counted::default();
        self.now.iter().for_each(|lane| sum.add(lane));
        let mut rows = rows(&sum);
        for (row, over) in rows.iter_mut().zip(&self.over) {
            row.value += over;
        }
        rows
    }
}

fn rows(c: &Counted) -> Vec<Row> {
    let s = &c.streams;
    let plain = [
        ("capture_frames", "Frames captured", c.source.received),
        ("capture_bytes", "Bytes captured", c.source.bytes),
        ("capture_drops", "Frames lost before they were read", c.source.dropped),
        ("capture_truncated", "Frames of which less was captured than was on the wire", c.source.truncated),
        ("packet_decoded", "Frames that were used", s.decoded),
        ("packet_fragments", "Fragments of IP packets", s.fragments),
        ("packet_reassembled", "IP packets put together out of fragments", s.reassembled),
        ("packet_tunnelled", "Frames opened as tunnels'", s.tunnelled),
        ("packet_tunnels_too_deep", "Tunnels not opened because too many are around them", s.tunnels_too_deep),
        ("packet_repeated_chunks", "SCTP data chunks that had been seen before", s.repeated_chunks),
        ("packet_flows_opened", "Flows opened", s.flows_opened),
        ("packet_gaps", "Holes in streams", s.gaps),
        ("packet_gap_bytes", "Bytes missing in holes", s.gap_bytes),
        ("packet_retransmitted_bytes", "Bytes that had been seen before", s.retransmitted_bytes),
        ("packet_out_of_order_segments", "Segments before an earlier part of their stream", s.out_of_order_segments),
        ("packet_holes_over_limit", "Holes given up because a limit was reached", s.holes_over_limit),
        ("packet_stray_bytes", "Bytes too far from what was expected", s.stray_bytes),
        ("dissect_items", "Items made", c.items),
    ];
    let plain = plain.map(|(name, help, value)| Row { name, help, reason: "", value });
    let dropped =
        Reason::ALL.map(|r| Row { name: "packet_dropped", help: "Frames that were not used", reason: r.name(), value: s.dropped(r) });
    let fragments = Unassembled::ALL.map(|w| Row {
        name: "packet_fragments_dropped",
        help: "Fragments that came to nothing",
        reason: w.name(),
        value: s.fragments_dropped(w),
    });
    let closed = Close::ALL.map(|w| Row { name: "packet_flows_closed", help: "Flows ended", reason: w.name(), value: s.closed(w) });
    plain.into_iter().chain(dropped).chain(fragments).chain(closed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_over_sessions() {
        let counters = Counters::default();
        for _ in 0..2 {
            counters.set(Counted { items: 3, ..Counted::default() });
            counters.keep();
        }
        for lane in [1, 0] {
            counters.of_lane(lane).set(Counted { items: lane as u64, ..Counted::default() });
        }
        assert_eq!(counters.items(), 7);
        assert!(counters.render().contains("# TYPE hookline_dissect_items_total counter\nhookline_dissect_items_total 7\n"));
        assert!(counters.render().contains("hookline_packet_dropped_total{reason=\"not_ip\"} 0\n"));
    }
}
