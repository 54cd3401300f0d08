//! Events and the durable queue they travel on.

#![forbid(unsafe_code)]

mod event;

pub use event::{DEFAULT_CLUSTER, Event, Kind};
