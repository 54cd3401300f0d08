//! Alerts on SQL statements that are slow, and on a statement that one connection sends again and again with other values: the loop of an
//! application that asks for rows one by one (N+1 queries). Both alerts name the statement without its values.

use hookline_sdk::{Alert, Batch, Histogram, Items, Plugin, Severity, row, setting};
use std::collections::HashMap;

row! {
    struct Statement<'a> {
        query: &'a str = "request.query",
        micros: u64 = "elapsedTime",
        stream: &'a str = "stream",
        millis: u64 = "timestamp",
        server: &'a str = "dst.name",
        address: &'a str = "dst.ip",
    }
}

/// Connections whose last statement is remembered; beyond, all are forgotten: a loop is found again after its next repetitions.
const CONNECTIONS_MAX: usize = 10_000;
/// Characters of a statement in an alert.
const SHOWN_MAX: usize = 300;

struct SlowSql {
    slow_micros: u64,
    repeats: u64,
    within_ms: u64,
    seconds: Histogram,
    /// By connection: the last statement without values, how often it came in a row, and since when.
    last: HashMap<String, (String, u64, u64)>,
}

impl Plugin for SlowSql {
    fn init() -> Result<Self, String> {
        Items::matching("(postgresql or mysql) and request.query != \"\"").rows::<Statement>()?;
        Ok(Self {
            slow_micros: setting("slow_ms", 500u64)?.saturating_mul(1000),
            repeats: setting("repeats", 10)?.max(2),
            within_ms: setting("within_ms", 1000)?,
            seconds: Histogram::new("sql_seconds", "Time to the first byte of a result.", &[], &[0.001, 0.01, 0.1, 1.0, 10.0])?,
            last: HashMap::new(),
        })
    }

    fn items(&mut self, batch: &Batch<'_>) {
        for (row, item) in batch.rows::<Statement>() {
            self.seconds.observe(row.micros as f64 / 1e6);
            let server = if row.server.is_empty() { row.address } else { row.server };
            // Over its rate, an alert is counted by the host and not raised.
            if row.micros > self.slow_micros {
                let title = format!("slow SQL on {server}: {} ms", row.micros / 1000);
                let _ = Alert::new(Severity::Warning, title).text(shown(&without_values(row.query))).about(&item).raise();
            }
            if let Some((statement, count)) = self.repeated(&row) {
                let title = format!("the same SQL {count} times within {} ms on {server}", self.within_ms);
                let _ = Alert::new(Severity::Warning, title).text(shown(&statement)).about(&item).raise();
            }
        }
    }
}

impl SlowSql {
    /// The statement, once it has come too often.
    fn repeated(&mut self, row: &Statement<'_>) -> Option<(String, u64)> {
        let statement = without_values(row.query);
        if self.last.len() >= CONNECTIONS_MAX {
            self.last.clear();
        }
        let (last, count, since) = self.last.entry(row.stream.to_owned()).or_default();
        if *last != statement || row.millis.saturating_sub(*since) > self.within_ms {
            (*last, *count, *since) = (statement, 1, row.millis);
            return None;
        }
        *count += 1;
        (*count == self.repeats).then(|| (last.clone(), *count))
    }
}

/// The statement with `?` for numbers and quoted texts, and one blank for many.
fn without_values(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    let mut rest = query.chars().peekable();
    while let Some(c) = rest.next() {
        let in_word = out.ends_with(|p: char| p.is_alphanumeric() || p == '_' || p == '$');
        match c {
            '\'' => {
                // Two quotes inside are one quote of the text.
                while let Some(c) = rest.next() {
                    if c == '\'' && rest.next_if_eq(&'\'').is_none() {
                        break;
                    }
                }
                out.push('?');
            }
            '0'..='9' if !in_word => {
                while rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '.').is_some() {}
                out.push('?');
            }
            c if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

fn shown(statement: &str) -> String {
    statement.chars().take(SHOWN_MAX).collect()
}

hookline_sdk::export!(SlowSql);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_left_out() {
        assert_eq!(
            without_values("SELECT  a1 FROM t2\nWHERE x = 'it''s' AND y IN (1, 2.5) -- $1"),
            "SELECT a1 FROM t2 WHERE x = ? AND y IN (?, ?) -- $1"
        );
    }
}
