//! `kfl`: the filter language, run by the host.

use crate::{
    bindings::{kfl, types::Error},
    state::State,
};

impl kfl::Host for State {
    fn compile(&mut self, expr: String) -> Result<u32, Error> {
        match self.filters.compile(&expr, &self.around.filters) {
            Ok(Some(id)) => Ok(id),
            Ok(None) => Err(Error::Quota("too many different filters".to_owned())),
            Err(e) => Err(Error::Invalid(e.to_string())),
        }
    }

    fn matches_json(&mut self, expr: String, json: String) -> Result<bool, Error> {
        let id = self.compile(expr)?;
        let object: serde_json::Map<_, _> =
            serde_json::from_str(&json).map_err(|e| Error::Invalid(format!("this is not a JSON object: {e}")))?;
        Ok(self.filters.get(id).is_some_and(|f| f.matches(&object, self.now)))
    }
}
