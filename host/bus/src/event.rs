//! What plugins say, in the envelope that every queue and worker understands: CloudEvents 1.0.

use hookline_item::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// What an event is about; the last part of its subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "name")]
pub enum Kind {
    /// Somebody should look.
    Alert,
    /// A worker of this name should act: `slack`, `webhook`.
    Action(String),
    /// Anything else that a plugin publishes, under a name of its own.
    Result(String),
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Unique; the same when the same emission is published again, so that it is delivered once.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// The plugin that emitted it.
    pub plugin: String,
    /// The node it ran on.
    pub node: String,
    /// When it was emitted, by the packets' clock.
    pub time: Timestamp,
    /// What it says: a JSON object.
    pub data: serde_json::Value,
}

/// The cluster's name where none is configured.
pub const DEFAULT_CLUSTER: &str = "default";

impl Event {
    /// The id of the `sequence`-th emission of a plugin's instance while it handled `cause` (an item's id, a job's tag and time).
    #[must_use]
    pub fn make_id(plugin_digest: &str, cause: &str, sequence: u64) -> String {
        let digest = Sha256::new_with_prefix(plugin_digest).chain_update([0]).chain_update(cause).chain_update(sequence.to_be_bytes());
        digest.finalize().iter().take(16).fold(String::new(), |mut out, b| {
            // Writing to a String cannot fail.
            let _ = write!(out, "{b:02x}");
            out
        })
    }

    /// `hookline.v1.<cluster>.<node>.<plugin>.<kind>`, each part made a slug.
    #[must_use]
    pub fn subject(&self) -> String {
        let kind = match &self.kind {
            Kind::Alert => "alert".to_owned(),
            Kind::Action(name) => format!("action.{}", slug(name)),
            Kind::Result(name) => format!("result.{}", slug(name)),
        };
        format!("hookline.v1.{DEFAULT_CLUSTER}.{}.{}.{kind}", slug(&self.node), slug(&self.plugin))
    }

    /// The event in CloudEvents' JSON format (CloudEvents 1.0, JSON event format §3).
    #[must_use]
    pub fn to_cloud_event(&self) -> serde_json::Value {
        let kind = match &self.kind {
            Kind::Alert => "alert".to_owned(),
            Kind::Action(name) => format!("action.{name}"),
            Kind::Result(name) => format!("result.{name}"),
        };
        serde_json::json!({
            "specversion": "1.0",
            "id": self.id,
            "type": format!("io.hookline.{kind}.v1"),
            "source": format!("/hookline/{}/{}", self.node, self.plugin),
            "subject": self.subject(),
            "time": self.time.to_string(),
            "datacontenttype": "application/json",
            "data": self.data,
        })
    }
}

/// `text` as one part of a subject: letters, digits, `-` and `_`; everything else becomes `-`.
fn slug(text: &str) -> String {
    let slug: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    if slug.is_empty() { "-".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_slugs() {
        let event = Event {
            id: Event::make_id("d", "c", 1),
            kind: Kind::Action("slack".into()),
            plugin: "my errors.js".into(),
            node: "node.example".into(),
            time: Timestamp(0),
            data: serde_json::Value::Null,
        };
        assert_eq!(event.subject(), "hookline.v1.default.node-example.my-errors-js.action.slack");
        assert_eq!(event.id.len(), 32);
        assert_ne!(Event::make_id("d", "c", 1), Event::make_id("d", "c", 2));
        assert_eq!(event.to_cloud_event()["type"], "io.hookline.action.slack.v1");
    }
}
