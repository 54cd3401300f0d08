//! The index of items and events in SQLite: what the API and the dashboard show of the past.
//!
//! One [`Writer`] thread puts items in, in batches, from a bounded queue: the lane never waits for a disk. Readers have a connection of
//! their own (WAL: they do not wait for the writer). What is kept is bounded by count and bytes; the oldest go first.

#![forbid(unsafe_code)]

mod error;
mod read;
pub mod ring;
mod schema;
mod writer;

pub use error::StoreError;
pub use read::{Cursor, ItemPage, ItemQuery, StoredEvent, StoredItem};
pub use writer::Writer;

use rusqlite::Connection;
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The database file; `None` keeps everything in memory.
    pub path: Option<PathBuf>,
    /// Items kept.
    pub items_max: u64,
    /// Bytes of items' JSON kept.
    pub bytes_max: u64,
}

/// What a store counted since it was opened, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Items held.
    pub items: u64,
    /// Bytes of their JSON.
    pub bytes: u64,
    /// Items written.
    pub written: u64,
    /// Items and events not taken because the queue was full.
    pub dropped_queue_full: u64,
    /// Items that went to make room.
    pub evicted: u64,
    /// Items and events lost because the database could not be written.
    pub failed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) items: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) written: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// The index. Cheap to clone: all clones are one store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    options: StoreOptions,
    reader: Mutex<Connection>,
    /// Kept for the writer; in memory also what keeps the database alive.
    writer: Mutex<Option<Connection>>,
    counters: Arc<Counters>,
}

impl Store {
    /// Opens the store, making the file if there is none.
    ///
    /// # Errors
    /// The file cannot be opened, is no database, or was written by a newer version.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let (writer, reader) = schema::open(options.path.as_deref())?;
        let counters = Arc::new(Counters::default());
        let (items, bytes) = schema::held(&writer).map_err(|e| StoreError::new(options.path.as_deref(), e))?;
        counters.items.store(items, Ordering::Relaxed);
        counters.bytes.store(bytes, Ordering::Relaxed);
        let inner = Inner { options, reader: Mutex::new(reader), writer: Mutex::new(Some(writer)), counters };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Starts the thread that writes; `None` if there is one already.
    #[must_use]
    pub fn writer(&self) -> Option<Writer> {
        let connection = lock(&self.inner.writer).take()?;
        Some(Writer::start(connection, &self.inner.options, &self.inner.counters))
    }

    /// What was counted.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let c = &self.inner.counters;
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        StoreStats {
            items: get(&c.items),
            bytes: get(&c.bytes),
            written: get(&c.written),
            dropped_queue_full: get(&c.dropped),
            evicted: get(&c.evicted),
            failed: get(&c.failed),
        }
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        lock(&self.inner.reader)
    }

    fn error(&self, error: rusqlite::Error) -> StoreError {
        StoreError::new(self.inner.options.path.as_deref(), error)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A connection whose user panicked rolls its transaction back and is sound.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
