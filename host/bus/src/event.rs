//! What plugins say, in the envelope that every queue and worker understands: CloudEvents 1.0.

use hookline_item::{Civil, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};

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
        serde_json::json!({
            "specversion": "1.0",
            "id": self.id,
            "type": format!("{TYPE_PREFIX}{}{TYPE_SUFFIX}", self.kind),
            "source": format!("{SOURCE_PREFIX}{}/{}", percent_encode(&self.node), percent_encode(&self.plugin)),
            "subject": self.subject(),
            "time": self.time.to_string(),
            "datacontenttype": "application/json",
            "data": self.data,
        })
    }
}

const TYPE_PREFIX: &str = "io.hookline.";
const TYPE_SUFFIX: &str = ".v1";
const SOURCE_PREFIX: &str = "/hookline/";

impl Event {
    /// The event of a CloudEvent in JSON format, as [`to_cloud_event`](Self::to_cloud_event) wrote it. Its subject is not read, as the
    /// other attributes say it all; unknown attributes are ignored, as CloudEvents 1.0 asks.
    ///
    /// # Errors
    /// [`CloudEventError`] names the attribute that is missing or not ours.
    pub fn from_cloud_event(event: serde_json::Value) -> Result<Self, CloudEventError> {
        let serde_json::Value::Object(mut event) = event else { return Err(CloudEventError::NotAnObject) };
        let data = event.remove("data").unwrap_or_default();
        let text = |name: &'static str| event.get(name).and_then(|v| v.as_str()).ok_or(CloudEventError::Attribute { name });
        if text("specversion")? != "1.0" {
            return Err(CloudEventError::Attribute { name: "specversion" });
        }
        let kind = text("type")?.strip_prefix(TYPE_PREFIX).and_then(|t| t.strip_suffix(TYPE_SUFFIX)).and_then(Kind::parse);
        let (node, plugin) = text("source")?
            .strip_prefix(SOURCE_PREFIX)
            .and_then(|source| source.split_once('/'))
            .and_then(|(node, plugin)| Some((percent_decode(node)?, percent_decode(plugin)?)))
            .ok_or(CloudEventError::Attribute { name: "source" })?;
        Ok(Self {
            id: text("id")?.to_owned(),
            kind: kind.ok_or(CloudEventError::Attribute { name: "type" })?,
            plugin,
            node,
            time: parse_rfc3339(text("time")?).ok_or(CloudEventError::Attribute { name: "time" })?,
            data,
        })
    }
}

impl Kind {
    /// The kind of `alert`, `action.<name>` or `result.<name>`, as it displays.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once('.') {
            None if text == "alert" => Some(Self::Alert),
            Some(("action", name)) => Some(Self::Action(name.to_owned())),
            Some(("result", name)) => Some(Self::Result(name.to_owned())),
            _ => None,
        }
    }
}

/// `alert`, `action.<name>` or `result.<name>`, the name as it is.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert => f.write_str("alert"),
            Self::Action(name) => write!(f, "action.{name}"),
            Self::Result(name) => write!(f, "result.{name}"),
        }
    }
}

/// Why JSON is not an event of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloudEventError {
    /// CloudEvents in JSON format are objects.
    #[error("a CloudEvent is a JSON object")]
    NotAnObject,
    /// An attribute is missing, of another type, or not in the form Hookline writes.
    #[error("attribute {name} is missing or not as Hookline writes it")]
    Attribute {
        /// Which.
        name: &'static str,
    },
}

/// `text` as one segment of a URI's path: RFC 3986 §2.3 unreserved characters stay.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(b) = bytes.next() {
        out.push(match b {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b => b,
        });
    }
    String::from_utf8(out).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// The UTC time of RFC 3339 text with an upper-case `Z`, as [`Timestamp`] displays; up to nine digits of fraction.
fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut date = date.splitn(3, '-').map(number);
    let mut clock = clock.splitn(3, ':').map(number);
    let small = |n: Option<Option<u64>>| u8::try_from(n??).ok();
    let civil = Civil {
        year: date.next()??,
        month: small(date.next()).filter(|m| (1..=12).contains(m))?,
        day: small(date.next()).filter(|d| (1..=31).contains(d))?,
        hour: small(clock.next()).filter(|h| *h < 24)?,
        minute: small(clock.next()).filter(|m| *m < 60)?,
        second: small(clock.next()).filter(|s| *s < 60)?,
        weekday: 0,
    };
    let nanos = match fraction {
        "" => 0,
        digits if digits.len() <= 9 => number(digits)? * 10_u64.pow(9 - u32::try_from(digits.len()).ok()?),
        _ => return None,
    };
    civil.to_secs()?.checked_mul(1_000_000_000)?.checked_add(nanos).map(Timestamp)
}

/// A number of up to nine ASCII digits and nothing else.
fn number(digits: &str) -> Option<u64> {
    if digits.len() > 9 || !digits.bytes().all(|b| b.is_ascii_digit()) { None } else { digits.parse().ok() }
}

/// `text` as one part of a subject: letters, digits, `-` and `_`; everything else becomes `-`.
fn slug(text: &str) -> String {
    let slug: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    if slug.is_empty() { "-".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        let cloud_event = event.to_cloud_event();
        assert_eq!(cloud_event["type"], "io.hookline.action.slack.v1");
        assert_eq!(cloud_event["source"], "/hookline/node.example/my%20errors.js");
    }

    /// JSON as plugins publish it. No fractions: serde_json reads those back to the last bit or next to it.
    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![Just(Kind::Alert), any::<String>().prop_map(Kind::Action), any::<String>().prop_map(Kind::Result)]
    }

    proptest! {
        #[test]
        fn cloud_events_round_trip(
            (id, kind, plugin, node) in (any::<String>(), kind(), any::<String>(), any::<String>()), time: u64, data in json()
        ) {
            let event = Event { id, kind, plugin, node, time: Timestamp(time), data };
            let text = event.to_cloud_event().to_string();
            prop_assert_eq!(Event::from_cloud_event(serde_json::from_str(&text).unwrap()), Ok(event));
        }

        #[test]
        fn any_text_in_an_attribute_is_read_or_refused(name in 0_usize..5, text: String) {
            let mut event = serde_json::json!({
                "specversion": "1.0", "id": "1", "type": "io.hookline.alert.v1", "source": "/hookline/n/p", "time": "2026-11-22T00:00:00Z",
            });
            event[["specversion", "id", "type", "source", "time"][name]] = text.into();
            let _ = Event::from_cloud_event(event);
        }
    }

    #[test]
    fn foreign_cloud_events_are_refused_by_name() {
        let good = serde_json::json!({
            "specversion": "1.0", "id": "1", "type": "io.hookline.alert.v1", "source": "/hookline/n/p", "time": "2026-11-22T00:00:00.5Z",
        });
        assert_eq!(Event::from_cloud_event(good.clone()).unwrap().time, Timestamp(1_795_305_600_500_000_000));
        let cases = [
            ("specversion", "0.3"),
            ("type", "com.example"),
            ("type", "io.hookline.other.v1"),
            ("source", "/hookline/only-node"),
            ("source", "/hookline/n/%zz"),
            ("time", "yesterday"),
            ("time", "2026-13-01T00:00:00Z"),
            ("time", "2026-11-22T00:00:00+01:00"),
        ];
        for (name, text) in cases {
            let mut bad = good.clone();
            bad[name] = text.into();
            assert_eq!(Event::from_cloud_event(bad), Err(CloudEventError::Attribute { name }), "{text}");
        }
        assert_eq!(Event::from_cloud_event(serde_json::Value::Null), Err(CloudEventError::NotAnObject));
    }
}
