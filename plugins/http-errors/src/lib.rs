//! Raises an alert for each HTTP response with a server error, and counts responses by status class.

use hookline_sdk::{Alert, Batch, Counter, Items, Plugin, Severity, row};

row! {
    struct Exchange<'a> {
        status: Option<u64> = "response.status",
        method: &'a str = "request.method",
        path: &'a str = "request.path",
        host: &'a str = "request.host",
    }
}

struct HttpErrors {
    /// One counter for each first digit of the status, 1 to 5.
    by_class: Vec<Counter>,
}

impl Plugin for HttpErrors {
    fn init() -> Result<Self, String> {
        Items::matching("http").rows::<Exchange>()?;
        let class = |n: u32| Counter::new("http_responses", "HTTP responses by status class.", &[("class", &format!("{n}xx"))]);
        Ok(Self { by_class: (1..=5).map(class).collect::<Result<_, _>>()? })
    }

    fn items(&mut self, batch: &Batch<'_>) {
        let mut counts = [0u64; 5];
        for (row, item) in batch.rows::<Exchange>() {
            let Some(status) = row.status else { continue };
            if let Some(count) = (status / 100).checked_sub(1).and_then(|class| counts.get_mut(class as usize)) {
                *count += 1;
            }
            if status >= 500 {
                let title = format!("{status} from {}: {} {}", row.host, row.method, row.path);
                // Over its rate, an alert is counted by the host and not raised.
                let _ = Alert::new(Severity::Critical, title).text(item.text("response.statusText")).about(&item).raise();
            }
        }
        for (counter, count) in self.by_class.iter().zip(counts).filter(|(_, n)| *n > 0) {
            counter.add(count as f64);
        }
    }
}

hookline_sdk::export!(HttpErrors);
