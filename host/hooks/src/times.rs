//! How long calls take: counts by length, so that percentiles can be told without keeping each.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets to a doubling: lengths are told to a fifth.
const PER_DOUBLING: usize = 4;
/// Up to 2^40 ns, 18 minutes: far beyond any budget.
const BUCKETS: usize = 40 * PER_DOUBLING;

/// Counts of lengths.
#[derive(Debug)]
pub(crate) struct Times([AtomicU64; BUCKETS]);

/// Nanoseconds that calls took, as upper bounds of the buckets; all 0 before the first call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Quantiles {
    /// Half of the calls took no longer.
    pub p50: u64,
    /// Nine in ten.
    pub p90: u64,
    /// Ninety-nine in a hundred.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Times {
    pub(crate) fn add(&self, nanos: u64) {
        if let Some(count) = self.0.get(bucket(nanos)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        let counts: Vec<u64> = self.0.iter().map(|n| n.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let at = |percent: u64| {
            let rank = (total * percent).div_ceil(100);
            let mut sum = 0;
            let found = counts.iter().position(|n| {
                sum += n;
                sum >= rank && rank > 0
            });
            found.map_or(0, upper)
        };
        Quantiles { p50: at(50), p90: at(90), p99: at(99), max: at(100) }
    }
}

fn bucket(nanos: u64) -> usize {
    let doubling = nanos.max(1).ilog2() as usize;
    // The two bits after the highest one.
    let part = if doubling >= 2 { (nanos >> (doubling - 2)) as usize % PER_DOUBLING } else { 0 };
    (doubling * PER_DOUBLING + part).min(BUCKETS - 1)
}

/// The longest length that falls into a bucket.
fn upper(bucket: usize) -> u64 {
    let (doubling, part) = (bucket / PER_DOUBLING, (bucket % PER_DOUBLING) as u64);
    if doubling < 2 { (2 << doubling) - 1 } else { ((PER_DOUBLING as u64 + part + 1) << (doubling - 2)) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_to_a_fifth() {
        for nanos in [1, 3, 7, 100, 999, 12_345, 1 << 30, (1 << 39) + 5] {
            let told = upper(bucket(nanos));
            assert!(told >= nanos && (told as f64) < nanos as f64 * 1.26 + 1.0, "{nanos}: {told}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles() {
        let times = Times::default();
        assert_eq!(times.quantiles(), Quantiles::default());
        (0..98).for_each(|_| times.add(100));
        (0..2).for_each(|_| times.add(10_000));
        let q = times.quantiles();
        assert_eq!((q.p50, q.p90), (upper(bucket(100)), upper(bucket(100))));
        assert_eq!((q.p99, q.max), (upper(bucket(10_000)), upper(bucket(10_000))));
    }
}
