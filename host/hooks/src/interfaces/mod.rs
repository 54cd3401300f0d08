//! What plugins may call: one file per WIT interface.

pub(crate) mod batch;
mod config;
mod emit;
mod files;
mod http;
mod hub;
mod jobs;
mod kfl;
mod kv;
mod log;
mod metrics;
mod pcap;
mod script;
mod subscribe;
pub(crate) mod wasi;

use crate::{bindings::types, state::State};

impl types::Host for State {}

/// The interfaces of our own package that a component may import.
pub(crate) const OFFERED: &[&str] =
    &["batch", "config", "emit", "files", "http", "hub", "jobs", "kfl", "kv", "log", "metrics", "pcap", "script", "subscribe", "types"];
