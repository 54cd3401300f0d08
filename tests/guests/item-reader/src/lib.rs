//! Reads whole items as JSON (`mode = "json"`), or raises an alert about each (`mode = "emit"`): for benches.

use hookline_sdk::{Alert, Batch, Counter, Items, Plugin, Severity, config, row};

row! {
    struct One<'a> {
        status: u64 = "response.status",
    }
}

struct ItemReader {
    emits: bool,
    failed: Counter,
}

impl Plugin for ItemReader {
    fn init() -> Result<Self, String> {
        let batch = config::get("batch").and_then(|n| n.parse().ok()).unwrap_or(0);
        Items::matching("").batch(batch).rows::<One>()?;
        let emits = match config::get("mode").as_deref() {
            Some("json") => false,
            Some("emit") => true,
            other => return Err(format!("mode {other:?}: json or emit")),
        };
        Ok(Self { emits, failed: Counter::new("failed", "Items that have an error status.", &[])? })
    }

    fn items(&mut self, batch: &Batch<'_>) {
        for (row, item) in batch.rows::<One>() {
            let bad = if self.emits {
                Alert::new(Severity::Info, "an item").about(&item).raise().is_err()
            } else {
                row.status >= 500 || item.json().is_empty()
            };
            if bad {
                self.failed.add(1.0);
            }
        }
    }
}

hookline_sdk::export!(ItemReader);
