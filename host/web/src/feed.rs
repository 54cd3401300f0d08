//! What happens now: items and log lines, for whoever looks on.

use hookline_hooks::LogLine;
use hookline_item::Item;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::broadcast;

/// Items that a slow client may be behind before it misses some (and is told how many).
const ITEMS: usize = 1024;
/// Log lines kept for clients that come later.
const LINES: usize = 1000;

/// Items as they come.
#[derive(Clone)]
pub struct Live(broadcast::Sender<Arc<Item>>);

impl Live {
    /// A feed without listeners.
    #[must_use]
    pub fn new() -> Self {
        Self(broadcast::channel(ITEMS).0)
    }

    /// Tells everybody who listens; never blocks.
    pub fn send(&self, item: Arc<Item>) {
        // Nobody listening is no error.
        let _ = self.0.send(item);
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Item>> {
        self.0.subscribe()
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

/// The newest lines, and how many there were.
#[derive(Default)]
struct Kept {
    lines: VecDeque<LogLine>,
    pushed: u64,
}

/// The plugins' log lines: the newest, and those to come.
#[derive(Clone)]
pub struct Console {
    kept: Arc<Mutex<Kept>>,
    feed: broadcast::Sender<LogLine>,
}

impl Console {
    /// An empty console.
    #[must_use]
    pub fn new() -> Self {
        Self { kept: Arc::default(), feed: broadcast::channel(LINES).0 }
    }

    /// Adds a line; never blocks for long.
    pub fn push(&self, line: LogLine) {
        let mut kept = self.lock();
        if kept.lines.len() == LINES {
            kept.lines.pop_front();
        }
        kept.lines.push_back(line.clone());
        kept.pushed += 1;
        drop(kept);
        // Nobody listening is no error.
        let _ = self.feed.send(line);
    }

    /// The lines kept of those after the first `after`, oldest first, and how many there were in all.
    #[must_use]
    pub fn lines(&self, after: u64) -> (Vec<LogLine>, u64) {
        let kept = self.lock();
        // A number beyond what there was is of another run: then all are new.
        let new = kept.pushed.checked_sub(after).unwrap_or(kept.pushed);
        let skip = kept.lines.len().saturating_sub(usize::try_from(new).unwrap_or(usize::MAX));
        (kept.lines.iter().skip(skip).cloned().collect(), kept.pushed)
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<LogLine> {
        self.feed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Lines are pushed whole, so a panic elsewhere leaves them sound.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}
