//! What an operation's item says.

use super::wire::{self, Line, Op};
use crate::{
    exchange::{Request, Response},
    made::{Made, REDACTED, text_or_base64},
    map::{Map, Repeats},
};
use hookline_item::{Value, object};
use std::borrow::Cow;

/// Members of CONNECT that prove who the client is.
const SECRETS: &[&str] = &["pass", "auth_token", "jwt", "sig"];
/// Headers shown of one message.
const HEADERS_MAX: usize = 256;

/// An operation: its line and its payload.
#[derive(Debug)]
pub(super) struct Operation(Box<[u8]>);

impl Operation {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    fn line(&self) -> Line<'_> {
        wire::line(&self.0).and_then(Line::parse).unwrap_or_default()
    }

    /// The operation's name; of an unknown one its first word.
    fn name(&self) -> Cow<'_, str> {
        match self.line().op {
            Op::Unknown => String::from_utf8_lossy(self.0.split(u8::is_ascii_whitespace).next().unwrap_or_default()),
            op => op.name().into(),
        }
    }

    /// Headers and payload, as far as they are there.
    fn rest(&self) -> (&[u8], &[u8]) {
        let line = self.line();
        let start = wire::line(&self.0).map_or(0, <[u8]>::len) + 2;
        let rest = self.0.get(start..).unwrap_or_default();
        let rest = rest.get(..line.payload.unwrap_or(0)).unwrap_or(rest);
        rest.split_at_checked(line.headers).unwrap_or((rest, &[]))
    }

    /// INFO and CONNECT: their JSON.
    fn json(&self) -> Option<serde_json::Value> {
        matches!(self.line().op, Op::Info | Op::Connect).then(|| serde_json::from_slice(self.line().text).ok()).flatten()
    }

    /// Whether the client asks for an answer to each operation; servers take that for granted where CONNECT does not say it.
    pub(super) fn is_verbose(&self) -> bool {
        self.json().is_some_and(|json| json.get("verbose").is_none_or(|v| v.as_bool() == Some(true)))
    }

    fn options(&self) -> Value<'static> {
        let Some(serde_json::Value::Object(mut map)) = self.json() else { return Value::Absent };
        for (name, value) in &mut map {
            if SECRETS.contains(&name.as_str()) {
                *value = REDACTED.into();
            }
        }
        Made::from(serde_json::Value::Object(map)).into_value()
    }

    /// Names and values behind the version line (NATS ADR-4: as in HTTP).
    fn headers(&self) -> Value<'static> {
        let mut lines = self.rest().0.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
        if self.line().headers == 0 || lines.next().is_none() {
            return Value::Absent;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.trim_ascii()).into_owned();
        let pairs = lines.filter_map(|line| {
            let colon = line.iter().position(|b| *b == b':')?;
            Some((text(line.get(..colon)?), text(line.get(colon + 1..)?)))
        });
        Value::MadeObject(Box::new(Map::new(Repeats::Listed, pairs.take(HEADERS_MAX))))
    }

    /// The status behind the headers' version: 503 where nobody listens, 100 of a heartbeat.
    fn header_status(&self) -> Option<u16> {
        let line = self.rest().0.strip_prefix(b"NATS/1.0")?.split(|b| *b == b'\r').next()?;
        std::str::from_utf8(line.trim_ascii_start().get(..3)?).ok()?.parse().ok()
    }

    fn error(&self) -> Option<String> {
        let line = self.line();
        (line.op == Op::Err).then(|| String::from_utf8_lossy(line.text).trim_matches('\'').to_owned())
    }
}

/// Text that may be missing.
fn text(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned())
}

object! {
    Operation as o, OPERATION_FIELDS {
        "op": Str, "INFO, CONNECT, PUB, HPUB, SUB, UNSUB, MSG, HMSG, PING, PONG, +OK, -ERR" => Value::Str(o.name());
        "subject": Str, "PUB, MSG: subject of the message; SUB: what is subscribed to" => text(o.line().subject);
        "replyTo": Str, "PUB, MSG: subject on which an answer is expected" => text(o.line().reply);
        "sid": Str, "SUB, UNSUB, MSG: subscription, as the client numbers it" => text(o.line().sid);
        "queue": Str, "SUB: queue group" => text(o.line().queue);
        "maxMessages": U64, "UNSUB: messages after which the subscription ends" => o.line().max;
        "status": U64, "HMSG: status of the headers: 503 where nobody listens" => o.header_status();
        "headers": Object, "HPUB, HMSG: headers by name; repeated ones as lists" => o.headers();
        "payload": Str, "PUB, MSG: the message, in base64 where it is no text" => o.line().payload.map(|_| text_or_base64(o.rest().1).0);
        "encoding": Str, "base64 where payload is" => o.line().payload.and_then(|_| text_or_base64(o.rest().1).1.then_some("base64"));
        "payloadLength": U64, "PUB, MSG: bytes of the message without its headers" => o.line().payload.map(|n| n - o.line().headers);
        "options": Object, "INFO, CONNECT: what the side tells of itself; secrets read REDACTED" => o.options();
        "error": Str, "-ERR: what is wrong" => o.error();
    }
}

impl Request for Operation {
    fn summary(&self) -> Cow<'_, str> {
        let line = self.line();
        text(line.subject).or_else(|| text(line.sid)).or_else(|| self.error()).unwrap_or_default().into()
    }
    fn method(&self) -> Cow<'_, str> {
        self.name()
    }
}

impl Response for Operation {
    /// 1 for an error, the headers' status where there is one, else 0.
    fn status(&self) -> Option<i64> {
        Some(self.error().map_or_else(|| self.header_status().unwrap_or(0).into(), |_| 1))
    }
    fn summary(&self) -> Cow<'_, str> {
        Request::summary(self)
    }
    fn method(&self) -> Cow<'_, str> {
        Request::method(self)
    }
}
