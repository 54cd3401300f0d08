//! Events and the durable queue they travel on.
//!
//! A plugin's words become an [`Event`], in CloudEvents 1.0. A [`Bus`] takes each id once, keeps it for every durable consumer whose
//! [`Filter`] wants it, and hands it out until the consumer says that it was delivered or cannot be. [`EmbeddedBus`] is one SQLite
//! file, or memory; a cluster's bus implements the same trait and passes the same tests (`conformance`).
//!
//! Invariants: no clock is read (time comes in), no thread is started, nothing is held without a limit.

#![forbid(unsafe_code)]

mod bus;
#[cfg(test)]
mod conformance;
pub mod embedded;
mod event;
mod filter;

pub use bus::{Bus, BusError, Counts, DeadLetter, Delivery, Failure, Published, Retry, Totals, Wake};
pub use embedded::{EmbeddedBus, Limits, OpenError};
pub use event::{CloudEventError, DEFAULT_CLUSTER, Event, Kind};
pub use filter::Filter;
