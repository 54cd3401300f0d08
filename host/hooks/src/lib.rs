//! The hook host: runs sandboxed WebAssembly plugins on every item.
//!
//! A plugin is a component of the contract in `wit/`, or a script for the JavaScript shim. Each has one instance on one thread behind
//! a bounded queue. A lane's [`Feeder`] asks the merged filters who wants an item, gathers the asked fields into columns and hands
//! full batches over; a plugin whose filter matches nothing costs nothing. Memory, CPU time of a call, log lines and events are
//! limited per plugin. A trap costs the plugin its call: it is counted, and a new instance is started after a while; neither
//! capture nor any other plugin waits for it. Code is replaced while traffic flows, without losing an item.
//!
//! Entry points: [`HookHost`], [`Feeder`], [`Folder`]. What plugins say goes to the [`Outbox`].

#![deny(unsafe_code)]

mod bindings;
mod by_value;
mod columns;
mod cron;
mod engine;
mod fault;
mod feeder;
mod fetch;
mod files;
mod flow;
mod folder;
mod host;
mod inspect;
mod instance;
mod interfaces;
mod kv;
mod mail;
mod manifest;
mod metrics;
mod packet;
mod policy;
mod refused;
mod scope;
mod state;
mod stats;
mod times;
mod worker;

pub use feeder::Feeder;
pub use fetch::{Answer, Fetch, NoAnswer, Packets, Request};
pub use flow::{Closed, FLOW_FIELDS, Flow};
pub use folder::{Change, Folder, Watch, read_plugin};
pub use host::{Code, HookHost, LoadError, Options, PluginStatus, Reporter, Reproduced, Verdict};
pub use inspect::{Contents, Memory, inspect};
pub use mail::Settled;
pub use manifest::{About, Data, Grants, MEMORY_MAX_MIB, Manifest, Run};
pub use packet::{PACKET_FIELDS, Packet};
pub use policy::{Most, Policy};
pub use state::{KindOf, Shown};
pub use stats::{Counts, Hook, HookCalls, State};
pub use times::Quantiles;

use hookline_bus::Event;
use hookline_item::Timestamp;

/// Makes a component of a core module with our WIT inside, as the host does when it loads one.
///
/// # Errors
/// Why it cannot be one, for its author.
pub fn encode_component(module: &[u8]) -> Result<Vec<u8>, String> {
    engine::encode(module)
}

/// The same for a module of a compiler that knows nothing of WIT, as C's.
///
/// # Errors
/// As [`encode_component`].
pub fn encode_c_module(module: &[u8]) -> Result<Vec<u8>, String> {
    engine::encode_with_contract(module)
}

/// Where what plugins say goes. Called from plugins' threads; must not block.
pub trait Outbox: Send + Sync {
    /// Takes an event; false if there is no room for it (the plugin is told, and it is counted).
    fn event(&self, event: Event) -> bool;
    /// Takes a line of a plugin's log.
    fn log(&self, line: LogLine);
}

/// One line of a plugin's log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LogLine {
    /// When, by the packets' clock.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// Whose.
    pub plugin: String,
    /// How grave.
    pub level: LogLevel,
    /// What it says.
    pub text: String,
}

fn as_text<S: serde::Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(at)
}

/// How grave a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// For its user.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}
