//! `emit`: alerts, actions and messages, into the host's bounded queue.

use crate::{
    bindings::{emit, types::Error},
    state::State,
};
use hookline_bus::{Event, Kind};
use hookline_item::json;
use serde_json::{Value, json};

/// Bytes of one event's payload: what a bus carries without special settings (NATS: 1 MiB).
const PAYLOAD_MAX: usize = 1 << 20;

impl State {
    fn publish_event(&mut self, kind: Kind, cause: &str, data: Value) -> Result<(), Error> {
        self.publish_as(kind, cause, data, false).map(drop)
    }

    /// Emits an event, of which the plugin may want to know what became; returns its id.
    fn publish_as(&mut self, kind: Kind, cause: &str, data: Value, awaited: bool) -> Result<String, Error> {
        if !self.event_quota.take(self.now) {
            return self.refuse(Error::Quota(format!("run.events_per_second = {}", self.identity.manifest.run.events_per_second)));
        }
        self.sequence += 1;
        let event = Event {
            id: Event::make_id(&self.identity.digest, &format!("{cause}@{}", self.now.0), self.sequence),
            kind,
            plugin: self.identity.name.clone(),
            node: self.around.node.clone(),
            time: self.now,
            data,
        };
        let id = event.id.clone();
        if awaited {
            // Before it goes out: a worker may be faster than this thread.
            self.around.post.await_outcome(&id, &self.identity.name);
        }
        if !self.around.outbox.event(event) {
            return self.refuse(Error::Quota("the host's event queue is full".to_owned()));
        }
        self.stats.events.add(1);
        Ok(id)
    }

    fn publish_action(&mut self, kind: String, args: &str, awaited: bool) -> Result<String, Error> {
        let data = match self.parse_payload(args) {
            Ok(data) => data,
            Err(error) => return self.refuse(error),
        };
        // A destination of the configuration by its name, or an address; of both each must be granted.
        let named = ["destination", "url"].map(|name| data.get(name).and_then(Value::as_str).unwrap_or(""));
        let grants = &self.identity.manifest.grants;
        if let Some(missing) = named.iter().find_map(|destination| grants.check_action(&kind, destination).err()) {
            return self.refuse(Error::Denied(format!("action {kind:?} of plugin {:?}: {missing}", self.identity.name)));
        }
        self.publish_as(Kind::Action(kind), "", data, awaited)
    }

    fn refuse<T>(&mut self, error: Error) -> Result<T, Error> {
        self.stats.events_refused.add(1);
        Err(error)
    }

    /// A payload as JSON, if it is some.
    pub(crate) fn parse_payload(&mut self, text: &str) -> Result<Value, Error> {
        if text.len() > PAYLOAD_MAX {
            return Err(Error::Invalid(format!("the payload has {} bytes; at most {PAYLOAD_MAX}", text.len())));
        }
        serde_json::from_str(text).map_err(|e| Error::Invalid(format!("the payload is not JSON: {e}")))
    }
}

impl emit::Host for State {
    fn raise(&mut self, alert: emit::Alert) -> Result<(), Error> {
        let severity = match alert.severity {
            emit::Severity::Info => "info",
            emit::Severity::Warning => "warning",
            emit::Severity::Critical => "critical",
        };
        let len = alert.title.len() + alert.text.len();
        if len > PAYLOAD_MAX {
            return self.refuse(Error::Invalid(format!("title and text have {len} bytes; at most {PAYLOAD_MAX}")));
        }
        let mut data = json!({"severity": severity, "title": alert.title, "text": alert.text});
        let item = alert.item.and_then(|i| self.items.get(usize::try_from(i).ok()?)).cloned();
        let mut cause = String::new();
        if let (Some(item), Some(fields)) = (item, data.as_object_mut()) {
            cause = item.get("id").as_str().unwrap_or("").to_owned();
            let about: serde_json::Map<String, Value> =
                ["id", "protocol", "src", "dst", "method", "summary", "status", "startTime", "completeness"]
                    .into_iter()
                    .filter_map(|name| Some((name.to_owned(), as_json(&item.get(name))?)))
                    .collect();
            fields.insert("item".to_owned(), Value::Object(about));
        }
        self.publish_event(Kind::Alert, &cause, data)
    }

    fn action(&mut self, kind: String, args: String) -> Result<(), Error> {
        self.publish_action(kind, &args, false).map(drop)
    }

    fn request(&mut self, kind: String, args: String) -> Result<String, Error> {
        self.publish_action(kind, &args, true)
    }

    fn publish(&mut self, name: String, payload: String) -> Result<(), Error> {
        match self.parse_payload(&payload) {
            Ok(data) => self.publish_event(Kind::Result(name), "", data),
            Err(error) => self.refuse(error),
        }
    }
}

fn as_json(value: &hookline_item::Value<'_>) -> Option<Value> {
    if value.is_absent() {
        return None;
    }
    let mut text = Vec::new();
    json::write_value(&mut text, value);
    serde_json::from_slice(&text).ok()
}
