//! What leaves a plugin.

use crate::{
    Item,
    bindings::hookline::hooks::{
        emit::{self, Severity},
        types::Error,
    },
};

/// An alert, being put together.
#[derive(Clone, Debug)]
pub struct Alert(emit::Alert);

impl Alert {
    /// An alert with a title of one line.
    #[must_use]
    pub fn new(severity: Severity, title: impl Into<String>) -> Self {
        Self(emit::Alert { severity, title: title.into(), text: String::new(), item: None })
    }

    /// More about it.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.text = text.into();
        self
    }

    /// The item that it is about: who, when and what go with the alert.
    #[must_use]
    pub fn about(mut self, item: &Item<'_>) -> Self {
        self.0.item = Some(item.index);
        self
    }

    /// Raises it.
    ///
    /// # Errors
    /// The plugin's rate is used up; the host counts it.
    pub fn raise(self) -> Result<(), Error> {
        emit::raise(&self.0)
    }
}

/// Asks the action worker `kind` to act; `args` is a JSON object.
///
/// # Errors
/// No grant for it, or the rate is used up.
pub fn action(kind: &str, args: &str) -> Result<(), Error> {
    emit::action(kind, args)
}

/// As [`action`], and returns the event's id, with which [`Plugin::result`](crate::Plugin::result) is called when it is done or given up.
///
/// # Errors
/// As [`action`].
pub fn request(kind: &str, args: &str) -> Result<String, Error> {
    emit::request(kind, args)
}

/// Publishes a JSON payload for subscribers under the plugin's subject.
///
/// # Errors
/// The payload is no JSON, or the rate is used up.
pub fn publish(name: &str, payload: &str) -> Result<(), Error> {
    emit::publish(name, payload)
}
