//! A plugin that misbehaves in the way its configuration (`mode`) says: for tests.

use hookline_sdk::{Alert, Batch, Counter, Items, Level, Plugin, Severity, config, files, http, hub, log, publish, row};

row! {
    struct Any<'a> {
        status: u64 = "response.status",
        path: &'a str = "request.path",
    }
}

struct Hostile {
    mode: String,
    seen: Counter,
    labels: usize,
}

impl Plugin for Hostile {
    fn init() -> Result<Self, String> {
        let mode = config::get("mode").unwrap_or_default();
        if mode == "refuse" {
            return Err("I do not want to".to_owned());
        }
        Items::matching("").rows::<Any>()?;
        Ok(Self { mode, seen: Counter::new("hostile_seen", "Items seen.", &[])?, labels: 0 })
    }

    fn items(&mut self, batch: &Batch<'_>) {
        match self.mode.as_str() {
            "loop" => loop {
                std::hint::black_box(());
            },
            "allocate" => {
                let mut all = Vec::new();
                loop {
                    all.push(std::hint::black_box(vec![1u8; 1 << 20]));
                }
            }
            "recurse" => drop(std::hint::black_box(recurse(1))),
            // Each call of the host is short; together they are not.
            "host-calls" => loop {
                std::hint::black_box(config::now());
            },
            "giant" => {
                let giant = "x".repeat(3 << 19);
                assert!(Alert::new(Severity::Info, giant.clone()).raise().is_err());
                assert!(publish("giant", &format!("{giant:?}")).is_err());
                log(Level::Info, &giant);
            }
            _ => {}
        }
        for (row, item) in batch.rows::<Any>() {
            match self.mode.as_str() {
                "trap" => panic!("poison: {}", row.path),
                "log" => (0..100).for_each(|_| log(Level::Info, "flood")),
                "emit" => (0..100).for_each(|n| _ = publish("flood", &format!("{{\"n\":{n}}}"))),
                "labels" => {
                    (0..100).for_each(|n| drop(self.label(n)));
                    self.labels += 1;
                }
                // Each waits as long as it may.
                "wait" => drop(http::fetch(&slow())),
                "messages" => (0..100).for_each(|n| _ = hub::send("flood", &n.to_string())),
                "files" => (0..100).for_each(|n| _ = files::append(&n.to_string(), &[0; 4096])),
                "giant" => {}
                _ => assert!(row.status < 600 && !item.json().is_empty()),
            }
            self.seen.add(1.0);
        }
    }
}

fn slow() -> http::Request {
    let url = "http://slow.example/".to_owned();
    http::Request { method: "GET".to_owned(), url, headers: Vec::new(), body: Vec::new(), timeout_ms: 60_000 }
}

impl Hostile {
    /// Another label each time.
    fn label(&self, n: usize) -> Result<Counter, String> {
        Counter::new("labels", "As many series as there are numbers.", &[("n", &(self.labels * 100 + n).to_string())])
    }
}

#[allow(unconditional_recursion)]
fn recurse(n: u64) -> u64 {
    std::hint::black_box(recurse(n + 1) + n)
}

hookline_sdk::export!(Hostile);
