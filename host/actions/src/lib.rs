//! Action workers: what happens in the world when a plugin raises an alert or asks for an action.
//!
//! An [`Action`] tries to deliver one event and says how it went; the [`Runner`] does the rest once for all of them: concurrency,
//! retries with back-off, dead letters, numbers. To add an action: one folder, and one line in [`registry()`].
//!
//! Delivery is at least once: a sink that accepted an event whose acknowledgement was lost gets it again, under the same
//! `Idempotency-Key`. Secrets stay out of logs, errors and numbers: of a URL, which is often a secret, only scheme and host are shown.

#![forbid(unsafe_code)]

mod action;
mod clock;
mod destinations;
mod elastic;
pub mod http;
mod influxdb;
pub mod log;
mod registry;
mod routes;
pub mod runner;
mod slack;
mod webhook;

pub use action::{Action, Handling, Outcome};
pub use clock::{Clock, wall_clock};
pub use destinations::{Destination, Destinations};
pub use log::LineSink;
pub use registry::{NAMES, Setup, registry};
pub use routes::{Alert, Route, Routes, Severity};
pub use runner::{ActionStatus, LastError, OnSettled, Runner, RunnerConfig, RunnerHandle, Settled};
