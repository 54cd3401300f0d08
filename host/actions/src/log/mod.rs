//! `log`: one line for each alert, and for each action of this name.

mod line;

use crate::{Action, Handling, Outcome};
use hookline_bus::{Event, Filter};
use std::{io, sync::Arc};

/// Where the lines go: a terminal, a file.
pub trait LineSink: Send + Sync {
    /// Writes one line, which has no line break in it. May block shortly.
    ///
    /// # Errors
    /// If it could not be written; it is tried again.
    fn line(&self, line: &str) -> io::Result<()>;
}

impl<F: Fn(&str) -> io::Result<()> + Send + Sync> LineSink for F {
    fn line(&self, line: &str) -> io::Result<()> {
        self(line)
    }
}

/// The log action.
pub struct Log {
    lines: Arc<dyn LineSink>,
}

impl Log {
    /// Writes to `lines`.
    #[must_use]
    pub fn new(lines: Arc<dyn LineSink>) -> Self {
        Self { lines }
    }
}

impl Action for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn filter(&self) -> Filter {
        Filter::Any(vec![Filter::Alerts, Filter::Action(self.name().to_owned())])
    }

    fn handle<'a>(&'a self, event: &'a Event) -> Handling<'a> {
        Box::pin(async move {
            match self.lines.line(&line::format(event)) {
                Ok(()) => Outcome::Delivered(String::new()),
                Err(error) => Outcome::retry(format!("the line could not be written: {error}")),
            }
        })
    }
}
