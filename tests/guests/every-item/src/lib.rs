//! Reads one, three or five fields (`mode` in its configuration) of every item, or of those that its `filter` matches: for benches.

use hookline_sdk::{Batch, Counter, Items, Plugin, config, row};

row! {
    struct One<'a> {
        status: u64 = "response.status",
    }
}
row! {
    struct Three<'a> {
        status: u64 = "response.status",
        elapsed: u64 = "elapsedTime",
        path: &'a str = "request.path",
    }
}
row! {
    struct Five<'a> {
        status: u64 = "response.status",
        elapsed: u64 = "elapsedTime",
        path: &'a str = "request.path",
        method: &'a str = "request.method",
        host: &'a str = "request.host",
    }
}

/// How many fields are read of each item.
enum Mode {
    One,
    Three,
    Five,
}

struct EveryItem {
    mode: Mode,
    slow: Counter,
}

impl Plugin for EveryItem {
    fn init() -> Result<Self, String> {
        let items = Items::matching(&config::get("filter").unwrap_or_default());
        let items = items.batch(config::get("batch").and_then(|n| n.parse().ok()).unwrap_or(0));
        let mode = match config::get("mode").as_deref() {
            None | Some("three") => Mode::Three,
            Some("one") => Mode::One,
            Some("five") => Mode::Five,
            Some(other) => return Err(format!("mode {other:?}: one, three or five")),
        };
        match mode {
            Mode::Three => items.rows::<Three>()?,
            Mode::Five => items.rows::<Five>()?,
            Mode::One => items.rows::<One>()?,
        };
        Ok(Self { mode, slow: Counter::new("slow_or_failed", "Items with an error status, or slower than a second.", &[])? })
    }

    fn items(&mut self, batch: &Batch<'_>) {
        let slow = |status: u64, elapsed: u64| status >= 500 || elapsed > 1_000_000;
        let count = match self.mode {
            Mode::One => batch.rows::<One>().filter(|(row, _)| row.status >= 500).count(),
            Mode::Three => batch.rows::<Three>().filter(|(row, _)| slow(row.status, row.elapsed) && !row.path.is_empty()).count(),
            Mode::Five => {
                let telling = |row: &Five<'_>| slow(row.status, row.elapsed) && row.path.len() + row.method.len() + row.host.len() > 0;
                batch.rows::<Five>().filter(|(row, _)| telling(row)).count()
            }
        };
        if count > 0 {
            self.slow.add(count as f64);
        }
    }
}

hookline_sdk::export!(EveryItem);
