//! The thread that writes.

use crate::{Counters, StoreOptions};
use hookline_bus::{Event, Kind};
use hookline_item::{Item, json};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// Items that may wait: what a busy second brings while the disk hesitates.
const QUEUE: usize = 8192;
/// Bytes on the wire of the items that may wait: with large bodies the count alone would let gigabytes wait for a slow disk.
const QUEUE_BYTES: u64 = 256 << 20;
/// The most that one item counts for: of long bodies only the start is kept in memory, 1 MiB each way and as much again when decoded.
const ITEM_BYTES_MAX: u64 = 4 << 20;
/// Items written in one transaction.
const BATCH: usize = 512;
/// Events kept: alerts are read by people.
const EVENTS_MAX: u64 = 10_000;

enum Work {
    Item(Arc<Item>),
    Event(Box<Event>),
}

impl Work {
    /// What it counts for in the queue.
    fn bytes(&self) -> u64 {
        match self {
            Self::Item(item) => item.request_size.saturating_add(item.response_size).min(ITEM_BYTES_MAX),
            Self::Event(_) => 0,
        }
    }
}

/// Takes what is to be written.
pub struct Writer {
    sender: SyncSender<Work>,
    thread: JoinHandle<()>,
    counters: Arc<Counters>,
    /// Bytes of the items in the queue.
    waiting: Arc<AtomicU64>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, options: &StoreOptions, counters: &Arc<Counters>) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let waiting = Arc::new(AtomicU64::new(0));
        let scribe = Scribe {
            connection,
            items_max: options.items_max.max(1),
            bytes_max: options.bytes_max,
            counters: Arc::clone(counters),
            waiting: Arc::clone(&waiting),
        };
        let thread = thread::spawn(move || scribe.run(&receiver));
        Self { sender, thread, counters: Arc::clone(counters), waiting }
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
        let bytes = work.bytes();
        // Two lanes may pass here together and exceed the limit by an item each.
        let fits = self.waiting.load(Ordering::Relaxed).saturating_add(bytes) <= QUEUE_BYTES;
        if fits {
            self.waiting.fetch_add(bytes, Ordering::Relaxed);
            if self.sender.try_send(work).is_ok() {
                return true;
            }
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
        self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        false
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
    waiting: Arc<AtomicU64>,
}

impl Scribe {
    fn run(mut self, receiver: &Receiver<Work>) {
        while let Ok(first) = receiver.recv() {
            let mut batch = vec![first];
            batch.extend(receiver.try_iter().take(BATCH - 1));
            let bytes = batch.iter().map(Work::bytes).sum();
            if let Err(error) = self.write(&batch) {
                self.counters.failed.fetch_add(batch.len() as u64, Ordering::Relaxed);
                tracing::error!(message = "items were not written to the index", %error, items = batch.len());
            }
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    fn write(&mut self, batch: &[Work]) -> rusqlite::Result<()> {
        let counters = Arc::clone(&self.counters);
        let held = |c: &AtomicU64| c.load(Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_item::testing;

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        // A writer whose thread takes nothing.
        let (sender, receiver) = sync_channel(QUEUE);
        let (counters, waiting) = (Arc::<Counters>::default(), Arc::default());
        let writer = Writer { sender, thread: thread::spawn(|| {}), counters: Arc::clone(&counters), waiting };
        let mut item = testing::item(0, &testing::PROTOCOL, Box::new(testing::Nothing));
        Arc::get_mut(&mut item).unwrap().response_size = 1 << 40;
        let taken = (0..100).filter(|_| writer.item(&item)).count() as u64;
        assert_eq!((taken, taken + counters.dropped.load(Ordering::Relaxed)), (QUEUE_BYTES / ITEM_BYTES_MAX, 100));
        drop(receiver);
    }
}
