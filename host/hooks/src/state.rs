//! What the host keeps for one instance: everything that its calls may touch.

use crate::{
    Outbox,
    columns::Column,
    cron::Cron,
    engine::Limiter,
    fetch::{Fetch, Packets},
    files::{Directories, Directory},
    interfaces::wasi::Printed,
    kv::{Kv, Stores},
    mail::Post,
    manifest::Manifest,
    metrics::{Registry, Series},
    scope::Scope,
    stats::Stats,
};
use hookline_item::{Kind, Object, Path, Timestamp};
use hookline_kfl::{Filter, Settings};
use rustix::time::{ClockId, clock_gettime};
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Duration,
};
use wasmtime::component::ResourceTable;

/// An item as hooks see it: live, or read back from the store.
pub type Shown = Arc<dyn Object + Send + Sync>;
/// The kind of the field at a path, over all protocols; `None` for names from the wire (headers) and where protocols differ.
pub type KindOf = dyn Fn(&Path) -> Option<Kind> + Send + Sync;

/// What all plugins share.
pub(crate) struct Surroundings {
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) metrics: Registry,
    pub(crate) node: String,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) kind_of: Box<KindOf>,
    pub(crate) filters: Settings,
    /// Where calls that failed are kept.
    pub(crate) faults: Option<PathBuf>,
    /// What plugins keep.
    pub(crate) stores: Stores,
    pub(crate) directories: Directories,
    /// Makes plugins' requests to other servers, if anybody does.
    pub(crate) fetch: Option<Arc<dyn Fetch>>,
    /// Has the packets, if they are kept.
    pub(crate) packets: Option<Arc<dyn Packets>>,
    pub(crate) post: Post,
    /// Whether live capture is over: nobody waits for servers any more.
    pub(crate) ending: AtomicBool,
}

/// What a plugin is, apart from its code.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// SHA-256 of the file.
    pub(crate) digest: String,
    pub(crate) manifest: Manifest,
    /// What it sees of items, if that is not everything.
    pub(crate) scope: Option<Arc<Scope>>,
    /// File name and text, if it is a script.
    pub(crate) script: Option<(String, String)>,
}

/// The state of one instance.
pub(crate) struct State {
    pub(crate) identity: Arc<Identity>,
    pub(crate) around: Arc<Surroundings>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) table: ResourceTable,
    pub(crate) limiter: Limiter,
    pub(crate) budget: Budget,
    /// The packets' clock.
    pub(crate) now: Timestamp,
    /// The items of the call that is running.
    pub(crate) items: Arc<[Shown]>,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) filters: Filters,
    pub(crate) jobs: Vec<Job>,
    pub(crate) series: Vec<Arc<Series>>,
    pub(crate) kv: Option<Arc<Kv>>,
    pub(crate) directory: Option<Arc<Directory>>,
    pub(crate) log_quota: Quota,
    pub(crate) event_quota: Quota,
    pub(crate) http_quota: Quota,
    /// What the guest has printed of lines that are not whole yet.
    pub(crate) printed: Printed,
    /// Whether the guest's instructions are counted.
    pub(crate) fuel: bool,
    /// Counts calls of all guests that run.
    pub(crate) running: Arc<AtomicUsize>,
    /// How many events the instance has emitted.
    pub(crate) sequence: u64,
    /// State of the guest's random numbers: seeded, so that a replay is the same each time.
    pub(crate) random: u64,
    pub(crate) paths: Paths,
}

/// What the plugin asked for in `on-init`.
#[derive(Default)]
pub(crate) struct Subscriptions {
    /// Whether more may be asked for, and how items would be given.
    pub(crate) open: Option<ItemsAs>,
    pub(crate) items: Vec<Subscription>,
    pub(crate) packets: Vec<Subscription>,
    pub(crate) flows: Vec<Subscription>,
    pub(crate) queries: bool,
}

/// How a plugin is given its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemsAs {
    /// In batches, with a column for each field.
    Columns,
    /// One by one.
    Values,
}

/// One subscription, ready to be filled.
#[derive(Clone)]
pub(crate) struct Subscription {
    pub(crate) id: u32,
    pub(crate) filter: Filter,
    pub(crate) columns: Vec<Column>,
    /// As asked for; 0 leaves it to the feeder.
    pub(crate) batch_max: usize,
    pub(crate) delay_max: Duration,
}

/// The CPU time that a call may take.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    pub(crate) limit: Duration,
    /// The thread's CPU time when the call began, or else at the first interruption.
    pub(crate) started: Option<Duration>,
    /// How long the call has waited for servers.
    pub(crate) waited: Duration,
}

impl Budget {
    pub(crate) fn start(&mut self, limit: Duration) {
        *self = Self { limit, ..Self::default() };
    }

    /// Whether the limit is used up; asked at every tick.
    pub(crate) fn is_used_up(&mut self) -> bool {
        let now = thread_cpu_time();
        let started = *self.started.get_or_insert(now);
        now.saturating_sub(started) > self.limit
    }
}

/// CPU time that this thread has used.
pub(crate) fn thread_cpu_time() -> Duration {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(t.tv_sec).unwrap_or(0), u32::try_from(t.tv_nsec).unwrap_or(0))
}

/// A call was ended because its CPU time was used up.
#[derive(Debug)]
pub(crate) struct Overrun(pub(crate) Duration);

impl std::fmt::Display for Overrun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "used more than its {} ms of CPU time in one call", self.0.as_millis())
    }
}
impl std::error::Error for Overrun {}

/// Compiled filters by number.
#[derive(Default)]
pub(crate) struct Filters {
    by_text: HashMap<String, u32>,
    all: Vec<Filter>,
}

/// Filters that an instance may compile: a plugin that makes them from the traffic must not grow for ever.
const FILTERS_MAX: usize = 1000;

impl Filters {
    /// The number of the filter `text`; `None` when there are too many.
    pub(crate) fn compile(&mut self, text: &str, settings: &Settings) -> Result<Option<u32>, hookline_kfl::Error> {
        if let Some(id) = self.by_text.get(text) {
            return Ok(Some(*id));
        }
        let filter = settings.parse_for_any(text)?;
        if self.all.len() >= FILTERS_MAX {
            return Ok(None);
        }
        let id = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(filter);
        self.by_text.insert(text.to_owned(), id);
        Ok(Some(id))
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Filter> {
        self.all.get(usize::try_from(id).ok()?)
    }
}

/// Paths that were parsed before, by their text.
#[derive(Default)]
pub(crate) struct Paths(HashMap<String, Option<Path>>);

impl Paths {
    /// The path written as `text`, if it is one. Past 1000 different texts the table starts anew.
    pub(crate) fn get(&mut self, text: &str, stats: &Stats) -> Option<&Path> {
        const PATHS_MAX: usize = 1000;
        if !self.0.contains_key(text) {
            if self.0.len() >= PATHS_MAX {
                self.0.clear();
            }
            stats.reads(text);
            self.0.insert(text.to_owned(), text.parse().ok());
        }
        self.0.get(text)?.as_ref()
    }
}

/// A scheduled job.
pub(crate) struct Job {
    pub(crate) tag: String,
    pub(crate) cron: Cron,
    /// Runs left; `None` = for ever.
    pub(crate) left: Option<u32>,
    /// `None` until the clock is known.
    pub(crate) next: Option<Timestamp>,
}

/// So many a second, by the packets' clock.
#[derive(Debug)]
pub(crate) struct Quota {
    per_second: u32,
    second: u64,
    used: u32,
}

impl Quota {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second, second: 0, used: 0 }
    }

    /// Takes one; false when this second's are used up.
    pub(crate) fn take(&mut self, now: Timestamp) -> bool {
        if self.second != now.as_secs() {
            (self.second, self.used) = (now.as_secs(), 0);
        }
        let ok = self.used < self.per_second;
        self.used += u32::from(ok);
        ok
    }
}
