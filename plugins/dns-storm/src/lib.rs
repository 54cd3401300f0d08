//! Alerts on clients that ask for many names which do not exist (a broken search path, or malware that tries generated domains), and on
//! names with a label that looks made by a machine (DNS tunnels). Each client is told of once a minute at most.

use hookline_sdk::{Alert, Batch, Items, Plugin, Severity, row, setting};
use std::collections::HashMap;

row! {
    struct Answer<'a> {
        rcode: u64 = "response.rcode",
        name: &'a str = "request.questions.name",
        client: &'a str = "src.ip",
        millis: u64 = "timestamp",
    }
}

/// "Name Error" (RFC 1035 §4.1.1): there is no such name.
const NXDOMAIN: u64 = 3;
const MINUTE_MS: u64 = 60_000;
/// Clients that are watched; beyond, counting begins anew.
const CLIENTS_MAX: usize = 10_000;

/// What is known of one client in the current minute.
#[derive(Default)]
struct Client {
    minute: u64,
    missing: u64,
    told_of_names: bool,
}

struct DnsStorm {
    missing_max: u64,
    entropy: f64,
    label_length: usize,
    clients: HashMap<String, Client>,
}

impl Plugin for DnsStorm {
    fn init() -> Result<Self, String> {
        Items::matching("dns and response != nil").rows::<Answer>()?;
        Ok(Self {
            missing_max: setting("nxdomain_per_minute", 30)?,
            entropy: setting("entropy_bits", 3.8)?,
            label_length: setting("label_length", 20)?,
            clients: HashMap::new(),
        })
    }

    fn items(&mut self, batch: &Batch<'_>) {
        for (row, item) in batch.rows::<Answer>() {
            if self.clients.len() >= CLIENTS_MAX {
                self.clients.clear();
            }
            let client = self.clients.entry(row.client.to_owned()).or_default();
            if client.minute != row.millis / MINUTE_MS {
                *client = Client { minute: row.millis / MINUTE_MS, ..Client::default() };
            }
            client.missing += u64::from(row.rcode == NXDOMAIN);
            // Over its rate, an alert is counted by the host and not raised.
            if row.rcode == NXDOMAIN && client.missing == self.missing_max {
                let title = format!("{} asked for {} names that do not exist within a minute", row.client, client.missing);
                let _ = Alert::new(Severity::Warning, title).text(format!("the last one: {}", row.name)).about(&item).raise();
            }
            let odd = row.name.split('.').find(|label| label.len() >= self.label_length && entropy(label) >= self.entropy);
            if let Some(label) = odd.filter(|_| !client.told_of_names) {
                client.told_of_names = true;
                let title = format!("{} asks for names that look made by a machine", row.client);
                let text = format!("{} ({:.1} bits per character in {label})", row.name, entropy(label));
                let _ = Alert::new(Severity::Warning, title).text(text).about(&item).raise();
            }
        }
    }
}

/// Shannon's entropy of a label's bytes, in bits per byte.
fn entropy(label: &str) -> f64 {
    let mut counts = [0u32; 256];
    label.bytes().for_each(|b| counts[usize::from(b)] += 1);
    let len = label.len() as f64;
    -counts.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / len).map(|p| p * p.log2()).sum::<f64>()
}

hookline_sdk::export!(DnsStorm);
