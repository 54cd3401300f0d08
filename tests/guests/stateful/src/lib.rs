//! Keeps counts in its memory, in what it hands over and in `kv`, and logs them when a job runs and when it ends: for tests.

use hookline_sdk::{Batch, Histogram, Items, Level, Plugin, kv, log, row, text};

row! {
    struct Any<'a> {
        status: u64 = "response.status",
        path: &'a str = "request.path",
    }
}

struct Stateful {
    seen: u64,
    sizes: Histogram,
}

impl Plugin for Stateful {
    fn init() -> Result<Self, String> {
        Items::matching("").rows::<Any>()?;
        Ok(Self { seen: 0, sizes: Histogram::new("path_bytes", "Bytes of paths.", &[], &[2.0, 4.0])? })
    }

    fn items(&mut self, batch: &Batch<'_>) {
        for (row, _) in batch.rows::<Any>() {
            self.seen += 1;
            self.sizes.observe(row.path.len() as f64);
            if let Err(error) = kv::add(&format!("status/{}", row.status), 1, 0) {
                log(Level::Error, &text(&error));
            }
        }
    }

    fn save(&mut self) -> Vec<u8> {
        self.seen.to_le_bytes().to_vec()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        self.seen = u64::from_le_bytes(state.try_into().map_err(|_| "8 bytes are expected")?);
        Ok(())
    }

    fn shutdown(&mut self) {
        let kept = kv::get("status/200").ok().flatten().unwrap_or_default();
        let kept = i64::from_le_bytes(kept.try_into().unwrap_or_default());
        log(Level::Info, &format!("seen {}, kept {kept}", self.seen));
    }
}

hookline_sdk::export!(Stateful);
