//! Is given its items one by one, by the world `simple`: for tests and benches. With `report` in `[config]` it publishes each.

wit_bindgen::generate!({ path: "../../../wit", world: "simple" });

use exports::hookline::hooks::{item_hook, lifecycle, timer_hook};
use hookline::hooks::{
    batch::{ItemBatch, Value},
    config, emit, metrics,
    subscribe::{self, Subscription},
};
use std::cell::Cell;

struct ByValue;

thread_local! {
    static REPORTS: Cell<bool> = const { Cell::new(false) };
    static FAILED: Cell<u32> = const { Cell::new(0) };
}

impl lifecycle::Guest for ByValue {
    fn on_init() -> Result<(), String> {
        REPORTS.set(config::get("report").is_some());
        let fields: Vec<String> = config::get("field").into_iter().collect();
        let wanted = Subscription { filter: String::new(), fields, max_batch: 64, max_delay_ms: 0 };
        subscribe::items(&wanted).map_err(|e| format!("{e:?}"))?;
        FAILED.set(metrics::counter("failed", "Items with an error status", &[]).map_err(|e| format!("{e:?}"))?);
        Ok(())
    }
    fn on_shutdown() {}
}

impl item_hook::Guest for ByValue {
    fn on_item(_subscription: u32, item: item_hook::Item, rest: &ItemBatch) {
        if item.status >= 500 {
            metrics::add(FAILED.get(), 1.0);
        }
        if REPORTS.get() {
            let Value::Text(path) = rest.get(item.index, "request.path") else { return };
            let item_hook::Item { id, protocol, method, summary, status, src, dst, timestamp, elapsed_us, .. } = item;
            let ends = format!("{}:{} > {}:{}", src.ip, src.port, dst.ip, dst.port);
            let text = format!("{id} {protocol} {method} {summary} {status} {ends} {timestamp} {elapsed_us} {path}");
            emit::publish("item", &format!("{text:?}")).expect("it may publish");
        }
    }
}

impl timer_hook::Guest for ByValue {
    fn on_job(_tag: String) -> Result<(), String> {
        Ok(())
    }
}

export!(ByValue);
