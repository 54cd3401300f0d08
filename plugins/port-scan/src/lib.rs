//! A packets hook: alerts on hosts that send SYNs to many different addresses and ports within seconds. Each is told of once per period.

use hookline_sdk::{Alert, PacketBatch, Packets, Plugin, Severity, row, setting};
use std::collections::{HashMap, HashSet};

row! {
    struct Syn<'a> {
        nanos: u64 = "timestamp",
        from: &'a str = "src.ip",
        to: &'a str = "dst.ip",
        port: u64 = "dst.port",
    }
}

/// Hosts that are watched at once; beyond, the period begins anew.
const HOSTS_MAX: usize = 10_000;

struct PortScan {
    targets: usize,
    within_nanos: u64,
    /// When the current period began, and what each host tried in it.
    since: u64,
    tried: HashMap<String, HashSet<(String, u64)>>,
}

impl Plugin for PortScan {
    fn init() -> Result<Self, String> {
        // SYN without ACK: the flags' byte says who begins.
        Packets::matching("protocol == \"tcp\" and tcpFlags == 2").rows::<Syn>()?;
        let (targets, within_s) = (setting("targets", 20usize)?.max(2), setting("within_s", 10u64)?);
        Ok(Self { targets, within_nanos: within_s.saturating_mul(1_000_000_000), since: 0, tried: HashMap::new() })
    }

    fn packets(&mut self, batch: &PacketBatch<'_>) {
        for row in batch.rows::<Syn>() {
            if row.nanos.saturating_sub(self.since) > self.within_nanos || self.tried.len() >= HOSTS_MAX {
                self.since = row.nanos;
                self.tried.clear();
            }
            let tried = self.tried.entry(row.from.to_owned()).or_default();
            // What is beyond the limit need not be remembered: it has been told.
            if tried.len() < self.targets && tried.insert((row.to.to_owned(), row.port)) && tried.len() == self.targets {
                let hosts = tried.iter().map(|(host, _)| host).collect::<HashSet<_>>().len();
                let title =
                    format!("{} scans: {} ports of {hosts} hosts within {} s", row.from, tried.len(), self.within_nanos / 1_000_000_000);
                // Over its rate, an alert is counted by the host and not raised.
                let _ = Alert::new(Severity::Critical, title).raise();
            }
        }
    }
}

hookline_sdk::export!(PortScan);
