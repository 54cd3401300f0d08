//! Round trips of a connection: from a segment to its acknowledgment. Segments that were sent twice are not measured (RFC 6298 §3).

use hookline_item::RoundTrips;

/// One measurement at a time and side, as TCP itself did before timestamps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Probe {
    /// What must be acknowledged, and when it was sent.
    pub(super) pending: Option<(u32, u64)>,
}

impl Probe {
    /// New bytes (or a SYN) that end at `end` were sent.
    #[inline]
    pub(super) fn sent(&mut self, end: u32, now: u64) {
        if self.pending.is_none() {
            self.pending = Some((end, now));
        }
    }

    /// Something was sent again: what is measured may be an acknowledgment of either.
    pub(super) fn sent_again(&mut self) {
        self.pending = None;
    }

    /// The nanoseconds that an acknowledgment took, if it is the one waited for.
    #[inline]
    pub(super) fn acked(&mut self, ack: u32, now: u64) -> Option<u64> {
        let (end, at) = self.pending?;
        if ack.wrapping_sub(end) >= 1 << 31 {
            return None;
        }
        self.pending = None;
        Some(now.saturating_sub(at))
    }
}

/// What was measured. Connections that are idle have their handshake's two round trips, which need no histogram.
#[derive(Debug)]
pub(super) enum Measured {
    /// In microseconds; 0 is none yet.
    Few([u32; 3]),
    Often(Box<Histogram>),
}

impl Measured {
    pub(super) const NOTHING: Self = Self::Few([0; 3]);

    pub(super) fn add(&mut self, nanos: u64) {
        let micros = u32::try_from(nanos / 1000).unwrap_or(u32::MAX).max(1);
        match self {
            Self::Often(histogram) => histogram.add(micros),
            Self::Few(few) => match few.iter_mut().find(|free| **free == 0) {
                Some(free) => *free = micros,
                None => {
                    let mut histogram = Box::new(Histogram::of(few));
                    histogram.add(micros);
                    *self = Self::Often(histogram);
                }
            },
        }
    }

    pub(super) fn quantiles(&self) -> RoundTrips {
        match self {
            Self::Few(few) => Histogram::of(few).quantiles(),
            Self::Often(histogram) => histogram.quantiles(),
        }
    }
}

/// Counts by size, four steps to an octave: quantiles are right within 10 %.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: [u16; STEPS],
    sum: u32,
}

/// From 1 µs in 26 octaves: up to a minute.
const STEPS: usize = 26 * 4;

impl Histogram {
    const fn new() -> Self {
        Self { counts: [0; STEPS], sum: 0 }
    }

    fn of(few: &[u32]) -> Self {
        let mut this = Self::new();
        few.iter().filter(|micros| **micros > 0).for_each(|micros| this.add(*micros));
        this
    }

    fn add(&mut self, micros: u32) {
        let octave = micros.ilog2() as usize;
        // The two bits below the highest one.
        let fine = (if octave >= 2 { micros >> (octave - 2) } else { micros << (2 - octave) }) as usize & 3;
        let step = (octave * 4 + fine).min(STEPS - 1);
        if let Some(count) = self.counts.get_mut(step)
            && *count < u16::MAX
        {
            *count += 1;
            self.sum += 1;
        }
    }

    fn quantiles(&self) -> RoundTrips {
        RoundTrips { count: self.sum, p50: self.quantile(50), p90: self.quantile(90), p99: self.quantile(99) }
    }

    /// The middle of the step in which `percent` of all are reached, in microseconds.
    fn quantile(&self, percent: u32) -> u32 {
        let wanted = (self.sum * percent).div_ceil(100).max(1);
        let mut sum = 0;
        for (step, count) in self.counts.iter().enumerate() {
            sum += u32::from(*count);
            if sum >= wanted {
                let (octave, fine) = (step / 4, step as u32 % 4);
                return ((8 + 2 * u64::from(fine) + 1) << octave >> 3) as u32;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near() {
        let mut h = Histogram::new();
        (1..=1000).for_each(|n| h.add(n * 1_000));
        let r = h.quantiles();
        assert_eq!(r.count, 1000);
        for (got, want) in [(r.p50, 500_000), (r.p90, 900_000), (r.p99, 990_000)] {
            assert!(got.abs_diff(want) <= want / 8, "{got} {want}");
        }
        let mut h = Histogram::new();
        [1, 1, u32::MAX].into_iter().for_each(|n| h.add(n));
        assert_eq!(h.quantiles().p50, 1);
    }

    #[test]
    fn what_was_sent_twice_is_not_measured() {
        let mut p = Probe::default();
        p.sent(100, 5);
        p.sent(200, 6);
        assert_eq!(p.acked(99, 7), None);
        assert_eq!(p.acked(150, 9), Some(4));
        p.sent(300, 10);
        p.sent_again();
        assert_eq!(p.acked(300, 11), None);
    }
}
