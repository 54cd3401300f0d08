//! The thread that writes.

use crate::{Counters, StoreOptions};
use hookline_bus::{Event, Kind};
use hookline_item::{Item, json};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use std::{
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// Items that may wait: what a busy second brings while the disk hesitates.
const QUEUE: usize = 8192;
/// Items written in one transaction.
const BATCH: usize = 512;
/// Events kept: alerts are read by people.
const EVENTS_MAX: u64 = 10_000;

enum Work {
    Item(Arc<Item>),
    Event(Box<Event>),
}

/// Takes what is to be written.
pub struct Writer {
    sender: SyncSender<Work>,
    thread: JoinHandle<()>,
    counters: Arc<Counters>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, options: &StoreOptions, counters: &Arc<Counters>) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let scribe =
            Scribe { connection, items_max: options.items_max.max(1), bytes_max: options.bytes_max, counters: Arc::clone(counters) };
        let thread = thread::spawn(move || scribe.run(&receiver));
        Self { sender, thread, counters: Arc::clone(counters) }
    }

    /// Takes an item; false if the queue is full, which is counted.
    pub fn item(&self, item: &Arc<Item>) -> bool {
        self.send(Work::Item(Arc::clone(item)))
    }

    /// Takes an event; false if the queue is full, which is counted.
    pub fn event(&self, event: &Event) -> bool {
        self.send(Work::Event(Box::new(event.clone())))
    }

    fn send(&self, work: Work) -> bool {
        let sent = !matches!(self.sender.try_send(work), Err(TrySendError::Full(_) | TrySendError::Disconnected(_)));
        if !sent {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
        sent
    }

    /// Writes what waits, and ends the thread.
    pub fn finish(self) {
        drop(self.sender);
        // A thread that panicked has nothing left to write.
        let _ = self.thread.join();
    }
}

struct Scribe {
    connection: Connection,
    items_max: u64,
    bytes_max: u64,
    counters: Arc<Counters>,
}

impl Scribe {
    fn run(mut self, receiver: &Receiver<Work>) {
        while let Ok(first) = receiver.recv() {
            let mut batch = vec![first];
            batch.extend(receiver.try_iter().take(BATCH - 1));
            if let Err(error) = self.write(&batch) {
                self.counters.failed.fetch_add(batch.len() as u64, Ordering::Relaxed);
                tracing::error!(message = "items were not written to the index", %error, items = batch.len());
            }
        }
    }

    fn write(&mut self, batch: &[Work]) -> rusqlite::Result<()> {
        let counters = Arc::clone(&self.counters);
        let held = |c: &std::sync::atomic::AtomicU64| c.load(Ordering::Relaxed);
        let (mut items, mut bytes, mut evicted) = (held(&counters.items), held(&counters.bytes), 0);
        let transaction = self.connection.transaction()?;
        let mut written = 0;
        for work in batch {
            match work {
                Work::Item(item) => {
                    let (replaced, new) = put_item(&transaction, item)?;
                    (items, bytes) = (items + 1 - u64::from(replaced.is_some()), bytes.saturating_sub(replaced.unwrap_or(0)) + new);
                    written += 1;
                }
                Work::Event(event) => put_event(&transaction, event)?,
            }
        }
        while items > self.items_max || (bytes > self.bytes_max && items > 1) {
            let Some(gone) = drop_oldest(&transaction)? else { break };
            (items, bytes, evicted) = (items - 1, bytes.saturating_sub(gone), evicted + 1);
        }
        transaction.commit()?;
        counters.items.store(items, Ordering::Relaxed);
        counters.bytes.store(bytes, Ordering::Relaxed);
        counters.written.fetch_add(written, Ordering::Relaxed);
        counters.evicted.fetch_add(evicted, Ordering::Relaxed);
        Ok(())
    }
}

/// Writes an item; the bytes of one of the same id that it replaces, and its own.
fn put_item(transaction: &Transaction<'_>, item: &Item) -> rusqlite::Result<(Option<u64>, u64)> {
    let (id, json) = (item.id(), json::to_string(item));
    let old = transaction
        .prepare_cached("delete from items where id = ?1 returning length(cast(json as blob))")?
        .query_row([&id], |r| r.get(0))
        .optional()?;
    transaction.prepare_cached("insert into items (id, json) values (?1, ?2)")?.execute(params![id, json])?;
    Ok((old, json.len() as u64))
}

/// Removes the item that was written first; the bytes it had.
fn drop_oldest(transaction: &Transaction<'_>) -> rusqlite::Result<Option<u64>> {
    let sql = "delete from items where seq = (select min(seq) from items) returning length(cast(json as blob))";
    transaction.prepare_cached(sql)?.query_row([], |r| r.get(0)).optional()
}

fn put_event(transaction: &Transaction<'_>, event: &Event) -> rusqlite::Result<()> {
    let kind = match event.kind {
        Kind::Alert => "alert",
        Kind::Action(_) => "action",
        Kind::Result(_) => "result",
    };
    let sql = "insert or ignore into events (id, kind, json) values (?1, ?2, ?3)";
    transaction.prepare_cached(sql)?.execute(params![event.id, kind, event.to_cloud_event().to_string()])?;
    let sql = "delete from events where seq <= (select max(seq) from events) - ?1";
    transaction.prepare_cached(sql)?.execute([EVENTS_MAX])?;
    Ok(())
}
