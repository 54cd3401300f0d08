//! What is counted of each plugin.

use crate::times::{Quantiles, Times};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
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
            by_hook: [OfHook; Hook::ALL.len()],
            /// Fields that it read.
            fields: Mutex<BTreeSet<String>>,
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
    bytes_in: "Bytes of columns, fields and whole items that it was given",
    fuel: "WebAssembly instructions of its calls, where they are counted",
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
    http_requests: "Requests it made to servers",
    http_failed: "Requests that got no answer",
    http_refused: "Requests refused: no grant, or over its quota",
    messages: "Messages it sent to plugins",
    messages_refused: "Messages refused: no grant, or over its quota",
    messages_failed: "Messages that it was given and could not follow",
    letters_dropped: "Messages and outcomes dropped because too many waited for it",
    query_timeouts: "Queries it did not answer in time",
    memory_bytes: "Memory of its instance",
}

/// What a plugin is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Hook {
    /// `items-hook`, or `item-hook` for a whole batch.
    Items,
    /// `packets-hook`.
    Packets,
    /// `flows-hook`.
    Flows,
    /// `query-hook`.
    Query,
    /// `timer-hook`.
    Job,
    /// `state-hook`.
    State,
    /// `hub-hook`.
    Message,
    /// `results-hook`.
    Result,
}

impl Hook {
    pub(crate) const ALL: [Self; 8] =
        [Self::Items, Self::Packets, Self::Flows, Self::Query, Self::Job, Self::State, Self::Message, Self::Result];

    /// How it is called where a call is kept or counted.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Packets => "packets",
            Self::Flows => "flows",
            Self::Query => "query",
            Self::Job => "job",
            Self::State => "state",
            Self::Message => "message",
            Self::Result => "result",
        }
    }
}

/// Fields that are named of a plugin: one that makes them up has no end of them.
const FIELDS_MAX: usize = 100;

/// Calls of one hook.
#[derive(Debug, Default)]
struct OfHook {
    calls: Counter,
    cpu_ns: Counter,
    times: Times,
}

/// What one hook's calls took.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct HookCalls {
    /// Which.
    pub hook: Hook,
    /// How many.
    pub calls: u64,
    /// CPU nanoseconds of all together.
    pub cpu_ns: u64,
    /// CPU nanoseconds of one.
    pub call_ns: Quantiles,
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
    /// Counts a call of a hook, and what it took.
    pub(crate) fn called(&self, hook: Hook, nanos: u64) {
        self.calls.add(1);
        self.cpu_ns.add(nanos);
        self.call_times.add(nanos);
        if let Some(of) = self.by_hook.get(hook as usize) {
            of.calls.add(1);
            of.cpu_ns.add(nanos);
            of.times.add(nanos);
        }
    }

    /// Notes that it reads a field; up to [`FIELDS_MAX`] are kept.
    pub(crate) fn reads(&self, path: &str) {
        let mut fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        if fields.len() < FIELDS_MAX {
            fields.insert(path.to_owned());
        }
    }

    /// The fields that it read, by name.
    pub(crate) fn fields(&self) -> Vec<String> {
        self.fields.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The hooks that were called.
    pub(crate) fn by_hook(&self) -> Vec<HookCalls> {
        let calls = |(hook, of): (Hook, &OfHook)| {
            let calls = HookCalls { hook, calls: of.calls.get(), cpu_ns: of.cpu_ns.get(), call_ns: of.times.quantiles() };
            (calls.calls > 0).then_some(calls)
        };
        Hook::ALL.into_iter().zip(&self.by_hook).filter_map(calls).collect()
    }

    pub(crate) fn set_state(&self, state: State, error: Option<String>) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (state, error);
    }

    pub(crate) fn state(&self) -> (State, Option<String>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
