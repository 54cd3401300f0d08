//! What an action is, and how its attempts end.

use hookline_bus::{Event, Filter};
use std::{future::Future, pin::Pin, time::Duration};

/// An attempt under way.
pub type Handling<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One way to act on events. Retries, limits and dead letters are the runner's.
pub trait Action: Send + Sync {
    /// The name that plugins ask for: a slug.
    fn name(&self) -> &'static str;

    /// The events it handles: by default, actions of its name.
    fn filter(&self) -> Filter {
        Filter::Action(self.name().to_owned())
    }

    /// Tries to deliver one event. Dropped when the runner's time for an attempt is over.
    fn handle<'a>(&'a self, event: &'a Event) -> Handling<'a>;
}

/// How an attempt ended. Reasons are read by people, and carry no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The sink took it; what it answered, if anything.
    Delivered(String),
    /// Not now: try again, not before `after` if the sink said so.
    Retry {
        /// The wait that the sink asked for.
        after: Option<Duration>,
        /// What went wrong.
        reason: String,
    },
    /// The sink refuses this event, and would again.
    Permanent(String),
    /// The plugin's arguments or the sink's settings are wrong: somebody has to change them.
    Misconfigured(String),
}

impl Outcome {
    /// A failure that may pass.
    #[must_use]
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { after: None, reason: reason.into() }
    }
}
