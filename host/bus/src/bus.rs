//! What every queue of events promises, whether it is a file or a cluster.

use crate::{Event, Filter};
use hookline_item::Timestamp;
use serde::Serialize;
use std::error::Error;

/// Called after events were published. Returns false once nobody wants to be woken any more; it is forgotten then.
///
/// Must return quickly and must not call the bus: it runs on the publisher's thread.
pub type Wake = Box<dyn Fn() -> bool + Send + Sync>;

/// A durable queue: events go in once, every consumer gets each at least once, and what nobody can deliver is kept apart.
///
/// All methods block, for as long as a transaction on a local file or a round trip to a server takes; asynchronous callers wrap them
/// (`tokio::task::spawn_blocking`). That keeps publishers, which are plugins' threads, free of a runtime, and a client that is
/// asynchronous inside keeps a runtime of its own. Time is passed in: no method reads a clock.
pub trait Bus: Send + Sync {
    /// Stores events, each id once. A batch is stored whole or, if this fails, not at all; single events may be refused.
    ///
    /// # Errors
    /// [`BusError::Backend`] if storage or the server fails.
    fn publish(&self, events: &[Event], now: Timestamp) -> Result<Published, BusError>;

    /// Makes the durable consumer `name`. A new one gets the matching events that are still kept, and then all that follow.
    /// One that exists keeps its place; its filter is replaced for what is published from now on.
    ///
    /// # Errors
    /// [`BusError::Backend`] if storage or the server fails.
    fn subscribe(&self, name: &str, filter: &Filter) -> Result<(), BusError>;

    /// Forgets a consumer and what waits for it. True if there was one.
    ///
    /// # Errors
    /// [`BusError::Backend`] if storage or the server fails.
    fn unsubscribe(&self, name: &str) -> Result<bool, BusError>;

    /// Takes up to `max` events that are due, oldest due first. Each must be answered by [`ack`](Self::ack), [`nack`](Self::nack) or
    /// [`dead_letter`](Self::dead_letter) within the bus's acknowledgement wait, or it becomes due again.
    ///
    /// # Errors
    /// [`BusError::UnknownConsumer`], [`BusError::Backend`].
    fn fetch(&self, consumer: &str, max: usize, now: Timestamp) -> Result<Vec<Delivery>, BusError>;

    /// When [`fetch`](Self::fetch) may next have something, as far as the bus knows: `None` if nothing waits.
    ///
    /// # Errors
    /// [`BusError::UnknownConsumer`], [`BusError::Backend`].
    fn next_due(&self, consumer: &str) -> Result<Option<Timestamp>, BusError>;

    /// The sink accepted it: it is never delivered to this consumer again. False if it was settled before.
    ///
    /// # Errors
    /// [`BusError::UnknownConsumer`], [`BusError::Backend`].
    fn ack(&self, consumer: &str, delivery: &Delivery, now: Timestamp) -> Result<bool, BusError>;

    /// It failed for now: due again at `retry_at`. False if it was settled or delivered again meanwhile, in which case nothing changes.
    ///
    /// # Errors
    /// [`BusError::UnknownConsumer`], [`BusError::Backend`].
    fn nack(&self, consumer: &str, delivery: &Delivery, retry: &Retry<'_>) -> Result<bool, BusError>;

    /// It cannot be delivered: kept apart with `reason` and its history until somebody looks. False if it was settled or delivered
    /// again meanwhile.
    ///
    /// # Errors
    /// [`BusError::UnknownConsumer`], [`BusError::Backend`].
    fn dead_letter(&self, consumer: &str, delivery: &Delivery, reason: &str, now: Timestamp) -> Result<bool, BusError>;

    /// Up to `max` dead letters of one consumer or of all, oldest first.
    ///
    /// # Errors
    /// [`BusError::Backend`] if storage or the server fails.
    fn dead_letters(&self, consumer: Option<&str>, max: usize) -> Result<Vec<DeadLetter>, BusError>;

    /// Makes a dead letter due at once, with all its attempts before it. False if there is none of that id.
    ///
    /// # Errors
    /// [`BusError::UnknownConsumer`], [`BusError::Backend`].
    fn retry_dead(&self, consumer: &str, event_id: &str, now: Timestamp) -> Result<bool, BusError>;

    /// Forgets a dead letter. False if there is none of that id.
    ///
    /// # Errors
    /// [`BusError::UnknownConsumer`], [`BusError::Backend`].
    fn drop_dead(&self, consumer: &str, event_id: &str) -> Result<bool, BusError>;

    /// How far a consumer has come.
    ///
    /// # Errors
    /// [`BusError::UnknownConsumer`], [`BusError::Backend`].
    fn counts(&self, consumer: &str, now: Timestamp) -> Result<Counts, BusError>;

    /// The names of all consumers, sorted.
    ///
    /// # Errors
    /// [`BusError::Backend`] if storage or the server fails.
    fn consumers(&self) -> Result<Vec<String>, BusError>;

    /// What the bus took, turned away and holds. In = stored + duplicates + refused.
    ///
    /// # Errors
    /// [`BusError::Backend`] if storage or the server fails.
    fn totals(&self) -> Result<Totals, BusError>;

    /// Has `wake` called after each batch with something new, or something due again by [`retry_dead`](Self::retry_dead), so that
    /// workers need not poll. A hint: another process's events may come without it.
    fn on_publish(&self, wake: Wake);
}

/// Why a bus could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// No consumer of this name was subscribed.
    #[error("no consumer {0:?}: subscribe it first")]
    UnknownConsumer(String),
    /// Storage or the server failed.
    #[error("the event bus failed: {0}")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Published {
    /// New, and kept.
    pub stored: u64,
    /// Their ids were there already.
    pub duplicates: u64,
    /// The bus is full of events that are not delivered yet.
    pub refused_full: u64,
    /// Larger than the bus takes.
    pub refused_large: u64,
}

impl Published {
    /// All that were refused, for whatever reason.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused_full + self.refused_large
    }
}

/// An event in the hands of a consumer.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The event.
    pub event: Event,
    /// The how-manieth attempt this is, from 1; attempts that ended in a crash count.
    pub attempt: u32,
    /// The bus's own name for the message.
    pub token: u64,
}

/// Why and when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry<'a> {
    /// When it failed.
    pub now: Timestamp,
    /// When it is due again.
    pub at: Timestamp,
    /// What failed; goes into the history.
    pub reason: &'a str,
}

/// An event that could not be delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Who could not.
    pub consumer: String,
    /// The event; its data is `null` if the stored form cannot be read.
    pub event: Event,
    /// When it was given up.
    pub at: Timestamp,
    /// Why it was given up.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The latest failures, oldest first.
    pub history: Vec<Failure>,
}

/// One failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// How far a consumer has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Waiting, to be tried or tried again.
    pub pending: u64,
    /// Fetched and not answered yet.
    pub in_flight: u64,
    /// Acknowledged, since the consumer was made.
    pub delivered: u64,
    /// Kept as dead letters.
    pub dead: u64,
}

/// What a bus took, turned away and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Events held now, delivered ones included.
    pub events: u64,
    /// Their bytes as JSON.
    pub bytes: u64,
    /// Ever stored.
    pub stored: u64,
    /// Published again under the same id.
    pub duplicates: u64,
    /// Refused because the bus was full of undelivered events.
    pub refused_full: u64,
    /// Refused because they were too large.
    pub refused_large: u64,
    /// Dead letters that went to make room, or for their age.
    pub dead_dropped: u64,
}
