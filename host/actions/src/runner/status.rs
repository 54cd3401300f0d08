//! The runner's numbers.

use serde::Serialize;
use std::fmt::Write as _;

/// What became of one action's events since the runner started. The bus's counts also know what was before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActionStatus {
    /// The action.
    pub action: &'static str,
    /// Events that its sink took.
    pub delivered: u64,
    /// Attempts that failed and are made again.
    pub retried: u64,
    /// Events that became dead letters.
    pub dead: u64,
    /// Attempts under way.
    pub in_flight: u64,
    /// The latest failure.
    pub last_error: Option<LastError>,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastError {
    /// When: RFC 3339.
    pub at: String,
    /// Why.
    pub reason: String,
}

/// A metric: its name, type, help, and where its number stands.
type Metric = (&'static str, &'static str, &'static str, fn(&ActionStatus) -> u64);

const METRICS: [Metric; 4] = [
    ("hookline_actions_delivered_events_total", "counter", "Events that an action's sink took.", |s| s.delivered),
    ("hookline_actions_retried_attempts_total", "counter", "Attempts that failed and are made again.", |s| s.retried),
    ("hookline_actions_dead_events_total", "counter", "Events that became dead letters.", |s| s.dead),
    ("hookline_actions_in_flight_attempts", "gauge", "Attempts under way.", |s| s.in_flight),
];

/// Prometheus' text format 0.0.4.
pub(super) fn prometheus(statuses: &[ActionStatus]) -> String {
    METRICS.iter().fold(String::new(), |mut out, (name, kind, help, number)| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for status in statuses {
            let _ = writeln!(out, "{name}{{action=\"{}\"}} {}", status.action, number(status));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_help_and_type() {
        let status = ActionStatus { action: "log", delivered: 3, retried: 2, dead: 1, in_flight: 0, last_error: None };
        let text = prometheus(&[status]);
        assert!(text.starts_with(
            "# HELP hookline_actions_delivered_events_total Events that an action's sink took.\n\
             # TYPE hookline_actions_delivered_events_total counter\n\
             hookline_actions_delivered_events_total{action=\"log\"} 3\n"
        ));
        assert_eq!(text.lines().count(), 12);
    }
}
