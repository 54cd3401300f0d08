//! `script`: the text that an instance of the JavaScript shim runs.

use crate::{bindings::script, state::State};

impl script::Host for State {
    fn source(&mut self) -> (String, String) {
        self.identity.script.clone().unwrap_or_default()
    }
}
