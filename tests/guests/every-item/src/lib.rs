//! Reads a few fields of every item, or of those that its configured filter matches: for benches.

use hookline_sdk::{Batch, Counter, Items, Plugin, config, row};

row! {
    struct Any<'a> {
        status: u64 = "response.status",
        elapsed: u64 = "elapsedTime",
        path: &'a str = "request.path",
    }
}

struct EveryItem {
    slow: Counter,
}

impl Plugin for EveryItem {
    fn init() -> Result<Self, String> {
        Items::matching(&config::get("filter").unwrap_or_default()).rows::<Any>()?;
        Ok(Self { slow: Counter::new("slow_or_failed", "Items with an error status, or slower than a second.", &[])? })
    }

    fn items(&mut self, batch: &Batch<'_>) {
        let telling = |row: &Any<'_>| (row.status >= 500 || row.elapsed > 1_000_000) && !row.path.is_empty();
        let count = batch.rows::<Any>().filter(|(row, _)| telling(row)).count();
        if count > 0 {
            self.slow.add(count as f64);
        }
    }
}

hookline_sdk::export!(EveryItem);
