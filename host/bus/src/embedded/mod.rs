//! The bus in one SQLite file, or in memory: what `hookline run` uses without a cluster.
//!
//! Every event is a row; every consumer that still has to get it has a row that says from when. A consumer that fetches holds the
//! event for [`Limits::ack_wait`]; if the process dies, the event becomes due again. Delivered events stay, within the limits, so that
//! one published again is known by its id. To make room, the oldest delivered events go first, then the oldest dead letters; if all
//! that is left waits for delivery, new events are refused and counted.

mod limits;
mod open;
mod publish;
mod queue;

pub use limits::Limits;
pub use open::OpenError;

use crate::{Bus, BusError, Counts, DeadLetter, Delivery, Event, Filter, Published, Retry, Totals, Wake};
use hookline_item::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::{
    fmt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A [`Bus`] in one file. Several processes may have the same file open; wakes reach the publishing process only.
pub struct EmbeddedBus {
    connection: Mutex<Connection>,
    limits: Limits,
    wakes: Mutex<Vec<Wake>>,
}

impl EmbeddedBus {
    /// Opens the bus at `path`, made if it is missing; without a path it is in memory and ends with the process.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with the file and what to do.
    pub fn open(path: Option<&Path>, limits: Limits) -> Result<Self, OpenError> {
        Ok(Self { connection: Mutex::new(open::open(path)?), limits, wakes: Mutex::default() })
    }

    /// Runs `work` in one transaction, which ends as it does.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, BusError>) -> Result<T, BusError> {
        let mut connection = locked(&self.connection);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, BusError>) -> Result<T, BusError> {
        work(&locked(&self.connection))
    }

    fn wake(&self) {
        locked(&self.wakes).retain(|wake| wake());
    }
}

/// A panic while the lock was held leaves nothing half done: the transaction was rolled back.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bus for EmbeddedBus {
    fn publish(&self, events: &[Event], now: Timestamp) -> Result<Published, BusError> {
        let published = self.write(|t| publish::publish(t, &self.limits, events, now))?;
        if published.stored > 0 {
            self.wake();
        }
        Ok(published)
    }

    fn subscribe(&self, name: &str, filter: &Filter) -> Result<(), BusError> {
        self.write(|t| publish::subscribe(t, name, filter))
    }

    fn unsubscribe(&self, name: &str) -> Result<bool, BusError> {
        self.write(|t| publish::unsubscribe(t, name))
    }

    fn fetch(&self, consumer: &str, max: usize, now: Timestamp) -> Result<Vec<Delivery>, BusError> {
        self.write(|t| queue::fetch(t, queue::consumer(t, consumer)?, max, (now, now.plus(self.limits.ack_wait))))
    }

    fn next_due(&self, consumer: &str) -> Result<Option<Timestamp>, BusError> {
        self.read(|c| queue::next_due(c, queue::consumer(c, consumer)?))
    }

    fn ack(&self, consumer: &str, delivery: &Delivery, _now: Timestamp) -> Result<bool, BusError> {
        self.write(|t| queue::ack(t, queue::consumer(t, consumer)?, delivery))
    }

    fn nack(&self, consumer: &str, delivery: &Delivery, retry: &Retry<'_>) -> Result<bool, BusError> {
        self.write(|t| queue::nack(t, queue::consumer(t, consumer)?, delivery, retry))
    }

    fn dead_letter(&self, consumer: &str, delivery: &Delivery, reason: &str, now: Timestamp) -> Result<bool, BusError> {
        self.write(|t| queue::dead_letter(t, queue::consumer(t, consumer)?, delivery, (reason, now)))
    }

    fn dead_letters(&self, consumer: Option<&str>, max: usize) -> Result<Vec<DeadLetter>, BusError> {
        self.read(|c| queue::dead_letters(c, consumer, max))
    }

    fn retry_dead(&self, consumer: &str, event_id: &str, now: Timestamp) -> Result<bool, BusError> {
        let found = self.write(|t| queue::retry_dead(t, queue::consumer(t, consumer)?, event_id, now))?;
        if found {
            self.wake();
        }
        Ok(found)
    }

    fn drop_dead(&self, consumer: &str, event_id: &str) -> Result<bool, BusError> {
        self.write(|t| queue::drop_dead(t, queue::consumer(t, consumer)?, event_id))
    }

    fn counts(&self, consumer: &str, now: Timestamp) -> Result<Counts, BusError> {
        self.read(|c| queue::counts(c, queue::consumer(c, consumer)?, now))
    }

    fn consumers(&self) -> Result<Vec<String>, BusError> {
        self.read(|c| {
            Ok(c.prepare_cached("SELECT name FROM consumers ORDER BY name")?.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
    }

    fn totals(&self) -> Result<Totals, BusError> {
        self.read(publish::totals)
    }

    fn on_publish(&self, wake: Wake) {
        locked(&self.wakes).push(wake);
    }
}

impl fmt::Debug for EmbeddedBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBus").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl From<rusqlite::Error> for BusError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Backend(Box::new(error))
    }
}

/// SQLite's integers are signed: times after the year 2262 become that.
fn signed(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests;
