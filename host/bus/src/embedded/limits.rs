//! What the embedded bus holds at most.

use std::time::Duration;

/// What the embedded bus holds at most, and how long it waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events held, delivered ones included. Their ids are what keeps a resend from being delivered again.
    pub events_max: u64,
    /// Bytes of all events held, as JSON. The file is larger by about a quarter: rows' keys and indexes.
    pub bytes_max: u64,
    /// Bytes of one event, as JSON.
    pub event_bytes_max: u64,
    /// How long delivered events and dead letters are kept. What is not delivered yet does not age.
    pub age_max: Duration,
    /// How long a consumer may hold an event without an answer before it becomes due again, as after a crash.
    pub ack_wait: Duration,
}

impl Default for Limits {
    /// For one node: an hour of an outage at 25 alerts a second, on a disk that notices little of it.
    fn default() -> Self {
        Self {
            events_max: 100_000,
            bytes_max: 256 << 20,
            // NATS' `max_payload` by default: what fits here fits there.
            event_bytes_max: 1 << 20,
            // A week: who comes back on Monday still finds Friday's dead letters.
            age_max: Duration::from_secs(7 * 86_400),
            // Longer than any action may take (the runner's request timeout is 10 s by default), shorter than a human's patience.
            ack_wait: Duration::from_secs(60),
        }
    }
}

/// Deliveries fetched at once at most: what is fetched is in memory.
pub(super) const FETCH_MAX: usize = 1_000;

/// Failures that a delivery's history keeps: enough to see the pattern, small enough to rewrite at each.
pub(super) const HISTORY_MAX: usize = 16;

/// Characters of a failure's reason that are kept.
pub(super) const REASON_CHARS_MAX: usize = 500;

/// No delivery waits longer than this. One that seems to was planned by a clock that was wrong, and is due now.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// How long to wait for another process's transaction (`hookline dlq` beside a running `hookline`): many times what one takes.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
