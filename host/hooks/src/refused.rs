//! Why what a plugin keeps (`kv`, `files`) does not do what it is asked.

use crate::bindings::types::Error;

/// The reason, for the plugin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Invalid(String),
    Quota(String),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(text) => Self::Invalid(text),
            Refused::Quota(text) => Self::Quota(text),
        }
    }
}
