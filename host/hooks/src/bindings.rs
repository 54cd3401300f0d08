//! What wasmtime makes of `wit/`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "host",
    ownership: Borrowing { duplicate_if_necessary: true },
    with: { "hookline:hooks/batch.item-batch": crate::interfaces::batch::Batch },
});

pub(crate) use self::{
    exports::hookline::hooks::{
        flows_hook, hub_hook, item_hook, items_hook, lifecycle, packets_hook, query_hook, results_hook, state_hook, timer_hook,
    },
    hookline::hooks::{batch, config, emit, files, http, hub, jobs, kfl, kv, log, metrics, pcap, script, subscribe, types},
};

/// The name of our interface `name` in the contract's current version, as components have it.
pub(crate) fn interface(name: &str) -> String {
    format!("{PACKAGE}/{name}@{VERSION}")
}

/// Our interface that a component calls `name`, whatever 0.1 it was built against: versions only add (see `wit/README.md`).
pub(crate) fn interface_of(name: &str) -> Option<&str> {
    let (name, version) = name.strip_prefix(PACKAGE)?.strip_prefix('/')?.split_once('@')?;
    version.starts_with("0.1.").then_some(name)
}

/// The contract's package, and its current version.
pub(crate) const PACKAGE: &str = "hookline:hooks";
pub(crate) const VERSION: &str = "0.1.1";
