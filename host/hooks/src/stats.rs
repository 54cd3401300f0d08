//! What is counted of each plugin.

use crate::times::Times;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }
}

macro_rules! counters {
    ($($name:ident: $doc:literal,)*) => {
        /// A plugin's counters, and its state. Shared by all its instances.
        #[derive(Debug, Default)]
        pub(crate) struct Stats {
            $(pub(crate) $name: Counter,)*
            pub(crate) call_times: Times,
            state: Mutex<(State, Option<String>)>,
        }

        /// A plugin's counters, read at one moment.
        #[derive(Clone, Debug, Default, serde::Serialize)]
        pub struct Counts {
            $(#[doc = $doc] pub $name: u64,)*
        }

        impl Stats {
            pub(crate) fn counts(&self) -> Counts {
                Counts { $($name: self.$name.get(),)* }
            }
        }

        impl Counts {
            /// Name, meaning and value of each.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), $doc, self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    matched: "Items and packets that matched its filters",
    delivered: "Items and packets that its hooks were called with and returned from",
    failed: "Items and packets in calls that trapped or overran",
    dropped_queue_full: "Items and packets dropped because its queue was full",
    skipped_down: "Items and packets skipped while it waited to be restarted, or was quarantined",
    calls: "Calls of its hooks",
    cpu_ns: "CPU nanoseconds in its hooks",
    traps: "Calls that ended in a trap",
    quarantines: "Times it was quarantined",
    overruns: "Calls that were ended because their CPU time was used up",
    memory_refused: "Times its memory was not allowed to grow",
    restarts: "New instances after a trap",
    job_runs: "Runs of its jobs",
    job_failures: "Runs of its jobs that failed",
    log_lines: "Log lines shown",
    log_lines_suppressed: "Log lines over its quota",
    events: "Events emitted",
    events_refused: "Events refused: no grant, over its quota, or the queue was full",
    query_timeouts: "Queries it did not answer in time",
    memory_bytes: "Memory of its instance",
}

/// What a plugin is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is being compiled and started.
    #[default]
    Loading,
    /// Its hooks are called.
    Running,
    /// It failed and will be started again.
    Faulted,
    /// It failed too often; a new file is waited for.
    Quarantined,
    /// It could not be started; a new file is waited for.
    Failed,
}

impl Stats {
    pub(crate) fn set_state(&self, state: State, error: Option<String>) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (state, error);
    }

    pub(crate) fn state(&self) -> (State, Option<String>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
