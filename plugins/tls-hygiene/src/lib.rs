//! Alerts on certificates that expire soon or have expired (seen up to TLS 1.2: later they are encrypted), and on servers that speak
//! versions of TLS that RFC 8996 forbids. Each server is told of once a day for each reason; `kv` remembers it over restarts.

use hookline_sdk::{Alert, Batch, Items, Plugin, Severity, kv, row, setting};

row! {
    struct Handshake<'a> {
        version: &'a str = "data.version",
        ends: &'a str = "data.server.certificates.notAfter",
        subject: &'a str = "data.server.certificates.subject",
        server: &'a str = "dst.name",
        ip: &'a str = "dst.ip",
        port: &'a str = "dst.port",
        millis: u64 = "timestamp",
    }
}

const DAY_MS: i64 = 86_400_000;
const DAY_S: u32 = 86_400;
/// Deprecated by RFC 7568 and RFC 8996.
const OLD: &[&str] = &["SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "DTLS 1.0"];

struct TlsHygiene {
    days: i64,
}

impl Plugin for TlsHygiene {
    fn init() -> Result<Self, String> {
        Items::matching("protocol.name == \"tls\" and data.server != nil").rows::<Handshake>()?;
        Ok(Self { days: setting("days", 21)? })
    }

    fn items(&mut self, batch: &Batch<'_>) {
        for (row, item) in batch.rows::<Handshake>() {
            let server = if row.server.is_empty() { format!("{}:{}", row.ip, row.port) } else { format!("{}:{}", row.server, row.port) };
            // Over its rate, an alert is counted by the host and not raised.
            if OLD.contains(&row.version) && first_today("version", &server) {
                let title = format!("{server} speaks {}", row.version);
                let _ = Alert::new(Severity::Warning, title).text("RFC 8996 forbids it").about(&item).raise();
            }
            let Some(left) = millis(row.ends).map(|end| end - i64::try_from(row.millis).unwrap_or(i64::MAX)) else { continue };
            if left > self.days * DAY_MS || !first_today("certificate", &server) {
                continue;
            }
            let (severity, title) = match left {
                ..=0 => (Severity::Critical, format!("the certificate of {server} has expired on {}", date(row.ends))),
                left => (Severity::Warning, format!("the certificate of {server} expires in {} days", left / DAY_MS)),
            };
            let _ = Alert::new(severity, title).text(row.subject).about(&item).raise();
        }
    }
}

/// Whether this is the first time within a day. A store that is full or broken tells too often rather than never.
fn first_today(reason: &str, server: &str) -> bool {
    kv::add(&format!("{reason}/{server}"), 1, DAY_S).map_or(true, |count| count == 1)
}

/// Milliseconds since the epoch of a time like `2016-07-04T23:59:59.000000000Z`.
fn millis(time: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // Days from civil: years begin in March, so that a leap day is their last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 719_469;
    Some((((days * 24 + number(11..13)?) * 60 + number(14..16)?) * 60 + number(17..19)?) * 1000)
}

fn date(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

hookline_sdk::export!(TlsHygiene);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(millis("1970-01-01T00:00:00.0Z"), Some(0));
        assert_eq!(millis("2016-07-04T23:59:59.000000000Z"), Some(1_467_676_799_000));
        assert_eq!(millis("2000-02-29T00:00:01Z"), Some(951_782_401_000));
        assert_eq!(millis("soon"), None);
    }
}
