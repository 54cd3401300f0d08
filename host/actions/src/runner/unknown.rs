//! Stands in for the actions that nobody knows.

use crate::{Action, Handling, Outcome};
use hookline_bus::{Event, Filter};

/// Takes every action of another name and refuses it.
pub(super) struct Unknown {
    known: Vec<&'static str>,
}

impl Unknown {
    pub(super) fn new(mut known: Vec<&'static str>) -> Self {
        known.sort_unstable();
        Self { known }
    }
}

impl Action for Unknown {
    fn name(&self) -> &'static str {
        "unknown"
    }

    fn filter(&self) -> Filter {
        Filter::OtherActions(self.known.iter().map(|&name| name.to_owned()).collect())
    }

    fn handle<'a>(&'a self, event: &'a Event) -> Handling<'a> {
        Box::pin(async move { Outcome::Misconfigured(format!("no worker knows {}; there are: {}", event.kind, self.known.join(", "))) })
    }
}
