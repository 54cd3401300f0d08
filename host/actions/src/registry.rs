//! The list of actions: the one place that names them all.

use crate::{Action, Alert, Destinations, LineSink, elastic, http::Client, influxdb, log, slack, webhook};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What actions are made of.
#[derive(Clone)]
pub struct Setup {
    /// Sends requests.
    pub client: Client,
    /// Takes the log action's lines.
    pub lines: Arc<dyn LineSink>,
    /// Places that events may name.
    pub destinations: Arc<Destinations>,
}

/// All actions.
#[must_use]
pub fn registry(setup: &Setup) -> Vec<Arc<dyn Action>> {
    vec![
        Arc::new(elastic::action(setup)),
        Arc::new(influxdb::action(setup)),
        Arc::new(log::Log::new(setup.lines.clone())),
        Arc::new(slack::action(setup)),
        Arc::new(webhook::action(setup)),
    ]
}

/// The names of all actions.
pub const NAMES: [&str; 5] = ["elastic", "influxdb", "log", "slack", "webhook"];

/// Makes an action's arguments of an alert.
pub(crate) type OfAlert = fn(&Alert<'_>) -> Map<String, Value>;

/// What the action makes of alerts, if it takes them; the log has them all.
pub(crate) fn of_alert(action: &str) -> Option<OfAlert> {
    match action {
        "elastic" => Some(elastic::of_alert),
        "influxdb" => Some(influxdb::of_alert),
        "slack" => Some(slack::of_alert),
        "webhook" => Some(webhook::of_alert),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_slugs() {
        let setup = Setup {
            client: Client::new(crate::http::Timeouts::default(), crate::wall_clock()),
            lines: Arc::new(|_: &str| Ok(())),
            destinations: Arc::default(),
        };
        let mut names: Vec<_> = registry(&setup).iter().map(|action| action.name()).collect();
        assert!(names.iter().all(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase())));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, NAMES);
    }
}
