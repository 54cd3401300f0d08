//! How long to wait before the next attempt.

use super::RunnerConfig;
use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

/// The longest wait that a sink may ask for: beyond, an attempt costs less than a forgotten event.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// The wait after the `attempt`-th failure (from 1): doubled each time up to the maximum, then between half and all of it, so that the
/// events of one outage do not come back at one moment. A sink that asks for longer gets that.
pub(super) fn wait(config: &RunnerConfig, event_id: &str, attempt: u32, asked: Option<Duration>) -> Duration {
    let doubled = 2_u32.checked_pow(attempt.saturating_sub(1)).and_then(|factor| config.backoff_base.checked_mul(factor));
    let full = doubled.map_or(config.backoff_max, |wait| wait.min(config.backoff_max));
    let jittered = full.mul_f64(0.5 + fraction(config.jitter_seed, event_id, attempt) / 2.0);
    asked.map_or(jittered, |asked| jittered.max(asked.min(RETRY_AFTER_MAX)))
}

/// A number from 0 to below 1 that looks random: the hash of what it is for needs no state.
fn fraction(seed: u64, event_id: &str, attempt: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (seed, event_id, attempt).hash(&mut hasher);
    f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_bounds() {
        let config = RunnerConfig::default();
        for attempt in 1..40 {
            let full = Duration::from_secs(1 << (attempt - 1).min(20)).min(config.backoff_max);
            let wait = wait(&config, "id", attempt, None);
            assert!(full / 2 <= wait && wait <= full, "{attempt}: {wait:?}");
        }
    }

    #[test]
    fn jitter_follows_the_seed() {
        let waits = |jitter_seed| -> Vec<Duration> {
            let config = RunnerConfig { jitter_seed, ..RunnerConfig::default() };
            ["a", "b", "c"].map(|id| wait(&config, id, 5, None)).to_vec()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
        assert_ne!(waits(1)[0], waits(1)[1]);
    }

    #[test]
    fn sinks_may_ask_for_longer_but_not_for_ever() {
        let config = RunnerConfig::default();
        assert_eq!(wait(&config, "id", 1, Some(Duration::from_secs(30))), Duration::from_secs(30));
        assert!(wait(&config, "id", 10, Some(Duration::ZERO)) >= Duration::from_secs(256));
        assert_eq!(wait(&config, "id", 1, Some(Duration::from_secs(u64::MAX))), RETRY_AFTER_MAX);
    }
}
