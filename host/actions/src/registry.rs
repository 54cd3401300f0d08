//! The list of actions: the one place that names them all.

use crate::{Action, LineSink, elastic, http::Client, influxdb, log, slack, webhook};
use std::sync::Arc;

/// What actions are made of.
#[derive(Clone)]
pub struct Setup {
    /// Sends requests.
    pub client: Client,
    /// Takes the log action's lines.
    pub lines: Arc<dyn LineSink>,
}

/// All actions.
#[must_use]
pub fn registry(setup: &Setup) -> Vec<Arc<dyn Action>> {
    vec![
        Arc::new(elastic::action(setup.client.clone())),
        Arc::new(influxdb::action(setup.client.clone())),
        Arc::new(log::Log::new(setup.lines.clone())),
        Arc::new(slack::action(setup.client.clone())),
        Arc::new(webhook::action(setup.client.clone())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_slugs() {
        let setup = Setup { client: Client::new(crate::http::Timeouts::default(), crate::wall_clock()), lines: Arc::new(|_: &str| Ok(())) };
        let mut names: Vec<_> = registry(&setup).iter().map(|action| action.name()).collect();
        assert!(names.iter().all(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase())));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, ["elastic", "influxdb", "log", "slack", "webhook"]);
    }
}
