//! Named places that events are sent to: what a site says once in its configuration, so that neither plugins nor events hold addresses and
//! secrets.

use crate::Outcome;
use hookline_bus::Event;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeMap, fs};

/// A place: which action delivers there, and arguments that every event for it gets.
#[derive(Clone, Debug, Deserialize)]
pub struct Destination {
    /// The action's name.
    pub action: String,
    /// Its arguments, as the action has them. A text that begins with `env:` or `file:` names the environment value or the file that holds it, and is
    /// read whenever an event is delivered.
    #[serde(flatten)]
    pub args: BTreeMap<String, Value>,
}

/// All of them, by name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Destinations(pub BTreeMap<String, Destination>);

/// The argument by which an event names its destination.
pub(crate) const ARGUMENT: &str = "destination";

impl Destinations {
    /// Refuses destinations of actions that there are not, and secrets that cannot be read now.
    ///
    /// # Errors
    /// Which, and why.
    pub fn check(&self, actions: &[&str]) -> Result<(), String> {
        for (name, destination) in &self.0 {
            if !actions.contains(&destination.action.as_str()) {
                return Err(format!("destinations.{name}: there is no action {:?}; there are {}", destination.action, actions.join(", ")));
            }
            for (argument, value) in &destination.args {
                read(value).map_err(|e| format!("destinations.{name}.{argument}: {e}"))?;
            }
        }
        Ok(())
    }

    /// The event with the arguments of the destination that it names, which stand for its own of the same names.
    ///
    /// # Errors
    /// There is no such destination, it is another action's, or a secret cannot be read.
    pub(crate) fn resolve<'a>(&self, event: &'a Event, action: &str) -> Result<Cow<'a, Event>, Outcome> {
        let Some(name) = event.data.get(ARGUMENT).and_then(Value::as_str) else { return Ok(Cow::Borrowed(event)) };
        let wrong = |what: String| Outcome::Misconfigured(format!("destination {name:?}: {what}"));
        let destination = self.0.get(name).ok_or_else(|| wrong("there is none of this name in the configuration".to_owned()))?;
        if destination.action != action {
            return Err(wrong(format!("it is one for the action {}", destination.action)));
        }
        let mut event = event.clone();
        if let Value::Object(data) = &mut event.data {
            data.remove(ARGUMENT);
            for (argument, value) in &destination.args {
                match (data.get_mut(argument), read(value).map_err(wrong)?) {
                    // Headers, tags: those of both.
                    (Some(Value::Object(own)), Value::Object(given)) => own.extend(given),
                    (_, value) => _ = data.insert(argument.clone(), value),
                }
            }
        }
        Ok(Cow::Owned(event))
    }
}

/// A value, with what its texts refer to in their places.
fn read(value: &Value) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(read_text(text)?),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, v)| Ok((name.clone(), read(v)?))).collect::<Result<Map<_, _>, String>>()?)
        }
        Value::Array(list) => Value::Array(list.iter().map(read).collect::<Result<_, _>>()?),
        other => other.clone(),
    })
}

fn read_text(text: &str) -> Result<String, String> {
    if let Some(name) = text.strip_prefix("env:") {
        return std::env::var(name).map_err(|_| format!("the environment value {name} is not set"));
    }
    match text.strip_prefix("file:") {
        // Editors end files with a line break, which is no part of a secret.
        Some(path) => fs::read_to_string(path).map(|s| s.trim_end().to_owned()).map_err(|e| format!("{path}: {e}")),
        None => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_bus::Kind;
    use hookline_item::Timestamp;
    use serde_json::json;

    fn event(data: Value) -> Event {
        let (plugin, node) = ("p".to_owned(), "n".to_owned());
        Event { id: "e".into(), kind: Kind::Action("webhook".into()), plugin, node, time: Timestamp(0), data }
    }

    fn destinations(text: &str) -> Destinations {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn secrets_are_read_when_an_event_is_delivered() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let text =
            json!({"ops": {"action": "webhook", "url": "https://ops/", "headers": {"Authorization": format!("file:{}", file.display())}}});
        let destinations = destinations(&text.to_string());
        let known = ["webhook"];
        assert!(destinations.check(&known).unwrap_err().starts_with("destinations.ops.headers: "));
        for secret in ["one", "two"] {
            fs::write(&file, format!("Bearer {secret}\n")).unwrap();
            destinations.check(&known).unwrap();
            let asked = event(
                json!({"destination": "ops", "url": "https://elsewhere/", "body": "b", "headers": {"A": "b", "Authorization": "own"}}),
            );
            let got = destinations.resolve(&asked, "webhook").unwrap();
            assert_eq!(
                got.data,
                json!({"url": "https://ops/", "body": "b", "headers": {"A": "b", "Authorization": format!("Bearer {secret}")}})
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let some = destinations(r#"{"ops": {"action": "slack", "url": "env:HOOKLINE_TEST_NOT_SET"}}"#);
        assert!(some.check(&["webhook"]).unwrap_err().contains("no action \"slack\"; there are webhook"));
        assert!(some.check(&["slack"]).unwrap_err().contains("HOOKLINE_TEST_NOT_SET is not set"));
        let said = |name: &str, action: &str| match some.resolve(&event(json!({"destination": name})), action) {
            Err(Outcome::Misconfigured(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert!(said("nobody", "slack").contains("there is none of this name"));
        assert!(said("ops", "webhook").contains("for the action slack"));
        assert!(some.resolve(&event(json!({"url": "x"})), "webhook").is_ok());
    }
}
