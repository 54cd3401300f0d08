//! What wasmtime makes of `wit/`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "script-engine",
    ownership: Borrowing { duplicate_if_necessary: true },
    with: { "hookline:hooks/batch.item-batch": crate::interfaces::batch::Batch },
});

pub(crate) use self::{
    exports::hookline::hooks::{items_hook, lifecycle, packets_hook, query_hook, state_hook, timer_hook},
    hookline::hooks::{batch, config, emit, jobs, kfl, kv, log, metrics, script, subscribe, types},
};
