//! Raises an alert for each name that cannot be resolved because the server fails, and counts answers by response code.

use hookline_sdk::{Alert, Batch, Counter, Items, Plugin, Severity, row};
use std::collections::HashMap;

row! {
    struct Answer<'a> {
        code: &'a str = "response.code",
        rcode: u64 = "response.rcode",
        name: &'a str = "summary",
    }
}

/// "Server failure" (RFC 1035 §4.1.1): the resolver could not do its work, unlike a name that does not exist.
const SERVER_FAILURE: u64 = 2;

#[derive(Default)]
struct DnsErrors {
    by_code: HashMap<String, Counter>,
}

impl Plugin for DnsErrors {
    fn init() -> Result<Self, String> {
        Items::matching("dns and response != nil").rows::<Answer>()?;
        Ok(Self::default())
    }

    fn items(&mut self, batch: &Batch<'_>) {
        for (row, item) in batch.rows::<Answer>() {
            if !self.by_code.contains_key(row.code) {
                let Ok(counter) = Counter::new("dns_answers", "DNS answers by response code.", &[("code", row.code)]) else { continue };
                self.by_code.insert(row.code.to_owned(), counter);
            }
            if let Some(counter) = self.by_code.get(row.code) {
                counter.add(1.0);
            }
            if row.rcode == SERVER_FAILURE {
                // Over its rate, an alert is counted by the host and not raised.
                let _ = Alert::new(Severity::Warning, format!("DNS server failure: {}", row.name)).about(&item).raise();
            }
        }
    }
}

hookline_sdk::export!(DnsErrors);
